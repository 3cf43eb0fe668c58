// Loads, stores, atomics, fences and hints.
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/vm/MemoryOps.h"
#include "runtime/emulator/vm/State.h"

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

Space spaceOfModifiers(const Instruction &i) {
  for (std::string_view modifier : i.modifiers) {
    if (modifier == "global" || modifier == "const")
      return Space::Global;
    if (modifier.starts_with("shared"))
      return Space::Shared;
    if (modifier == "local")
      return Space::Local;
    if (modifier.starts_with("param"))
      return Space::Parameter;
  }
  return Space::Generic;
}

/// Parameters of functions and of calls lie in local memory.
Space spaceFor(Translator &t, const Instruction &i, const Operand &memory) {
  Space space = spaceOfModifiers(i);
  if (space == Space::Parameter && !memory.parts.empty() && memory.parts[0].kind == Operand::Kind::Symbol &&
      t.frame().function->locals.count(memory.parts[0].name))
    return Space::Local;
  return space;
}

/// How strong an access is: 0 plain, else volatile, relaxed, acquire or release, which take part in synchronisation.
uint32_t strengthOf(const Instruction &i) {
  uint32_t strength = 0;
  for (std::string_view modifier : i.modifiers)
    strength |= modifier == "volatile" || modifier == "relaxed" || modifier == "mmio" ? strong
                : modifier == "acquire"                                               ? strong | acquires
                : modifier == "release"                                               ? strong | releases
                : modifier == "acq_rel"                                               ? strong | acquires | releases
                                                                                      : 0;
  return strength;
}

unsigned elementBytes(Translator &t, PtxType type) {
  if (type.totalBits() < 8)
    t.malformed("a type of at least 8 bits");
  return type.totalBits() / 8;
}

void writeLoaded(Translator &t, const Operand &target, Value *value, PtxType type) {
  if (target.kind == Operand::Kind::Sink)
    return;
  unsigned bits = t.bitsOf(target);
  if (bits > type.totalBits())
    value = type.isSigned() ? t.builder.CreateSExt(value, t.ints(bits)) : t.builder.CreateZExt(value, t.ints(bits));
  t.write(target, value);
}

/// A kernel's parameter is the same for all lanes.
void loadParameter(Translator &t, const Operand &memory, const std::vector<Operand> &targets, PtxType type) {
  uint64_t offset = 0;
  bool known = false;
  for (const Variable &parameter : t.frame().function->parameters)
    if (parameter.name == memory.parts[0].name) {
      offset = parameter.offset + uint64_t(memory.offset + memory.parts[0].offset);
      known = true;
    }
  unsigned bytes = elementBytes(t, type);
  uint64_t all = t.frame().function->parameterBytes, wanted = bytes * targets.size();
  if (!known || offset > all || wanted > all - offset)
    t.malformed("an address within a parameter");
  Value *base = t.builder.CreateLoad(t.builder.getPtrTy(), t.field(offsetof(Warp, parameters)));
  for (size_t k = 0; k < targets.size(); ++k) {
    Value *pointer = t.builder.CreateConstInBoundsGEP1_64(t.builder.getInt8Ty(), base, offset + k * bytes);
    Value *one = t.builder.CreateAlignedLoad(t.builder.getIntNTy(type.totalBits()), pointer, llvm::Align(1));
    writeLoaded(t, targets[k], t.splat(one), type);
  }
}

/// 128-bit elements pass through helpers as two of 64.
void checkVector(Translator &t, size_t count, unsigned bytes) {
  if (!count || count > 8 || (count & (count - 1)) || count * bytes > 32)
    t.malformed("a vector of 1, 2, 4 or 8 elements of at most 32 bytes together");
}

/// Whether an atom.cas of the kernel is at the same register and offset. A plain load there is the guess before a loop:
/// the comparison judges it, so that it races with nothing.
bool isGuess(Translator &t, const Operand &memory) {
  const Operand &base = memory.parts[0];
  if (base.kind != Operand::Kind::Register)
    return false;
  for (const Instruction &other : t.code.instructions)
    if (other.opcode == "atom" && other.operands.size() > 1 && other.has("cas")) {
      const Operand &place = other.operands[1];
      if (!place.parts.empty() && place.parts[0].reg == base.reg && place.offset == memory.offset)
        return true;
    }
  return false;
}

