// Matrix fragments: ldmatrix, mma and wgmma.
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/vm/MemoryOps.h"
#include <cstdio>

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

unsigned matricesOf(const Instruction &i) { return i.has("x4") ? 4 : i.has("x2") ? 2 : 1; }

void checkMatrix(Translator &t, const Instruction &i, size_t registers) {
  if (!i.has("m8n8") || !i.has("b16"))
    t.unsupported("shapes but m8n8 of b16");
  if (registers != matricesOf(i))
    t.malformed("as many registers as matrices");
}

void emitLoadMatrix(Translator &t, const Instruction &i) {
  std::vector<Operand> targets = t.elements(t.operand(0));
  checkMatrix(t, i, targets.size());
  t.toScratch(0, t.address(t.operand(1)));
  t.callWarp("emu_loadMatrix", t.none(),
             {t.lanes(), t.scalar(matricesOf(i)), t.scalar(i.has("trans")), t.scratch(0), t.scratch(256), t.line()});
  for (size_t k = 0; k < targets.size(); ++k)
    t.write(targets[k], t.fromScratch(256 + 128 * unsigned(k), 32));
}

void emitStoreMatrix(Translator &t, const Instruction &i) {
  std::vector<Operand> sources = t.elements(t.operand(1));
  checkMatrix(t, i, sources.size());
  t.toScratch(0, t.address(t.operand(0)));
  for (size_t k = 0; k < sources.size(); ++k)
    t.toScratch(256 + 128 * unsigned(k), t.read(sources[k], 32));
  t.callWarp("emu_storeMatrix", t.none(),
             {t.lanes(), t.scalar(matricesOf(i)), t.scalar(i.has("trans")), t.scratch(0), t.scratch(256), t.line()});
}

void emitMoveMatrix(Translator &t, const Instruction &i) {
  t.toScratch(0, t.read(t.operand(1), 32));
  t.callWarp("emu_moveMatrix", t.none(), {t.lanes(), t.scratch(0), t.scratch(128), t.line()});
  t.write(t.operand(0), t.fromScratch(128, 32));
}

/// Shape and types of an mma, as modifiers name them: .m16n8k16.row.col.D.A.B.C.
struct Product {
  unsigned m = 0, n = 0, k = 0;
  std::string_view d, a, b, c;
};

Product productOf(Translator &t, const Instruction &i) {
  Product product;
  std::vector<std::string_view> types;
  for (std::string_view modifier : i.modifiers) {
    char text[24] = {};
    modifier.copy(text, sizeof(text) - 1);
    if (!product.m && std::sscanf(text, "m%un%uk%u", &product.m, &product.n, &product.k) == 3)
      continue;
    static constexpr std::string_view known[] = {"f32",  "f16", "bf16", "tf32", "e4m3",
                                                 "e5m2", "s8",  "u8",   "s32",  "f64"};
    for (std::string_view type : known)
      if (modifier == type)
        types.push_back(modifier);
  }
  // No shape is larger, and products of what is within these bounds do not overflow.
  if (!product.m || product.m > 64 || product.n > 256 || product.k > 256 || types.size() < 2)
    t.unsupported();
  product.d = types[0];
  // m16n8k8 of tf32 and its like; older text leaves out the types of A and B where all are f16 or f64.
  product.a = types.size() >= 3 ? types[1] : std::string_view("f16");
  product.b = types.size() >= 3 ? types[2] : product.a;
  product.c = types.back();
  return product;
}

MatrixType matrixType(Translator &t, std::string_view name) {
  static constexpr std::pair<std::string_view, MatrixType> types[] = {
      {"f16", MatrixType::Half},  {"bf16", MatrixType::Bfloat}, {"tf32", MatrixType::Tf32}, {"e4m3", MatrixType::E4M3},
      {"e5m2", MatrixType::E5M2}, {"s8", MatrixType::S8},       {"u8", MatrixType::U8}};
  for (auto [known, type] : types)
    if (known == name)
      return type;
  t.unsupported("matrices of '" + std::string(name) + "'");
}

unsigned bytesOf(MatrixType type) {
  return type == MatrixType::Tf32 ? 4 : type == MatrixType::Half || type == MatrixType::Bfloat ? 2 : 1;
}

