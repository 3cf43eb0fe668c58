// The runtime through its C interface, on the toy model: every way to feed tokens gives the same logits.
#include "ToyModel.h"
#include "lib/Artifact/Safetensors.h"
#include "runtime/core/Model.h"
#include "runtime/include/hybrid_runtime.h"
#include "runtime/x86/Cpu.h"
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>
#include <unistd.h>

using namespace hybridrt;

namespace {
class RuntimeTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    char name[] = "/tmp/hybrid-runtime-XXXXXX";
    folder = mkdtemp(name);
    setenv("XDG_CACHE_HOME", (folder + "/cache").c_str(), 1);
    artifact::ArtifactT toy = makeToy(), description = makeToyDescription();
    writeArtifact(toy, folder + "/toy.hyb").get();
    writeArtifact(description, folder + "/description.hyb").get();
    writeToyWeights(folder);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder); }

  void SetUp() override {
    hybrid_options_init(&options);
    artifactPath = folder + "/toy.hyb";
    options.artifact = artifactPath.c_str();
    options.weights = folder.c_str();
    options.threads = 2;
  }
  void TearDown() override {
    for (hybrid_sequence *sequence : sequences)
      hybrid_sequence_free(sequence);
    hybrid_model_free(model);
  }

  void load() { ASSERT_EQ(hybrid_model_load(&options, &model), HYBRID_OK) << hybrid_last_error(); }
  std::string loadError() { return hybrid_model_load(&options, &model) == HYBRID_OK ? "" : hybrid_last_error(); }
  hybrid_sequence *create() {
    hybrid_sequence *sequence = nullptr;
    EXPECT_EQ(hybrid_sequence_create(model, &sequence), HYBRID_OK);
    sequences.push_back(sequence);
    return sequence;
  }
  hybrid_sequence *fork(hybrid_sequence *from) {
    hybrid_sequence *sequence = nullptr;
    EXPECT_EQ(hybrid_sequence_fork(from, &sequence), HYBRID_OK);
    sequences.push_back(sequence);
    return sequence;
  }
  std::vector<float> append(hybrid_sequence *sequence, const std::vector<int32_t> &ids) {
    return appendAll({sequence}, {ids});
  }
  std::vector<float> appendAll(std::vector<hybrid_sequence *> to, const std::vector<std::vector<int32_t>> &parts) {
    std::vector<int32_t> ids, offsets = {0};
    for (auto &part : parts) {
      ids.insert(ids.end(), part.begin(), part.end());
      offsets.push_back(int32_t(ids.size()));
    }
    std::vector<int32_t> rows(ids.size());
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<float> logits(rows.size() * toyVocab, -77);
    hybrid_tokens tokens = {ids.data(), offsets.data(), parts.size(), rows.data(), rows.size()};
    status = hybrid_append(model, to.data(), &tokens, logits.data());
    return logits;
  }

  static std::vector<int32_t> someIds(int count, int salt = 0) {
    std::vector<int32_t> ids(count);
    for (int i = 0; i < count; ++i)
      ids[i] = (i % 97 * (i % 97) + 3 * i + salt) % toyVocab;
    return ids;
  }
  static std::vector<int32_t> slice(const std::vector<int32_t> &ids, size_t begin, size_t end) {
    return {ids.begin() + begin, ids.begin() + end};
  }
  static std::vector<float> tail(const std::vector<float> &logits, size_t tokens) {
    return {logits.end() - int64_t(tokens * toyVocab), logits.end()};
  }

  static inline std::string folder;
  std::string artifactPath;
  hybrid_options options;
  hybrid_model *model = nullptr;
  std::vector<hybrid_sequence *> sequences;
  hybrid_status status = HYBRID_OK;
};
} // namespace

