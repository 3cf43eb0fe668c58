// The values of one function while it is evaluated, and the kinds of op that the evaluator knows.
#ifndef HYBRID_LIB_REFERENCE_FRAME_H
#define HYBRID_LIB_REFERENCE_FRAME_H
#include "dialects/Hybrid/Hybrid.h"
#include <memory>

namespace mlir::hybrid {

class Frame {
public:
  void set(Value value, std::shared_ptr<const HostValue> content) { values[value] = std::move(content); }
  void set(Value value, HostValue content) { set(value, std::make_shared<const HostValue>(std::move(content))); }
  void drop(Value value) { values.erase(value); }
  /// Null if the value is not known.
  const HostValue *find(Value value) const {
    auto it = values.find(value);
    return it == values.end() ? nullptr : it->second.get();
  }
  std::shared_ptr<const HostValue> share(Value value) const { return values.lookup(value); }
  const HostValue &get(Value value) const { return *values.find(value)->second; }
  int64_t integer(Value value) const { return static_cast<int64_t>(get(value).data[0]); }
  int64_t integer(OpFoldResult value) const {
    if (auto attribute = dyn_cast<Attribute>(value))
      return cast<IntegerAttr>(attribute).getInt();
    return integer(cast<Value>(value));
  }
  SmallVector<int64_t> integers(ArrayRef<OpFoldResult> list) const {
    SmallVector<int64_t> result;
    for (OpFoldResult value : list)
      result.push_back(integer(value));
    return result;
  }

private:
  DenseMap<Value, std::shared_ptr<const HostValue>> values;
};

/// Row-major strides.
inline SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/// Calls `visit` with every index of `shape`, last dim fastest.
template <class Visit> void forEachIndex(ArrayRef<int64_t> shape, Visit visit) {
  for (int64_t size : shape)
    if (size <= 0)
      return;
  SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    visit(ArrayRef<int64_t>(index));
    int64_t d = int64_t(shape.size()) - 1;
    while (d >= 0 && ++index[d] == shape[d])
      index[d--] = 0;
    if (d < 0)
      return;
  }
}

/// A tensor op with one result; failure without a message: not an op of the tensor dialect that is known here.
bool isTensorOp(Operation *op);
FailureOr<HostValue> evaluateTensorOp(Operation *op, const Frame &frame);

/// Any LinalgOp on tensors, through its maps and its region.
LogicalResult evaluateLinalgOp(linalg::LinalgOp op, const Frame &frame, SmallVectorImpl<HostValue> &results);

} // namespace mlir::hybrid
#endif
