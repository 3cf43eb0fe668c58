#include "hybrid/Frontend/Summary.h"
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <set>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// Adds one op's or parameter's share at a time.
class Adder {
public:
  Adder(ModelSummary &summary, ModuleOp module) : summary(summary) {
    auto dtype = module->getAttrOfType<TypeAttr>("hybrid.dtype");
    storageBytes = dtype && dtype.getValue().isF32() ? 4 : 2;
    double L = double(summary.context);
    values[unsigned(Symbol::tokens)] = values[unsigned(Symbol::kv_tokens)] = values[unsigned(Symbol::rows)] = L;
    values[unsigned(Symbol::sequences)] = 1;
    values[unsigned(Symbol::pairs)] = L * (L + 1) / 2;
  }

  void parameter(ml_program::GlobalOp global) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || !type.hasStaticShape() || !global->hasAttr("hybrid.recipe"))
      return;
    StringRef name = global.getSymName();
    double elements = double(type.getNumElements());
    summary.allParameters.built += elements;
    if (!name.starts_with("blocks.")) {
      bool isMatrix = type.getRank() == 2;
      summary.allParameters.paper += isMatrix ? elements : 0;
      summary.parameters.built += isMatrix ? 0 : elements;
      return;
    }
    summary.parameters.built += elements;
    blocks.insert(name.drop_front(StringRef("blocks.").size()).split('.').first);
    // The formulas count projections, the convolution over the inner width alone, and A and D.
    double counted = type.getRank() == 2 ? elements : 0;
    if (name.ends_with(".taps"))
      counted = 0;
    summary.parameters.paper += counted;
    summary.allParameters.paper += counted;
  }

  void op(Operation &op) {
    if (auto cost = dyn_cast<CostOpInterface>(op))
      forwardFlops += cost.getCost().flops.evaluate(values);
    else if (auto matmul = dyn_cast<linalg::MatmulOp>(op))
      projection(matmul);
    if (auto attention = dyn_cast<AttentionOp>(op))
      add(attention);
    else if (auto scan = dyn_cast<LinearScanOp>(op))
      add(scan);
    else if (auto conv = dyn_cast<CausalConv1dOp>(op))
      add(conv);
  }

  void finish() {
    summary.layers = blocks.size();
    // The paper's totals come out with the parameters rounded to the two digits that it prints (0.97e9 for
    // 1B).
    double rounded = summary.parameters.paper;
    if (rounded > 0) {
      double unit = std::pow(10, std::floor(std::log10(rounded)) - 1);
      rounded = std::round(rounded / unit) * unit;
    }
    summary.trainingFlops.paper = 6 * rounded * double(summary.context) + mixerFlops;
    summary.trainingFlops.built = 3 * forwardFlops;
  }

private:
  void projection(linalg::MatmulOp matmul) {
    auto weight = cast<RankedTensorType>(matmul.getInputs()[1].getType());
    if (weight.hasStaticShape())
      forwardFlops += 2 * double(weight.getNumElements()) * double(summary.context);
  }

  void add(AttentionOp attention) {
    double L = double(summary.context), seen = L * (L + 1) / 2, kept = L;
    if (std::optional<uint64_t> window = attention.getWindow()) {
      double span = std::min(L, double(*window + attention.getSinkTokens()));
      seen = span * ((span + 1) / 2 + L - span);
      kept = span;
    }
    double channels = double(attention.getKeySize() + attention.getValueSize());
    mixerFlops += 6 * double(attention.getQueryHeads()) * channels * seen;
    double perToken = double(attention.getKeyHeads()) * channels;
    constexpr int64_t pageTokens = 64;
    double paged = double((summary.context + pageTokens - 1) / pageTokens * pageTokens);
    summary.kvBytes.paper += 2 * perToken * kept;
    summary.kvBytes.built += double(storageBytes) * perToken * paged;
  }

  void add(LinearScanOp scan) {
    double inner = double(scan.getStateHeads() * scan.getValueSize()), state = double(scan.getKeySize());
    mixerFlops += 3 * double(summary.context) * (9 * inner * state + 2 * inner);
    summary.stateBytes.paper += 2 * inner * state;
    summary.stateBytes.built += 4 * inner * state * double(scan.getOrder()) * kept;
    countScanned(inner, double(scan.getStateHeads()));
  }

  void add(CausalConv1dOp conv) {
    auto taps = cast<RankedTensorType>(conv.getTaps().getType());
    double channels = double(taps.getDimSize(0)), width = double(taps.getShape().back());
    summary.convBytes.paper += 2 * channels * width;
    summary.convBytes.built += double(storageBytes) * channels * (width - 1) * kept;
    lastWidth = width;
  }

  /// A scan's share of the parameters: its convolution's taps over the inner width, A and D.
  void countScanned(double inner, double heads) {
    double counted = inner * lastWidth + 2 * heads;
    summary.parameters.paper += counted;
    summary.allParameters.paper += counted;
    lastWidth = 0;
  }

  /// Recurrent caches have the state before the last call as well.
  static constexpr double kept = 2;
  ModelSummary &summary;
  SymbolValues values{};
  std::set<StringRef> blocks;
  int64_t storageBytes = 2;
  double mixerFlops = 0, forwardFlops = 0, lastWidth = 0;
};
} // namespace

