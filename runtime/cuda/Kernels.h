// A program's kernels on a GPU: the module, and what every launch of them passes.
#ifndef HYBRID_RUNTIME_CUDA_KERNELS_H
#define HYBRID_RUNTIME_CUDA_KERNELS_H
#include "lib/Artifact/Artifact.h"
#include "runtime/cuda/Context.h"
#include <array>
#include <span>

namespace hybridrt::cuda {

struct KernelHandle {
  CUfunction function = nullptr;
  unsigned threads = 0, sharedBytes = 0;
  /// Which parameters are sizes, ascending; empty if they come after the buffers.
  const std::vector<uint32_t> *scalarPlaces = nullptr;
};

class Kernels {
public:
  /// Loads the program's machine code, or its PTX where the driver does not take that; `notes` says so.
  Kernels(const Context &context, const artifact::ProgramT &program, std::vector<std::string> &notes);
  ~Kernels();
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;

  const KernelHandle &operator[](size_t index) const { return handles[index]; }
  /// "sm_90a", or "sm_90a PTX".
  const std::string &code() const { return codeName; }

private:
  void load(const artifact::ProgramT &program, std::vector<std::string> &notes);
  void loadPTX(const artifact::ModuleT &ptx);
  KernelHandle prepare(const artifact::KernelT &kernel, int mostShared) const;

  const Context &context;
  const Driver &driver;
  CUmodule module = nullptr;
  std::string codeName;
  std::vector<KernelHandle> handles;
};

/// One launch as the driver takes it. All parameters of our kernels are 8 bytes: pointers and sizes.
struct KernelCall {
  KernelHandle kernel;
  std::array<unsigned, 3> grid;
  /// Of the list that holds the parameters of all calls.
  size_t firstParameter, parameterCount;
  const char *label;
};

/// A straight line of launches.
struct KernelCalls {
  std::vector<KernelCall> calls;
  std::vector<uint64_t> parameters;

  std::span<const uint64_t> parametersOf(const KernelCall &call) const {
    return std::span(parameters).subspan(call.firstParameter, call.parameterCount);
  }
  /// Pointers to the call's parameters, as the driver takes them; valid until the next call or change.
  void **pointers(const KernelCall &call);

private:
  std::vector<void *> addresses;
};

} // namespace hybridrt::cuda
#endif
