// The address ranges that kernels may touch. Launches read a snapshot, so that allocating beside a running launch
// needs no lock in the path of an access.
#ifndef HYBRID_RUNTIME_EMULATOR_RANGES_H
#define HYBRID_RUNTIME_EMULATOR_RANGES_H
#include "runtime/emulator/Engine.h"
#include <map>
#include <mutex>

namespace hybridrt::emulator {

/// Ranges in ascending order, none overlapping another.
struct RangeList {
  std::vector<Range> ranges;
  /// The range that holds all of [address, address + bytes).
  std::optional<Range> find(uint64_t address, uint64_t bytes) const;
};

class RangeTable {
public:
  RangeTable() : list(std::make_shared<const RangeList>()) {}
  ~RangeTable();

  Result<uint64_t> allocate(uint64_t bytes);
  Status release(uint64_t address);
  Status add(uint64_t address, uint64_t bytes);
  Status remove(uint64_t address);
  std::shared_ptr<const RangeList> snapshot() const;

private:
  void publish();

  mutable std::mutex mutex;
  struct Entry {
    uint64_t bytes;
    void *owned; // what to free; null for somebody else's memory
  };
  std::map<uint64_t, Entry> entries;
  std::shared_ptr<const RangeList> list;
};

} // namespace hybridrt::emulator
#endif
