#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/vm/State.h"
#include <cstring>
#include <llvm/IR/Module.h>

using namespace hybridrt;
using namespace hybridrt::emulator;
using llvm::Align;
using llvm::BasicBlock;
using llvm::Value;

Translator::Translator(const Code &code, llvm::Module &module)
    : builder(module.getContext()), code(code), module(module) {}

//===----------------------------------------------------------------------===//
// Types, constants and errors
//===----------------------------------------------------------------------===//

llvm::Type *Translator::floats(PtxType type) {
  llvm::Type *element = type.kind == PtxType::Kind::Bfloat ? builder.getBFloatTy()
                        : type.bits == 16                  ? builder.getHalfTy()
                        : type.bits == 32                  ? builder.getFloatTy()
                                                           : builder.getDoubleTy();
  return llvm::FixedVectorType::get(element, 32);
}

Value *Translator::constant(unsigned bits, uint64_t value) {
  return llvm::ConstantInt::get(ints(bits), llvm::APInt(bits, value, false, /*implicitTrunc=*/true));
}

void Translator::unsupported(const std::string &why) {
  const Instruction &instruction = code.instructions[current];
  fail(code.ptx->name, ":", instruction.place.line, ":", instruction.place.column,
       ": not supported: ", instruction.name(), " at line ", instruction.place.line, why.empty() ? "" : ": ", why);
}

void Translator::malformed(const std::string &expected) {
  const Instruction &instruction = code.instructions[current];
  fail(code.ptx->name, ":", instruction.place.line, ":", instruction.place.column, ": '", instruction.name(),
       "': expected ", expected);
}

const Operand &Translator::operand(size_t index) {
  const Instruction &instruction = code.instructions[current];
  if (index >= instruction.operands.size())
    malformed(concat("at least ", index + 1, " operands, got ", instruction.operands.size()));
  return instruction.operands[index];
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

Value *Translator::field(size_t offset) {
  return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), warp, offset);
}

Value *Translator::slotPointer(int reg) {
  return builder.CreateConstInBoundsGEP1_32(builder.getInt8Ty(), registers, code.registers[reg].slot);
}

Value *Translator::load(int reg) {
  unsigned bits = code.registers[reg].bits;
  if (!code.registers[reg].inMemory) // never written before: any value will do
    return llvm::Constant::getNullValue(ints(bits));
  if (bits == 1)
    return fromMask(builder.CreateAlignedLoad(word(), slotPointer(reg), Align(4)));
  return builder.CreateAlignedLoad(ints(bits), slotPointer(reg), Align(64));
}

Value *Translator::value(int reg) {
  auto [known, isNew] = values.try_emplace(reg, nullptr);
  if (isNew)
    known->second = load(reg);
  return known->second;
}

void Translator::spill(int reg) {
  if (dirty.erase(reg)) {
    if (code.registers[reg].bits == 1)
      builder.CreateAlignedStore(toMask(values[reg]), slotPointer(reg), Align(4));
    else
      builder.CreateAlignedStore(values[reg], slotPointer(reg), Align(64));
  }
  values.erase(reg);
}

void Translator::endBlock() {
  std::set<int> written = dirty;
  for (int reg : written)
    if (code.registers[reg].inMemory) {
      Value *kept = values[reg];
      spill(reg);
      values[reg] = kept;
    }
  dirty.clear();
}

unsigned Translator::bitsOf(const Operand &operand) {
  if (operand.kind != Operand::Kind::Register)
    malformed("a register");
  return code.registers[operand.reg].bits;
}

void Translator::write(const Operand &operand, Value *value) {
  if (operand.kind == Operand::Kind::Sink)
    return;
  unsigned bits = bitsOf(operand);
  unsigned from = value->getType()->getScalarSizeInBits();
  if (value->getType() != ints(from))
    value = builder.CreateBitCast(value, ints(from));
  if ((bits == 1) != (from == 1))
    malformed(bits == 1 ? "a register that is no predicate" : "a predicate register");
  if (from != bits)
    value = builder.CreateZExtOrTrunc(value, ints(bits));
  if (condition)
    value = builder.CreateSelect(condition, value, this->value(operand.reg));
  values[operand.reg] = value;
  dirty.insert(operand.reg);
}

Value *Translator::carry() {
  if (!carried)
    unsupported("a carry that no instruction before it in its block leaves");
  return carried;
}

