// Registration of the dialect, and the verifiers of its types and attributes.
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
  if (dims.size() != expected) // (C1)
    return emitError() << "expected " << expected << " dims for a cache of kind '" << stringifyCacheKind(kind)
                       << "', got " << dims.size();
  for (auto [i, d] : llvm::enumerate(dims)) // a ring may pin no token
    if (d < (kind == CacheKind::ring_kv && i == 4 ? 0 : 1))
      return emitError() << "expected positive cache dims, got " << d;
  if (!isa<FloatType>(elementType)) // (C2)
    return emitError() << "expected a float element type, got " << elementType;
  return success();
}

/// (C1) to (C3) of pieces and folds.
static LogicalResult verifySource(function_ref<InFlightDiagnostic()> emitError, StringRef source, int64_t begin,
                                  int64_t end, StringAttr map) {
  if (source.empty())
    return emitError() << "expected a checkpoint tensor or an initialiser as the source, got \"\"";
  if (begin < 0 || (end != -1 && end <= begin))
    return emitError() << "expected a run that begins at 0 or later and ends behind that, or at -1 for the last, got ["
                       << begin << ", " << end << ")";
  if (map && !llvm::is_contained({"neg_exp", "one_plus"}, map.getValue()))
    return emitError() << "expected the map \"neg_exp\" or \"one_plus\", or none, got " << map;
  return success();
}

LogicalResult FoldAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef source, int64_t begin,
                               int64_t end, StringAttr map) {
  return verifySource(emitError, source, begin, end, map);
}

LogicalResult PieceAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef source, int64_t begin,
                                int64_t end, bool, FloatAttr, StringAttr map, ArrayAttr columnFolds) {
  if (failed(verifySource(emitError, source, begin, end, map)))
    return failure();
  if (columnFolds)
    for (Attribute fold : columnFolds)
      if (!isa<FoldAttr>(fold))
        return emitError() << "expected 'column_folds' to be a list of folds, got " << fold;
  return success();
}

std::string PieceAttr::named(StringRef source, StringRef owner) {
  bool moved = source.starts_with("init:") && !source.contains('@');
  return moved ? (source + "@" + owner).str() : source.str();
}

LogicalResult FieldAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name, int64_t rows) {
  if (name.empty())
    return emitError() << "expected a field to have a name, got \"\"";
  if (rows < 1)
    return emitError() << "expected a field to have at least one row, got " << rows;
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
