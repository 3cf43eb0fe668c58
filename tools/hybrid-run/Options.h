// What the command line asks for.
#ifndef HYBRID_RUN_OPTIONS_H
#define HYBRID_RUN_OPTIONS_H
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct Options {
  std::string model, weights, inputIds, logits, outputIds, device = "x86", dtype, cpu, variant;
  std::optional<uint64_t> randomWeights;
  std::vector<int64_t> chunks;
  int64_t newTokens = 0;
  double temperature = 0;
  uint64_t seed = 0;
  unsigned threads = 0;
  bool noCache = false, profile = false, json = false;
};

#endif
