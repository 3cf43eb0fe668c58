// A forward data flow. A state says which registers were accessed since the last fence, and which belong to products
// under way: to those not committed, and to each committed group, the newest last. Paths that meet take the union.
#include "runtime/emulator/jit/WgmmaRules.h"
#include <deque>
#include <llvm/ADT/BitVector.h>
#include <optional>
#include <set>

using namespace hybridrt::emulator;

namespace {

constexpr size_t maxGroups = 8; ///< older ones are taken to be as old as the oldest

/// Registers of products: as accumulators, and as fragments of A.
struct InFlight {
  llvm::BitVector sums, fragments;

  void unite(const InFlight &other) {
    sums |= other.sums;
    fragments |= other.fragments;
  }
  bool operator==(const InFlight &) const = default;
};

struct State {
  bool unfenced = true;
  llvm::BitVector touched;
  InFlight open;
  std::deque<InFlight> groups;
  bool operator==(const State &) const = default;
};

class Rules {
public:
  explicit Rules(const Code &code) : code(code) {}

  std::vector<ProgramWarning> run() {
    numberRegisters();
    if (numbers.empty())
      return {};
    std::vector<std::optional<State>> before(code.blocks.size());
    before[0] = entry();
    std::deque<uint32_t> work{0};
    std::vector<bool> queued(code.blocks.size());
    while (!work.empty()) {
      uint32_t block = work.front();
      work.pop_front();
      queued[block] = false;
      State state = *before[block];
      flow(block, state);
      for (uint32_t next : code.blocks[block].successors)
        if (merge(before[next], state) && !queued[next]) {
          work.push_back(next);
          queued[next] = true;
        }
    }
    std::vector<ProgramWarning> result;
    for (const auto &[line, message] : found)
      result.push_back({line, message});
    return result;
  }

private:
  static bool isProduct(const Instruction &instruction) {
    return instruction.opcode == "wgmma" && instruction.has("mma_async") && instruction.operands.size() >= 2;
  }

  template <typename Function> static void forEachRegister(const Operand &operand, Function function) {
    if (operand.kind == Operand::Kind::Register)
      function(operand.reg);
    for (const Operand &part : operand.parts)
      forEachRegister(part, function);
  }

  /// Only registers of products matter.
  void numberRegisters() {
    for (const Instruction &instruction : code.instructions)
      if (isProduct(instruction)) {
        auto number = [&](int reg) { numbers.try_emplace(reg, unsigned(numbers.size())); };
        forEachRegister(instruction.operands[0], number);
        if (instruction.operands[1].kind == Operand::Kind::Vector)
          forEachRegister(instruction.operands[1], number);
      }
  }

  llvm::BitVector none() const { return llvm::BitVector(unsigned(numbers.size())); }
  State entry() const { return {true, none(), {none(), none()}, {}}; }

  llvm::BitVector registersOf(const Operand &operand) const {
    llvm::BitVector set = none();
    forEachRegister(operand, [&](int reg) {
      if (auto number = numbers.find(reg); number != numbers.end())
        set.set(number->second);
    });
    return set;
  }

  /// Whether `into` grew.
  static bool merge(std::optional<State> &into, const State &from) {
    if (!into) {
      into = from;
      return true;
    }
    State old = *into;
    into->unfenced |= from.unfenced;
    into->touched |= from.touched;
    into->open.unite(from.open);
    // The newest groups correspond.
    while (into->groups.size() < from.groups.size())
      into->groups.push_front({llvm::BitVector(from.touched.size()), llvm::BitVector(from.touched.size())});
    size_t offset = into->groups.size() - from.groups.size();
    for (size_t i = 0; i < from.groups.size(); ++i)
      into->groups[offset + i].unite(from.groups[i]);
    return !(*into == old);
  }

  InFlight inFlight(const State &state) const {
    InFlight all = state.open;
    for (const InFlight &group : state.groups)
      all.unite(group);
    return all;
  }

  void product(const Instruction &instruction, State &state) {
    llvm::BitVector sums = registersOf(instruction.operands[0]);
    llvm::BitVector fragments =
        instruction.operands[1].kind == Operand::Kind::Vector ? registersOf(instruction.operands[1]) : none();
    if (state.unfenced)
      report(instruction, "wgmma that some path reaches without a wgmma.fence");
    llvm::BitVector all = sums;
    all |= fragments;
    if (all.anyCommon(state.touched))
      report(instruction, "wgmma with registers that were accessed since the last wgmma.fence");
    InFlight busy = inFlight(state);
    if (sums.anyCommon(busy.fragments) || fragments.anyCommon(busy.sums))
      report(instruction, "wgmma with registers that an unfinished wgmma has in another role");
    state.open.unite({sums, fragments});
  }

  void other(const Instruction &instruction, State &state) {
    llvm::BitVector accessed = none();
    for (const Operand &operand : instruction.operands)
      accessed |= registersOf(operand);
    InFlight busy = inFlight(state);
    busy.sums |= busy.fragments;
    if (accessed.anyCommon(busy.sums))
      report(instruction, "access to a register of an unfinished wgmma");
    state.touched |= accessed;
  }

  void flow(uint32_t block, State &state) {
    for (uint32_t i = code.blocks[block].begin; i < code.blocks[block].end; ++i) {
      const Instruction &instruction = code.instructions[i];
      if (isProduct(instruction)) {
        product(instruction, state);
      } else if (instruction.opcode != "wgmma") {
        other(instruction, state);
      } else if (instruction.has("fence")) {
        state.unfenced = false;
        state.touched.reset();
      } else if (instruction.has("commit_group")) {
        state.groups.push_back(state.open);
        state.open = {none(), none()};
        if (state.groups.size() > maxGroups) {
          state.groups[1].unite(state.groups[0]);
          state.groups.pop_front();
        }
      } else if (instruction.has("wait_group") && !instruction.operands.empty()) {
        while (state.groups.size() > instruction.operands[0].bits)
          state.groups.pop_front();
      }
    }
  }

  void report(const Instruction &instruction, const char *message) { found.insert({instruction.place.line, message}); }

  const Code &code;
  std::map<int, unsigned> numbers;
  std::set<std::pair<uint32_t, std::string>> found;
};

} // namespace

std::vector<ProgramWarning> hybridrt::emulator::checkWgmmaRules(const Code &code) { return Rules(code).run(); }
