// The product of wmma fragments, as EmitWmma.cpp lays them out.
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/MatrixElements.h"
#include "runtime/emulator/vm/State.h"
#include <algorithm>

using namespace hybridrt::emulator;

namespace {

constexpr uint32_t depth = 16;

/// Where element `e` lies: its register and lane, and which half of it.
struct Place {
  uint32_t word, half;
};

Place placeOf(uint32_t element, uint32_t registers, bool isHalf) {
  uint32_t slots = registers * (isHalf ? 2 : 1), lane = element / slots, slot = element % slots;
  return {(isHalf ? slot / 2 : slot) * 32 + lane, isHalf ? slot % 2 : 0};
}

float get(const uint32_t *fragment, uint32_t element, uint32_t registers, bool isHalf, MatrixType type) {
  Place place = placeOf(element, registers, isHalf);
  uint32_t word = fragment[place.word];
  float value;
  std::memcpy(&value, &word, 4);
  return isHalf ? toFloat(type, word >> (16 * place.half) & 0xffff) : value;
}

} // namespace

extern "C" {

/// `registers`: those of D, A, B and C, a byte each; sums of 4 registers are halves. The matrices are m x 16 and 16 x
/// n.
void emu_wmma(Warp *w, uint32_t lanes, uint32_t m, uint32_t n, uint32_t type, uint32_t registers, const uint32_t *a,
              const uint32_t *b, const uint32_t *c, uint32_t *d, uint32_t line) {
  if (!lanes)
    return;
  if (lanes != ~0u)
    diagnose(w, "a matrix instruction executed by some lanes of the warp only", line, 0, int(lowestLane(~lanes)));
  uint32_t ofD = registers & 255, ofA = registers >> 8 & 255, ofB = registers >> 16 & 255, ofC = registers >> 24;
  std::fill(d, d + ofD * 32, 0);
  for (uint32_t row = 0; row < m; ++row)
    for (uint32_t column = 0; column < n; ++column) {
      uint32_t element = row * n + column;
      float sum = get(c, element, ofC, ofC == 4, MatrixType::Half);
      for (uint32_t k = 0; k < depth; ++k)
        sum +=
            get(a, row * depth + k, ofA, true, MatrixType(type)) * get(b, k * n + column, ofB, true, MatrixType(type));
      Place place = placeOf(element, ofD, ofD == 4);
      uint32_t bits;
      std::memcpy(&bits, &sum, 4);
      d[place.word] |= ofD == 4 ? uint32_t(_cvtss_sh(sum, 0)) << (16 * place.half) : bits;
    }
  w->cta->counters.tensorFlops += uint64_t(2) * m * n * depth;
}

} // extern "C"
