// The runtime through its C interface, on the toy model: every way to feed tokens gives the same logits.
#include "ToyModel.h"
#include "lib/Artifact/Safetensors.h"
#include "runtime/include/hybrid_runtime.h"
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
  EXPECT_NE(std::string(hybrid_last_error()).find("0 to 3"), std::string::npos);
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
  EXPECT_NE(error({1}, {0, 1}, {1}, {sequence}).find("logits of token 1"), std::string::npos);
  EXPECT_NE(error({1, 2}, {0, 0, 2}, {}, {sequence, create()}).find("at least one token"), std::string::npos);
  EXPECT_NE(error({1, 2}, {0, 1, 2}, {}, {sequence, sequence}).find("distinct"), std::string::npos);
  EXPECT_NE(error({1}, {1, 1}, {}, {sequence}).find("beginning with 0"), std::string::npos);
  EXPECT_EQ(hybrid_append(model, nullptr, nullptr, nullptr), HYBRID_FAILED);
  EXPECT_EQ(hybrid_score(nullptr, nullptr, nullptr), HYBRID_FAILED);
  EXPECT_EQ(hybrid_sequence_length(sequence), 0);
}

TEST_F(RuntimeTest, LoadingSaysWhatIsWrong) {
  options.cpu = "x86-64-v9";
  EXPECT_NE(loadError().find("unknown CPU level 'x86-64-v9'"), std::string::npos);
  options.cpu = "x86-64-v1";
  options.dtype = "bf16";
  EXPECT_NE(loadError().find("is compiled for f32, not for bf16"), std::string::npos);
  options.dtype = nullptr;
  options.weights = nullptr;
  EXPECT_NE(loadError().find("holds no weights"), std::string::npos);
  options.random_weights = 1;
  EXPECT_NE(loadError().find("this model needs --weights"), std::string::npos);
  options.random_weights = 0;
  options.weights = "/nowhere";
  EXPECT_NE(loadError().find("no such file or folder"), std::string::npos);
  options.weights = folder.c_str();
  options.artifact = "/nowhere.hyb";
  EXPECT_NE(loadError().find("cannot open '/nowhere.hyb'"), std::string::npos);
  options.size = 3;
  EXPECT_NE(loadError().find("hybrid_options_init"), std::string::npos);
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
  EXPECT_NE(loadError().find("tensor 'embed.weight': expected F32, BF16 or F16, found I64 [1]"), std::string::npos);
  {
    SafetensorsWriter writer(other + "/model.safetensors", {{"embed.weight", ElementType::f32, {2, toyWidth}}});
    writer.append(std::vector<float>(2 * toyWidth).data(), 2 * toyWidth * 4);
    writer.commit();
  }
  EXPECT_NE(loadError().find("parameter 'embedding': expected 11 rows, its 1 pieces have 2"), std::string::npos);
  {
    SafetensorsWriter writer(other + "/model.safetensors", {{"x", ElementType::f32, {}}});
    writer.append("1234", 4);
    writer.commit();
  }
  EXPECT_NE(loadError().find("lacks tensor 'embed.weight', which parameter 'embedding' is made from"),
            std::string::npos);
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
