#include "runtime/text/WordPiece.h"
#include "lib/Artifact/Result.h"
#include "runtime/text/Utf8.h"

using namespace hybridrt;

static size_t countCharacters(std::string_view text) {
  size_t count = 0;
  for (char c : text)
    count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

bool WordPiece::cut(std::string_view word, std::vector<int32_t> &to) const {
  if (options.wholeWords) {
    std::optional<int32_t> token = tokens().find(word);
    if (token)
      to.push_back(*token);
    return token.has_value();
  }
  if (countCharacters(word) > options.mostCharacters)
    return false;
  std::string candidate;
  for (size_t at = 0; at < word.size();) {
    size_t end = word.size();
    std::optional<int32_t> token;
    while (end > at) {
      candidate = (at > 0 ? options.continuingPrefix : "") + std::string(word.substr(at, end - at));
      if ((token = tokens().find(candidate)))
        break;
      end = previousCharacter(word, end);
    }
    if (!token)
      return false;
    to.push_back(*token);
    at = end;
  }
  return true;
}

void WordPiece::encode(std::string_view word, std::vector<int32_t> &to) {
  size_t before = to.size();
  if (cut(word, to))
    return;
  to.resize(before);
  std::optional<int32_t> unknown = tokens().find(options.unknown);
  if (!unknown)
    fail("the word '", std::string(word.substr(0, 80)), "' is unknown, and so is the token '", options.unknown,
         "' that would stand for it");
  to.push_back(*unknown);
}
