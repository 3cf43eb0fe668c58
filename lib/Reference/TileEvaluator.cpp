// An interpreter of kernels: a map from SSA values to f64 tensors and one function per kind of op. It is
// written to be obviously right, never to be fast.
#include "hybrid/Reference/TileEvaluator.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>
using namespace mlir;
using namespace mlir::hybrid;

double mlir::hybrid::roundTo(Type type, double value) {
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType || floatType.isF64())
    return value;
  llvm::APFloat rounded(value);
  bool lost;
  rounded.convert(floatType.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return rounded.convertToDouble();
}

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

class BlockEvaluator {
public:
  BlockEvaluator(std::array<int64_t, 3> place) : place(place) {}

  LogicalResult run(tile::KernelOp kernel, const TileLaunch &launch);

private:
  LogicalResult runBlock(Block &block);
  LogicalResult runOp(Operation &op);
  LogicalResult runElementwise(Operation &op);
  LogicalResult runFor(scf::ForOp loop);
  LogicalResult runIf(scf::IfOp branch);
  LogicalResult runLoad(tile::LoadOp load);
  LogicalResult runGather(tile::GatherOp gather);
  LogicalResult runStore(tile::StoreOp store);
  LogicalResult runScalarLoad(memref::LoadOp load);
  void runDot(tile::DotOp dot);
  void runReduce(tile::ReduceOp reduce);
  void runVectorOp(Operation &op);

  /// The element of `memory` at (row, column), or an error at `op` when there is none.
  FailureOr<double *> at(Operation *op, Value memory, int64_t row, int64_t column);

  int64_t scalar(Value v) { return static_cast<int64_t>(values[v].data[0]); }
  int64_t scalarOr(Value v, int64_t otherwise) { return v ? scalar(v) : otherwise; }
  HostValue &fresh(Value v) {
    ArrayRef<int64_t> shape;
    if (auto shaped = dyn_cast<ShapedType>(v.getType()))
      shape = shaped.getShape();
    return values[v] = HostValue(shape);
  }
  void setScalar(Value v, double x) { fresh(v).data[0] = x; }
  void copy(ValueRange from, ValueRange to) {
    SmallVector<HostValue> held; // a loop may permute its own arguments
    for (Value v : from)
      held.push_back(values[v]);
    for (auto [v, x] : llvm::zip(to, held))
      values[v] = std::move(x);
  }

  std::array<int64_t, 3> place;
  bool rounds = true;
  DenseMap<Value, HostValue> values;
  DenseMap<Value, HostValue *> memories;
};

/// A row and column of a rank-1 or rank-2 access: rank 1 counts as one column.
struct Shape2 {
  explicit Shape2(ArrayRef<int64_t> shape) : rows(shape[0]), columns(shape.size() == 2 ? shape[1] : 1) {}
  int64_t rows, columns;
};

} // namespace

LogicalResult BlockEvaluator::run(tile::KernelOp kernel, const TileLaunch &launch) {
  rounds = launch.rounds;
  size_t buffer = 0, number = 0;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    bool isBuffer = isa<MemRefType>(argument.getType());
    size_t &next = isBuffer ? buffer : number, given = isBuffer ? launch.buffers.size() : launch.scalars.size();
    if (next == given)
      return kernel.emitError("expected a ") << (isBuffer ? "buffer" : "number") << " for argument "
                                             << argument.getArgNumber() << ", got only " << given;
    if (isBuffer)
      memories[argument] = launch.buffers[next++];
    else
      setScalar(argument, launch.scalars[next++]);
  }
  return runBlock(kernel.getBody().front());
}

LogicalResult BlockEvaluator::runBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(runOp(op)))
      return failure();
  return success();
}

