// Verifiers and canonicalisations of recurrences and convolutions. Costs are in Costs.cpp.
#include "dialects/Hybrid/Verify.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/ScanOps.cpp.inc"

int64_t LinearScanOp::getKeySize() { return dimOf(getK(), 2); }
int64_t LinearScanOp::getValueSize() { return dimOf(getV(), 2); }
int64_t LinearScanOp::getStateHeads() {
  int64_t heads = 1;
  for (Value v : {getQ(), getK(), getV(), getWriteScale(), getEraseKey(), getUntiedWrite(), getUntiedRead(), getMix()})
    if (v)
      heads = std::max(heads, dimOf(v, 1));
  if (Value d = getLogDecay())
    heads = std::max(heads, dimOf(d, getDecay() == Decay::constant ? 0 : 1));
  return heads;
}

/// (C5), (C6): the operands of each kind of decay.
static LogicalResult verifyDecay(LinearScanOp op, int64_t steps, int64_t keySize) {
  bool keyValue = op.getDecay() == Decay::key_value, none = op.getDecay() == Decay::none;
  if (bool(op.getLogDecay()) == (keyValue || none))
    return op.emitOpError("expected 'log_decay' to be ")
           << (keyValue || none ? "absent" : "given") << " for decay '" << stringifyDecay(op.getDecay()) << "', got "
           << (op.getLogDecay() ? "one" : "none");
  SmallVector<int64_t> shape{steps, anyStatic};
  if (op.getDecay() == Decay::constant)
    shape = {anyStatic};
  else if (op.getDecay() == Decay::key)
    shape.push_back(keySize);
  if (failed(verifyShape(op, "log_decay", op.getLogDecay(), {shape})))
    return failure();
  for (auto [name, operand] : {std::pair("rate", Value(op.getRate())), {"rate_matrix", op.getRateMatrix()}})
    if (bool(operand) != keyValue)
      return op.emitOpError("expected '") << name << "' to be " << (keyValue ? "given" : "absent") << " for decay '"
                                          << stringifyDecay(op.getDecay()) << "', got " << (operand ? "one" : "none");
  if (!keyValue)
    return success();
  if (op.getRank() != Rank::zero || op.getOrder() != 1)
    return op.emitOpError("expected rank 'none' and order 1 for decay 'key_value', got rank '")
           << stringifyRank(op.getRank()) << "' and order " << op.getOrder();
  if (failed(verifyShape(op, "rate", op.getRate(), {steps, op.getValueSize()})) ||
      failed(verifyShape(op, "rate_matrix", op.getRateMatrix(), {keySize, op.getValueSize()})))
    return failure();
  return success();
}

/// (C2), (C12), (C15), (C16): what depends on the outputs asked for.
static LogicalResult verifyOutputs(LinearScanOp op, int64_t tokens, int64_t heads) {
  bool outputs = !op.getStateOnly();
  for (auto [name, value] : {std::pair("q", Value(op.getQ())), {"o", op.getO()}})
    if (bool(value) != outputs)
      return op.emitOpError("expected '") << name << "' to be " << (outputs ? "given unless" : "absent with")
                                          << " 'state_only', got " << (value ? "one" : "none");
  if (op.getBonus() && !outputs)
    return op.emitOpError("expected no 'bonus' with 'state_only', got one");
  int64_t V = op.getValueSize();
  if (failed(verifyShape(op, "bonus", op.getBonus(), ArrayRef<SmallVector<int64_t>>{{heads}, {tokens, heads}})) ||
      failed(verifyShape(op, "o", op.getO(), {tokens, heads, V})))
    return failure();
  if (op.getChunkStates() && !op.getChunk())
    return op.emitOpError("expected 'chunk' for 'chunk_states', got none");
  if (op.getMaterialise() != bool(op.getMixer()))
    return op.emitOpError("expected a result 'mixer' exactly with 'materialise', got ")
           << (op.getMixer() ? "one without" : "none");
  if (op.getMixer() && (!outputs || op.getSubsteps() != 1 || op.getDecay() == Decay::key_value))
    return op.emitOpError("expected 'q', one substep and a decay other than 'key_value' for 'mixer', got ")
           << op.getSubsteps() << " substeps and decay '" << stringifyDecay(op.getDecay()) << "'";
  return verifyShape(op, "mixer", op.getMixer(), {heads, anySize});
}

