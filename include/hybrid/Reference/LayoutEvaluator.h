// Runs kernels in the GPU's tile form on the host, thread by thread through their layouts.
#ifndef HYBRID_REFERENCE_LAYOUTEVALUATOR_H
#define HYBRID_REFERENCE_LAYOUTEVALUATOR_H
#include "hybrid/Reference/TileEvaluator.h"

namespace mlir::hybrid {

/// Runs the block at `place` of the grid of a kernel with layouts (hybrid-assign-layouts and what follows
/// it).
///
/// A tile in registers is one f64 per warp, lane and register, a tile in shared memory lies in bytes where
/// its swizzle puts it. Products read fragments as ldmatrix hands them out and multiply them as mma.sync is
/// documented to, vectors are broadcast register by register, and copies land when they are waited for. So a
/// layout that is wrong, or that an op misreads, gives wrong numbers. Registers beyond a tile and bytes that
/// nobody wrote hold NaN.
///
/// Arithmetic is that of `evaluateTileBlock`: f64, rounded where the kernel narrows. Fails, with an error at
/// the op, where a tile has no layout, or where threads that hold copies of an element disagree on it.
LogicalResult evaluateLayoutBlock(tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> place);

/// Runs all blocks of a grid, in order.
LogicalResult evaluateLayoutGrid(tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid);

} // namespace mlir::hybrid
#endif
