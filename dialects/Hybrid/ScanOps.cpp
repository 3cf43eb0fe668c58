#include "dialects/Hybrid/Hybrid.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/ScanOps.cpp.inc"

static int64_t dimOf(Value v, unsigned i) { return cast<RankedTensorType>(v.getType()).getDimSize(i); }

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
Cost LinearScanOp::getCost() { return {}; }
LogicalResult LinearScanOp::verify() { return success(); }
void LinearScanOp::getCanonicalizationPatterns(RewritePatternSet &, MLIRContext *) {}

Cost CausalConv1dOp::getCost() { return {}; }
LogicalResult CausalConv1dOp::verify() { return success(); }