void Translator::setCarry(Value *value) {
  Value *before = carried ? carried : constant(1, 0);
  carried = condition ? builder.CreateSelect(condition, value, before) : value;
}

std::vector<Operand> Translator::elements(const Operand &operand) {
  return operand.kind == Operand::Kind::Vector ? operand.parts : std::vector<Operand>{operand};
}

Value *Translator::read(const Operand &operand, unsigned bits) {
  switch (operand.kind) {
  case Operand::Kind::Register: {
    Value *result = value(operand.reg);
    unsigned from = code.registers[operand.reg].bits;
    if ((from == 1) != (bits == 1))
      malformed(bits == 1 ? "a predicate" : "a register that is no predicate");
    if (operand.negated)
      result = builder.CreateNot(result);
    return from == bits ? result : builder.CreateZExtOrTrunc(result, ints(bits));
  }
  case Operand::Kind::Immediate: {
    uint64_t value = operand.bits;
    if (operand.isDouble && bits == 32) { // a decimal where an f32 is wanted
      double wide;
      std::memcpy(&wide, &value, sizeof(wide));
      auto narrow = float(wide);
      uint32_t narrowBits;
      std::memcpy(&narrowBits, &narrow, sizeof(narrow));
      value = narrowBits;
    }
    if (operand.negated)
      value = !value;
    return constant(bits, value);
  }
  case Operand::Kind::Symbol:
    return symbol(operand, bits);
  case Operand::Kind::Vector: {
    size_t count = operand.parts.size();
    if (!count || bits % count || bits / count < 8)
      malformed(concat("a vector that fills ", bits, " bits"));
    unsigned each = bits / unsigned(count);
    Value *result = constant(bits, 0);
    for (size_t i = 0; i < count; ++i)
      result = builder.CreateOr(result, builder.CreateShl(builder.CreateZExt(read(operand.parts[i], each), ints(bits)),
                                                          constant(bits, i * each)));
    return result;
  }
  default:
    malformed("a register or an immediate");
  }
}

Value *Translator::readFloat(const Operand &operand, PtxType type) {
  return builder.CreateBitCast(read(operand, type.bits), floats(type));
}

Value *Translator::readUniform(const Operand &operand, unsigned bits) {
  Value *all = read(operand, bits);
  Value *first = builder.CreateExtractElement(all, uint64_t(0));
  if (!llvm::isa<llvm::Constant>(all))
    callWarp("emu_uniform", none(), {toMask(builder.CreateICmpNE(all, splat(first))), line()});
  return first;
}

/// The address of a variable in its own space, or the value of a special register.
Value *Translator::symbol(const Operand &operand, unsigned bits) {
  if (operand.name == "WARP_SZ")
    return constant(bits, 32);
  if (operand.name.starts_with('%')) {
    Value *special = specialRegister(operand.name);
    if (special->getType() != ints(bits))
      special = builder.CreateZExtOrTrunc(special, ints(bits));
    return special;
  }
  const Frame &frame = this->frame();
  auto fixed = [&](uint64_t address) { return constant(bits, address + uint64_t(operand.offset)); };
  if (auto local = frame.function->locals.find(operand.name); local != frame.function->locals.end())
    return fixed(frame.localBase + local->second.offset);
  if (auto shared = frame.function->shared.find(operand.name); shared != frame.function->shared.end())
    return fixed(sharedBase + code.shared.offsets.at(&shared->second));
  for (const Variable &parameter : frame.function->parameters)
    if (parameter.name == operand.name)
      return fixed(parameter.offset);
  if (auto shared = code.ptx->shared.find(operand.name); shared != code.ptx->shared.end())
    return fixed(sharedBase + code.shared.offsets.at(&shared->second));
  for (std::string_view name : code.ptx->dynamicShared)
    if (name == operand.name)
      return fixed(dynamicSharedBase(code.shared.bytes));
  for (size_t i = 0; i < code.ptx->globals.size(); ++i)
    if (code.ptx->globals[i].variable.name == operand.name) {
      Value *table = builder.CreateLoad(builder.getPtrTy(), field(offsetof(Warp, globals)));
      Value *base =
          builder.CreateLoad(builder.getInt64Ty(), builder.CreateConstInBoundsGEP1_64(builder.getInt64Ty(), table, i));
      Value *address = builder.CreateAdd(base, builder.getInt64(uint64_t(operand.offset)));
      return splat(builder.CreateZExtOrTrunc(address, builder.getIntNTy(bits)));
    }
  malformed("a variable or a register, got '" + std::string(operand.name) + "'");
}

