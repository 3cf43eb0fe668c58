// Ops of the tensor dialect that move elements around.
#include "Frame.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

/// Offset in a tensor of strides `strides` of offsets + index * steps.
static int64_t position(ArrayRef<int64_t> index, ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps,
                        ArrayRef<int64_t> strides) {
  int64_t at = 0;
  for (unsigned d = 0; d < index.size(); ++d)
    at += (offsets[d] + index[d] * steps[d]) * strides[d];
  return at;
}

static LogicalResult checkSlice(Operation *op, ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets,
                                ArrayRef<int64_t> sizes, ArrayRef<int64_t> steps) {
  for (unsigned d = 0; d < shape.size(); ++d)
    if (sizes[d] < 0 || (sizes[d] > 0 && (offsets[d] < 0 || offsets[d] + (sizes[d] - 1) * steps[d] >= shape[d] ||
                                          offsets[d] + (sizes[d] - 1) * steps[d] < 0)))
      return op->emitError("reference: expected the slice to lie in dim ")
             << d << " of " << shape[d] << " elements, got offset " << offsets[d] << ", size " << sizes[d]
             << ", stride " << steps[d];
  return success();
}

static FailureOr<HostValue> evaluateExtractSlice(tensor::ExtractSliceOp op, const Frame &frame) {
  const HostValue &source = frame.get(op.getSource());
  SmallVector<int64_t> offsets = frame.integers(op.getMixedOffsets()), sizes = frame.integers(op.getMixedSizes()),
                       steps = frame.integers(op.getMixedStrides()), strides = stridesOf(source.shape);
  if (failed(checkSlice(op, source.shape, offsets, sizes, steps)))
    return failure();
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> shape;
  for (auto [d, size] : llvm::enumerate(sizes))
    if (!dropped[d])
      shape.push_back(size);
  HostValue result(shape);
  int64_t n = 0;
  forEachIndex(sizes, [&](ArrayRef<int64_t> index) {
    result.data[n++] = source.data[position(index, offsets, steps, strides)];
  });
  return result;
}

static FailureOr<HostValue> evaluateInsertSlice(tensor::InsertSliceOp op, const Frame &frame) {
  HostValue result = frame.get(op.getDest());
  SmallVector<int64_t> offsets = frame.integers(op.getMixedOffsets()), sizes = frame.integers(op.getMixedSizes()),
                       steps = frame.integers(op.getMixedStrides()), strides = stridesOf(result.shape);
  const HostValue &source = frame.get(op.getSource());
  if (failed(checkSlice(op, result.shape, offsets, sizes, steps)))
    return failure();
  int64_t n = 0;
  if (llvm::product_of(sizes) != source.numElements())
    return op->emitError("reference: expected a source of ")
           << llvm::product_of(sizes) << " elements, got " << source.numElements();
  forEachIndex(sizes, [&](ArrayRef<int64_t> index) {
    result.data[position(index, offsets, steps, strides)] = source.data[n++];
  });
  return result;
}

static FailureOr<HostValue> reshaped(Operation *op, const HostValue &source, ArrayRef<int64_t> shape) {
  HostValue result;
  result.shape.assign(shape.begin(), shape.end());
  if (result.numElements() != source.numElements())
    return op->emitError("reference: expected the new shape to have ")
           << source.numElements() << " elements, got " << result.numElements();
  result.data = source.data;
  return result;
}

static FailureOr<HostValue> evaluateCollapse(tensor::CollapseShapeOp op, const Frame &frame) {
  const HostValue &source = frame.get(op.getSrc());
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    int64_t size = 1;
    for (int64_t d : group)
      size *= source.shape[d];
    shape.push_back(size);
  }
  return reshaped(op, source, shape);
}