LogicalResult LinearScanOp::verify() {
  if (failed(verifyShape(*this, "k", getK(), {anySize, anyStatic, anyStatic})) ||
      failed(verifyShape(*this, "v", getV(), {anySize, anyStatic, anyStatic})))
    return failure();
  int64_t order = getOrder(), substeps = getSubsteps();
  if (order != 1 && order != 2)
    return emitOpError("expected order 1 or 2, got ") << order;
  if (bool(getMix()) != (order == 2))
    return emitOpError("expected 'mix' exactly with order 2, got ")
           << (getMix() ? "one" : "none") << " with order " << order;
  if (substeps < 1 || (getChunk() && int64_t(*getChunk()) < 1))
    return emitOpError("expected 'substeps' and 'chunk' to be positive, got ")
           << substeps << " and " << int64_t(getChunk().value_or(1));
  int64_t K = getKeySize(), V = getValueSize();
  int64_t steps =
      commonRows({getK(), getV(), getWriteScale(), getEraseKey(), getUntiedWrite(), getUntiedRead(), getMix()});
  int64_t tokens = commonRows({getQ(), getO()});
  if (tokens == anySize && steps != anySize)
    tokens = steps / substeps;
  if (tokens != anySize && steps != anySize && tokens * substeps != steps)
    return emitOpError("expected 'k' to have ") << tokens << " x " << substeps << " rows, got " << steps;
  SmallVector<std::tuple<StringRef, Value, SmallVector<int64_t>>> perHead = {
      {"q", getQ(), {tokens, anyStatic, K}},
      {"k", getK(), {steps, anyStatic, K}},
      {"v", getV(), {steps, anyStatic, V}},
      {"write_scale", getWriteScale(), {steps, anyStatic, order}},
      {"erase_key", getEraseKey(), {steps, anyStatic, K}},
      {"untied_write", getUntiedWrite(), {steps, anyStatic, order * K}},
      {"untied_read", getUntiedRead(), {steps, anyStatic, order * K}},
      {"mix", getMix(), {steps, anyStatic, 3}}};
  for (auto &[name, value, shape] : perHead)
    if (failed(verifyShape(*this, name, value, {shape})))
      return failure();
  if (failed(verifyDecay(*this, steps, K)))
    return failure();

  if (getEraseKey() && getRank() != Rank::tied)
    return emitOpError("expected no 'erase_key' without rank 'tied', got one with rank '")
           << stringifyRank(getRank()) << "'";
  for (auto [name, operand] : {std::pair("untied_write", Value(getUntiedWrite())), {"untied_read", getUntiedRead()}})
    if (bool(operand) != (getRank() == Rank::untied))
      return emitOpError("expected '") << name << "' exactly with rank 'untied', got " << (operand ? "one" : "none")
                                       << " with rank '" << stringifyRank(getRank()) << "'";
  if (getErase() == Erase::undecayed && getRank() != Rank::tied)
    return emitOpError("expected rank 'tied' for erase 'undecayed', got '") << stringifyRank(getRank()) << "'";

  int64_t heads = getStateHeads();
  auto divides = [&](StringRef name, int64_t count) -> LogicalResult {
    if (count > 0 && heads % count == 0)
      return success();
    return emitOpError("expected the heads of '")
           << name << "' to divide the " << heads << " state heads, got " << count;
  };
  for (auto &[name, value, shape] : perHead)
    if (value && failed(divides(name, dimOf(value, 1))))
      return failure();
  if (getLogDecay() && failed(divides("log_decay", dimOf(getLogDecay(), getDecay() == Decay::constant ? 0 : 1))))
    return failure();
  if (getDecay() == Decay::key_value && heads != 1)
    return emitOpError("expected one state head for decay 'key_value', got ") << heads;
  if (failed(verifyOutputs(*this, tokens, heads)))
    return failure();

  int64_t sequences = commonRows({getInitialState(), getFinalState()});
  if (!getOffsets() && sequences == anySize)
    sequences = 1;
  else if (getOffsets() && !ShapedType::isDynamic(dimOf(getOffsets(), 0)))
    sequences = dimOf(getOffsets(), 0) - 1;
  if (!getOffsets() && sequences != 1)
    return emitOpError("expected states of one sequence without 'offsets', got ") << sequences;
  if (failed(verifyShape(*this, "initial_state", getInitialState(), {sequences, heads, order * K, V})) ||
      failed(verifyShape(*this, "final_state", getFinalState(), {sequences, heads, order * K, V})))
    return failure();
  return verifyShape(*this, "chunk_states", getChunkStates(), {anySize, heads, order * K, V});
}

