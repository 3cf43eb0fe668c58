// Turns `hybrid.fuse` into norms, scales, products and elementwise joins, and norms with a residual into an addition
// and a norm: what later passes and kernels know.
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

/// The sum of factor * part; a factor of -1 subtracts.
Value combine(OpBuilder &b, Location loc, ArrayRef<double> factors, ArrayRef<Value> parts) {
  Value sum = factors[0] == 1 ? parts[0] : buildScale(b, loc, parts[0], factors[0]);
  for (auto [factor, each] : llvm::drop_begin(llvm::zip_equal(factors, parts))) {
    bool subtract = factor == -1;
    Value part = factor == 1 || subtract ? each : buildScale(b, loc, each, factor);
    sum = buildElementwise(b, loc, {sum, part}, ArrayRef<Broadcast>{}, cast<RankedTensorType>(sum.getType()),
                           [&](OpBuilder &nested, Location at, ValueRange v) -> Value {
                             if (subtract)
                               return arith::SubFOp::create(nested, at, v[0], v[1]);
                             return arith::AddFOp::create(nested, at, v[0], v[1]);
                           });
  }
  return sum;
}

/// A branch's scale: one factor per column, or one for all as a tensor of rank 0.
Value asFactor(OpBuilder &b, Location loc, Value scale, Value branch) {
  auto type = cast<RankedTensorType>(scale.getType());
  if (type.getDimSize(0) == cast<RankedTensorType>(branch.getType()).getDimSize(1))
    return scale;
  auto scalar = RankedTensorType::get({}, type.getElementType());
  return tensor::CollapseShapeOp::create(b, loc, scalar, scale, ArrayRef<ReassociationIndices>());
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
    getOperation()->walk([](NormOp op) {
      if (op.getResidual())
        takeOutResidual(op);
    });
  }

  /// The sum has readers of its own, and the kernel that computes x can add to it.
  static void takeOutResidual(NormOp op) {
    OpBuilder b(op);
    Value sum = buildAdd(b, op.getLoc(), op.getX(), op.getResidual());
    auto norm = NormOp::create(b, op.getLoc(), op.getY().getType(), /*sum=*/Type(), sum, op.getWeight(), op.getBias(),
                               op.getGate(), /*residual=*/Value(), op.getKind(), op.getEps(), op.getGroups(),
                               op.getOnePlus(), op.getGateOrder(), op.getGateActivation());
    op.getY().replaceAllUsesWith(norm.getY());
    if (op.getSum())
      op.getSum().replaceAllUsesWith(sum);
    op.erase();
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
      branches[i] = buildMul(b, loc, branches[i], asFactor(b, loc, scale, branches[i]), Broadcast::trailing);

    FuseKind kind = op.getKind();
    size_t projections = op.getProjections().size();
    SmallVector<double> factors = op.getFactorsOrOnes();
    for (auto [i, factor] : llvm::enumerate(factors))
      factor *= kind == FuseKind::mean ? 1.0 / branches.size() : kind == FuseKind::sub && i > 0 ? -1 : 1;
    SmallVector<Value> parts;
    Value y;
    bool separate = projections == branches.size() && projections > 1;
    if (separate && (isElementwiseJoin(kind) || kind == FuseKind::concat)) {
      for (auto [branch, w] : llvm::zip_equal(branches, op.getProjections()))
        parts.push_back(buildLinear(b, loc, branch, w));
      y = combine(b, loc, factors, parts);
    } else if (isElementwiseJoin(kind) && projections <= 1) {
      y = combine(b, loc, factors, branches);
      if (projections)
        y = buildLinear(b, loc, y, op.getProjections()[0]);
    } else if (kind == FuseKind::concat && projections == 1) {
      int64_t begin = 0;
      for (Value branch : branches) {
        int64_t width = cast<RankedTensorType>(branch.getType()).getDimSize(1);
        parts.push_back(buildLinear(b, loc, branch, buildColumns(b, loc, op.getProjections()[0], begin, width)));
        begin += width;
      }
      y = combine(b, loc, factors, parts);
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
