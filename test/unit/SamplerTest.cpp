// The sampler against implementations that say the same thing in the plainest way.
#include "runtime/text/Sampler.h"
#include "lib/Artifact/Result.h"
#include "runtime/include/hybrid_runtime.h"
#include "runtime/text/StopMatcher.h"
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace hybridrt;

namespace {
std::vector<float> randomLogits(std::mt19937 &draw, size_t count) {
  std::vector<float> logits(count);
  for (float &logit : logits)
    logit = float(int(draw() % 41) - 20) * 0.25f; // with many ties
  return logits;
}

/// All tokens' probabilities, 0 for those that are out. Every filter looks at every pair of tokens.
struct Plain {
  std::vector<double> p;

  Plain(const std::vector<float> &logits, const SamplingOptions &o, const std::vector<int32_t> &prompt,
        const std::vector<int32_t> &text) {
    for (size_t i = 0; i < logits.size(); ++i) {
      double x = logits[i];
      if (o.bias.count(int32_t(i)))
        x += o.bias.at(int32_t(i));
      auto times = std::count(text.begin(), text.end(), int32_t(i));
      if (times || std::count(prompt.begin(), prompt.end(), int32_t(i)))
        x = x > 0 ? x / o.repetitionPenalty : x * o.repetitionPenalty;
      if (times)
        x = x - o.presencePenalty - o.frequencyPenalty * double(times);
      p.push_back(std::exp(x / o.temperature));
    }
    scale();
    if (o.topK)
      keep([&](size_t i) { return double(before(i, better()).size()) < double(o.topK); });
    if (o.topP < 1)
      keep([&](size_t i) { return sum(before(i, better())) < o.topP; });
    double most = *std::max_element(p.begin(), p.end());
    keep([&](size_t i) { return p[i] >= o.minP * most; });
    if (o.typicalP < 1) {
      double entropy = 0;
      for (double q : p)
        entropy -= q > 0 ? q * std::log(q) : 0;
      auto nearer = [&, entropy](size_t a, size_t b) {
        double da = std::abs(-std::log(p[a]) - entropy), db = std::abs(-std::log(p[b]) - entropy);
        return da != db ? da < db : a < b;
      };
      keep([&](size_t i) { return sum(before(i, nearer)) < o.typicalP; });
    }
  }

