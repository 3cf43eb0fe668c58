// One token from logits.
#include "runtime/core/Model.h"
#include "runtime/core/Philox.h"
#include <algorithm>
#include <cmath>

using namespace hybridrt;

int32_t hybridrt::sample(std::span<const float> logits, double temperature, uint64_t seed, uint64_t sequence,
                         uint64_t position) {
  if (!std::isfinite(temperature) || temperature < 0)
    fail("expected a temperature of at least 0, got ", temperature);
  auto largest = std::max_element(logits.begin(), logits.end());
  for (float logit : logits)
    if (std::isnan(logit))
      fail("the logits of sequence ", sequence, " at position ", position, " are not numbers");
  if (temperature == 0)
    return int32_t(largest - logits.begin());
  PhiloxBlock block =
      philox(seed, {uint32_t(sequence), uint32_t(sequence >> 32), uint32_t(position), uint32_t(position >> 32)});
  double total = 0;
  for (float logit : logits)
    total += std::exp((double(logit) - *largest) / temperature);
  double u = (double(block[0]) + double(block[1]) * 0x1p-32 + 0x1p-34) * 0x1p-32 * total, sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    sum += std::exp((double(logits[i]) - *largest) / temperature);
    if (u < sum)
      return int32_t(i);
  }
  return int32_t(largest - logits.begin()); // rounding left u at the total
}
