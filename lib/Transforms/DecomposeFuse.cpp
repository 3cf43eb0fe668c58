// Turns `hybrid.fuse` into norms, scales, products and elementwise joins, which later passes and kernels know.
//
// With separate projections each branch has its product and the join is elementwise behind them; one kernel then
// computes all products and the join. A joint projection over a concatenation is the sum of the branches' products
// with their own columns of the matrix, so that nothing is ever concatenated in memory.
#include "dialects/Hybrid/Builders.h"
#include "hybrid/Transforms/Passes.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_DECOMPOSEFUSEPASS
#include "hybrid/Transforms/Passes.h.inc"
namespace {

Value combine(OpBuilder &b, Location loc, FuseKind kind, ArrayRef<Value> parts) {
  Value sum = parts.front();
  for (Value part : parts.drop_front())
    sum = buildElementwise(b, loc, {sum, part}, ArrayRef<Broadcast>{}, cast<RankedTensorType>(sum.getType()),
                           [&](OpBuilder &nested, Location at, ValueRange v) -> Value {
                             if (kind == FuseKind::sub)
                               return arith::SubFOp::create(nested, at, v[0], v[1]);
                             return arith::AddFOp::create(nested, at, v[0], v[1]);
                           });
  return kind == FuseKind::mean ? buildScale(b, loc, sum, 1.0 / parts.size()) : sum;
}

/// The joins of scaled and projected branches that elementwise ops can express.
bool isElementwiseJoin(FuseKind kind) {
  return kind == FuseKind::add || kind == FuseKind::sub || kind == FuseKind::mean;
}

struct DecomposeFusePass : impl::DecomposeFusePassBase<DecomposeFusePass> {
  void runOnOperation() override {
    SmallVector<FuseOp> ops;
    getOperation()->walk([&](FuseOp op) { ops.push_back(op); });
    for (FuseOp op : ops)
      if (failed(decompose(op)))
        return signalPassFailure();
  }

  LogicalResult decompose(FuseOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    SmallVector<Value> branches(op.getBranches());
    if (op.getNorm())
      for (auto [i, branch] : llvm::enumerate(branches)) {
        Value weight = op.getNormWeights().empty() ? Value() : Value(op.getNormWeights()[i]);
        branch = NormOp::create(b, loc, branch.getType(), /*sum=*/Type(), branch, weight, /*bias=*/Value(),
                                /*gate=*/Value(), /*residual=*/Value(), NormKind::rms, op.getEps(), op.getNormGroups())
                     .getY();
      }
    for (auto [i, scale] : llvm::enumerate(op.getScales()))
      branches[i] = buildMul(b, loc, branches[i], scale, Broadcast::trailing);

    FuseKind kind = op.getKind();
    size_t projections = op.getProjections().size();
    Value y;
    if (isElementwiseJoin(kind) && projections == branches.size()) {
      SmallVector<Value> parts;
      for (auto [branch, w] : llvm::zip_equal(branches, op.getProjections()))
        parts.push_back(buildLinear(b, loc, branch, w));
      y = combine(b, loc, kind, parts);
    } else if (isElementwiseJoin(kind) && projections <= 1) {
      y = combine(b, loc, kind, branches);
      if (projections)
        y = buildLinear(b, loc, y, op.getProjections()[0]);
    } else if (kind == FuseKind::concat && projections == 1) {
      SmallVector<Value> parts;
      int64_t begin = 0;
      for (Value branch : branches) {
        int64_t width = cast<RankedTensorType>(branch.getType()).getDimSize(1);
        parts.push_back(buildLinear(b, loc, branch, buildColumns(b, loc, op.getProjections()[0], begin, width)));
        begin += width;
      }
      y = combine(b, loc, FuseKind::add, parts);
    } else {
      return op.emitError("a join by '") << stringifyFuseKind(kind) << "' with " << projections
                                         << " projections is not built for kernels";
    }
    op.getY().replaceAllUsesWith(y);
    op.erase();
    return success();
  }
};
} // namespace
} // namespace mlir::hybrid
