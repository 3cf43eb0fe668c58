// What the command line asks for.
#ifndef HYBRID_RUN_OPTIONS_H
#define HYBRID_RUN_OPTIONS_H
#include "runtime/text/Sampler.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What concerns text instead of tokens.
struct TextOptions {
  std::optional<std::string> prompt, system;
  std::string tokenizer, chatFormat;
  std::vector<std::string> stops;
  int64_t newTokens = 256, samples = 1, logProbs = 0;
  bool interactive = false, raw = false;
};

struct Options {
  std::string model, weights, inputIds, logits, outputIds, profileHtml, device = "x86", dtype, cpu, variant;
  std::optional<uint64_t> randomWeights;
  std::vector<int64_t> chunks;
  int64_t newTokens = 0;
  double temperature = 0;
  uint64_t seed = 0;
  TextOptions text;
  /// How tokens are drawn where text is generated; temperature and seed are those above.
  hybridrt::SamplingOptions filters;
  hybridrt::SamplingOptions sampling() const {
    hybridrt::SamplingOptions result = filters;
    result.temperature = temperature;
    result.seed = seed;
    return result;
  }
  unsigned threads = 0;
  bool noCache = false, profile = false, json = false;
};

#endif
