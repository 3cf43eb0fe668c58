#include "dialects/Hybrid/Hybrid.h"
#include <cmath>
#include <numbers>
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/AttentionOps.cpp.inc"

static int64_t dimOf(Value v, unsigned i) { return cast<RankedTensorType>(v.getType()).getDimSize(i); }

int64_t AttentionOp::getQueryHeads() { return dimOf(getQuery(), 1); }
int64_t AttentionOp::getKeySize() { return dimOf(getQuery(), 2); }
int64_t AttentionOp::getKeyHeads() { return getCache() ? getCache().getType().getHeads() : dimOf(getKey(), 1); }
int64_t AttentionOp::getValueSize() { return getCache() ? getCache().getType().getValueSize() : dimOf(getValue(), 2); }
double AttentionOp::getScaleOrDefault() {
  return getScale() ? getScale()->convertToDouble() : 1 / std::sqrt(double(getKeySize()));
}
Cost AttentionOp::getCost() { return {}; }
LogicalResult AttentionOp::verify() { return success(); }
void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &, MLIRContext *) {}

Cost MergeOp::getCost() { return {}; }
LogicalResult MergeOp::verify() { return success(); }
void MergeOp::getCanonicalizationPatterns(RewritePatternSet &, MLIRContext *) {}

Cost RotaryOp::getCost() { return {}; }
LogicalResult RotaryOp::verify() { return success(); }
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
