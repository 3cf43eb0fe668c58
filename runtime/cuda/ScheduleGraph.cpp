#include "runtime/cuda/ScheduleGraph.h"
#include <utility>

using namespace hybridrt;
using namespace hybridrt::cuda;

ScheduleGraph::ScheduleGraph(const Context &context, KernelCalls first)
    : context(context), driver(*context.driver), calls(std::move(first)) {
  try {
    build();
  } catch (...) {
    if (graph)
      driver.cuGraphDestroy(graph);
    throw;
  }
}

ScheduleGraph::~ScheduleGraph() {
  Context::Current current(context);
  driver.cuGraphExecDestroy(exec);
  driver.cuGraphDestroy(graph);
}

CUDA_KERNEL_NODE_PARAMS ScheduleGraph::parametersOf(const KernelCall &call) {
  CUDA_KERNEL_NODE_PARAMS parameters{};
  parameters.func = call.handle->function;
  parameters.gridDimX = call.grid[0];
  parameters.gridDimY = call.grid[1];
  parameters.gridDimZ = call.grid[2];
  parameters.blockDimX = call.handle->kernel->threads;
  parameters.blockDimY = parameters.blockDimZ = 1;
  parameters.sharedMemBytes = call.handle->kernel->shared_bytes;
  parameters.kernelParams = calls.pointers(call);
  return parameters;
}

void ScheduleGraph::build() {
  context.check(driver.cuGraphCreate(&graph, 0), "making a CUDA graph");
  for (const KernelCall &call : calls) {
    CUDA_KERNEL_NODE_PARAMS parameters = parametersOf(call);
    CUgraphNode node = nullptr;
    context.check(driver.cuGraphAddKernelNode_v2(&node, graph, nodes.empty() ? nullptr : &nodes.back(),
                                                 nodes.empty() ? 0 : 1, &parameters),
                  concat("adding '", call.label, "' to a CUDA graph"));
    if (call.handle->hasCluster())
      context.check(driver.cuGraphKernelNodeSetAttribute(node, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
                                                         &call.handle->cluster.value),
                    concat("adding '", call.label, "' to a CUDA graph"));
    nodes.push_back(node);
  }
  context.check(driver.cuGraphInstantiateWithFlags(&exec, graph, 0), "completing a CUDA graph");
}

void ScheduleGraph::launch(KernelCalls next) {
  std::swap(calls, next);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (calls.sameCall(i, next))
      continue;
    const KernelCall &call = calls[i];
    CUDA_KERNEL_NODE_PARAMS parameters = parametersOf(call);
    context.check(driver.cuGraphExecKernelNodeSetParams_v2(exec, nodes[i], &parameters),
                  concat("updating '", call.label, "' in a CUDA graph"));
  }
  context.check(driver.cuGraphLaunch(exec, context.stream), "launching a CUDA graph");
}
