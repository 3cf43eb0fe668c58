#include "runtime/emulator/jit/Code.h"
#include "runtime/emulator/ptx/Declarations.h"
#include <algorithm>
#include <set>

using namespace hybridrt;
using namespace hybridrt::emulator;

int Code::entryOf(const Function *function) const {
  for (const Frame &frame : frames)
    if (frame.function == function)
      return blockAt[frame.firstInstruction];
  return -1;
}

namespace {

std::string_view calleeOf(const Instruction &instruction) {
  for (const Operand &operand : instruction.operands)
    if (operand.kind == Operand::Kind::Symbol)
      return operand.name;
  return {};
}

/// Finds the shared variables that a kernel and what it calls name.
class SharedUses {
public:
  SharedUses(const Ptx &ptx) : ptx(ptx) {}

  void visit(const Function &function) {
    if (!visited.insert(&function).second)
      return;
    for (const Instruction &instruction : function.instructions) {
      for (const Operand &operand : instruction.operands)
        visit(function, operand);
      if (instruction.opcode == "call")
        if (const Function *callee = ptx.find(calleeOf(instruction)))
          visit(*callee);
    }
  }

  std::set<const Variable *> found;

private:
  void visit(const Function &function, const Operand &operand) {
    for (const Operand &part : operand.parts)
      visit(function, part);
    if (operand.kind != Operand::Kind::Symbol)
      return;
    if (auto own = function.shared.find(operand.name); own != function.shared.end())
      found.insert(&own->second);
    else if (auto module = ptx.shared.find(operand.name); module != ptx.shared.end())
      found.insert(&module->second);
  }

  const Ptx &ptx;
  std::set<const Function *> visited;
};

class Builder {
public:
  Builder(const Ptx &ptx, const Function &kernel) : kernel(kernel) { code.ptx = &ptx; }

  Code run() {
    gather(kernel);
    code.shared = layoutShared(*code.ptx, kernel);
    cut();
    connect();
    placeRegisters();
    return std::move(code);
  }

private:
  std::string where(const Instruction &instruction) {
    return concat(code.ptx->name, ":", instruction.place.line, ":", instruction.place.column, ": ");
  }

  /// Appends a function and then those that it calls. Registers are one set per function, so recursion cannot work.
  void gather(const Function &function) {
    if (std::find(active.begin(), active.end(), &function) != active.end())
      fail(code.ptx->name, ":", function.place.line, ":", function.place.column, ": not supported: recursive call of '",
           std::string(function.name), "'");
    if (gathered.count(&function)) // still checked for recursion through its own calls
      return;
    gathered.insert(&function);
    active.push_back(&function);
    append(function);
    for (const Instruction &instruction : function.instructions)
      if (instruction.opcode == "call")
        if (const Function *callee = code.ptx->find(calleeOf(instruction)); callee && callee->isDefined)
          gather(*callee);
    active.pop_back();
  }

  static void renumber(Operand &operand, const Frame &frame) {
    if (operand.reg >= 0)
      operand.reg += int(frame.firstRegister);
    if (operand.label >= 0)
      operand.label += int(frame.firstInstruction);
    for (Operand &part : operand.parts)
      renumber(part, frame);
  }

  void append(const Function &function) {
    Frame frame{&function, uint32_t(code.registers.size()), uint32_t(code.instructions.size()), code.localBytes};
    code.localBytes = uint32_t(alignUp(code.localBytes + function.localBytes, 16));
    for (const Register &reg : function.registers)
      code.registers.push_back({reg.bits, 0, false});
    for (Instruction instruction : function.instructions) {
      for (Operand &operand : instruction.operands)
        renumber(operand, frame);
      if (instruction.predicate >= 0)
        instruction.predicate += int(frame.firstRegister);
      code.instructions.push_back(std::move(instruction));
    }
    Instruction end; // what falls off a function's end returns
    end.opcode = "ret";
    end.place = function.instructions.empty() ? function.place : function.instructions.back().place;
    code.instructions.push_back(end);
    code.frameOf.resize(code.instructions.size(), uint32_t(code.frames.size()));
    code.frames.push_back(frame);
  }

  /// Labels, and what comes after an instruction that ends its block, begin blocks.
  void cut() {
    size_t count = code.instructions.size();
    std::vector<bool> starts(count, false);
    for (const Frame &frame : code.frames) {
      starts[frame.firstInstruction] = true;
      for (const auto &[name, table] : frame.function->branchTables)
        for (int target : table)
          starts[frame.firstInstruction + target] = true;
    }
    for (size_t i = 0; i < count; ++i) {
      const OpRow *row = findOp(code.instructions[i]);
      code.rows.push_back(row);
      for (const Operand &operand : code.instructions[i].operands)
        if (operand.label >= 0)
          starts[operand.label] = true;
      if (row && row->has(OpRow::Starts))
        starts[i] = true;
      if (row && row->has(OpRow::Ends) && i + 1 < count)
        starts[i + 1] = true;
    }
    code.blockAt.assign(count, -1);
    for (size_t i = 0; i < count; ++i) {
      if (starts[i]) {
        code.blockAt[i] = int(code.blocks.size());
        code.blocks.push_back({uint32_t(i), 0, {}});
      }
      code.blocks.back().end = uint32_t(i) + 1;
    }
  }

