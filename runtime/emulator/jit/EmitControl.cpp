// Branches, calls, and the barriers at which a warp stops.
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/vm/State.h"

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

void emitBranch(Translator &t, const Instruction &i) {
  if (t.operand(0).label < 0)
    t.malformed("a label");
  auto target = unsigned(t.blockOf(t.operand(0).label));
  Value *condition = t.predicate() ? t.lanes() : nullptr;
  t.endBlock();
  if (!condition)
    return t.jump(target);
  t.branch(condition, target, t.nextBlock());
}

/// brx.idx: each lane chooses from a table.
void emitIndexedBranch(Translator &t, const Instruction &i) {
  const auto &tables = t.frame().function->branchTables;
  auto table = tables.find(t.operand(1).name);
  if (table == tables.end())
    t.malformed("the label of a .branchtargets list");
  std::vector<uint32_t> blocks;
  for (int target : table->second)
    blocks.push_back(uint32_t(t.blockOf(target + int(t.frame().firstInstruction))));
  t.toScratch(0, t.read(t.operand(0), 32));
  Value *lanes = t.lanes();
  t.endBlock();
  t.dispatchTo(t.callWarp("emu_branchTable", t.word(),
                          {lanes, t.scratch(0), t.constantWords(blocks), t.scalar(uint32_t(blocks.size())),
                           t.scalar(t.nextBlock()), t.line()}));
}

void emitReturn(Translator &t, const Instruction &i) {
  Value *lanes = t.lanes();
  t.endBlock();
  bool leavesKernel = i.opcode == "exit" || t.frame().function->isEntry;
  t.dispatchTo(t.callWarp(leavesKernel ? "emu_exit" : "emu_return", t.word(), {lanes, t.scalar(t.nextBlock())}));
}

/// Where a variable lies in local memory.
const Variable &localOf(Translator &t, const Frame &frame, std::string_view name) {
  auto found = frame.function->locals.find(name);
  if (found == frame.function->locals.end())
    t.malformed("a .param variable, got '" + std::string(name) + "'");
  return found->second;
}

/// Functions that every device has.
bool callBuiltin(Translator &t, std::string_view name, const std::vector<Operand> &arguments) {
  Value *lanes = t.lanes();
  auto local = [&](size_t index) {
    if (index >= arguments.size())
      t.malformed("more arguments");
    return t.scalar(uint32_t(t.frame().localBase + localOf(t, t.frame(), arguments[index].name).offset));
  };
  if (name == "vprintf")
    t.callWarp("emu_printf", t.none(), {lanes, local(0), local(1), t.line()});
  else if (name == "__assertfail")
    t.callWarp("emu_assert", t.none(), {lanes, local(0), local(1), local(2), t.line()});
  else
    return false;
  t.endBlock();
  t.jump(t.nextBlock());
  return true;
}

