// Named ranges of time for NVIDIA's profilers, where their library is installed; nothing otherwise.
#ifndef HYBRID_RUNTIME_CUDA_RANGES_H
#define HYBRID_RUNTIME_CUDA_RANGES_H

namespace hybridrt::cuda {

/// The time that it lives, under the name of a layer.
class NamedRange {
public:
  explicit NamedRange(const char *name);
  ~NamedRange();
  NamedRange(const NamedRange &) = delete;
  NamedRange &operator=(const NamedRange &) = delete;
};

} // namespace hybridrt::cuda
#endif
