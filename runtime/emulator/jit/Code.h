// A kernel together with the functions that it calls, as one list of instructions cut into blocks. Everything that
// running needs besides machine code is found here, so that cached code can be used without building any IR.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_CODE_H
#define HYBRID_RUNTIME_EMULATOR_JIT_CODE_H
#include "lib/Artifact/Result.h"
#include "runtime/emulator/jit/OpTable.h"
#include "runtime/emulator/ptx/Ast.h"
#include "runtime/emulator/vm/Program.h"

namespace hybridrt::emulator {

/// A function's place in the code: its registers, instructions and local memory follow those of the others.
struct Frame {
  const Function *function = nullptr;
  uint32_t firstRegister = 0, firstInstruction = 0, localBase = 0;
};

struct CodeRegister {
  uint32_t bits = 32;
  uint32_t slot = 0;     ///< its offset in the register file
  bool inMemory = false; ///< live between blocks; the others are values within one
};

struct CodeBlock {
  uint32_t begin = 0, end = 0; ///< instructions
  std::vector<uint32_t> successors;
};

/// Where the statically sized shared variables lie that a kernel and its callees name. A module's kernels do not share
/// theirs, so each has its own layout.
struct SharedLayout {
  std::map<const Variable *, uint32_t> offsets;
  uint32_t bytes = 0;
};
SharedLayout layoutShared(const Ptx &ptx, const Function &kernel);

struct Code {
  const Ptx *ptx = nullptr;
  std::vector<Frame> frames; ///< the kernel's first
  std::vector<Instruction> instructions;
  std::vector<const OpRow *> rows; ///< of the instructions; null where the opcode is unknown
  std::vector<uint32_t> frameOf;   ///< of the instructions
  std::vector<CodeRegister> registers;
  std::vector<CodeBlock> blocks;
  std::vector<int> blockAt; ///< of the instructions: the block that begins there, or -1
  uint32_t registerBytes = 0, localBytes = 0;
  SharedLayout shared;

  const Frame &frame(uint32_t instruction) const { return frames[frameOf[instruction]]; }
  /// The block where a function begins; -1 where it is not part of the code.
  int entryOf(const Function *function) const;
};

/// Gathers and cuts. Throws an Error for calls that cannot be followed.
Code buildCode(const Ptx &ptx, const Function &kernel);

/// Order in which lanes of a diverged warp run: a weak topological order of the blocks, so that the lanes that are
/// behind catch up before a join, whatever the layout of the text.
std::vector<uint32_t> blockPriorities(const std::vector<CodeBlock> &blocks);

/// The parts of a program that come from the code alone.
Program describe(const Code &code);

} // namespace hybridrt::emulator
#endif
