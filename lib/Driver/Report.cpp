#include "Report.h"
#include "Profile.h"
#include "dialects/Hybrid/Hybrid.h"
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Frontend/Frontend.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// Peak rates of a target, for the roofline: FLOP/s and bytes/s. A laptop's two AVX2 cores stand for x86-64.
struct Roof {
  double flops, bytes;
  const char *name;
};
Roof roofOf(StringRef target) {
  if (target == "sm_80")
    return {312e12, 2.04e12, "A100, bf16"};
  if (target.starts_with("sm_90"))
    return {989e12, 3.35e12, "H100, bf16"};
  return {204e9, 18e9, "two AVX2 cores, f32"};
}

/// The call that a variant's numbers are printed for.
SymbolValues exampleCall(schedule::VariantOp variant) {
  double tokens = variant.getMaxLongest() ? variant.getMaxLongest() : 512, context = 512;
  SymbolValues v{};
  auto set = [&](Symbol s, double value) { v[static_cast<unsigned>(s)] = value; };
  set(Symbol::tokens, tokens);
  set(Symbol::sequences, 1);
  set(Symbol::rows, 1);
  set(Symbol::tiles, 1);
  bool whole = tokens == context;
  set(Symbol::kv_tokens, context);
  set(Symbol::pairs, whole ? tokens * (tokens + 1) / 2 : tokens * context);
  return v;
}

double evaluate(std::optional<StringRef> text, const SymbolValues &values) {
  auto p = Polynomial::parse(text.value_or("0").str());
  return p ? p->evaluate(values) : 0;
}

std::string join(std::optional<ArrayAttr> list, StringRef separator) {
  std::string text;
  if (list) {
    SetVector<StringRef> seen;
    for (auto s : list->getAsRange<StringAttr>())
      seen.insert(s.getValue());
    for (StringRef s : seen)
      text += (text.empty() ? "" : separator.str()) + s.str();
  }
  return text;
}

/// Launches that the entry would need if every op that computes something had a kernel of its own.
int64_t countUnfused(ModuleOp model, StringRef entry) {
  int64_t count = 0;
  auto function = model.lookupSymbol<func::FuncOp>(entry);
  if (!function)
    return 0;
  for (Operation &op : function.getBody().front())
    count += isa<linalg::LinalgOp>(op)
                 ? !isa<linalg::FillOp>(op)
                 : isa<tensor::GatherOp>(op) || (isa<HybridDialect>(op.getDialect()) && !isa<CacheViewOp>(op));
  return count;
}

int64_t countLayers(ModuleOp model) {
  llvm::DenseSet<StringRef> layers;
  for (auto global : model.getOps<ml_program::GlobalOp>())
    if (global.getSymName().starts_with("blocks."))
      layers.insert(global.getSymName().drop_front(7).split('.').first);
  return layers.size();
}

/// A step's figures of a profile, in a line: times, and what the emulator counted.
std::string describeMeasured(const llvm::json::Object &step) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto number = [](const llvm::json::Object &object, StringRef key) { return object.getNumber(key).value_or(0); };
  os << llvm::formatv("ran {0} times", step.getInteger("calls").value_or(0));
  if (const llvm::json::Object *counts = step.getObject("counts"))
    os << llvm::formatv(": moved {0:F2} of the least, {1:F1} sectors a request, {2:F1} passes a shared request, "
                        "tensor cores {3:F2} of the operations",
                        number(*counts, "moved_over_least"), number(*counts, "sectors_per_request"),
                        number(*counts, "wavefronts_per_request"), number(*counts, "tensor_share"));
  else
    os << llvm::formatv(", {0:F3} ms, {1:F1} GFLOP/s, {2:F1} GB/s", number(step, "seconds") * 1e3,
                        number(step, "gflops"), number(step, "gbytes_per_second"));
  return text;
}
} // namespace