  std::function<bool(size_t, size_t)> better() {
    return [this](size_t a, size_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; };
  }
  std::vector<size_t> before(size_t i, const std::function<bool(size_t, size_t)> &first) {
    std::vector<size_t> result;
    for (size_t j = 0; j < p.size(); ++j)
      if (p[j] > 0 && j != i && first(j, i))
        result.push_back(j);
    return result;
  }
  double sum(const std::vector<size_t> &tokens) {
    double total = 0;
    for (size_t i : tokens)
      total += p[i];
    return total;
  }
  void keep(const std::function<bool(size_t)> &wanted) {
    std::vector<double> kept = p;
    for (size_t i = 0; i < p.size(); ++i)
      if (p[i] > 0 && !wanted(i))
        kept[i] = 0;
    p = kept;
    scale();
  }
  void scale() {
    double total = 0;
    for (double q : p)
      total += q;
    for (double &q : p)
      q /= total;
  }
};

std::string errorOf(SamplingOptions options) {
  try {
    Sampler sampler(options, 10);
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

TEST(Sampler, KeepsWhatTheDefinitionsKeep) {
  std::mt19937 draw(1);
  for (int round = 0; round < 400; ++round) {
    std::vector<float> logits = randomLogits(draw, 30);
    SamplingOptions o;
    o.temperature = 0.3 + double(draw() % 8) * 0.2;
    auto sometimes = [&] { return draw() % 3 == 0; };
    // No round numbers: sums of probabilities are rounded differently.
    o.topK = sometimes() ? 1 + int64_t(draw() % 35) : 0;
    o.topP = sometimes() ? 0.0503 + double(draw() % 90) * 0.01 : 1;
    o.minP = sometimes() ? 0.00307 + double(draw() % 40) * 0.01 : 0;
    o.typicalP = sometimes() ? 0.0511 + double(draw() % 90) * 0.01 : 1;
    o.repetitionPenalty = sometimes() ? 1.3 : 1;
    o.presencePenalty = sometimes() ? 0.7 : 0;
    o.frequencyPenalty = sometimes() ? 0.4 : 0;
    if (sometimes())
      o.bias = {{3, 2.5}, {7, -std::numeric_limits<double>::infinity()}, {9, -1}};
    std::vector<int32_t> prompt = {1, 2, 2, 5}, text = {5, 8, 8, 8, 11};
    TokenHistory history;
    history.addPrompt(prompt);
    for (int32_t token : text)
      history.addGenerated(token);
    Plain plain(logits, o, prompt, text);
    std::vector<double> p(logits.size());
    for (const Candidate &candidate : Sampler(o, 30).distribution(logits, history))
      p[candidate.token] = candidate.probability;
    for (size_t i = 0; i < p.size(); ++i)
      EXPECT_NEAR(p[i], plain.p[i], 1e-9) << "token " << i << " in round " << round;
  }
}

TEST(Sampler, TakesTheLikeliestAtTemperatureZero) {
  std::vector<float> logits = {1, 3, 3, 2};
  SamplingOptions o;
  o.topK = 1;
  EXPECT_EQ(Sampler(o, 4).draw(logits, {}, 0, 0), 1);
  o.bias = {{3, 1.5}};
  EXPECT_EQ(Sampler(o, 4).draw(logits, {}, 0, 0), 3);
  o.bias = {{1, -std::numeric_limits<double>::infinity()}};
  EXPECT_EQ(Sampler(o, 4).draw(logits, {}, 0, 0), 2);
}

TEST(Sampler, DrawsByProbabilityAndPlaceAlone) {
  std::mt19937 random(2);
  std::vector<float> logits = randomLogits(random, 12);
  SamplingOptions o;
  o.temperature = 2;
  o.topK = 9;
  o.seed = 42;
  Sampler sampler(o, 12);
  std::vector<double> counts(12);
  int draws = 40000;
  for (int i = 0; i < draws; ++i)
    ++counts[sampler.draw(logits, {}, i % 7, i / 7)];
  for (const Candidate &candidate : sampler.distribution(logits, {})) {
    double expected = candidate.probability * draws;
    EXPECT_NEAR(counts[candidate.token], expected, 5 * std::sqrt(expected) + 1);
    counts[candidate.token] = 0;
  }
  EXPECT_EQ(counts, std::vector<double>(12));
  EXPECT_EQ(sampler.draw(logits, {}, 3, 9), sampler.draw(logits, {}, 3, 9));
}

// With temperature alone it draws what the C interface draws.
TEST(Sampler, AgreesWithTheRuntime) {
  std::mt19937 random(3);
  for (uint64_t i = 0; i < 500; ++i) {
    std::vector<float> logits = randomLogits(random, 50);
    SamplingOptions o;
    o.temperature = double(i % 5) * 0.4;
    o.seed = i * 0x9e3779b97f4a7c15;
    int32_t token = -1;
    ASSERT_EQ(hybrid_sample(logits.data(), 50, o.temperature, o.seed, i, 3 * i, &token), HYBRID_OK);
    EXPECT_EQ(Sampler(o, 50).draw(logits, {}, i, 3 * i), token);
  }
}

TEST(Sampler, GivesLogProbabilities) {
  std::vector<float> logits = {0, 1, 3, 3};
  double total = 1 + std::exp(1.0) + 2 * std::exp(3.0);
  EXPECT_NEAR(logProbability(logits, 1), 1 - std::log(total), 1e-12);
  std::vector<Candidate> top = likeliest(logits, 3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].token, 2);
  EXPECT_EQ(top[1].token, 3);
  EXPECT_EQ(top[2].token, 1);
  EXPECT_NEAR(top[0].probability, 3 - std::log(total), 1e-12);
  EXPECT_EQ(likeliest(logits, 9).size(), 4u);
}

TEST(Sampler, RefusesOptionsBeyondTheirRanges) {
  SamplingOptions o;
  o.temperature = -1;
  EXPECT_EQ(errorOf(o), "temperature: expected at least 0, got -1.000000");
  o = {};
  o.topP = 0;
  EXPECT_EQ(errorOf(o), "top-p: expected more than 0 and at most 1, got 0.000000");
  o = {};
  o.minP = 1.5;
  EXPECT_EQ(errorOf(o), "min-p: expected 0 to 1, got 1.500000");
  o = {};
  o.repetitionPenalty = 0;
  EXPECT_EQ(errorOf(o), "repetition-penalty: expected more than 0, got 0.000000");
  o = {};
  o.topK = -1;
  EXPECT_EQ(errorOf(o), "top-k: expected at least 0, got -1.000000");
  o = {};
  o.typicalP = 0;
  EXPECT_EQ(errorOf(o), "typical: expected more than 0 and at most 1, got 0.000000");
  o = {};
  o.presencePenalty = NAN;
  EXPECT_EQ(errorOf(o), "presence-penalty: expected a number, got nan");
  o = {};
  o.frequencyPenalty = NAN;
  EXPECT_EQ(errorOf(o), "frequency-penalty: expected a number, got nan");
  o = {};
  o.bias = {{1, NAN}};
  EXPECT_EQ(errorOf(o), "logit-bias: expected a number, got nan");
  o = {};
  o.bias = {{10, 1}};
  EXPECT_EQ(errorOf(o), "logit-bias: expected a token of the vocabulary, 0 to 9, got 10");
}

TEST(Sampler, RefusesLogitsThatAreNone) {
  Sampler sampler({}, 3);
  TokenHistory history;
  EXPECT_EQ(capture([&] { (void)sampler.draw(std::vector<float>{1, 2}, history, 0, 0); }).error(),
            "expected 3 logits, got 2");
  EXPECT_EQ(capture([&] { (void)sampler.draw(std::vector<float>{1, NAN, 2}, history, 0, 0); }).error(),
            "the logit of token 1 is not a number");
}

// Against a search through all of the text, for every way to cut the text into parts.
TEST(StopMatcher, DoesNotDependOnTokens) {
  std::mt19937 draw(4);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (unsigned i = 0, count = draw() % 20; i < count; ++i)
      text += "aab"[draw() % 3];
    std::vector<std::string> stops = {"aaab", "ba", std::string(draw() % 3, 'b') + "aab"};
    if (round % 4 == 0)
      stops = {""};
    // Where the first stop string to be complete begins.
    size_t first = std::string::npos;
    for (size_t end = 1; end <= text.size() && first == std::string::npos; ++end)
      for (const std::string &stop : stops)
        if (!stop.empty() && text.substr(0, end).ends_with(stop))
          first = std::min(first, end - stop.size());
    StopMatcher matcher(stops);
    std::string shown;
    for (size_t at = 0; at < text.size();) {
      size_t size = 1 + draw() % 4;
      shown += matcher.push(text.substr(at, size));
      EXPECT_TRUE(text.starts_with(shown));
      at += size;
    }
    shown += matcher.finish();
    EXPECT_EQ(matcher.stopped(), first != std::string::npos);
    EXPECT_EQ(shown, text.substr(0, first));
  }
}

TEST(StopMatcher, HoldsBackNoMoreThanItMust) {
  StopMatcher matcher({"\nUser:"});
  EXPECT_EQ(matcher.push("Hello\nUs"), "Hello");
  EXPECT_EQ(matcher.push("ed"), "\nUsed");
  EXPECT_EQ(matcher.push("\n"), "");
  EXPECT_EQ(matcher.push("User: me"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}
} // namespace