LogicalResult BlockEvaluator::runOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](scf::ForOp o) { return runFor(o); })
      .Case([&](scf::IfOp o) { return runIf(o); })
      .Case([&](tile::LoadOp o) { return runLoad(o); })
      .Case([&](tile::GatherOp o) { return runGather(o); })
      .Case([&](tile::StoreOp o) { return runStore(o); })
      .Case([&](memref::LoadOp o) { return runScalarLoad(o); })
      .Case([&](memref::DimOp o) {
        setScalar(o, memories[o.getSource()]->dim(scalar(o.getIndex())));
        return success();
      })
      .Case([&](tile::BlockIdOp o) {
        setScalar(o, place[static_cast<unsigned>(o.getAxis())]);
        return success();
      })
      .Case([&](tile::DotOp o) { return runDot(o), success(); })
      .Case([&](tile::ReduceOp o) { return runReduce(o), success(); })
      .Case<tile::TransposeOp, tile::BroadcastOp, tile::IndexOp, tile::PrefixSumOp, tile::SegmentSumOp, tile::SolveOp,
            tensor::SplatOp, tensor::ExtractOp>([&](auto o) { return runVectorOp(op), success(); })
      .Default([&](Operation *) { return runElementwise(op); });
}

LogicalResult BlockEvaluator::runFor(scf::ForOp loop) {
  copy(loop.getInitArgs(), loop.getRegionIterArgs());
  int64_t step = scalar(loop.getStep()), upper = scalar(loop.getUpperBound());
  if (step <= 0)
    return loop.emitError("expected a positive step, got ") << step;
  for (int64_t i = scalar(loop.getLowerBound()); i < upper; i += step) {
    setScalar(loop.getInductionVar(), i);
    if (failed(runBlock(*loop.getBody())))
      return failure();
    copy(loop.getYieldedValues(), loop.getRegionIterArgs());
  }
  copy(loop.getRegionIterArgs(), loop.getResults());
  return success();
}

LogicalResult BlockEvaluator::runIf(scf::IfOp branch) {
  Block *taken = scalar(branch.getCondition()) ? branch.thenBlock() : branch.elseBlock();
  if (!taken)
    return success();
  if (failed(runBlock(*taken)))
    return failure();
  copy(taken->getTerminator()->getOperands(), branch.getResults());
  return success();
}

FailureOr<double *> BlockEvaluator::at(Operation *op, Value memory, int64_t row, int64_t column) {
  HostValue &buffer = *memories[memory];
  Shape2 size(buffer.shape);
  if (row < 0 || row >= size.rows || column < 0 || column >= size.columns)
    return op->emitOpError("reaches element (")
           << row << ", " << column << ") of a buffer of " << size.rows << " x " << size.columns;
  return &buffer.data[row * size.columns + column];
}

LogicalResult BlockEvaluator::runLoad(tile::LoadOp load) {
  HostValue &out = fresh(load.getTile());
  Shape2 size(out.shape);
  int64_t row = scalar(load.getIndices()[0]), column = load.getIndices().size() == 2 ? scalar(load.getIndices()[1]) : 0;
  int64_t from = scalarOr(load.getFrom(), 0), valid = std::min(scalarOr(load.getValid(), size.rows), size.rows);
  for (int64_t i = std::max<int64_t>(from, 0); i < valid; ++i)
    for (int64_t j = 0; j < static_cast<int64_t>(load.getValidColumns().value_or(size.columns)); ++j) {
      auto element = at(load, load.getMemory(), row + i, column + j);
      if (failed(element))
        return failure();
      out.data[i * size.columns + j] = **element;
    }
  return success();
}

LogicalResult BlockEvaluator::runGather(tile::GatherOp gather) {
  HostValue &out = fresh(gather.getTile());
  int64_t valid = std::min(scalarOr(gather.getValid(), out.dim(0)), out.dim(0));
  for (int64_t i = 0; i < valid; ++i)
    for (int64_t j = 0; j < out.dim(1); ++j) {
      int64_t row = static_cast<int64_t>(values[gather.getRows()].data[i]);
      auto element = at(gather, gather.getMemory(), row, scalar(gather.getColumn()) + j);
      if (failed(element))
        return failure();
      out.data[i * out.dim(1) + j] = **element;
    }
  return success();
}

