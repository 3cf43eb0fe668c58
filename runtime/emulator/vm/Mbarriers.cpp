// mbarrier objects. A phase completes when no arrival and no byte is missing; a wait for parity P succeeds when the
// phase's parity is no longer P.
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/Lanes.h"

using namespace hybridrt::emulator;

Mbarrier *hybridrt::emulator::findMbarrier(Warp *w, Cta &cta, uint32_t offset, uint32_t line, int lane) {
  auto found = cta.mbarriers.find(offset);
  if (found == cta.mbarriers.end() || !found->second.valid) {
    diagnose(w, "mbarrier used before mbarrier.init or after mbarrier.inval", line, offset, lane);
    return nullptr;
  }
  Mbarrier &barrier = found->second;
  if (w->launch->options.checks.has(Check::Mbarriers) && barrier.initWarp != w->clockIndex &&
      barrier.initClock > w->clock[barrier.initWarp])
    diagnose(w, "mbarrier used without synchronisation with its mbarrier.init", line, offset, lane);
  return &barrier;
}

void hybridrt::emulator::checkPhase(Cluster &cluster, Mbarrier &barrier) {
  if (barrier.pending || barrier.bytes)
    return;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.phaseClock = barrier.clock;
  barrier.phaseFenced = barrier.fenced;
  uint32_t engine = cluster.copyEngine();
  barrier.phaseClock[engine] = barrier.clock[engine] = barrier.phaseFenced[engine] = barrier.fenced[engine] =
      ++cluster.copyClock;
  ++cluster.progress;
}

void hybridrt::emulator::arriveAt(Warp *w, Mbarrier &barrier, uint32_t count, uint32_t line, uint64_t address,
                                  int lane) {
  join(barrier.clock, w->clock);
  join(barrier.fenced, w->fenced);
  if (barrier.pending < count) {
    diagnose(w, "more arrivals at an mbarrier than its count", line, address, lane);
    return;
  }
  barrier.pending -= count;
  ++w->cta->cluster->progress;
  ++w->clock[w->clockIndex];
  checkPhase(*w->cta->cluster, barrier);
}

namespace {

/// Copies run when they are all that a phase still lacks.
void runAwaited(Warp *w, Mbarrier &barrier) {
  if (barrier.pending || barrier.copies.empty())
    return;
  auto copies = std::move(barrier.copies);
  barrier.copies.clear();
  for (auto &copy : copies) {
    runBulkCopy(w, *copy);
    barrier.bytes -= copy->bytes;
  }
  checkPhase(*w->cta->cluster, barrier);
}

} // namespace

extern "C" {

void emu_mbarrierInit(Warp *w, uint32_t mask, const uint64_t *address, const uint32_t *count, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    SharedPlace place = resolveShared(w, address[lane], 8, 8, line, int(lane));
    if (!place.cta)
      continue;
    Mbarrier &barrier = place.cta->mbarriers[place.offset];
    if (barrier.valid)
      diagnose(w, "mbarrier.init of an mbarrier that is in use", line, address[lane], int(lane));
    if (!count[lane] || count[lane] >= 1u << 20)
      diagnose(w, "expected an mbarrier count from 1 to 2^20 - 1, got " + std::to_string(count[lane]), line,
               address[lane], int(lane));
    barrier = Mbarrier();
    barrier.valid = true;
    barrier.count = barrier.pending = count[lane];
    size_t clocks = w->cta->cluster->clocks();
    barrier.clock.resize(clocks);
    barrier.fenced.resize(clocks);
    barrier.phaseClock.resize(clocks);
    barrier.phaseFenced.resize(clocks);
    barrier.initWarp = w->clockIndex;
    barrier.initClock = w->clock[w->clockIndex];
    barrier.seen.resize(w->cta->cluster->ctas.size() * w->cta->cluster->warpsPerCta);
    ++w->cta->cluster->progress;
  }
}

void emu_mbarrierInval(Warp *w, uint32_t mask, const uint64_t *address, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    SharedPlace place = resolveShared(w, address[lane], 8, 8, line, int(lane));
    Mbarrier *barrier = place.cta ? findMbarrier(w, *place.cta, place.offset, line, int(lane)) : nullptr;
    if (!barrier)
      continue;
    if (!barrier->copies.empty() || barrier->bytes)
      diagnose(w, "mbarrier.inval while bytes are awaited", line, address[lane], int(lane));
    barrier->valid = false;
  }
}

/// flags: 1 expects bytes, 2 arrives, 4 lowers the count for good, 8 completes bytes.
void emu_mbarrierArrive(Warp *w, uint32_t mask, uint32_t flags, const uint64_t *address, const uint32_t *value,
                        uint64_t *state, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    state[lane] = 0;
    SharedPlace place = resolveShared(w, address[lane], 8, 8, line, int(lane));
    Mbarrier *barrier = place.cta ? findMbarrier(w, *place.cta, place.offset, line, int(lane)) : nullptr;
    if (!barrier)
      continue;
    // A state is the phase that it belongs to, and the arrivals that were pending.
    state[lane] = (barrier->phase & 0xffffffff) | uint64_t(barrier->pending) << 32;
    if (flags & 1)
      barrier->bytes += value[lane];
    if (flags & 8) {
      barrier->bytes -= value[lane];
      checkPhase(*w->cta->cluster, *barrier);
    }
    uint32_t count = flags & 1 ? 1 : value[lane];
    if ((flags & 4) && barrier->count)
      --barrier->count;
    if (flags & 2)
      arriveAt(w, *barrier, count, line, address[lane], int(lane));
  }
}

/// Lanes whose phase is done. The first look at a finished phase fails for the whole warp, as it may on a device:
/// otherwise a wait whose result is ignored would go unseen.
uint32_t emu_mbarrierTest(Warp *w, uint32_t mask, uint32_t, const uint64_t *address, const uint32_t *phase,
                          uint32_t line) {
  uint32_t done = 0;
  Mbarrier *refused = nullptr;
  for (unsigned lane : Lanes(mask)) {
    SharedPlace place = resolveShared(w, address[lane], 8, 8, line, int(lane));
    Mbarrier *barrier = place.cta ? findMbarrier(w, *place.cta, place.offset, line, int(lane)) : nullptr;
    if (!barrier) {
      done |= 1u << lane; // reported; waiting would only hide it
      continue;
    }
    bool finished = (barrier->phase & 1) != (phase[lane] & 1);
    if (!finished) {
      runAwaited(w, *barrier);
      finished = (barrier->phase & 1) != (phase[lane] & 1);
    }
    if (!finished)
      continue;
    if (w->launch->options.checks.has(Check::Mbarriers) &&
        (barrier == refused || barrier->seen[w->clockIndex] != barrier->phase + 1)) {
      refused = barrier;
      barrier->seen[w->clockIndex] = barrier->phase + 1;
      ++w->cta->cluster->progress;
      continue;
    }
    done |= 1u << lane;
    join(w->clock, barrier->phaseClock);
    join(w->fenced, barrier->phaseFenced);
  }
  return done;
}

} // extern "C"
