// The runtime's parts on their own: the thread pool, buffer placement, random numbers, recipes.
#include "lib/Artifact/Float.h"
#include "runtime/core/Model.h"
#include "runtime/x86/Cpu.h"
#include "runtime/core/Philox.h"
#include "runtime/weights/DiskCache.h"
#include "runtime/weights/Recipe.h"
#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <unistd.h>

using namespace hybridrt;

TEST(ThreadPoolTest, EveryItemRunsOnce) {
  for (unsigned threads : {1, 2, 5}) {
    ThreadPool pool(threads, availableCpus());
    for (int64_t count : {0, 1, 2, 3, 7, 100, 12345}) {
      std::vector<std::atomic<int>> ran(count);
      pool.forEach(count, [&](int64_t begin, int64_t end, unsigned thread) {
        EXPECT_LT(thread, threads);
        for (int64_t i = begin; i < end; ++i)
          ++ran[i];
      });
      for (auto &times : ran)
        ASSERT_EQ(times, 1);
    }
  }
}

TEST(ThreadPoolTest, ManyShortRegionsDoNotMix) {
  ThreadPool pool(3, availableCpus());
  for (int region = 0; region < 20000; ++region) {
    std::atomic<int64_t> sum{0};
    int64_t count = region % 40;
    pool.forEach(count, [&](int64_t begin, int64_t end, unsigned) {
      for (int64_t i = begin; i < end; ++i)
        sum += i + region;
    });
    ASSERT_EQ(sum, count * (count - 1) / 2 + count * region);
  }
}

TEST(ThreadPoolTest, ExceptionsReachTheCaller) {
  ThreadPool pool(2, availableCpus());
  EXPECT_THROW(pool.forEach(50, [](int64_t begin, int64_t, unsigned) { begin > 20 ? fail("no") : void(); }), Error);
  int64_t done = 0;
  pool.forEach(1, [&](int64_t, int64_t, unsigned) { ++done; });
  EXPECT_EQ(done, 1);
}

TEST(PlanTest, BuffersThatMeetDoNotOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(1 + random() % 30);
    uint64_t sum = 0;
    for (Lifetime &l : lifetimes) {
      l = {random() % 1000, random() % 20, 0};
      l.last = l.first + random() % 5;
      sum += (l.size + 63) / 64 * 64;
    }
    std::vector<uint64_t> offsets(lifetimes.size());
    uint64_t total = placeBuffers(lifetimes, offsets);
    EXPECT_LE(total, sum);
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      EXPECT_EQ(offsets[i] % 64, 0u);
      EXPECT_LE(offsets[i] + lifetimes[i].size, total);
      for (size_t j = 0; j < i; ++j) {
        bool meet = lifetimes[i].first <= lifetimes[j].last && lifetimes[j].first <= lifetimes[i].last;
        bool overlap = offsets[i] < offsets[j] + lifetimes[j].size && offsets[j] < offsets[i] + lifetimes[i].size;
        EXPECT_FALSE(meet && overlap && lifetimes[i].size && lifetimes[j].size);
      }
    }
  }
  // One after another: they share.
  std::vector<Lifetime> chain = {{640, 0, 1}, {640, 2, 3}, {640, 4, 5}};
  std::vector<uint64_t> offsets(3);
  EXPECT_EQ(placeBuffers(chain, offsets), 640u);
}

TEST(PlanTest, TilesNeverCrossASequence) {
  std::vector<int32_t> offsets = {0, 5, 6, 14};
  EXPECT_EQ(tileList(offsets, 4), (std::vector<int32_t>{0, 0, 4, 0, 4, 1, 1, 5, 1, 2, 6, 4, 2, 10, 4}));
  EXPECT_EQ(tileCount(offsets, 4), 5);
}

TEST(PlanTest, SizesOfACall) {
  using artifact::Symbol;
  std::vector<int32_t> offsets = {0, 2, 3}, lengths = {0, 64};
  CallSizes sizes = sizesOf(offsets, lengths, 2);
  EXPECT_EQ(sizes[Symbol::tokens], 3);
  EXPECT_EQ(sizes[Symbol::sequences], 2);
  EXPECT_EQ(sizes[Symbol::kv_tokens], 2 + 65);
  EXPECT_EQ(sizes[Symbol::pairs], 1 + 2 + 65);
  EXPECT_EQ(sizes[Symbol::rows], 2);
  EXPECT_EQ(sizes.longest, 2);
  EXPECT_EQ(sizes.pagesPerSequence, 2);
}

