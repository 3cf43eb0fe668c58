#include "runtime/text/WordCache.h"

using namespace hybridrt;

size_t WordCache::slotOf(std::string_view word, uint64_t hash) const {
  size_t slot = hash % slots;
  for (;; slot = (slot + 1) % slots) {
    const Entry &entry = entries[slot];
    if (!entry.used || (entry.hash == hash && entry.wordSize == word.size() &&
                        std::memcmp(words.data() + entry.word, word.data(), word.size()) == 0))
      return slot;
  }
}

bool WordCache::find(std::string_view word, uint64_t hash, std::vector<int32_t> &to) const {
  if (entries.empty())
    return false;
  const Entry &entry = entries[slotOf(word, hash)];
  if (entry.used)
    to.insert(to.end(), allIds.begin() + entry.ids, allIds.begin() + entry.ids + entry.idCount);
  return entry.used;
}

void WordCache::insert(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
  if (entries.empty() || count == mostWords) {
    entries.assign(slots, {});
    words.clear();
    allIds.clear();
    count = 0;
  }
  if (word.size() > longestWord || ids.size() > UINT16_MAX)
    return;
  Entry &entry = entries[slotOf(word, hash)];
  entry = {hash, uint32_t(words.size()), uint32_t(allIds.size()), uint16_t(word.size()), uint16_t(ids.size()), true};
  words += word;
  allIds.insert(allIds.end(), ids.begin(), ids.end());
  ++count;
}
