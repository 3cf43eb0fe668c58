#include "runtime/cache/CacheStore.h"
#include <algorithm>
#include <functional>
#include <utility>

using namespace hybridrt;
using namespace hybridrt::artifact;

int32_t Shared::take() {
  if (unused.empty())
    return -1;
  int32_t number = unused.back();
  unused.pop_back();
  counts[number] = 1;
  return number;
}

void Shared::drop(int32_t number) {
  if (--counts[number] == 0)
    unused.push_back(number);
}

void Shared::grow(int64_t size) {
  for (int64_t number = int64_t(counts.size()); number < size; ++number)
    unused.push_back(int32_t(number));
  // The lowest number is taken first, so that pools are touched from their beginning.
  std::sort(unused.begin(), unused.end(), std::greater<>());
  counts.resize(std::max(size, int64_t(counts.size())), 0);
}

static const std::string purpose = "holding the sequences' caches";

CacheStore::CacheStore(const ArtifactT &artifact, MemoryBudget &budget) : budget(budget) {
  for (auto &cache : artifact.caches) {
    const std::vector<int64_t> &dims = cache->dims;
    uint64_t element = sizeOf(cache->dtype), units[2] = {0, 0};
    bool paged = false;
    switch (cache->kind) {
    case CacheKind::paged_kv:
      paged = true;
      units[0] = uint64_t(dims[0] * pageTokens * dims[1]) * element;
      units[1] = uint64_t(dims[0] * pageTokens * dims[2]) * element;
      break;
    case CacheKind::conv_taps:
    case CacheKind::scan_state:
    case CacheKind::memory_vector:
      units[0] = element;
      for (int64_t dim : dims)
        units[0] *= uint64_t(dim);
      break;
    default:
      fail("cache '", cache->name, "' is of kind ", EnumNameCacheKind(cache->kind), ", which this runtime lacks");
    }
    for (uint64_t unit : units) {
      pools.push_back({Block(budget, purpose), unit, paged});
      (paged ? pageBytes : slotBytes) += unit;
    }
  }
  if (hasSlots())
    for (Pool &pool : pools)
      if (!pool.paged && pool.unit)
        pool.memory.reserve(pool.unit); // the slot of zeros
}

void CacheStore::grow(bool paged, Shared &numbers, int64_t more, uint64_t unitBytes) {
  if (numbers.freeCount() >= more)
    return;
  int64_t needed = numbers.size() + more - numbers.freeCount();
  // Half as much again, but no more than 256 MiB ahead of need.
  int64_t ahead =
      std::min<int64_t>(numbers.size() / 2, int64_t((uint64_t(256) << 20) / std::max<uint64_t>(unitBytes, 1)));
  int64_t size = std::max(needed, numbers.size() + ahead);
  if (size > INT32_MAX)
    fail("expected at most ", INT32_MAX, paged ? " pages" : " slots", " of cache, the call needs ", size);
  // All pools or none.
  budget.check(uint64_t(size - numbers.size()) * unitBytes, purpose);
  for (Pool &pool : pools)
    if (pool.paged == paged && pool.unit)
      pool.memory.reserve(uint64_t(size) * pool.unit);
  numbers.grow(size);
}

void CacheStore::ensure(int64_t pageCount, int64_t slotCount) {
  if (hasPages())
    grow(true, pages, pageCount, pageBytes);
  if (hasSlots())
    grow(false, slots, slotCount, slotBytes);
}

int32_t CacheStore::copyPage(int32_t page) {
  int32_t copy = pages.take();
  for (Pool &pool : pools)
    if (pool.paged)
      budget.space().copy(pool.memory.data() + uint64_t(copy) * pool.unit,
                          pool.memory.data() + uint64_t(page) * pool.unit, pool.unit);
  return copy;
}

static int64_t pagesFor(int64_t tokens) { return (tokens + pageTokens - 1) / pageTokens; }

Sequence::Sequence(const Sequence &other, uint64_t id)
    : id(id), store(other.store), tokens(other.tokens), pages(other.pages), last(other.last), current(other.current),
      previous(other.previous) {
  for (int32_t page : pages)
    store.pages.share(page);
  hold(current);
  hold(previous);
}

Sequence::~Sequence() {
  dropPages(0);
  for (int32_t slot : {current, previous, next})
    release(slot);
}

void Sequence::hold(int32_t slot) {
  if (slot != zeroSlot)
    store.slots.share(slot);
}

void Sequence::release(int32_t slot) {
  if (slot != zeroSlot)
    store.slots.drop(slot);
}

void Sequence::dropPages(int64_t keep) {
  while (int64_t(pages.size()) > keep) {
    store.pages.drop(pages.back());
    pages.pop_back();
  }
}

int64_t Sequence::pagesNeeded(int64_t count) const {
  if (!store.hasPages())
    return 0;
  bool copy = tokens % pageTokens != 0 && store.pages.isShared(pages[tokens / pageTokens]);
  return pagesFor(tokens + count) - int64_t(pages.size()) + copy;
}

void Sequence::prepare(int64_t count) {
  if (store.hasPages()) {
    if (tokens % pageTokens != 0) {
      int32_t &partial = pages[tokens / pageTokens];
      if (store.pages.isShared(partial)) {
        int32_t copy = store.copyPage(partial);
        store.pages.drop(partial);
        partial = copy;
      }
    }
    while (int64_t(pages.size()) < pagesFor(tokens + count))
      pages.push_back(store.pages.take());
  }
  if (store.hasSlots())
    next = store.slots.take();
}

void Sequence::commit(const int32_t *ids, int64_t count) {
  tokens += count;
  last.assign(ids, ids + count);
  release(previous);
  previous = current;
  current = next;
  next = zeroSlot;
}

void Sequence::abandon() {
  dropPages(pagesFor(tokens));
  release(next);
  next = zeroSlot;
}

std::vector<int32_t> Sequence::undo() {
  tokens -= int64_t(last.size());
  dropPages(pagesFor(tokens));
  release(current);
  current = previous;
  hold(current);
  return std::exchange(last, {});
}

void Sequence::truncate(int64_t count) {
  tokens -= count;
  last.resize(last.size() - count);
  dropPages(pagesFor(tokens));
}
