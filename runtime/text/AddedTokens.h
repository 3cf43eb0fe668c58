// Tokens that are found in the text before anything else: special ones, and others that were added to a model.
#ifndef HYBRID_RUNTIME_TEXT_ADDEDTOKENS_H
#define HYBRID_RUNTIME_TEXT_ADDEDTOKENS_H
#include "runtime/text/Unigram.h"
#include <bitset>
#include <map>
#include <set>

namespace hybridrt {

struct AddedToken {
  std::string content;
  int32_t id = -1;
  /// Not as a part of a word.
  bool singleWord = false;
  /// Takes the white space on that side with it.
  bool stripLeft = false, stripRight = false;
  /// Looked for in the normalized text, as normalization makes it.
  bool normalized = false;
  /// Left out of decoded text where that is wanted.
  bool special = false;
  /// What is looked for.
  std::string pattern;
};

class AddedTokens {
public:
  /// Of tokens with the same number the last counts.
  void add(AddedToken token);
  /// Once all are there.
  void build();

  struct Part {
    std::string_view text;
    const AddedToken *token;
  };
  /// Cuts the text at the tokens that are (or are not) looked for in normalized text.
  std::vector<Part> split(std::string_view text, bool normalized, bool parseSpecial) const;

  const AddedToken *find(int32_t id) const {
    auto it = byId.find(id);
    return it == byId.end() ? nullptr : &it->second;
  }
  bool isSpecial(std::string_view content) const { return specials.count(content); }
  const std::map<int32_t, AddedToken> &all() const { return byId; }

private:
  struct Matcher {
    Vocabulary patterns;
    Trie trie;
    std::bitset<256> firstBytes;
  };
  std::map<int32_t, AddedToken> byId;
  std::set<std::string, std::less<>> specials;
  Matcher raw, normal;
};

} // namespace hybridrt
#endif
