// Code to machine code, kept on disk between runs.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_JIT_H
#define HYBRID_RUNTIME_EMULATOR_JIT_JIT_H
#include "runtime/emulator/jit/Code.h"
#include <memory>

namespace hybridrt::emulator {

/// Translates a kernel, or takes it from the cache, and links it. Throws an Error for what is not supported.
std::unique_ptr<Program> compileProgram(const Ptx &ptx, const Function &kernel, unsigned optimize);

} // namespace hybridrt::emulator
#endif
