// Native code of an artifact, loaded into the process.
#ifndef HYBRID_RUNTIME_X86_NATIVECODE_H
#define HYBRID_RUNTIME_X86_NATIVECODE_H
#include "lib/Artifact/Artifact.h"
#include "runtime/x86/Cpu.h"

namespace hybridrt {

/// What every kernel is in C; see docs/architecture.md.
using KernelFunction = void (*)(void *const *buffers, const int64_t *scalars, int64_t x, int64_t y, int64_t z,
                                void *scratch);

class NativeCode {
public:
  /// Loads the module of the highest level that `level` includes. Its code has been checked against its hash.
  NativeCode(const artifact::ProgramT &program, CpuLevel level);
  ~NativeCode();
  NativeCode(const NativeCode &) = delete;
  NativeCode &operator=(const NativeCode &) = delete;

  /// One function per kernel of the program.
  const std::vector<KernelFunction> &kernels() const { return functions; }
  const std::string &level() const { return levelName; }

private:
  std::string levelName;
  int descriptor = -1;
  void *library = nullptr;
  std::vector<KernelFunction> functions;
};

} // namespace hybridrt
#endif
