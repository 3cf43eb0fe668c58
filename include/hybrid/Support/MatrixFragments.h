// How the operands of mma.sync are spread over warps: what the expansion to nvvm and its evaluator must agree
// on.
#ifndef HYBRID_SUPPORT_MATRIXFRAGMENTS_H
#define HYBRID_SUPPORT_MATRIXFRAGMENTS_H
#include "hybrid/Support/Layout.h"

namespace mlir::hybrid {

/// How accumulators are spread over warps: `down` x `across` of them, the rest hold copies.
struct MatrixWarps {
  int64_t down, across, warps;
};

/// The arrangement for which `layout` is `Layout::accumulator`, if there is one.
std::optional<MatrixWarps> matchAccumulator(const Layout &layout, llvm::ArrayRef<int64_t> shape);

/// `matrixLanes` for all warps: where each thread's first row lies in a stored operand of which a warp uses
/// `perWarp` rows (A) or columns (B).
Layout matrixThreads(MatrixOperand operand, bool transposed, MatrixWarps warps, int64_t perWarp);

} // namespace mlir::hybrid
#endif
