#include "hybrid/Reference/Evaluator.h"
#include "Frame.h"
#include "ScalarProgram.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/ScopeExit.h"
#include <cstdio>
using namespace mlir;
using namespace mlir::hybrid;

FailureOr<HostValue> hybrid::toHostValue(ElementsAttr elements) {
  auto type = dyn_cast<ShapedType>(elements.getType());
  if (!type || !type.hasStaticShape())
    return failure();
  HostValue result(type.getShape());
  if (isa<FloatType>(type.getElementType())) {
    auto values = elements.tryGetValues<APFloat>();
    if (!values)
      return failure();
    for (auto [out, value] : llvm::zip_equal(result.data, *values)) {
      APFloat wide = value;
      bool lost;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      out = wide.convertToDouble();
    }
    return result;
  }
  auto values = elements.tryGetValues<APInt>();
  if (!values)
    return failure();
  for (auto [out, value] : llvm::zip_equal(result.data, *values))
    out = value.getBitWidth() == 1 ? double(value.getZExtValue()) : double(value.getSExtValue());
  return result;
}

HostValue hybrid::makeEmptyCache(CacheType type, int64_t sequences) {
  ArrayRef<int64_t> d = type.getDims();
  std::vector<HostValue> parts;
  auto add = [&](std::initializer_list<int64_t> shape) { parts.push_back(HostValue(SmallVector<int64_t>(shape))); };
  switch (type.getKind()) {
  case CacheKind::paged_kv:
  case CacheKind::ring_kv:
    add({0, d[0], d[1]});
    add({0, d[0], d[2]});
    break;
  case CacheKind::latent_kv:
    add({0, d[0]});
    add({0, d[1]});
    break;
  case CacheKind::conv_taps:
    add({d[1], d[0]});
    break;
  case CacheKind::scan_state:
    add({d[0], d[1], d[2]});
    break;
  case CacheKind::memory_vector:
    add({d[0]});
    break;
  }
  HostValue cache;
  cache.isCache = true;
  cache.sequences.assign(sequences, parts);
  return cache;
}

std::string hybrid::toString(const HostValue &value, int digits) {
  std::string text;
  if (value.isCache) {
    for (auto [i, parts] : llvm::enumerate(value.sequences))
      for (auto [j, part] : llvm::enumerate(parts))
        text += (text.empty() ? "" : "\n") + ("sequence " + std::to_string(i) + " part " + std::to_string(j) + ": ") +
                toString(part, digits);
    return text;
  }
  text = "[";
  for (auto [i, size] : llvm::enumerate(value.shape))
    text += (i ? ", " : "") + std::to_string(size);
  text += "]";
  for (double x : value.data) {
    char number[40];
    std::snprintf(number, sizeof number, " %.*g", digits, x == 0 ? 0 : x); // no "-0": zeros of both signs are one text
    text += number;
  }
  return text;
}

namespace {
class Evaluator {
public:
  Evaluator(ParameterSource parameters, ValueObserver observe) : parameters(parameters), observe(observe) {}
  FailureOr<SmallVector<HostValue>> call(func::FuncOp function, ArrayRef<HostValue> arguments);

private:
  LogicalResult run(Operation *op, Frame &frame, SmallVectorImpl<HostValue> &results);
  FailureOr<HostValue> loadGlobal(ml_program::GlobalLoadConstOp load);
  /// A scalar op, or an elementwise one on tensors.
  FailureOr<HostValue> runScalar(Operation *op, const Frame &frame);

  ParameterSource parameters;
  ValueObserver observe;
  unsigned depth = 0;
};
} // namespace

/// Whether a value of `type` may have the content; a message if not.
static std::string mismatch(Type type, const HostValue &content) {
  if (isa<CacheType>(type) != content.isCache)
    return content.isCache ? "a cache" : "a tensor";
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || content.isCache)
    return "";
  bool fits =
      shaped.getRank() == int64_t(content.shape.size()) && int64_t(content.data.size()) == content.numElements();
  for (unsigned d = 0; fits && d < content.shape.size(); ++d)
    fits = shaped.isDynamicDim(d) || shaped.getDimSize(d) == content.shape[d];
  if (fits)
    return "";
  std::string shape = "a tensor of shape [";
  for (auto [i, size] : llvm::enumerate(content.shape))
    shape += (i ? ", " : "") + std::to_string(size);
  return shape + "]";
}

FailureOr<HostValue> Evaluator::loadGlobal(ml_program::GlobalLoadConstOp load) {
  auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(load, load.getGlobal());
  if (!global)
    return load.emitError("reference: there is no global '") << load.getGlobal() << "'";
  if (auto elements = dyn_cast_or_null<ElementsAttr>(global.getValueAttr())) {
    FailureOr<HostValue> value = toHostValue(elements);
    if (succeeded(value))
      return value;
  }
  FailureOr<HostValue> value = parameters(global.getSymName());
  if (failed(value))
    return load.emitError("reference: no value for parameter '") << global.getSymName() << "'";
  if (std::string got = mismatch(load.getType(), *value); !got.empty())
    return load.emitError("reference: expected parameter '")
           << global.getSymName() << "' to be " << load.getType() << ", got " << got;
  return value;
}

