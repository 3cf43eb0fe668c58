// Conversions.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

namespace {

constexpr PtxType single{PtxType::Kind::Float, 32, 1};

/// How an f32 becomes narrow; the helper knows these numbers.
enum class Narrow : uint32_t { Half, Bfloat, E4M3, E5M2, Tf32 };

llvm::Intrinsic::ID integral(const Instruction &i) {
  return i.has("rni")   ? Intrinsic::roundeven
         : i.has("rzi") ? Intrinsic::trunc
         : i.has("rmi") ? Intrinsic::floor
         : i.has("rpi") ? Intrinsic::ceil
                        : Intrinsic::not_intrinsic;
}

unsigned roundingMode(const Instruction &i) {
  return i.has("rz") ? 1 : i.has("rm") ? 2 : i.has("rp") ? 3 : i.has("rna") ? 4 : 0;
}

/// f32 to fewer bits by a helper: for modes and formats that the host lacks. The result is in the low bits.
Value *narrowByHelper(Translator &t, const Instruction &i, Value *value, Narrow format) {
  t.toScratch(0, value);
  uint32_t flags = (i.has("satfinite") ? 1 : 0) | (i.has("relu") ? 2 : 0);
  t.call("emu_narrow", t.none(),
         {t.scalar(uint32_t(format)), t.scalar(roundingMode(i)), t.scalar(flags), t.scratch(0), t.scratch(128)});
  return t.fromScratch(128, 32);
}

Value *toNarrowFloat(Translator &t, const Instruction &i, Value *value, PtxType to) {
  if (!roundingMode(i) && !i.has("satfinite")) {
    if (i.has("relu"))
      value = t.intrinsic(Intrinsic::maxnum, {value, llvm::Constant::getNullValue(value->getType())});
    return t.builder.CreateBitCast(t.narrow(value, to), t.ints(to.bits));
  }
  Narrow format = to.kind == PtxType::Kind::Bfloat ? Narrow::Bfloat : Narrow::Half;
  return t.builder.CreateTrunc(narrowByHelper(t, i, value, format), t.ints(16));
}

/// cvt.rn.bf16x2.f32 d, high, low.
void packTwo(Translator &t, const Instruction &i, PtxType to) {
  Value *result = t.constant(32, 0);
  PtxType one = to;
  one.packed = 1;
  for (unsigned e = 0; e < 2; ++e) {
    Value *value = toNarrowFloat(t, i, t.readFloat(t.operand(2 - e), single), one);
    result = t.builder.CreateOr(result,
                                t.builder.CreateShl(t.builder.CreateZExt(value, t.ints(32)), t.constant(32, 16 * e)));
  }
  t.write(t.operand(0), result);
}

/// To and from pairs of 8-bit floats.
bool eightBits(Translator &t, const Instruction &i) {
  bool toE4 = false, toE5 = false, fromE4 = false, fromE5 = false, seen = false;
  for (std::string_view modifier : i.modifiers) {
    bool isE4 = modifier == "e4m3x2", isE5 = modifier == "e5m2x2";
    bool isOther = parseType(modifier).has_value();
    toE4 |= isE4 && !seen;
    toE5 |= isE5 && !seen;
    fromE4 |= isE4 && seen;
    fromE5 |= isE5 && seen;
    seen |= isE4 || isE5 || isOther;
  }
  if (!toE4 && !toE5 && !fromE4 && !fromE5)
    return false;
  PtxType other = typeOf(i);
  if (toE4 || toE5) {
    Value *result = t.constant(16, 0);
    for (unsigned e = 0; e < 2; ++e) {
      Value *value;
      if (other.packed == 2) {
        PtxType one = other;
        one.packed = 1;
        Value *both = t.read(t.operand(1), 32);
        Value *bits = t.builder.CreateTrunc(t.builder.CreateLShr(both, t.constant(32, 16 * e)), t.ints(16));
        value = t.widen(t.builder.CreateBitCast(bits, t.floats(one)));
      } else {
        value = t.readFloat(t.operand(2 - e), single);
      }
      value = narrowByHelper(t, i, value, toE4 ? Narrow::E4M3 : Narrow::E5M2);
      result = t.builder.CreateOr(result,
                                  t.builder.CreateShl(t.builder.CreateTrunc(value, t.ints(16)), t.constant(16, 8 * e)));
    }
    t.write(t.operand(0), result);
    return true;
  }
  t.toScratch(0, t.read(t.operand(1), 32));
  t.call("emu_widen8", t.none(), {t.scalar(fromE5), t.scratch(0), t.scratch(128)});
  t.write(t.operand(0), t.fromScratch(128, 32));
  return true;
}

void toTf32(Translator &t, const Instruction &i) {
  t.write(t.operand(0), narrowByHelper(t, i, t.readFloat(t.operand(1), single), Narrow::Tf32));
}

Value *saturateInteger(Translator &t, Value *value, PtxType from, PtxType to) {
  unsigned wide = std::max(from.bits, to.bits);
  // Bounds of `to`, as values of the wider type; where a bound is out of its range there is nothing to cut.
  auto &b = t.builder;
  uint64_t most = to.isSigned() ? (1ull << (to.bits - 1)) - 1 : to.bits == 64 ? ~0ull : (1ull << to.bits) - 1;
  if (from.isSigned()) {
    if (!to.isSigned() && to.bits >= from.bits)
      return b.CreateSelect(b.CreateICmpSLT(value, t.constant(wide, 0)), t.constant(wide, 0), value);
    uint64_t least = to.isSigned() ? ~most : 0;
    if (to.bits < from.bits) {
      value = t.intrinsic(Intrinsic::smin, {value, t.constant(wide, most)});
      value = t.intrinsic(Intrinsic::smax, {value, t.constant(wide, least)});
    }
    return value;
  }
  if (to.bits < from.bits || (to.bits == from.bits && to.isSigned()))
    value = t.intrinsic(Intrinsic::umin, {value, t.constant(wide, most)});
  return value;
}

void integerToInteger(Translator &t, const Instruction &i, PtxType to, PtxType from) {
  auto &b = t.builder;
  Value *value = t.read(t.operand(1), from.bits);
  unsigned wide = std::max(from.bits, to.bits);
  value = from.isSigned() ? b.CreateSExt(value, t.ints(wide)) : b.CreateZExt(value, t.ints(wide));
  if (i.has("sat"))
    value = saturateInteger(t, value, from, to);
  value = b.CreateTrunc(value, t.ints(to.bits));
  // A register may be wider than the type: the value is extended by the type's sign.
  unsigned bits = t.operand(0).kind == Operand::Kind::Register ? t.bitsOf(t.operand(0)) : to.bits;
  if (bits > to.bits)
    value = to.isSigned() ? b.CreateSExt(value, t.ints(bits)) : b.CreateZExt(value, t.ints(bits));
  t.write(t.operand(0), value);
}

void floatToFloat(Translator &t, const Instruction &i, PtxType to, PtxType from) {
  auto &b = t.builder;
  Value *value = t.widen(t.readFloat(t.operand(1), from));
  if (integral(i) != Intrinsic::not_intrinsic)
    value = t.intrinsic(integral(i), {value});
  if (i.has("sat")) {
    value = t.intrinsic(Intrinsic::maxnum, {value, llvm::Constant::getNullValue(value->getType())});
    value = t.intrinsic(Intrinsic::minnum, {value, llvm::ConstantFP::get(value->getType(), 1.0)});
  }
  if (to.bits == 16) {
    if (from.bits == 64)
      value = b.CreateFPTrunc(value, t.floats(single));
    return t.write(t.operand(0), toNarrowFloat(t, i, value, to));
  }
  if (to.bits == 64 && from.bits < 64) {
    value = b.CreateFPExt(value, t.floats(to));
  } else if (to.bits == 32 && from.bits == 64) {
    if (unsigned mode = roundingMode(i)) {
      t.toScratch(0, value);
      t.call("emu_truncate", t.none(), {t.scalar(mode), t.scratch(0), t.scratch(256)});
      return t.write(t.operand(0), t.fromScratch(256, 32));
    }
    value = b.CreateFPTrunc(value, t.floats(to));
  }
  t.write(t.operand(0), b.CreateBitCast(value, t.ints(to.bits)));
}

void integerToFloat(Translator &t, const Instruction &i, PtxType to, PtxType from) {
  auto &b = t.builder;
  Value *value = t.read(t.operand(1), from.bits);
  PtxType through = to.bits == 64 ? to : single;
  if (roundingMode(i) && from.bits > 16) {
    t.toScratch(0, from.isSigned() ? b.CreateSExt(value, t.ints(64)) : b.CreateZExt(value, t.ints(64)));
    t.call(
        "emu_fromInteger", t.none(),
        {t.scalar(roundingMode(i)), t.scalar(from.isSigned()), t.scalar(to.bits == 64), t.scratch(0), t.scratch(256)});
    value = b.CreateAlignedLoad(t.floats(through), t.scratch(256), llvm::Align(64));
  } else {
    value = from.isSigned() ? b.CreateSIToFP(value, t.floats(through)) : b.CreateUIToFP(value, t.floats(through));
  }
  t.write(t.operand(0), b.CreateBitCast(t.narrow(value, to), t.ints(to.bits)));
}

/// Out of range saturates, and NaN gives 0, as devices do.
void floatToInteger(Translator &t, const Instruction &i, PtxType to, PtxType from) {
  Value *value = t.widen(t.readFloat(t.operand(1), from));
  auto id = integral(i);
  value = t.intrinsic(id == Intrinsic::not_intrinsic ? llvm::Intrinsic::ID(Intrinsic::trunc) : id, {value});
  unsigned bits = std::max(to.bits, 8u);
  Value *result = t.builder.CreateIntrinsic(to.isSigned() ? Intrinsic::fptosi_sat : Intrinsic::fptoui_sat,
                                            {t.ints(bits), value->getType()}, {value});
  unsigned target = t.operand(0).kind == Operand::Kind::Register ? t.bitsOf(t.operand(0)) : bits;
  if (target > bits)
    result =
        to.isSigned() ? t.builder.CreateSExt(result, t.ints(target)) : t.builder.CreateZExt(result, t.ints(target));
  t.write(t.operand(0), result);
}

void emitCvt(Translator &t, const Instruction &i) {
  if (i.has("tf32"))
    return toTf32(t, i);
  if (eightBits(t, i))
    return;
  if (i.has("pack"))
    t.unsupported();
  std::vector<PtxType> types = typesOf(i);
  if (types.size() != 2)
    t.unsupported("types of cvt");
  PtxType to = types[0], from = types[1];
  if (to.packed == 2) {
    if (i.operands.size() != 3 || from.bits != 32 || !from.isFloat() || to.bits != 16 || !to.isFloat())
      t.unsupported("types of cvt");
    return packTwo(t, i, to);
  }
  if (from.packed != 1 || i.operands.size() != 2)
    t.unsupported("types of cvt");
  if (to.isFloat())
    return from.isFloat() ? floatToFloat(t, i, to, from) : integerToFloat(t, i, to, from);
  return from.isFloat() ? floatToInteger(t, i, to, from) : integerToInteger(t, i, to, from);
}

/// cvt.pack.sat.u8.s32.b32 d, a, b, c and its like: a and b saturated, packed above the bytes of c.
void emitPack(Translator &t, const Instruction &i) {
  std::vector<PtxType> types = typesOf(i);
  if (types.size() < 2 || types[1].bits != 32)
    t.unsupported();
  auto &b = t.builder;
  PtxType to = types[0], from = types[1];
  from.kind = PtxType::Kind::Signed;
  Value *result =
      i.operands.size() > 3 ? b.CreateShl(t.read(t.operand(3), 32), t.constant(32, 2 * to.bits)) : t.constant(32, 0);
  if (2 * to.bits >= 32)
    result = t.constant(32, 0);
  for (unsigned e = 0; e < 2; ++e) {
    Value *value = saturateInteger(t, t.read(t.operand(2 - e), 32), from, to);
    value = b.CreateAnd(value, t.constant(32, (1ull << to.bits) - 1));
    result = b.CreateOr(result, b.CreateShl(value, t.constant(32, e * to.bits)));
  }
  t.write(t.operand(0), result);
}

} // namespace

OpRows hybridrt::emulator::convertOps() {
  static const OpRow rows[] = {
      {"cvt", OpClass::Conversion, 2, 4, OpRow::Result, emitCvt},
      {"cvt.pack", OpClass::Conversion, 3, 4, OpRow::Result, emitPack},
  };
  return rows;
}