void emitLoad(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  const Operand &memory = t.operand(1);
  if (memory.kind != Operand::Kind::Memory)
    t.malformed("an address in brackets");
  std::vector<Operand> targets = t.elements(t.operand(0));
  unsigned bytes = elementBytes(t, type);
  checkVector(t, targets.size(), bytes);
  Space space = spaceFor(t, i, memory);
  if (space == Space::Parameter && memory.parts[0].kind == Operand::Kind::Symbol)
    return loadParameter(t, memory, targets, type);
  bool wide = bytes == 16;
  size_t count = targets.size() * (wide ? 2 : 1);
  bytes = wide ? 8 : bytes;
  uint32_t strength = strengthOf(i) | (isGuess(t, memory) ? strong : 0);
  t.toScratch(0, t.address(memory));
  t.callWarp("emu_load", t.none(),
             {t.lanes(), t.scalar(uint32_t(space)), t.scalar(bytes), t.scalar(uint32_t(count)), t.scalar(strength),
              t.scratch(0), t.scratch(256), t.line()});
  auto part = [&](size_t index) { return t.fromScratch(256 + unsigned(index) * 32 * bytes, 8 * bytes); };
  for (size_t k = 0; k < targets.size(); ++k) {
    if (!wide) {
      writeLoaded(t, targets[k], part(k), type);
      continue;
    }
    Value *low = t.builder.CreateZExt(part(2 * k), t.ints(128)),
          *high = t.builder.CreateZExt(part(2 * k + 1), t.ints(128));
    writeLoaded(t, targets[k], t.builder.CreateOr(low, t.builder.CreateShl(high, t.constant(128, 64))), type);
  }
}

/// A load that may be polled: the warp lets others run after it.
void emitPolledLoad(Translator &t, const Instruction &i) {
  emitLoad(t, i);
  t.endBlock();
  t.yieldTo(t.nextBlock());
}

void emitStore(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  const Operand &memory = t.operand(0);
  std::vector<Operand> sources = t.elements(t.operand(1));
  unsigned bytes = elementBytes(t, type);
  checkVector(t, sources.size(), bytes);
  bool wide = bytes == 16;
  size_t count = sources.size() * (wide ? 2 : 1);
  unsigned each = wide ? 8 : bytes;
  t.toScratch(0, t.address(memory));
  for (size_t k = 0; k < sources.size(); ++k) {
    Value *value = t.read(sources[k], type.totalBits());
    for (unsigned half = 0; half < (wide ? 2u : 1u); ++half) {
      Value *part =
          wide ? t.builder.CreateTrunc(t.builder.CreateLShr(value, t.constant(128, 64 * half)), t.ints(64)) : value;
      t.toScratch(256 + unsigned(k * (wide ? 2 : 1) + half) * 32 * each, part);
    }
  }
  t.callWarp("emu_store", t.none(),
             {t.lanes(), t.scalar(uint32_t(spaceFor(t, i, memory))), t.scalar(each), t.scalar(uint32_t(count)),
              t.scalar(strengthOf(i)), t.scratch(0), t.scratch(256), t.line()});
}

AtomicOp atomicOp(Translator &t, const Instruction &i, PtxType type) {
  struct Name {
    std::string_view name;
    AtomicOp op;
  };
  static const Name names[] = {
      {"add", AtomicOp::Add},       {"exch", AtomicOp::Exchange}, {"cas", AtomicOp::CompareAndSwap},
      {"and", AtomicOp::And},       {"or", AtomicOp::Or},         {"xor", AtomicOp::Xor},
      {"inc", AtomicOp::Increment}, {"dec", AtomicOp::Decrement}, {"min", AtomicOp::Minimum},
      {"max", AtomicOp::Maximum}};
  for (std::string_view modifier : i.modifiers)
    for (const Name &name : names)
      if (name.name == modifier)
        return name.op;
  t.unsupported();
}

