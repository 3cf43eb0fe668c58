#include "ScalarProgram.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Index/IR/IndexOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <cstdint>
using namespace mlir;
using namespace mlir::hybrid;

using Function = ScalarProgram::Function;

namespace {
int64_t toInt(double x) { return static_cast<int64_t>(x); }
double floorDivide(double a, double b) { return std::floor(a / b); }
/// minimumf and maximumf return NaN if an operand is; minnumf and maxnumf the other operand.
double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); }
double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); }
} // namespace

#define FN(expression)                                                                                                 \
  [](double a, double b, double c) -> double {                                                                         \
    (void)a, (void)b, (void)c;                                                                                         \
    return expression;                                                                                                 \
  }

/// Ops that need nothing but their operands.
static const llvm::StringMap<Function> &functionTable() {
  static const llvm::StringMap<Function> table = {
      {"arith.addf", FN(a + b)},
      {"arith.subf", FN(a - b)},
      {"arith.mulf", FN(a * b)},
      {"arith.divf", FN(a / b)},
      {"arith.remf", FN(std::fmod(a, b))},
      {"arith.negf", FN(-a)},
      {"arith.maximumf", FN(maximum(a, b))},
      {"arith.minimumf", FN(minimum(a, b))},
      {"arith.maxnumf", FN(std::fmax(a, b))},
      {"arith.minnumf", FN(std::fmin(a, b))},
      {"arith.select", FN(a != 0 ? b : c)},
      {"arith.extf", FN(a)},
      {"arith.truncf", FN(a)},
      {"arith.sitofp", FN(a)},
      {"arith.uitofp", FN(a)},
      {"arith.fptosi", FN(std::trunc(a))},
      {"arith.fptoui", FN(std::trunc(a))},
      {"arith.addi", FN(a + b)},
      {"arith.subi", FN(a - b)},
      {"arith.muli", FN(a * b)},
      {"arith.divsi", FN(std::trunc(a / b))},
      {"arith.divui", FN(std::trunc(a / b))},
      {"arith.floordivsi", FN(floorDivide(a, b))},
      {"arith.ceildivsi", FN(std::ceil(a / b))},
      {"arith.ceildivui", FN(std::ceil(a / b))},
      {"arith.remsi", FN(std::fmod(a, b))},
      {"arith.remui", FN(std::fmod(a, b))},
      {"arith.maxsi", FN(std::fmax(a, b))},
      {"arith.minsi", FN(std::fmin(a, b))},
      {"arith.maxui", FN(std::fmax(a, b))},
      {"arith.minui", FN(std::fmin(a, b))},
      {"arith.andi", FN(double(toInt(a) & toInt(b)))},
      {"arith.ori", FN(double(toInt(a) | toInt(b)))},
      {"arith.xori", FN(double(toInt(a) ^ toInt(b)))},
      {"arith.shli", FN(a * std::exp2(b))},
      {"arith.shrsi", FN(std::floor(a / std::exp2(b)))},
      {"arith.shrui", FN(std::floor(a / std::exp2(b)))},
      {"arith.index_cast", FN(a)},
      {"arith.index_castui", FN(a)},
      {"arith.extsi", FN(a)},
      {"arith.extui", FN(a)},
      {"arith.trunci", FN(a)},
      {"index.add", FN(a + b)},
      {"index.sub", FN(a - b)},
      {"index.mul", FN(a * b)},
      {"index.divs", FN(std::trunc(a / b))},
      {"index.divu", FN(std::trunc(a / b))},
      {"index.floordivs", FN(floorDivide(a, b))},
      {"index.ceildivs", FN(std::ceil(a / b))},
      {"index.ceildivu", FN(std::ceil(a / b))},
      {"index.rems", FN(std::fmod(a, b))},
      {"index.remu", FN(std::fmod(a, b))},
      {"index.maxs", FN(std::fmax(a, b))},
      {"index.mins", FN(std::fmin(a, b))},
      {"index.maxu", FN(std::fmax(a, b))},
      {"index.minu", FN(std::fmin(a, b))},
      {"index.casts", FN(a)},
      {"index.castu", FN(a)},
      {"math.absf", FN(std::fabs(a))},
      {"math.absi", FN(std::fabs(a))},
      {"math.atan", FN(std::atan(a))},
      {"math.atan2", FN(std::atan2(a, b))},
      {"math.cbrt", FN(std::cbrt(a))},
      {"math.ceil", FN(std::ceil(a))},
      {"math.copysign", FN(std::copysign(a, b))},
      {"math.cos", FN(std::cos(a))},
      {"math.cosh", FN(std::cosh(a))},
      {"math.erf", FN(std::erf(a))},
      {"math.erfc", FN(std::erfc(a))},
      {"math.exp", FN(std::exp(a))},
      {"math.exp2", FN(std::exp2(a))},
      {"math.expm1", FN(std::expm1(a))},
      {"math.floor", FN(std::floor(a))},
      {"math.fma", FN(a * b + c)},
      {"math.fpowi", FN(std::pow(a, b))},
      {"math.ipowi", FN(std::pow(a, b))},
      {"math.log", FN(std::log(a))},
      {"math.log10", FN(std::log10(a))},
      {"math.log1p", FN(std::log1p(a))},
      {"math.log2", FN(std::log2(a))},
      {"math.powf", FN(std::pow(a, b))},
      {"math.round", FN(std::round(a))},
      {"math.roundeven", FN(std::nearbyint(a))},
      {"math.rsqrt", FN(1 / std::sqrt(a))},
      {"math.sin", FN(std::sin(a))},
      {"math.sinh", FN(std::sinh(a))},
      {"math.sqrt", FN(std::sqrt(a))},
      {"math.tan", FN(std::tan(a))},
      {"math.tanh", FN(std::tanh(a))},
      {"math.trunc", FN(std::trunc(a))},
  };
  return table;
}

