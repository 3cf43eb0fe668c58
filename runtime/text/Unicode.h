// What tokenizers need to know about characters, by utf8proc's tables.
#ifndef HYBRID_RUNTIME_TEXT_UNICODE_H
#define HYBRID_RUNTIME_TEXT_UNICODE_H
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hybridrt {

/// The classes that split expressions tell apart: \p{L}, \p{N}, \s and the rest.
enum class CharacterClass : uint8_t { other, letter, number, space };
constexpr std::array<CharacterClass, 128> asciiClasses = [] {
  std::array<CharacterClass, 128> classes{};
  for (int c = 0; c < 128; ++c)
    classes[c] = (c | 32) >= 'a' && (c | 32) <= 'z'     ? CharacterClass::letter
                 : c >= '0' && c <= '9'                 ? CharacterClass::number
                 : c == ' ' || (c >= '\t' && c <= '\r') ? CharacterClass::space
                                                        : CharacterClass::other;
  return classes;
}();
CharacterClass wideClassOf(uint32_t c);
inline CharacterClass classOf(uint32_t c) { return c < 128 ? asciiClasses[c] : wideClassOf(c); }

/// The property White_Space.
bool isSpace(uint32_t c);
/// Letters, marks, decimal digits, connectors and what else `\w` means.
bool isWordCharacter(uint32_t c);
/// \p{P} and ASCII's other symbols.
bool isPunctuation(uint32_t c);
/// Control and format characters, private and unassigned ones.
bool isOther(uint32_t c);
bool isMark(uint32_t c);
bool isNonspacingMark(uint32_t c);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
std::string normalize(std::string_view text, NormalForm form);

/// Every character by itself, so without the final sigma.
std::string lowercase(std::string_view text);

/// Whether two neighbours belong to one grapheme; `state` begins as 0 and passes from pair to pair.
bool joinsGrapheme(uint32_t left, uint32_t right, int32_t &state);

} // namespace hybridrt
#endif
