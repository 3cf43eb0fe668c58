// Runs one block of a kernel of the tile dialect in f64: what every target's code is compared with.
#ifndef HYBRID_REFERENCE_TILEEVALUATOR_H
#define HYBRID_REFERENCE_TILEEVALUATOR_H
#include "dialects/Hybrid/HostValue.h"
#include "dialects/Tile/Tile.h"
#include <array>

namespace mlir::hybrid {

/// What a kernel is launched with. `buffers` are its memref arguments in order, in the shape of the memref (a
/// panel buffer as the plain [N, K] matrix that it stands for); stores change them in place. `scalars` are
/// its index arguments in order.
struct TileLaunch {
  llvm::ArrayRef<HostValue *> buffers;
  llvm::ArrayRef<int64_t> scalars;
  /// False: conversions to a narrower float change nothing, so that what is left is the kernel's mathematics.
  bool rounds = true;
};

/// Runs the block at `place` of the grid. Everything is computed in f64, except that conversions to a
/// narrower float round. Rows of a product past `rows` come out as NaN, so a kernel that uses a dead row
/// shows it. Fails, with an error at the op, where a kernel reaches outside of a buffer or uses an op that no
/// kernel may use.
LogicalResult evaluateTileBlock(tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> place);

/// Runs all blocks of a grid, in order.
LogicalResult evaluateTileGrid(tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid);

/// One element of an elementwise op of arith or math, from one element of each operand. Fails, with an error at the op,
/// where a kernel may not use it. `rounds` is that of a launch.
FailureOr<double> evaluateElement(Operation &op, llvm::ArrayRef<double> operands, bool rounds = true);

/// `value` as `type` (f32, bf16, f16) would hold it; other types leave it as it is.
double roundTo(Type type, double value);

} // namespace mlir::hybrid
#endif
