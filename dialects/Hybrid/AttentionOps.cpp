#include "dialects/Hybrid/Hybrid.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/AttentionOps.cpp.inc"

static int64_t dimOf(Value v, unsigned i) { return cast<RankedTensorType>(v.getType()).getDimSize(i); }

int64_t AttentionOp::getQueryHeads() { return dimOf(getQuery(), 1); }
int64_t AttentionOp::getKeySize() { return dimOf(getQuery(), 2); }
int64_t AttentionOp::getKeyHeads() { return getCache() ? getCache().getType().getDims()[0] : dimOf(getKey(), 1); }
int64_t AttentionOp::getValueSize() { return getCache() ? getCache().getType().getDims()[2] : dimOf(getValue(), 2); }
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
  int64_t r = getRotaryDimOrDefault();
  SmallVector<double> f;
  for (int64_t i = 0; i < r / 2; ++i)
    f.push_back(std::pow(getTheta().convertToDouble(), -2.0 * i / r));
  return f;
}
