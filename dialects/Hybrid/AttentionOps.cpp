// Verifiers, canonicalisations and frequencies of attention. Costs are in Costs.cpp.
#include "dialects/Hybrid/Verify.h"
#include <cmath>
#include <numbers>
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/AttentionOps.cpp.inc"

int64_t AttentionOp::getQueryHeads() { return dimOf(getQuery(), 1); }
int64_t AttentionOp::getKeySize() { return dimOf(getQuery(), 2); }
int64_t AttentionOp::getKeyHeads() { return getCache() ? getCache().getType().getHeads() : dimOf(getKey(), 1); }
int64_t AttentionOp::getValueSize() { return getCache() ? getCache().getType().getValueSize() : dimOf(getValue(), 2); }
double AttentionOp::getScaleOrDefault() {
  return getScale() ? getScale()->convertToDouble() : 1 / std::sqrt(double(getKeySize()));
}

/// (C2) to (C5): where keys and values come from.
static LogicalResult verifyKeys(AttentionOp op) {
  if (bool(op.getKey()) != bool(op.getValue()) || bool(op.getKey()) == bool(op.getCache()))
    return op.emitOpError("expected either 'key' and 'value' or 'cache', got ")
           << (op.getKey() ? "a key, " : "no key, ") << (op.getValue() ? "a value, " : "no value, ")
           << (op.getCache() ? "a cache" : "no cache");
  int64_t keySize = op.getKeySize();
  if (op.getKey()) {
    int64_t rows = commonRows({op.getKey(), op.getValue()});
    if (failed(verifyShape(op, "key", op.getKey(), {rows, anyStatic, keySize})) ||
        failed(verifyShape(op, "value", op.getValue(), {rows, dimOf(op.getKey(), 1), anyStatic})))
      return failure();
  } else {
    CacheType cache = op.getCache().getType();
    if (!cache.isKeyValue())
      return op.emitOpError("expected a cache of kind 'paged_kv', 'ring_kv' or 'latent_kv', got '")
             << stringifyCacheKind(cache.getKind()) << "'";
    if (cache.getKeySize() != keySize)
      return op.emitOpError("expected the cache's key size to equal the query's (")
             << keySize << "), got " << cache.getKeySize();
    if (op.getKeyOffsets())
      return op.emitOpError("expected no 'key_offsets' with 'cache', got some; a cache knows its lengths");
  }
  if (op.getKeyHeads() < 1 || op.getQueryHeads() % op.getKeyHeads())
    return op.emitOpError("expected the key heads to divide the ")
           << op.getQueryHeads() << " query heads, got " << op.getKeyHeads();
  return success();
}

/// (C8) to (C14): masks and what is added to scores.
static LogicalResult verifyScores(AttentionOp op, int64_t tokens) {
  int64_t heads = op.getQueryHeads();
  if (failed(verifyShape(op, "sink_logits", op.getSinkLogits(), {heads})) ||
      failed(verifyShape(op, "alibi", op.getAlibi(), {heads})) ||
      failed(verifyShape(op, "bias", op.getBias(), {tokens, anyStatic, anySize})) ||
      failed(verifyShape(op, "block_index", op.getBlockIndex(), {tokens, anyStatic, anyStatic})) ||
      failed(verifyShape(op, "global_tokens", op.getGlobalTokens(), {anySize})))
    return failure();
  for (auto [name, value] : {std::pair("bias", Value(op.getBias())), {"block_index", op.getBlockIndex()}})
    if (value && (dimOf(value, 1) < 1 || heads % dimOf(value, 1)))
      return op.emitOpError("expected the heads of '")
             << name << "' to divide the " << heads << " query heads, got " << dimOf(value, 1);
  int64_t window = op.getWindow().value_or(1), dilation = op.getDilation();
  if (window < 1 || dilation < 1)
    return op.emitOpError("expected 'window' and 'dilation' to be positive, got ") << window << " and " << dilation;
  if (dilation > 1 && !op.getWindow())
    return op.emitOpError("expected 'window' for a dilation of ") << dilation << ", got none";
  int64_t sinks = op.getSinkTokens(), prefix = op.getPrefix();
  if (sinks < 0 || prefix < 0)
    return op.emitOpError("expected 'sink_tokens' and 'prefix' not to be negative, got ") << sinks << " and " << prefix;
  if (bool(op.getBlockIndex()) != bool(op.getBlockSize()) || int64_t(op.getBlockSize().value_or(1)) < 1)
    return op.emitOpError("expected 'block_index' with a positive 'block_size', got ")
           << (op.getBlockIndex() ? "an index" : "no index") << " and "
           << (op.getBlockSize() ? std::to_string(int64_t(*op.getBlockSize())) : "no size");
  if (op.getSoftcap() && !(op.getSoftcap()->convertToDouble() > 0))
    return op.emitOpError("expected 'softcap' to be positive, got ") << op.getSoftcap()->convertToDouble();
  return success();
}

