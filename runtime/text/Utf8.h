// UTF-8, of text that nobody vouches for and of text that is known to be valid.
#ifndef HYBRID_RUNTIME_TEXT_UTF8_H
#define HYBRID_RUNTIME_TEXT_UTF8_H
#include <cstdint>
#include <string>
#include <string_view>

namespace hybridrt {

struct Character {
  uint32_t value;
  unsigned size; // in bytes
};

/// The character that begins at `p`, in valid UTF-8.
inline Character characterAt(const char *p) {
  auto byte = [&](int i) { return uint32_t(static_cast<unsigned char>(p[i])); };
  uint32_t first = byte(0);
  if (first < 0x80)
    return {first, 1};
  if (first < 0xe0)
    return {(first & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (first < 0xf0)
    return {(first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

/// Where the character that ends at `at` > 0 begins, in valid UTF-8.
inline size_t previousCharacter(std::string_view text, size_t at) {
  do
    --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

void appendUtf8(std::string &text, uint32_t character);

/// What text of any bytes begins with.
struct Utf8Step {
  enum Kind {
    valid,     ///< a character
    broken,    ///< bytes that no continuation makes a character; as many as one U+FFFD stands for
    incomplete ///< all that is left, and more bytes could make it a character
  } kind;
  unsigned size;
};
Utf8Step stepUtf8(std::string_view text);

/// Appends `text` with U+FFFD for each broken sequence (the longest that could have begun a character, as the
/// Unicode standard recommends), an incomplete end included.
void appendRepaired(std::string &to, std::string_view text);

/// `text` if it is valid UTF-8, else its repaired copy, kept in `storage`.
std::string_view repairUtf8(std::string_view text, std::string &storage);

/// Turns bytes that come in parts into text that never ends within a character.
class Utf8Stream {
public:
  /// Appends what is complete by now.
  void push(std::string &to, std::string_view bytes);
  void finish(std::string &to);

private:
  std::string held;
};

} // namespace hybridrt
#endif
