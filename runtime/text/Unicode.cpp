#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <array>
#include <utf8proc.h>
#include <vector>

using namespace hybridrt;

static utf8proc_category_t categoryOf(uint32_t c) { return utf8proc_category(utf8proc_int32_t(c)); }

bool hybridrt::isSpace(uint32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

CharacterClass hybridrt::wideClassOf(uint32_t c) {
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return CharacterClass::letter;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return CharacterClass::number;
  default:
    return isSpace(c) ? CharacterClass::space : CharacterClass::other;
  }
}

bool hybridrt::isWordCharacter(uint32_t c) {
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default:
    // Joiners, and the symbols that have the property Alphabetic: circled and squared letters.
    return c == 0x200c || c == 0x200d || (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
  }
}

bool hybridrt::isPunctuation(uint32_t c) {
  if (c < 128)
    return c > ' ' && c < 127 && asciiClasses[c] == CharacterClass::other;
  utf8proc_category_t category = categoryOf(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool hybridrt::isOther(uint32_t c) {
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CS:
    return true;
  default:
    return false;
  }
}

bool hybridrt::isMark(uint32_t c) {
  utf8proc_category_t category = categoryOf(c);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool hybridrt::isNonspacingMark(uint32_t c) { return categoryOf(c) == UTF8PROC_CATEGORY_MN; }

/// Characters with decompositions that are younger than Unicode 12: the library that reads tokenizer.json knows none.
static bool isYoung(uint32_t c) {
  return c == 0x32ff || (c >= 0xa7f2 && c <= 0xa7f4) || c == 0xab69 || (c >= 0x10781 && c <= 0x107ba) || c == 0x11938 ||
         c == 0x1f16c || (c >= 0x1fbf0 && c <= 0x1fbf9) || (c >= 0x1e030 && c <= 0x1e06d);
}

namespace {
class Normalization {
public:
  explicit Normalization(NormalForm form)
      : compose(form == NormalForm::nfc || form == NormalForm::nfkc),
        compatible(form == NormalForm::nfkc || form == NormalForm::nfkd) {}

  std::string run(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    // A stretch of characters that may change begins with the one before it, which may take part.
    size_t begin = 0, done = 0;
    bool open = false;
    for (size_t at = 0; at < text.size();) {
      Character c = characterAt(text.data() + at);
      if (isInert(c.value)) {
        if (open)
          done = normalizeStretch(result, text, begin, at);
        open = false;
        begin = at;
      } else if (!open) {
        open = true;
        result += text.substr(done, begin - done);
      }
      at += c.size;
    }
    if (open)
      done = normalizeStretch(result, text, begin, text.size());
    result += text.substr(done);
    return result;
  }

private:
  /// Whether a character is its own normal form, wherever it stands, and joins with nothing before it.
  bool isInert(uint32_t c) const {
    if (c < 0x80)
      return true;
    if ((compose && !compatible && c < 0x300) || isYoung(c))
      return true;
    const utf8proc_property_t *property = utf8proc_get_property(utf8proc_int32_t(c));
    bool hangul = c >= 0xac00 && c < 0xd7a4;
    bool jamo = c >= 0x1100 && c < 0x1200;
    if (property->combining_class || isMark(c) || jamo)
      return false;
    return hangul ? compose : property->decomp_seqindex == UINT16_MAX;
  }

  size_t normalizeStretch(std::string &result, std::string_view text, size_t begin, size_t end) {
    int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
    buffer.clear();
    for (size_t at = begin; at < end;) {
      Character c = characterAt(text.data() + at);
      at += c.size;
      utf8proc_int32_t parts[32];
      int boundary = 0;
      if (isYoung(c.value)) {
        buffer.push_back(utf8proc_int32_t(c.value));
        continue;
      }
      auto count = utf8proc_decompose_char(utf8proc_int32_t(c.value), parts, 32, utf8proc_option_t(options), &boundary);
      if (count < 0 || count > 32)
        buffer.push_back(utf8proc_int32_t(c.value));
      else
        buffer.insert(buffer.end(), parts, parts + count);
    }
    orderMarks();
    size_t size = buffer.size();
    if (compose)
      size = size_t(utf8proc_normalize_utf32(buffer.data(), utf8proc_ssize_t(size),
                                             utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE)));
    for (size_t i = 0; i < size; ++i)
      appendUtf8(result, uint32_t(buffer[i]));
    return end;
  }

  /// Canonical order: by class, and where it was; sorted, since a text may be all marks.
  void orderMarks() {
    auto combining = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
    std::vector<std::pair<uint64_t, utf8proc_int32_t>> run;
    for (auto from = buffer.begin(); from != buffer.end();) {
      run.clear();
      auto to = from;
      for (; to != buffer.end() && combining(*to); ++to)
        run.emplace_back(uint64_t(combining(*to)) << 32 | run.size(), *to);
      std::sort(run.begin(), run.end());
      for (auto &[key, c] : run)
        *from++ = c;
      from = to == buffer.end() ? to : to + 1;
    }
  }

  bool compose, compatible;
  std::vector<utf8proc_int32_t> buffer;
};
} // namespace

std::string hybridrt::normalize(std::string_view text, NormalForm form) { return Normalization(form).run(text); }

std::string hybridrt::lowercase(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Character c = characterAt(text.data() + at);
    at += c.size;
    if (c.value < 128)
      result += c.value >= 'A' && c.value <= 'Z' ? char(c.value | 32) : char(c.value);
    else if (c.value == 0x130) // the one letter whose lowercase is two
      result += "i\xcc\x87";
    else
      appendUtf8(result, uint32_t(utf8proc_tolower(utf8proc_int32_t(c.value))));
  }
  return result;
}

bool hybridrt::joinsGrapheme(uint32_t left, uint32_t right, int32_t &state) {
  return !utf8proc_grapheme_break_stateful(utf8proc_int32_t(left), utf8proc_int32_t(right), &state);
}