FailureOr<HostValue> Evaluator::runScalar(Operation *op, const Frame &frame) {
  FailureOr<ScalarProgram> program = ScalarProgram::compile(op);
  if (failed(program))
    return failure();
  SmallVector<const HostValue *> operands;
  HostValue result{ArrayRef<int64_t>{}};
  for (Value operand : op->getOperands()) {
    operands.push_back(&frame.get(operand));
    if (!operands.back()->shape.empty())
      result = HostValue(operands.back()->shape);
  }
  for (const HostValue *operand : operands)
    if (!operand->shape.empty() && operand->shape != result.shape)
      return op->emitError("reference: expected operands of one shape");
  std::vector<double> registers = program->makeFrame();
  for (size_t i = 0; i < result.data.size(); ++i) {
    for (auto [r, operand] : llvm::enumerate(operands))
      registers[r] = operand->data[operand->shape.empty() ? 0 : i];
    program->run(registers.data());
    result.data[i] = registers[program->getResults()[0]];
  }
  return result;
}

LogicalResult Evaluator::run(Operation *op, Frame &frame, SmallVectorImpl<HostValue> &results) {
  auto push = [&](FailureOr<HostValue> value) {
    if (succeeded(value))
      results.push_back(std::move(*value));
    return value;
  };
  if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op))
    return push(loadGlobal(load));
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    if (auto elements = dyn_cast<ElementsAttr>(constant.getValue())) {
      FailureOr<HostValue> value = toHostValue(elements);
      if (failed(value))
        return op->emitError("reference: cannot read the elements of this constant");
      return push(std::move(value));
    }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return evaluateLinalgOp(linalgOp, frame, results);
  if (isTensorOp(op))
    return push(evaluateTensorOp(op, frame));
  if (auto reference = dyn_cast<ReferenceOpInterface>(op)) {
    SmallVector<const HostValue *> operands;
    for (Value operand : op->getOperands())
      operands.push_back(&frame.get(operand));
    return reference.evaluate(operands, results);
  }
  if (auto callOp = dyn_cast<func::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, callOp.getCalleeAttr());
    if (!callee || callee.isExternal())
      return op->emitError("reference: '") << callOp.getCallee() << "' has no body";
    SmallVector<HostValue> arguments;
    for (Value operand : op->getOperands())
      arguments.push_back(frame.get(operand));
    FailureOr<SmallVector<HostValue>> returned = call(callee, arguments);
    if (failed(returned))
      return failure();
    llvm::append_range(results, std::move(*returned));
    return success();
  }
  if (ScalarProgram::knows(op))
    return push(runScalar(op, frame));
  return op->emitError("reference: the evaluator does not know '")
         << op->getName() << "'; it knows the model form: hybrid, linalg, tensor, arith and math ops";
}

FailureOr<SmallVector<HostValue>> Evaluator::call(func::FuncOp function, ArrayRef<HostValue> arguments) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("reference: expected a function with one block, got ")
           << function.getBody().getBlocks().size();
  if (function.getNumArguments() != arguments.size())
    return function.emitError("reference: expected ")
           << function.getNumArguments() << " arguments, got " << arguments.size();
  if (depth == 64)
    return function.emitError("reference: calls nest more than 64 deep");
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  Frame frame;
  Block &body = function.getBody().front();
  for (auto [i, argument, content] : llvm::enumerate(body.getArguments(), arguments)) {
    if (std::string got = mismatch(argument.getType(), content); !got.empty())
      return function.emitError("reference: expected argument ")
             << i << " to be " << argument.getType() << ", got " << got;
    frame.set(argument, content);
  }

  // A value goes when its last use has run: the weights of a model in f64 would not fit otherwise.
  DenseMap<Value, int64_t> usesLeft;
  for (Operation &op : body) {
    if (isa<func::ReturnOp>(op)) {
      SmallVector<HostValue> results;
      for (Value value : op.getOperands())
        results.push_back(frame.get(value));
      return results;
    }
    SmallVector<HostValue> results;
    if (failed(run(&op, frame, results)))
      return failure();
    if (results.size() != op.getNumResults())
      return op.emitError("reference: expected ") << op.getNumResults() << " results, got " << results.size();
    for (auto [value, content] : llvm::zip_equal(op.getResults(), results)) {
      if (observe)
        observe(value, content);
      frame.set(value, std::move(content));
    }
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        auto [it, isNew] = usesLeft.try_emplace(operand, 0);
        if (isNew)
          it->second = std::distance(operand.use_begin(), operand.use_end());
        if (--it->second == 0)
          frame.drop(operand);
      }
    });
  }
  return function.emitError("reference: expected the function to end in func.return");
}

FailureOr<SmallVector<HostValue>> hybrid::evaluate(func::FuncOp function, ArrayRef<HostValue> arguments,
                                                   ParameterSource parameters, ValueObserver observe) {
  return Evaluator(parameters, observe).call(function, arguments);
}