TEST_F(RuntimeTest, ScoreOfARaggedBatchIsThatOfEachSequence) {
  load();
  std::vector<int32_t> ids, offsets = {0};
  std::vector<float> expected;
  for (int length : {5, 1, 130}) {
    std::vector<int32_t> part = someIds(length, length);
    ids.insert(ids.end(), part.begin(), part.end());
    offsets.push_back(int32_t(ids.size()));
    std::vector<float> logits = toyLogits(part);
    expected.insert(expected.end(), logits.begin(), logits.end());
  }
  std::vector<int32_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<float> logits(rows.size() * toyVocab);
  hybrid_tokens tokens = {ids.data(), offsets.data(), 3, rows.data(), rows.size()};
  ASSERT_EQ(hybrid_score(model, &tokens, logits.data()), HYBRID_OK) << hybrid_last_error();
  EXPECT_EQ(logits, expected);
  // Only the wanted rows, in the order in which they are wanted.
  std::vector<int32_t> two = {7, 0};
  tokens.rows = two.data();
  tokens.row_count = 2;
  ASSERT_EQ(hybrid_score(model, &tokens, logits.data()), HYBRID_OK);
  EXPECT_EQ(std::memcmp(logits.data(), expected.data() + 7 * toyVocab, toyVocab * 4), 0);
  EXPECT_EQ(std::memcmp(logits.data() + toyVocab, expected.data(), toyVocab * 4), 0);
}

TEST_F(RuntimeTest, EveryCutOfTheInputGivesTheSameLogits) {
  load();
  std::vector<int32_t> ids = someIds(200);
  std::vector<float> expected = toyLogits(ids);
  for (size_t chunk : {1, 7, 63, 64, 65, 200}) {
    hybrid_sequence *sequence = create();
    std::vector<float> logits;
    for (size_t at = 0; at < ids.size(); at += chunk) {
      std::vector<float> part = append(sequence, slice(ids, at, std::min(at + chunk, ids.size())));
      ASSERT_EQ(status, HYBRID_OK) << hybrid_last_error();
      logits.insert(logits.end(), part.begin(), part.end());
    }
    EXPECT_EQ(logits, expected) << chunk;
    EXPECT_EQ(hybrid_sequence_length(sequence), 200);
  }
}

TEST_F(RuntimeTest, OneAppendMixesPrefillAndDecode) {
  load();
  std::vector<int32_t> a = someIds(80, 1), b = someIds(70, 2);
  hybrid_sequence *first = create(), *second = create();
  append(first, slice(a, 0, 79));
  std::vector<float> logits = appendAll({second, first}, {b, slice(a, 79, 80)});
  ASSERT_EQ(status, HYBRID_OK);
  std::vector<float> expected = toyLogits(b), last = tail(toyLogits(a), 1);
  expected.insert(expected.end(), last.begin(), last.end());
  EXPECT_EQ(logits, expected);
}

TEST_F(RuntimeTest, AForkGoesItsOwnWay) {
  load();
  // 70 tokens: the second page is partial and shared, the first is full and shared.
  std::vector<int32_t> ids = someIds(70);
  hybrid_sequence *parent = create();
  append(parent, ids);
  hybrid_sequence *child = fork(parent);
  std::vector<int32_t> one = ids, two = ids;
  for (int i = 0; i < 70; ++i) {
    one.push_back(i % toyVocab);
    two.push_back((i + 4) % toyVocab);
    EXPECT_EQ(append(parent, {one.back()}), tail(toyLogits(one), 1)) << i;
    EXPECT_EQ(append(child, {two.back()}), tail(toyLogits(two), 1)) << i;
  }
  // The parent goes, and with it its share.
  hybrid_sequence_free(parent);
  sequences.erase(sequences.begin());
  two.push_back(3);
  EXPECT_EQ(append(child, {3}), tail(toyLogits(two), 1));
}

