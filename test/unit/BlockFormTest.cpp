// The block form of every family, evaluated launch by launch in f64, against what an independent implementation
// computed: a wrong kernel fails here, before any target's code exists.
#include "Fixture.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Conversion/Blocks.h"
#include "hybrid/Reference/LayoutEvaluator.h"
#include "hybrid/Reference/ScheduleEvaluator.h"
#include "hybrid/Register.h"
#include "hybrid/Target/NVPTX.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <array>
#include <cmath>
#include "gtest/gtest.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
using Case = std::tuple<const char *, const char *>; // family, target

class BlockForm : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    auto [family, target] = GetParam();
    std::string folder = std::string(HYBRID_SOURCE_DIR "/test/Inputs/oracle/") + family;
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    CompileOptions options;
    options.input = folder;
    options.dtype = storage();
    llvm::Expected<OwningOpRef<ModuleOp>> compiled = compileToModelForm(context, options);
    ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
    model = std::move(*compiled);
    llvm::Expected<OwningOpRef<ModuleOp>> formed = compileToBlockForm(*model, target, options);
    ASSERT_TRUE(bool(formed)) << llvm::toString(formed.takeError());
    blocks = std::move(*formed);
    expected = fixture::readTensors(folder + "/fixture.safetensors");
    fixture::Tensors weights = fixture::readTensors(folder + "/model.safetensors");
    for (Operation &op : model->getOps())
      if (op.hasAttr("hybrid.recipe"))
        parameters[SymbolTable::getSymbolName(&op)] =
            fixture::applyRecipe(*model, SymbolTable::getSymbolName(&op), weights);
    makeCaches();
  }

  virtual std::string storage() { return "f32"; }

  /// Empty caches for two sequences: slot 0 is the zero slot, each sequence has two more.
  void makeCaches() {
    auto entry = model->lookupSymbol<func::FuncOp>("append");
    for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
      auto cache = dyn_cast<CacheType>(type);
      if (!cache)
        continue;
      std::string name = entry.getArgAttrOfType<StringAttr>(i, "hybrid.name").getValue().str();
      ArrayRef<int64_t> d = cache.getDims();
      switch (cache.getKind()) {
      case CacheKind::paged_kv:
        caches[{name, 0}] = HostValue({kPages * d[0] * kPageTokens, d[1]});
        caches[{name, 1}] = HostValue({kPages * d[0] * kPageTokens, d[2]});
        break;
      case CacheKind::conv_taps:
        caches[{name, 0}] = HostValue({kSlots * d[1], d[0]});
        break;
      default:
        caches[{name, 0}] = HostValue({kSlots * d[0] * d[1], d[2]});
      }
    }
  }

  schedule::VariantOp variant(StringRef entry, StringRef name) {
    for (auto v : blocks->getOps<schedule::VariantOp>())
      if (v.getEntry() == entry && v.getName() == name)
        return v;
    return {};
  }

  /// Brings the kernels to the GPU's tile form, whose evaluator computes thread by thread through the layouts.
  void toFragments() {
    PassManager pm(&context);
    buildNVPTXTileForm(pm);
    ASSERT_TRUE(succeeded(pm.run(*blocks)));
    grid = evaluateLayoutGrid;
  }

  /// Runs tokens [begin, end) of both sequences and returns the worst error of their logits.
  double run(StringRef entry, StringRef name, int64_t begin, int64_t end) {
    return run(entry, name, {Span{begin, end}, Span{begin, end}});
  }

  struct Span {
    int64_t begin, end;
  };
  double run(StringRef entry, StringRef name, std::array<Span, 2> spans) {
    const HostValue &ids = expected["input_ids"], &all = expected["logits"];
    int64_t length = ids.shape[1], vocab = all.shape[2];
    ScheduleCall call;
    std::vector<int64_t> places; // of each row among the expected ones
    for (int64_t b = 0; b < 2; ++b) {
      auto [begin, end] = spans[b];
      call.offsets.push_back(call.ids.size());
      call.lengths.push_back(begin);
      call.readSlots.push_back(begin == 0 ? 0 : 1 + 2 * b + flip);
      call.writeSlots.push_back(1 + 2 * b + !flip);
      // Pages in an order of their own.
      for (int64_t p = 0; p < kPages / 2; ++p)
        call.pageTable.push_back(kPages - 1 - (2 * p + b));
      for (int64_t t = begin; t < end; ++t) {
        call.rows.push_back(call.ids.size());
        call.ids.push_back(ids.data[b * length + t]);
        call.positions.push_back(t);
        places.push_back(b * length + t);
      }
    }
    call.offsets.push_back(call.ids.size());
    call.pagesPerSequence = kPages / 2;
    flip = !flip;
    schedule::VariantOp v = variant(entry, name);
    EXPECT_TRUE(v) << entry.str() << " " << name.str();
    FailureOr<HostValue> logits = evaluateVariant(
        v, call, caches, [&](StringRef p) -> const HostValue & { return parameters.find(p)->second; }, grid);
    EXPECT_TRUE(succeeded(logits));
    if (failed(logits))
      return 1;
    double worst = 0;
    for (int64_t i = 0; i < logits->numElements(); ++i) {
      double error = std::abs(logits->data[i] - all.data[places[i / vocab] * vocab + i % vocab]);
      worst = std::isfinite(error) ? std::max(worst, error) : 1e30;
      squares += error * error;
      ++count;
    }
    return worst;
  }

  static constexpr int64_t kPages = 8, kSlots = 5;
  MLIRContext context;
  OwningOpRef<ModuleOp> model, blocks;
  fixture::Tensors expected;
  llvm::StringMap<HostValue> parameters;
  CacheMemory caches;
  bool flip = false;
  double squares = 0, count = 0; // of all calls together
  GridEvaluator grid = evaluateTileGrid;
};

