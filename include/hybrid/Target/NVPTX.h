// Kernels of the tile dialect to PTX and cubins.
#ifndef HYBRID_TARGET_NVPTX_H
#define HYBRID_TARGET_NVPTX_H
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class OpPassManager;
}

namespace mlir::hybrid {

/// On a kernel: most stages of its pipelined loads, where it would not fit shared memory with more.
constexpr llvm::StringLiteral kStagesAttr = "tile.stages";

struct NVPTXKernel {
  std::string name;
  unsigned threads = 0;     // of a block, along x
  unsigned sharedBytes = 0; // dynamic shared memory that a launch passes; above 48 KiB the limit has to be raised first
  int registers = -1;       // per thread, from ptxas; -1 without it
  int spillBytes = -1;
};

struct NVPTXModule {
  std::string chip;
  std::string ptx;
  std::vector<char> cubin; // empty without ptxas
  std::vector<NVPTXKernel> kernels;
  std::string ptxasLog;
};

/// Compiles every `tile.kernel` of a module, which stays as it is, for "sm_80" or "sm_90a". A kernel's
/// parameters are the kernel's arguments in order: a memref is a global pointer, aligned to 16 bytes, an
/// index an i64. Fails where a kernel cannot be expressed, needs more shared memory than the chip has, spills
/// registers, or makes ptxas serialise.
FailureOr<NVPTXModule> compileNVPTX(ModuleOp kernels, StringRef chip);

/// The passes of `compileNVPTX` up to the GPU's tile form, or up to nvvm; what `hybrid-opt
/// --hybrid-nvptx-pipeline` runs.
void buildNVPTXTileForm(OpPassManager &pm);
void buildNVPTXPipeline(OpPassManager &pm);
void registerNVPTXPipelines();

/// ptxas in PATH, $CUDA_HOME, /usr/local/cuda, or NVIDIA's Python packages in $HYBRIDC_VENV or a .venv above
/// this program or the current folder.
std::optional<std::string> findPtxas();

/// The machine code of a module with a cubin, as nvdisasm or cuobjdump prints it. Fails, with an error that says
/// where they were looked for, if there is neither.
llvm::Expected<std::string> disassemble(const NVPTXModule &module);

/// Runs ptxas on `module.ptx` and fills in cubin, registers, spills and log. Fails, with an error at `loc` that has
/// ptxas' own words, where ptxas does, where it serialises products, and where there is no ptxas.
LogicalResult assemblePTX(NVPTXModule &module, Location loc);

} // namespace mlir::hybrid
#endif
