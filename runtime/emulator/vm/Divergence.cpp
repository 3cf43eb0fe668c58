// A warp whose lanes are at different blocks runs those at the block of the least priority number, which is first in
// a weak topological order: lanes that are behind catch up before a join. Translated code computes all 32 lanes, so
// around a block the registers that it writes are kept and given back for lanes that do not execute.
#include "runtime/emulator/vm/Divergence.h"
#include "runtime/emulator/vm/Lanes.h"
#include <cstring>

using namespace hybridrt::emulator;

void hybridrt::emulator::enterBlock(Warp *w, uint32_t block) {
  w->savedBlock = block;
  for (const Slot &slot : w->launch->program->blocks[block].writes)
    std::memcpy(w->saved + slot.offset, w->registers + slot.offset, slot.bits == 1 ? 4 : slot.bits * 4);
}

void hybridrt::emulator::leaveBlock(Warp *w) {
  if (w->savedBlock == ~0u)
    return;
  for (const Slot &slot : w->launch->program->blocks[w->savedBlock].writes) {
    uint8_t *now = w->registers + slot.offset;
    const uint8_t *before = w->saved + slot.offset;
    if (slot.bits == 1) {
      uint32_t a, b;
      std::memcpy(&a, now, 4);
      std::memcpy(&b, before, 4);
      a = (a & w->mask) | (b & ~w->mask);
      std::memcpy(now, &a, 4);
      continue;
    }
    uint32_t bytes = slot.bits / 8;
    for (unsigned lane : Lanes(~w->mask))
      std::memcpy(now + lane * bytes, before + lane * bytes, bytes);
  }
  w->savedBlock = ~0u;
}

namespace {

/// The lanes of `candidates` at the block that runs first, and that block.
std::pair<uint32_t, uint32_t> firstGroup(const Warp *w, uint32_t candidates) {
  const auto &blocks = w->launch->program->blocks;
  uint32_t best = w->lanePc[lowestLane(candidates)];
  for (unsigned lane : Lanes(candidates))
    if (blocks[w->lanePc[lane]].priority < blocks[best].priority)
      best = w->lanePc[lane];
  uint32_t mask = 0;
  for (unsigned lane : Lanes(candidates))
    mask |= uint32_t(w->lanePc[lane] == best) << lane;
  return {mask, best};
}

void setLanes(Warp *w, uint32_t mask, uint32_t block) {
  for (unsigned lane : Lanes(mask))
    w->lanePc[lane] = block;
}

void activate(Warp *w, uint32_t mask, uint32_t block) {
  w->mask = mask;
  w->diverged = mask != w->live;
  w->next = block;
}

void copyLocal(Warp *w, unsigned lane, const uint32_t *copies, uint32_t begin, uint32_t end) {
  uint8_t *base = w->local + size_t(lane) * w->launch->program->localBytes;
  for (uint32_t i = begin; i + 3 <= end; i += 3)
    std::memmove(base + copies[i + 1], base + copies[i], copies[i + 2]);
}

} // namespace

uint32_t hybridrt::emulator::pickLanes(Warp *w) {
  if (!w->live)
    return uint32_t(Stop::Done);
  w->parked &= w->live;
  w->gathering &= w->live;
  if (w->gathering && (w->gatherMembers & w->live & ~w->gathering) == 0)
    w->gathering = 0;
  uint32_t candidates = w->live & ~w->parked & ~w->gathering;
  if (!candidates && w->gathering) {
    diagnose(w, "bar.warp.sync waits for lanes that do not come", 0, 0, int(lowestLane(w->gathering)));
    candidates = w->gathering;
    w->gathering = 0;
  }
  bool atBarrier = !candidates;
  if (atBarrier)
    candidates = w->parked;
  auto [mask, block] = firstGroup(w, candidates);
  activate(w, mask, block);
  if (atBarrier) {
    if (mask != candidates)
      diagnose(w, "lanes of one warp wait at different barriers", w->barrierLine, 0,
               int(lowestLane(candidates & ~mask)));
    w->parked = 0;
    return uint32_t(Stop::Barrier);
  }
  if (--w->budget <= 0) // next is set; lanes that wait for others must not keep them from running
    return uint32_t(Stop::Spin);
  if (w->diverged)
    enterBlock(w, block);
  return block;
}

void hybridrt::emulator::pickOthers(Warp *w) {
  uint32_t others = w->live & ~w->parked & ~w->gathering & ~w->mask;
  if (!others)
    return;
  auto [mask, block] = firstGroup(w, others);
  activate(w, mask, block);
}

