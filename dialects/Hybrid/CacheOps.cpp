// Verifiers and folds of the ops on caches. Costs are in Costs.cpp.
#include "dialects/Hybrid/Verify.h"
using namespace mlir;
using namespace mlir::hybrid;
#define GET_OP_CLASSES
#include "dialects/Hybrid/CacheOps.cpp.inc"

LogicalResult CacheAppendOp::verify() {
  CacheType cache = getCache().getType();
  size_t expected = cache.isKeyValue() ? 2 : 1;
  if (getValues().size() != expected)
    return emitOpError("expected ") << expected << " values for a cache of kind '"
                                    << stringifyCacheKind(cache.getKind()) << "', got " << getValues().size();
  ArrayRef<int64_t> d = cache.getDims();
  switch (cache.getKind()) {
  case CacheKind::paged_kv:
  case CacheKind::ring_kv: {
    int64_t tokens = commonRows({getValues()[0], getValues()[1]});
    if (failed(verifyShape(*this, "keys", getValues()[0], {tokens, d[0], d[1]})))
      return failure();
    return verifyShape(*this, "values", getValues()[1], {tokens, d[0], d[2]});
  }
  case CacheKind::latent_kv: {
    int64_t tokens = commonRows({getValues()[0], getValues()[1]});
    if (failed(verifyShape(*this, "latent", getValues()[0], {tokens, d[0]})))
      return failure();
    return verifyShape(*this, "rope", getValues()[1], {tokens, d[1]});
  }
  case CacheKind::conv_taps:
  case CacheKind::scan_state:
  case CacheKind::memory_vector:
    break;
  }
  SmallVector<int64_t> shape = cache.getViewShape();
  shape.insert(shape.begin(), anySize);
  return verifyShape(*this, "values", getValues()[0], {shape});
}

OpFoldResult CacheAppendOp::fold(FoldAdaptor) {
  // No token changes nothing. A state is always replaced: its rows are sequences, not tokens.
  if (getCache().getType().isKeyValue() && dimOf(getValues()[0], 0) == 0)
    return getCache();
  return {};
}

LogicalResult CacheViewOp::verify() {
  CacheType cache = getCache().getType();
  if (cache.isKeyValue())
    return emitOpError("expected a cache of kind 'conv_taps', 'scan_state' or 'memory_vector', got '")
           << stringifyCacheKind(cache.getKind()) << "'; keys and values are read by 'hybrid.attention'";
  SmallVector<int64_t> shape = cache.getViewShape();
  shape.insert(shape.begin(), anySize);
  return verifyShape(*this, "view", getView(), {shape});
}
