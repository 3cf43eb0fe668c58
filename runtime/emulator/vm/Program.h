// A translated kernel as the virtual machine sees it: the entry point and what it must know of the blocks.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_PROGRAM_H
#define HYBRID_RUNTIME_EMULATOR_VM_PROGRAM_H
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hybridrt::emulator {

struct Warp;

/// What kind of work an instruction is, for the counters.
enum class OpClass : uint8_t {
  Arithmetic,
  Float,
  Special,
  Conversion,
  Move,
  Branch,
  Memory,
  Tensor,
  Synchronisation,
  Exchange,
  Count
};

/// A register that a block writes: its bytes for all 32 lanes.
struct Slot {
  uint32_t offset = 0;
  uint32_t bits = 0; ///< per lane; 1 is a mask of 4 bytes
};

struct ProgramBlock {
  uint32_t priority = 0;    ///< lanes at the block with the least run first
  std::vector<Slot> writes; ///< what must be restored for lanes that did not execute
  uint32_t instructions = 0;
  uint32_t line = 0; ///< of its first instruction
  std::array<uint32_t, size_t(OpClass::Count)> classes{};
};

/// What is wrong with a kernel whatever its data.
struct ProgramWarning {
  uint32_t line = 0;
  std::string message;
};

struct Program {
  std::string kernel;
  uint32_t (*run)(Warp *, uint32_t block) = nullptr;
  std::vector<ProgramBlock> blocks;
  uint32_t registerBytes = 0, localBytes = 0;
  std::vector<ProgramWarning> warnings;
  /// file:line:column of a PTX line, or nothing.
  std::function<std::string(uint32_t line)> locate;
};

} // namespace hybridrt::emulator
#endif