static Function comparison(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse:
    return FN(0.0);
  case arith::CmpFPredicate::OEQ:
    return FN(a == b);
  case arith::CmpFPredicate::OGT:
    return FN(a > b);
  case arith::CmpFPredicate::OGE:
    return FN(a >= b);
  case arith::CmpFPredicate::OLT:
    return FN(a < b);
  case arith::CmpFPredicate::OLE:
    return FN(a <= b);
  case arith::CmpFPredicate::ONE:
    return FN(a < b || a > b);
  case arith::CmpFPredicate::ORD:
    return FN(!std::isnan(a) && !std::isnan(b));
  case arith::CmpFPredicate::UEQ:
    return FN(!(a < b || a > b));
  case arith::CmpFPredicate::UGT:
    return FN(!(a <= b));
  case arith::CmpFPredicate::UGE:
    return FN(!(a < b));
  case arith::CmpFPredicate::ULT:
    return FN(!(a >= b));
  case arith::CmpFPredicate::ULE:
    return FN(!(a > b));
  case arith::CmpFPredicate::UNE:
    return FN(a != b);
  case arith::CmpFPredicate::UNO:
    return FN(std::isnan(a) || std::isnan(b));
  case arith::CmpFPredicate::AlwaysTrue:
    return FN(1.0);
  }
  llvm_unreachable("all predicates are listed above");
}

/// eq, ne, lt, le, gt, ge: arith and index number them alike. Unsigned ones are for sizes, which are never negative.
static Function comparison(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return FN(a == b);
  case arith::CmpIPredicate::ne:
    return FN(a != b);
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return FN(a < b);
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return FN(a <= b);
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return FN(a > b);
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return FN(a >= b);
  }
  llvm_unreachable("all predicates are listed above");
}

/// The function of an op, or null.
static Function functionOf(Operation *op) {
  if (auto cmp = dyn_cast<arith::CmpFOp>(op))
    return comparison(cmp.getPredicate());
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    return comparison(cmp.getPredicate());
  if (auto cmp = dyn_cast<index::CmpOp>(op))
    return comparison(*arith::symbolizeCmpIPredicate(stringifyIndexCmpPredicate(cmp.getPred())));
  auto it = functionTable().find(op->getName().getStringRef());
  return it == functionTable().end() ? nullptr : it->second;
}

/// The value of a scalar constant.
static std::optional<double> constantOf(Operation *op) {
  Attribute value;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    value = constant.getValue();
  else if (auto constant = dyn_cast<index::ConstantOp>(op))
    value = constant.getValueAttr();
  if (auto f = dyn_cast_or_null<FloatAttr>(value))
    return f.getValueAsDouble();
  if (auto i = dyn_cast_or_null<IntegerAttr>(value))
    return i.getType().isInteger(1) ? double(i.getValue().getZExtValue()) : double(i.getValue().getSExtValue());
  return std::nullopt;
}

class ScalarProgram::Compiler {
public:
  explicit Compiler(Captures captures) : captures(captures) {}

