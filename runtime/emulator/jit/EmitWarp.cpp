// Exchanges between the lanes of a warp.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

/// The lanes that a .sync instruction names must be the ones that execute it.
void checkMembers(Translator &t, const Operand &members) {
  t.callWarp("emu_members", t.none(), {t.lanes(), t.readUniform(members, 32), t.line()});
}

void emitShuffle(Translator &t, const Instruction &i) {
  uint32_t mode = i.has("up") ? 0 : i.has("down") ? 1 : i.has("bfly") ? 2 : 3;
  if (i.operands.size() > 4)
    checkMembers(t, t.operand(4));
  for (unsigned k = 0; k < 3; ++k)
    t.toScratch(128 * k, t.read(t.operand(k + 1), 32));
  Value *valid =
      t.callWarp("emu_shuffle", t.word(),
                 {t.lanes(), t.scalar(mode), t.scratch(0), t.scratch(128), t.scratch(256), t.scratch(384), t.line()});
  Value *result = t.fromScratch(384, 32);
  const Operand &target = t.operand(0);
  if (target.kind != Operand::Kind::Pair)
    return t.write(target, result);
  t.write(target.parts[0], result);
  t.write(target.parts[1], t.fromMask(valid));
}

void emitVote(Translator &t, const Instruction &i) {
  if (i.operands.size() > 2)
    checkMembers(t, t.operand(2));
  auto &b = t.builder;
  Value *lanes = t.lanes(), *votes = b.CreateAnd(t.toMask(t.read(t.operand(1), 1)), lanes);
  if (i.has("ballot"))
    return t.write(t.operand(0), t.splat(votes));
  Value *all = b.CreateICmpEQ(votes, lanes), *none = b.CreateICmpEQ(votes, t.scalar(0));
  Value *result = i.has("all") ? all : i.has("any") ? b.CreateNot(none) : b.CreateOr(all, none);
  t.write(t.operand(0), t.splat(result));
}

void emitMatch(Translator &t, const Instruction &i) {
  checkMembers(t, t.operand(2));
  unsigned bits = typeOf(i).bits;
  t.toScratch(0, t.builder.CreateZExt(t.read(t.operand(1), bits), t.ints(64)));
  Value *equal = t.call("emu_match", t.word(), {t.lanes(), t.scalar(i.has("all")), t.scratch(0), t.scratch(256)});
  const Operand &target = t.operand(0);
  Value *result = t.fromScratch(256, 32);
  if (target.kind != Operand::Kind::Pair)
    return t.write(target, result);
  t.write(target.parts[0], result);
  t.write(target.parts[1], t.fromMask(equal));
}

void emitReduce(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  checkMembers(t, t.operand(2));
  // The low bits choose the operation, the others how values are read.
  uint32_t operation = i.has("add") ? 0 : i.has("min") ? 1 : i.has("max") ? 2 : i.has("and") ? 3 : i.has("or") ? 4 : 5;
  uint32_t flags =
      (type.isSigned() ? 8 : 0) | (type.isFloat() ? 16 : 0) | (i.has("abs") ? 32 : 0) | (i.has("NaN") ? 64 : 0);
  t.toScratch(0, t.read(t.operand(1), 32));
  t.call("emu_reduce", t.none(), {t.lanes(), t.scalar(operation | flags), t.scratch(0), t.scratch(128)});
  t.write(t.operand(0), t.fromScratch(128, 32));
}

void emitActiveMask(Translator &t, const Instruction &) { t.write(t.operand(0), t.splat(t.lanes())); }

/// The lowest lane is elected.
void emitElect(Translator &t, const Instruction &) {
  checkMembers(t, t.operand(1));
  auto &b = t.builder;
  const Operand &target = t.operand(0);
  if (target.kind != Operand::Kind::Pair)
    t.malformed("a register and a predicate, d|p");
  Value *lanes = t.lanes();
  Value *lowest = b.CreateIntrinsic(llvm::Intrinsic::cttz, {t.word()}, {lanes, b.getFalse()});
  t.write(target.parts[0], t.splat(lowest));
  t.write(target.parts[1], t.fromMask(b.CreateAnd(lanes, b.CreateNeg(lanes))));
}

} // namespace

OpRows hybridrt::emulator::warpOps() {
  constexpr auto exchange = OpClass::Exchange;
  static const OpRow rows[] = {
      {"shfl", exchange, 4, 5, OpRow::Result, emitShuffle},
      {"vote", exchange, 2, 3, OpRow::Result, emitVote},
      {"match", exchange, 3, 3, OpRow::Result, emitMatch},
      {"redux", exchange, 3, 3, OpRow::Result, emitReduce},
      {"activemask", exchange, 1, 1, OpRow::Result, emitActiveMask},
      {"elect", exchange, 2, 2, OpRow::Result, emitElect},
  };
  return rows;
}
