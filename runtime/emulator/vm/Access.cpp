#include "runtime/emulator/vm/Access.h"
#include "runtime/emulator/vm/Lanes.h"
#include <algorithm>

using namespace hybridrt::emulator;

SharedPlace hybridrt::emulator::findShared(Warp *w, uint64_t address, uint32_t bytes) {
  auto narrow = uint32_t(address);
  Cta *cta = w->cta;
  if (uint32_t rank = narrow >> rankShift) {
    if (rank > cta->cluster->ctas.size())
      return {};
    cta = cta->cluster->ctas[rank - 1].get();
  }
  uint32_t offset = narrow & offsetMask;
  if (offset < sharedBase || uint64_t(offset) + bytes > cta->shared.size())
    return {};
  return {cta, offset};
}

SharedPlace hybridrt::emulator::resolveShared(Warp *w, uint64_t address, uint32_t bytes, uint32_t alignment,
                                              uint32_t line, int lane) {
  SharedPlace place = findShared(w, address, bytes);
  if (!place.cta)
    diagnose(w, "shared memory access of " + std::to_string(bytes) + " bytes out of bounds", line, address, lane);
  else if (place.offset % alignment) {
    diagnose(w, "shared memory access not aligned to " + std::to_string(alignment) + " bytes", line, address, lane);
    return {};
  }
  return place;
}

bool hybridrt::emulator::inGlobal(Warp *w, uint64_t address, uint64_t bytes) {
  struct Last {
    const RangeList *list = nullptr;
    Range range;
  };
  static thread_local Last last;
  const RangeList *list = w->launch->ranges.get();
  if (last.list == list && address >= last.range.begin && address < last.range.end && bytes <= last.range.end - address)
    return true;
  auto found = list->find(address, bytes);
  if (!found)
    return false;
  last = {list, *found};
  return true;
}

bool hybridrt::emulator::resolveGlobal(Warp *w, uint64_t address, uint64_t bytes, uint32_t line, int lane) {
  if (inGlobal(w, address, bytes))
    return true;
  diagnose(w, "global memory access of " + std::to_string(bytes) + " bytes out of bounds", line, address, lane);
  return false;
}

int hybridrt::emulator::accessPattern(uint32_t mask, const uint64_t *address, uint32_t bytes) {
  if (mask != ~0u)
    return 0;
  uint64_t step = address[1] - address[0], different = 0;
  if (step != 0 && step != bytes)
    return 0;
  for (unsigned i = 1; i < 32; ++i)
    different |= address[i] ^ (address[0] + step * i);
  return different ? 0 : step ? 2 : 1;
}

void hybridrt::emulator::countGlobal(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, bool isLoad) {
  Counters &counters = w->cta->counters;
  ++counters.globalRequests;
  (isLoad ? counters.globalLoadBytes : counters.globalStoreBytes) += uint64_t(bytes) * unsigned(std::popcount(mask));
  if (int pattern = accessPattern(mask, address, bytes)) {
    uint64_t last = address[pattern == 2 ? 31 : 0] + bytes - 1;
    counters.globalSectors += (last >> 5) - (address[0] >> 5) + 1;
    return;
  }
  uint64_t seen[128];
  unsigned count = 0;
  for (unsigned lane : Lanes(mask))
    for (uint64_t sector = address[lane] >> 5; sector <= (address[lane] + bytes - 1) >> 5 && count < 128; ++sector)
      if (!count || seen[count - 1] != sector)
        seen[count++] = sector;
  if (!std::is_sorted(seen, seen + count))
    std::sort(seen, seen + count);
  counters.globalSectors += uint64_t(std::unique(seen, seen + count) - seen);
}

/// A pass serves each of the 32 banks once. Accesses of 8 and 16 bytes go by halves and quarters of the warp.
void hybridrt::emulator::countShared(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes) {
  Counters &counters = w->cta->counters;
  ++counters.sharedRequests;
  if (int pattern = accessPattern(mask, address, bytes)) {
    counters.sharedWavefronts += pattern == 1 || bytes <= 4 ? 1 : bytes / 4;
    return;
  }
  if (mask == 0xff && bytes == 16) { // rows of a matrix, which are laid out to fall into different banks
    unsigned banks = 0;
    for (unsigned lane = 0; lane < 8; ++lane)
      banks |= 1u << (address[lane] >> 4 & 7);
    if (banks == 0xff) {
      ++counters.sharedWavefronts;
      return;
    }
  }
  unsigned lanesPerPart = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (unsigned first = 0; first < 32; first += lanesPerPart) {
    uint32_t part = lanesPerPart == 32 ? mask : (mask >> first) & ((1u << lanesPerPart) - 1);
    if (!part)
      continue;
    // Different units of one bank need a pass each; units are chained by bank to find equal ones.
    uint32_t units[32];
    int8_t before[32], last[32];
    std::fill(last, last + 32, int8_t(-1));
    uint8_t perBank[32] = {}, most = 0;
    unsigned count = 0, unit = std::max(bytes, 4u), banks = 32 / (unit / 4);
    unsigned shift = unit == 4 ? 2 : unit == 8 ? 3 : unit == 16 ? 4 : 5;
    for (unsigned lane : Lanes(part)) {
      uint32_t at = uint32_t(address[first + lane]) >> shift, bank = at % banks;
      int8_t same = last[bank];
      while (same >= 0 && units[same] != at)
        same = before[same];
      if (same >= 0)
        continue;
      units[count] = at;
      before[count] = last[bank];
      last[bank] = int8_t(count++);
      most = std::max(most, ++perBank[bank]);
    }
    counters.sharedWavefronts += most;
  }
}
