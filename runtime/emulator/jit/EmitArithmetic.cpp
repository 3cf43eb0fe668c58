// Integer and floating-point arithmetic.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;
using llvm::Intrinsic::ID;
namespace Intrinsic = llvm::Intrinsic;

namespace {

using Values = std::vector<Value *>;

Value *zeroLike(Value *value) { return llvm::Constant::getNullValue(value->getType()); }

Value *saturate(Translator &t, Value *value) {
  Value *low = t.intrinsic(Intrinsic::maxnum, {value, zeroLike(value)});
  return t.intrinsic(Intrinsic::minnum, {low, llvm::ConstantFP::get(value->getType(), 1.0)});
}

/// 0 to nearest even, 1 to zero, 2 down, 3 up.
unsigned roundingOf(const Instruction &instruction) {
  return instruction.has("rz") ? 1 : instruction.has("rm") ? 2 : instruction.has("rp") ? 3 : 0;
}

/// add.f32.f16 and its like: the result and the last source have the first type, the other sources the second.
template <typename Function> void mixedFloatOp(Translator &t, const Instruction &instruction, Function function) {
  std::vector<PtxType> types = typesOf(instruction);
  size_t last = instruction.operands.size() - 1;
  Values values;
  for (size_t i = 1; i <= last; ++i)
    values.push_back(t.widen(t.readFloat(t.operand(i), types[i == last ? 0 : 1])));
  Value *value = function(values);
  t.write(t.operand(0), instruction.has("sat") ? saturate(t, value) : value);
}

/// Computes with floats element by element; `function` gets f32 or f64.
template <typename Function> void floatOp(Translator &t, const Instruction &instruction, Function function) {
  PtxType type = typeOf(instruction);
  if (typesOf(instruction).size() > 1)
    return mixedFloatOp(t, instruction, function);
  size_t sources = instruction.operands.size() - 1;
  Value *result = nullptr;
  PtxType element = type;
  element.packed = 1;
  for (unsigned e = 0; e < type.packed; ++e) {
    Values values;
    for (size_t i = 1; i <= sources; ++i) {
      Value *bits = t.read(t.operand(i), type.totalBits());
      if (type.packed > 1)
        bits = t.builder.CreateTrunc(t.builder.CreateLShr(bits, t.constant(type.totalBits(), uint64_t(e) * type.bits)),
                                     t.ints(type.bits));
      values.push_back(t.widen(t.builder.CreateBitCast(bits, t.floats(element))));
    }
    Value *value = function(values);
    if (instruction.has("sat"))
      value = saturate(t, value);
    if (instruction.has("relu"))
      value = t.intrinsic(Intrinsic::maxnum, {value, zeroLike(value)});
    value = t.builder.CreateBitCast(t.narrow(value, element), t.ints(type.bits));
    if (type.packed == 1) {
      result = value;
      break;
    }
    value = t.builder.CreateShl(t.builder.CreateZExt(value, t.ints(type.totalBits())),
                                t.constant(type.totalBits(), uint64_t(e) * type.bits));
    result = result ? t.builder.CreateOr(result, value) : value;
  }
  t.write(t.operand(0), result);
}

/// Through the host's rounding modes; `operation`: 0 add, 1 sub, 2 mul, 3 fma, 4 div, 5 sqrt, 6 rcp.
Value *rounded(Translator &t, unsigned operation, unsigned mode, const Values &values) {
  bool isDouble = values[0]->getType()->getScalarType()->isDoubleTy();
  Values arguments{t.scalar(operation), t.scalar(mode), t.scalar(isDouble)};
  for (size_t i = 0; i < 3; ++i)
    arguments.push_back(t.toScratch(unsigned(i) * 256, values[std::min(i, values.size() - 1)]));
  arguments.push_back(t.scratch(768));
  t.call("emu_rounded", t.none(), arguments);
  return t.builder.CreateAlignedLoad(values[0]->getType(), t.scratch(768), llvm::Align(64));
}

template <typename Function> void floatRounded(Translator &t, const Instruction &i, unsigned op, Function function) {
  unsigned mode = roundingOf(i);
  floatOp(t, i, [&](Values &values) { return mode ? rounded(t, op, mode, values) : function(values); });
}

template <typename Function> void integerOp(Translator &t, const Instruction &instruction, Function function) {
  PtxType type = typeOf(instruction);
  Values values;
  for (size_t i = 1; i < instruction.operands.size(); ++i)
    values.push_back(t.read(t.operand(i), type.totalBits()));
  t.write(t.operand(0), function(values));
}

/// Packed 16-bit integers as one register.
Value *perHalf(Translator &t, PtxType type, const Values &values,
               const std::function<Value *(const Values &)> &function) {
  if (type.packed == 1)
    return function(values);
  Value *result = t.constant(32, 0);
  for (unsigned e = 0; e < 2; ++e) {
    Values parts;
    for (Value *value : values)
      parts.push_back(t.builder.CreateTrunc(t.builder.CreateLShr(value, t.constant(32, 16 * e)), t.ints(16)));
    result = t.builder.CreateOr(
        result, t.builder.CreateShl(t.builder.CreateZExt(function(parts), t.ints(32)), t.constant(32, 16 * e)));
  }
  return result;
}

void emitAddSub(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  bool subtract = i.opcode == "sub";
  if (type.isFloat())
    return floatRounded(t, i, subtract, [&](Values &v) {
      return subtract ? t.builder.CreateFSub(v[0], v[1]) : t.builder.CreateFAdd(v[0], v[1]);
    });
  integerOp(t, i, [&](Values &v) {
    return perHalf(t, type, v, [&](const Values &v) -> Value * {
      if (i.has("sat"))
        return t.intrinsic(subtract ? Intrinsic::ssub_sat : Intrinsic::sadd_sat, {v[0], v[1]});
      return subtract ? t.builder.CreateSub(v[0], v[1]) : t.builder.CreateAdd(v[0], v[1]);
    });
  });
}

Value *extend(Translator &t, Value *value, PtxType type, unsigned bits) {
  return type.isSigned() ? t.builder.CreateSExt(value, t.ints(bits)) : t.builder.CreateZExt(value, t.ints(bits));
}

/// mul, mad and their 24-bit forms.
void emitMul(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  bool add = i.opcode.starts_with("mad");
  if (type.isFloat())
    return floatRounded(t, i, add ? 3 : 2, [&](Values &v) {
      return add ? t.intrinsic(Intrinsic::fma, {v[0], v[1], v[2]}) : t.builder.CreateFMul(v[0], v[1]);
    });
  Value *a = t.read(t.operand(1), type.bits), *b = t.read(t.operand(2), type.bits);
  unsigned bits = type.bits;
  if (i.opcode.ends_with("24")) {
    auto cut = [&](Value *value) {
      value = t.builder.CreateShl(value, t.constant(32, 8));
      return type.isSigned() ? t.builder.CreateAShr(value, t.constant(32, 8))
                             : t.builder.CreateLShr(value, t.constant(32, 8));
    };
    a = cut(a);
    b = cut(b);
  }
  Value *product;
  if (i.has("wide")) {
    bits *= 2;
    product = t.builder.CreateMul(extend(t, a, type, bits), extend(t, b, type, bits));
  } else if (i.has("hi")) {
    product = t.builder.CreateMul(extend(t, a, type, 2 * bits), extend(t, b, type, 2 * bits));
    unsigned below = i.opcode.ends_with("24") ? 16 : bits; // of the 48 bits of a product of 24
    product = t.builder.CreateTrunc(t.builder.CreateLShr(product, t.constant(2 * bits, below)), t.ints(bits));
  } else {
    product = t.builder.CreateMul(a, b);
  }
  if (add) {
    Value *sum = t.read(t.operand(3), bits);
    product = i.has("sat") ? t.intrinsic(Intrinsic::sadd_sat, {product, sum}) : t.builder.CreateAdd(product, sum);
  }
  t.write(t.operand(0), product);
}

void emitFma(Translator &t, const Instruction &i) {
  if (!typeOf(i).isFloat())
    t.malformed("a floating-point type");
  floatRounded(t, i, 3, [&](Values &v) { return t.intrinsic(Intrinsic::fma, {v[0], v[1], v[2]}); });
}

/// Lanes that do not execute may hold anything, so the host's division is kept from what it traps on.
Value *divide(Translator &t, const Instruction &i, PtxType type, const Values &v) {
  auto &b = t.builder;
  bool remainder = i.opcode == "rem";
  Value *zero = t.constant(type.bits, 0), *one = t.constant(type.bits, 1), *all = t.constant(type.bits, ~0ull);
  Value *byZero = b.CreateICmpEQ(v[1], zero), *divisor = b.CreateSelect(byZero, one, v[1]);
  Value *result;
  if (type.isSigned()) {
    Value *negates = b.CreateICmpEQ(divisor, all);
    Value *safe = b.CreateSelect(negates, one, divisor);
    result = remainder ? b.CreateSelect(negates, zero, b.CreateSRem(v[0], safe))
                       : b.CreateSelect(negates, b.CreateNeg(v[0]), b.CreateSDiv(v[0], safe));
  } else {
    result = remainder ? b.CreateURem(v[0], divisor) : b.CreateUDiv(v[0], divisor);
  }
  return b.CreateSelect(byZero, remainder ? v[0] : all, result);
}

void emitDiv(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  if (type.isFloat())
    return floatRounded(t, i, 4, [&](Values &v) { return t.builder.CreateFDiv(v[0], v[1]); });
  integerOp(t, i, [&](Values &v) { return divide(t, i, type, v); });
}

void emitMinMax(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  bool maximum = i.opcode == "max";
  if (type.isFloat()) {
    bool xorSign = i.has("xorsign"), absolute = i.has("abs");
    ID id = i.has("NaN") ? (maximum ? Intrinsic::maximum : Intrinsic::minimum)
                         : (maximum ? Intrinsic::maxnum : Intrinsic::minnum);
    return floatOp(t, i, [&](Values &v) {
      Values operands = v;
      if (absolute)
        for (Value *&value : operands)
          value = t.intrinsic(Intrinsic::fabs, {value});
      Value *result = operands[0];
      for (size_t k = 1; k < operands.size(); ++k)
        result = t.intrinsic(id, {result, operands[k]});
      if (!xorSign)
        return result;
      unsigned bits = result->getType()->getScalarSizeInBits();
      Value *sign =
          t.builder.CreateXor(t.builder.CreateBitCast(v[0], t.ints(bits)), t.builder.CreateBitCast(v[1], t.ints(bits)));
      return t.intrinsic(Intrinsic::copysign, {result, t.builder.CreateBitCast(sign, result->getType())});
    });
  }
  ID id =
      type.isSigned() ? (maximum ? Intrinsic::smax : Intrinsic::smin) : (maximum ? Intrinsic::umax : Intrinsic::umin);
  integerOp(t, i, [&](Values &v) {
    return perHalf(t, type, v, [&](const Values &v) {
      Value *result = t.intrinsic(id, {v[0], v[1]});
      return i.has("relu") ? t.intrinsic(Intrinsic::smax, {result, zeroLike(result)}) : result;
    });
  });
}

void emitAbs(Translator &t, const Instruction &i) {
  if (typeOf(i).isFloat())
    return floatOp(t, i, [&](Values &v) { return t.intrinsic(Intrinsic::fabs, {v[0]}); });
  integerOp(t, i, [&](Values &v) {
    return t.builder.CreateIntrinsic(Intrinsic::abs, {v[0]->getType()}, {v[0], t.builder.getFalse()});
  });
}

void emitNeg(Translator &t, const Instruction &i) {
  if (typeOf(i).isFloat())
    return floatOp(t, i, [&](Values &v) { return t.builder.CreateFNeg(v[0]); });
  integerOp(t, i, [&](Values &v) { return t.builder.CreateNeg(v[0]); });
}

void emitCopysign(Translator &t, const Instruction &i) {
  floatOp(t, i, [&](Values &v) { return t.intrinsic(Intrinsic::copysign, {v[1], v[0]}); });
}

void emitTestp(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  Value *x = t.readFloat(t.operand(1), type), *magnitude = t.intrinsic(Intrinsic::fabs, {x});
  Value *infinity = llvm::ConstantFP::getInfinity(x->getType());
  Value *least = llvm::ConstantFP::get(x->getType(), type.bits == 64 ? 0x1p-1022 : 0x1p-126);
  auto &b = t.builder;
  Value *result = i.has("finite")       ? b.CreateFCmpOLT(magnitude, infinity)
                  : i.has("infinite")   ? b.CreateFCmpOEQ(magnitude, infinity)
                  : i.has("number")     ? b.CreateFCmpORD(x, x)
                  : i.has("notanumber") ? b.CreateFCmpUNO(x, x)
                  : i.has("normal")
                      ? b.CreateAnd(b.CreateFCmpOGE(magnitude, least), b.CreateFCmpOLT(magnitude, infinity))
                      : b.CreateAnd(b.CreateFCmpOLT(magnitude, least), b.CreateFCmpOGT(magnitude, zeroLike(x)));
  t.write(t.operand(0), result);
}

/// Functions of one f32 that the virtual machine computes for 32 lanes at once.
void emitFunction(Translator &t, const Instruction &i) {
  std::string helper = "emu_" + std::string(i.opcode);
  floatOp(t, i, [&](Values &v) -> Value * {
    if (v[0]->getType()->getScalarType()->isDoubleTy())
      t.unsupported();
    t.toScratch(0, v[0]);
    t.call(helper.c_str(), t.none(), {t.scratch(0), t.scratch(128)});
    return t.builder.CreateAlignedLoad(v[0]->getType(), t.scratch(128), llvm::Align(64));
  });
}

void emitReciprocal(Translator &t, const Instruction &i) {
  floatRounded(t, i, 6, [&](Values &v) {
    Value *one = llvm::ConstantFP::get(v[0]->getType(), 1.0);
    return t.builder.CreateFDiv(one, i.opcode == "rsqrt" ? t.intrinsic(Intrinsic::sqrt, {v[0]}) : v[0]);
  });
}

void emitSqrt(Translator &t, const Instruction &i) {
  floatRounded(t, i, 5, [&](Values &v) { return t.intrinsic(Intrinsic::sqrt, {v[0]}); });
}

void emitSad(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  integerOp(t, i, [&](Values &v) {
    Value *larger = type.isSigned() ? t.builder.CreateICmpSGT(v[0], v[1]) : t.builder.CreateICmpUGT(v[0], v[1]);
    Value *difference = t.builder.CreateSub(v[0], v[1]);
    return t.builder.CreateAdd(v[2], t.builder.CreateSelect(larger, difference, t.builder.CreateNeg(difference)));
  });
}

/// Products of bytes (dp4a), or of halves with bytes (dp2a), added up.
void emitDotProduct(Translator &t, const Instruction &i) {
  std::vector<PtxType> types = typesOf(i);
  if (types.size() != 2)
    t.malformed("two types");
  bool bytes = i.opcode == "dp4a";
  auto &b = t.builder;
  Value *x = t.read(t.operand(1), 32), *y = t.read(t.operand(2), 32), *sum = t.read(t.operand(3), 32);
  auto part = [&](Value *value, unsigned at, unsigned width, PtxType type) {
    value = b.CreateShl(value, t.constant(32, 32 - width - at));
    return type.isSigned() ? b.CreateAShr(value, t.constant(32, 32 - width))
                           : b.CreateLShr(value, t.constant(32, 32 - width));
  };
  for (unsigned k = 0; k < (bytes ? 4u : 2u); ++k) {
    unsigned byte = bytes ? k : k + (i.has("hi") ? 2 : 0);
    sum = b.CreateAdd(
        sum, b.CreateMul(part(x, k * (bytes ? 8 : 16), bytes ? 8 : 16, types[0]), part(y, byte * 8, 8, types[1])));
  }
  t.write(t.operand(0), sum);
}

} // namespace

