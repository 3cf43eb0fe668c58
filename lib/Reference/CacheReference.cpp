// Caches on the host keep every token of a sequence: rings forget by masking in attention, so that positions stay
// plain.
#include "Reference.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct CacheAppendModel : ReferenceModel<CacheAppendModel, CacheAppendOp> {
  static LogicalResult compute(CacheAppendOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    HostValue cache = *in[op.getCache()];
    int64_t B = cache.sequences.size();
    if (!op.getCache().getType().isKeyValue()) { // the state that the call's tokens lead to replaces the old one
      const HostValue &state = *in[op.getValues()[0]];
      if (failed(checkRows(op, "values", &state, B)))
        return failure();
      int64_t size = state.numElements() / std::max<int64_t>(B, 1);
      for (int64_t b = 0; b < B; ++b)
        std::copy_n(state.data.begin() + b * size, size, cache.sequences[b][0].data.begin());
      results.push_back(std::move(cache));
      return success();
    }
    int64_t T = in[op.getValues()[0]]->shape[0];
    FailureOr<SmallVector<Span>> spans = sequencesOf(op, in[op.getOffsets()], T);
    if (failed(spans))
      return failure();
    if (int64_t(spans->size()) != B)
      return op.emitError("reference: expected the offsets to list ") << B << " sequences, got " << spans->size();
    for (auto [part, operand] : llvm::enumerate(op.getValues())) {
      const HostValue &rows = *in[operand];
      if (failed(checkRows(op, "values", &rows, T)))
        return failure();
      int64_t size = rows.numElements() / std::max<int64_t>(T, 1);
      for (auto [span, parts] : llvm::zip_equal(*spans, cache.sequences)) {
        HostValue &kept = parts[part];
        kept.shape[0] += span.size();
        kept.data.insert(kept.data.end(), rows.data.begin() + span.begin * size, rows.data.begin() + span.end * size);
      }
    }
    results.push_back(std::move(cache));
    return success();
  }
};

struct CacheViewModel : ReferenceModel<CacheViewModel, CacheViewOp> {
  static LogicalResult compute(CacheViewOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    const HostValue &cache = *in[op.getCache()];
    HostValue view;
    view.shape.push_back(cache.sequences.size());
    auto type = cast<RankedTensorType>(op.getView().getType());
    llvm::append_range(view.shape, type.getShape().drop_front());
    for (const std::vector<HostValue> &parts : cache.sequences)
      view.data.insert(view.data.end(), parts[0].data.begin(), parts[0].data.end());
    results.push_back(std::move(view));
    return success();
  }
};
} // namespace

void hybrid::attachCacheReferences(MLIRContext *context) {
  CacheAppendOp::attachInterface<CacheAppendModel>(*context);
  CacheViewOp::attachInterface<CacheViewModel>(*context);
}