/// Arguments and results are .param variables: a call copies bytes between the callers' and the callee's.
void emitCall(Translator &t, const Instruction &i) {
  std::vector<Operand> results, arguments;
  std::string_view callee;
  for (size_t k = 0; k < i.operands.size(); ++k) {
    const Operand &operand = i.operands[k];
    if (operand.kind == Operand::Kind::Vector)
      (callee.empty() ? results : arguments) = operand.parts;
    else if (callee.empty() && operand.kind == Operand::Kind::Symbol)
      callee = operand.name;
    else if (operand.kind == Operand::Kind::Register)
      t.unsupported("indirect call");
  }
  const Function *function = t.code.ptx->find(callee);
  if (!function || !function->isDefined) {
    if (callBuiltin(t, callee, arguments))
      return;
    t.unsupported("call of '" + std::string(callee) + "', which this module does not define");
  }
  if (arguments.size() != function->parameters.size() || results.size() != function->results.size())
    t.malformed("as many arguments and results as '" + std::string(callee) + "' has");
  const Frame *target = nullptr;
  for (const Frame &frame : t.code.frames)
    if (frame.function == function)
      target = &frame;
  // Triples of source, destination and size: first those of the arguments, then of the results.
  std::vector<uint32_t> copies;
  auto addCopy = [&](const Frame &from, const Variable &source, const Frame &to, const Variable &destination) {
    copies.insert(copies.end(), {uint32_t(from.localBase + source.offset), uint32_t(to.localBase + destination.offset),
                                 uint32_t(std::min(source.size, destination.size))});
  };
  for (size_t k = 0; k < arguments.size(); ++k)
    addCopy(t.frame(), localOf(t, t.frame(), arguments[k].name), *target,
            localOf(t, *target, function->parameters[k].name));
  auto argumentWords = uint32_t(copies.size());
  for (size_t k = 0; k < results.size(); ++k)
    addCopy(*target, localOf(t, *target, function->results[k].name), t.frame(), localOf(t, t.frame(), results[k].name));
  copies.push_back(0); // never empty
  Value *lanes = t.lanes();
  t.endBlock();
  t.dispatchTo(t.callWarp("emu_call", t.word(),
                          {lanes, t.scalar(uint32_t(t.code.entryOf(function))), t.scalar(t.nextBlock()),
                           t.constantWords(copies), t.scalar(argumentWords), t.scalar(uint32_t(copies.size() - 1))}));
}

/// bar.sync, bar.arrive and their long names: operands are the barrier and a number of threads.
void emitBarrier(Translator &t, const Instruction &i) {
  Value *id = t.readUniform(t.operand(0), 32);
  Value *threads = i.operands.size() > 1 ? t.readUniform(t.operand(1), 32) : t.scalar(0);
  Value *lanes = t.lanes();
  bool arrives = i.has("arrive");
  t.endBlock();
  t.dispatchTo(
      t.callWarp("emu_barrier", t.word(), {lanes, id, threads, t.scalar(arrives), t.line(), t.scalar(t.nextBlock())}));
}

/// bar.red: the result is written into the register file when the barrier completes.
void emitBarrierReduce(Translator &t, const Instruction &i) {
  bool counted = i.operands.size() > 3;
  uint32_t operation = i.has("popc") ? 1 : i.has("and") ? 2 : 3;
  Value *id = t.readUniform(t.operand(1), 32);
  Value *threads = counted ? t.readUniform(t.operand(2), 32) : t.scalar(0);
  Value *votes = t.toMask(t.read(t.operand(counted ? 3 : 2), 1)), *lanes = t.lanes();
  int reg = t.operand(0).reg;
  if (reg < 0 || t.code.registers[reg].bits != (operation == 1 ? 32u : 1u))
    t.malformed(operation == 1 ? "a 32-bit register" : "a predicate");
  t.endBlock();
  t.callWarp("emu_barrierVote", t.none(), {t.scalar(operation), votes, t.slotPointer(reg)});
  t.dispatchTo(
      t.callWarp("emu_barrier", t.word(), {lanes, id, threads, t.scalar(0), t.line(), t.scalar(t.nextBlock())}));
}

void emitWarpBarrier(Translator &t, const Instruction &i) {
  Value *members = t.readUniform(t.operand(0), 32), *lanes = t.lanes();
  t.endBlock();
  t.dispatchTo(t.callWarp("emu_warpBarrier", t.word(), {lanes, members, t.scalar(t.nextBlock()), t.line()}));
}

void emitClusterBarrier(Translator &t, const Instruction &i) {
  if (i.has("arrive")) {
    t.callWarp("emu_clusterArrive", t.none(), {t.lanes(), t.line()});
    t.endBlock();
    return t.jump(t.nextBlock());
  }
  t.endBlock();
  Value *ready = t.callWarp("emu_clusterWait", t.word(), {t.line()});
  t.jumpOrSpin(t.builder.CreateICmpNE(ready, t.scalar(0)), t.nextBlock(), t.block());
}

