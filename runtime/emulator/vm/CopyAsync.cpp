// cp.async: copies by threads that complete at a wait.
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/SharedShadow.h"
#include <algorithm>
#include <cstring>

using namespace hybridrt::emulator;

namespace {

void runLane(const LaneCopy &copy, unsigned lane, uint8_t *shared) {
  uint8_t *memory = shared + copy.to[lane];
  auto *source = reinterpret_cast<const void *>(copy.source[lane]);
  if (copy.count[lane] == 16) { // by far the most
    std::memcpy(memory, source, 16);
  } else {
    std::memcpy(memory, source, copy.count[lane]);
    std::memset(memory + copy.count[lane], 0, copy.bytes - copy.count[lane]);
  }
}

} // namespace

void hybridrt::emulator::finishCopies(Warp *w, uint32_t lanes, uint32_t left) {
  AsyncQueues &queues = *w->async;
  Cta &cta = *w->cta;
  bool check = w->launch->options.checks.has(Check::Shared);
  uint32_t clock = w->clock[w->clockIndex];
  int64_t commits = *std::max_element(queues.copyCommits, queues.copyCommits + 32);
  for (LaneCopy &copy : queues.copies) {
    if (int64_t(copy.leastGroup) >= commits - int64_t(left))
      continue;
    for (unsigned lane : Lanes(copy.mask & lanes))
      if (int64_t(copy.group[lane]) < int64_t(queues.copyCommits[lane]) - int64_t(left)) {
        runLane(copy, lane, cta.shared.data());
        if (check)
          endAsyncWrite(cta, copy.to[lane], copy.bytes, w->clockIndex, clock, false);
        copy.mask &= ~(1u << lane);
      }
  }
  while (!queues.copies.empty() && !queues.copies.front().mask)
    queues.copies.pop_front();
}

extern "C" {

void emu_copyAsync(Warp *w, uint32_t mask, uint32_t bytes, const uint64_t *to, const uint64_t *from,
                   const uint32_t *count, uint32_t line) {
  if (!mask)
    return;
  LaneCopy &copy = w->async->copies.emplace_back();
  copy.bytes = bytes;
  copy.leastGroup = *std::min_element(w->async->copyCommits, w->async->copyCommits + 32);
  uint32_t reads = 0;
  for (unsigned lane : Lanes(mask)) {
    uint32_t own = ownShared(w, to[lane], bytes, bytes);
    SharedPlace place = own ? SharedPlace{w->cta, own} : resolveShared(w, to[lane], bytes, bytes, line, int(lane));
    if (place.cta != w->cta)
      continue;
    copy.mask |= 1u << lane;
    copy.to[lane] = place.offset;
    copy.source[lane] = from[lane];
    copy.group[lane] = w->async->copyCommits[lane];
    copy.count[lane] = uint8_t(std::min(count[lane], bytes));
    if (count[lane] > bytes)
      diagnose(w, "cp.async source of " + std::to_string(count[lane]) + " bytes is larger than its destination", line,
               from[lane], int(lane));
    if (copy.count[lane] && (from[lane] & (bytes - 1))) {
      diagnose(w, "cp.async source not aligned to " + std::to_string(bytes) + " bytes", line, from[lane], int(lane));
      copy.count[lane] = 0;
    }
    if (copy.count[lane] && !inGlobal(w, from[lane], copy.count[lane]) &&
        !resolveGlobal(w, from[lane], copy.count[lane], line, int(lane)))
      copy.count[lane] = 0;
    if (copy.count[lane]) {
      reads |= 1u << lane;
      if (w->launch->globalShadow)
        w->launch->globalShadow->read(w, from[lane], copy.count[lane], false, line, int(lane));
    }
    if (w->launch->options.checks.has(Check::Shared))
      beginAsyncWrite(w, *place.cta, place.offset, bytes, line, int(lane));
    if (w->launch->options.checks.has(Check::Poison))
      for (uint32_t k = 0; k < bytes; k += 4)
        std::memcpy(&place.cta->shared[place.offset + k], &poison, 4);
  }
  w->cta->counters.asyncBytes += uint64_t(bytes) * unsigned(std::popcount(reads));
  if (reads && w->launch->options.counts)
    countGlobal(w, reads, from, bytes, true);
}

void emu_copyCommit(Warp *w, uint32_t lanes) {
  for (unsigned lane : Lanes(lanes))
    ++w->async->copyCommits[lane];
}

void emu_copyWait(Warp *w, uint32_t lanes, uint32_t left, uint32_t all) {
  if (all) // those that no group holds too
    emu_copyCommit(w, lanes);
  finishCopies(w, lanes, left);
}

/// The arrival waits for the lane's copies, so they are done first; others learn of them by the barrier.
void emu_copyArrive(Warp *w, uint32_t lanes, uint32_t noIncrement, const uint64_t *address, uint32_t line) {
  emu_copyCommit(w, lanes);
  finishCopies(w, lanes, 0);
  for (unsigned lane : Lanes(lanes)) {
    SharedPlace place = resolveShared(w, address[lane], 8, 8, line, int(lane));
    Mbarrier *barrier = place.cta ? findMbarrier(w, *place.cta, place.offset, line, int(lane)) : nullptr;
    if (!barrier)
      continue;
    if (!noIncrement)
      ++barrier->pending;
    arriveAt(w, *barrier, 1, line, address[lane], int(lane));
  }
}

} // extern "C"
