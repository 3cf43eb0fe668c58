// What every device owes, through the C interface alone: for each family, the logits that an independent
// implementation computed, whatever way the tokens are fed; and the cache's promises, bit for bit.
#include "lib/Artifact/Safetensors.h"
#include "runtime/include/hybrid_runtime.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace {

struct Model {
  hybrid_model *handle = nullptr;
  int64_t vocab = 0;
  ~Model() { hybrid_model_free(handle); }
};

std::vector<float> floats(const hybridrt::Safetensors &file, const std::string &name) {
  const hybridrt::TensorView *view = file.find(name);
  std::vector<float> values(view->elements());
  view->readFloats(0, view->elements(), values.data());
  return values;
}

std::vector<int32_t> ids(const hybridrt::Safetensors &file, const std::string &name) {
  const hybridrt::TensorView *view = file.find(name);
  std::vector<int32_t> values(view->elements());
  for (int64_t i = 0; i < view->elements(); ++i) {
    int64_t id;
    std::memcpy(&id, view->bytes.data() + i * sizeof id, sizeof id);
    values[i] = static_cast<int32_t>(id);
  }
  return values;
}

/// A device and a family.
struct Case {
  const char *device, *family;
};
void PrintTo(const Case &c, std::ostream *out) { *out << c.family << " on " << c.device; }

class Conformance : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    device = GetParam().device;
    if (hybrid_device_target(device.c_str(), &target) != HYBRID_OK) {
      ASSERT_EQ(device, "cuda") << hybrid_last_error();
      GTEST_SKIP() << "no GPU here: " << hybrid_last_error();
    }
    folder = std::string(HYBRID_SOURCE_DIR "/test/Inputs/oracle/") + GetParam().family;
    auto opened = hybridrt::Safetensors::open(folder + "/fixture.safetensors");
    ASSERT_TRUE(bool(opened)) << opened.error();
    batch = opened->find("input_ids")->shape[0];
    length = opened->find("input_ids")->shape[1];
    inputs = ids(*opened, "input_ids");
    greedy = ids(*opened, "greedy_ids");
    expected = floats(*opened, "logits");
    nlohmann::json about = nlohmann::json::parse(std::ifstream(folder + "/fixture.json"));
    double deviation = about["logits_std"], noise = about["maxdiff_f64"];
    tolerance = std::max(1e-4, 20 * noise) * std::max(1.0, deviation);
    bf16Limit = 1.25 * double(about["bf16_rms"]);
  }

  void TearDown() override {
    for (const std::string &path : temporaries)
      std::filesystem::remove(path);
  }

  /// Compiles the family's folder and loads it.
  void load(Model &model, const char *dtype = "f32", const char *cpu = nullptr, const char *variant = nullptr) {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');
    std::string path = testing::TempDir() + "conformance_" + device + "_" + name + "_" + dtype + ".hyb";
    std::string command =
        std::string("\"" HYBRID_COMPILER "\" --targets=") + target + " --dtype=" + dtype + " " + folder + " -o " + path;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    temporaries.push_back(path);
    hybrid_options options;
    hybrid_options_init(&options);
    options.artifact = path.c_str();
    options.weights = folder.c_str();
    options.device = device.c_str();
    options.cpu = cpu;
    options.variant = variant;
    options.no_cache = 1;
    ASSERT_EQ(hybrid_model_load(&options, &model.handle), HYBRID_OK) << hybrid_last_error();
    hybrid_info info{};
    info.size = sizeof info;
    ASSERT_EQ(hybrid_model_info(model.handle, &info), HYBRID_OK);
    model.vocab = info.vocab;
  }

  /// Logits of tokens [begin, end) of the given batch rows, one after another.
  std::vector<float> append(Model &model, const std::vector<hybrid_sequence *> &sequences,
                            const std::vector<std::vector<int32_t>> &tokens) {
    std::vector<int32_t> packed, offsets{0}, rows;
    for (const auto &t : tokens) {
      packed.insert(packed.end(), t.begin(), t.end());
      offsets.push_back(static_cast<int32_t>(packed.size()));
    }
    for (size_t i = 0; i < packed.size(); ++i)
      rows.push_back(static_cast<int32_t>(i));
    hybrid_tokens call{packed.data(), offsets.data(), tokens.size(), rows.data(), rows.size()};
    std::vector<float> logits(packed.size() * model.vocab);
    EXPECT_EQ(sequences.empty() ? hybrid_score(model.handle, &call, logits.data())
                                : hybrid_append(model.handle, sequences.data(), &call, logits.data()),
              HYBRID_OK)
        << hybrid_last_error();
    return logits;
  }

  std::vector<int32_t> part(int64_t row, int64_t begin, int64_t end) {
    return {inputs.begin() + row * length + begin, inputs.begin() + row * length + end};
  }

  struct Difference {
    double worst = 0, squares = 0, count = 0;
    double rms() const { return std::sqrt(squares / count); }
  };
  void compare(Difference &d, const float *logits, int64_t row, int64_t begin, int64_t end, int64_t vocab) {
    for (int64_t i = 0; i < (end - begin) * vocab; ++i) {
      double difference = logits[i] - double(expected[(row * length + begin) * vocab + i]);
      ASSERT_TRUE(std::isfinite(difference)) << "token " << begin + i / vocab;
      d.worst = std::max(d.worst, std::abs(difference));
      d.squares += difference * difference;
      d.count += 1;
    }
  }

  /// Feeds both sequences together in chunks; the last size repeats to the end.
  Difference chunked(Model &model, std::vector<int64_t> chunks) {
    std::vector<hybrid_sequence *> sequences(batch);
    for (auto &s : sequences)
      EXPECT_EQ(hybrid_sequence_create(model.handle, &s), HYBRID_OK);
    Difference d;
    for (int64_t at = 0, i = 0; at < length; ++i) {
      int64_t count = std::min(chunks[std::min<size_t>(i, chunks.size() - 1)], length - at);
      std::vector<std::vector<int32_t>> tokens;
      for (int64_t row = 0; row < batch; ++row)
        tokens.push_back(part(row, at, at + count));
      std::vector<float> logits = append(model, sequences, tokens);
      for (int64_t row = 0; row < batch; ++row)
        compare(d, logits.data() + row * count * model.vocab, row, at, at + count, model.vocab);
      at += count;
    }
    for (auto s : sequences)
      hybrid_sequence_free(s);
    return d;
  }

  Difference whole(Model &model) {
    std::vector<std::vector<int32_t>> tokens;
    for (int64_t row = 0; row < batch; ++row)
      tokens.push_back(part(row, 0, length));
    std::vector<float> logits = append(model, {}, tokens);
    Difference d;
    for (int64_t row = 0; row < batch; ++row)
      compare(d, logits.data() + row * length * model.vocab, row, 0, length, model.vocab);
    return d;
  }

  bool slow() const { return device == "emulator"; }

  std::string device, folder;
  const char *target = nullptr;
  int64_t batch = 0, length = 0;
  std::vector<int32_t> inputs, greedy;
  std::vector<float> expected;
  double tolerance = 0, bf16Limit = 0;
  std::vector<std::string> temporaries;
};

