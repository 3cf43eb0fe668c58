// wmma: fragments whose layout is the device's own affair. Here element e of a matrix, counted by rows, lies in slot
// e % slots of lane e / slots; where lanes have more room than the matrix has elements, they hold it several times
// over.
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/vm/MemoryOps.h"
#include <cstdio>

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

struct Shape {
  unsigned m = 0, n = 0, k = 0;
};

Shape shapeOf(Translator &t, const Instruction &i) {
  Shape shape;
  for (std::string_view modifier : i.modifiers) {
    char text[24] = {};
    modifier.copy(text, sizeof(text) - 1);
    if (std::sscanf(text, "m%un%uk%u", &shape.m, &shape.n, &shape.k) == 3)
      break;
  }
  if (shape.k != 16 || shape.m > 32 || shape.m * shape.n != 256)
    t.unsupported("this shape");
  return shape;
}

/// The fragment that a load or store moves.
struct Fragment {
  unsigned rows = 0, columns = 0;
  PtxType type;
  bool byColumns = false; ///< in memory
  std::vector<Operand> registers;
  Value *base = nullptr, *stride = nullptr; ///< bytes, elements

  unsigned perRegister() const { return 32 / type.bits; }
  unsigned slots() const { return unsigned(registers.size()) * perRegister(); }
};

Fragment fragmentOf(Translator &t, const Instruction &i, const Operand &registers, const Operand &memory,
                    size_t strideAt) {
  Shape shape = shapeOf(t, i);
  Fragment fragment;
  bool isA = i.has("a"), isB = i.has("b");
  fragment.rows = isB ? shape.k : shape.m;
  fragment.columns = isA ? shape.k : shape.n;
  fragment.type = typeOf(i);
  fragment.byColumns = i.has("col");
  fragment.registers = t.elements(registers);
  if ((fragment.type.bits != 16 && fragment.type.bits != 32) || !fragment.type.isFloat() || fragment.slots() % 4 ||
      fragment.slots() * 32 < fragment.rows * fragment.columns)
    t.unsupported("this fragment");
  fragment.base = t.address(memory);
  fragment.stride = i.operands.size() > strideAt
                        ? t.builder.CreateZExt(t.read(t.operand(strideAt), 32), t.ints(64))
                        : t.constant(64, fragment.byColumns ? fragment.rows : fragment.columns);
  return fragment;
}

Space spaceOf(const Instruction &i) {
  for (std::string_view modifier : i.modifiers)
    if (modifier == "global")
      return Space::Global;
    else if (modifier.starts_with("shared"))
      return Space::Shared;
  return Space::Generic;
}

/// The addresses of one slot of all lanes.
Value *slotAddress(Translator &t, const Fragment &fragment, unsigned slot) {
  std::vector<llvm::Constant *> outer, inner;
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned element = (lane * fragment.slots() + slot) % (fragment.rows * fragment.columns);
    unsigned row = element / fragment.columns, column = element % fragment.columns;
    outer.push_back(t.builder.getInt64(fragment.byColumns ? column : row));
    inner.push_back(t.builder.getInt64(fragment.byColumns ? row : column));
  }
  auto &b = t.builder;
  Value *index =
      b.CreateAdd(b.CreateMul(llvm::ConstantVector::get(outer), fragment.stride), llvm::ConstantVector::get(inner));
  return b.CreateAdd(fragment.base, b.CreateMul(index, t.constant(64, fragment.type.bits / 8)));
}

void emitLoad(Translator &t, const Instruction &i) {
  Fragment fragment = fragmentOf(t, i, t.operand(0), t.operand(1), 2);
  unsigned bits = fragment.type.bits, each = fragment.perRegister();
  for (size_t r = 0; r < fragment.registers.size(); ++r) {
    Value *word = t.constant(32, 0);
    for (unsigned q = 0; q < each; ++q) {
      t.toScratch(0, slotAddress(t, fragment, unsigned(r) * each + q));
      t.callWarp("emu_load", t.none(),
                 {t.lanes(), t.scalar(uint32_t(spaceOf(i))), t.scalar(bits / 8), t.scalar(1), t.scalar(0), t.scratch(0),
                  t.scratch(256), t.line()});
      Value *value = t.builder.CreateZExt(t.fromScratch(256, bits), t.ints(32));
      word = t.builder.CreateOr(word, t.builder.CreateShl(value, t.constant(32, q * bits)));
    }
    t.write(fragment.registers[r], word);
  }
}

void emitStore(Translator &t, const Instruction &i) {
  Fragment fragment = fragmentOf(t, i, t.operand(1), t.operand(0), 2);
  unsigned bits = fragment.type.bits, each = fragment.perRegister();
  for (size_t r = 0; r < fragment.registers.size(); ++r)
    for (unsigned q = 0; q < each; ++q) {
      Value *word = t.read(fragment.registers[r], 32);
      t.toScratch(0, slotAddress(t, fragment, unsigned(r) * each + q));
      t.toScratch(256, t.builder.CreateTrunc(t.builder.CreateLShr(word, t.constant(32, q * bits)), t.ints(bits)));
      t.callWarp("emu_store", t.none(),
                 {t.lanes(), t.scalar(uint32_t(spaceOf(i))), t.scalar(bits / 8), t.scalar(1), t.scalar(0), t.scratch(0),
                  t.scratch(256), t.line()});
    }
}

void emitProduct(Translator &t, const Instruction &i) {
  Shape shape = shapeOf(t, i);
  std::vector<PtxType> types = typesOf(i);
  if (types.size() < 2)
    t.malformed("types");
  bool isBfloat = types.size() == 4 && types[1].kind == PtxType::Kind::Bfloat;
  std::vector<Operand> operands[4];
  constexpr unsigned offsets[4] = {3072, 0, 1024, 2048};
  for (unsigned k = 0; k < 4; ++k) {
    operands[k] = t.elements(t.operand(k));
    if (operands[k].empty() || operands[k].size() > 8)
      t.malformed("fragments of 1 to 8 registers");
  }
  for (unsigned k = 1; k < 4; ++k)
    for (size_t r = 0; r < operands[k].size(); ++r)
      t.toScratch(offsets[k] + 128 * unsigned(r), t.read(operands[k][r], 32));
  uint32_t registers = 0;
  for (unsigned k = 0; k < 4; ++k)
    registers |= uint32_t(operands[k].size()) << 8 * k;
  t.callWarp("emu_wmma", t.none(),
             {t.lanes(), t.scalar(shape.m), t.scalar(shape.n),
              t.scalar(uint32_t(isBfloat ? MatrixType::Bfloat : MatrixType::Half)), t.scalar(registers),
              t.scratch(offsets[1]), t.scratch(offsets[2]), t.scratch(offsets[3]), t.scratch(offsets[0]), t.line()});
  for (size_t r = 0; r < operands[0].size(); ++r)
    t.write(operands[0][r], t.fromScratch(offsets[0] + 128 * unsigned(r), 32));
}

} // namespace

OpRows hybridrt::emulator::wmmaOps() {
  static const OpRow rows[] = {
      {"wmma.load", OpClass::Memory, 2, 3, OpRow::Result, emitLoad},
      {"wmma.store", OpClass::Memory, 2, 3, 0, emitStore},
      {"wmma.mma", OpClass::Tensor, 4, 4, OpRow::Result, emitProduct},
  };
  return rows;
}
