// What sequences keep between calls. Keys and values lie in pages of 64 tokens, whose numbers serve all
// layers; recurrent states and convolution taps lie in slots, whose numbers serve all layers too. Both are
// counted by how many sequences share them: a fork copies nothing, and who writes to what is shared gets a
// copy first.
#ifndef HYBRID_RUNTIME_CACHE_CACHESTORE_H
#define HYBRID_RUNTIME_CACHE_CACHESTORE_H
#include "lib/Artifact/Artifact.h"
#include "runtime/device/Memory.h"
#include <vector>

namespace hybridrt {

constexpr int64_t pageTokens = 64;
/// All zeros; what a new sequence reads.
constexpr int32_t zeroSlot = 0;

/// Numbers that are handed out and shared.
class Shared {
public:
  explicit Shared(int32_t first) : counts(first, 1) {}
  /// A free number, held once; -1 if none is left.
  int32_t take();
  void share(int32_t number) { ++counts[number]; }
  void drop(int32_t number);
  bool isShared(int32_t number) const { return counts[number] > 1; }
  int64_t freeCount() const { return int64_t(unused.size()); }
  int64_t size() const { return int64_t(counts.size()); }
  /// Makes numbers up to `size` exist.
  void grow(int64_t size);

private:
  std::vector<int32_t> counts, unused;
};

/// The memory behind all sequences of a model.
class CacheStore {
public:
  CacheStore(const artifact::ArtifactT &artifact, MemoryBudget &budget);

  /// Grows the pools until so many more pages and slots can be taken; an Error if memory does not allow it,
  /// and then nothing has changed.
  void ensure(int64_t pages, int64_t slots);
  int32_t copyPage(int32_t page);

  /// The memory of one part of a cache: keys, state or taps (0), values (1).
  void *part(size_t cache, size_t part) const { return pools[cache * 2 + part].memory.data(); }
  bool hasPages() const { return pageBytes > 0; }
  bool hasSlots() const { return slotBytes > 0; }

  Shared pages{0}, slots{1};

private:
  struct Pool {
    Block memory;
    uint64_t unit = 0;
    bool paged = false;
  };
  void grow(bool paged, Shared &numbers, int64_t more, uint64_t unitBytes);
  std::vector<Pool> pools;
  uint64_t pageBytes = 0, slotBytes = 0;
  MemoryBudget &budget;
};

/// One sequence: what it has seen is in pages and slots of the store. Tokens of the last append are kept, so
/// that recurrent states, which cannot be cut short, are computed again from the state before it.
class Sequence {
public:
  Sequence(CacheStore &store, uint64_t id) : id(id), store(store) {}
  /// A fork: shares everything with `other`.
  Sequence(const Sequence &other, uint64_t id);
  ~Sequence();
  Sequence &operator=(const Sequence &) = delete;

  int64_t length() const { return tokens; }
  const std::vector<int32_t> &pageTable() const { return pages; }
  const std::vector<int32_t> &lastAppend() const { return last; }
  int32_t readSlot() const { return current; }
  int32_t writeSlot() const { return next; }

  /// Pages that an append of `count` tokens takes from the store, copies of shared ones included.
  int64_t pagesNeeded(int64_t count) const;
  int64_t slotsNeeded() const { return store.hasSlots() ? 1 : 0; }
  /// Takes pages and a slot to write to. The store has them: see CacheStore::ensure.
  void prepare(int64_t count);
  /// The call has written them.
  void commit(const int32_t *ids, int64_t count);
  /// The call failed: gives back what prepare() took.
  void abandon();
  /// Goes back to before the last append and returns its tokens.
  std::vector<int32_t> undo();
  /// Drops the last `count` tokens of the last append, for models whose caches can be cut short.
  void truncate(int64_t count);

  const uint64_t id;

private:
  void dropPages(int64_t keep);
  void hold(int32_t slot);
  void release(int32_t slot);
  CacheStore &store;
  int64_t tokens = 0;
  std::vector<int32_t> pages, last;
  /// Slots of the state now, before the last append, and that the append under way writes.
  int32_t current = zeroSlot, previous = zeroSlot, next = zeroSlot;
};

} // namespace hybridrt
#endif
