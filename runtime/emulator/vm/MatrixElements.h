// Elements of matrices as f32.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_MATRIXELEMENTS_H
#define HYBRID_RUNTIME_EMULATOR_VM_MATRIXELEMENTS_H
#include "runtime/emulator/vm/MemoryOps.h"
#include <cmath>
#include <cstring>
#include <immintrin.h>

namespace hybridrt::emulator {

inline unsigned elementBytes(MatrixType type) {
  return type == MatrixType::Tf32 ? 4 : type == MatrixType::Half || type == MatrixType::Bfloat ? 2 : 1;
}

inline float fromE4M3(uint8_t bits) {
  unsigned exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value = exponent == 15 && mantissa == 7 ? NAN
                : exponent                      ? std::ldexp(1.f + float(mantissa) / 8.f, int(exponent) - 7)
                                                : std::ldexp(float(mantissa) / 8.f, -6);
  return bits & 0x80 ? -value : value;
}

/// `bits` holds the element in its low bits.
inline float toFloat(MatrixType type, uint32_t bits) {
  auto asFloat = [](uint32_t word) {
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  };
  switch (type) {
  case MatrixType::Half:
    return _cvtsh_ss(uint16_t(bits));
  case MatrixType::Bfloat:
    return asFloat(bits << 16);
  case MatrixType::Tf32:
    return asFloat(bits & 0xffffe000u);
  case MatrixType::E4M3:
    return fromE4M3(uint8_t(bits));
  case MatrixType::E5M2:
    return _cvtsh_ss(uint16_t(uint8_t(bits)) << 8);
  case MatrixType::S8:
    return float(int8_t(bits));
  default:
    return float(uint8_t(bits));
  }
}

} // namespace hybridrt::emulator
#endif
