#include "Reference.h"
#include "hybrid/Reference/Evaluator.h"
#include <cmath>
#include <numbers>
using namespace mlir;
using namespace mlir::hybrid;

void mlir::hybrid::registerReferenceModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HybridDialect *) {
    attachAttentionReferences(context);
    attachCacheReferences(context);
    attachFusionReferences(context);
    attachScanReferences(context);
  });
}

FailureOr<SmallVector<Span>> hybrid::sequencesOf(Operation *op, const HostValue *offsets, int64_t tokens) {
  if (!offsets)
    return SmallVector<Span>{{0, tokens}};
  SmallVector<Span> spans;
  int64_t n = offsets->numElements();
  for (int64_t b = 0; b + 1 < n; ++b)
    spans.push_back({int64_t(offsets->data[b]), int64_t(offsets->data[b + 1])});
  if (n < 1 || offsets->data[0] != 0 || offsets->data[n - 1] != double(tokens))
    return op->emitError("reference: expected offsets from 0 to ")
           << tokens << ", got " << int64_t(n ? offsets->data[0] : 0) << " to "
           << int64_t(n ? offsets->data[n - 1] : 0);
  for (Span span : spans)
    if (span.size() < 0)
      return op->emitError("reference: expected offsets that do not fall, got ") << span.end << " after " << span.begin;
  return spans;
}

LogicalResult hybrid::checkRows(Operation *op, StringRef name, const HostValue *value, int64_t rows) {
  if (!value || value->shape[0] == rows)
    return success();
  return op->emitError("reference: expected '") << name << "' to have " << rows << " rows, got " << value->shape[0];
}

double hybrid::activate(Activation activation, double x) {
  switch (activation) {
  case Activation::identity:
    return x;
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::gelu:
    return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
  case Activation::gelu_tanh:
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  case Activation::relu2:
    return x > 0 ? x * x : 0;
  case Activation::sigmoid:
    return 1 / (1 + std::exp(-x));
  case Activation::softplus:
    return x > 20 ? x : std::log1p(std::exp(x));
  }
  llvm_unreachable("all activations are listed above");
}