void emitTrap(Translator &t, const Instruction &i) {
  Value *trapped = t.callWarp("emu_trap", t.word(), {t.lanes(), t.line()});
  t.endBlock();
  llvm::BasicBlock *stop = t.newBlock("trap"), *go = t.newBlock("go");
  t.builder.CreateCondBr(t.builder.CreateICmpNE(trapped, t.scalar(0)), stop, go);
  t.builder.SetInsertPoint(stop);
  t.builder.CreateRet(t.scalar(uint32_t(Stop::Trap)));
  t.builder.SetInsertPoint(go);
  t.jump(t.nextBlock());
}

void emitSleep(Translator &t, const Instruction &) {
  t.endBlock();
  t.yieldTo(t.nextBlock());
}

void emitNothing(Translator &, const Instruction &) {}

/// Register budgets change nothing here, but for their rules.
void emitSetMaxRegisters(Translator &t, const Instruction &i) {
  const Operand &count = t.operand(0);
  if (count.kind != Operand::Kind::Immediate || count.bits < 24 || count.bits > 256 || count.bits % 8)
    t.malformed("a multiple of 8 from 24 to 256");
  t.callWarp("emu_convergent", t.none(), {t.lanes(), t.line()});
}

} // namespace

OpRows hybridrt::emulator::controlOps() {
  constexpr auto sync = OpClass::Synchronisation;
  static const OpRow rows[] = {
      {"bra", OpClass::Branch, 1, 1, OpRow::Ends | OpRow::NoFallThrough, emitBranch},
      {"brx", OpClass::Branch, 2, 2, OpRow::Ends | OpRow::NoFallThrough, emitIndexedBranch},
      {"ret", OpClass::Branch, 0, 0, OpRow::Ends | OpRow::NoFallThrough, emitReturn},
      {"exit", OpClass::Branch, 0, 0, OpRow::Ends | OpRow::NoFallThrough, emitReturn},
      {"call", OpClass::Branch, 1, 4, OpRow::Ends, emitCall},
      {"bar.sync", sync, 1, 2, OpRow::Ends, emitBarrier},
      {"bar.arrive", sync, 2, 2, OpRow::Ends, emitBarrier},
      {"bar.cta.sync", sync, 1, 2, OpRow::Ends, emitBarrier},
      {"bar.cta.arrive", sync, 2, 2, OpRow::Ends, emitBarrier},
      {"barrier.sync", sync, 1, 2, OpRow::Ends, emitBarrier},
      {"barrier.arrive", sync, 2, 2, OpRow::Ends, emitBarrier},
      {"barrier.cta.sync", sync, 1, 2, OpRow::Ends, emitBarrier},
      {"barrier.cta.arrive", sync, 2, 2, OpRow::Ends, emitBarrier},
      {"bar.red", sync, 3, 4, OpRow::Ends | OpRow::Result | OpRow::InMemory, emitBarrierReduce},
      {"bar.cta.red", sync, 3, 4, OpRow::Ends | OpRow::Result | OpRow::InMemory, emitBarrierReduce},
      {"barrier.red", sync, 3, 4, OpRow::Ends | OpRow::Result | OpRow::InMemory, emitBarrierReduce},
      {"barrier.cta.red", sync, 3, 4, OpRow::Ends | OpRow::Result | OpRow::InMemory, emitBarrierReduce},
      {"bar.warp.sync", sync, 1, 1, OpRow::Ends, emitWarpBarrier},
      {"barrier.cluster.arrive", sync, 0, 0, OpRow::Ends, emitClusterBarrier},
      {"barrier.cluster.wait", sync, 0, 0, OpRow::Ends | OpRow::Starts, emitClusterBarrier},
      {"trap", OpClass::Branch, 0, 0, OpRow::Ends, emitTrap},
      {"brkpt", OpClass::Branch, 0, 0, 0, emitNothing},
      {"nanosleep", sync, 1, 1, OpRow::Ends, emitSleep},
      {"pmevent", OpClass::Branch, 1, 1, 0, emitNothing},
      {"setmaxnreg", sync, 1, 1, 0, emitSetMaxRegisters},
      {"griddepcontrol", sync, 0, 0, 0, emitNothing},
  };
  return rows;
}