ModelSummary mlir::hybrid::computeSummary(ModuleOp module, int64_t context) {
  ModelSummary summary;
  summary.context = context;
  Adder adder(summary, module);
  for (auto global : module.getOps<ml_program::GlobalOp>())
    adder.parameter(global);
  // Entries differ in their caches only.
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("hybrid.entry")) {
      function.walk([&](Operation *op) { adder.op(*op); });
      break;
    }
  adder.finish();
  return summary;
}

static std::string attribute(ModuleOp module, StringRef name) {
  auto text = module->getAttrOfType<StringAttr>(name);
  return text ? text.str() : "";
}

static std::string number(const char *format, double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

static std::string toJson(ModuleOp module, const ModelSummary &s) {
  auto row = [](SummaryRow row) { return llvm::json::Object{{"paper", row.paper}, {"built", row.built}}; };
  llvm::json::Object object{{"name", attribute(module, "hybrid.name")},
                            {"family", attribute(module, "hybrid.family")},
                            {"layers", s.layers},
                            {"context", s.context},
                            {"parameters", row(s.parameters)},
                            {"all_parameters", row(s.allParameters)},
                            {"training_flops", row(s.trainingFlops)},
                            {"kv_bytes", row(s.kvBytes)},
                            {"state_bytes", row(s.stateBytes)},
                            {"conv_bytes", row(s.convBytes)},
                            {"cache_bytes", row(s.cacheBytes())}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
  return text;
}

std::string mlir::hybrid::summarise(ModuleOp module, bool json, int64_t context) {
  ModelSummary s = computeSummary(module, context);
  if (json)
    return toJson(module, s);
  std::string text;
  llvm::raw_string_ostream os(text);
  auto line = [&](const std::string &name, const std::string &paper, const std::string &built) {
    os << llvm::left_justify(name, 48) << llvm::right_justify(paper, 18) << llvm::right_justify(built, 18) << "\n";
  };
  auto row = [&](const std::string &name, SummaryRow row, const char *format, double unit) {
    line(name, number(format, row.paper / unit), number(format, row.built / unit));
  };
  std::string tokens = std::to_string(s.context) + " tokens";
  constexpr double mebi = 1 << 20, budget = 60e9;
  double sequences = budget / double(s.context);
  os << attribute(module, "hybrid.name") << ": " << s.layers << " layers\n";
  line("", "paper's formula", "as built here");
  row("parameters without embedding and head", s.parameters, "%.4f B", 1e9);
  row("parameters", s.allParameters, "%.4f B", 1e9);
  row("training FLOPs, one sequence of " + tokens, s.trainingFlops, "%.2e", 1);
  row("training FLOPs, 60e9 tokens in such sequences",
      {s.trainingFlops.paper * sequences, s.trainingFlops.built * sequences}, "%.2e", 1);
  row("cache, one sequence of " + tokens, s.cacheBytes(), "%.2f MiB", mebi);
  row("  keys and values", s.kvBytes, "%.2f MiB", mebi);
  row("  recurrent states", s.stateBytes, "%.2f MiB", mebi);
  row("  convolution taps", s.convBytes, "%.2f MiB", mebi);
  return text;
}
