// Every Hugging Face family, imported and evaluated in f64, against what an independent implementation
// computed.
#include "Fixture.h"
#include "dialects/Hybrid/Hybrid.h"
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Register.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class FrontendFixture : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    folder = std::string(HYBRID_SOURCE_DIR "/test/Inputs/") + GetParam();
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    llvm::Expected<OwningOpRef<ModuleOp>> imported = importModel(context, folder);
    ASSERT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
    module = std::move(*imported);
    expected = fixture::readTensors(folder + "/fixture.safetensors");
    fixture::Tensors weights;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator file(folder, error), end; file != end && !error; file.increment(error))
      if (StringRef(file->path()).ends_with(".safetensors") && !StringRef(file->path()).contains("fixture"))
        weights.merge(fixture::readTensors(file->path()));
    for (Operation &op : module->getOps())
      if (op.hasAttr("hybrid.recipe")) {
        StringRef name = SymbolTable::getSymbolName(&op);
        parameters[name] = fixture::applyRecipe(*module, name, weights);
      }
  }

  int64_t batch() { return expected["input_ids"].shape[0]; }
  int64_t length() { return expected["input_ids"].shape[1]; }

  /// ids, positions, offsets and rows of tokens [begin, end) of every sequence.
  SmallVector<HostValue> call(int64_t begin, int64_t end) {
    int64_t n = end - begin, total = batch() * n;
    HostValue ids(ArrayRef<int64_t>{total}), positions(ArrayRef<int64_t>{total}), rows(ArrayRef<int64_t>{total}),
        offsets(ArrayRef<int64_t>{batch() + 1});
    for (int64_t i = 0; i < total; ++i) {
      ids.data[i] = expected["input_ids"].data[i / n * length() + begin + i % n];
      positions.data[i] = double(begin + i % n);
      rows.data[i] = double(i);
    }
    for (int64_t b = 0; b <= batch(); ++b)
      offsets.data[b] = double(b * n);
    return {ids, positions, offsets, rows};
  }

  /// The results of an entry, after a check of their logits.
  SmallVector<HostValue> run(StringRef entry, int64_t begin, int64_t end, ArrayRef<HostValue> caches = {}) {
    SmallVector<HostValue> arguments = call(begin, end);
    arguments.append(caches.begin(), caches.end());
    FailureOr<SmallVector<HostValue>> results =
        evaluate(module->lookupSymbol<func::FuncOp>(entry), arguments,
                 [&](StringRef name) -> FailureOr<HostValue> { return parameters.lookup(name); });
    EXPECT_TRUE(succeeded(results)) << "evaluating " << entry.str();
    if (failed(results))
      return {};
    const HostValue &logits = (*results)[0], &all = expected["logits"];
    int64_t vocab = all.shape[2], n = end - begin;
    EXPECT_EQ(logits.numElements(), batch() * n * vocab);
    double worst = 0;
    for (int64_t i = 0; i < logits.numElements(); ++i) {
      int64_t row = i / vocab, at = row / n * length() + begin + row % n;
      worst = std::max(worst, std::abs(logits.data[i] - all.data[at * vocab + i % vocab]));
    }
    EXPECT_LE(worst, 1e-5) << entry.str() << " of tokens " << begin << " to " << end;
    return std::move(*results);
  }

  /// Appends the chunks one after another from empty caches.
  void append(ArrayRef<int64_t> chunks) {
    auto entry = module->lookupSymbol<func::FuncOp>("append");
    SmallVector<HostValue> caches;
    for (Type type : entry.getArgumentTypes().drop_front(4))
      caches.push_back(makeEmptyCache(cast<CacheType>(type), batch()));
    int64_t begin = 0;
    auto step = [&](int64_t count) {
      SmallVector<HostValue> results = run("append", begin, begin + count, caches);
      ASSERT_EQ(results.size(), caches.size() + 1);
      caches.assign(std::make_move_iterator(results.begin() + 1), std::make_move_iterator(results.end()));
      begin += count;
    };
    for (int64_t chunk : chunks)
      if (begin < length())
        step(std::min(chunk, length() - begin));
    if (begin < length())
      step(length() - begin);
  }

  std::string folder;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  fixture::Tensors expected;
  llvm::StringMap<HostValue> parameters;
};

TEST_P(FrontendFixture, Score) { run("score", 0, length()); }

TEST_P(FrontendFixture, AppendAtOnce) { append({}); }

TEST_P(FrontendFixture, AppendChunks) { append({1, 3, 7, 16}); }

TEST_P(FrontendFixture, AppendPrefillThenTokens) {
  SmallVector<int64_t> chunks{11};
  chunks.append(length() - 11, 1);
  append(chunks);
}

std::string testName(const testing::TestParamInfo<const char *> &info) {
  return StringRef(info.param).split('/').second.str();
}

INSTANTIATE_TEST_SUITE_P(Families, FrontendFixture,
                         testing::Values("oracle/bamba", "oracle/falcon_h1", "oracle/granitehybrid_dense",
                                         "oracle/lfm2", "oracle/llama", "oracle/mamba2", "oracle/olmo_hybrid"),
                         testName);

// The same families with biases, tied heads, groups, shards, scaled positions, factors and limits.
INSTANTIATE_TEST_SUITE_P(Variants, FrontendFixture,
                         testing::Values("variants/bamba_bias_auto", "variants/falcon_h1_everything",
                                         "variants/falcon_h1_no_norm", "variants/granite_nope", "variants/lfm2_bias",
                                         "variants/llama_bias_tied_llama3", "variants/llama_yarn_bf16_shards",
                                         "variants/mamba2_bias_tied", "variants/mamba2_groups_limit",
                                         "variants/olmo_hybrid_grouped", "variants/olmo_hybrid_nope"),
                         testName);
} // namespace
