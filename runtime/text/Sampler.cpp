#include "runtime/text/Sampler.h"
#include "lib/Artifact/Result.h"
#include "runtime/core/Philox.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace hybridrt;

static void require(bool holds, const char *name, const char *expected, double value) {
  if (!holds)
    fail(name, ": expected ", expected, ", got ", value);
}

Sampler::Sampler(SamplingOptions given, int64_t vocabulary) : options(std::move(given)), vocabulary(vocabulary) {
  const SamplingOptions &o = options;
  require(std::isfinite(o.temperature) && o.temperature >= 0, "temperature", "at least 0", o.temperature);
  require(o.topK >= 0, "top-k", "at least 0", double(o.topK));
  require(o.topP > 0 && o.topP <= 1, "top-p", "more than 0 and at most 1", o.topP);
  require(o.minP >= 0 && o.minP <= 1, "min-p", "0 to 1", o.minP);
  require(o.typicalP > 0 && o.typicalP <= 1, "typical", "more than 0 and at most 1", o.typicalP);
  require(std::isfinite(o.repetitionPenalty) && o.repetitionPenalty > 0, "repetition-penalty", "more than 0",
          o.repetitionPenalty);
  require(std::isfinite(o.presencePenalty), "presence-penalty", "a number", o.presencePenalty);
  require(std::isfinite(o.frequencyPenalty), "frequency-penalty", "a number", o.frequencyPenalty);
  for (auto [token, bias] : o.bias) {
    if (token < 0 || token >= vocabulary)
      fail("logit-bias: expected a token of the vocabulary, 0 to ", vocabulary - 1, ", got ", token);
    require(!std::isnan(bias) && bias < std::numeric_limits<double>::infinity(), "logit-bias", "a number", bias);
  }
}

std::vector<double> Sampler::adjust(std::span<const float> logits, const TokenHistory &history) const {
  if (int64_t(logits.size()) != vocabulary)
    fail("expected ", vocabulary, " logits, got ", logits.size());
  std::vector<double> result(logits.begin(), logits.end());
  for (size_t i = 0; i < result.size(); ++i)
    if (std::isnan(result[i]))
      fail("the logit of token ", i, " is not a number");
  for (auto [token, bias] : options.bias)
    result[token] += bias;
  for (auto [token, count] : history.all()) {
    if (token < 0 || token >= vocabulary)
      continue;
    double &logit = result[token];
    logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty;
    if (count > 0)
      logit -= options.presencePenalty + double(count) * options.frequencyPenalty;
  }
  return result;
}

static bool isLikelier(const Candidate &a, const Candidate &b) {
  return a.probability != b.probability ? a.probability > b.probability : a.token < b.token;
}

static void normalize(std::vector<Candidate> &candidates) {
  double total = 0;
  for (const Candidate &c : candidates)
    total += c.probability;
  for (Candidate &c : candidates)
    c.probability /= total;
}

static void keepTopK(std::vector<Candidate> &candidates, size_t count) {
  if (count == 0 || count >= candidates.size())
    return;
  std::nth_element(candidates.begin(), candidates.begin() + int64_t(count) - 1, candidates.end(), isLikelier);
  candidates.resize(count);
}

/// Keeps the first candidates that have so much probability together.
static void keepProbability(std::vector<Candidate> &candidates, double wanted) {
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    sum += candidates[i].probability;
    if (sum >= wanted)
      return candidates.resize(i + 1);
  }
}

static void keepTopP(std::vector<Candidate> &candidates, double wanted) {
  if (wanted >= 1)
    return;
  normalize(candidates);
  std::sort(candidates.begin(), candidates.end(), isLikelier);
  keepProbability(candidates, wanted);
}

static void keepMinP(std::vector<Candidate> &candidates, double share) {
  if (share <= 0)
    return;
  double most = std::min_element(candidates.begin(), candidates.end(), isLikelier)->probability;
  std::erase_if(candidates, [&](const Candidate &c) { return c.probability < share * most; });
}

static void keepTypical(std::vector<Candidate> &candidates, double wanted) {
  if (wanted >= 1)
    return;
  normalize(candidates);
  double entropy = 0;
  for (const Candidate &c : candidates)
    entropy -= c.probability > 0 ? c.probability * std::log(c.probability) : 0;
  auto distance = [&](const Candidate &c) { return std::abs(-std::log(c.probability) - entropy); };
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate &a, const Candidate &b) {
    double da = distance(a), db = distance(b);
    return da != db ? da < db : a.token < b.token;
  });
  keepProbability(candidates, wanted);
}

std::vector<Candidate> Sampler::distribution(std::span<const float> logits, const TokenHistory &history) const {
  std::vector<double> adjusted = adjust(logits, history);
  auto largest = std::max_element(adjusted.begin(), adjusted.end());
  auto best = int32_t(largest - adjusted.begin());
  if (options.temperature == 0 || !std::isfinite(*largest))
    return {{best, 1.0}};
  std::vector<Candidate> candidates;
  candidates.reserve(adjusted.size());
  for (size_t i = 0; i < adjusted.size(); ++i)
    candidates.push_back({int32_t(i), std::exp((adjusted[i] - *largest) / options.temperature)});
  keepTopK(candidates, size_t(options.topK));
  keepTopP(candidates, options.topP);
  keepMinP(candidates, options.minP);
  keepTypical(candidates, options.typicalP);
  std::sort(candidates.begin(), candidates.end(), [](const auto &a, const auto &b) { return a.token < b.token; });
  normalize(candidates);
  return candidates;
}

int32_t Sampler::draw(std::span<const float> logits, const TokenHistory &history, uint64_t sequence,
                      uint64_t position) const {
  std::vector<Candidate> candidates = distribution(logits, history);
  if (candidates.size() == 1)
    return candidates[0].token;
  PhiloxBlock block = philox(
      options.seed, {uint32_t(sequence), uint32_t(sequence >> 32), uint32_t(position), uint32_t(position >> 32)});
  double u = (double(block[0]) + double(block[1]) * 0x1p-32 + 0x1p-34) * 0x1p-32, sum = 0;
  for (const Candidate &candidate : candidates)
    if (u < (sum += candidate.probability))
      return candidate.token;
  // Rounding left u at the total.
  return std::min_element(candidates.begin(), candidates.end(), isLikelier)->token;
}

static double logTotal(std::span<const float> logits) {
  double largest = *std::max_element(logits.begin(), logits.end()), total = 0;
  for (float logit : logits)
    total += std::exp(double(logit) - largest);
  return largest + std::log(total);
}

double hybridrt::logProbability(std::span<const float> logits, int32_t token) {
  return double(logits[token]) - logTotal(logits);
}

std::vector<Candidate> hybridrt::likeliest(std::span<const float> logits, size_t count) {
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < logits.size(); ++i)
    candidates.push_back({int32_t(i), double(logits[i])});
  count = std::min(count, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + int64_t(count), candidates.end(), isLikelier);
  candidates.resize(count);
  double total = count ? logTotal(logits) : 0;
  for (Candidate &candidate : candidates)
    candidate.probability -= total;
  return candidates;
}
