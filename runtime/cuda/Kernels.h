// A program's kernels on a GPU: the module, and what every launch of one has in common.
#ifndef HYBRID_RUNTIME_CUDA_KERNELS_H
#define HYBRID_RUNTIME_CUDA_KERNELS_H
#include "lib/Artifact/Artifact.h"
#include "runtime/cuda/Context.h"
#include <array>
#include <string>
#include <vector>

namespace hybridrt::cuda {

struct KernelHandle {
  CUfunction function = nullptr;
  const artifact::KernelT *kernel = nullptr;
  /// The cluster that every launch asks for, if any.
  CUlaunchAttribute cluster{};
  bool hasCluster() const { return cluster.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION; }
  std::array<unsigned, 3> clusterExtents() const {
    return {cluster.value.clusterDim.x, cluster.value.clusterDim.y, cluster.value.clusterDim.z};
  }
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

} // namespace hybridrt::cuda
#endif
