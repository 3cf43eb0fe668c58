// Logic, shifts and bit fields.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

namespace {

void emitLogic(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).totalBits();
  Value *a = t.read(t.operand(1), bits), *b = t.read(t.operand(2), bits);
  t.write(t.operand(0), i.opcode == "and"  ? t.builder.CreateAnd(a, b)
                        : i.opcode == "or" ? t.builder.CreateOr(a, b)
                                           : t.builder.CreateXor(a, b));
}

void emitNot(Translator &t, const Instruction &i) {
  t.write(t.operand(0), t.builder.CreateNot(t.read(t.operand(1), typeOf(i).totalBits())));
}

void emitCnot(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).bits;
  Value *zero = t.builder.CreateICmpEQ(t.read(t.operand(1), bits), t.constant(bits, 0));
  t.write(t.operand(0), t.builder.CreateZExt(zero, t.ints(bits)));
}

/// Any function of three bits, given as its truth table.
void emitLop3(Translator &t, const Instruction &i) {
  if (i.operands.size() != 5 || t.operand(4).kind != Operand::Kind::Immediate)
    t.malformed("three sources and a constant truth table");
  auto &b = t.builder;
  Value *inputs[3];
  for (unsigned k = 0; k < 3; ++k)
    inputs[k] = t.read(t.operand(k + 1), 32);
  Value *result = t.constant(32, 0);
  for (unsigned row = 0; row < 8; ++row) {
    if (!(t.operand(4).bits >> row & 1))
      continue;
    Value *term = nullptr;
    for (unsigned k = 0; k < 3; ++k) {
      Value *input = row >> (2 - k) & 1 ? inputs[k] : b.CreateNot(inputs[k]);
      term = term ? b.CreateAnd(term, input) : input;
    }
    result = b.CreateOr(result, term);
  }
  t.write(t.operand(0), result);
}

/// Amounts of the type's width or more give what shifting one bit at a time would.
void emitShift(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  auto &b = t.builder;
  Value *a = t.read(t.operand(1), type.bits), *amount = t.read(t.operand(2), 32);
  Value *tooFar = b.CreateICmpUGE(amount, t.constant(32, type.bits));
  Value *safe = b.CreateZExtOrTrunc(b.CreateSelect(tooFar, t.constant(32, type.bits - 1), amount), t.ints(type.bits));
  if (i.opcode == "shr" && type.isSigned())
    return t.write(t.operand(0), b.CreateAShr(a, safe));
  Value *shifted = i.opcode == "shl" ? b.CreateShl(a, safe) : b.CreateLShr(a, safe);
  t.write(t.operand(0), b.CreateSelect(tooFar, t.constant(type.bits, 0), shifted));
}

void emitFunnelShift(Translator &t, const Instruction &i) {
  auto &b = t.builder;
  bool left = i.has("l");
  Value *low = t.read(t.operand(1), 32), *high = t.read(t.operand(2), 32), *amount = t.read(t.operand(3), 32);
  Value *shifted = t.intrinsic(left ? Intrinsic::fshl : Intrinsic::fshr, {high, low, amount});
  if (i.has("clamp")) {
    Value *tooFar = b.CreateICmpUGE(amount, t.constant(32, 32));
    shifted = b.CreateSelect(tooFar, left ? low : high, shifted);
  }
  t.write(t.operand(0), shifted);
}

/// The low byte of an operand, in the type's width.
Value *byteOf(Translator &t, const Operand &operand, unsigned bits) {
  return t.builder.CreateZExtOrTrunc(t.builder.CreateAnd(t.read(operand, 32), t.constant(32, 255)), t.ints(bits));
}

/// 2^length - 1, all ones from the width on.
Value *lowMask(Translator &t, Value *length, unsigned bits) {
  auto &b = t.builder;
  Value *all = b.CreateICmpUGE(length, t.constant(bits, bits));
  Value *safe = b.CreateSelect(all, t.constant(bits, 0), length);
  return b.CreateSelect(all, t.constant(bits, ~0ull),
                        b.CreateSub(b.CreateShl(t.constant(bits, 1), safe), t.constant(bits, 1)));
}