LogicalResult BlockEvaluator::runStore(tile::StoreOp store) {
  HostValue &tile = values[store.getTile()];
  Shape2 size(tile.shape);
  int64_t row = scalar(store.getIndices()[0]);
  int64_t column = store.getIndices().size() == 2 ? scalar(store.getIndices()[1]) : 0;
  int64_t from = scalarOr(store.getFrom(), 0), valid = std::min(scalarOr(store.getValid(), size.rows), size.rows);
  for (int64_t i = std::max<int64_t>(from, 0); i < valid; ++i)
    for (int64_t j = 0; j < static_cast<int64_t>(store.getValidColumns().value_or(size.columns)); ++j) {
      auto element = at(store, store.getMemory(), row + i, column + j);
      if (failed(element))
        return failure();
      **element = tile.data[i * size.columns + j];
    }
  return success();
}

LogicalResult BlockEvaluator::runScalarLoad(memref::LoadOp load) {
  int64_t column = load.getIndices().size() == 2 ? scalar(load.getIndices()[1]) : 0;
  auto element = at(load, load.getMemRef(), scalar(load.getIndices()[0]), column);
  if (failed(element))
    return failure();
  setScalar(load.getResult(), **element);
  return success();
}

void BlockEvaluator::runDot(tile::DotOp dot) {
  HostValue &out = fresh(dot.getResult());
  const HostValue &a = values[dot.getA()], &b = values[dot.getB()], &acc = values[dot.getAcc()];
  int64_t m = out.dim(0), n = out.dim(1), depth = a.dim(dot.getTransposeA() ? 0 : 1);
  int64_t live = scalarOr(dot.getRows(), m);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = acc.data[i * n + j];
      for (int64_t k = 0; k < depth; ++k)
        sum += a.data[dot.getTransposeA() ? k * m + i : i * depth + k] *
               b.data[dot.getTransposeB() ? j * depth + k : k * n + j];
      out.data[i * n + j] = i < live ? sum : kNaN;
    }
}

void BlockEvaluator::runReduce(tile::ReduceOp reduce) {
  HostValue &out = fresh(reduce.getResult());
  const HostValue &in = values[reduce.getTile()];
  bool sum = reduce.getKind() == tile::Reduction::sum;
  std::fill(out.data.begin(), out.data.end(), sum ? 0 : -kInf);
  for (int64_t i = 0; i < in.dim(0); ++i)
    for (int64_t j = 0; j < in.dim(1); ++j) {
      double &to = out.data[reduce.getAxis() == 1 ? i : j], x = in.data[i * in.dim(1) + j];
      to = sum ? to + x : std::fmax(to, x);
    }
}

