#include "dialects/Hybrid/Hybrid.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/FusionOps.cpp.inc"

Cost NormOp::getCost() { return {}; }
LogicalResult NormOp::verify() { return success(); }
void NormOp::getCanonicalizationPatterns(RewritePatternSet &, MLIRContext *) {}
Cost GluOp::getCost() { return {}; }
LogicalResult GluOp::verify() { return success(); }
Cost FuseOp::getCost() { return {}; }
LogicalResult FuseOp::verify() { return success(); }
void FuseOp::getCanonicalizationPatterns(RewritePatternSet &, MLIRContext *) {}
Cost CrossEntropyOp::getCost() { return {}; }
LogicalResult CrossEntropyOp::verify() { return success(); }