Value *shiftRight(Translator &t, Value *value, Value *amount, unsigned bits) {
  auto &b = t.builder;
  Value *tooFar = b.CreateICmpUGE(amount, t.constant(bits, bits));
  return b.CreateSelect(tooFar, t.constant(bits, 0),
                        b.CreateLShr(value, b.CreateSelect(tooFar, t.constant(bits, 0), amount)));
}

void emitExtract(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  unsigned bits = type.bits;
  auto &b = t.builder;
  Value *a = t.read(t.operand(1), bits), *position = byteOf(t, t.operand(2), bits),
        *length = byteOf(t, t.operand(3), bits);
  Value *mask = lowMask(t, length, bits);
  Value *field = b.CreateAnd(shiftRight(t, a, position, bits), mask);
  if (type.isSigned()) {
    // The sign is the field's last bit, or the value's last where the field reaches beyond it.
    Value *last = b.CreateSub(b.CreateAdd(position, length), t.constant(bits, 1));
    last = t.intrinsic(Intrinsic::umin, {last, t.constant(bits, bits - 1)});
    Value *sign = b.CreateAnd(b.CreateLShr(a, last), t.constant(bits, 1));
    Value *negative =
        b.CreateAnd(b.CreateICmpNE(sign, t.constant(bits, 0)), b.CreateICmpNE(length, t.constant(bits, 0)));
    Value *known =
        b.CreateSub(t.constant(bits, bits), t.intrinsic(Intrinsic::umin, {position, t.constant(bits, bits)}));
    Value *width = t.intrinsic(Intrinsic::umin, {length, known});
    field = b.CreateSelect(negative, b.CreateOr(field, b.CreateNot(lowMask(t, width, bits))), field);
  }
  t.write(t.operand(0), field);
}

void emitInsert(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).bits;
  auto &b = t.builder;
  Value *a = t.read(t.operand(1), bits), *into = t.read(t.operand(2), bits), *position = byteOf(t, t.operand(3), bits),
        *length = byteOf(t, t.operand(4), bits);
  Value *tooFar = b.CreateICmpUGE(position, t.constant(bits, bits));
  Value *safe = b.CreateSelect(tooFar, t.constant(bits, 0), position);
  Value *mask = b.CreateSelect(tooFar, t.constant(bits, 0), b.CreateShl(lowMask(t, length, bits), safe));
  t.write(t.operand(0), b.CreateOr(b.CreateAnd(b.CreateShl(a, safe), mask), b.CreateAnd(into, b.CreateNot(mask))));
}

void emitCount(Translator &t, const Instruction &i) {
  Value *a = t.read(t.operand(1), typeOf(i).bits);
  t.write(t.operand(0), i.opcode == "popc" ? t.intrinsic(Intrinsic::ctpop, {a})
                        : i.opcode == "brev"
                            ? t.intrinsic(Intrinsic::bitreverse, {a})
                            : t.builder.CreateIntrinsic(Intrinsic::ctlz, {a->getType()}, {a, t.builder.getFalse()}));
}

/// The position of the highest bit that is set (differs from the sign); -1 where there is none.
void emitFind(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  auto &b = t.builder;
  Value *a = t.read(t.operand(1), type.bits);
  if (type.isSigned())
    a = b.CreateXor(a, b.CreateAShr(a, t.constant(type.bits, type.bits - 1)));
  Value *zeros = b.CreateIntrinsic(Intrinsic::ctlz, {a->getType()}, {a, b.getFalse()});
  Value *result = i.has("shiftamt") ? zeros : b.CreateSub(t.constant(type.bits, type.bits - 1), zeros);
  result = b.CreateSelect(b.CreateICmpEQ(a, t.constant(type.bits, 0)), t.constant(type.bits, ~0ull), result);
  t.write(t.operand(0), b.CreateTrunc(result, t.ints(32)));
}