TEST_F(RuntimeTest, RollbackAndAppendEqualsNeverHavingAppended) {
  load();
  std::vector<int32_t> ids = someIds(60), more = someIds(20, 5), other = someIds(9, 8);
  for (size_t back : {0, 1, 5, 19, 20}) {
    hybrid_sequence *sequence = create();
    append(sequence, ids);
    append(sequence, more);
    hybrid_sequence *child = fork(sequence);
    ASSERT_EQ(hybrid_sequence_rollback(sequence, int64_t(back)), HYBRID_OK) << hybrid_last_error();
    EXPECT_EQ(hybrid_sequence_length(sequence), int64_t(80 - back));
    std::vector<int32_t> all = ids;
    all.insert(all.end(), more.begin(), more.end() - int64_t(back));
    all.insert(all.end(), other.begin(), other.end());
    EXPECT_EQ(append(sequence, other), tail(toyLogits(all), other.size())) << back;
    // A fork that was made before still has everything.
    std::vector<int32_t> whole = ids;
    whole.insert(whole.end(), more.begin(), more.end());
    whole.push_back(1);
    EXPECT_EQ(append(child, {1}), tail(toyLogits(whole), 1)) << back;
  }
  hybrid_sequence *sequence = create();
  append(sequence, {1, 2, 3});
  EXPECT_EQ(hybrid_sequence_rollback(sequence, 4), HYBRID_FAILED);
  EXPECT_STREQ(hybrid_last_error(), "expected to take back 0 to 3 tokens, the size of the last append, got 4");
  // Twice within the same append.
  EXPECT_EQ(hybrid_sequence_rollback(sequence, 1), HYBRID_OK);
  EXPECT_EQ(hybrid_sequence_rollback(sequence, 1), HYBRID_OK);
  EXPECT_EQ(append(sequence, {5}), tail(toyLogits({1, 5}), 1));
}

TEST_F(RuntimeTest, FreedCachesAreUsedAgain) {
  options.memory_limit = 8 << 20;
  load();
  for (int i = 0; i < 200; ++i) {
    hybrid_sequence *sequence = create();
    append(sequence, someIds(1000, i));
    ASSERT_EQ(status, HYBRID_OK) << i << ": " << hybrid_last_error();
    hybrid_sequence_free(sequence);
    sequences.pop_back();
  }
}

TEST_F(RuntimeTest, MemoryThatIsNotThereIsAnErrorAndChangesNothing) {
  options.memory_limit = 2 << 20;
  load();
  hybrid_sequence *sequence = create();
  append(sequence, {1, 2});
  append(sequence, someIds(200000));
  ASSERT_EQ(status, HYBRID_FAILED);
  std::string error = hybrid_last_error();
  EXPECT_NE(error.find("more memory, but only"), std::string::npos) << error;
  EXPECT_NE(error.find("limit of 2.00 MiB"), std::string::npos) << error;
  EXPECT_EQ(hybrid_sequence_length(sequence), 2);
  EXPECT_EQ(append(sequence, {3}), tail(toyLogits({1, 2, 3}), 1));
}

TEST_F(RuntimeTest, VariantsAreForcedAndRefuse) {
  std::vector<int32_t> ids = someIds(16);
  for (const char *name : {"short", "bulk"}) {
    options.variant = name;
    load();
    EXPECT_EQ(append(create(), ids), toyLogits(ids)) << name;
    TearDown();
    sequences.clear();
  }
  options.variant = "decode";
  load();
  append(create(), ids);
  EXPECT_EQ(status, HYBRID_FAILED);
  EXPECT_STREQ(hybrid_last_error(), "variant 'decode' takes at most 1 tokens in one sequence, the call has 16");
  TearDown();
  sequences.clear();
  options.variant = "turbo";
  load();
  append(create(), ids);
  EXPECT_STREQ(hybrid_last_error(), "entry 'append' has no variant 'turbo', only decode, short, bulk");
}

