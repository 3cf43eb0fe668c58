// What the emulator knows of each opcode: one row each, found by the opcode and as many of its leading modifiers as a
// row names. Adding an opcode is adding a row and its emit function.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_OPTABLE_H
#define HYBRID_RUNTIME_EMULATOR_JIT_OPTABLE_H
#include "runtime/emulator/ptx/Ast.h"
#include "runtime/emulator/vm/Program.h"
#include <span>

namespace hybridrt::emulator {

class Translator;

struct OpRow {
  enum Flag : uint8_t {
    Result = 1,        ///< writes its first operand
    Ends = 2,          ///< ends its block: a branch, or a place where the warp may have to wait
    Starts = 4,        ///< begins a block, as it may be run again
    InMemory = 8,      ///< its first operand must lie in the register file: helpers write it later
    NoFallThrough = 16 ///< without a predicate, what follows is not reached from here
  };
  const char *pattern; ///< opcode and leading modifiers, with dots
  OpClass kind;
  uint8_t least, most; ///< operands
  uint8_t flags;
  void (*emit)(Translator &, const Instruction &);

  bool has(Flag flag) const { return flags & flag; }
};

using OpRows = std::span<const OpRow>;

// One table per file of emit functions.
OpRows arithmeticOps();
OpRows bitOps();
OpRows carryOps();
OpRows compareOps();
OpRows convertOps();
OpRows controlOps();
OpRows memoryOps();
OpRows warpOps();
OpRows asyncOps();
OpRows tensorOps();
OpRows wmmaOps();

/// The row with the longest pattern that the instruction begins with, or null.
const OpRow *findOp(const Instruction &instruction);
/// All rows, for tests and lists of what is supported.
std::vector<const OpRow *> allOps();

} // namespace hybridrt::emulator
#endif