OpRows hybridrt::emulator::arithmeticOps() {
  static const OpRow rows[] = {
      {"add", OpClass::Arithmetic, 3, 3, OpRow::Result, emitAddSub},
      {"sub", OpClass::Arithmetic, 3, 3, OpRow::Result, emitAddSub},
      {"mul", OpClass::Arithmetic, 3, 3, OpRow::Result, emitMul},
      {"mad", OpClass::Arithmetic, 4, 4, OpRow::Result, emitMul},
      {"mul24", OpClass::Arithmetic, 3, 3, OpRow::Result, emitMul},
      {"mad24", OpClass::Arithmetic, 4, 4, OpRow::Result, emitMul},
      {"fma", OpClass::Float, 4, 4, OpRow::Result, emitFma},
      {"div", OpClass::Special, 3, 3, OpRow::Result, emitDiv},
      {"rem", OpClass::Special, 3, 3, OpRow::Result, emitDiv},
      {"min", OpClass::Arithmetic, 3, 4, OpRow::Result, emitMinMax},
      {"max", OpClass::Arithmetic, 3, 4, OpRow::Result, emitMinMax},
      {"abs", OpClass::Arithmetic, 2, 2, OpRow::Result, emitAbs},
      {"neg", OpClass::Arithmetic, 2, 2, OpRow::Result, emitNeg},
      {"copysign", OpClass::Float, 3, 3, OpRow::Result, emitCopysign},
      {"testp", OpClass::Float, 2, 2, OpRow::Result, emitTestp},
      {"ex2", OpClass::Special, 2, 2, OpRow::Result, emitFunction},
      {"lg2", OpClass::Special, 2, 2, OpRow::Result, emitFunction},
      {"sin", OpClass::Special, 2, 2, OpRow::Result, emitFunction},
      {"cos", OpClass::Special, 2, 2, OpRow::Result, emitFunction},
      {"tanh", OpClass::Special, 2, 2, OpRow::Result, emitFunction},
      {"rcp", OpClass::Special, 2, 2, OpRow::Result, emitReciprocal},
      {"rsqrt", OpClass::Special, 2, 2, OpRow::Result, emitReciprocal},
      {"sqrt", OpClass::Special, 2, 2, OpRow::Result, emitSqrt},
      {"sad", OpClass::Arithmetic, 4, 4, OpRow::Result, emitSad},
      {"dp4a", OpClass::Arithmetic, 4, 4, OpRow::Result, emitDotProduct},
      {"dp2a", OpClass::Arithmetic, 4, 4, OpRow::Result, emitDotProduct},
  };
  return rows;
}