  unsigned define(Value value, double initial = 0) {
    unsigned number = program.initial.size();
    program.initial.push_back(initial);
    numbers[value] = number;
    return number;
  }
  FailureOr<unsigned> use(Operation *user, Value value) {
    if (auto it = numbers.find(value); it != numbers.end())
      return it->second;
    const HostValue *captured = captures(value);
    if (!captured || captured->data.size() != 1)
      return user->emitError("reference: cannot evaluate an operand of type ")
             << value.getType() << " from outside the region";
    return define(value, captured->data[0]);
  }
  LogicalResult add(Operation *op) {
    if (std::optional<double> constant = constantOf(op)) {
      define(op->getResult(0), *constant);
      return success();
    }
    Step step;
    ValueRange operands = op->getOperands();
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      step.loop = index.getDim();
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      if (!(step.tensor = captures(extract.getTensor())))
        return op->emitError("reference: the tensor read must come from outside the region");
      operands = extract.getIndices();
    } else if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
      // AffineMap::compose wants dims only; the operands are dims, then symbols.
      AffineMap map = apply.getAffineMap();
      SmallVector<AffineExpr> symbols;
      for (unsigned i = 0; i < map.getNumSymbols(); ++i)
        symbols.push_back(getAffineDimExpr(map.getNumDims() + i, op->getContext()));
      step.map = map.replaceDimsAndSymbols({}, symbols, map.getNumInputs(), 0);
    } else if (!(step.function = functionOf(op)) || op->getNumResults() != 1 || op->getNumOperands() > 3) {
      return op->emitError("reference: the evaluator does not know '")
             << op->getName() << "' as a scalar op; use ops of arith, math, index, linalg.index, tensor.extract or "
             << "affine.apply";
    }
    for (Value operand : operands) {
      FailureOr<unsigned> number = use(op, operand);
      if (failed(number))
        return failure();
      step.operands.push_back(*number);
    }
    if (step.function)
      step.operands.resize(3, 0);
    step.result = define(op->getResult(0));
    program.steps.push_back(std::move(step));
    return success();
  }

  Captures captures;
  ScalarProgram program;
  DenseMap<Value, unsigned> numbers;
};

/// Whether the body is `c + a * b` of floats (conversions between float types aside).
static bool isMultiplyAddBody(Block &body) {
  if (body.getNumArguments() != 3 || body.getTerminator()->getNumOperands() != 1)
    return false;
  auto strip = [](Value v) {
    while (Operation *op = v.getDefiningOp())
      if (isa<arith::ExtFOp, arith::TruncFOp>(op))
        v = op->getOperand(0);
      else
        break;
    return v;
  };
  auto add = strip(body.getTerminator()->getOperand(0)).getDefiningOp<arith::AddFOp>();
  if (!add)
    return false;
  for (auto [x, y] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
    auto mul = strip(y).getDefiningOp<arith::MulFOp>();
    if (strip(x) != body.getArgument(2) || !mul)
      continue;
    Value a = strip(mul.getLhs()), b = strip(mul.getRhs());
    if ((a == body.getArgument(0) && b == body.getArgument(1)) ||
        (a == body.getArgument(1) && b == body.getArgument(0)))
      return true;
  }
  return false;
}

FailureOr<ScalarProgram> ScalarProgram::compile(Block &body, Captures captures) {
  Compiler compiler(captures);
  compiler.program.numArguments = body.getNumArguments();
  for (BlockArgument argument : body.getArguments())
    compiler.define(argument);
  for (Operation &op : body.without_terminator())
    if (failed(compiler.add(&op)))
      return failure();
  for (Value value : body.getTerminator()->getOperands()) {
    FailureOr<unsigned> number = compiler.use(body.getTerminator(), value);
    if (failed(number))
      return failure();
    compiler.program.results.push_back(*number);
  }
  compiler.program.multiplyAdd = isMultiplyAddBody(body);
  return std::move(compiler.program);
}

bool ScalarProgram::knows(Operation *op) {
  return constantOf(op) || isa<affine::AffineApplyOp>(op) ||
         (functionOf(op) && op->getNumResults() == 1 && op->getNumOperands() <= 3);
}

FailureOr<ScalarProgram> ScalarProgram::compile(Operation *op) {
  Compiler compiler([](Value) { return nullptr; });
  compiler.program.numArguments = op->getNumOperands();
  // A value used twice is two arguments with one content: the last one stands for both.
  for (Value operand : op->getOperands())
    compiler.define(operand);
  if (failed(compiler.add(op)))
    return failure();
  compiler.program.results.push_back(compiler.numbers[op->getResult(0)]);
  return std::move(compiler.program);
}

bool ScalarProgram::run(double *frame, ArrayRef<int64_t> indices) const {
  for (const Step &step : steps) {
    double &result = frame[step.result];
    if (step.function) {
      result = step.function(frame[step.operands[0]], frame[step.operands[1]], frame[step.operands[2]]);
    } else if (step.tensor) {
      int64_t at = 0;
      for (auto [operand, size] : llvm::zip_equal(step.operands, step.tensor->shape)) {
        if (!(frame[operand] >= 0 && frame[operand] < size))
          return false;
        at = at * size + toInt(frame[operand]);
      }
      result = step.tensor->data[at];
    } else if (step.map) {
      SmallVector<int64_t> operands;
      for (unsigned operand : step.operands)
        operands.push_back(toInt(frame[operand]));
      result = double(step.map.compose(operands)[0]);
    } else {
      result = double(indices[step.loop]);
    }
  }
  return true;
}
