#include "runtime/text/SplitRule.h"
#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"

using namespace hybridrt;

constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::string_view hybridrt::gpt2Expression = gpt2, hybridrt::llama3Expression = llama3;

std::optional<SplitRule> hybridrt::findSplitRule(std::string_view expression) {
  if (expression == gpt2)
    return SplitRule{};
  if (expression == llama3)
    return SplitRule{true, true, 3, true};
  if (expression == qwen2)
    return SplitRule{true, true, 1, true};
  return std::nullopt;
}

namespace {
using Class = CharacterClass;

/// A text and a place in it.
struct Cursor {
  std::string_view text;
  size_t at;

  bool atEnd() const { return at >= text.size(); }
  Character character() const { return characterAt(text.data() + at); }
  /// The class of what is there; of the text's end, space.
  Class classHere() const { return atEnd() ? Class::space : classOf(character().value); }
  void skip(Class wanted) {
    while (!atEnd()) {
      Character c = character();
      if (classOf(c.value) != wanted)
        break;
      at += c.size;
    }
  }
};
} // namespace

static bool isNewline(uint32_t c) { return c == '\r' || c == '\n'; }

/// The length of the contraction after an apostrophe at `at`, with it; 0 if there is none.
static size_t contraction(std::string_view text, size_t at, bool anyCase) {
  auto letter = [&](size_t i) -> char {
    char c = at + i < text.size() ? text[at + i] : 0;
    return anyCase && c >= 'A' && c <= 'Z' ? char(c | 32) : c;
  };
  char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return 3;
  if (anyCase && text.substr(at + 1).starts_with("\xc5\xbf")) // the long s, which folds to s
    return 3;
  return 0;
}

size_t SplitRule::next(std::string_view text, size_t at) const {
  Cursor cursor = {text, at};
  Character first = cursor.character();
  Class kind = classOf(first.value);
  if (first.value == '\'')
    if (size_t length = contraction(text, at, contractionsOfAnyCase))
      return at + length;
  cursor.at += first.size;
  if (kind == Class::letter) {
    cursor.skip(Class::letter);
    return cursor.at;
  }
  bool afterSpace = first.value == ' ';
  if (wordTakesAnyPrefix ? kind != Class::number && !isNewline(first.value) : afterSpace)
    if (cursor.classHere() == Class::letter && !cursor.atEnd()) {
      cursor.skip(Class::letter);
      return cursor.at;
    }
  if (numbers && kind == Class::number) {
    for (unsigned count = 1; count < numbers && !cursor.atEnd() && cursor.classHere() == Class::number; ++count)
      cursor.at += cursor.character().size;
    return cursor.at;
  }
  if (!numbers && (kind == Class::number || (afterSpace && cursor.classHere() == Class::number))) {
    cursor.skip(Class::number);
    return cursor.at;
  }
  if (kind == Class::other || (afterSpace && cursor.classHere() == Class::other)) {
    cursor.skip(Class::other);
    while (newlines && !cursor.atEnd() && isNewline(static_cast<unsigned char>(text[cursor.at])))
      ++cursor.at;
    return cursor.at;
  }
  // White space: up to its last line's end; else all of it at the end of the text; else all but the last one.
  cursor.skip(Class::space);
  if (newlines) {
    size_t newline = text.substr(at, cursor.at - at).find_last_of("\r\n");
    if (newline != text.npos)
      return at + newline + 1;
  }
  if (cursor.atEnd())
    return cursor.at;
  size_t last = previousCharacter(text, cursor.at);
  return last > at ? last : cursor.at;
}
