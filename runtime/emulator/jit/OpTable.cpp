#include "runtime/emulator/jit/OpTable.h"
#include <unordered_map>

using namespace hybridrt::emulator;

std::vector<const OpRow *> hybridrt::emulator::allOps() {
  std::vector<const OpRow *> result;
  for (OpRows rows : {arithmeticOps(), bitOps(), carryOps(), compareOps(), convertOps(), controlOps(), memoryOps(),
                      warpOps(), asyncOps(), tensorOps(), wmmaOps()})
    for (const OpRow &row : rows)
      result.push_back(&row);
  return result;
}

const OpRow *hybridrt::emulator::findOp(const Instruction &instruction) {
  static const auto table = [] {
    std::unordered_map<std::string_view, const OpRow *> map;
    for (const OpRow *row : allOps())
      map.emplace(row->pattern, row);
    return map;
  }();
  std::string name(instruction.opcode);
  auto found = table.find(name);
  const OpRow *best = found == table.end() ? nullptr : found->second;
  for (std::string_view modifier : instruction.modifiers) {
    name += '.';
    name += modifier;
    found = table.find(name);
    if (found != table.end())
      best = found->second;
  }
  return best;
}
