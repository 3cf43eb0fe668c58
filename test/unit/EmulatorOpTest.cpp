// One instruction at a time, on values at the edges of its types, against the host's arithmetic.
#include "lib/Artifact/Float.h"
#include "runtime/emulator/jit/OpTable.h"
#include "test/unit/EmulatorHarness.h"
#include <bit>
#include <cmath>
#include <functional>
#include <set>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

/// d = f(a, b, c); widths in bits, 1 for predicates, 0 where there is no operand.
struct OpCase {
  const char *text; ///< with $d, $a, $b, $c
  unsigned d, a, b, c;
  std::function<uint64_t(uint64_t, uint64_t, uint64_t)> expected;
  bool isFloat = false; ///< compared as f32, any NaN equal to any other
};

template <typename To, typename From> To cast(From value) {
  static_assert(sizeof(To) == sizeof(From));
  return std::bit_cast<To>(value);
}
float f32(uint64_t bits) { return cast<float>(uint32_t(bits)); }
uint64_t b32(float value) { return cast<uint32_t>(value); }
double f64(uint64_t bits) { return cast<double>(bits); }
uint64_t b64(double value) { return cast<uint64_t>(value); }
int32_t s32(uint64_t bits) { return int32_t(bits); }
int64_t s64(uint64_t bits) { return int64_t(bits); }
using U = uint64_t;
using U128 = unsigned __int128;

// Devices have one NaN for each 16-bit format.
uint64_t toHalf(float x) { return x != x ? 0x7fff : toFloat16(x); }
uint64_t toBfloat(float x) { return x != x ? 0x7fff : toBFloat16(x); }
uint64_t halfOp(uint64_t a, uint64_t b, float (*f)(float, float)) {
  return toHalf(f(fromFloat16(uint16_t(a)), fromFloat16(uint16_t(b))));
}
uint64_t packedBfloat(uint64_t a, uint64_t b, float (*f)(float, float)) {
  uint64_t result = 0;
  for (int k = 0; k < 2; ++k)
    result |= toBfloat(f(fromBFloat16(uint16_t(a >> 16 * k)), fromBFloat16(uint16_t(b >> 16 * k)))) << 16 * k;
  return result;
}
float plus(float a, float b) { return a + b; }
float times(float a, float b) { return a * b; }

uint64_t extract(uint64_t a, uint64_t position, uint64_t length, bool isSigned) {
  position &= 255;
  length &= 255;
  if (!length)
    return 0;
  uint64_t field = position > 31 ? 0 : uint32_t(a) >> position;
  uint64_t mask = length > 31 ? 0xffffffff : (1ull << length) - 1;
  uint64_t last = std::min<uint64_t>(position + length - 1, 31);
  uint64_t valid = position > 31 ? 0 : last - position + 1;
  field &= mask;
  if (isSigned && (uint32_t(a) >> last & 1))
    field |= ~(valid > 31 ? 0xffffffffull : (1ull << valid) - 1);
  return uint32_t(field);
}

