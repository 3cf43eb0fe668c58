// What words became: text repeats itself, and looking a word up is much cheaper than cutting it again.
#ifndef HYBRID_RUNTIME_TEXT_WORDCACHE_H
#define HYBRID_RUNTIME_TEXT_WORDCACHE_H
#include "runtime/text/Vocabulary.h"
#include <span>

namespace hybridrt {

class WordCache {
public:
  /// Longer words are neither looked up nor kept.
  static constexpr size_t longestWord = 128;

  /// Appends what the word became if it is known.
  bool find(std::string_view word, uint64_t hash, std::vector<int32_t> &to) const;
  /// Forgets all when it is full.
  void insert(std::string_view word, uint64_t hash, std::span<const int32_t> ids);

private:
  static constexpr size_t slots = 1 << 17, mostWords = slots / 2;
  struct Entry {
    uint64_t hash = 0;
    uint32_t word = 0, ids = 0;
    uint16_t wordSize = 0, idCount = 0;
    bool used = false;
  };
  size_t slotOf(std::string_view word, uint64_t hash) const;

  std::vector<Entry> entries;
  size_t count = 0;
  std::string words;
  std::vector<int32_t> allIds;
};

} // namespace hybridrt
#endif
