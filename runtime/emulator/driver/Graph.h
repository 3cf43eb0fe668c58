// Work of streams: done at once, recorded, or kept in a graph. The emulator has no queues: what is submitted is done
// before the call returns, which is one of the orders that the driver interface allows.
#ifndef HYBRID_RUNTIME_EMULATOR_DRIVER_GRAPH_H
#define HYBRID_RUNTIME_EMULATOR_DRIVER_GRAPH_H
#include "runtime/emulator/driver/State.h"

namespace hybridrt::driver {

/// A launch of a kernel, checked.
struct KernelWork {
  std::shared_ptr<Function> function;
  emulator::Dim3 grid, block, cluster{0, 0, 0};
  unsigned sharedBytes = 0;
  std::vector<std::byte> parameters;
};

struct Work {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  /// Of a kernel; `run` is everything else.
  std::shared_ptr<KernelWork> kernel;
  std::function<void()> run;
};
void execute(const Work &work);

struct GraphNode : Object {
  static constexpr const char *kind = "graph node";
  Work work;
  std::vector<GraphNode *> before;
  Graph *graph = nullptr;
};

struct Graph : Object {
  static constexpr const char *kind = "graph";
  std::vector<std::shared_ptr<GraphNode>> nodes;
  ~Graph() override;
  /// Adds a node that comes after others of the graph, and makes it known.
  GraphNode *add(Work work, std::vector<GraphNode *> before);
};

/// Does the work, or records it if the stream is being recorded.
void submit(Stream &stream, Work work);
/// Refuses calls that cannot be recorded while the stream is.
void refuseCapture(const Stream &stream);

/// A launch from what a caller passes; refuses what the device would.
struct LaunchShape {
  emulator::Dim3 grid, block;
  unsigned sharedBytes = 0;
};
std::shared_ptr<KernelWork> makeKernelWork(CUfunction function, const LaunchShape &shape, void **parameters,
                                           void **extra);
/// Sets the cluster of a launch; refuses impossible ones.
void setCluster(KernelWork &work, emulator::Dim3 cluster);

} // namespace hybridrt::driver
#endif
