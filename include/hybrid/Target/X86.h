// From kernels of the tile dialect to x86 code.
#ifndef HYBRID_TARGET_X86_H
#define HYBRID_TARGET_X86_H
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace mlir::hybrid {

/// The levels of the x86-64 ABI: SSE2 alone; AVX2, FMA and F16C; AVX-512.
enum class CpuLevel { v1, v3, v4 };

/// One kernel in a shared object: the symbol, and the bytes of scratch that a thread must lend it.
struct X86Kernel {
  std::string name;
  int64_t scratchBytes;
};

struct X86Module {
  CpuLevel level;
  std::vector<char> sharedObject;
  std::vector<X86Kernel> kernels;
};

/// Compiles every tile.kernel of the module, which is left as it is, into one shared object. See "Kernels on x86" in
/// docs/architecture.md for the functions' signature. Fails, with an error at the op, where a kernel has an op that x86
/// has no code for. How tiles become vectors is described with hybrid-convert-tile-to-x86.
FailureOr<X86Module> compileX86(ModuleOp kernels, CpuLevel level);

/// The same code as text: assembly, or LLVM IR before optimisation.
FailureOr<std::string> printX86(ModuleOp kernels, CpuLevel level, bool assembly);

/// The name of a level as in a target triple's CPU: x86-64, x86-64-v3, x86-64-v4.
llvm::StringRef cpuName(CpuLevel level);

} // namespace mlir::hybrid
#endif
