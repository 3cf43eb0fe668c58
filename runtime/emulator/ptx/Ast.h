// PTX as the parser leaves it: instructions with resolved registers and labels. Names are views into the module's
// text, which it owns.
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_AST_H
#define HYBRID_RUNTIME_EMULATOR_PTX_AST_H
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt::emulator {

/// 1-based place in the PTX text.
struct Place {
  uint32_t line = 0, column = 0;
};

struct Operand {
  enum class Kind : uint8_t { Sink, Register, Immediate, Symbol, Vector, Memory, Pair };
  Kind kind = Kind::Sink;
  bool negated = false;       ///< !p
  bool isFloat = false;       ///< of an immediate: `bits` hold an f32 or f64
  bool isDouble = false;      ///< which of the two
  int reg = -1;               ///< of a register: its index in the function
  uint64_t bits = 0;          ///< of an immediate
  int64_t offset = 0;         ///< of a symbol or of a memory operand: bytes added
  std::string_view name;      ///< of a symbol: a variable, a function or a special register
  int label = -1;             ///< of a symbol that is a label: the instruction's index
  std::vector<Operand> parts; ///< of a vector, a pair (d|p), or memory: the base, then what follows it
};

struct Instruction {
  std::string_view opcode;                 ///< up to the first dot
  std::vector<std::string_view> modifiers; ///< between the dots that follow
  int predicate = -1;
  bool predicateNegated = false;
  std::vector<Operand> operands;
  Place place;
  int location = -1; ///< index of the .loc before it

  bool has(std::string_view modifier) const {
    for (std::string_view one : modifiers)
      if (one == modifier)
        return true;
    return false;
  }
  /// The opcode with its modifiers.
  std::string name() const;
};

struct Register {
  std::string_view name;
  uint32_t bits = 32; ///< 1 for predicates
};

/// A parameter or a variable; its offset is within the memory of its space.
struct Variable {
  std::string_view name;
  uint64_t offset = 0, size = 0;
  uint32_t alignment = 1;
};

struct Location {
  uint32_t file = 0, line = 0, column = 0;
};

struct Function {
  std::string_view name;
  bool isEntry = false, isDefined = false;
  Place place;
  std::vector<Variable> parameters, results;
  uint32_t parameterBytes = 0;
  std::vector<Register> registers;
  std::vector<Instruction> instructions;
  /// Variables of local memory, `.param` variables for calls among them, and of shared memory.
  std::map<std::string_view, Variable> locals, shared;
  uint32_t localBytes = 0;
  /// Branch tables: name -> instruction indices.
  std::map<std::string_view, std::vector<int>> branchTables;
  std::array<uint32_t, 3> maxBlock{}, requiredBlock{}, cluster{};
  bool explicitCluster = false;
};

/// A value in a variable's initialiser: bytes, or the address of another variable.
struct Relocation {
  uint64_t at = 0;
  std::string_view symbol;
  int64_t addend = 0;
};

struct GlobalVariable {
  Variable variable;
  bool isConstant = false, isExternal = false;
  std::vector<uint8_t> bytes; ///< the initialiser; shorter than the variable where the rest is zero
  std::vector<Relocation> relocations;
};

struct Ptx {
  std::string text;
  std::string name; ///< of the file, for messages
  std::string_view target;
  std::vector<Function> functions;
  std::vector<GlobalVariable> globals;
  std::map<std::string_view, Variable> shared; ///< of statically known size
  std::vector<std::string_view> dynamicShared;
  uint32_t sharedBytes = 0;
  std::vector<Location> locations;
  std::map<uint32_t, std::string_view> files;

  Function *find(std::string_view function) {
    for (Function &one : functions)
      if (one.name == function)
        return &one;
    return nullptr;
  }
  const Function *find(std::string_view function) const { return const_cast<Ptx *>(this)->find(function); }
  /// file:line:column of a .loc, or nothing.
  std::string describe(int location) const;
};

} // namespace hybridrt::emulator
#endif