TEST(PhiloxTest, KnownAnswers) {
  // From the known-answer tests of the Random123 distribution.
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(UINT64_MAX, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(SampleTest, GreedyTakesTheFirstOfTheLargest) {
  std::vector<float> logits = {1, 5, 5, 2};
  EXPECT_EQ(sample(logits, 0, 1, 2, 3), 1);
  EXPECT_EQ(capture([] { (void)sample(std::vector<float>{1, NAN}, 0, 1, 2, 3); }).error(),
            "the logits of sequence 2 at position 3 are not numbers");
  EXPECT_EQ(capture([&] { (void)sample(logits, -1, 1, 2, 3); }).error(),
            "expected a temperature of at least 0, got -1.000000");
}

TEST(SampleTest, FrequenciesFollowTheSoftmax) {
  std::vector<float> logits = {0, 1, -1, 2};
  double total = 0;
  for (float logit : logits)
    total += std::exp(logit / 2);
  std::vector<int> counts(4);
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i)
    ++counts[sample(logits, 2, 42, i % 7, i)];
  for (int v = 0; v < 4; ++v)
    EXPECT_NEAR(double(counts[v]) / draws, std::exp(logits[v] / 2) / total, 0.012) << v;
  EXPECT_EQ(sample(logits, 2, 42, 3, 9), sample(logits, 2, 42, 3, 9));
}

TEST(MemoryTest, WhatTheSystemRefusesIsSaid) {
  Status status = capture([] { hostMemory().allocate(uint64_t(1) << 60); });
  EXPECT_EQ(status.error(), "expected " + formatBytes(double(uint64_t(1) << 60)) +
                                " of memory, and the system refuses: Cannot allocate memory");
}

TEST(DiskCacheTest, WhatWasNotUsedForLongestGoesFirst) {
  char name[] = "/tmp/hybrid-cache-XXXXXX";
  std::string folder = mkdtemp(name);
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  setenv("HYBRID_CACHE_GIB", "0.0000025", 1); // 2684 bytes
  DiskCache cache;
  auto exists = [&](const char *name) { return std::filesystem::exists(cache.path(name)); };
  using namespace std::chrono_literals;
  auto now = std::filesystem::file_time_type::clock::now();
  const std::pair<const char *, std::chrono::hours> files[] = {{"a.pack", 3h},          {"b.hyb", 2h},
                                                               {"c.pack", 1h},          {"other.txt", 9h},
                                                               {"d.pack.tmp.1.2", 30h}, {"e.pack.tmp.1.2", 1h}};
  for (auto &[file, age] : files) {
    std::ofstream(cache.path(file)) << std::string(1000, 'x');
    std::filesystem::last_write_time(cache.path(file), now - age);
  }
  cache.touch("a.pack");
  cache.evict(600, "new.pack");
  EXPECT_TRUE(exists("a.pack")) << "used last";
  EXPECT_FALSE(exists("b.hyb"));
  EXPECT_TRUE(exists("c.pack"));
  EXPECT_TRUE(exists("other.txt")) << "not ours";
  EXPECT_FALSE(exists("d.pack.tmp.1.2")) << "abandoned";
  EXPECT_TRUE(exists("e.pack.tmp.1.2")) << "being written";
  std::filesystem::create_directory(cache.path("x.lock"));
  EXPECT_EQ(capture([&] { DiskCache::Lock lock(cache, "x"); }).error(),
            "cannot lock '" + cache.path("x.lock") + "': Is a directory; --no-cache does without");
  setenv("HYBRID_CACHE_GIB", "much", 1);
  EXPECT_EQ(capture([] { DiskCache(); }).error(), "expected HYBRID_CACHE_GIB to be a number of GiB, found 'much'");
  unsetenv("HYBRID_CACHE_GIB");
  std::filesystem::remove_all(folder);
}

namespace {
class RecipeTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/hybrid-recipe-XXXXXX";
    folder = mkdtemp(name);
    SafetensorsWriter writer(folder + "/model.safetensors", {{"m", ElementType::f32, {3, 2}},
                                                             {"h", ElementType::f16, {2}},
                                                             {"b", ElementType::bf16, {3}},
                                                             {"conv", ElementType::f32, {2, 1, 4}},
                                                             {"n", ElementType::f32, {2, 2}}});
    float m[6] = {1, 2, 3, 4, 5, 6}, conv[8] = {0, 1, 2, 3, 4, 5, 6, 7}, n[4] = {7, 8, 9, 10};
    uint16_t h[2] = {toFloat16(10), toFloat16(0.5f)}, b[3] = {toBFloat16(2), toBFloat16(-1), toBFloat16(4)};
    writer.append(m, sizeof m);
    writer.append(h, sizeof h);
    writer.append(b, sizeof b);
    writer.append(conv, sizeof conv);
    writer.append(n, sizeof n);
    writer.commit();
    checkpoint.emplace(Checkpoint::open(folder).get());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  artifact::PieceT &piece(const char *source) {
    auto &piece = *param.pieces.emplace_back(std::make_unique<artifact::PieceT>());
    piece.source = source;
    return piece;
  }
  artifact::FoldT &fold(artifact::PieceT &piece, const char *source) {
    auto &fold = *piece.column_folds.emplace_back(std::make_unique<artifact::FoldT>());
    fold.source = source;
    return fold;
  }
  std::vector<float> make(std::vector<int64_t> shape) {
    param.name = "p";
    param.shape = std::move(shape);
    Recipe recipe(param, {&*checkpoint, 0});
    std::vector<float> out(recipe.rowCount() * recipe.columnCount());
    // Row by row, so that pieces are entered in the middle.
    for (int64_t r = 0; r < recipe.rowCount(); ++r)
      recipe.rows(r, 1, out.data() + r * recipe.columnCount());
    std::vector<float> whole(out.size());
    recipe.rows(0, recipe.rowCount(), whole.data());
    EXPECT_EQ(out, whole);
    return out;
  }

  std::string folder;
  std::optional<Checkpoint> checkpoint;
  artifact::ParamT param;
};
} // namespace

