#include "runtime/emulator/vm/GlobalShadow.h"
#include <cstring>

using namespace hybridrt::emulator;

static std::atomic<uint64_t> generations{1};

GlobalShadow::GlobalShadow() : generation(generations++) {}
GlobalShadow::~GlobalShadow() = default;

GlobalWord *GlobalShadow::page(uint64_t number) {
  struct Cached {
    uint64_t generation = 0, number = 0;
    GlobalWord *words = nullptr;
  };
  static thread_local Cached cache[512];
  Cached &cached = cache[number % 512];
  if (cached.generation == generation && cached.number == number)
    return cached.words;
  GlobalWord *words = nullptr;
  {
    std::shared_lock lock(mutex);
    if (auto found = pages.find(number); found != pages.end())
      words = found->second.get();
  }
  if (!words) {
    std::unique_lock lock(mutex);
    auto &owned = pages[number];
    if (!owned) {
      if (pages.size() > maxPages) { // more than is worth tracking: accesses beyond are not checked
        pages.erase(number);
        return nullptr;
      }
      owned = std::make_unique<GlobalWord[]>((1u << pageBits) / 4);
    }
    words = owned.get();
  }
  cached = {generation, number, words};
  return words;
}

template <typename Function> void GlobalShadow::forEachWord(uint64_t address, uint32_t bytes, Function function) {
  uint64_t end = address + bytes, at = address & ~uint64_t(3);
  while (at < end) {
    GlobalWord *words = page(at >> pageBits);
    uint64_t until = std::min(end, ((at >> pageBits) + 1) << pageBits);
    if (!words)
      at = until;
    for (; at < until; at += 4)
      function(words[(at & ((1u << pageBits) - 1)) / 4], at);
  }
}

namespace {

inline uint8_t covered(uint64_t word, uint64_t address, uint32_t bytes) {
  uint64_t low = address > word ? address - word : 0, high = std::min<uint64_t>(address + bytes - word, 4);
  return uint8_t(((1u << high) - 1) & ~((1u << low) - 1));
}

uint32_t nameOf(const Warp *w) { return uint32_t(w->cta->cluster->id) << GlobalWord::warpBits | w->clockIndex; }
uint32_t clusterOf(uint32_t name) { return name >> GlobalWord::warpBits; }
uint32_t warpOf(uint32_t name) { return name & GlobalWord::severalWarps; }

/// Whether what a warp did at `clock` comes before what `w` does now.
bool ordered(Warp *w, uint32_t name, uint32_t clock) {
  Cluster &mine = *w->cta->cluster;
  uint32_t cluster = clusterOf(name), index = warpOf(name);
  if (cluster == mine.id)
    return index == w->clockIndex || clock <= w->clock[index];
  auto known = mine.known.find(cluster);
  return known != mine.known.end() && index < known->second.size() && clock <= known->second[index];
}

/// Several readers cannot be told apart: they race for sure only where nothing orders anything between clusters.
bool readersOrdered(Warp *w, const GlobalWord &word) {
  Cluster &mine = *w->cta->cluster;
  if (word.reader == GlobalWord::severalClusters)
    return !mine.known.empty();
  if (warpOf(word.reader) == GlobalWord::severalWarps)
    return clusterOf(word.reader) == mine.id || !mine.known.empty();
  return ordered(w, word.reader, word.readClock);
}

/// Launches of more clusters than names can tell apart are not checked.
bool tracked(const Warp *w) { return w->cta->cluster->id < GlobalWord::mostClusters; }

} // namespace

void GlobalShadow::read(Warp *w, uint64_t address, uint32_t bytes, bool isStrong, uint32_t line, int lane) {
  if (!tracked(w))
    return;
  uint32_t me = nameOf(w), clock = w->clock[w->clockIndex] & GlobalWord::clockMask;
  forEachWord(address, bytes, [&](GlobalWord &word, uint64_t at) {
    uint8_t bits = covered(at, address, bytes);
    if (word.writer && (word.written & bits) && !(isStrong && word.isStrong) &&
        !ordered(w, word.writer, word.writeClock)) [[unlikely]]
      diagnose(w, "race in global memory: read after an unsynchronised write", line, at, lane);
    // Shared by all that read it in this state: nothing new, and no line of the cache to take from them.
    if (isStrong || (word.reader == GlobalWord::severalClusters && word.read == bits))
      return;
    if (!word.reader) {
      word.reader = me;
      word.read = bits & 15;
    } else if (word.reader != me) {
      if (clusterOf(word.reader) != clusterOf(me))
        word.reader = GlobalWord::severalClusters;
      else
        word.reader |= GlobalWord::severalWarps;
    }
    if (word.read != bits) {
      word.partial = 1;
      word.read = (word.read | bits) & 15;
    }
    word.readClock = clock;
  });
}

void GlobalShadow::write(Warp *w, uint64_t address, uint32_t bytes, bool isStrong, uint32_t line, int lane,
                         const uint8_t *values) {
  if (!tracked(w))
    return;
  uint32_t me = nameOf(w), clock = w->clock[w->clockIndex] & GlobalWord::clockMask;
  auto changes = [&](uint64_t word) {
    if (!values)
      return true;
    uint64_t begin = std::max(word, address), end = std::min(word + 4, address + bytes);
    return std::memcmp(reinterpret_cast<const void *>(begin), values + (begin - address), end - begin) != 0;
  };
  forEachWord(address, bytes, [&](GlobalWord &word, uint64_t at) {
    uint8_t bits = covered(at, address, bytes);
    if (word.writer && (word.written & bits) && !(isStrong && word.isStrong) &&
        !ordered(w, word.writer, word.writeClock) && changes(at)) [[unlikely]]
      diagnose(w, "race in global memory: write after an unsynchronised write", line, at, lane);
    if (word.reader && (word.read & bits) && !word.partial && !readersOrdered(w, word)) [[unlikely]]
      diagnose(w, "race in global memory: write after an unsynchronised read", line, at, lane);
    word = GlobalWord();
    word.writer = me;
    word.writeClock = clock;
    word.written = bits & 15;
    word.isStrong = isStrong;
  });
}

void SyncTable::release(Warp *w, uint64_t address, const Clock &clock) {
  Cluster &mine = *w->cta->cluster;
  std::lock_guard lock(mutex);
  used = true;
  auto &entry = entries[address];
  Clock &own = entry[mine.id];
  own.resize(clock.size());
  join(own, clock);
  for (auto &[cluster, known] : mine.known) {
    Clock &other = entry[cluster];
    other.resize(std::max(other.size(), known.size()));
    for (size_t i = 0; i < known.size(); ++i)
      other[i] = std::max(other[i], known[i]);
  }
}

void SyncTable::acquire(Warp *w, uint64_t address) {
  if (!used.load(std::memory_order_relaxed))
    return;
  Cluster &mine = *w->cta->cluster;
  std::lock_guard lock(mutex);
  auto found = entries.find(address);
  if (found == entries.end())
    return;
  for (auto &[cluster, clock] : found->second) {
    if (cluster == mine.id) {
      join(w->clock, clock);
      continue;
    }
    Clock &known = mine.known[cluster];
    known.resize(std::max(known.size(), clock.size()));
    for (size_t i = 0; i < clock.size(); ++i)
      known[i] = std::max(known[i], clock[i]);
  }
}
