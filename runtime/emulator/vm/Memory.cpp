// Loads, stores, atomics and fences.
#include "runtime/emulator/vm/Access.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/MemoryOps.h"
#include "runtime/emulator/vm/SharedShadow.h"
#include <cstring>
#include <functional>
#include <immintrin.h>

using namespace hybridrt::emulator;

namespace {

/// One warp-level access of one space. Elements of a lane's vector lie 32 elements apart in `data`.
struct Transfer {
  Warp *w;
  uint32_t elementBytes, count, strength, line;
  const uint64_t *address;
  uint8_t *data;
  bool isLoad;

  uint32_t bytes() const { return elementBytes * count; }
};

/// Aligned elements move in one piece, so that flags polled by another host thread are never seen half.
template <unsigned Bytes> inline void moveElement(void *to, const void *from) {
  using T =
      std::conditional_t<Bytes == 1, uint8_t,
                         std::conditional_t<Bytes == 2, uint16_t, std::conditional_t<Bytes == 4, uint32_t, uint64_t>>>;
  T value;
  std::memcpy(&value, from, Bytes);
  std::memcpy(to, &value, Bytes);
}

template <unsigned Bytes> void moveLane(const Transfer &t, unsigned lane, uint8_t *memory) {
  for (uint32_t k = 0; k < t.count; ++k) {
    uint8_t *element = t.data + (k * 32 + lane) * Bytes;
    if (t.isLoad)
      moveElement<Bytes>(element, memory + k * Bytes);
    else
      moveElement<Bytes>(memory + k * Bytes, element);
  }
}

void moveLane(const Transfer &t, unsigned lane, uint8_t *memory) {
  switch (t.elementBytes) {
  case 1:
    return moveLane<1>(t, lane, memory);
  case 2:
    return moveLane<2>(t, lane, memory);
  case 4:
    return moveLane<4>(t, lane, memory);
  default:
    return moveLane<8>(t, lane, memory);
  }
}

/// The whole warp at one place (pattern 1), or in a row (pattern 2).
void moveWarp(const Transfer &t, int pattern, uint8_t *memory, uint32_t span) {
  if (pattern == 1)
    for (unsigned lane = 0; lane < 32; ++lane)
      moveLane(t, lane, memory);
  else if (t.isLoad)
    std::memcpy(t.data, memory, span);
  else
    std::memcpy(memory, t.data, span);
}

/// What one lane stores, gathered into `room`.
const uint8_t *valuesOf(const Transfer &t, unsigned lane, uint8_t *room) {
  moveLane(t, lane, room);
  return room;
}

/// What a load gives that may not read.
void poisonLane(const Transfer &t, unsigned lane) {
  if (t.isLoad)
    for (uint32_t k = 0; k < t.count; ++k)
      std::memset(t.data + (k * 32 + lane) * t.elementBytes, 0xFF, t.elementBytes);
}

bool aligned(const Transfer &t, unsigned lane) {
  if (!(t.address[lane] & (t.bytes() - 1)))
    return true;
  diagnose(t.w, "memory access not aligned to " + std::to_string(t.bytes()) + " bytes", t.line, t.address[lane],
           int(lane));
  return false;
}

/// Orders that strong accesses take part in.
void synchronise(Warp *w, SyncTable &table, uint64_t key, uint32_t strength, bool isLoad, bool isStore) {
  if (isStore) {
    if (strength & releases) {
      table.release(w, key, w->clock);
      ++w->clock[w->clockIndex];
    } else if (!w->atFence.empty()) {
      table.release(w, key, w->atFence);
    }
  }
  if (isLoad)
    table.acquire(w, key);
}

void globalTransfer(const Transfer &t, uint32_t mask) {
  Warp *w = t.w;
  GlobalShadow *shadow = w->launch->globalShadow.get();
  SyncTable *sync = t.strength ? w->launch->globalSync.get() : nullptr;
  if (w->launch->options.counts)
    countGlobal(w, mask, t.address, t.bytes(), t.isLoad);
  int pattern = t.count == 1 ? accessPattern(mask, t.address, t.elementBytes) : 0;
  if (pattern && !t.strength && !(t.address[0] & (t.elementBytes - 1))) {
    uint64_t base = t.address[0];
    uint32_t span = pattern == 2 ? 32 * t.elementBytes : t.elementBytes;
    if (inGlobal(w, base, span) && (pattern == 2 || t.isLoad)) {
      auto *memory = reinterpret_cast<uint8_t *>(base);
      if (shadow) {
        if (t.isLoad)
          shadow->read(w, base, span, false, t.line, 0);
        else
          shadow->write(w, base, span, false, t.line, 0, t.data);
      }
      moveWarp(t, pattern, memory, span);
      return;
    }
  }
  uint8_t values[32];
  for (unsigned lane : Lanes(mask)) {
    uint64_t at = t.address[lane];
    if (!aligned(t, lane) || !resolveGlobal(w, at, t.bytes(), t.line, int(lane))) {
      poisonLane(t, lane);
      continue;
    }
    if (shadow) {
      if (t.isLoad)
        shadow->read(w, at, t.bytes(), t.strength, t.line, int(lane));
      else
        shadow->write(w, at, t.bytes(), t.strength, t.line, int(lane), valuesOf(t, lane, values));
    }
    if (sync && !t.isLoad)
      synchronise(w, *sync, at, t.strength, false, true);
    moveLane(t, lane, reinterpret_cast<uint8_t *>(at));
    if (sync && t.isLoad)
      synchronise(w, *sync, at, t.strength, true, false);
  }
}

uint64_t sharedKey(const SharedPlace &place) { return uint64_t(place.cta->rank) << 32 | place.offset; }

void sharedTransfer(const Transfer &t, uint32_t mask) {
  Warp *w = t.w;
  bool check = w->launch->options.checks.has(Check::Shared);
  bool sync = t.strength && w->launch->options.checks.order();
  if (w->launch->options.counts)
    countShared(w, mask, t.address, t.bytes());
  int pattern = t.count == 1 ? accessPattern(mask, t.address, t.elementBytes) : 0;
  if (pattern && !t.strength && (pattern == 2 || t.isLoad) && !(t.address[0] & (t.elementBytes - 1))) {
    uint32_t span = pattern == 2 ? 32 * t.elementBytes : t.elementBytes;
    SharedPlace place = findShared(w, t.address[0], span);
    if (place.cta) {
      if (check) {
        if (t.isLoad)
          checkSharedRead(w, *place.cta, place.offset, span, t.line, 0);
        else
          checkSharedWrite(w, *place.cta, place.offset, span, t.line, 0, false, t.data);
      }
      uint8_t *memory = &place.cta->shared[place.offset];
      moveWarp(t, pattern, memory, span);
      return;
    }
  }
  uint8_t values[32];
  for (unsigned lane : Lanes(mask)) {
    SharedPlace place =
        aligned(t, lane) ? resolveShared(w, t.address[lane], t.bytes(), 1, t.line, int(lane)) : SharedPlace();
    if (!place.cta) {
      poisonLane(t, lane);
      continue;
    }
    if (sync && !t.isLoad)
      synchronise(w, *w->cta->cluster->sharedSync, sharedKey(place), t.strength, false, true);
    if (check) {
      // Polling a flag is how order is made, so strong loads are not held against what they observe.
      if (t.isLoad && !t.strength)
        checkSharedRead(w, *place.cta, place.offset, t.bytes(), t.line, int(lane));
      else if (!t.isLoad)
        checkSharedWrite(w, *place.cta, place.offset, t.bytes(), t.line, int(lane), t.strength,
                         valuesOf(t, lane, values));
    }
    moveLane(t, lane, &place.cta->shared[place.offset]);
    if (sync && t.isLoad)
      synchronise(w, *w->cta->cluster->sharedSync, sharedKey(place), t.strength, true, false);
  }
}

void localTransfer(const Transfer &t, uint32_t mask) {
  uint32_t size = t.w->launch->program->localBytes;
  for (unsigned lane : Lanes(mask)) {
    auto at = uint32_t(t.address[lane]);
    if (!aligned(t, lane)) {
      poisonLane(t, lane);
    } else if (uint64_t(at) + t.bytes() > size) {
      diagnose(t.w, "local memory access of " + std::to_string(t.bytes()) + " bytes out of bounds", t.line, at,
               int(lane));
      poisonLane(t, lane);
    } else {
      moveLane(t, lane, t.w->local + size_t(lane) * size + at);
    }
  }
}

void parameterTransfer(const Transfer &t, uint32_t mask) {
  auto &parameters = t.w->launch->parameters;
  for (unsigned lane : Lanes(mask)) {
    auto at = uint32_t(t.address[lane]);
    if (!t.isLoad || uint64_t(at) + t.bytes() > parameters.size()) {
      diagnose(t.w, t.isLoad ? "parameter access out of bounds" : "store to a kernel's parameters", t.line, at,
               int(lane));
      poisonLane(t, lane);
    } else {
      moveLane(t, lane, &parameters[at]);
    }
  }
}

/// Generic addresses by window; `function` gets a space, the lanes in it and their addresses within it.
template <typename Function>
void bySpace(Warp *, uint32_t mask, Space space, const uint64_t *address, Function function) {
  if (space != Space::Generic)
    return function(space, mask, address);
  while (mask) {
    Space first = spaceOf(address[lowestLane(mask)]);
    uint64_t base = first == Space::Shared      ? sharedWindow
                    : first == Space::Local     ? localWindow
                    : first == Space::Parameter ? parameterWindow
                                                : 0;
    uint32_t same = 0;
    uint64_t within[32];
    for (unsigned lane : Lanes(mask))
      if (spaceOf(address[lane]) == first) {
        same |= 1u << lane;
        within[lane] = address[lane] - base;
      }
    function(first, same, base ? within : address);
    mask &= ~same;
  }
}

void transfer(const Transfer &t, uint32_t mask, uint32_t space) {
  if (!mask)
    return;
  bySpace(t.w, mask, Space(space), t.address, [&](Space space, uint32_t lanes, const uint64_t *address) {
    Transfer part = t;
    part.address = address;
    switch (space) {
    case Space::Shared:
      return sharedTransfer(part, lanes);
    case Space::Local:
      return localTransfer(part, lanes);
    case Space::Parameter:
      return parameterTransfer(part, lanes);
    default:
      return globalTransfer(part, lanes);
    }
  });
}

//===----------------------------------------------------------------------===//
// Atomics
//===----------------------------------------------------------------------===//

template <typename T> T floatOf(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

template <typename T> uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

float narrowToFloat(AtomicType type, uint16_t bits) {
  return type == AtomicType::Half ? _cvtsh_ss(bits) : floatOf<float>(uint64_t(bits) << 16);
}

uint16_t floatToNarrow(AtomicType type, float value) {
  if (type == AtomicType::Half)
    return _cvtss_sh(value, 0);
  auto bits = uint32_t(bitsOf(value));
  return value != value ? 0x7fff : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <typename T> T floatAtomic(AtomicOp op, T a, T b) {
  return op == AtomicOp::Add       ? a + b
         : op == AtomicOp::Minimum ? std::min(a, b)
         : op == AtomicOp::Maximum ? std::max(a, b)
                                   : b;
}

int64_t signedValue(uint64_t bits, uint32_t bytes) {
  return bytes == 4 ? int64_t(int32_t(bits)) : bytes == 2 ? int64_t(int16_t(bits)) : int64_t(bits);
}

/// The new value of `bytes` bytes; floats are elements of `element` bytes in them.
uint64_t atomicResult(AtomicOp op, AtomicType type, uint32_t bytes, uint32_t element, uint64_t old, uint64_t b,
                      uint64_t c) {
  uint64_t mask = bytes == 8 ? ~uint64_t(0) : (uint64_t(1) << 8 * bytes) - 1;
  switch (op) {
  case AtomicOp::Exchange:
    return b;
  case AtomicOp::CompareAndSwap:
    return old == (b & mask) ? c : old;
  case AtomicOp::And:
    return old & b;
  case AtomicOp::Or:
    return old | b;
  case AtomicOp::Xor:
    return old ^ b;
  case AtomicOp::Increment:
    return old >= (b & mask) ? 0 : old + 1;
  case AtomicOp::Decrement:
    return old == 0 || old > (b & mask) ? b : old - 1;
  default:
    break;
  }
  if (type == AtomicType::Float)
    return bytes == 8 && element == 8 ? bitsOf(floatAtomic(op, floatOf<double>(old), floatOf<double>(b)))
                                      : bitsOf(floatAtomic(op, floatOf<float>(old), floatOf<float>(b)));
  if (type == AtomicType::Half || type == AtomicType::Bfloat) {
    uint64_t result = 0;
    for (uint32_t at = 0; at < bytes; at += 2) {
      float x = narrowToFloat(type, uint16_t(old >> 8 * at)), y = narrowToFloat(type, uint16_t(b >> 8 * at));
      result |= uint64_t(floatToNarrow(type, floatAtomic(op, x, y))) << 8 * at;
    }
    return result;
  }
  if (op == AtomicOp::Add)
    return old + b;
  bool less = type == AtomicType::Signed ? signedValue(b, bytes) < signedValue(old, bytes) : (b & mask) < old;
  return (op == AtomicOp::Minimum) == less ? b : old;
}

template <typename T, typename Function> uint64_t updateAtomically(void *memory, Function function, bool &changed) {
  auto *target = static_cast<T *>(memory);
  T old = __atomic_load_n(target, __ATOMIC_SEQ_CST), next;
  do
    next = T(function(uint64_t(old)));
  while (!__atomic_compare_exchange_n(target, &old, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  changed = old != next;
  return old;
}

} // namespace

extern "C" {

void emu_load(Warp *w, uint32_t mask, uint32_t space, uint32_t elementBytes, uint32_t count, uint32_t strength,
              const uint64_t *address, uint8_t *data, uint32_t line) {
  transfer({w, elementBytes, count, strength, line, address, data, true}, mask, space);
}

void emu_store(Warp *w, uint32_t mask, uint32_t space, uint32_t elementBytes, uint32_t count, uint32_t strength,
               const uint64_t *address, uint8_t *data, uint32_t line) {
  ++w->cta->cluster->progress;
  transfer({w, elementBytes, count, strength, line, address, data, false}, mask, space);
}

void emu_atomic(Warp *w, uint32_t mask, uint32_t space, uint32_t op, uint32_t type, uint32_t bytes, uint32_t element,
                uint32_t strength, const uint64_t *address, const uint64_t *b, const uint64_t *c, uint64_t *result,
                uint32_t line) {
  if (!mask)
    return;
  w->cta->counters.atomics += unsigned(std::popcount(mask));
  Checks checks = w->launch->options.checks;
  bool anyChanged = false;
  auto update = [&](unsigned lane, void *memory) {
    bool changed = false;
    auto next = [&](uint64_t old) {
      return atomicResult(AtomicOp(op), AtomicType(type), bytes, element, old, b[lane], c[lane]);
    };
    result[lane] = bytes == 8   ? updateAtomically<uint64_t>(memory, next, changed)
                   : bytes == 4 ? updateAtomically<uint32_t>(memory, next, changed)
                                : updateAtomically<uint16_t>(memory, next, changed);
    w->cta->cluster->progress += changed; // polling by an atomic that changes nothing is waiting
    anyChanged |= changed;
  };
  bySpace(w, mask, Space(space), address, [&](Space space, uint32_t lanes, const uint64_t *at) {
    for (unsigned lane : Lanes(lanes)) {
      if (at[lane] & (bytes - 1)) {
        diagnose(w, "atomic not aligned to " + std::to_string(bytes) + " bytes", line, at[lane], int(lane));
      } else if (space == Space::Shared) {
        SharedPlace place = resolveShared(w, at[lane], bytes, 1, line, int(lane));
        if (!place.cta)
          continue;
        if (checks.has(Check::Shared) && (place.cta->shadow[place.offset / 4].initialised & 1) == 0 &&
            AtomicOp(op) != AtomicOp::Exchange)
          diagnose(w, "atomic on uninitialised shared memory", line, at[lane], int(lane));
        if (checks.order())
          synchronise(w, *w->cta->cluster->sharedSync, sharedKey(place), strength, true, true);
        if (checks.has(Check::Shared))
          checkSharedWrite(w, *place.cta, place.offset, bytes, line, int(lane), true);
        update(lane, &place.cta->shared[place.offset]);
      } else if (space == Space::Global) {
        if (!resolveGlobal(w, at[lane], bytes, line, int(lane)))
          continue;
        if (w->launch->globalShadow)
          w->launch->globalShadow->write(w, at[lane], bytes, true, line, int(lane));
        if (checks.order())
          synchronise(w, *w->launch->globalSync, at[lane], strength, false, true);
        update(lane, reinterpret_cast<void *>(at[lane]));
        if (checks.order())
          synchronise(w, *w->launch->globalSync, at[lane], strength, true, false);
      } else {
        diagnose(w, "atomic on memory that is neither global nor shared", line, at[lane], int(lane));
      }
    }
  });
  if (!anyChanged)
    notePoll(w);
}

/// kind 1: fence.proxy.async, 2: fence.mbarrier_init, 0: any other.
void emu_fence(Warp *w, uint32_t lanes, uint32_t kind) {
  if (!lanes || !w->launch->options.checks.order())
    return;
  if (kind == 1)
    join(w->fenced, w->clock);
  w->atFence = w->clock;
  ++w->clock[w->clockIndex];
}

} // extern "C"