const std::vector<OpCase> &cases() {
  static const std::vector<OpCase> list = {
      // Integers.
      {"add.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(a + b); }},
      {"add.s64 $d, $a, $b", 64, 64, 64, 0, [](U a, U b, U) -> U { return a + b; }},
      {"add.u16 $d, $a, $b", 16, 16, 16, 0, [](U a, U b, U) -> U { return uint16_t(a + b); }},
      {"add.sat.s32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U {
         int64_t sum = int64_t(s32(a)) + s32(b);
         return uint32_t(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
       }},
      {"sub.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(a - b); }},
      {"mul.lo.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(a * b); }},
      {"mul.lo.s64 $d, $a, $b", 64, 64, 64, 0, [](U a, U b, U) -> U { return a * b; }},
      {"mul.hi.s32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint32_t(int64_t(s32(a)) * s32(b) >> 32); }},
      {"mul.hi.u32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint64_t(uint32_t(a)) * uint32_t(b) >> 32; }},
      {"mul.wide.s32 $d, $a, $b", 64, 32, 32, 0, [](U a, U b, U) -> U { return U(int64_t(s32(a)) * s32(b)); }},
      {"mul.wide.u16 $d, $a, $b", 32, 16, 16, 0, [](U a, U b, U) -> U { return uint32_t(uint16_t(a)) * uint16_t(b); }},
      {"mad.lo.s32 $d, $a, $b, $c", 32, 32, 32, 32, [](U a, U b, U c) -> U { return uint32_t(a * b + c); }},
      {"mad.wide.u32 $d, $a, $b, $c", 64, 32, 32, 64,
       [](U a, U b, U c) -> U { return uint64_t(uint32_t(a)) * uint32_t(b) + c; }},
      {"mul24.lo.u32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint32_t((a & 0xffffff) * (b & 0xffffff)); }},
      {"mad24.lo.u32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((a & 0xffffff) * (b & 0xffffff) + c); }},
      {"mad24.hi.s32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         auto cut = [](U x) { return int64_t(int32_t(uint32_t(x) << 8) >> 8); };
         return uint32_t(U(cut(a) * cut(b) >> 16) + c);
       }},
      {"mad.hi.sat.s32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         int64_t sum = (int64_t(s32(a)) * s32(b) >> 32) + s32(c);
         return uint32_t(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
       }},
      // Carries: the upper word of numbers of two words, or what is carried beyond it.
      {"add.cc.u32 $d, $a, $b; addc.u32 $d, $c, $a", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((((c << 32 | a) + (a << 32 | b)) >> 32)); }},
      {"add.cc.u64 $d, $a, $b; addc.cc.u64 $d, $c, $c; addc.u64 $d, 0, 0", 64, 64, 64, 64,
       [](U a, U b, U c) -> U { return U((U128(c) << 64 | a) + (U128(c) << 64 | b) < (U128(c) << 64 | a)); }},
      {"sub.cc.u32 $d, $a, $b; subc.u32 $d, $c, $a", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((((c << 32 | a) - (a << 32 | b)) >> 32)); }},
      {"sub.cc.s32 $d, $a, $b; subc.cc.s32 $d, $c, $b; subc.s32 $d, 0, 0", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return (c << 32 | a) < (b << 32 | b) ? 0xffffffff : 0; }},
      {"mad.lo.cc.u32 $d, $a, $b, $c; madc.hi.u32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((a * b + (c << 32 | c)) >> 32); }},
      {"mad.hi.cc.s32 $d, $a, $b, $c; madc.lo.cc.s32 $d, $a, $c, $b; addc.u32 $d, 0, 0", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         U first = uint32_t(U(int64_t(s32(a)) * s32(b)) >> 32) + c;
         return (uint32_t(a * c) + b + (first >> 32)) >> 32;
       }},
      {"div.s32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U {
         if (!uint32_t(b))
           return 0xffffffff;
         return uint32_t(int64_t(s32(a)) / s32(b));
       }},
      {"div.u32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint32_t(b) ? uint32_t(a) / uint32_t(b) : 0xffffffff; }},
      {"rem.s32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint32_t(b) ? uint32_t(int64_t(s32(a)) % s32(b)) : uint32_t(a); }},
      {"rem.u64 $d, $a, $b", 64, 64, 64, 0, [](U a, U b, U) -> U { return b ? a % b : a; }},
      {"min.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(std::min(s32(a), s32(b))); }},
      {"max.u32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return std::max(uint32_t(a), uint32_t(b)); }},
      {"min.s64 $d, $a, $b", 64, 64, 64, 0, [](U a, U b, U) -> U { return U(std::min(s64(a), s64(b))); }},
      {"abs.s32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return s32(a) < 0 ? uint32_t(-a) : uint32_t(a); }},
      {"neg.s32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return uint32_t(-a); }},
      {"sad.s32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t(c + U(std::abs(int64_t(s32(a)) - s32(b)))); }},
      {"dp4a.s32.s32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         for (int k = 0; k < 4; ++k)
           c += U(int64_t(int8_t(a >> 8 * k)) * int8_t(b >> 8 * k));
         return uint32_t(c);
       }},
      {"dp2a.lo.u32.u32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         for (int k = 0; k < 2; ++k)
           c += U(uint16_t(a >> 16 * k)) * uint8_t(b >> 8 * k);
         return uint32_t(c);
       }},
      // Floats.
      {"add.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(f32(a) + f32(b)); }, true},
      {"sub.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(f32(a) - f32(b)); }, true},
      {"mul.rn.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(f32(a) * f32(b)); }, true},
      {"fma.rn.f32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return b32(std::fma(f32(a), f32(b), f32(c))); }, true},
      {"fma.rn.f64 $d, $a, $b, $c", 64, 64, 64, 64,
       [](U a, U b, U c) -> U {
         double r = std::fma(f64(a), f64(b), f64(c));
         return r == r ? b64(r) : 0;
       }},
      {"div.rn.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(f32(a) / f32(b)); }, true},
      {"max.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(std::fmax(f32(a), f32(b))); }, true},
      {"min.NaN.f32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U {
         float x = f32(a), y = f32(b);
         return b32(x != x || y != y ? NAN : std::fmin(x, y));
       },
       true},
      {"abs.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::fabs(f32(a))); }, true},
      {"neg.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(-f32(a)); }, true},
      {"copysign.f32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b32(std::copysign(f32(b), f32(a))); }, true},
      {"sqrt.rn.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::sqrt(f32(a))); }, true},
      {"rcp.rn.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(1.f / f32(a)); }, true},
      {"rsqrt.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(1.f / std::sqrt(f32(a))); }, true},
      {"ex2.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::exp2(f32(a))); }, true},
      {"lg2.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::log2(f32(a))); }, true},
      {"sin.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::sin(f32(a))); }, true},
      {"cos.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::cos(f32(a))); }, true},
      {"tanh.approx.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::tanh(f32(a))); }, true},
      {"testp.finite.f32 $d, $a", 1, 32, 0, 0, [](U a, U, U) -> U { return std::isfinite(f32(a)); }},
      {"add.f16 $d, $a, $b", 16, 16, 16, 0, [](U a, U b, U) -> U { return halfOp(a, b, plus); }},
      {"add.rn.f32.f16 $d, $a, $b", 32, 16, 32, 0,
       [](U a, U b, U) -> U { return b32(fromFloat16(uint16_t(a)) + f32(b)); }, true},
      {"fma.rn.f32.bf16 $d, $a, $b, $c", 32, 16, 16, 32,
       [](U a, U b, U c) -> U {
         return b32(std::fma(fromBFloat16(uint16_t(a)), fromBFloat16(uint16_t(b)), f32(c)));
       },
       true},
      {"mul.bf16x2 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return packedBfloat(a, b, times); }},
      // Bits.
      {"and.b32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return a & b; }},
      {"or.b64 $d, $a, $b", 64, 64, 64, 0, [](U a, U b, U) -> U { return a | b; }},
      {"xor.b16 $d, $a, $b", 16, 16, 16, 0, [](U a, U b, U) -> U { return a ^ b; }},
      {"not.b32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return uint32_t(~a); }},
      {"cnot.b32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return uint32_t(a) == 0; }},
      {"lop3.b32 $d, $a, $b, $c, 0xE8", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((a & b) | (b & c) | (a & c)); }},
      {"shl.b32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b > 31 ? 0 : uint32_t(a << b); }},
      {"shr.u32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return b > 31 ? 0 : uint32_t(a) >> b; }},
      {"shr.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(s32(a) >> std::min<U>(b, 31)); }},
      {"shf.l.wrap.b32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t(((b << 32 | a) << (c & 31)) >> 32); }},
      {"shf.r.clamp.b32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return uint32_t((b << 32 | a) >> std::min<U>(c, 32)); }},
      {"bfe.u32 $d, $a, $b, $c", 32, 32, 32, 32, [](U a, U b, U c) -> U { return extract(a, b, c, false); }},
      {"bfe.s32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U { return (b & 255) > 31 ? ((c & 255) && s32(a) < 0 ? 0xffffffff : 0) : extract(a, b, c, true); }},
      {"bfi.b32 $d, $a, $b, 4, 8", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return uint32_t((a << 4 & 0xff0) | (b & ~0xff0ull)); }},
      {"popc.b32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return U(std::popcount(uint32_t(a))); }},
      {"clz.b32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return U(std::countl_zero(uint32_t(a))); }},
      {"brev.b32 $d, $a", 32, 32, 0, 0,
       [](U a, U, U) -> U {
         uint32_t r = 0;
         for (int k = 0; k < 32; ++k)
           r |= uint32_t(a >> k & 1) << (31 - k);
         return r;
       }},
      {"bfind.u32 $d, $a", 32, 32, 0, 0,
       [](U a, U, U) -> U { return uint32_t(a) ? U(31 - std::countl_zero(uint32_t(a))) : 0xffffffff; }},
      {"bfind.shiftamt.u32 $d, $a", 32, 32, 0, 0,
       [](U a, U, U) -> U { return uint32_t(a) ? U(std::countl_zero(uint32_t(a))) : 0xffffffff; }},
      {"bmsk.clamp.b32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U {
         U position = a & 255, length = b & 255;
         U mask = length > 31 ? 0xffffffff : (1ull << length) - 1;
         return position > 31 ? 0 : uint32_t(mask << position);
       }},
      {"prmt.b32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         U both = b << 32 | a, r = 0;
         for (int k = 0; k < 4; ++k) {
           U selector = c >> 4 * k & 15;
           auto byte = uint8_t(both >> 8 * (selector & 7));
           r |= U(selector & 8 ? (byte & 0x80 ? 0xff : 0) : byte) << 8 * k;
         }
         return r;
       }},
      // Comparisons, selections, moves.
      {"setp.lt.s32 $d, $a, $b", 1, 32, 32, 0, [](U a, U b, U) -> U { return s32(a) < s32(b); }},
      {"setp.hi.u32 $d, $a, $b", 1, 32, 32, 0, [](U a, U b, U) -> U { return uint32_t(a) > uint32_t(b); }},
      {"setp.neu.f32 $d, $a, $b", 1, 32, 32, 0, [](U a, U b, U) -> U { return !(f32(a) == f32(b)); }},
      {"setp.gt.and.f32 $d, $a, $b, $c", 1, 32, 32, 1, [](U a, U b, U c) -> U { return f32(a) > f32(b) && (c & 1); }},
      {"setp.nan.f32 $d, $a, $b", 1, 32, 32, 0,
       [](U a, U b, U) -> U { return std::isnan(f32(a)) || std::isnan(f32(b)); }},
      {"set.eq.u32.s32 $d, $a, $b", 32, 32, 32, 0, [](U a, U b, U) -> U { return a == b ? 0xffffffff : 0; }},
      {"selp.b32 $d, $a, $b, $c", 32, 32, 32, 1, [](U a, U b, U c) -> U { return c & 1 ? a : b; }},
      {"slct.b32.s32 $d, $a, $b, $c", 32, 32, 32, 32, [](U a, U b, U c) -> U { return s32(c) >= 0 ? a : b; }},
      {"mov.b32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return a; }},
      {"mov.b64 $d, {$a, $b}", 64, 32, 32, 0, [](U a, U b, U) -> U { return b << 32 | a; }},
      {"cvta.shared.u64 $d, $a", 64, 64, 0, 0, [](U a, U, U) -> U { return a + 0x0000700000000000; }},
      {"isspacep.shared $d, $a", 1, 64, 0, 0, [](U a, U, U) -> U { return a - 0x0000700000000000 < 1ull << 40; }},
      // Conversions.
      {"cvt.s64.s32 $d, $a", 64, 32, 0, 0, [](U a, U, U) -> U { return U(int64_t(s32(a))); }},
      {"cvt.u32.u16 $d, $a", 32, 16, 0, 0, [](U a, U, U) -> U { return uint16_t(a); }},
      {"cvt.s32.s8 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return uint32_t(int32_t(int8_t(a))); }},
      {"cvt.sat.u8.s32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return U(std::clamp(s32(a), 0, 255)); }},
      {"cvt.sat.s16.u32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return std::min<U>(uint32_t(a), 32767); }},
      {"cvt.rn.f32.s32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(float(s32(a))); }, true},
      {"cvt.rn.f64.u64 $d, $a", 64, 64, 0, 0, [](U a, U, U) -> U { return b64(double(a)); }},
      {"cvt.rzi.s32.f32 $d, $a", 32, 32, 0, 0,
       [](U a, U, U) -> U {
         float x = f32(a);
         return x != x ? 0 : x >= 2147483648.f ? 0x7fffffff : x <= -2147483648.f ? 0x80000000 : uint32_t(int32_t(x));
       }},
      {"cvt.rni.f32.f32 $d, $a", 32, 32, 0, 0, [](U a, U, U) -> U { return b32(std::nearbyint(f32(a))); }, true},
      {"cvt.rn.f16.f32 $d, $a", 16, 32, 0, 0,
       [](U a, U, U) -> U { return toHalf(f32(a)); }},
      {"cvt.f32.f16 $d, $a", 32, 16, 0, 0, [](U a, U, U) -> U { return b32(fromFloat16(uint16_t(a))); }, true},
      {"cvt.f32.bf16 $d, $a", 32, 16, 0, 0, [](U a, U, U) -> U { return b32(fromBFloat16(uint16_t(a))); }, true},
      {"cvt.rn.bf16x2.f32 $d, $a, $b", 32, 32, 32, 0,
       [](U a, U b, U) -> U { return toBfloat(f32(a)) << 16 | toBfloat(f32(b)); }},
      {"cvt.rz.bf16.f32 $d, $a", 16, 32, 0, 0,
       [](U a, U, U) -> U { return f32(a) != f32(a) ? 0x7fff : uint32_t(a) >> 16; }},
      {"cvt.rna.tf32.f32 $d, $a", 32, 32, 0, 0,
       [](U a, U, U) -> U { return b32(std::isfinite(f32(a)) ? f32((a + 0x1000) & 0xffffe000) : f32(a)); }, true},
      {"cvt.rn.satfinite.e4m3x2.f32 $d, $a, $b", 16, 32, 32, 0,
       [](U a, U b, U) -> U {
         auto one = [](float x) -> U {
           if (x != x)
             return 0x7f;
           U best = 0;
           double distance = INFINITY;
           for (U code = 0; code < 0x7f; ++code) { // the nearest, even codes first where two are as near
             double value = code >> 3 ? std::ldexp(8. + double(code & 7), int(code >> 3) - 10) : std::ldexp(double(code), -9);
             double d = std::fabs(std::fmin(std::fabs(double(x)), 448.) - value);
             if (d < distance || (d == distance && !(code & 1)))
               best = code, distance = d;
           }
           return best | (std::signbit(x) ? 0x80 : 0);
         };
         return one(f32(a)) << 8 | one(f32(b));
       }},
      {"cvt.rn.f16x2.e5m2x2 $d, $a", 32, 16, 0, 0, [](U a, U, U) -> U { return (a & 0xff) << 8 | (a & 0xff00) << 16; }},
      {"cvt.pack.sat.u8.s32.b32 $d, $a, $b, $c", 32, 32, 32, 32,
       [](U a, U b, U c) -> U {
         auto one = [](U x) { return U(std::clamp(s32(x), 0, 255)); };
         return uint32_t(c << 16 | one(a) << 8 | one(b));
       }},
  };
  return list;
}

/// Values at the edges of integers and floats; widths cut them.
const uint64_t edges[] = {0,
                          1,
                          2,
                          3,
                          5,
                          7,
                          31,
                          32,
                          33,
                          63,
                          0x7f,
                          0x80,
                          0xff,
                          0x7fff,
                          0x8000,
                          0xffff,
                          0x3f800000,
                          0xbf800000,
                          0x3fc00000,
                          0x40490fdb,
                          0xc2c80000,
                          0x42fe0000,
                          0x7f800000,
                          0xff800000,
                          0x7fc00000,
                          0x00800000,
                          0x7fffffff,
                          0x80000000,
                          0xffffffff,
                          0x3ff0000000000000,
                          0x8000000000000000,
                          0x3c004000};

std::string registerOf(const char *name, unsigned bits) {
  return std::string("%") + name + (bits == 1 ? "p" : std::to_string(bits));
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at; (at = text.find(from)) != std::string::npos;)
    text.replace(at, from.size(), to);
  return text;
}

std::string kernelFor(const OpCase &op) {
  std::string body, text = op.text;
  auto declare = [&](const char *name, unsigned bits) {
    if (bits)
      body += "  .reg ." + (bits == 1 ? std::string("pred") : "b" + std::to_string(bits)) + " " +
              registerOf(name, bits) + ";\n";
  };
  declare("d", op.d);
  std::pair<const char *, unsigned> sources[] = {{"a", op.a}, {"b", op.b}, {"c", op.c}};
  std::string loads;
  int index = 0;
  for (auto [name, bits] : sources) {
    declare(name, bits);
    text = replaced(text, std::string("$") + name, registerOf(name, bits));
    std::string address = "[%at+" + std::to_string(8 * index++) + "]";
    if (bits == 1)
      loads += "  ld.global.u32 %t, " + address + ";\n  and.b32 %t, %t, 1;\n  setp.ne.u32 " + registerOf(name, 1) +
               ", %t, 0;\n";
    else if (bits)
      loads += "  ld.global.b" + std::to_string(bits) + " " + registerOf(name, bits) + ", " + address + ";\n";
  }
  text = replaced(text, "$d", registerOf("d", op.d));
  std::string store = op.d == 1
                          ? "  selp.u32 %t, 1, 0, %dp;\n  st.global.u32 [%at+24], %t;\n"
                          : "  st.global.b" + std::to_string(op.d) + " [%at+24], " + registerOf("d", op.d) + ";\n";
  return ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n" + body +
         "  .reg .b64 %at, %o;\n  .reg .b32 %t;\n  ld.param.u64 %at, [p];\n  mov.u32 %t, %tid.x;\n"
         "  mad.wide.u32 %at, %t, 32, %at;\n" +
         loads + "  " + text + ";\n" + store + "  ret;\n}\n";
}

class EmulatorOp : public testing::TestWithParam<size_t> {};

TEST_P(EmulatorOp, AgreesWithTheHost) {
  const OpCase &op = cases()[GetParam()];
  Engine engine;
  auto module = engine.load(kernelFor(op));
  ASSERT_TRUE(bool(module)) << module.error();
  constexpr size_t count = std::size(edges);
  Buffer<uint64_t> data(engine, 4 * 1024);
  auto cut = [](uint64_t value, unsigned bits) { return bits >= 64 ? value : value & ((1ull << bits) - 1); };
  for (size_t i = 0; i < 1024; ++i) {
    data[4 * i] = cut(edges[i % count], op.a);
    data[4 * i + 1] = cut(edges[i / count % count], op.b);
    data[4 * i + 2] = cut(edges[(i * 7 + i / count) % count], op.c);
  }
  LaunchReport report = launch(engine, **module, "k", {}, {1024}, Parameters().add(data));
  EXPECT_EQ(textOf(report), "");
  for (size_t i = 0; i < 1024; ++i) {
    uint64_t a = data[4 * i], b = data[4 * i + 1], c = data[4 * i + 2];
    uint64_t got = cut(data[4 * i + 3], op.d), expected = cut(op.expected(a, b, c), op.d);
    if (op.d == 64 && std::isnan(f64(got)) && expected == 0)
      continue;
    if (op.isFloat) {
      float x = f32(got), y = f32(expected);
      if (x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= 4e-7f * std::max(1.f, std::fabs(y)))
        continue;
    }
    ASSERT_EQ(got, expected) << op.text << " of " << std::hex << a << ", " << b << ", " << c;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EmulatorOp, testing::Range<size_t>(0, cases().size()));

// A row of the table that computes from registers alone has a case here, perhaps of several instructions.
TEST(EmulatorOpTable, EveryRowHasACase) {
  for (OpRows rows : {arithmeticOps(), bitOps(), carryOps(), compareOps(), convertOps()})
    for (const OpRow &row : rows) {
      bool found = false;
      for (const OpCase &op : cases()) {
        std::string text = std::string("; ") + op.text, pattern = std::string("; ") + row.pattern;
        found |= text.find(pattern + ".") != text.npos || text.find(pattern + " ") != text.npos;
      }
      EXPECT_TRUE(found) << row.pattern;
    }
}

} // namespace
