// Comparisons, selections and moves.
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::CmpInst;
using llvm::Value;

namespace {

struct Comparison {
  std::string_view name;
  CmpInst::Predicate floating, isSigned, isUnsigned;
};

const Comparison comparisons[] = {
    {"eq", CmpInst::FCMP_OEQ, CmpInst::ICMP_EQ, CmpInst::ICMP_EQ},
    {"ne", CmpInst::FCMP_ONE, CmpInst::ICMP_NE, CmpInst::ICMP_NE},
    {"lt", CmpInst::FCMP_OLT, CmpInst::ICMP_SLT, CmpInst::ICMP_ULT},
    {"le", CmpInst::FCMP_OLE, CmpInst::ICMP_SLE, CmpInst::ICMP_ULE},
    {"gt", CmpInst::FCMP_OGT, CmpInst::ICMP_SGT, CmpInst::ICMP_UGT},
    {"ge", CmpInst::FCMP_OGE, CmpInst::ICMP_SGE, CmpInst::ICMP_UGE},
    {"lo", CmpInst::BAD_FCMP_PREDICATE, CmpInst::ICMP_ULT, CmpInst::ICMP_ULT},
    {"ls", CmpInst::BAD_FCMP_PREDICATE, CmpInst::ICMP_ULE, CmpInst::ICMP_ULE},
    {"hi", CmpInst::BAD_FCMP_PREDICATE, CmpInst::ICMP_UGT, CmpInst::ICMP_UGT},
    {"hs", CmpInst::BAD_FCMP_PREDICATE, CmpInst::ICMP_UGE, CmpInst::ICMP_UGE},
    {"equ", CmpInst::FCMP_UEQ, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"neu", CmpInst::FCMP_UNE, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"ltu", CmpInst::FCMP_ULT, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"leu", CmpInst::FCMP_ULE, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"gtu", CmpInst::FCMP_UGT, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"geu", CmpInst::FCMP_UGE, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"num", CmpInst::FCMP_ORD, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
    {"nan", CmpInst::FCMP_UNO, CmpInst::BAD_ICMP_PREDICATE, CmpInst::BAD_ICMP_PREDICATE},
};

Value *compare(Translator &t, const Instruction &i, PtxType type, Value *a, Value *b) {
  for (const Comparison &comparison : comparisons) {
    if (i.modifiers.empty() || comparison.name != i.modifiers[0])
      continue;
    CmpInst::Predicate predicate = type.isFloat()    ? comparison.floating
                                   : type.isSigned() ? comparison.isSigned
                                                     : comparison.isUnsigned;
    if (predicate == CmpInst::BAD_FCMP_PREDICATE || predicate == CmpInst::BAD_ICMP_PREDICATE)
      break;
    return t.builder.CreateCmp(predicate, a, b);
  }
  t.malformed("a comparison that fits the type");
}

/// Elements of packed operands apart, floats widened.
std::pair<Value *, Value *> sources(Translator &t, PtxType type, unsigned element) {
  auto source = [&](const Operand &operand) {
    Value *bits = t.read(operand, type.totalBits());
    if (type.packed > 1)
      bits = t.builder.CreateTrunc(t.builder.CreateLShr(bits, t.constant(type.totalBits(), element * type.bits)),
                                   t.ints(type.bits));
    PtxType one = type;
    one.packed = 1;
    return type.isFloat() ? t.widen(t.builder.CreateBitCast(bits, t.floats(one))) : bits;
  };
  return {source(t.operand(1)), source(t.operand(2))};
}

Value *combine(Translator &t, const Instruction &i, Value *result, Value *other) {
  if (i.has("and"))
    return t.builder.CreateAnd(result, other);
  if (i.has("or"))
    return t.builder.CreateOr(result, other);
  if (i.has("xor"))
    return t.builder.CreateXor(result, other);
  t.malformed("and, or or xor");
}

/// p|q: q is the complement, but for packed operands, where it is the second element's result.
void emitSetp(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  auto [a, b] = sources(t, type, 0);
  Value *first = compare(t, i, type, a, b), *second;
  if (type.packed > 1) {
    auto [c, d] = sources(t, type, 1);
    second = compare(t, i, type, c, d);
  } else {
    second = t.builder.CreateNot(first);
  }
  if (i.operands.size() > 3) {
    Value *other = t.read(t.operand(3), 1);
    first = combine(t, i, first, other);
    second = combine(t, i, second, other);
  }
  const Operand &target = t.operand(0);
  if (target.kind != Operand::Kind::Pair)
    return t.write(target, first);
  // The combining predicate may be one of the targets, so both are computed before either is written.
  t.write(target.parts[0], first);
  t.write(target.parts[1], second);
}

void emitSet(Translator &t, const Instruction &i) {
  std::vector<PtxType> types = typesOf(i);
  if (types.size() != 2)
    t.malformed("two types");
  PtxType to = types[0], from = types[1];
  Value *result = t.constant(to.totalBits(), 0);
  for (unsigned e = 0; e < to.packed; ++e) {
    auto [a, b] = sources(t, from, e);
    Value *holds = compare(t, i, from, a, b);
    if (i.operands.size() > 3)
      holds = combine(t, i, holds, t.read(t.operand(3), 1));
    uint64_t yes = to.kind == PtxType::Kind::Bfloat ? 0x3f80
                   : !to.isFloat()                  ? ~0ull
                   : to.bits == 16                  ? 0x3c00
                                                    : 0x3f800000;
    Value *one = t.builder.CreateSelect(holds, t.constant(to.bits, yes), t.constant(to.bits, 0));
    result = t.builder.CreateOr(result, t.builder.CreateShl(t.builder.CreateZExt(one, t.ints(to.totalBits())),
                                                            t.constant(to.totalBits(), e * to.bits)));
  }
  t.write(t.operand(0), result);
}

void emitSelp(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).totalBits();
  Value *a = t.read(t.operand(1), bits), *b = t.read(t.operand(2), bits);
  t.write(t.operand(0), t.builder.CreateSelect(t.read(t.operand(3), 1), a, b));
}

void emitSlct(Translator &t, const Instruction &i) {
  std::vector<PtxType> types = typesOf(i);
  if (types.size() != 2)
    t.malformed("two types");
  Value *c = t.read(t.operand(3), 32);
  Value *holds = types[1].isFloat() ? t.builder.CreateFCmpOGE(t.builder.CreateBitCast(c, t.floats(types[1])),
                                                              llvm::Constant::getNullValue(t.floats(types[1])))
                                    : t.builder.CreateICmpSGE(c, t.constant(32, 0));
  t.write(t.operand(0),
          t.builder.CreateSelect(holds, t.read(t.operand(1), types[0].bits), t.read(t.operand(2), types[0].bits)));
}

/// Packs and unpacks vectors too.
void emitMov(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).totalBits();
  const Operand &target = t.operand(0);
  if (target.kind != Operand::Kind::Vector)
    return t.write(target, t.read(t.operand(1), bits));
  size_t count = target.parts.size();
  if (!count || bits % count || bits / count < 8)
    t.malformed("a vector that divides the type");
  unsigned each = bits / unsigned(count);
  Value *value = t.read(t.operand(1), bits);
  for (size_t k = 0; k < count; ++k)
    t.write(target.parts[k],
            t.builder.CreateTrunc(t.builder.CreateLShr(value, t.constant(bits, k * each)), t.ints(each)));
}