TEST_P(BlockForm, Score) { EXPECT_LE(run("score", "bulk", 0, 29), 2e-5); }

TEST_P(BlockForm, AppendInChunks) {
  // Each variant, and chunks that end nowhere in particular.
  EXPECT_LE(run("append", "bulk", 0, 11), 2e-5);
  EXPECT_LE(run("append", "decode", 11, 12), 2e-5);
  EXPECT_LE(run("append", "short", 12, 14), 2e-5);
  EXPECT_LE(run("append", "decode", 14, 15), 2e-5);
  EXPECT_LE(run("append", "short", 15, 29), 2e-5);
}

/// Sequences of their own lengths, one of them without new tokens now and then: its caches must survive the call.
TEST_P(BlockForm, AppendRagged) {
  EXPECT_LE(run("append", "bulk", {Span{0, 3}, Span{0, 18}}), 2e-5);
  EXPECT_LE(run("append", "decode", {Span{3, 4}, Span{18, 18}}), 2e-5);
  EXPECT_LE(run("append", "short", {Span{4, 4}, Span{18, 23}}), 2e-5);
  EXPECT_LE(run("append", "bulk", {Span{4, 9}, Span{23, 24}}), 2e-5);
}

/// The same on the GPU's tile form: every dispatch of every family, fragment by fragment.
class Fragments : public BlockForm {};

TEST_P(Fragments, AppendInChunks) {
  toFragments();
  EXPECT_LE(run("append", "bulk", 0, 5), 2e-5);
  EXPECT_LE(run("append", "decode", 5, 6), 2e-5);
  EXPECT_LE(run("append", "short", 6, 8), 2e-5);
}

TEST_P(Fragments, AppendRagged) {
  toFragments();
  EXPECT_LE(run("append", "bulk", {Span{0, 1}, Span{0, 4}}), 2e-5);
  EXPECT_LE(run("append", "decode", {Span{1, 2}, Span{4, 4}}), 2e-5);
  EXPECT_LE(run("append", "short", {Span{2, 2}, Span{4, 6}}), 2e-5);
}

/// The same in bf16, whose products are those of the matrix unit.
class NarrowFragments : public Fragments {
  std::string storage() override { return "bf16"; }
};

TEST_P(NarrowFragments, AppendInChunks) {
  std::string path = std::string(HYBRID_SOURCE_DIR "/test/Inputs/oracle/") + std::get<0>(GetParam()) + "/fixture.json";
  auto text = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(text));
  llvm::Expected<llvm::json::Value> about = llvm::json::parse((*text)->getBuffer());
  ASSERT_TRUE(bool(about));
  double limit = 1.25 * *about->getAsObject()->getNumber("bf16_rms");
  toFragments();
  run("append", "bulk", 0, 11);
  run("append", "decode", 11, 12);
  run("append", "short", 12, 14);
  EXPECT_LE(std::sqrt(squares / count), limit);
}

TEST(Schedule, WhatIsNotThereIsSaid) {
  MLIRContext context;
  DialectRegistry registry;
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
  auto errorOf = [&](const std::string &op) {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>("schedule.variant \"append\" \"bulk\" limits(0, 0, 0) {\n" + op + "\n}", &context);
    EXPECT_TRUE(module) << op;
    CacheMemory caches;
    auto parameter = [](StringRef) -> const HostValue & { llvm_unreachable("there are none"); };
    EXPECT_TRUE(failed(evaluateVariant(*module->getOps<schedule::VariantOp>().begin(), {}, caches, parameter)));
    return message;
  };
  EXPECT_EQ(errorOf("%x = schedule.input odd : memref<?xi32>"), "reference: no input is called 'odd'");
  EXPECT_EQ(errorOf("%x = schedule.cache \"kv\" part 1 : memref<?x64xf32>"),
            "reference: no memory for part 1 of cache 'kv'");
}

INSTANTIATE_TEST_SUITE_P(Families, NarrowFragments,
                         testing::Combine(testing::Values("llama", "mamba2", "bamba", "falcon_h1",
                                                          "granitehybrid_dense", "olmo_hybrid", "lfm2"),
                                          testing::Values("sm_90a")),
                         [](const auto &info) { return std::string(std::get<0>(info.param)); });

INSTANTIATE_TEST_SUITE_P(Families, Fragments,
                         testing::Combine(testing::Values("llama", "mamba2", "bamba", "falcon_h1",
                                                          "granitehybrid_dense", "olmo_hybrid", "lfm2"),
                                          testing::Values("sm_80")),
                         [](const auto &info) { return std::string(std::get<0>(info.param)); });

INSTANTIATE_TEST_SUITE_P(Families, BlockForm,
                         testing::Combine(testing::Values("llama", "mamba2", "bamba", "falcon_h1",
                                                          "granitehybrid_dense", "olmo_hybrid", "lfm2"),
                                          testing::Values("x86-64", "sm_80")),
                         [](const auto &info) {
                           std::string target = std::get<1>(info.param);
                           return std::string(std::get<0>(info.param)) + (target == "sm_80" ? "_gpu" : "_x86");
                         });
} // namespace
