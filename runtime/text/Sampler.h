// Which token comes next: penalties and filters over a model's logits, and a draw that depends on seed, sequence and
// position only.
#ifndef HYBRID_RUNTIME_TEXT_SAMPLER_H
#define HYBRID_RUNTIME_TEXT_SAMPLER_H
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

namespace hybridrt {

struct SamplingOptions {
  /// 0: the likeliest token, the lowest of equals; filters have no effect then.
  double temperature = 0;
  /// The so many likeliest tokens; 0: all.
  int64_t topK = 0;
  /// The fewest likeliest tokens that have so much probability together.
  double topP = 1;
  /// Tokens with at least so much of the likeliest one's probability.
  double minP = 0;
  /// The fewest tokens, those whose information is nearest to the entropy first, that have so much probability
  /// together.
  double typicalP = 1;
  /// Logits of tokens of prompt and text are divided by it if positive, else multiplied.
  double repetitionPenalty = 1;
  /// Taken from the logits of tokens of the generated text: once, and for each time that the token is there.
  double presencePenalty = 0, frequencyPenalty = 0;
  /// Added to logits before all else. Minus infinity forbids a token.
  std::map<int32_t, double> bias;
  uint64_t seed = 0;
};

/// The tokens of a sequence, as penalties count them.
class TokenHistory {
public:
  void addPrompt(std::span<const int32_t> tokens) {
    for (int32_t token : tokens)
      counts.try_emplace(token, 0);
  }
  void addGenerated(int32_t token) { ++counts[token]; }
  /// How often each token has been generated; those of the prompt alone, 0 times.
  const std::unordered_map<int32_t, int64_t> &all() const { return counts; }

private:
  std::unordered_map<int32_t, int64_t> counts;
};

struct Candidate {
  int32_t token;
  double probability;
};

class Sampler {
public:
  /// An Error for options beyond their ranges or tokens that are not in a vocabulary of that size.
  Sampler(SamplingOptions options, int64_t vocabulary);

  /// The next token of a sequence whose next position is `position`.
  int32_t draw(std::span<const float> logits, const TokenHistory &history, uint64_t sequence, uint64_t position) const;
  /// What is drawn from: tokens by number, with probabilities that sum up to 1.
  std::vector<Candidate> distribution(std::span<const float> logits, const TokenHistory &history) const;

private:
  std::vector<double> adjust(std::span<const float> logits, const TokenHistory &history) const;

  SamplingOptions options;
  int64_t vocabulary;
};

/// The logarithm of a token's probability as the model has it, before any option.
double logProbability(std::span<const float> logits, int32_t token);
/// The so many likeliest tokens, the likeliest first, with the logarithms of their probabilities.
std::vector<Candidate> likeliest(std::span<const float> logits, size_t count);

} // namespace hybridrt
#endif
