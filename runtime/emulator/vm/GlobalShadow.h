// Races in global memory within a launch, and the order that atomics and flags give.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_GLOBALSHADOW_H
#define HYBRID_RUNTIME_EMULATOR_VM_GLOBALSHADOW_H
#include "runtime/emulator/vm/State.h"
#include <shared_mutex>

namespace hybridrt::emulator {

/// The last write and the last read of a 32-bit word. Two host threads may write one entry at once; an entry that is
/// torn then may hide a race but not invent one that the two accesses are not. Four entries fill a cache line.
struct GlobalWord {
  /// The cluster plus its warp's clock index, 0 for none; see below for several readers.
  uint32_t writer = 0, reader = 0;
  uint32_t writeClock : 27 = 0, written : 4 = 0, isStrong : 1 = 0; ///< bytes; an atomic or volatile access
  uint32_t readClock : 27 = 0, read : 4 = 0, partial : 1 = 0;      ///< bytes; reads of different bytes are mixed

  static constexpr uint32_t warpBits = 10, severalWarps = (1u << warpBits) - 1, severalClusters = ~0u;
  static constexpr uint32_t mostClusters = (1u << (32 - warpBits)) - 2, clockMask = (1u << 27) - 1;
};
static_assert(sizeof(GlobalWord) == 16);

class GlobalShadow {
public:
  void read(Warp *warp, uint64_t address, uint32_t bytes, bool isStrong, uint32_t line, int lane);
  /// `values`, where given, is what will be written: words that hold it already do not race.
  void write(Warp *warp, uint64_t address, uint32_t bytes, bool isStrong, uint32_t line, int lane,
             const uint8_t *values = nullptr);
  GlobalShadow();
  ~GlobalShadow();

private:
  static constexpr uint32_t pageBits = 14; ///< bytes of memory that one page covers
  static constexpr size_t maxPages = 1 << 15;
  GlobalWord *page(uint64_t number);
  template <typename Function> void forEachWord(uint64_t address, uint32_t bytes, Function function);

  uint64_t generation; ///< tells the per-thread caches of launches apart
  std::shared_mutex mutex;
  std::unordered_map<uint64_t, std::unique_ptr<GlobalWord[]>> pages;
};

/// What atomics and volatile accesses carry from one warp to another, by address.
class SyncTable {
public:
  /// Others that observe `address` know what this warp had done at `clock`.
  void release(Warp *warp, uint64_t address, const Clock &clock);
  void acquire(Warp *warp, uint64_t address);

private:
  std::mutex mutex;
  std::atomic<bool> used{false};
  std::unordered_map<uint64_t, std::map<uint64_t, Clock>> entries;
};

} // namespace hybridrt::emulator
#endif
