// A function's body: instructions with resolved registers and labels.
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_BODY_H
#define HYBRID_RUNTIME_EMULATOR_PTX_BODY_H
#include "runtime/emulator/ptx/TokenStream.h"

namespace hybridrt::emulator {

/// Parses up to the '}' that closes the function; its '{' is taken.
void parseBody(TokenStream &tokens, Ptx &ptx, Function &function);

} // namespace hybridrt::emulator
#endif