static FailureOr<HostValue> evaluateConcat(tensor::ConcatOp op, const Frame &frame) {
  unsigned dim = op.getDim();
  SmallVector<int64_t> shape = frame.get(op.getInputs()[0]).shape;
  shape[dim] = 0;
  for (Value input : op.getInputs()) {
    const HostValue &part = frame.get(input);
    for (unsigned d = 0; d < shape.size(); ++d)
      if (d != dim && part.shape[d] != shape[d])
        return op.emitError("reference: expected dim ") << d << " to be " << shape[d] << ", got " << part.shape[d];
    shape[dim] += part.shape[dim];
  }
  HostValue result(shape);
  int64_t outer = 1, inner = 1, column = 0;
  for (unsigned d = 0; d < shape.size(); ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : shape[d];
  for (Value input : op.getInputs()) {
    const HostValue &part = frame.get(input);
    int64_t run = part.shape[dim] * inner;
    for (int64_t o = 0; o < outer; ++o)
      std::copy_n(part.data.begin() + o * run, run, result.data.begin() + o * shape[dim] * inner + column);
    column += run;
  }
  return result;
}

static FailureOr<HostValue> evaluateGather(tensor::GatherOp op, const Frame &frame) {
  const HostValue &source = frame.get(op.getSource()), &indices = frame.get(op.getIndices());
  ArrayRef<int64_t> dims = op.getGatherDims();
  SmallVector<int64_t> sizes = source.shape, strides = stridesOf(source.shape);
  for (int64_t d : dims)
    sizes[d] = 1;
  SmallVector<int64_t> shape(ArrayRef(indices.shape).drop_back());
  bool reduced = op.getResultType().getRank() != int64_t(shape.size() + sizes.size());
  for (auto [d, size] : llvm::enumerate(sizes))
    if (!reduced || !llvm::is_contained(dims, int64_t(d)))
      shape.push_back(size);
  HostValue result(shape);
  int64_t n = 0, rows = indices.numElements() / std::max<int64_t>(1, dims.size());
  SmallVector<int64_t> offsets(sizes.size(), 0), steps(sizes.size(), 1);
  for (int64_t row = 0; row < rows; ++row) {
    for (auto [i, d] : llvm::enumerate(dims)) {
      double index = indices.data[row * dims.size() + i];
      if (!(index >= 0 && index < source.shape[d]))
        return op.emitError("reference: expected index ")
               << row << " to be in [0, " << source.shape[d] << "), got " << index;
      offsets[d] = int64_t(index);
    }
    forEachIndex(sizes, [&](ArrayRef<int64_t> index) {
      result.data[n++] = source.data[position(index, offsets, steps, strides)];
    });
  }
  return result;
}

static FailureOr<HostValue> evaluateExtract(tensor::ExtractOp op, const Frame &frame) {
  const HostValue &source = frame.get(op.getTensor());
  int64_t at = 0;
  for (auto [value, size] : llvm::zip_equal(op.getIndices(), source.shape)) {
    int64_t index = frame.integer(value);
    if (index < 0 || index >= size)
      return op.emitError("reference: expected an index in [0, ") << size << "), got " << index;
    at = at * size + index;
  }
  HostValue result{ArrayRef<int64_t>{}};
  result.data[0] = source.data[at];
  return result;
}

bool hybrid::isTensorOp(Operation *op) {
  return isa<tensor::DimOp, tensor::EmptyOp, tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp, tensor::CastOp, tensor::ConcatOp, tensor::GatherOp, tensor::ExtractOp,
             tensor::SplatOp, tensor::FromElementsOp>(op);
}

FailureOr<HostValue> hybrid::evaluateTensorOp(Operation *op, const Frame &frame) {
  return TypeSwitch<Operation *, FailureOr<HostValue>>(op)
      .Case([&](tensor::DimOp dim) -> FailureOr<HostValue> {
        const HostValue &source = frame.get(dim.getSource());
        int64_t index = frame.integer(dim.getIndex());
        if (index < 0 || index >= int64_t(source.shape.size()))
          return dim.emitError("reference: expected a dim below ") << source.shape.size() << ", got " << index;
        HostValue result{ArrayRef<int64_t>{}};
        result.data[0] = double(source.shape[index]);
        return result;
      })
      .Case([&](tensor::EmptyOp empty) {
        HostValue result(frame.integers(empty.getMixedSizes()));
        std::fill(result.data.begin(), result.data.end(), std::nan(""));
        return result;
      })
      .Case([&](tensor::SplatOp splat) {
        SmallVector<int64_t> shape(splat.getType().getShape());
        unsigned next = 0;
        for (int64_t &size : shape)
          if (ShapedType::isDynamic(size))
            size = frame.integer(splat.getDynamicSizes()[next++]);
        HostValue result(shape);
        std::fill(result.data.begin(), result.data.end(), frame.get(splat.getInput()).data[0]);
        return result;
      })
      .Case([&](tensor::FromElementsOp from) {
        HostValue result(from.getType().getShape());
        for (auto [i, element] : llvm::enumerate(from.getElements()))
          result.data[i] = frame.get(element).data[0];
        return result;
      })
      .Case([&](tensor::CastOp cast) { return frame.get(cast.getSource()); })
      .Case([&](tensor::ExpandShapeOp expand) {
        return reshaped(op, frame.get(expand.getSrc()), frame.integers(expand.getMixedOutputShape()));
      })
      .Case([&](tensor::CollapseShapeOp o) { return evaluateCollapse(o, frame); })
      .Case([&](tensor::ExtractSliceOp o) { return evaluateExtractSlice(o, frame); })
      .Case([&](tensor::InsertSliceOp o) { return evaluateInsertSlice(o, frame); })
      .Case([&](tensor::ConcatOp o) { return evaluateConcat(o, frame); })
      .Case([&](tensor::GatherOp o) { return evaluateGather(o, frame); })
      .Case([&](tensor::ExtractOp o) { return evaluateExtract(o, frame); })
      .DefaultUnreachable("expected an op that isTensorOp() knows");
}
