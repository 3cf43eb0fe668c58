// Shuffles, matches and reductions over a warp.
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/State.h"
#include <cmath>
#include <cstring>

using namespace hybridrt::emulator;

extern "C" {

/// mode 0 up, 1 down, 2 butterfly, 3 indexed. Returns the lanes whose source was in range.
uint32_t emu_shuffle(Warp *w, uint32_t mask, uint32_t mode, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                     uint32_t *d, uint32_t line) {
  uint32_t valid = 0;
  for (int lane = 0; lane < 32; ++lane) {
    int segment = int(c[lane] >> 8 & 31), clamp = int(c[lane] & 31), distance = int(b[lane] & 31);
    int most = (lane & segment) | (clamp & ~segment), least = lane & segment, from;
    bool inRange;
    switch (mode) {
    case 0:
      from = lane - distance;
      inRange = from >= most;
      break;
    case 1:
      from = lane + distance;
      inRange = from <= most;
      break;
    case 2:
      from = lane ^ distance;
      inRange = from <= most;
      break;
    default:
      from = least | (distance & ~segment);
      inRange = from <= most;
    }
    if (!inRange)
      from = lane;
    if ((mask >> lane & 1) && !(mask >> from & 1))
      diagnose(w, "shfl reads a lane that does not execute it", line, 0, lane);
    d[lane] = a[from];
    valid |= uint32_t(inRange) << lane;
  }
  return valid;
}

/// any: lanes with an equal value; all: all lanes where all values are equal, else none. Returns whether they are.
uint32_t emu_match(uint32_t mask, uint32_t all, const uint64_t *a, uint32_t *d) {
  uint32_t allEqual = ~0u;
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t equal = 0;
    for (unsigned other : Lanes(mask))
      equal |= uint32_t(a[other] == a[lane]) << other;
    d[lane] = equal;
    if ((mask >> lane & 1) && equal != mask)
      allEqual = 0;
  }
  if (all)
    for (unsigned lane = 0; lane < 32; ++lane)
      d[lane] = allEqual ? mask : 0;
  return allEqual;
}

/// operation: 0 add, 1 min, 2 max, 3 and, 4 or, 5 xor; flags 8 signed, 16 f32, 32 absolute values, 64 NaN wins.
void emu_reduce(uint32_t mask, uint32_t code, const uint32_t *a, uint32_t *d) {
  uint32_t operation = code & 7, result = 0;
  bool first = true;
  auto asFloat = [&](uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return code & 32 ? std::fabs(value) : value;
  };
  for (unsigned lane : Lanes(mask)) {
    uint32_t x = a[lane];
    if (code & 16) {
      float value = asFloat(x), best = first ? value : asFloat(result);
      bool takes = std::isnan(best)    ? !(code & 64)
                   : std::isnan(value) ? (code & 64) != 0
                   : operation == 1    ? value < best
                                       : value > best;
      value = takes || first ? value : best;
      std::memcpy(&result, &value, 4);
      first = false;
      continue;
    }
    bool less = code & 8 ? int32_t(x) < int32_t(result) : x < result;
    if (first)
      result = x;
    else
      switch (operation) {
      case 0:
        result += x;
        break;
      case 1:
        result = less ? x : result;
        break;
      case 2:
        result = less ? result : x;
        break;
      case 3:
        result &= x;
        break;
      case 4:
        result |= x;
        break;
      default:
        result ^= x;
      }
    first = false;
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    d[lane] = result;
}

} // extern "C"
