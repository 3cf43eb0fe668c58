// Philox4x32-10 (Salmon et al., 2011): a random function of a key and a counter, so that what is drawn
// depends on where it is drawn for and never on order, batch or threads.
#ifndef HYBRID_RUNTIME_CORE_PHILOX_H
#define HYBRID_RUNTIME_CORE_PHILOX_H
#include <array>
#include <cstdint>

namespace hybridrt {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock philox(uint64_t key, PhiloxBlock counter) {
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xd2511f53) * counter[0], b = uint64_t(0xcd9e8d57) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ k1, uint32_t(a)};
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return counter;
}

/// In (0, 1), both ends excluded.
inline float uniform(uint32_t bits) { return (float(bits >> 9) + 0.5f) * 0x1p-23f; }

} // namespace hybridrt
#endif
