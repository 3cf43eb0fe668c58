// Verifiers and canonicalisations of norms, gates, the joining of branches and the loss. Costs are in Costs.cpp.
#include "dialects/Hybrid/Verify.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/FusionOps.cpp.inc"

LogicalResult NormOp::verify() {
  int64_t rank = rankOf(getX()), tokens = commonRows({getX(), getY()});
  if (rank < 1)
    return emitOpError("expected 'x' to have at least one dim, got ") << getX().getType();
  SmallVector<int64_t> shape = shapeOf(getX());
  if (rank > 1)
    shape[0] = tokens;
  for (int64_t d = 1; d < rank; ++d)
    if (ShapedType::isDynamic(shape[d]))
      return emitOpError("expected dim ") << d << " of 'x' to be static, got " << getX().getType();
  if (ShapedType::isDynamic(shape.back()))
    return emitOpError("expected the last dim of 'x' to be static, got ") << getX().getType();
  for (auto [name, value] : {std::pair("x", Value(getX())),
                             {"y", getY()},
                             {"gate", getGate()},
                             {"residual", getResidual()},
                             {"sum", getSum()}})
    if (failed(verifyShape(*this, name, value, {shape})))
      return failure();
  // A weight covers the last dims: [D] or [H, D] of [T, H, D].
  SmallVector<SmallVector<int64_t>> suffixes;
  for (int64_t d = rank - 1; d >= (rank > 1 ? 1 : 0); --d)
    suffixes.push_back(SmallVector<int64_t>(ArrayRef(shape).drop_front(d)));
  if (failed(verifyShape(*this, "weight", getWeight(), suffixes)) ||
      failed(verifyShape(*this, "bias", getBias(), suffixes)))
    return failure();
  if (getSum() && !getResidual())
    return emitOpError("expected 'residual' for the result 'sum', got none");
  int64_t groups = getGroups();
  if (groups < 1 || shape.back() % groups)
    return emitOpError("expected 'groups' to divide the last dim (") << shape.back() << "), got " << groups;
  if (!(getEps().convertToDouble() >= 0))
    return emitOpError("expected 'eps' not to be negative, got ") << getEps().convertToDouble();
  return success();
}

namespace {
/// A weight of ones (of zeros where one is added) scales nothing.
struct DropUnitWeight : OpRewritePattern<NormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(NormOp op, PatternRewriter &rewriter) const override {
    if (!op.getWeight() || getSplat(op.getWeight()) != (op.getOnePlus() ? 0.0 : 1.0))
      return rewriter.notifyMatchFailure(op, "the weight is not the constant that changes nothing");
    rewriter.modifyOpInPlace(op, [&] {
      op.getWeightMutable().clear();
      op.setOnePlus(false);
    });
    return success();
  }
};
} // namespace

void NormOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropUnitWeight>(context);
  patterns.add<DropNeutralOperand<NormOp>>(context, &NormOp::getBiasMutable, 0);
}

LogicalResult GluOp::verify() {
  int64_t rank = rankOf(getGate());
  if (rank < 1 || rankOf(getY()) != rank)
    return emitOpError("expected 'gate' and 'y' of one rank above 0, got ")
           << getGate().getType() << " and " << getY().getType();
  SmallVector<int64_t> shape = shapeOf(getY());
  if (ShapedType::isDynamic(shape.back()))
    return emitOpError("expected the last dim of 'y' to be static, got ") << getY().getType();
  if (rank > 1)
    shape[0] = commonRows({getGate(), getUp(), getY()});
  SmallVector<int64_t> gateShape = shape;
  if (!getUp())
    gateShape.back() *= 2;
  if (failed(verifyShape(*this, "y", getY(), {shape})) || failed(verifyShape(*this, "up", getUp(), {shape})) ||
      failed(verifyShape(*this, "gate", getGate(), {gateShape})))
    return failure();
  if (getClamp() && !(getClamp()->convertToDouble() > 0))
    return emitOpError("expected 'clamp' to be positive, got ") << getClamp()->convertToDouble();
  return success();
}