void emitMma(Translator &t, const Instruction &i) {
  Product product = productOf(t, i);
  MatrixType a = matrixType(t, product.a), b = matrixType(t, product.b);
  unsigned each = bytesOf(a);
  if (product.m != 16 || product.n != 8 || bytesOf(b) != each || !i.has("row") || !i.has("col"))
    t.unsupported();
  // A has 16 k elements in 32 lanes' registers of 4 bytes.
  unsigned aRegisters = 16 * product.k * each / 128, bRegisters = 8 * product.k * each / 128;
  bool halfSum = product.d == "f16";
  unsigned sumRegisters = halfSum ? 2 : 4;
  std::vector<Operand> d = t.elements(t.operand(0)), as = t.elements(t.operand(1)), bs = t.elements(t.operand(2)),
                       c = t.elements(t.operand(3));
  if (as.size() != aRegisters || bs.size() != bRegisters || c.size() != sumRegisters || d.size() != sumRegisters ||
      product.c != product.d || product.k > 64)
    t.unsupported("this shape");
  for (size_t k = 0; k < as.size(); ++k)
    t.toScratch(128 * unsigned(k), t.read(as[k], 32));
  for (size_t k = 0; k < bs.size(); ++k)
    t.toScratch(512 + 128 * unsigned(k), t.read(bs[k], 32));
  for (size_t k = 0; k < c.size(); ++k)
    t.toScratch(1024 + 128 * unsigned(k), t.read(c[k], 32));
  uint32_t sum = halfSum ? 1 : product.d == "s32" ? 2 : 0;
  t.callWarp("emu_mma", t.none(),
             {t.lanes(), t.scalar(uint32_t(a)), t.scalar(uint32_t(b)), t.scalar(product.k), t.scalar(sum), t.scratch(0),
              t.scratch(512), t.scratch(1024), t.scratch(1536), t.line()});
  for (size_t k = 0; k < d.size(); ++k)
    t.write(d[k], t.fromScratch(1536 + 128 * unsigned(k), 32));
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// The accumulators stay in the register file, where the helper takes them when the product completes.
void emitWgmma(Translator &t, const Instruction &i) {
  Product product = productOf(t, i);
  MatrixType a = matrixType(t, product.a), b = matrixType(t, product.c);
  if (typesOf(i).size() < 1)
    t.malformed("types");
  unsigned each = bytesOf(a);
  bool halfSum = product.d == "f16";
  std::vector<Operand> d = t.elements(t.operand(0));
  if (product.m != 64 || product.n % 8 || product.n > 256 || product.k * each != 32 || bytesOf(b) != each ||
      d.size() != (halfSum ? product.n / 4 : product.n / 2) || i.has("sp"))
    t.unsupported("this shape");
  if (t.predicate())
    t.unsupported("a predicate");
  std::vector<uint32_t> slots;
  for (const Operand &operand : d) {
    if (operand.kind != Operand::Kind::Register || t.bitsOf(operand) != 32)
      t.malformed("32-bit registers as accumulators");
    t.spill(operand.reg);
    slots.push_back(t.code.registers[operand.reg].slot);
  }
  bool aInRegisters = t.operand(1).kind == Operand::Kind::Vector;
  if (aInRegisters) {
    std::vector<Operand> fragments = t.elements(t.operand(1));
    if (fragments.size() != 4)
      t.malformed("4 registers of A");
    for (unsigned k = 0; k < 4; ++k)
      t.toScratch(128 * k, t.read(fragments[k], 32));
  }
  Value *descriptorA = aInRegisters ? static_cast<Value *>(t.builder.getInt64(0)) : t.readUniform(t.operand(1), 64);
  Value *descriptorB = t.readUniform(t.operand(2), 64);
  auto constantAt = [&](size_t index) -> int64_t {
    if (index >= i.operands.size())
      return 0;
    if (i.operands[index].kind != Operand::Kind::Immediate)
      t.malformed("a constant");
    return int64_t(i.operands[index].bits);
  };
  const Operand &scale = t.operand(3);
  Value *keep = scale.kind == Operand::Kind::Immediate ? static_cast<Value *>(t.scalar(scale.bits != 0))
                                                       : t.builder.CreateZExt(t.readUniform(scale, 1), t.word());
  // Flags: 1 A in registers, 2 A is M-major, 4 B is N-major, 8 sums in half, 16 negate A, 32 negate B.
  uint32_t flags =
      (aInRegisters ? 1 : 0) | (halfSum ? 8 : 0) | (constantAt(4) < 0 ? 16 : 0) | (constantAt(5) < 0 ? 32 : 0);
  if (each == 2) {
    if (aInRegisters)
      flags |= constantAt(6) ? 4 : 0;
    else
      flags |= (constantAt(6) ? 2 : 0) | (constantAt(7) ? 4 : 0);
  }
  bool integer = product.d == "s32";
  if (integer)
    t.unsupported("integer products");
  t.callWarp("emu_wgmma", t.none(),
             {t.lanes(), t.scalar(product.n), t.scalar(product.k), t.scalar(uint32_t(a)), t.scalar(uint32_t(b)),
              t.scalar(flags), t.constantWords(slots), t.scalar(uint32_t(slots.size())), descriptorA, descriptorB,
              t.scratch(0), keep, t.line()});
  // The helper poisons the accumulators, so that what is read before the wait is wrong for all to see.
  for (const Operand &operand : d)
    t.spill(operand.reg);
}

void emitWgmmaFence(Translator &t, const Instruction &) {
  t.callWarp("emu_wgmmaFence", t.none(), {t.lanes(), t.line()});
}

void emitWgmmaCommit(Translator &t, const Instruction &) {
  t.callWarp("emu_wgmmaCommit", t.none(), {t.lanes(), t.line()});
}

void emitWgmmaWait(Translator &t, const Instruction &) {
  if (t.operand(0).kind != Operand::Kind::Immediate)
    t.malformed("a constant");
  t.endBlock();
  Value *done = t.callWarp("emu_wgmmaWait", t.word(), {t.lanes(), t.scalar(uint32_t(t.operand(0).bits)), t.line()});
  t.jumpOrSpin(t.builder.CreateICmpNE(done, t.scalar(0)), t.nextBlock(), t.block());
}

} // namespace

OpRows hybridrt::emulator::tensorOps() {
  constexpr auto tensor = OpClass::Tensor;
  static const OpRow rows[] = {
      {"ldmatrix", OpClass::Memory, 2, 2, OpRow::Result, emitLoadMatrix},
      {"stmatrix", OpClass::Memory, 2, 2, 0, emitStoreMatrix},
      {"movmatrix", OpClass::Exchange, 2, 2, OpRow::Result, emitMoveMatrix},
      {"mma", tensor, 4, 4, OpRow::Result, emitMma},
      {"wgmma.mma_async", tensor, 4, 8, OpRow::Result | OpRow::InMemory, emitWgmma},
      {"wgmma.fence", OpClass::Synchronisation, 0, 0, 0, emitWgmmaFence},
      {"wgmma.commit_group", OpClass::Synchronisation, 0, 0, 0, emitWgmmaCommit},
      {"wgmma.wait_group", OpClass::Synchronisation, 1, 1, OpRow::Ends | OpRow::Starts, emitWgmmaWait},
  };
  return rows;
}