Value *Translator::specialRegister(std::string_view name) {
  auto uniform = [&](Uniform which) { return splat(loadWord(offsetof(Warp, uniform) + 4 * size_t(which))); };
  static const std::map<std::string_view, Uniform> uniforms = {{"%ntid", Uniform::NtidX},
                                                               {"%ctaid", Uniform::CtaidX},
                                                               {"%nctaid", Uniform::NctaidX},
                                                               {"%clusterid", Uniform::ClusteridX},
                                                               {"%nclusterid", Uniform::NclusteridX},
                                                               {"%cluster_ctaid", Uniform::ClusterCtaidX},
                                                               {"%cluster_nctaid", Uniform::ClusterNctaidX},
                                                               {"%warpid", Uniform::WarpId},
                                                               {"%nwarpid", Uniform::NwarpId},
                                                               {"%cluster_ctarank", Uniform::ClusterCtarank},
                                                               {"%cluster_nctarank", Uniform::ClusterNctarank},
                                                               {"%is_explicit_cluster", Uniform::IsExplicitCluster},
                                                               {"%smid", Uniform::SmId},
                                                               {"%nsmid", Uniform::NsmId},
                                                               {"%gridid", Uniform::GridId},
                                                               {"%dynamic_smem_size", Uniform::DynamicShared},
                                                               {"%total_smem_size", Uniform::TotalShared}};
  std::string_view base = name.substr(0, name.find('.'));
  unsigned axis = 0;
  if (base.size() < name.size()) {
    std::string_view suffix = name.substr(base.size() + 1);
    if (suffix.size() != 1 || suffix[0] < 'x' || suffix[0] > 'z')
      malformed("a component x, y or z, got '" + std::string(name) + "'");
    axis = unsigned(suffix[0] - 'x');
  }
  if (base == "%tid")
    return builder.CreateAlignedLoad(ints(32), field(offsetof(Warp, thread) + 128 * axis), Align(64));
  if (auto found = uniforms.find(base); found != uniforms.end()) {
    bool hasAxes = found->second <= Uniform::NctaidZ ||
                   (found->second >= Uniform::ClusteridX && found->second <= Uniform::ClusterNctaidZ);
    Value *result = uniform(Uniform(uint32_t(found->second) + (hasAxes ? axis : 0)));
    if (base == "%is_explicit_cluster")
      return builder.CreateICmpNE(result, constant(32, 0));
    return result;
  }
  if (base == "%laneid" || base.starts_with("%lanemask_")) {
    std::vector<llvm::Constant *> lanes;
    for (uint32_t i = 0; i < 32; ++i) {
      uint32_t one = 1u << i, below = one - 1;
      uint32_t value = base == "%laneid"        ? i
                       : base == "%lanemask_eq" ? one
                       : base == "%lanemask_lt" ? below
                       : base == "%lanemask_le" ? below | one
                       : base == "%lanemask_gt" ? ~(below | one)
                                                : ~below;
      lanes.push_back(builder.getInt32(value));
    }
    return llvm::ConstantVector::get(lanes);
  }
  if (base.starts_with("%clock") || base.starts_with("%globaltimer"))
    return splat(callWarp("emu_clock", builder.getInt64Ty(), {}));
  if (base.starts_with("%envreg") || base.starts_with("%reserved"))
    return constant(32, 0);
  unsupported("special register '" + std::string(name) + "'");
}

Value *Translator::address(const Operand &operand) {
  if (operand.kind != Operand::Kind::Memory || operand.parts.empty())
    malformed("an address in brackets");
  const Operand &base = operand.parts[0];
  Value *result = base.kind == Operand::Kind::Register ? read(base, std::max(bitsOf(base), 32u)) : read(base, 64);
  result = builder.CreateZExtOrTrunc(result, ints(64));
  return operand.offset ? builder.CreateAdd(result, constant(64, uint64_t(operand.offset))) : result;
}

Value *Translator::lanes() { return condition ? builder.CreateAnd(mask, toMask(condition)) : mask; }
Value *Translator::line() { return scalar(code.instructions[current].place.line); }

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

Value *Translator::call(const char *helper, llvm::Type *result, llvm::ArrayRef<Value *> arguments) {
  std::vector<llvm::Type *> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType());
  auto callee = module.getOrInsertFunction(helper, llvm::FunctionType::get(result, types, false));
  return builder.CreateCall(callee, arguments);
}