  void connect() {
    for (size_t b = 0; b < code.blocks.size(); ++b) {
      CodeBlock &block = code.blocks[b];
      const Instruction &last = code.instructions[block.end - 1];
      const OpRow *row = code.rows[block.end - 1];
      bool fallsThrough = !(row && row->has(OpRow::NoFallThrough)) || last.predicate >= 0;
      for (const Operand &operand : last.operands)
        if (operand.label >= 0)
          block.successors.push_back(uint32_t(code.blockAt[operand.label]));
      if (last.opcode == "brx")
        for (int target : tableOf(last, block.end - 1))
          block.successors.push_back(uint32_t(code.blockAt[target]));
      if (last.opcode == "call")
        if (const Function *callee = code.ptx->find(calleeOf(last)); callee && callee->isDefined)
          block.successors.push_back(uint32_t(code.entryOf(callee)));
      if (fallsThrough && b + 1 < code.blocks.size())
        block.successors.push_back(uint32_t(b) + 1);
    }
  }

  std::vector<int> tableOf(const Instruction &instruction, uint32_t index) {
    const Frame &frame = code.frame(index);
    std::vector<int> targets;
    if (instruction.operands.size() == 2)
      if (auto table = frame.function->branchTables.find(instruction.operands[1].name);
          table != frame.function->branchTables.end())
        for (int target : table->second)
          targets.push_back(target + int(frame.firstInstruction));
    return targets;
  }

  void use(const Operand &operand, const std::vector<bool> &defined) {
    if (operand.kind == Operand::Kind::Register && !defined[operand.reg])
      code.registers[operand.reg].inMemory = true;
    for (const Operand &part : operand.parts)
      use(part, defined);
  }

  void define(const Operand &operand, bool conditional, std::vector<bool> &defined, std::vector<int> &list) {
    if (operand.kind == Operand::Kind::Register) {
      if (conditional && !defined[operand.reg])
        code.registers[operand.reg].inMemory = true;
      if (!defined[operand.reg])
        list.push_back(operand.reg);
      defined[operand.reg] = true;
    }
    if (operand.kind != Operand::Kind::Memory)
      for (const Operand &part : operand.parts)
        define(part, conditional, defined, list);
  }

  /// A register that some block reads before writing it lies in memory; so do those that helpers write.
  void placeRegisters() {
    std::vector<bool> defined(code.registers.size());
    for (const CodeBlock &block : code.blocks) {
      std::vector<int> list;
      for (uint32_t i = block.begin; i < block.end; ++i) {
        const Instruction &instruction = code.instructions[i];
        uint8_t flags = code.rows[i] ? code.rows[i]->flags : 0;
        bool conditional = instruction.predicate >= 0;
        if (conditional && !defined[instruction.predicate])
          code.registers[instruction.predicate].inMemory = true;
        bool writes = (flags & OpRow::Result) && !instruction.operands.empty() &&
                      instruction.operands[0].kind != Operand::Kind::Memory;
        for (size_t k = writes ? 1 : 0; k < instruction.operands.size(); ++k)
          use(instruction.operands[k], defined);
        if (writes && (flags & OpRow::InMemory))
          markInMemory(instruction.operands[0]);
        if (writes)
          define(instruction.operands[0], conditional, defined, list);
      }
      for (int reg : list)
        defined[reg] = false;
    }
    uint32_t offset = 0;
    for (CodeRegister &reg : code.registers)
      if (reg.inMemory && reg.bits > 1) {
        reg.slot = offset;
        offset += uint32_t(alignUp(4 * reg.bits, 64));
      }
    for (CodeRegister &reg : code.registers)
      if (reg.inMemory && reg.bits == 1) {
        reg.slot = offset;
        offset += 4;
      }
    code.registerBytes = uint32_t(alignUp(offset + 64, 64));
  }

  void markInMemory(const Operand &operand) {
    if (operand.kind == Operand::Kind::Register)
      code.registers[operand.reg].inMemory = true;
    for (const Operand &part : operand.parts)
      markInMemory(part);
  }

  const Function &kernel;
  Code code;
  std::set<const Function *> gathered;
  std::vector<const Function *> active;
};

/// Bourdoncle's weak topological order, without recursion on the depth of the graph within a component.
class WeakOrder {
public:
  explicit WeakOrder(const std::vector<CodeBlock> &blocks) : blocks(blocks), priority(blocks.size(), 0) {}

