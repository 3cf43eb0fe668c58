#include "runtime/text/Utf8.h"
#include <cstring>

using namespace hybridrt;

static const char replacement[] = "\xef\xbf\xbd";

void hybridrt::appendUtf8(std::string &text, uint32_t c) {
  auto tail = [&](int shift) { text += char(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    text += char(c);
  } else if (c < 0x800) {
    text += char(0xc0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    text += char(0xe0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    text += char(0xf0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

Utf8Step hybridrt::stepUtf8(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned first = byte(0), size;
  if (first < 0x80)
    return {Utf8Step::valid, 1};
  // The second byte's range excludes overlong forms, surrogates and what is beyond U+10FFFF.
  unsigned low = 0x80, high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    size = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    size = 3;
    low = first == 0xe0 ? 0xa0 : low;
    high = first == 0xed ? 0x9f : high;
  } else if (first >= 0xf0 && first <= 0xf4) {
    size = 4;
    low = first == 0xf0 ? 0x90 : low;
    high = first == 0xf4 ? 0x8f : high;
  } else {
    return {Utf8Step::broken, 1};
  }
  for (unsigned i = 1; i < size; ++i) {
    if (i == text.size())
      return {Utf8Step::incomplete, i};
    if (byte(i) < low || byte(i) > high)
      return {Utf8Step::broken, i};
    low = 0x80, high = 0xbf;
  }
  return {Utf8Step::valid, size};
}

/// The length of the valid text that `text` begins with.
static size_t validPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    while (at + 8 <= text.size() && (std::memcpy(&eight, text.data() + at, 8), (eight & 0x8080808080808080) == 0))
      at += 8;
    if (at == text.size())
      break;
    Utf8Step step = stepUtf8(text.substr(at));
    if (step.kind != Utf8Step::valid)
      break;
    at += step.size;
  }
  return at;
}

/// Appends repaired text up to an incomplete end, whose length is returned.
static size_t repairUntilIncomplete(std::string &to, std::string_view text) {
  while (!text.empty()) {
    size_t valid = validPrefix(text);
    to += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty())
      break;
    Utf8Step step = stepUtf8(text);
    if (step.kind == Utf8Step::incomplete)
      return text.size();
    to += replacement;
    text.remove_prefix(step.size);
  }
  return 0;
}

void hybridrt::appendRepaired(std::string &to, std::string_view text) {
  if (repairUntilIncomplete(to, text))
    to += replacement;
}

std::string_view hybridrt::repairUtf8(std::string_view text, std::string &storage) {
  if (validPrefix(text) == text.size())
    return text;
  storage.clear();
  appendRepaired(storage, text);
  return storage;
}

void Utf8Stream::push(std::string &to, std::string_view bytes) {
  std::string joined;
  if (!held.empty()) {
    joined = held;
    joined += bytes;
    bytes = joined;
  }
  size_t open = repairUntilIncomplete(to, bytes);
  held = std::string(bytes.substr(bytes.size() - open));
}

void Utf8Stream::finish(std::string &to) {
  if (!held.empty())
    to += replacement;
  held.clear();
}