extern "C" {

uint32_t emu_jump(Warp *w, uint32_t block) {
  leaveBlock(w);
  setLanes(w, w->mask, block);
  return pickLanes(w);
}

uint32_t emu_branch(Warp *w, uint32_t taken, uint32_t target, uint32_t other) {
  leaveBlock(w);
  setLanes(w, w->mask & taken, target);
  setLanes(w, w->mask & ~taken, other);
  return pickLanes(w);
}

uint32_t emu_branchTable(Warp *w, uint32_t lanes, const uint32_t *index, const uint32_t *table, uint32_t entries,
                         uint32_t other, uint32_t line) {
  leaveBlock(w);
  setLanes(w, w->mask & ~lanes, other);
  for (unsigned lane : Lanes(lanes)) {
    if (index[lane] >= entries)
      diagnose(w, "brx.idx index " + std::to_string(index[lane]) + " beyond a table of " + std::to_string(entries),
               line, 0, int(lane));
    w->lanePc[lane] = index[lane] < entries ? table[index[lane]] : other;
  }
  return pickLanes(w);
}

uint32_t emu_exit(Warp *w, uint32_t lanes, uint32_t other) {
  leaveBlock(w);
  setLanes(w, w->mask & ~lanes, other);
  if (w->parked && lanes)
    diagnose(w, "threads exit while others of their warp wait at a barrier", w->barrierLine, 0,
             int(lowestLane(w->parked)));
  w->live &= ~lanes;
  return pickLanes(w);
}

uint32_t emu_call(Warp *w, uint32_t lanes, uint32_t entry, uint32_t next, const uint32_t *copies, uint32_t arguments,
                  uint32_t words) {
  leaveBlock(w);
  setLanes(w, w->mask & ~lanes, next);
  for (unsigned lane : Lanes(lanes)) {
    copyLocal(w, lane, copies, 0, arguments);
    w->callStack[lane].push_back({next, copies, arguments, words});
    w->lanePc[lane] = entry;
  }
  return pickLanes(w);
}

uint32_t emu_return(Warp *w, uint32_t lanes, uint32_t other) {
  leaveBlock(w);
  setLanes(w, w->mask & ~lanes, other);
  for (unsigned lane : Lanes(lanes)) {
    CallRecord record = w->callStack[lane].back();
    w->callStack[lane].pop_back();
    copyLocal(w, lane, record.copies, record.argumentWords, record.words);
    w->lanePc[lane] = record.block;
  }
  return pickLanes(w);
}

uint32_t emu_yield(Warp *w, uint32_t block) {
  leaveBlock(w);
  setLanes(w, w->mask, block);
  w->next = block;
  return uint32_t(Stop::Spin);
}

/// The warp stops when all of its lanes are here.
uint32_t emu_barrier(Warp *w, uint32_t lanes, uint32_t id, uint32_t threads, uint32_t arrives, uint32_t line,
                     uint32_t next) {
  if (!lanes)
    return emu_jump(w, next);
  if (id > 15) {
    diagnose(w, "expected a barrier from 0 to 15, got " + std::to_string(id), line, 0, int(lowestLane(lanes)));
    id &= 15;
  }
  if (threads % 32)
    diagnose(w, "expected a number of threads that is a multiple of 32 at a barrier, got " + std::to_string(threads),
             line, 0, int(lowestLane(lanes)));
  w->barrierId = id;
  w->barrierThreads = threads;
  w->barrierArrive = arrives;
  w->barrierLine = line;
  if (!w->diverged && lanes == w->mask) {
    w->next = next;
    return uint32_t(Stop::Barrier);
  }
  leaveBlock(w);
  setLanes(w, w->mask, next);
  w->parked |= lanes;
  return pickLanes(w);
}

void emu_barrierVote(Warp *w, uint32_t operation, uint32_t votes, uint32_t *result) {
  w->barrierReduce = operation;
  w->barrierVote = (w->barrierVote & ~w->mask) | (votes & w->mask);
  w->barrierResult = result;
}

uint32_t emu_warpBarrier(Warp *w, uint32_t lanes, uint32_t members, uint32_t next, uint32_t) {
  if (!w->diverged || !(members & w->live & ~lanes))
    return emu_jump(w, next);
  leaveBlock(w);
  setLanes(w, w->mask, next);
  w->gathering |= lanes;
  w->gatherMembers = members;
  return pickLanes(w);
}

/// For instructions that a whole warp must execute together.
void emu_convergent(Warp *w, uint32_t lanes, uint32_t line) {
  if (lanes != w->live)
    diagnose(w, "executed by some lanes of the warp only", line, 0, int(lowestLane(lanes)));
}

void emu_members(Warp *w, uint32_t lanes, uint32_t members, uint32_t line) {
  if (!lanes)
    return;
  if (uint32_t missing = members & w->live & ~lanes)
    diagnose(w, "the member mask names lanes that do not execute this", line, 0, int(lowestLane(missing)));
  if (uint32_t extra = lanes & ~members)
    diagnose(w, "executed by lanes that its member mask lacks", line, 0, int(lowestLane(extra)));
}

void emu_uniform(Warp *w, uint32_t different, uint32_t line) {
  if (different & w->mask)
    diagnose(w, "an operand that must be equal in all lanes is not", line, 0, int(lowestLane(different & w->mask)));
}

uint32_t emu_trap(Warp *w, uint32_t lanes, uint32_t line) {
  if (lanes)
    diagnose(w, "trap", line, 0, int(lowestLane(lanes)));
  return lanes;
}

uint64_t emu_clock(Warp *w) { return w->launch->ticks.fetch_add(1, std::memory_order_relaxed); }

} // extern "C"