  std::vector<uint32_t> run() {
    std::vector<uint32_t> all(blocks.size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i;
    component.assign(blocks.size(), 0);
    order(all, 0, false);
    return priority;
  }

private:
  struct Visit {
    uint32_t index = 0, low = 0;
    bool seen = false, onStack = false;
  };

  /// Numbers the blocks `nodes`, all of the present component, beginning at `head`; `cut` ignores edges into it.
  void order(const std::vector<uint32_t> &nodes, uint32_t head, bool cut) {
    uint32_t mine = ++components;
    for (uint32_t node : nodes)
      component[node] = mine;
    std::map<uint32_t, Visit> visits;
    std::vector<std::vector<uint32_t>> parts; // in reverse topological order, each with its root last
    std::vector<uint32_t> stack;
    uint32_t counter = 0;
    auto explore = [&](uint32_t root) {
      std::vector<std::pair<uint32_t, size_t>> path{{root, 0}};
      enter(visits[root], counter, stack, root);
      while (!path.empty()) {
        auto &[node, edge] = path.back();
        Visit &visit = visits[node];
        if (edge < blocks[node].successors.size()) {
          uint32_t to = blocks[node].successors[edge++];
          if (component[to] != mine || (cut && to == head))
            continue;
          Visit &target = visits[to];
          if (!target.seen) {
            enter(target, counter, stack, to);
            path.push_back({to, 0});
          } else if (target.onStack) {
            visit.low = std::min(visit.low, target.index);
          }
          continue;
        }
        uint32_t done = node;
        path.pop_back();
        if (!path.empty())
          visits[path.back().first].low = std::min(visits[path.back().first].low, visit.low);
        if (visit.low != visit.index)
          continue;
        parts.emplace_back();
        uint32_t member;
        do {
          member = stack.back();
          stack.pop_back();
          visits[member].onStack = false;
          parts.back().push_back(member);
        } while (member != done);
      }
    };
    explore(head);
    for (uint32_t node : nodes)
      if (!visits[node].seen)
        explore(node);
    for (size_t i = parts.size(); i--;) {
      if (parts[i].size() == 1) {
        priority[parts[i][0]] = next++;
        continue;
      }
      order(parts[i], parts[i].back(), true);
    }
  }

  static void enter(Visit &visit, uint32_t &counter, std::vector<uint32_t> &stack, uint32_t node) {
    visit.seen = visit.onStack = true;
    visit.index = visit.low = counter++;
    stack.push_back(node);
  }

  const std::vector<CodeBlock> &blocks;
  std::vector<uint32_t> priority, component;
  uint32_t next = 0, components = 0;
};

void collectWrites(const Operand &operand, std::set<int> &registers) {
  if (operand.kind == Operand::Kind::Register)
    registers.insert(operand.reg);
  if (operand.kind != Operand::Kind::Memory)
    for (const Operand &part : operand.parts)
      collectWrites(part, registers);
}

} // namespace

SharedLayout emulator::layoutShared(const Ptx &ptx, const Function &kernel) {
  SharedUses uses(ptx);
  uses.visit(kernel);
  std::vector<const Variable *> variables(uses.found.begin(), uses.found.end());
  // The order of the text, which the parser's offsets keep.
  std::sort(variables.begin(), variables.end(),
            [](const Variable *a, const Variable *b) { return a->offset < b->offset; });
  SharedLayout layout;
  for (const Variable *variable : variables) {
    layout.bytes = uint32_t(alignUp(layout.bytes, variable->alignment));
    layout.offsets[variable] = layout.bytes;
    layout.bytes += uint32_t(variable->size);
  }
  return layout;
}

Code emulator::buildCode(const Ptx &ptx, const Function &kernel) { return Builder(ptx, kernel).run(); }

std::vector<uint32_t> emulator::blockPriorities(const std::vector<CodeBlock> &blocks) {
  return WeakOrder(blocks).run();
}

Program emulator::describe(const Code &code) {
  Program program;
  program.kernel = std::string(code.frames[0].function->name);
  program.registerBytes = code.registerBytes;
  program.localBytes = code.localBytes;
  std::vector<uint32_t> priorities = blockPriorities(code.blocks);
  for (size_t b = 0; b < code.blocks.size(); ++b) {
    const CodeBlock &block = code.blocks[b];
    ProgramBlock described;
    described.priority = priorities[b];
    described.instructions = block.end - block.begin;
    described.line = code.instructions[block.begin].place.line;
    std::set<int> writes;
    for (uint32_t i = block.begin; i < block.end; ++i) {
      const OpRow *row = code.rows[i];
      if (!row)
        continue;
      ++described.classes[size_t(row->kind)];
      if (row->has(OpRow::Result) && !code.instructions[i].operands.empty())
        collectWrites(code.instructions[i].operands[0], writes);
    }
    for (int reg : writes)
      if (code.registers[reg].inMemory)
        described.writes.push_back({code.registers[reg].slot, code.registers[reg].bits});
    program.blocks.push_back(std::move(described));
  }
  return program;
}