Value *Translator::callWarp(const char *helper, llvm::Type *result, llvm::ArrayRef<Value *> arguments) {
  std::vector<Value *> all{warp};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return call(helper, result, all);
}

Value *Translator::scratch(unsigned offset) {
  return builder.CreateConstInBoundsGEP1_32(builder.getInt8Ty(), scratchBase, offset);
}

Value *Translator::toScratch(unsigned offset, Value *value) {
  Value *pointer = scratch(offset);
  builder.CreateAlignedStore(value, pointer, Align(64));
  return pointer;
}

Value *Translator::fromScratch(unsigned offset, unsigned bits) {
  return builder.CreateAlignedLoad(ints(bits), scratch(offset), Align(64));
}

Value *Translator::constantWords(llvm::ArrayRef<uint32_t> words) {
  auto *data = llvm::ConstantDataArray::get(module.getContext(), words);
  return new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

Value *Translator::intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<Value *> operands) {
  return builder.CreateIntrinsic(id, {operands[0]->getType()}, operands);
}

/// To f32. Of bfloat16 by hand: LLVM would call a library that translated code is not linked with.
Value *Translator::widen(Value *value) {
  llvm::Type *element = value->getType()->getScalarType();
  PtxType single{PtxType::Kind::Float, 32, 1};
  if (element->isHalfTy())
    return builder.CreateFPExt(value, floats(single));
  if (!element->isBFloatTy())
    return value;
  Value *bits = builder.CreateZExt(builder.CreateBitCast(value, ints(16)), ints(32));
  return builder.CreateBitCast(builder.CreateShl(bits, constant(32, 16)), floats(single));
}

