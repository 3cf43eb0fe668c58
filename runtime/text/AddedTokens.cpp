#include "runtime/text/AddedTokens.h"
#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"
#include <algorithm>

using namespace hybridrt;

void AddedTokens::add(AddedToken token) {
  if (token.special)
    specials.insert(token.content);
  int32_t id = token.id;
  byId[id] = std::move(token);
}

void AddedTokens::build() {
  for (const auto &[id, token] : byId) {
    if (token.pattern.empty())
      continue;
    Matcher &matcher = token.normalized ? normal : raw;
    matcher.patterns.add(token.pattern, id, "added tokens");
    matcher.firstBytes.set(static_cast<unsigned char>(token.pattern[0]));
  }
  raw.trie.build(raw.patterns);
  normal.trie.build(normal.patterns);
}

static bool endsWithWord(std::string_view text) {
  return !text.empty() && isWordCharacter(characterAt(text.data() + previousCharacter(text, text.size())).value);
}
static bool startsWithWord(std::string_view text) {
  return !text.empty() && isWordCharacter(characterAt(text.data()).value);
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool normalized, bool parseSpecial) const {
  const Matcher &matcher = normalized ? normal : raw;
  if (matcher.firstBytes.none())
    return {{text, nullptr}};
  std::vector<Part> parts;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    size_t length = 0;
    int32_t id = -1;
    if (matcher.firstBytes[static_cast<unsigned char>(text[at])])
      matcher.trie.prefixes(text.substr(at), [&](size_t size, int32_t token) { length = size, id = token; });
    if (length == 0) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + length;
    at = end;
    const AddedToken &token = *find(id);
    if (!parseSpecial && isSpecial(token.content))
      continue;
    if (token.singleWord && (endsWithWord(text.substr(0, begin)) || startsWithWord(text.substr(end))))
      continue;
    while (token.stripLeft && begin > done) {
      size_t before = previousCharacter(text, begin);
      if (!isSpace(characterAt(text.data() + before).value))
        break;
      begin = before;
    }
    while (token.stripRight && end < text.size() && isSpace(characterAt(text.data() + end).value))
      end += characterAt(text.data() + end).size;
    if (begin > done)
      parts.push_back({text.substr(done, begin - done), nullptr});
    parts.push_back({text.substr(begin, end - begin), &token});
    done = end;
  }
  if (done < text.size())
    parts.push_back({text.substr(done), nullptr});
  return parts;
}
