// Linalg ops through their indexing maps: the loops' sizes follow from the operands' shapes, each operand is a base and
// one stride per loop, and the region runs as a ScalarProgram. Products and sums of two operands skip the program.
#include "Frame.h"
#include "ScalarProgram.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// How one operand is read in the loops.
struct Access {
  const double *data;
  int64_t base = 0;
  SmallVector<int64_t> strides; // per loop, in elements
  AffineMap general;            // set if the map is not linear: then strides and base do not count
  ArrayRef<int64_t> shape;
};
} // namespace

static bool isLinear(AffineMap map) {
  bool linear = true;
  map.walkExprs([&](AffineExpr e) {
    if (e.getKind() == AffineExprKind::Mod || e.getKind() == AffineExprKind::FloorDiv ||
        e.getKind() == AffineExprKind::CeilDiv)
      linear = false;
  });
  return linear;
}

/// The access of operand number `number`, checked against its shape for the whole iteration space.
static FailureOr<Access> makeAccess(Operation *op, unsigned number, AffineMap map, const HostValue &operand,
                                    ArrayRef<int64_t> loops) {
  Access access{operand.data.data(), 0, SmallVector<int64_t>(loops.size(), 0), {}, operand.shape};
  if (!isLinear(map)) {
    access.general = map;
    return access;
  }
  SmallVector<int64_t> strides = stridesOf(operand.shape);
  SmallVector<int64_t> point(loops.size(), 0), origin(map.compose(point));
  SmallVector<int64_t> least = origin, greatest = origin;
  for (unsigned r = 0; r < map.getNumResults(); ++r)
    access.base += origin[r] * strides[r];
  for (unsigned l = 0; l < loops.size(); ++l) {
    point[l] = 1;
    SmallVector<int64_t> moved(map.compose(point));
    point[l] = 0;
    for (unsigned r = 0; r < map.getNumResults(); ++r) {
      int64_t step = moved[r] - origin[r];
      access.strides[l] += step * strides[r];
      (step < 0 ? least : greatest)[r] += step * (loops[l] - 1);
    }
  }
  bool empty = llvm::is_contained(loops, 0);
  for (unsigned r = 0; r < map.getNumResults() && !empty; ++r)
    if (least[r] < 0 || greatest[r] >= operand.shape[r] ||
        (isa<AffineDimExpr>(map.getResult(r)) && greatest[r] != operand.shape[r] - 1))
      return op->emitError("reference: expected dim ")
             << r << " of operand " << number << " to have " << greatest[r] + 1 << " elements like the loops, got "
             << operand.shape[r];
  return access;
}

/// sum of a[i * strideA] * b[i * strideB]; four sums hide the latency of the adds.
static double dot(const double *a, int64_t strideA, const double *b, int64_t strideB, int64_t n) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int64_t i = 0;
  if (strideA == 1 && strideB == 1)
    for (; i + 4 <= n; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
  for (; i < n; ++i)
    s0 += a[i * strideA] * b[i * strideB];
  return (s0 + s1) + (s2 + s3);
}

LogicalResult hybrid::evaluateLinalgOp(linalg::LinalgOp op, const Frame &frame, SmallVectorImpl<HostValue> &results) {
  SmallVector<int64_t> sizes;
  for (Value operand : op->getOperands())
    llvm::append_range(sizes, frame.get(operand).shape);
  AffineMap toLoops = op.getShapesToLoopsMap();
  if (!toLoops || toLoops.getNumDims() != sizes.size())
    return op->emitError("reference: expected the operands' shapes to give the size of each loop");
  SmallVector<int64_t> loops(toLoops.compose(sizes));

  for (Value init : op.getDpsInits())
    results.push_back(frame.get(init));
  unsigned numOperands = op->getNumOperands(), firstInit = numOperands - results.size();
  SmallVector<Access> accesses;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (unsigned i = 0; i < numOperands; ++i) {
    const HostValue &content = i < firstInit ? frame.get(op->getOperand(i)) : results[i - firstInit];
    FailureOr<Access> access = makeAccess(op, i, maps[i], content, loops);
    if (failed(access))
      return failure();
    accesses.push_back(std::move(*access));
  }
  FailureOr<ScalarProgram> program =
      ScalarProgram::compile(*op.getBlock(), [&](Value value) { return frame.find(value); });
  if (failed(program))
    return failure();

  bool linear = llvm::none_of(accesses, [](const Access &a) { return bool(a.general); });
  int64_t inner = loops.empty() ? 1 : loops.back();
  int64_t last = int64_t(loops.size()) - 1;
  auto stride = [&](const Access &a) { return last < 0 ? 0 : a.strides[last]; };
  bool isDot = linear && program->isMultiplyAdd() && stride(accesses[2]) == 0;
  std::vector<double> registers = program->makeFrame();
  SmallVector<int64_t> index(loops.size(), 0);
  bool inBounds = true;
  auto offsetOf = [&](const Access &a, ArrayRef<int64_t> at) -> int64_t {
    if (!a.general) {
      int64_t offset = a.base;
      for (auto [i, s] : llvm::zip_equal(at, a.strides))
        offset += i * s;
      return offset;
    }
    int64_t offset = 0;
    for (auto [i, size] : llvm::zip_equal(a.general.compose(at), a.shape)) {
      if (i < 0 || i >= size) {
        inBounds = false;
        return 0;
      }
      offset = offset * size + i;
    }
    return offset;
  };

  SmallVector<int64_t> offsets(numOperands);
  forEachIndex(ArrayRef(loops).drop_back(loops.empty() ? 0 : 1), [&](ArrayRef<int64_t> outer) {
    llvm::copy(outer, index.begin());
    if (last >= 0)
      index[last] = 0;
    for (unsigned i = 0; i < numOperands; ++i)
      offsets[i] = offsetOf(accesses[i], index);
    if (isDot) {
      results[0].data[offsets[2]] += dot(accesses[0].data + offsets[0], stride(accesses[0]),
                                         accesses[1].data + offsets[1], stride(accesses[1]), inner);
      return;
    }
    for (int64_t n = 0; n < inner && inBounds; ++n) {
      if (last >= 0)
        index[last] = n;
      for (unsigned i = 0; i < numOperands; ++i) {
        if (!linear)
          offsets[i] = offsetOf(accesses[i], index);
        if (inBounds)
          registers[i] = accesses[i].data[offsets[i]];
      }
      inBounds = inBounds && program->run(registers.data(), index);
      if (!inBounds)
        return;
      for (auto [r, result] : llvm::enumerate(program->getResults()))
        results[r].data[offsets[firstInit + r]] = registers[result];
      if (linear)
        for (unsigned i = 0; i < numOperands; ++i)
          offsets[i] += stride(accesses[i]);
    }
  });
  if (!inBounds)
    return op->emitError("reference: an index is outside the tensor that it reads");
  return success();
}
