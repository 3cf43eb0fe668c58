// Registration of the dialect, and the verifiers of its types.
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace mlir::hybrid;

#include "dialects/Hybrid/HybridDialect.cpp.inc"
#include "dialects/Hybrid/HybridEnums.cpp.inc"
#include "dialects/Hybrid/HybridInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Hybrid/HybridAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Hybrid/HybridTypes.cpp.inc"

void HybridDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Hybrid/ScanOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Hybrid/AttentionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Hybrid/FusionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Hybrid/CacheOps.cpp.inc"
      >();
  // A tool that forgets registerReferenceModels() is told so where it first needs one.
  declarePromisedInterfaces<ReferenceOpInterface, LinearScanOp, CausalConv1dOp, AttentionOp, MergeOp, RotaryOp, NormOp,
                            GluOp, FuseOp, CrossEntropyOp, CacheAppendOp, CacheViewOp>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Hybrid/HybridAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Hybrid/HybridTypes.cpp.inc"
      >();
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError, CacheKind kind, ArrayRef<int64_t> dims,
                                Type elementType) {
  static const unsigned numDims[] = {3, 5, 2, 2, 3, 1};
  unsigned expected = numDims[static_cast<unsigned>(kind)];
  if (dims.size() != expected)
    return emitError() << "expected " << expected << " dims for a cache of kind '" << stringifyCacheKind(kind)
                       << "', got " << dims.size();
  for (auto [i, d] : llvm::enumerate(dims)) // a ring may pin no token
    if (d < (kind == CacheKind::ring_kv && i == 4 ? 0 : 1))
      return emitError() << "expected positive cache dims, got " << d;
  if (!isa<FloatType>(elementType))
    return emitError() << "expected a float element type, got " << elementType;
  return success();
}

SmallVector<int64_t> CacheType::getViewShape() const {
  ArrayRef<int64_t> d = getDims();
  switch (getKind()) {
  case CacheKind::conv_taps:
    return {d[1], d[0]};
  case CacheKind::scan_state:
  case CacheKind::memory_vector:
    return SmallVector<int64_t>(d);
  case CacheKind::paged_kv:
  case CacheKind::ring_kv:
  case CacheKind::latent_kv:
    break;
  }
  return {};
}