/// What every device owes.
class EveryDevice : public Conformance {};
/// What takes too long on the emulator.
class FastDevice : public Conformance {};
class X86 : public Conformance {};

TEST_P(EveryDevice, LogitsWhateverTheChunks) {
  Model model;
  load(model);
  EXPECT_LE(whole(model).worst, tolerance);
  if (slow()) { // every variant, and decoding
    EXPECT_LE(chunked(model, {11, 1, 1, 1, 16, length}).worst, tolerance);
    return;
  }
  EXPECT_LE(chunked(model, {1}).worst, tolerance);
  EXPECT_LE(chunked(model, {11, 1}).worst, tolerance);
  EXPECT_LE(chunked(model, {1, 3, 7, 16, length}).worst, tolerance);
  EXPECT_LE(chunked(model, {length}).worst, tolerance);
}

TEST_P(X86, LowestCpuLevel) {
  Model model;
  load(model, "f32", "x86-64-v1");
  EXPECT_LE(whole(model).worst, tolerance);
  EXPECT_LE(chunked(model, {11, 1, 5}).worst, tolerance);
}

TEST_P(EveryDevice, NarrowStorage) {
  Model model;
  load(model, "bf16");
  EXPECT_LE(whole(model).rms(), bf16Limit);
  EXPECT_LE(chunked(model, {11, 1, 1, 16}).rms(), bf16Limit);
}

TEST_P(FastDevice, ForcedVariants) {
  for (auto [variant, chunk] : {std::pair{"decode", 1}, {"short", 1}, {"short", 16}, {"bulk", 1}, {"bulk", 7}}) {
    Model model;
    load(model, "f32", nullptr, variant);
    EXPECT_LE(chunked(model, {chunk}).worst, tolerance) << variant << ", chunks of " << chunk;
  }
}

TEST_P(EveryDevice, GreedyContinuation) {
  Model model;
  load(model);
  int64_t count = greedy.size() / batch;
  for (int64_t row = 0; row < batch; ++row) {
    hybrid_sequence *sequence = nullptr;
    ASSERT_EQ(hybrid_sequence_create(model.handle, &sequence), HYBRID_OK);
    std::vector<int32_t> next = part(row, 0, length);
    for (int64_t i = 0; i < count; ++i) {
      std::vector<float> logits = append(model, {sequence}, {next});
      int32_t token = 0;
      ASSERT_EQ(hybrid_sample(logits.data() + logits.size() - model.vocab, model.vocab, 0, 0, row, i, &token),
                HYBRID_OK);
      EXPECT_EQ(token, greedy[row * count + i]) << "sequence " << row << ", token " << i;
      next = {token};
    }
    hybrid_sequence_free(sequence);
  }
}

