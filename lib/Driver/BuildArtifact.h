// From compiled programs to an artifact.
#ifndef HYBRID_LIB_DRIVER_BUILDARTIFACT_H
#define HYBRID_LIB_DRIVER_BUILDARTIFACT_H
#include "lib/Artifact/Artifact.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir::hybrid {

/// What a launch needs to know of a kernel.
struct KernelNeeds {
  uint64_t scratchBytes = 0;
  uint32_t threads = 0, sharedBytes = 0, registers = 0;
};

/// One target's part of an artifact.
struct CompiledProgram {
  std::string target;
  ModuleOp blocks;
  std::vector<std::pair<std::string, std::vector<char>>> modules; // level, code
  std::map<std::string, KernelNeeds> kernels;
};

/// Fills in everything but versions and hashes of code.
llvm::Expected<hybridrt::artifact::ArtifactT> buildArtifact(ModuleOp model, llvm::ArrayRef<CompiledProgram> programs);

} // namespace mlir::hybrid
#endif