/// (C3) to (C5): one norm weight, scale and projection per branch, or none; widths after projection go to `widths`.
static LogicalResult verifyPerBranch(FuseOp op, SmallVectorImpl<int64_t> &widths) {
  size_t count = op.getBranches().size();
  for (auto [name, operands] : {std::pair("norm_weights", op.getNormWeights()),
                                {"scales", op.getScales()},
                                {"projections", op.getProjections()}})
    if (!operands.empty() && operands.size() != count && !(StringRef(name) == "projections" && operands.size() == 1))
      return op.emitOpError("expected none or ") << count << " '" << name << "', got " << operands.size();
  if (op.getFactors() && op.getFactors()->size() != count)
    return op.emitOpError("expected none or ") << count << " 'factors', got " << op.getFactors()->size();
  if (!op.getNormWeights().empty() && !op.getNorm())
    return op.emitOpError("expected no 'norm_weights' without 'norm', got ") << op.getNormWeights().size();
  for (auto [i, branch] : llvm::enumerate(op.getBranches())) {
    int64_t width = dimOf(branch, rankOf(branch) - 1);
    if (!op.getNormWeights().empty() && failed(verifyShape(op, "norm_weights", op.getNormWeights()[i], {width})))
      return failure();
    if (!op.getScales().empty() &&
        failed(verifyShape(op, "scales", op.getScales()[i], ArrayRef<SmallVector<int64_t>>{{width}, {1}})))
      return failure();
    if (int64_t groups = op.getNormGroups(); groups < 1 || (op.getNorm() && width % groups))
      return op.emitOpError("expected 'norm_groups' to divide each branch's width (") << width << "), got " << groups;
    if (op.getProjections().size() == count) {
      Value projection = op.getProjections()[i];
      if (failed(verifyShape(op, "projections", projection, {anyStatic, width})))
        return failure();
      width = dimOf(projection, 0);
    }
    widths.push_back(width);
  }
  if (!(op.getEps().convertToDouble() >= 0))
    return op.emitOpError("expected 'eps' not to be negative, got ") << op.getEps().convertToDouble();
  return success();
}

LogicalResult FuseOp::verify() {
  size_t count = getBranches().size();
  bool numerators = getKind() == FuseKind::normaliser;
  if (count < 1 || (getKind() == FuseKind::lerp && count != 2))
    return emitOpError("expected ") << (count < 1 ? "at least one branch" : "two branches for kind 'lerp'") << ", got "
                                    << count;
  int64_t tokens = commonRows({getY(), getBranches()[0]});
  for (Value branch : getBranches())
    if (failed(verifyShape(*this, "branches", branch,
                           numerators ? SmallVector<int64_t>{tokens, anyStatic, anyStatic}
                                      : SmallVector<int64_t>{tokens, anyStatic})))
      return failure();
  SmallVector<int64_t> widths;
  if (failed(verifyPerBranch(*this, widths)))
    return failure();

  // Separate projections of joined branches are columns of one matrix, so their rows agree as the widths of a sum do.
  bool separate = count > 1 && getProjections().size() == count, joined = getKind() == FuseKind::concat && !separate;
  int64_t width = joined ? 0 : widths[0];
  for (int64_t w : widths) {
    if (!joined && w != width)
      return emitOpError("expected branches of one width (") << width << "), got " << w;
    width += joined ? w : 0;
  }
  bool weighted = getKind() == FuseKind::lerp || getKind() == FuseKind::gate;
  if (weighted != bool(getGate()))
    return emitOpError("expected 'gate' exactly for kinds 'lerp' and 'gate', got ")
           << (getGate() ? "one" : "none") << " for '" << stringifyFuseKind(getKind()) << "'";
  SmallVector<SmallVector<int64_t>> gates = {{tokens, int64_t(count)}};
  if (getKind() == FuseKind::lerp)
    gates = {{tokens, width}, {tokens, 1}};
  if (failed(verifyShape(*this, "gate", getGate(), gates)))
    return failure();
  if (numerators ? getNormalisers().size() != count || !getProjections().empty() : !getNormalisers().empty())
    return emitOpError("expected one of 'normalisers' per branch and no projection exactly for kind 'normaliser', got ")
           << getNormalisers().size() << " and " << getProjections().size() << " for '" << stringifyFuseKind(getKind())
           << "'";
  for (auto [normaliser, branch] : llvm::zip(getNormalisers(), getBranches()))
    if (failed(verifyShape(*this, "normalisers", normaliser, {tokens, dimOf(branch, 1)})))
      return failure();
  if (numerators)
    return verifyShape(*this, "y", getY(), {tokens, dimOf(getBranches()[0], 1), width});
  if (getProjections().size() == 1 && count > 1) {
    if (failed(verifyShape(*this, "projections", getProjections()[0], {anyStatic, width})))
      return failure();
    width = dimOf(getProjections()[0], 0);
  }
  return verifyShape(*this, "y", getY(), {tokens, width});
}

