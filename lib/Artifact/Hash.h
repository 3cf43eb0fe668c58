// A 64-bit content hash: it finds damage and names cache entries, and is no protection against an attacker.
#ifndef HYBRID_ARTIFACT_HASH_H
#define HYBRID_ARTIFACT_HASH_H
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hybridrt {

uint64_t hashBytes(const void *data, size_t size, uint64_t seed = 0);
inline uint64_t hashText(std::string_view text, uint64_t seed = 0) { return hashBytes(text.data(), text.size(), seed); }
/// 16 hexadecimal digits.
std::string hexadecimal(uint64_t value);

} // namespace hybridrt
#endif