/// (C15): the region sees nothing but its arguments.
static LogicalResult verifyScoreMod(AttentionOp op) {
  Region &region = op.getScoreMod();
  if (region.empty())
    return success();
  TypeRange types = region.front().getArgumentTypes();
  auto yield = region.front().empty() ? YieldOp() : dyn_cast<YieldOp>(region.front().back());
  if (!region.hasOneBlock() || types.size() != 5 || !isa<FloatType>(types[0]) ||
      !llvm::all_of(types.drop_front(), [](Type t) { return t.isIndex(); }) || !yield ||
      yield->getOperandTypes() != TypeRange(types[0]))
    return op.emitOpError("expected 'score_mod' to be one block (score, sequence, head, query position, key position) "
                          "of types (float, index, index, index, index) that yields a score");
  WalkResult result = region.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!region.isAncestor(operand.getParentRegion())) {
        op.emitOpError("expected 'score_mod' to use only its arguments, got a use of a value from outside")
                .attachNote(inner->getLoc())
            << "used here";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyShape(*this, "query", getQuery(), {anySize, anyStatic, anyStatic})) || failed(verifyKeys(*this)))
    return failure();
  int64_t tokens = commonRows({getQuery(), getO(), getLse()}), heads = getQueryHeads();
  if (failed(verifyShape(*this, "query", getQuery(), {tokens, heads, getKeySize()})) ||
      failed(verifyShape(*this, "o", getO(), {tokens, heads, getValueSize()})) ||
      failed(verifyShape(*this, "lse", getLse(), {tokens, heads})))
    return failure();
  if (bool(getMax()) == getNormalize())
    return emitOpError("expected a result 'max' exactly with normalize = false, got ") << (getMax() ? "one" : "none");
  if (failed(verifyShape(*this, "max", getMax(), {tokens, heads})) || failed(verifyScores(*this, tokens)))
    return failure();
  return verifyScoreMod(*this);
}

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropNeutralOperand<AttentionOp>>(context, &AttentionOp::getBiasMutable, 0);
  patterns.add<DropNeutralOperand<AttentionOp>>(context, &AttentionOp::getAlibiMutable, 0);
  patterns.add<DropNeutralOperand<AttentionOp>>(context, &AttentionOp::getSinkLogitsMutable, -INFINITY);
}

LogicalResult MergeOp::verify() {
  if (getOutputs().empty())
    return emitOpError("expected at least one partial result, got none");
  if (failed(verifyShape(*this, "o", getO(), {anySize, anyStatic, anyStatic})))
    return failure();
  int64_t tokens = commonRows({getO(), getLse(), getOutputs()[0], getLses()[0]}), heads = dimOf(getO(), 1);
  if (failed(verifyShape(*this, "lse", getLse(), {tokens, heads})))
    return failure();
  for (Value partial : getOutputs())
    if (failed(verifyShape(*this, "outputs", partial, {tokens, heads, dimOf(getO(), 2)})))
      return failure();
  for (Value partial : getLses())
    if (failed(verifyShape(*this, "lses", partial, {tokens, heads})))
      return failure();
  return success();
}

namespace {
/// A merge of one partial is that partial.
struct DropSingleMerge : OpRewritePattern<MergeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MergeOp op, PatternRewriter &rewriter) const override {
    if (op.getOutputs().size() != 1)
      return rewriter.notifyMatchFailure(op, "there are several partials");
    if (op.getOutputs()[0].getType() != op.getO().getType() || op.getLses()[0].getType() != op.getLse().getType())
      return rewriter.notifyMatchFailure(op, "the partial and the result differ in type");
    rewriter.replaceOp(op, {op.getOutputs()[0], op.getLses()[0]});
    return success();
  }
};

/// Merging is associative: a partial that is a merge itself gives its own partials.
struct FlattenMerge : OpRewritePattern<MergeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MergeOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> outputs, lses;
    bool changed = false;
    for (auto [output, lse] : llvm::zip_equal(op.getOutputs(), op.getLses())) {
      auto inner = output.getDefiningOp<MergeOp>();
      if (inner && inner.getO() == output && inner.getLse() == lse) {
        llvm::append_range(outputs, inner.getOutputs());
        llvm::append_range(lses, inner.getLses());
        changed = true;
      } else {
        outputs.push_back(output);
        lses.push_back(lse);
      }
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no partial is output and lse of one merge");
    rewriter.replaceOpWithNewOp<MergeOp>(op, op->getResultTypes(), outputs, lses);
    return success();
  }
};
} // namespace

void MergeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropSingleMerge, FlattenMerge>(context);
}

LogicalResult RotaryOp::verify() {
  if (failed(verifyShape(*this, "x", getX(), {anySize, anyStatic, anyStatic})))
    return failure();
  int64_t tokens = commonRows({getX(), getY()}), heads = dimOf(getX(), 1), size = dimOf(getX(), 2);
  if (failed(verifyShape(*this, "y", getY(), {tokens, heads, size})))
    return failure();
  if (bool(getPositions()) == bool(getAngles()))
    return emitOpError("expected either 'positions' or 'angles', got ") << (getAngles() ? "both" : "neither");
  if (failed(verifyShape(*this, "positions", getPositions(), {tokens})))
    return failure();
  int64_t rotary = getRotaryDimOrDefault();
  if (rotary < 2 || rotary % 2 || rotary > size)
    return emitOpError("expected 'rotary_dim' to be even and between 2 and ") << size << ", got " << rotary;
  if (failed(verifyShape(*this, "angles", getAngles(),
                         ArrayRef<SmallVector<int64_t>>{{tokens, rotary / 2}, {tokens, heads, rotary / 2}})))
    return failure();
  double theta = getTheta().convertToDouble(), factor = getFactor().convertToDouble();
  double low = getLowFreqFactor().convertToDouble(), high = getHighFreqFactor().convertToDouble();
  if (!(theta > 1) || !(factor > 0) || int64_t(getOriginalContext()) < 1)
    return emitOpError("expected 'theta' above 1, 'factor' and 'original_context' above 0, got ")
           << theta << ", " << factor << " and " << int64_t(getOriginalContext());
  if (getScaling() == RopeScaling::llama3 && !(high > low))
    return emitOpError("expected 'high_freq_factor' above 'low_freq_factor' (") << low << "), got " << high;
  double fast = getBetaFast().convertToDouble(), slow = getBetaSlow().convertToDouble();
  if (getScaling() == RopeScaling::yarn && !(fast > slow && slow > 0))
    return emitOpError("expected 'beta_fast' above 'beta_slow' above 0, got ") << fast << " and " << slow;
  if (getAngles() && getScaling() != RopeScaling::none)
    return emitOpError("expected scaling 'none' with 'angles', got '") << stringifyRopeScaling(getScaling()) << "'";
  return success();
}

int64_t RotaryOp::getRotaryDimOrDefault() { return getRotaryDim().value_or(dimOf(getX(), 2)); }

SmallVector<double> RotaryOp::getFrequencies() {
  const int64_t r = getRotaryDimOrDefault();
  const double theta = getTheta().convertToDouble(), factor = getFactor().convertToDouble();
  const double context = double(getOriginalContext()), pi = std::numbers::pi;
  // YaRN: the pair that turns `turns` times over the original context.
  auto pairOfTurns = [&](double turns) {
    return double(r) * std::log(context / (turns * 2 * pi)) / (2 * std::log(theta));
  };
  double low = 0, high = 0;
  if (getScaling() == RopeScaling::yarn) {
    low = std::max(std::floor(pairOfTurns(getBetaFast().convertToDouble())), 0.0);
    high = std::min(std::ceil(pairOfTurns(getBetaSlow().convertToDouble())), double(r - 1));
    if (low == high)
      high += 0.001; // a ramp of no length would divide by zero
  }
  SmallVector<double> frequencies;
  for (int64_t i = 0; i < r / 2; ++i) {
    double f = std::pow(theta, -2.0 * double(i) / double(r));
    switch (getScaling()) {
    case RopeScaling::none:
      break;
    case RopeScaling::linear:
      f /= factor;
      break;
    case RopeScaling::llama3: {
      // Waves longer than context / low_freq_factor are stretched, those shorter than context / high_freq_factor are
      // kept, and those in between are blended.
      double lowFactor = getLowFreqFactor().convertToDouble(), highFactor = getHighFreqFactor().convertToDouble();
      double kept = std::clamp((context * f / (2 * pi) - lowFactor) / (highFactor - lowFactor), 0.0, 1.0);
      f = (1 - kept) * f / factor + kept * f;
      break;
    }
    case RopeScaling::yarn: {
      double stretched = std::clamp((double(i) - low) / (high - low), 0.0, 1.0);
      f = stretched * f / factor + (1 - stretched) * f;
      break;
    }
    }
    frequencies.push_back(f);
  }
  return frequencies;
}