bool FuseOp::isOneProduct() { return getKind() == FuseKind::concat && !getProjections().empty(); }

SmallVector<double> FuseOp::getFactorsOrOnes() {
  if (getFactors())
    return SmallVector<double>(*getFactors());
  return SmallVector<double>(getBranches().size(), 1.0);
}

namespace {
/// A sum, difference or mean of projected branches is one product over the concatenated branches, with the matrices
/// side by side and the sign or the share as a factor: the norm comes before the projection, so that
///   norm(x) A' - norm(y) B' = [norm(x), -norm(y)] [A, B]'.
struct JoinProjections : OpRewritePattern<FuseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FuseOp op, PatternRewriter &rewriter) const override {
    FuseKind kind = op.getKind();
    if (kind != FuseKind::add && kind != FuseKind::sub && kind != FuseKind::mean)
      return rewriter.notifyMatchFailure(op, "the kind is not a sum of the branches");
    size_t count = op.getBranches().size();
    if (count < 2 || op.getProjections().size() != count)
      return rewriter.notifyMatchFailure(op, "the branches have no projections of their own");
    SmallVector<double> factors = op.getFactorsOrOnes();
    for (auto [i, factor] : llvm::enumerate(factors))
      factor *= kind == FuseKind::mean ? 1.0 / double(count) : kind == FuseKind::sub && i > 0 ? -1 : 1;
    rewriter.modifyOpInPlace(op, [&] {
      op.setKind(FuseKind::concat);
      if (op.getFactors() || kind != FuseKind::add)
        op.setFactors(ArrayRef<double>(factors));
    });
    return success();
  }
};

/// Scales that are numbers become factors; factors of one go.
struct FoldConstantScales : OpRewritePattern<FuseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FuseOp op, PatternRewriter &rewriter) const override {
    SmallVector<double> factors = op.getFactorsOrOnes();
    for (auto [factor, scale] : llvm::zip(factors, op.getScales())) {
      std::optional<double> splat = getSplat(scale);
      if (!splat)
        return rewriter.notifyMatchFailure(op, "a scale is not constant");
      factor *= *splat;
    }
    bool ones = llvm::all_of(factors, [](double f) { return f == 1; });
    if (op.getScales().empty() && !(op.getFactors() && ones))
      return rewriter.notifyMatchFailure(op, "there is no scale");
    rewriter.modifyOpInPlace(op, [&] {
      op.getScalesMutable().clear();
      if (ones)
        op.removeFactorsAttr();
      else
        op.setFactors(ArrayRef<double>(factors));
    });
    return success();
  }
};

/// One branch that nothing is done to is the result.
struct DropSingleBranch : OpRewritePattern<FuseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FuseOp op, PatternRewriter &rewriter) const override {
    if (op.getBranches().size() != 1 || op->getNumOperands() != 1 || op.getNorm() || op.getFactors())
      return rewriter.notifyMatchFailure(op, "there is more to do than to pass on one branch");
    if (op.getBranches()[0].getType() != op.getY().getType())
      return rewriter.notifyMatchFailure(op, "the branch and the result differ in type");
    rewriter.replaceOp(op, op.getBranches()[0]);
    return success();
  }
};
} // namespace

void FuseOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<JoinProjections, FoldConstantScales, DropSingleBranch>(context);
  patterns.add<DropNeutralOperand<FuseOp>>(context, &FuseOp::getNormWeightsMutable, 1);
}

LogicalResult CrossEntropyOp::verify() {
  if (failed(verifyShape(*this, "x", getX(), {anySize, anyStatic})))
    return failure();
  int64_t tokens = commonRows({getX(), getTargets(), getLoss(), getLse()});
  if (failed(verifyShape(*this, "projection", getProjection(), {anyStatic, dimOf(getX(), 1)})) ||
      failed(verifyShape(*this, "targets", getTargets(), {tokens})) ||
      failed(verifyShape(*this, "teacher", getTeacher(), {tokens, dimOf(getProjection(), 0)})) ||
      failed(verifyShape(*this, "loss", getLoss(), {tokens})) || failed(verifyShape(*this, "lse", getLse(), {tokens})))
    return failure();
  if (getSoftcap() && !(getSoftcap()->convertToDouble() > 0))
    return emitOpError("expected 'softcap' to be positive, got ") << getSoftcap()->convertToDouble();
  if (!(getZLoss().convertToDouble() >= 0))
    return emitOpError("expected 'z_loss' not to be negative, got ") << getZLoss().convertToDouble();
  return success();
}
