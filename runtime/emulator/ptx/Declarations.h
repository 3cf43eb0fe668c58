// Declarations of variables and parameters, initialisers, and debug directives.
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_DECLARATIONS_H
#define HYBRID_RUNTIME_EMULATOR_PTX_DECLARATIONS_H
#include "runtime/emulator/ptx/TokenStream.h"

namespace hybridrt::emulator {

inline uint64_t alignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

struct Declaration {
  Variable variable;
  uint32_t elementBytes = 1;
  bool isFloat = false;
  bool unsized = false; ///< x[]
};

/// Bits of a type directive such as .b32 or .pred; 0 where it is none.
uint32_t typeBits(std::string_view directive);

/// `[.align N] .type name[N]...`, after the space.
Declaration parseDeclaration(TokenStream &tokens);
/// The value after '='.
void parseInitializer(TokenStream &tokens, const Declaration &declaration, GlobalVariable &global);
/// `(.param .type name, ...)`; lays the parameters out.
void parseParameters(TokenStream &tokens, Function &function, std::vector<Variable> &parameters);
/// After .file.
void parseFile(TokenStream &tokens, Ptx &ptx);
/// After .loc; the location's index.
int parseLocation(TokenStream &tokens, Ptx &ptx);

} // namespace hybridrt::emulator
#endif
