// Byte-pair encoding: a word begins as its characters or bytes; of the neighbours that can merge, those of the
// lowest rank do, the leftmost first, until none can.
#ifndef HYBRID_RUNTIME_TEXT_BPE_H
#define HYBRID_RUNTIME_TEXT_BPE_H
#include "runtime/text/WordCache.h"
#include "runtime/text/WordModel.h"
#include <array>
#include <memory>

namespace hybridrt {

struct BpeOptions {
  /// What stands for characters that are no tokens; if there is none, they are left out.
  std::optional<std::string> unknown;
  /// What tokens within a word begin with, and the last of a word ends with.
  std::string continuingPrefix, wordSuffix;
  /// One unknown token for neighbours.
  bool fuseUnknown = false;
  /// Characters that are no tokens become those of their bytes, if there are such.
  bool byteFallback = false;
  /// A word that is a token is that token, whatever merging gives.
  bool wholeWords = false;
};

/// Which neighbours merge into what.
class MergeTable {
public:
  struct Merge {
    uint32_t rank;
    int32_t token;
  };
  static constexpr uint32_t none = UINT32_MAX;

  explicit MergeTable(size_t count);
  /// Of equal pairs the last counts.
  void add(int32_t left, int32_t right, Merge merge);
  /// Its rank is `none` if the two do not merge.
  Merge find(int32_t left, int32_t right) const {
    uint64_t key = keyOf(left, right);
    for (size_t slot = slotOf(key);; slot = (slot + 1) & mask) {
      if (slots[slot].key == key)
        return slots[slot].merge;
      if (slots[slot].key == empty)
        return {none, -1};
    }
  }

private:
  static constexpr uint64_t empty = UINT64_MAX;
  struct Slot {
    uint64_t key = empty;
    Merge merge = {};
  };
  static uint64_t keyOf(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }
  size_t slotOf(uint64_t key) const { return (key * 0x9e3779b97f4a7c15 >> 20) & mask; }

  std::vector<Slot> slots;
  size_t mask;
};

/// A merge as a list of all has it.
struct BpeMerge {
  int32_t left, right, whole;
  uint32_t rank;
};

class Bpe : public WordModel {
public:
  /// Of words of characters.
  Bpe(Vocabulary vocabulary, const std::vector<BpeMerge> &merges, BpeOptions options);
  /// Of words of bytes: `strings` has the bytes of tokens, where they have any. Without unknown tokens.
  using ByteStrings = std::vector<std::pair<std::string, int32_t>>;
  Bpe(Vocabulary vocabulary, const std::vector<BpeMerge> &merges, BpeOptions options, const ByteStrings &strings,
      const std::string &where);
  /// As tiktoken: tokens are bytes and rank by their numbers.
  static std::unique_ptr<Bpe> fromRanks(Vocabulary vocabulary, const std::string &where);

  void encode(std::string_view word, std::vector<int32_t> &to) override;

private:
  Bpe(Vocabulary vocabulary, BpeOptions options, const std::vector<BpeMerge> &merges);
  void findJoints(const std::vector<BpeMerge> &merges);
  void encodeCached(std::string_view word, std::vector<int32_t> &to);
  void encodeLong(std::string_view text, std::vector<int32_t> &to);
  void begin(std::string_view word);
  void beginCharacter(std::string_view character, bool first, bool last);
  void mergeShort();
  void mergeLong();

  BpeOptions options;
  MergeTable merges;
  int32_t unknown = -1;
  bool ofBytes = false;
  /// First tokens: of bytes, or of characters up to the largest that is a token.
  std::array<int32_t, 256> byteTokens;
  std::vector<int32_t> characterTokens;
  Vocabulary wholeWords;
  /// Pairs of first tokens that some merge joins; a text can be cut between any other two.
  MergeTable joints{0};
  bool canCut = false;
  WordCache cache;
  // The word at hand.
  std::vector<int32_t> symbols;
  std::vector<MergeTable::Merge> next;
  bool unknownPending = false;
};

/// The merges of pairs of tokens that are given by rank.
std::vector<BpeMerge> findMerges(const Vocabulary &vocabulary,
                                 const std::vector<std::pair<std::string, std::string>> &pairs,
                                 const std::string &continuingPrefix, const std::string &where);

/// The merges of a vocabulary without such: two neighbours merge if they are a token together and rank as it does
/// (`ranks` is by token). Every way to cut a token into two is a merge then, between characters or between bytes.
std::vector<BpeMerge> findAllMerges(const Vocabulary &vocabulary, const std::vector<uint32_t> &ranks, bool ofBytes,
                                    const std::string &where);

} // namespace hybridrt
#endif