std::string hybrid::reportBlocks(ModuleOp model, ModuleOp blocks, StringRef target, bool json,
                                 const std::map<std::string, std::string> &notes, const Profile *profile) {
  Roof roof = roofOf(target);
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::Array variants;
  int64_t layers = std::max<int64_t>(countLayers(model), 1);
  int64_t kernels = llvm::range_size(blocks.getOps<tile::KernelOp>());
  if (!json)
    os << llvm::formatv("target {0}: {1} kernels; bounds by {2}, {3:F1} TFLOP/s and {4:F0} GB/s\n", target, kernels,
                        roof.name, roof.flops / 1e12, roof.bytes / 1e9);
  for (auto variant : blocks.getOps<schedule::VariantOp>()) {
    SymbolValues call = exampleCall(variant);
    auto launches = llvm::to_vector(variant.getBody().front().getOps<schedule::LaunchOp>());
    int64_t unfused = countUnfused(model, variant.getEntry());
    llvm::json::Array rows;
    if (!json) {
      os << llvm::formatv("\n{0}, {1}: {2} launches, {3:F1} per layer ({4:F1} unfused), for {5:F0} tokens\n",
                          variant.getEntry(), variant.getName(), launches.size(), double(launches.size()) / layers,
                          double(unfused) / layers, call[0]);
      os << llvm::formatv("  {0,-28} {1,-14} {2,10} {3,10} {4,8} {5,-8} {6}\n", "layer", "kernel", "MFLOP", "KB",
                          "FLOP/B", "bound by", "fused; apart because");
    }
    double total = 0;
    for (schedule::LaunchOp launch : launches) {
      double flops = evaluate(launch.getFlops(), call), bytes = evaluate(launch.getBytes(), call);
      double tensorTime = flops / roof.flops, memoryTime = bytes / roof.bytes;
      StringRef bound = tensorTime > memoryTime ? "compute" : "memory";
      total += std::max(tensorTime, memoryTime);
      std::string fused = join(launch.getFused(), ", "), missed = join(launch.getMissed(), "; ");
      auto note = notes.find(launch.getKernel().str());
      const llvm::json::Object *measured =
          profile ? profile->find(variant.getEntry(), variant.getName(), launch.getLabel(), launch.getKernel())
                  : nullptr;
      if (json) {
        llvm::json::Object row{{"layer", launch.getLabel()},
                               {"kernel", launch.getKernel()},
                               {"flops", flops},
                               {"bytes", bytes},
                               {"bound", bound},
                               {"fused", fused},
                               {"apart", missed}};
        row["flops_polynomial"] = launch.getFlops().value_or("0");
        row["bytes_polynomial"] = launch.getBytes().value_or("0");
        if (note != notes.end())
          row["code"] = note->second;
        if (measured)
          row["measured"] = llvm::json::Object(*measured);
        rows.push_back(std::move(row));
        continue;
      }
      os << llvm::formatv("  {0,-28} {1,-14} {2,10:F2} {3,10:F1} {4,8:F1} {5,-8} {6}{7}{8}\n", launch.getLabel(),
                          launch.getKernel(), flops / 1e6, bytes / 1e3, bytes ? flops / bytes : 0, bound,
                          fused.empty() ? "-" : fused, missed.empty() ? "" : "; " + missed,
                          note == notes.end() ? "" : " [" + note->second + "]");
      if (measured)
        os << llvm::formatv("  {0,-28} {1}\n", "", describeMeasured(*measured));
    }
    if (json)
      variants.push_back(llvm::json::Object{{"entry", variant.getEntry()},
                                            {"variant", variant.getName()},
                                            {"tokens", call[0]},
                                            {"launches", int64_t(launches.size())},
                                            {"unfused_launches", unfused},
                                            {"layers", layers},
                                            {"least_seconds", total},
                                            {"steps", std::move(rows)}});
    else
      os << llvm::formatv("  least time by these bounds: {0:F3} ms\n", total * 1e3);
  }
  if (json) {
    llvm::json::Object all{{"target", target}, {"kernels", kernels}, {"variants", std::move(variants)}};
    os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(all)));
  }
  return text;
}

std::string hybrid::reportStatus(MLIRContext &context) {
  context.loadDialect<HybridDialect>();
  std::string text;
  llvm::raw_string_ostream os(text);
  // What block forming knows; everything else is an error that names the op.
  llvm::StringMap<StringRef> kernels = {
      {"hybrid.attention", "causal, window, sink tokens, softcap; over rows or paged caches"},
      {"hybrid.linear_scan", "decay none, const, scalar; rank none, tied; order 1, post read"},
      {"hybrid.causal_conv1d", "taps per channel"},
      {"hybrid.norm", "all kinds"},
      {"hybrid.rotary", "by positions, halves"},
      {"hybrid.glu", "all activations"},
      {"hybrid.fuse", "add, sub, mean, concat with a joint projection"},
      {"hybrid.cache.append", "paged_kv, conv_taps, scan_state"},
      {"hybrid.cache.view", "conv_taps, scan_state"}};
  os << llvm::formatv("{0,-24} {1,-6} {2,-10} {3,-9} {4}\n", "op", "cost", "reference", "gradient", "kernels");
  SmallVector<RegisteredOperationName> ops;
  for (RegisteredOperationName op : context.getRegisteredOperations())
    if (op.getDialectNamespace() == "hybrid" && op.hasInterface<CostOpInterface>())
      ops.push_back(op);
  llvm::sort(ops, [](auto a, auto b) { return a.getStringRef() < b.getStringRef(); });
  for (RegisteredOperationName op : ops) {
    auto kernel = kernels.find(op.getStringRef());
    os << llvm::formatv("{0,-24} {1,-6} {2,-10} {3,-9} {4}\n", op.getStringRef(),
                        op.hasInterface<CostOpInterface>() ? "yes" : "-",
                        op.hasInterface<ReferenceOpInterface>() ? "yes" : "not built",
                        op.hasInterface<GradientOpInterface>() ? "yes" : "not built",
                        kernel == kernels.end() ? StringRef("not built") : kernel->second);
  }
  os << "\nops without a definition yet: long_conv, state_solve, ttt, mixer, route, gather_tokens\n";
  os << "targets: x86-64, sm_80, sm_90a; not built: sm_100a\n";
  os << "entries: score, append; not built: train_step\n";
  os << "Hugging Face families: " << knownFamilies() << "; not built: all others\n";
  return text;
}
