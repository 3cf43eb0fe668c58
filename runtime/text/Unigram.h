// The unigram model: of all ways to cut a word into tokens the one with the largest sum of scores.
#ifndef HYBRID_RUNTIME_TEXT_UNIGRAM_H
#define HYBRID_RUNTIME_TEXT_UNIGRAM_H
#include "runtime/text/WordCache.h"
#include "runtime/text/WordModel.h"

namespace hybridrt {

/// Finds the tokens that a text begins with. A double array: the child of node n by byte b is at base[n] ^ b if
/// that place belongs to n.
class Trie {
public:
  void build(const Vocabulary &vocabulary);
  /// Calls `found(length, token)` for every token that `text` begins with, the shortest first.
  template <typename Found> void prefixes(std::string_view text, Found found) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      uint32_t child = nodes[node].base ^ static_cast<unsigned char>(text[i]);
      if (nodes[child].parent != node)
        return;
      node = child;
      if (nodes[node].token >= 0)
        found(i + 1, nodes[node].token);
    }
  }

private:
  static constexpr uint32_t nobody = UINT32_MAX, root = nobody - 1;
  struct Node {
    uint32_t base = 0, parent = nobody;
    int32_t token = -1;
  };
  uint32_t findBase(const std::vector<unsigned char> &labels);

  std::vector<Node> nodes;
  uint32_t firstFree = 1;
};

class Unigram : public WordModel {
public:
  /// `scores` are by token.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<int32_t> unknown, bool byteFallback);
  void encode(std::string_view word, std::vector<int32_t> &to) override;

private:
  void findBest(std::string_view word);
  void emit(std::string_view piece, std::vector<int32_t> &to) const;

  std::vector<double> scores;
  std::optional<int32_t> unknown;
  bool byteFallback;
  double unknownScore;
  Trie trie;
  WordCache cache;
  /// The best way to each place of the word at hand.
  struct Step {
    double score = 0;
    size_t from = 0;
    int32_t token = -1;
  };
  std::vector<Step> steps;
};

} // namespace hybridrt
#endif