void BlockEvaluator::runVectorOp(Operation &op) {
  HostValue &out = fresh(op.getResult(0));
  const HostValue none;
  const HostValue &in = op.getNumOperands() ? values[op.getOperand(0)] : none;
  Shape2 size(out.shape.empty() ? ArrayRef<int64_t>{1} : ArrayRef<int64_t>(out.shape));
  auto fill = [&](auto element) {
    for (int64_t i = 0; i < size.rows; ++i)
      for (int64_t j = 0; j < size.columns; ++j)
        out.data[i * size.columns + j] = element(i, j);
  };
  TypeSwitch<Operation *>(&op)
      .Case([&](tile::TransposeOp) { fill([&](int64_t i, int64_t j) { return in.data[j * size.rows + i]; }); })
      .Case([&](tile::BroadcastOp o) { fill([&](int64_t i, int64_t j) { return in.data[o.getAxis() ? i : j]; }); })
      .Case([&](tile::IndexOp o) { fill([&](int64_t i, int64_t j) { return o.getAxis() ? j : i; }); })
      .Case([&](tensor::SplatOp) { fill([&](int64_t, int64_t) { return in.data[0]; }); })
      .Case([&](tensor::ExtractOp o) {
        int64_t offset = 0;
        for (auto [index, extent] : llvm::zip(o.getIndices(), in.shape))
          offset = offset * extent + scalar(index);
        out.data[0] = in.data[offset];
      })
      .Case([&](tile::PrefixSumOp o) {
        double sum = 0;
        if (!o.getSuffix())
          return fill([&](int64_t i, int64_t) { return sum += in.data[i]; });
        for (int64_t i = size.rows; i-- > 0; sum += in.data[i])
          out.data[i] = sum;
      })
      .Case([&](tile::SegmentSumOp) {
        fill([&](int64_t i, int64_t j) {
          double sum = j > i ? -kInf : 0;
          for (int64_t t = j + 1; t <= i; ++t)
            sum += in.data[t];
          return sum;
        });
      })
      .Case([&](tile::SolveOp o) {
        const HostValue &rhs = values[o.getRhs()];
        fill([&](int64_t i, int64_t j) {
          double x = rhs.data[i * size.columns + j];
          for (int64_t t = 0; t < i; ++t)
            x -= in.data[i * size.rows + t] * out.data[t * size.columns + j];
          return x;
        });
      });
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return !unordered && a == b;
  case P::OGT:
    return !unordered && a > b;
  case P::OGE:
    return !unordered && a >= b;
  case P::OLT:
    return !unordered && a < b;
  case P::OLE:
    return !unordered && a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return unordered || a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

static bool compare(arith::CmpIPredicate predicate, int64_t a, int64_t b) {
  using P = arith::CmpIPredicate;
  uint64_t ua = a, ub = b;
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  return false;
}

static bool anyNaN(ArrayRef<double> x) {
  return llvm::any_of(x, [](double v) { return std::isnan(v); });
}

/// One element of an elementwise op on floats, or none when the op is not one.
static std::optional<double> evaluateFloat(Operation *op, ArrayRef<double> x) {
  return TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](arith::AddFOp) { return x[0] + x[1]; })
      .Case([&](arith::SubFOp) { return x[0] - x[1]; })
      .Case([&](arith::MulFOp) { return x[0] * x[1]; })
      .Case([&](arith::DivFOp) { return x[0] / x[1]; })
      .Case([&](arith::NegFOp) { return -x[0]; })
      .Case([&](arith::MaximumFOp) { return anyNaN(x) ? kNaN : std::fmax(x[0], x[1]); })
      .Case([&](arith::MinimumFOp) { return anyNaN(x) ? kNaN : std::fmin(x[0], x[1]); })
      .Case([&](arith::MaxNumFOp) { return std::fmax(x[0], x[1]); })
      .Case([&](arith::MinNumFOp) { return std::fmin(x[0], x[1]); })
      .Case([&](arith::CmpFOp o) { return compare(o.getPredicate(), x[0], x[1]); })
      .Case<arith::ExtFOp, arith::SIToFPOp, arith::UIToFPOp>([&](auto) { return x[0]; })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([&](auto) { return std::trunc(x[0]); })
      .Case([&](arith::TruncFOp o) { return roundTo(getElementTypeOrSelf(o.getType()), x[0]); })
      .Case([&](math::ExpOp) { return std::exp(x[0]); })
      .Case([&](math::Exp2Op) { return std::exp2(x[0]); })
      .Case([&](math::ExpM1Op) { return std::expm1(x[0]); })
      .Case([&](math::LogOp) { return std::log(x[0]); })
      .Case([&](math::Log2Op) { return std::log2(x[0]); })
      .Case([&](math::Log1pOp) { return std::log1p(x[0]); })
      .Case([&](math::SqrtOp) { return std::sqrt(x[0]); })
      .Case([&](math::RsqrtOp) { return 1 / std::sqrt(x[0]); })
      .Case([&](math::TanhOp) { return std::tanh(x[0]); })
      .Case([&](math::ErfOp) { return std::erf(x[0]); })
      .Case([&](math::SinOp) { return std::sin(x[0]); })
      .Case([&](math::CosOp) { return std::cos(x[0]); })
      .Case([&](math::AbsFOp) { return std::fabs(x[0]); })
      .Case([&](math::FloorOp) { return std::floor(x[0]); })
      .Case([&](math::CeilOp) { return std::ceil(x[0]); })
      .Case([&](math::PowFOp) { return std::pow(x[0], x[1]); })
      .Case([&](math::FmaOp) { return x[0] * x[1] + x[2]; })
      .Default([](Operation *) { return std::nullopt; });
}

