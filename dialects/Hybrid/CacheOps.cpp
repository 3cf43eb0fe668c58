#include "dialects/Hybrid/Hybrid.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/CacheOps.cpp.inc"

Cost CacheAppendOp::getCost() { return {}; }
LogicalResult CacheAppendOp::verify() { return success(); }
OpFoldResult CacheAppendOp::fold(FoldAdaptor) { return {}; }
Cost CacheViewOp::getCost() { return {}; }
LogicalResult CacheViewOp::verify() { return success(); }