TEST_F(RuntimeTest, BadCallsAreErrors) {
  load();
  hybrid_sequence *sequence = create();
  float logits[4 * toyVocab];
  auto error = [&](std::vector<int32_t> ids, std::vector<int32_t> offsets, std::vector<int32_t> rows,
                   std::vector<hybrid_sequence *> to) -> std::string {
    hybrid_tokens tokens = {ids.data(), offsets.data(), offsets.size() - 1, rows.data(), rows.size()};
    return hybrid_append(model, to.data(), &tokens, logits) == HYBRID_OK ? "" : hybrid_last_error();
  };
  EXPECT_EQ(error({1, toyVocab}, {0, 2}, {}, {sequence}), "token 1 is 11, expected 0 to 10");
  EXPECT_EQ(error({-1}, {0, 1}, {}, {sequence}), "token 0 is -1, expected 0 to 10");
  EXPECT_EQ(error({1}, {0, 1}, {1}, {sequence}), "logits of token 1 are wanted, but there are 1 tokens");
  EXPECT_EQ(error({1, 2}, {0, 0, 2}, {}, {sequence, create()}),
            "expected at least one token in every sequence, but sequence 0 goes from 0 to 0");
  EXPECT_EQ(error({1, 2}, {0, 1, 2}, {}, {sequence, sequence}), "expected distinct sequences in one append");
  EXPECT_EQ(error({1}, {1, 1}, {}, {sequence}), "expected offsets of at least one sequence, beginning with 0");
  EXPECT_EQ(error({1}, {0, -1}, {}, {sequence}), "expected offsets of at least 0, got -1");
  EXPECT_EQ(error({1}, {0, 1}, {}, {nullptr}), "sequences: expected pointers, got NULL");
  hybrid_model *other = nullptr;
  ASSERT_EQ(hybrid_model_load(&options, &other), HYBRID_OK);
  hybrid_sequence *foreign = nullptr;
  ASSERT_EQ(hybrid_sequence_create(other, &foreign), HYBRID_OK);
  hybrid_model_free(other);
  sequences.push_back(foreign);
  EXPECT_EQ(error({1}, {0, 1}, {}, {foreign}), "sequence 0 belongs to another model");
  auto said = [](hybrid_status status) { return status == HYBRID_OK ? "" : hybrid_last_error(); };
  EXPECT_STREQ(said(hybrid_append(model, nullptr, nullptr, nullptr)), "hybrid_append: expected pointers, got NULL");
  EXPECT_STREQ(said(hybrid_score(nullptr, nullptr, nullptr)), "hybrid_score: expected pointers, got NULL");
  EXPECT_STREQ(said(hybrid_reserve(model, -1, 5)),
               "expected between 0 and 2147483647 sequences and tokens, got -1 and 5");
  EXPECT_STREQ(said(hybrid_reserve(model, INT32_MAX, INT32_MAX)),
               "expected at most 2147483647 pages of cache, the call needs 72057594004373504");
  hybrid_info info;
  info.size = 3;
  std::string size = std::to_string(sizeof info);
  EXPECT_EQ(said(hybrid_model_info(model, &info)), "expected an info of " + size + " bytes, got 3");
  int32_t token;
  EXPECT_STREQ(said(hybrid_sample(logits, 0, 0, 0, 0, 0, &token)), "expected a positive vocabulary, got 0");
  EXPECT_EQ(hybrid_sequence_length(sequence), 0);
}

TEST_F(RuntimeTest, LoadingSaysWhatIsWrong) {
  options.cpu = "x86-64-v9";
  EXPECT_EQ(loadError(), "unknown CPU level 'x86-64-v9', expected x86-64-v1, x86-64-v3 or x86-64-v4");
  if (supportedCpuLevel() < CpuLevel::v4) {
    options.cpu = "x86-64-v4";
    EXPECT_EQ(loadError(), "asked for x86-64-v4, but this CPU supports " + nameOf(supportedCpuLevel()) + " at most");
  }
  options.cpu = "x86-64-v1";
  options.dtype = "bf16";
  EXPECT_EQ(loadError(),
            "'" + artifactPath + "' is compiled for f32, not for bf16; compile the model again with --dtype=bf16");
  options.dtype = nullptr;
  options.weights = nullptr;
  EXPECT_EQ(loadError(), "'" + artifactPath + "' holds no weights: give a folder with them, or a seed for random ones");
  options.random_weights = 1;
  EXPECT_EQ(loadError(), "parameter 'embedding' is taken from checkpoint tensor 'embed.weight', so this model needs "
                         "--weights; random weights are for models compiled from a description");
  options.weights = folder.c_str();
  EXPECT_EQ(loadError(), "expected weights or a seed for random weights, got both");
  options.random_weights = 0;
  options.weights = "/nowhere";
  EXPECT_EQ(loadError(), "no weights at '/nowhere': there is no such file or folder");
  options.weights = folder.c_str();
  options.artifact = "/nowhere.hyb";
  EXPECT_EQ(loadError(), "cannot open '/nowhere.hyb': No such file or directory");
  options.size = 3;
  EXPECT_EQ(loadError(), "expected options of " + std::to_string(sizeof options) +
                             " bytes, got 3; fill them with hybrid_options_init of this version");
}

