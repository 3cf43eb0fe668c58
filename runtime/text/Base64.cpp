#include "runtime/text/Base64.h"
#include "lib/Artifact/Result.h"
#include <array>
#include <cstdint>

using namespace hybridrt;

constexpr std::array<int8_t, 256> values = [] {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < digits.size(); ++i)
    table[static_cast<unsigned char>(digits[i])] = int8_t(i);
  return table;
}();

std::string hybridrt::decodeBase64(std::string_view text, const std::string &where) {
  std::string result;
  while (text.ends_with('='))
    text.remove_suffix(1);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int value = values[static_cast<unsigned char>(c)];
    if (value < 0)
      fail(where, ": expected base 64, found '", std::string(text.substr(0, 40)), "'");
    bits = bits << 6 | uint32_t(value);
    if ((count += 6) >= 8)
      result += char(bits >> (count -= 8));
  }
  return result;
}