namespace {
/// A log decay of zero everywhere decays nothing.
struct DropZeroDecay : OpRewritePattern<LinearScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearScanOp op, PatternRewriter &rewriter) const override {
    Value logDecay = op.getDecay() == Decay::key_value ? op.getRate() : op.getLogDecay();
    if (!logDecay || getSplat(logDecay) != 0.0)
      return rewriter.notifyMatchFailure(op, "the log decay is not the constant 0");
    int64_t heads = op.getStateHeads();
    // The decay's heads count among the state's: if they are more than all others, dropping it would drop heads.
    for (Value other :
         {op.getQ(), op.getK(), op.getV(), op.getWriteScale(), op.getEraseKey(), op.getUntiedWrite(), op.getMix()})
      if (other && dimOf(other, 1) == heads) {
        rewriter.modifyOpInPlace(op, [&] {
          op.setDecay(Decay::none);
          op.getLogDecayMutable().clear();
          op.getRateMutable().clear();
          op.getRateMatrixMutable().clear();
        });
        return success();
      }
    return rewriter.notifyMatchFailure(op, "only the decay has as many heads as the state");
  }
};

/// A write scale of one everywhere scales nothing.
struct DropUnitWriteScale : OpRewritePattern<LinearScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearScanOp op, PatternRewriter &rewriter) const override {
    if (!op.getWriteScale() || getSplat(op.getWriteScale()) != 1.0)
      return rewriter.notifyMatchFailure(op, "the write scale is not the constant 1");
    for (Value other : {op.getQ(), op.getK(), op.getV()})
      if (other && dimOf(other, 1) == op.getStateHeads()) {
        rewriter.modifyOpInPlace(op, [&] { op.getWriteScaleMutable().clear(); });
        return success();
      }
    return rewriter.notifyMatchFailure(op, "only the write scale has as many heads as the state");
  }
};
} // namespace

void LinearScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropZeroDecay, DropUnitWriteScale>(context);
  patterns.add<DropNeutralOperand<LinearScanOp>>(context, &LinearScanOp::getInitialStateMutable, 0);
  patterns.add<DropNeutralOperand<LinearScanOp>>(context, &LinearScanOp::getBonusMutable, 0);
}

LogicalResult CausalConv1dOp::verify() {
  if (failed(verifyShape(*this, "x", getX(), {anySize, anyStatic})))
    return failure();
  int64_t tokens = commonRows({getX(), getY()}), channels = dimOf(getX(), 1);
  if (failed(verifyShape(*this, "y", getY(), {tokens, channels})) ||
      failed(verifyShape(*this, "taps", getTaps(),
                         ArrayRef<SmallVector<int64_t>>{{channels, anyStatic}, {tokens, channels, anyStatic}})))
    return failure();
  int64_t past = dimOf(getTaps(), rankOf(getTaps()) - 1) - 1;
  if (past < 0)
    return emitOpError("expected 'taps' to have at least one tap, got ") << past + 1;
  if (failed(verifyShape(*this, "bias", getBias(), {channels})))
    return failure();
  int64_t sequences = getOffsets() ? commonRows({getInitialTaps(), getFinalTaps()}) : 1;
  if (failed(verifyShape(*this, "initial_taps", getInitialTaps(), {sequences, past, channels})))
    return failure();
  return verifyShape(*this, "final_taps", getFinalTaps(), {sequences, past, channels});
}

void CausalConv1dOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropNeutralOperand<CausalConv1dOp>>(context, &CausalConv1dOp::getInitialTapsMutable, 0);
  patterns.add<DropNeutralOperand<CausalConv1dOp>>(context, &CausalConv1dOp::getBiasMutable, 0);
}
