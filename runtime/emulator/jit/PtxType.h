// The types that modifiers name.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_PTXTYPE_H
#define HYBRID_RUNTIME_EMULATOR_JIT_PTXTYPE_H
#include "runtime/emulator/ptx/Ast.h"
#include <optional>

namespace hybridrt::emulator {

struct PtxType {
  enum class Kind : uint8_t { Bits, Unsigned, Signed, Float, Bfloat, Predicate };
  Kind kind = Kind::Bits;
  unsigned bits = 32;  ///< of one element
  unsigned packed = 1; ///< elements in a register

  bool isFloat() const { return kind == Kind::Float || kind == Kind::Bfloat; }
  bool isSigned() const { return kind == Kind::Signed; }
  unsigned totalBits() const { return bits * packed; }
};

std::optional<PtxType> parseType(std::string_view modifier);
/// All types among the modifiers, in order.
std::vector<PtxType> typesOf(const Instruction &instruction);
/// The last type among the modifiers; 32 bits where there is none.
PtxType typeOf(const Instruction &instruction);

} // namespace hybridrt::emulator
#endif
