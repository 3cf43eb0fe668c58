// Integers of several words: additions, subtractions and products that leave a carry for the next instruction.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

/// Adds up two values and the carry before where the instruction takes one; leaves a carry where it names .cc.
void addUp(Translator &t, const Instruction &i, bool takesCarry, Value *x, Value *y) {
  auto &b = t.builder;
  Value *sum = b.CreateAdd(x, y), *carry = b.CreateICmpULT(sum, x);
  if (takesCarry) {
    Value *more = b.CreateAdd(sum, b.CreateZExt(t.carry(), sum->getType()));
    carry = b.CreateOr(carry, b.CreateICmpULT(more, sum));
    sum = more;
  }
  t.write(t.operand(0), sum);
  if (i.has("cc"))
    t.setCarry(carry);
}

PtxType wordOf(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  if (type.isFloat() || type.packed != 1 || (type.bits != 32 && type.bits != 64))
    t.malformed("a type of 32 or 64 bits");
  return type;
}

void emitAdd(Translator &t, const Instruction &i) {
  unsigned bits = wordOf(t, i).bits;
  addUp(t, i, i.opcode == "addc", t.read(t.operand(1), bits), t.read(t.operand(2), bits));
}

/// The carry of a subtraction is its borrow.
void emitSubtract(Translator &t, const Instruction &i) {
  unsigned bits = wordOf(t, i).bits;
  auto &b = t.builder;
  Value *x = t.read(t.operand(1), bits), *y = t.read(t.operand(2), bits);
  Value *difference = b.CreateSub(x, y), *borrow = b.CreateICmpULT(x, y);
  if (i.opcode == "subc") {
    Value *before = b.CreateZExt(t.carry(), t.ints(bits));
    borrow = b.CreateOr(borrow, b.CreateICmpULT(difference, before));
    difference = b.CreateSub(difference, before);
  }
  t.write(t.operand(0), difference);
  if (i.has("cc"))
    t.setCarry(borrow);
}

void emitMultiply(Translator &t, const Instruction &i) {
  PtxType type = wordOf(t, i);
  auto &b = t.builder;
  auto extended = [&](size_t index) {
    Value *value = t.read(t.operand(index), type.bits);
    return type.isSigned() ? b.CreateSExt(value, t.ints(2 * type.bits)) : b.CreateZExt(value, t.ints(2 * type.bits));
  };
  Value *product = b.CreateMul(extended(1), extended(2));
  if (i.has("hi"))
    product = b.CreateLShr(product, t.constant(2 * type.bits, type.bits));
  addUp(t, i, i.opcode == "madc", b.CreateTrunc(product, t.ints(type.bits)), t.read(t.operand(3), type.bits));
}

} // namespace

OpRows hybridrt::emulator::carryOps() {
  static const OpRow rows[] = {
      {"add.cc", OpClass::Arithmetic, 3, 3, OpRow::Result, emitAdd},
      {"addc", OpClass::Arithmetic, 3, 3, OpRow::Result, emitAdd},
      {"sub.cc", OpClass::Arithmetic, 3, 3, OpRow::Result, emitSubtract},
      {"subc", OpClass::Arithmetic, 3, 3, OpRow::Result, emitSubtract},
      {"mad.lo.cc", OpClass::Arithmetic, 4, 4, OpRow::Result, emitMultiply},
      {"mad.hi.cc", OpClass::Arithmetic, 4, 4, OpRow::Result, emitMultiply},
      {"madc", OpClass::Arithmetic, 4, 4, OpRow::Result, emitMultiply},
  };
  return rows;
}