/// From f32 or f64, to nearest even.
Value *Translator::narrow(Value *value, PtxType type) {
  PtxType single{PtxType::Kind::Float, 32, 1};
  if (value->getType()->getScalarType()->isDoubleTy() && type.bits < 64)
    value = builder.CreateFPTrunc(value, floats(single));
  if (type.bits >= 32)
    return value;
  if (type.kind != PtxType::Kind::Bfloat) { // devices have one NaN
    Value *half = builder.CreateFPTrunc(value, floats(type));
    return builder.CreateSelect(builder.CreateFCmpUNO(value, value),
                                builder.CreateBitCast(constant(16, 0x7fff), floats(type)), half);
  }
  Value *bits = builder.CreateBitCast(value, ints(32));
  Value *odd = builder.CreateAnd(builder.CreateLShr(bits, constant(32, 16)), constant(32, 1));
  Value *rounded =
      builder.CreateLShr(builder.CreateAdd(builder.CreateAdd(bits, constant(32, 0x7fff)), odd), constant(32, 16));
  rounded = builder.CreateSelect(builder.CreateFCmpUNO(value, value), constant(32, 0x7fff), rounded);
  return builder.CreateBitCast(builder.CreateTrunc(rounded, ints(16)), floats(type));
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

BasicBlock *Translator::newBlock(const char *name) { return BasicBlock::Create(module.getContext(), name, function); }

void Translator::dispatchTo(Value *next) {
  dispatched->addIncoming(next, builder.GetInsertBlock());
  builder.CreateBr(dispatcher);
}

BasicBlock *Translator::edgeTo(unsigned block) {
  if (block > currentBlock)
    return entries[block];
  llvm::IRBuilder<>::InsertPointGuard guard(builder);
  BasicBlock *check = newBlock("back"), *exhausted = newBlock("exhausted");
  builder.SetInsertPoint(check);
  Value *turn = builder.CreateAnd(passes, builder.getInt64(passesPerTurn - 1));
  builder.CreateCondBr(builder.CreateICmpNE(turn, builder.getInt64(0)), entries[block], exhausted);
  builder.SetInsertPoint(exhausted);
  yieldTo(block);
  return check;
}

void Translator::jump(unsigned block) {
  BasicBlock *slow = newBlock("diverged");
  Value *converged = builder.CreateICmpEQ(loadWord(offsetof(Warp, diverged)), scalar(0));
  builder.CreateCondBr(converged, edgeTo(block), slow);
  builder.SetInsertPoint(slow);
  dispatchTo(callWarp("emu_jump", word(), {scalar(block)}));
}

void Translator::branch(Value *taken, unsigned target, unsigned other) {
  BasicBlock *together = newBlock("together"), *none = newBlock("none"), *slow = newBlock("split");
  Value *converged = builder.CreateICmpEQ(loadWord(offsetof(Warp, diverged)), scalar(0));
  builder.CreateCondBr(converged, together, slow);
  builder.SetInsertPoint(together);
  builder.CreateCondBr(builder.CreateICmpEQ(taken, mask), edgeTo(target), none);
  builder.SetInsertPoint(none);
  builder.CreateCondBr(builder.CreateICmpEQ(taken, scalar(0)), edgeTo(other), slow);
  builder.SetInsertPoint(slow);
  dispatchTo(callWarp("emu_branch", word(), {taken, scalar(target), scalar(other)}));
}

void Translator::yieldTo(unsigned block) { builder.CreateRet(callWarp("emu_yield", word(), {scalar(block)})); }

void Translator::jumpOrSpin(Value *ready, unsigned block, unsigned retry) {
  BasicBlock *go = newBlock("go"), *spin = newBlock("spin");
  builder.CreateCondBr(ready, go, spin);
  builder.SetInsertPoint(spin);
  yieldTo(retry);
  builder.SetInsertPoint(go);
  jump(block);
}

void Translator::translateBlock(unsigned index) {
  const CodeBlock &block = code.blocks[index];
  builder.SetInsertPoint(entries[index]);
  values.clear();
  dirty.clear();
  carried = nullptr;
  currentBlock = index;
  mask = loadWord(offsetof(Warp, mask));
  Value *warps = builder.CreateConstInBoundsGEP1_64(builder.getInt64Ty(), counts, 2 * index);
  Value *threads = builder.CreateConstInBoundsGEP1_64(builder.getInt64Ty(), counts, 2 * index + 1);
  auto add = [&](Value *pointer, Value *amount) {
    Value *sum = builder.CreateAdd(builder.CreateLoad(builder.getInt64Ty(), pointer), amount);
    builder.CreateStore(sum, pointer);
    return sum;
  };
  passes = add(warps, builder.getInt64(1));
  add(threads,
      builder.CreateZExt(builder.CreateIntrinsic(llvm::Intrinsic::ctpop, {word()}, {mask}), builder.getInt64Ty()));
  bool ended = false;
  for (current = block.begin; current < block.end; ++current) {
    const Instruction &instruction = code.instructions[current];
    const OpRow *row = code.rows[current];
    if (!row)
      unsupported();
    size_t operands = instruction.operands.size();
    if (operands < row->least || operands > row->most)
      malformed(concat(unsigned(row->least), row->least == row->most ? "" : concat(" to ", unsigned(row->most)),
                       " operands, got ", operands));
    condition = nullptr;
    if (instruction.predicate >= 0) {
      condition = value(instruction.predicate);
      if (instruction.predicateNegated)
        condition = builder.CreateNot(condition);
    }
    row->emit(*this, instruction);
    ended = row->has(OpRow::Ends);
  }
  --current;
  if (ended)
    return;
  endBlock();
  jump(index + 1);
}

void Translator::run() {
  auto *pointer = builder.getPtrTy();
  function = llvm::Function::Create(llvm::FunctionType::get(word(), {pointer, word()}, false),
                                    llvm::GlobalValue::ExternalLinkage, "kernel", module);
  warp = function->getArg(0);
  BasicBlock *entry = newBlock("entry");
  dispatcher = newBlock("dispatch");
  for (size_t i = 0; i < code.blocks.size(); ++i)
    entries.push_back(newBlock("b"));
  builder.SetInsertPoint(entry);
  auto *room = builder.CreateAlloca(llvm::ArrayType::get(builder.getInt8Ty(), scratchBytes));
  room->setAlignment(Align(64));
  scratchBase = room;
  registers = builder.CreateLoad(pointer, field(offsetof(Warp, registers)));
  counts = builder.CreateLoad(pointer, field(offsetof(Warp, blockCounts)));
  builder.CreateBr(dispatcher);
  builder.SetInsertPoint(dispatcher);
  dispatched = builder.CreatePHI(word(), 8);
  dispatched->addIncoming(function->getArg(1), entry);
  BasicBlock *stop = newBlock("stop");
  auto *choose = builder.CreateSwitch(dispatched, stop, unsigned(entries.size()));
  for (size_t i = 0; i < entries.size(); ++i)
    choose->addCase(builder.getInt32(uint32_t(i)), entries[i]);
  builder.SetInsertPoint(stop);
  builder.CreateRet(dispatched);
  for (size_t i = 0; i < entries.size(); ++i)
    translateBlock(unsigned(i));
}
