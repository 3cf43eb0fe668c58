// The alphabet in which byte-level tokenizers write bytes: printable bytes as the Latin-1 characters that they
// are, the others as characters from U+0100 on.
#ifndef HYBRID_RUNTIME_TEXT_BYTEALPHABET_H
#define HYBRID_RUNTIME_TEXT_BYTEALPHABET_H
#include "runtime/text/Utf8.h"
#include <array>
#include <optional>

namespace hybridrt {

struct ByteAlphabet {
  std::array<uint16_t, 256> characters{};
  std::array<int16_t, 512> bytes{};

  constexpr ByteAlphabet() {
    bytes.fill(-1);
    int others = 0;
    for (int byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
      characters[byte] = uint16_t(printable ? byte : 256 + others++);
      bytes[characters[byte]] = int16_t(byte);
    }
  }
};
inline constexpr ByteAlphabet byteAlphabet;

inline std::string toByteAlphabet(std::string_view bytes) {
  std::string result;
  result.reserve(2 * bytes.size());
  for (char c : bytes)
    appendUtf8(result, byteAlphabet.characters[static_cast<unsigned char>(c)]);
  return result;
}

/// Nothing if the text has a character that stands for no byte.
inline std::optional<std::string> fromByteAlphabet(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    Character c = characterAt(text.data() + at);
    if (c.value >= byteAlphabet.bytes.size() || byteAlphabet.bytes[c.value] < 0)
      return std::nullopt;
    result += char(byteAlphabet.bytes[c.value]);
    at += c.size;
  }
  return result;
}

} // namespace hybridrt
#endif
