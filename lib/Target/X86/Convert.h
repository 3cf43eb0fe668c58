// The two steps from tile.kernel to LLVM IR, shared by the pass and the compiler.
#ifndef HYBRID_TARGET_X86_CONVERT_H
#define HYBRID_TARGET_X86_CONVERT_H
#include "hybrid/Target/X86.h"

namespace mlir::hybrid::x86 {

/// Replaces every tile.kernel by functions of explicit vector code.
LogicalResult convertTileToX86(ModuleOp module, CpuLevel level);

/// Turns those functions into the LLVM dialect.
LogicalResult convertToLLVM(ModuleOp module);

} // namespace mlir::hybrid::x86
#endif