TEST_F(RecipeTest, PiecesAreConcatenated) {
  piece("m").begin = 1;
  piece("m").end = 1;
  EXPECT_EQ(make({3, 2}), (std::vector<float>{3, 4, 5, 6, 1, 2}));
}

TEST_F(RecipeTest, TransposedScaledAndFolded) {
  auto &p = piece("m");
  p.transpose = true;
  p.scale = 2;
  fold(p, "b");
  EXPECT_EQ(make({2, 3}), (std::vector<float>{1 * 2 * 2, 3 * 2 * -1, 5 * 2 * 4, 2 * 2 * 2, 4 * 2 * -1, 6 * 2 * 4}));
}

TEST_F(RecipeTest, MapsOfPiecesAndFolds) {
  piece("h").map = "neg_exp";
  EXPECT_EQ(make({2}), (std::vector<float>{-std::exp(10.f), -std::exp(.5f)}));
  param.pieces.clear();
  auto &p = piece("m");
  fold(p, "h").map = "one_plus";
  p.begin = 2;
  EXPECT_EQ(make({1, 2}), (std::vector<float>{5 * 11, 6 * 1.5}));
}

TEST_F(RecipeTest, FoldsRepeatOverTheirColumnsAndMultiply) {
  auto &p = piece("conv"); // 0 .. 7 as [2, 4]
  fold(p, "h");            // 10, .5, 10, .5
  auto &last = fold(p, "b");
  last.begin = 1; // 2, -1, 4 for columns 1 to 3
  EXPECT_EQ(make({2, 4}),
            (std::vector<float>{0, 1 * .5 * 2, 2 * 10 * -1, 3 * .5 * 4, 4 * 10, 5 * .5 * 2, 6 * 10 * -1, 7 * .5 * 4}));
}