/// The same on integers. Divisors are checked by the caller.
static std::optional<int64_t> evaluateInteger(Operation *op, ArrayRef<int64_t> x) {
  auto floorDiv = [&] { return x[0] / x[1] - (x[0] % x[1] != 0 && (x[0] < 0) != (x[1] < 0)); };
  return TypeSwitch<Operation *, std::optional<int64_t>>(op)
      .Case([&](arith::AddIOp) { return x[0] + x[1]; })
      .Case([&](arith::SubIOp) { return x[0] - x[1]; })
      .Case([&](arith::MulIOp) { return x[0] * x[1]; })
      .Case<arith::DivSIOp, arith::DivUIOp>([&](auto) { return x[0] / x[1]; })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return x[0] % x[1]; })
      .Case([&](arith::FloorDivSIOp) { return floorDiv(); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](auto) { return floorDiv() + (x[0] % x[1] != 0); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return std::max(x[0], x[1]); })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return std::min(x[0], x[1]); })
      .Case([&](arith::AndIOp) { return x[0] & x[1]; })
      .Case([&](arith::OrIOp) { return x[0] | x[1]; })
      .Case([&](arith::XOrIOp) { return x[0] ^ x[1]; })
      .Case([&](arith::ShLIOp) { return x[0] << x[1]; })
      .Case<arith::ShRSIOp, arith::ShRUIOp>([&](auto) { return x[0] >> x[1]; })
      .Case([&](arith::CmpIOp o) { return compare(o.getPredicate(), x[0], x[1]); })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(
          [&](auto) { return x[0]; })
      .Default([](Operation *) { return std::nullopt; });
}

FailureOr<double> mlir::hybrid::evaluateElement(Operation &op, ArrayRef<double> x, bool rounds) {
  if (!rounds && isa<arith::TruncFOp>(op))
    return x[0];
  if (isa<arith::SelectOp>(op))
    return x[0] != 0 ? x[1] : x[2];
  if (auto result = evaluateFloat(&op, x))
    return *result;
  SmallVector<int64_t> n(x.begin(), x.end());
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp,
          arith::CeilDivUIOp>(op) &&
      n[1] == 0)
    return op.emitOpError("divides by zero");
  if (auto result = evaluateInteger(&op, n))
    return static_cast<double>(*result);
  return op.emitOpError("has no meaning in a kernel");
}

LogicalResult BlockEvaluator::runElementwise(Operation &op) {
  if (op.getNumResults() != 1 || op.getNumRegions() != 0)
    return op.emitOpError("has no meaning in a kernel");
  HostValue &out = fresh(op.getResult(0));
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = [](Attribute a) {
      if (auto f = dyn_cast<FloatAttr>(a))
        return f.getValueAsDouble();
      auto i = cast<IntegerAttr>(a);
      return static_cast<double>(i.getType().isInteger(1) ? i.getValue().getZExtValue() : i.getValue().getSExtValue());
    };
    auto elements = dyn_cast<ElementsAttr>(constant.getValue());
    if (!elements)
      return out.data[0] = number(constant.getValue()), success();
    for (auto [to, from] : llvm::zip(out.data, elements.getValues<Attribute>()))
      to = number(from);
    return success();
  }
  SmallVector<const HostValue *> operands;
  for (Value v : op.getOperands())
    operands.push_back(&values[v]);
  for (size_t i = 0; i < out.data.size(); ++i) {
    SmallVector<double> x;
    for (const HostValue *operand : operands) // a scalar condition of a select goes for all elements
      x.push_back(operand->data[operand->data.size() == 1 ? 0 : i]);
    FailureOr<double> element = evaluateElement(op, x, rounds);
    if (failed(element))
      return failure();
    out.data[i] = *element;
  }
  return success();
}

LogicalResult mlir::hybrid::evaluateTileBlock(tile::KernelOp kernel, const TileLaunch &launch,
                                              std::array<int64_t, 3> place) {
  return BlockEvaluator(place).run(kernel, launch);
}

LogicalResult mlir::hybrid::evaluateTileGrid(tile::KernelOp kernel, const TileLaunch &launch,
                                             std::array<int64_t, 3> grid) {
  for (int64_t z = 0; z < grid[2]; ++z)
    for (int64_t y = 0; y < grid[1]; ++y)
      for (int64_t x = 0; x < grid[0]; ++x)
        if (failed(evaluateTileBlock(kernel, launch, {x, y, z})))
          return failure();
  return success();
}
