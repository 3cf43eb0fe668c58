// Launches as the driver takes them: grids, and what is passed to each kernel.
#ifndef HYBRID_RUNTIME_CUDA_KERNELCALLS_H
#define HYBRID_RUNTIME_CUDA_KERNELCALLS_H
#include "runtime/cuda/Kernels.h"
#include "runtime/device/Device.h"

namespace hybridrt::cuda {

/// One launch as the driver takes it. A parameter of our kernels is a pointer or a size of 8 bytes, or a tensor map.
struct KernelCall {
  const KernelHandle *handle;
  std::array<unsigned, 3> grid;
  /// Of the lists that hold the words and the tensor maps of all calls.
  size_t firstWord, wordCount, firstMap, mapCount;
  const char *label;
};

/// A straight line of launches.
class KernelCalls {
public:
  /// An Error if no GPU runs a launch of this size, or the driver refuses one of its tensor maps.
  void add(const Driver &driver, const KernelHandle &handle, const Launch &launch);
  bool empty() const { return calls.empty(); }
  size_t size() const { return calls.size(); }
  const KernelCall &operator[](size_t index) const { return calls[index]; }
  auto begin() const { return calls.begin(); }
  auto end() const { return calls.end(); }

  /// Whether call `index` passes what the other line's call of this index does.
  bool sameCall(size_t index, const KernelCalls &other) const;
  /// Pointers to the call's parameters, as the driver takes them; valid until the next call or change.
  void **pointers(const KernelCall &call);

private:
  std::vector<KernelCall> calls;
  std::vector<uint64_t> words;
  std::vector<CUtensorMap> maps;
  std::vector<void *> addresses;
};

} // namespace hybridrt::cuda
#endif
