// Functions of 32 lanes at once, rounding modes and narrow formats.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include "runtime/emulator/vm/MatrixElements.h"

using namespace hybridrt::emulator;

namespace {

float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint32_t asBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

/// 2^x to about one unit in the last place: 2^f by a polynomial on [-1/2, 1/2], the rest in the exponent.
inline float exp2Lane(float x) {
  float clamped = x > -152.f ? (x < 130.f ? x : 130.f) : -152.f; // of a NaN as well, which has no whole part
  float whole = std::nearbyintf(clamped), f = clamped - whole;
  float p = 1.52527e-5f;
  p = p * f + 1.54035303e-4f;
  p = p * f + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.f;
  // In two steps, so that denormal results are reached.
  auto n = int32_t(whole), half = n >> 1;
  float low = asFloat(uint32_t(half + 127) << 23), high = asFloat(uint32_t(n - half + 127) << 23);
  return x == x ? p * low * high : x;
}

/// log2(m 2^e) with m in [sqrt(1/2), sqrt(2)), by the series of the inverse hyperbolic tangent.
inline float log2Lane(float x) {
  float scaled = x < 1.17549435e-38f ? x * 8388608.f : x;
  uint32_t bits = asBits(scaled);
  int32_t exponent = int32_t(bits - 0x3f3504f3) >> 23;
  float m = asFloat(bits - (uint32_t(exponent) << 23));
  float s = (m - 1.f) / (m + 1.f), q = s * s;
  float p = 0.2622348f;
  p = p * q + 0.3205989f;
  p = p * q + 0.4121985f;
  p = p * q + 0.5770780f;
  p = p * q + 0.9617967f;
  p = p * q + 2.8853900f;
  float result = s * p + float(exponent) - (x < 1.17549435e-38f ? 23.f : 0.f);
  result = x == INFINITY ? INFINITY : result;
  result = x == 0.f ? -INFINITY : result;
  return x >= 0.f ? result : NAN;
}

int hostMode(uint32_t mode) {
  return mode == 1 ? FE_TOWARDZERO : mode == 2 ? FE_DOWNWARD : mode == 3 ? FE_UPWARD : FE_TONEAREST;
}

/// Operands are volatile, so that nothing is computed under another rounding mode.
template <typename T> void roundedLanes(uint32_t operation, uint32_t mode, const T *a, const T *b, const T *c, T *d) {
  int before = std::fegetround();
  std::fesetround(hostMode(mode));
  for (int lane = 0; lane < 32; ++lane) {
    volatile T x = a[lane], y = b[lane], z = c[lane], result;
    switch (operation) {
    case 0:
      result = x + y;
      break;
    case 1:
      result = x - y;
      break;
    case 2:
      result = x * y;
      break;
    case 3:
      result = std::fma(T(x), T(y), T(z));
      break;
    case 4:
      result = x / y;
      break;
    case 5:
      result = std::sqrt(T(x));
      break;
    default:
      result = T(1) / x;
    }
    d[lane] = result;
  }
  std::fesetround(before);
}

/// A binary format by its field widths.
struct Format {
  int exponentBits, mantissaBits;
  double largest;
  bool hasInfinity;
  uint32_t nan;
};

constexpr Format formats[] = {{5, 10, 65504., true, 0x7fff},
                              {8, 7, 3.3895313892515355e38, true, 0x7fff},
                              {4, 3, 448., false, 0x7f},
                              {5, 2, 57344., true, 0x7f}};

double roundBy(double value, uint32_t mode) {
  switch (mode) {
  case 1:
    return std::trunc(value);
  case 2:
    return std::floor(value);
  case 3:
    return std::ceil(value);
  case 4:
    return std::round(value);
  default:
    return std::nearbyint(value);
  }
}

/// Doubles hold every step exactly.
uint32_t narrowTo(const Format &format, float x, uint32_t mode, bool saturate) {
  if (std::isnan(x))
    return format.nan;
  uint32_t sign = std::signbit(x) ? 1u << (format.exponentBits + format.mantissaBits) : 0;
  int bias = (1 << (format.exponentBits - 1)) - 1;
  double magnitude = std::fabs(double(x));
  uint32_t infinity = ((1u << format.exponentBits) - 1) << format.mantissaBits;
  if (magnitude == 0)
    return sign;
  int exponent = magnitude == INFINITY ? 0 : std::max(std::ilogb(magnitude), 1 - bias);
  double unit = std::ldexp(1., exponent - format.mantissaBits);
  double rounded = magnitude == INFINITY ? INFINITY : std::fabs(roundBy(double(x) / unit, mode)) * unit;
  if (rounded > format.largest) {
    bool towardsZero = mode == 1 || (mode == 2 && !sign) || (mode == 3 && sign);
    if (saturate || !format.hasInfinity || (towardsZero && magnitude != INFINITY))
      rounded = format.largest;
    else
      return sign | infinity;
  }
  if (rounded < std::ldexp(1., 1 - bias)) // denormal: the unit is the last place
    return sign | uint32_t(rounded / std::ldexp(1., 1 - bias - format.mantissaBits));
  exponent = std::ilogb(rounded);
  auto mantissa = uint32_t(std::ldexp(rounded, format.mantissaBits - exponent)) & ((1u << format.mantissaBits) - 1);
  return sign | uint32_t(exponent + bias) << format.mantissaBits | mantissa;
}

uint32_t toTf32(float x, uint32_t mode) {
  uint32_t bits = asBits(x);
  if (std::isnan(x) || std::isinf(x))
    return bits & 0xffffe000u;
  if (mode == 4) // ties away from zero
    return (bits + 0x1000) & 0xffffe000u;
  if (mode == 1)
    return bits & 0xffffe000u;
  return (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000u;
}

} // namespace

extern "C" {

void emu_ex2(const float *a, float *d) {
  for (int lane = 0; lane < 32; ++lane)
    d[lane] = exp2Lane(a[lane]);
}
void emu_lg2(const float *a, float *d) {
  for (int lane = 0; lane < 32; ++lane)
    d[lane] = log2Lane(a[lane]);
}
void emu_sin(const float *a, float *d) {
  for (int lane = 0; lane < 32; ++lane)
    d[lane] = std::sin(a[lane]);
}
void emu_cos(const float *a, float *d) {
  for (int lane = 0; lane < 32; ++lane)
    d[lane] = std::cos(a[lane]);
}
void emu_tanh(const float *a, float *d) {
  for (int lane = 0; lane < 32; ++lane)
    d[lane] = std::tanh(a[lane]);
}

void emu_rounded(uint32_t operation, uint32_t mode, uint32_t isDouble, const void *a, const void *b, const void *c,
                 void *d) {
  if (isDouble)
    roundedLanes(operation, mode, static_cast<const double *>(a), static_cast<const double *>(b),
                 static_cast<const double *>(c), static_cast<double *>(d));
  else
    roundedLanes(operation, mode, static_cast<const float *>(a), static_cast<const float *>(b),
                 static_cast<const float *>(c), static_cast<float *>(d));
}

/// format: 0 f16, 1 bf16, 2 e4m3, 3 e5m2, 4 tf32; flags: 1 saturate to finite, 2 negative to zero.
void emu_narrow(uint32_t format, uint32_t mode, uint32_t flags, const float *a, uint32_t *d) {
  for (int lane = 0; lane < 32; ++lane) {
    float x = a[lane];
    if ((flags & 2) && !(x > 0))
      x = std::isnan(x) ? x : 0.f;
    d[lane] = format == 4 ? toTf32(x, mode) : narrowTo(formats[format], x, mode, flags & 1);
  }
}

/// Two 8-bit floats to two halves.
void emu_widen8(uint32_t isE5M2, const uint32_t *a, uint32_t *d) {
  for (int lane = 0; lane < 32; ++lane) {
    uint32_t result = 0;
    for (int k = 0; k < 2; ++k) {
      auto bits = uint8_t(a[lane] >> (8 * k));
      result |= uint32_t(isE5M2 ? uint16_t(bits) << 8 : _cvtss_sh(fromE4M3(bits), 0)) << (16 * k);
    }
    d[lane] = result;
  }
}

void emu_truncate(uint32_t mode, const double *a, float *d) {
  int before = std::fegetround();
  std::fesetround(hostMode(mode));
  for (int lane = 0; lane < 32; ++lane) {
    volatile double x = a[lane];
    volatile float y = float(x);
    d[lane] = y;
  }
  std::fesetround(before);
}

void emu_fromInteger(uint32_t mode, uint32_t isSigned, uint32_t isDouble, const int64_t *a, void *d) {
  int before = std::fegetround();
  std::fesetround(hostMode(mode));
  for (int lane = 0; lane < 32; ++lane) {
    volatile int64_t x = a[lane];
    if (isDouble) {
      volatile double y = isSigned ? double(x) : double(uint64_t(x));
      static_cast<double *>(d)[lane] = y;
    } else {
      volatile float y = isSigned ? float(x) : float(uint64_t(x));
      static_cast<float *>(d)[lane] = y;
    }
  }
  std::fesetround(before);
}

} // extern "C"