// Artifacts that are sound as files, and ask for what cannot be.
TEST_F(RuntimeTest, WhatAnArtifactAsksForIsChecked) {
  std::string path = folder + "/changed.hyb";
  auto errorOfCall = [&](auto &&change, const std::vector<int32_t> &ids = {1, 2}) -> std::string {
    artifact::ArtifactT toy = makeToy();
    change(toy);
    writeArtifact(toy, path).get();
    options.artifact = path.c_str();
    if (std::string error = loadError(); !error.empty())
      return error;
    append(create(), ids);
    std::string error = status == HYBRID_OK ? "" : hybrid_last_error();
    TearDown();
    sequences.clear();
    model = nullptr;
    return error;
  };
  auto entry = [](artifact::ArtifactT &toy) -> artifact::EntryT & {
    for (auto &entry : toy.programs[0]->entries)
      if (entry->name == "append")
        return *entry;
    throw Error("no append");
  };
  EXPECT_EQ(errorOfCall([](artifact::ArtifactT &toy) {
              toy.caches[0]->kind = artifact::CacheKind::ring_kv;
              toy.caches[0]->dims.resize(5, 1);
            }),
            "cache 'blocks.1.kv' is of kind ring_kv, which this runtime lacks");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) { entry(toy).name = "appand"; }),
            "the artifact has no entry 'append'; compile it with --entries=append");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) {
              for (auto &variant : entry(toy).variants)
                variant->max_tokens = 1;
            }),
            "no variant of 'append' takes a call of 2 tokens in 1 sequences; it has decode, short, bulk");
  auto everyStep = [&](artifact::ArtifactT &toy, auto &&change) {
    for (auto &variant : entry(toy).variants)
      change(*variant, *variant->steps[0]);
  };
  constexpr int64_t large = int64_t(1) << 48;
  auto grid = [](artifact::StepT &step, artifact::Symbol symbol, int64_t factor) {
    auto &extent = *step.grid.emplace_back(std::make_unique<artifact::ExtentT>());
    extent.symbol = symbol;
    extent.factor = factor;
  };
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) {
              everyStep(toy, [&](artifact::VariantT &, artifact::StepT &step) {
                step.grid.clear();
                grid(step, artifact::Symbol::tokens, large);
                grid(step, artifact::Symbol::tokens, large);
              });
            }),
            "the call is too large for step 0 of variant 'short'");
  EXPECT_EQ(errorOfCall(
                [&](artifact::ArtifactT &toy) {
                  everyStep(toy, [&](artifact::VariantT &, artifact::StepT &step) {
                    step.grid.clear();
                    grid(step, artifact::Symbol::tokens, large);
                  });
                },
                someIds(40000)),
            "the call is too large: a grid of 40000 / 1 * 281474976710656 blocks");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) {
              everyStep(toy, [&](artifact::VariantT &variant, artifact::StepT &) {
                variant.buffers[0]->elements->terms[0]->coefficient = 1e18;
              });
            }),
            "buffer 'x' of variant 'short' has an impossible size of 8000000000000000000.000000 bytes");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) { toy.programs[0]->kernels[0]->symbol = "nothing"; }),
            "the artifact's code for x86-64-v1 lacks the kernel 'nothing'");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) {
              auto &kernels = toy.programs[0]->kernels;
              kernels.push_back(std::make_unique<artifact::KernelT>(*kernels[0]));
              kernels.back()->view_places = {0};
            }),
            "kernel 'embed' expects tensor views: only GPUs have them");
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) { toy.programs[0]->modules[0]->level = "x86-64-v9"; }),
            "the artifact has no code for " + nameOf(supportedCpuLevel()) + " or lower, only for x86-64-v9");
  std::string error = errorOfCall([&](artifact::ArtifactT &toy) { toy.programs[0]->modules[0]->code = {1, 2, 3}; });
  EXPECT_TRUE(error.starts_with("cannot load the kernels for x86-64-v1: /proc/self/fd/")) << error;
  EXPECT_EQ(errorOfCall([&](artifact::ArtifactT &toy) { toy.programs[0]->params[0]->dtype = artifact::DType::i32; }),
            "parameter 'embedding': expected a floating-point type, found i32");
}