AtomicType atomicType(PtxType type) {
  if (type.kind == PtxType::Kind::Bfloat)
    return AtomicType::Bfloat;
  if (type.kind == PtxType::Kind::Float)
    return type.bits == 16 ? AtomicType::Half : AtomicType::Float;
  return type.isSigned() ? AtomicType::Signed : AtomicType::Unsigned;
}

/// atom and red; vectors of elements are as many atomics.
void emitAtomic(Translator &t, const Instruction &i) {
  PtxType type = typeOf(i);
  bool returns = i.opcode == "atom";
  size_t first = returns ? 1 : 0;
  AtomicOp op = atomicOp(t, i, type);
  const Operand &memory = t.operand(first);
  std::vector<Operand> sources = t.elements(t.operand(first + 1));
  std::vector<Operand> targets = returns ? t.elements(t.operand(0)) : std::vector<Operand>(sources.size());
  unsigned bits = type.totalBits();
  if (bits > 64 || bits < 16 || targets.size() != sources.size())
    t.unsupported("operands of this width");
  Value *base = t.address(memory);
  std::vector<Value *> results;
  for (size_t k = 0; k < sources.size(); ++k) {
    t.toScratch(0, t.builder.CreateAdd(base, t.constant(64, k * bits / 8)));
    t.toScratch(256, t.builder.CreateZExt(t.read(sources[k], bits), t.ints(64)));
    if (op == AtomicOp::CompareAndSwap)
      t.toScratch(512, t.builder.CreateZExt(t.read(t.operand(first + 2), bits), t.ints(64)));
    uint32_t strength = strengthOf(i) | strong;
    t.callWarp("emu_atomic", t.none(),
               {t.lanes(), t.scalar(uint32_t(spaceFor(t, i, memory))), t.scalar(uint32_t(op)),
                t.scalar(uint32_t(atomicType(type))), t.scalar(bits / 8), t.scalar(type.bits / 8), t.scalar(strength),
                t.scratch(0), t.scratch(256), t.scratch(512), t.scratch(768), t.line()});
    results.push_back(t.builder.CreateTrunc(t.fromScratch(768, 64), t.ints(bits)));
  }
  for (size_t k = 0; returns && k < targets.size(); ++k)
    t.write(targets[k], results[k]);
}

void emitFence(Translator &t, const Instruction &i) {
  bool proxy = i.has("proxy") || i.has("async"), init = false;
  for (std::string_view modifier : i.modifiers)
    init |= modifier == "mbarrier_init";
  t.callWarp("emu_fence", t.none(), {t.lanes(), t.scalar(proxy ? 1 : init ? 2 : 0)});
}

void emitHint(Translator &, const Instruction &) {}

/// createpolicy gives an opaque value.
void emitPolicy(Translator &t, const Instruction &) { t.write(t.operand(0), t.constant(64, 0)); }

} // namespace

OpRows hybridrt::emulator::memoryOps() {
  constexpr auto memory = OpClass::Memory;
  constexpr uint8_t polled = OpRow::Result | OpRow::Ends;
  static const OpRow rows[] = {
      {"ld", memory, 2, 3, OpRow::Result, emitLoad},
      {"ldu", memory, 2, 2, OpRow::Result, emitLoad},
      {"ld.volatile", memory, 2, 3, polled, emitPolledLoad},
      {"ld.acquire", memory, 2, 3, polled, emitPolledLoad},
      {"ld.relaxed", memory, 2, 3, polled, emitPolledLoad},
      {"st", memory, 2, 3, 0, emitStore},
      {"atom", memory, 3, 5, OpRow::Result, emitAtomic},
      {"red", memory, 2, 3, 0, emitAtomic},
      {"fence", OpClass::Synchronisation, 0, 2, 0, emitFence},
      {"membar", OpClass::Synchronisation, 0, 0, 0, emitFence},
      {"prefetch", memory, 1, 1, 0, emitHint},
      {"prefetchu", memory, 1, 1, 0, emitHint},
      {"discard", memory, 2, 2, 0, emitHint},
      {"applypriority", memory, 2, 2, 0, emitHint},
      {"createpolicy", OpClass::Move, 2, 5, OpRow::Result, emitPolicy},
  };
  return rows;
}