void emitBitMask(Translator &t, const Instruction &) {
  auto &b = t.builder;
  Value *position = byteOf(t, t.operand(1), 32), *length = byteOf(t, t.operand(2), 32);
  Value *tooFar = b.CreateICmpUGE(position, t.constant(32, 32));
  Value *safe = b.CreateSelect(tooFar, t.constant(32, 0), position);
  t.write(t.operand(0), b.CreateSelect(tooFar, t.constant(32, 0), b.CreateShl(lowMask(t, length, 32), safe)));
}

/// Four bytes out of eight; a selector's high bit spreads the byte's sign.
void emitPermute(Translator &t, const Instruction &i) {
  if (i.modifiers.size() > 1)
    t.unsupported("modes of prmt");
  auto &b = t.builder;
  Value *both = b.CreateOr(b.CreateZExt(t.read(t.operand(1), 32), t.ints(64)),
                           b.CreateShl(b.CreateZExt(t.read(t.operand(2), 32), t.ints(64)), t.constant(64, 32)));
  Value *selectors = t.read(t.operand(3), 32), *result = t.constant(32, 0);
  for (unsigned k = 0; k < 4; ++k) {
    Value *selector = b.CreateAnd(b.CreateLShr(selectors, t.constant(32, 4 * k)), t.constant(32, 15));
    Value *shift = b.CreateShl(b.CreateAnd(selector, t.constant(32, 7)), t.constant(32, 3));
    Value *byte = b.CreateTrunc(b.CreateLShr(both, b.CreateZExt(shift, t.ints(64))), t.ints(8));
    Value *spreads = b.CreateICmpUGE(selector, t.constant(32, 8));
    byte = b.CreateSelect(spreads, b.CreateAShr(byte, t.constant(8, 7)), byte);
    result = b.CreateOr(result, b.CreateShl(b.CreateZExt(byte, t.ints(32)), t.constant(32, 8 * k)));
  }
  t.write(t.operand(0), result);
}

} // namespace

OpRows hybridrt::emulator::bitOps() {
  static const OpRow rows[] = {
      {"and", OpClass::Arithmetic, 3, 3, OpRow::Result, emitLogic},
      {"or", OpClass::Arithmetic, 3, 3, OpRow::Result, emitLogic},
      {"xor", OpClass::Arithmetic, 3, 3, OpRow::Result, emitLogic},
      {"not", OpClass::Arithmetic, 2, 2, OpRow::Result, emitNot},
      {"cnot", OpClass::Arithmetic, 2, 2, OpRow::Result, emitCnot},
      {"lop3", OpClass::Arithmetic, 5, 5, OpRow::Result, emitLop3},
      {"shl", OpClass::Arithmetic, 3, 3, OpRow::Result, emitShift},
      {"shr", OpClass::Arithmetic, 3, 3, OpRow::Result, emitShift},
      {"shf", OpClass::Arithmetic, 4, 4, OpRow::Result, emitFunnelShift},
      {"bfe", OpClass::Arithmetic, 4, 4, OpRow::Result, emitExtract},
      {"bfi", OpClass::Arithmetic, 5, 5, OpRow::Result, emitInsert},
      {"popc", OpClass::Arithmetic, 2, 2, OpRow::Result, emitCount},
      {"clz", OpClass::Arithmetic, 2, 2, OpRow::Result, emitCount},
      {"brev", OpClass::Arithmetic, 2, 2, OpRow::Result, emitCount},
      {"bfind", OpClass::Arithmetic, 2, 2, OpRow::Result, emitFind},
      {"bmsk", OpClass::Arithmetic, 3, 3, OpRow::Result, emitBitMask},
      {"prmt", OpClass::Arithmetic, 4, 4, OpRow::Result, emitPermute},
  };
  return rows;
}