TEST_P(EveryDevice, RaggedBatchEqualsSequencesAlone) {
  Model model;
  load(model);
  std::vector<std::vector<int32_t>> tokens{part(0, 0, 13), part(1, 0, 1), part(0, 5, length), part(1, 2, 10)};
  std::vector<float> together = append(model, {}, tokens);
  size_t at = 0;
  for (const auto &t : tokens) {
    std::vector<float> alone = append(model, {}, {t});
    EXPECT_EQ(std::memcmp(alone.data(), together.data() + at, alone.size() * sizeof(float)), 0)
        << "a sequence of " << t.size() << " tokens";
    at += alone.size();
  }
}

TEST_P(EveryDevice, RollbackEqualsNeverHavingAppended) {
  Model model;
  load(model);
  hybrid_sequence *kept = nullptr, *plain = nullptr;
  ASSERT_EQ(hybrid_sequence_create(model.handle, &kept), HYBRID_OK);
  ASSERT_EQ(hybrid_sequence_create(model.handle, &plain), HYBRID_OK);
  append(model, {kept}, {part(0, 0, 9)});
  append(model, {plain}, {part(0, 0, 9)});
  // Nine tokens, then six of which four are taken back, or only the two.
  append(model, {kept}, {part(1, 9, 15)});
  ASSERT_EQ(hybrid_sequence_rollback(kept, 4), HYBRID_OK) << hybrid_last_error();
  append(model, {plain}, {part(1, 9, 11)});
  EXPECT_EQ(hybrid_sequence_length(kept), 11);
  EXPECT_EQ(append(model, {kept}, {part(0, 11, 20)}), append(model, {plain}, {part(0, 11, 20)}));
  // All of an append.
  ASSERT_EQ(hybrid_sequence_rollback(kept, 9), HYBRID_OK) << hybrid_last_error();
  ASSERT_EQ(hybrid_sequence_rollback(plain, 9), HYBRID_OK) << hybrid_last_error();
  EXPECT_EQ(append(model, {kept}, {part(1, 11, 12)}), append(model, {plain}, {part(1, 11, 12)}));
  EXPECT_EQ(hybrid_sequence_rollback(kept, 5), HYBRID_FAILED) << "more than the last append";
  hybrid_sequence_free(kept);
  hybrid_sequence_free(plain);
}

TEST_P(EveryDevice, ForkEqualsSeparateRun) {
  Model model;
  load(model);
  hybrid_sequence *first = nullptr, *fork = nullptr, *separate = nullptr;
  ASSERT_EQ(hybrid_sequence_create(model.handle, &first), HYBRID_OK);
  ASSERT_EQ(hybrid_sequence_create(model.handle, &separate), HYBRID_OK);
  append(model, {first}, {part(0, 0, 10)});
  append(model, {separate}, {part(0, 0, 10)});
  ASSERT_EQ(hybrid_sequence_fork(first, &fork), HYBRID_OK) << hybrid_last_error();
  // The original goes its own way first.
  append(model, {first}, {part(1, 0, 5)});
  EXPECT_EQ(append(model, {fork}, {part(0, 10, 21)}), append(model, {separate}, {part(0, 10, 21)}));
  hybrid_sequence_free(first);
  EXPECT_EQ(append(model, {fork}, {part(0, 21, 22)}), append(model, {separate}, {part(0, 21, 22)}));
  hybrid_sequence_free(fork);
  hybrid_sequence_free(separate);
}

std::vector<Case> casesOf(const char *device) {
  std::vector<Case> cases;
  for (const char *family : {"llama", "mamba2", "bamba", "falcon_h1", "granitehybrid_dense", "olmo_hybrid", "lfm2"})
    cases.push_back({device, family});
  return cases;
}
std::string nameOf(const testing::TestParamInfo<Case> &info) { return info.param.family; }

INSTANTIATE_TEST_SUITE_P(X86, EveryDevice, testing::ValuesIn(casesOf("x86")), nameOf);
INSTANTIATE_TEST_SUITE_P(X86, FastDevice, testing::ValuesIn(casesOf("x86")), nameOf);
INSTANTIATE_TEST_SUITE_P(X86, X86, testing::ValuesIn(casesOf("x86")), nameOf);
INSTANTIATE_TEST_SUITE_P(Emulator, EveryDevice, testing::ValuesIn(casesOf("emulator")), nameOf);
INSTANTIATE_TEST_SUITE_P(Cuda, EveryDevice, testing::ValuesIn(casesOf("cuda")), nameOf);
INSTANTIATE_TEST_SUITE_P(Cuda, FastDevice, testing::ValuesIn(casesOf("cuda")), nameOf);
} // namespace
