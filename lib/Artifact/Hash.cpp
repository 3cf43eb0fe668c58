#include "lib/Artifact/Hash.h"
#include <bit>
#include <cstring>

namespace {
constexpr uint64_t first = 0x9e3779b97f4a7c15, second = 0xbf58476d1ce4e5b9, third = 0x94d049bb133111eb;

/// A bijection in which every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * second;
  x = (x ^ (x >> 27)) * third;
  return x ^ (x >> 31);
}

uint64_t word(const unsigned char *data) {
  uint64_t value;
  std::memcpy(&value, data, 8);
  return value;
}
} // namespace

uint64_t hybridrt::hashBytes(const void *data, size_t size, uint64_t seed) {
  const auto *bytes = static_cast<const unsigned char *>(data);
  // Four lanes, so that the multiplications of one word do not wait for those before.
  uint64_t lanes[4] = {seed + first, seed ^ second, seed + third, seed ^ size};
  size_t i = 0;
  for (; i + 32 <= size; i += 32)
    for (int lane = 0; lane < 4; ++lane)
      lanes[lane] = std::rotl((lanes[lane] ^ word(bytes + i + 8 * lane)) * first, 29);
  uint64_t hash = mix(seed + size);
  for (uint64_t lane : lanes)
    hash = mix(hash ^ lane) + first;
  for (; i < size; i += 8) {
    unsigned char rest[8] = {};
    std::memcpy(rest, bytes + i, size - i < 8 ? size - i : 8);
    hash = mix(hash ^ word(rest)) + first;
  }
  return mix(hash);
}

std::string hybridrt::hexadecimal(uint64_t value) {
  std::string digits(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4)
    digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}
