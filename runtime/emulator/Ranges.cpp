#include "runtime/emulator/Ranges.h"
#include <algorithm>
#include <cstdlib>

using namespace hybridrt;
using namespace hybridrt::emulator;

// Device allocations are aligned like the driver's, and a gap of the same size keeps neighbours apart.
static constexpr uint64_t alignment = 256;

std::optional<Range> RangeList::find(uint64_t address, uint64_t bytes) const {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                [](uint64_t value, const Range &range) { return value < range.begin; });
  if (after == ranges.begin())
    return std::nullopt;
  const Range &range = *std::prev(after);
  if (address >= range.end || bytes > range.end - address)
    return std::nullopt;
  return range;
}

RangeTable::~RangeTable() {
  for (auto &[address, entry] : entries)
    std::free(entry.owned);
}

void RangeTable::publish() {
  auto next = std::make_shared<RangeList>();
  for (const auto &[address, entry] : entries)
    if (entry.bytes)
      next->ranges.push_back({address, address + entry.bytes});
  list = std::move(next);
}

Result<uint64_t> RangeTable::allocate(uint64_t bytes) {
  uint64_t rounded = (bytes + 2 * alignment - 1) / alignment * alignment;
  void *memory = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
  if (!memory)
    return Result<uint64_t>::failure(
        concat("expected ", bytes, " bytes of free memory for the emulated device, and the system refuses them"));
  std::lock_guard lock(mutex);
  auto address = reinterpret_cast<uint64_t>(memory);
  entries[address] = {bytes, memory};
  publish();
  return address;
}

Status RangeTable::release(uint64_t address) {
  std::lock_guard lock(mutex);
  auto found = entries.find(address);
  if (found == entries.end() || !found->second.owned)
    return Status::failure(concat("expected the address of an allocation, got ", address));
  std::free(found->second.owned);
  entries.erase(found);
  publish();
  return {};
}

Status RangeTable::add(uint64_t address, uint64_t bytes) {
  if (!address || !bytes || address + bytes < address)
    return Status::failure(concat("expected a range of memory, got ", bytes, " bytes at ", address));
  std::lock_guard lock(mutex);
  auto after = entries.lower_bound(address);
  if (after != entries.end() && after->first < address + bytes)
    return Status::failure(concat("expected memory that is not registered, got ", bytes, " bytes at ", address));
  if (after != entries.begin() && std::prev(after)->first + std::prev(after)->second.bytes > address)
    return Status::failure(concat("expected memory that is not registered, got ", bytes, " bytes at ", address));
  entries[address] = {bytes, nullptr};
  publish();
  return {};
}

Status RangeTable::remove(uint64_t address) {
  std::lock_guard lock(mutex);
  auto found = entries.find(address);
  if (found == entries.end() || found->second.owned)
    return Status::failure(concat("expected the address of a registered range, got ", address));
  entries.erase(found);
  publish();
  return {};
}

std::shared_ptr<const RangeList> RangeTable::snapshot() const {
  std::lock_guard lock(mutex);
  return list;
}