TEST_F(RecipeTest, InitialisersThatMovedKeepTheirNames) {
  // [q; k] of one parameter is what q and k are by themselves, from draws as from a checkpoint.
  auto rows = [&](const char *name, int64_t count, bool drawn) {
    param.name = name;
    param.shape = {count, 2};
    Recipe recipe(param, {drawn ? nullptr : &*checkpoint, 7});
    std::vector<float> out(count * 2);
    recipe.rows(0, count, out.data());
    return out;
  };
  for (bool drawn : {true, false}) {
    param.pieces.clear();
    piece("init:normal(0.5)");
    std::vector<float> apart = rows("m", 3, drawn), second = rows("n", 2, drawn);
    apart.insert(apart.end(), second.begin(), second.end());
    param.pieces.clear();
    piece("init:normal(0.5)@m").end = 3;
    piece("init:normal(0.5)@n").end = 2;
    EXPECT_EQ(rows("joint", 5, drawn), apart);
    fold(*param.pieces[1], "init:const(1)@h");
    apart[6] *= drawn ? 1 : 10;
    apart[8] *= drawn ? 1 : 10;
    apart[7] *= drawn ? 1 : .5f;
    apart[9] *= drawn ? 1 : .5f;
    EXPECT_EQ(rows("joint", 5, drawn), apart);
  }
}

TEST_F(RecipeTest, InnerDimensionsAreOneRow) {
  piece("conv");
  EXPECT_EQ(make({2, 4}), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(RecipeTest, MisfitsAreErrors) {
  auto error = [&](std::vector<int64_t> shape) { return capture([&] { make(shape); }).error(); };
  piece("m");
  EXPECT_EQ(error({4, 2}), "parameter 'p': expected 4 rows, its 1 pieces have 3 in '" + folder + "'");
  EXPECT_EQ(error({3, 5}), "'" + folder + "': tensor 'm': expected rows of 5 elements for 'p', found F32 [3, 2]");
  param.pieces[0]->end = 9;
  EXPECT_EQ(error({3, 2}), "parameter 'p': expected rows [0, 9) of 'm', which has 3");
  param.pieces[0]->end = -1;
  auto &factors = fold(*param.pieces[0], "b");
  EXPECT_EQ(error({3, 2}), "parameter 'p': expected factors for 2 columns in 'b', found 3");
  factors.source = "none";
  EXPECT_EQ(error({3, 2}), "'" + folder + "' lacks tensor 'none', which parameter 'p' is made from");
  factors.end = 4;
  EXPECT_EQ(error({3, 2}), "parameter 'p': expected factors of columns [0, 4) by 'none', found 2 columns");
}

TEST(InitialiserTest, DrawsWhatItsNameSays) {
  auto draw = [](const char *text, int count = 20000) {
    Initialiser initialiser(text, 3, "p");
    std::vector<double> values;
    for (int i = 0; i < count; ++i)
      values.push_back(initialiser(i));
    return values;
  };
  auto within = [](const std::vector<double> &values, double low, double high) {
    for (double value : values)
      EXPECT_TRUE(low <= value && value <= high) << value;
    EXPECT_LT(*std::min_element(values.begin(), values.end()), low + (high - low) * 0.01);
    EXPECT_GT(*std::max_element(values.begin(), values.end()), high - (high - low) * 0.01);
  };
  double sum = 0, squares = 0;
  for (double value : draw("init:normal(0.02)")) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20000, 0, 5e-4);
  EXPECT_NEAR(std::sqrt(squares / 20000), 0.02, 5e-4);
  EXPECT_EQ(draw("init:const(1.5)", 1)[0], 1.5);
  within(draw("init:uniform(-1,3)"), -1, 3);
  within(draw("init:a_log(1,16)"), 0, std::log(16.0) + 1e-6);
  std::vector<double> steps = draw("init:dt_bias(0.001,0.1,0.0001)");
  for (double &step : steps)
    step = std::log(std::log1p(std::exp(step))); // of softplus
  within(steps, std::log(0.001) - 1e-3, std::log(0.1) + 1e-3);
  for (const char *bad : {"init:normal", "init:normal()", "init:normal(x)", "init:uniform(1)", "init:cubic(1)",
                          "init:normal(1", "init:normal(1,2)", "init:"})
    EXPECT_EQ(capture([&] { Initialiser(bad, 3, "p"); }).error(),
              "parameter 'p': unknown initialiser '" + std::string(bad) +
                  "', expected normal(deviation), const(value), uniform(a,b), log_uniform(a,b), "
                  "dt_bias(min,max,floor) or a_log(min,max) after 'init:'");
}