void emitCvta(Translator &t, const Instruction &i) {
  uint64_t base = 0;
  for (std::string_view modifier : i.modifiers)
    base = modifier.starts_with("shared")  ? sharedWindow
           : modifier == "local"           ? localWindow
           : modifier.starts_with("param") ? parameterWindow
                                           : base;
  Value *value = t.read(t.operand(1), 64);
  t.write(t.operand(0), i.has("to") ? t.builder.CreateSub(value, t.constant(64, base))
                                    : t.builder.CreateAdd(value, t.constant(64, base)));
}

void emitIsspacep(Translator &t, const Instruction &i) {
  Value *value = t.read(t.operand(1), 64);
  auto inside = [&](uint64_t base) {
    return t.builder.CreateICmpULT(t.builder.CreateSub(value, t.constant(64, base)), t.constant(64, windowBytes));
  };
  Value *result = nullptr;
  for (std::string_view modifier : i.modifiers)
    result = modifier.starts_with("shared")  ? inside(sharedWindow)
             : modifier == "local"           ? inside(localWindow)
             : modifier.starts_with("param") ? inside(parameterWindow)
             : modifier == "global" ? t.builder.CreateICmpUGE(t.builder.CreateSub(value, t.constant(64, sharedWindow)),
                                                              t.constant(64, 3 * windowBytes))
                                    : result;
  if (!result)
    t.unsupported();
  t.write(t.operand(0), result);
}

} // namespace

OpRows hybridrt::emulator::compareOps() {
  static const OpRow rows[] = {
      {"setp", OpClass::Arithmetic, 3, 4, OpRow::Result, emitSetp},
      {"set", OpClass::Arithmetic, 3, 4, OpRow::Result, emitSet},
      {"selp", OpClass::Arithmetic, 4, 4, OpRow::Result, emitSelp},
      {"slct", OpClass::Arithmetic, 4, 4, OpRow::Result, emitSlct},
      {"mov", OpClass::Move, 2, 2, OpRow::Result, emitMov},
      {"cvta", OpClass::Move, 2, 2, OpRow::Result, emitCvta},
      {"isspacep", OpClass::Arithmetic, 2, 2, OpRow::Result, emitIsspacep},
  };
  return rows;
}
