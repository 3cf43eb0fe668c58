#include "hybrid/Support/MatrixFragments.h"
using namespace mlir::hybrid;
using llvm::ArrayRef;

std::optional<MatrixWarps> mlir::hybrid::matchAccumulator(const Layout &layout, ArrayRef<int64_t> shape) {
  int64_t warps = layout.numWarps();
  if (layout.getRank() != 2 || shape.size() != 2)
    return std::nullopt;
  for (int64_t down = 1; down <= warps && shape[0] % (16 * down) == 0; down *= 2)
    for (int64_t across = 1; down * across <= warps && shape[1] % (8 * across) == 0; across *= 2)
      if (layout == Layout::accumulator(shape, down, across, warps))
        return MatrixWarps{down, across, warps};
  return std::nullopt;
}

Layout mlir::hybrid::matrixThreads(MatrixOperand operand, bool transposed, MatrixWarps w, int64_t perWarp) {
  bool isA = operand == MatrixOperand::A;
  int axis = isA == transposed ? 1 : 0; // of m or n in the stored operand
  return Layout(
      2, {}, matrixLanes(operand, transposed).getLanes(),
      {{w.down, isA ? axis : -1, perWarp}, {w.across, isA ? -1 : axis, perWarp}, {w.warps / w.down / w.across, -1, 0}});
}