// What the C interface makes right by how it is called.
TEST_F(RuntimeTest, ModelsCheckTheirCallers) {
  ModelOptions plain;
  plain.artifact = artifactPath;
  plain.weights = folder;
  Model model(plain);
  std::vector<int32_t> ids = {1, 2, 3}, offsets = {0, 2};
  EXPECT_EQ(capture([&] { model.score({ids, offsets, {}}, nullptr); }).error(),
            "offsets end at 2, but there are 3 tokens");
  std::unique_ptr<Sequence> sequence = model.createSequence();
  Sequence *two[] = {sequence.get(), sequence.get()};
  offsets = {0, 3};
  EXPECT_EQ(capture([&] { model.append(two, {ids, offsets, {}}, nullptr); }).error(),
            "expected one stretch of tokens per sequence, got 1 for 2 sequences");
  model.destroy(std::move(sequence));
}

TEST_F(RuntimeTest, WeightsThatDoNotFitAreNamed) {
  std::string other = folder + "/other";
  std::filesystem::create_directories(other);
  options.weights = other.c_str();
  {
    SafetensorsWriter writer(other + "/model.safetensors", {{"embed.weight", ElementType::i64, {1}}});
    int64_t one = 1;
    writer.append(&one, 8);
    writer.commit();
  }
  EXPECT_EQ(loadError(), "'" + other + "': tensor 'embed.weight': expected F32, BF16 or F16, found I64 [1]");
  {
    SafetensorsWriter writer(other + "/model.safetensors", {{"embed.weight", ElementType::f32, {2, toyWidth}}});
    writer.append(std::vector<float>(2 * toyWidth).data(), 2 * toyWidth * 4);
    writer.commit();
  }
  EXPECT_EQ(loadError(), "parameter 'embedding': expected 11 rows, its 1 pieces have 2 in '" + other + "'");
  {
    SafetensorsWriter writer(other + "/model.safetensors", {{"x", ElementType::f32, {}}});
    writer.append("1234", 4);
    writer.commit();
  }
  EXPECT_EQ(loadError(), "'" + other + "' lacks tensor 'embed.weight', which parameter 'embedding' is made from");
}

TEST_F(RuntimeTest, PackedWeightsComeFromTheCacheAndSurviveDamage) {
  load();
  std::vector<int32_t> ids = someIds(9);
  auto packs = [&] {
    std::vector<std::string> found;
    for (auto &item : std::filesystem::directory_iterator(folder + "/cache/hybridc"))
      if (item.path().extension() == ".pack")
        found.push_back(item.path().string());
    return found;
  };
  ASSERT_GE(packs().size(), 1u);
  for (const std::string &pack : packs())
    std::filesystem::resize_file(pack, 100);
  hybrid_model_free(model);
  load();
  EXPECT_EQ(append(create(), ids), toyLogits(ids));
  TearDown();
  sequences.clear();
  for (const std::string &pack : packs())
    std::filesystem::remove(pack);
  options.no_cache = 1;
  load();
  EXPECT_EQ(append(create(), ids), toyLogits(ids));
  EXPECT_TRUE(packs().empty());
}

TEST_F(RuntimeTest, RandomWeightsDependOnTheSeedOnly) {
  std::string description = folder + "/description.hyb";
  options.artifact = description.c_str();
  options.weights = nullptr;
  options.random_weights = 1;
  options.no_cache = 1;
  std::vector<float> logits[3];
  for (int i = 0; i < 3; ++i) {
    options.seed = i == 2 ? 8 : 7;
    options.threads = i + 1;
    load();
    logits[i] = append(create(), someIds(5));
    TearDown();
    sequences.clear();
  }
  model = nullptr;
  EXPECT_EQ(logits[0], logits[1]);
  EXPECT_NE(logits[0], logits[2]);
}

TEST_F(RuntimeTest, ProfileCountsSteps) {
  options.profile = 1;
  load();
  hybrid_sequence *sequence = create();
  append(sequence, {1});
  append(sequence, {2});
  const hybrid_step *steps;
  size_t count;
  ASSERT_EQ(hybrid_profile(model, &steps, &count), HYBRID_OK);
  ASSERT_EQ(count, 4u);
  EXPECT_STREQ(steps[3].label, "head");
  EXPECT_STREQ(steps[3].variant, "decode");
  EXPECT_EQ(steps[3].calls, 2u);
  EXPECT_EQ(steps[3].flops, 2.0 * 2 * toyWidth * toyVocab);
}
