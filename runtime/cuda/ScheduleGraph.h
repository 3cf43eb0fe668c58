// A schedule as a CUDA graph: one launch of the whole in place of one per kernel. Decoding runs the same kernels
// over and over with few parameters changed; only those nodes are updated.
#ifndef HYBRID_RUNTIME_CUDA_SCHEDULEGRAPH_H
#define HYBRID_RUNTIME_CUDA_SCHEDULEGRAPH_H
#include "runtime/cuda/KernelCalls.h"

namespace hybridrt::cuda {

class ScheduleGraph {
public:
  ScheduleGraph(const Context &context, KernelCalls calls);
  ~ScheduleGraph();
  ScheduleGraph(const ScheduleGraph &) = delete;
  ScheduleGraph &operator=(const ScheduleGraph &) = delete;

  /// Brings the parameters up to date and launches. `next` runs the same kernels as the calls that the graph was
  /// made of.
  void launch(KernelCalls next);

private:
  void build();
  CUDA_KERNEL_NODE_PARAMS parametersOf(const KernelCall &call);

  const Context &context;
  const Driver &driver;
  KernelCalls calls;
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  std::vector<CUgraphNode> nodes;
};

} // namespace hybridrt::cuda
#endif
