// Graphs: nodes and edges, executables made of them, and their updates.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/Graph.h"
#include <algorithm>
#include <unordered_set>

using namespace hybridrt;
using namespace hybridrt::driver;

namespace {
/// A graph made ready: its work in an order that heeds the edges, by node.
struct GraphExec : Object {
  static constexpr const char *kind = "executable graph";
  struct Item {
    const GraphNode *node;
    Work work;
    bool enabled = true;
  };
  std::vector<Item> items;

  Item &itemOf(const void *node) {
    for (Item &item : items)
      if (item.node == node)
        return item;
    refuseValue("expected a node of the graph that this was made of");
  }
};
} // namespace

Graph::~Graph() {
  for (auto &node : nodes)
    state().objects.erase(node.get());
}

GraphNode *Graph::add(Work work, std::vector<GraphNode *> before) {
  auto node = std::make_shared<GraphNode>();
  node->work = std::move(work);
  node->before = std::move(before);
  node->graph = this;
  nodes.push_back(node);
  addObject<CUgraphNode>(node);
  return node.get();
}

static std::vector<GraphNode *> nodesOf(const Graph &graph, const CUgraphNode *handles, size_t count) {
  std::vector<GraphNode *> list;
  for (size_t i = 0; i < count; ++i) {
    CUgraphNode handle;
    readCaller(&handle, handles + i, sizeof handle, "the nodes");
    auto node = findObject<GraphNode>(handle);
    if (node->graph != &graph)
      refuseValue("expected nodes of the same graph");
    list.push_back(node.get());
  }
  return list;
}

static std::shared_ptr<KernelWork> kernelOf(const CUDA_KERNEL_NODE_PARAMS *parameters) {
  CUDA_KERNEL_NODE_PARAMS p;
  readCaller(&p, parameters, sizeof p, "the node's parameters");
  CUfunction function = p.func ? p.func : reinterpret_cast<CUfunction>(p.kern);
  return makeKernelWork(
      function, {{p.gridDimX, p.gridDimY, p.gridDimZ}, {p.blockDimX, p.blockDimY, p.blockDimZ}, p.sharedMemBytes},
      p.kernelParams, p.extra);
}

/// A node's work with other parameters; the attributes that it was given stay.
static void setParameters(Work &work, const CUDA_KERNEL_NODE_PARAMS *parameters) {
  if (!work.kernel)
    refuseValue("expected a node that launches a kernel");
  std::shared_ptr<KernelWork> next = kernelOf(parameters);
  if (work.kernel->cluster.count() && next->function == work.kernel->function)
    setCluster(*next, work.kernel->cluster);
  work.kernel = next;
}

static CUresult addNode(const char *name, CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count,
                        const std::function<Work()> &make) {
  return callInitialised(name, [&] {
    need(node, "node");
    auto object = findObject<Graph>(graph);
    std::vector<GraphNode *> after = nodesOf(*object, before, count);
    *node = reinterpret_cast<CUgraphNode>(object->add(make(), std::move(after)));
  });
}

/// Nodes so that each comes after all that it waits for; refuses cycles.
static std::vector<GraphExec::Item> ordered(const Graph &graph) {
  std::vector<GraphExec::Item> items;
  std::unordered_set<const GraphNode *> done;
  while (items.size() < graph.nodes.size()) {
    size_t before = items.size();
    for (auto &node : graph.nodes) {
      if (done.contains(node.get()) ||
          !std::all_of(node->before.begin(), node->before.end(), [&](GraphNode *n) { return done.contains(n); }))
        continue;
      done.insert(node.get());
      items.push_back({node.get(), node->work});
    }
    if (items.size() == before)
      refuseValue("expected a graph without cycles");
  }
  return items;
}

static CUresult instantiate(const char *name, CUgraphExec *exec, CUgraph graph) {
  return callInitialised(name, [&] {
    need(exec, "exec");
    auto object = std::make_shared<GraphExec>();
    object->items = ordered(*findObject<Graph>(graph));
    *exec = addObject<CUgraphExec>(object);
  });
}

/// Whether a graph has the nodes that an executable was made of, in kind and order.
static CUgraphExecUpdateResult update(GraphExec &exec, const Graph &graph) {
  std::vector<GraphExec::Item> items = ordered(graph);
  if (items.size() != exec.items.size())
    return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].work.type != exec.items[i].work.type)
      return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  for (size_t i = 0; i < items.size(); ++i)
    exec.items[i].work = items[i].work;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

extern "C" {

CUresult cuGraphCreate(CUgraph *graph, unsigned flags) {
  return callInitialised("cuGraphCreate", [&] {
    need(graph, "graph");
    if (flags)
      refuseValue("expected flags of 0, got ", flags);
    *graph = addObject<CUgraph>(std::make_shared<Graph>());
  });
}

CUresult cuGraphDestroy(CUgraph graph) {
  return callInitialised("cuGraphDestroy", [&] {
    // Its nodes leave the table of objects, so the graph must not die while that is being changed.
    std::shared_ptr<Graph> alive = findObject<Graph>(graph);
    state().objects.erase(alive.get());
  });
}

CUresult cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count,
                                 const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return addNode("cuGraphAddKernelNode", node, graph, before, count,
                 [&] { return Work{CU_GRAPH_NODE_TYPE_KERNEL, kernelOf(parameters), nullptr}; });
}

CUresult cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count) {
  return addNode("cuGraphAddEmptyNode", node, graph, before, count,
                 [&] { return Work{CU_GRAPH_NODE_TYPE_EMPTY, nullptr, nullptr}; });
}

CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count) {
  return callInitialised("cuGraphAddDependencies", [&] {
    auto object = findObject<Graph>(graph);
    std::vector<GraphNode *> first = nodesOf(*object, from, count), second = nodesOf(*object, to, count);
    for (size_t i = 0; i < count; ++i)
      second[i]->before.push_back(first[i]);
  });
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  return callInitialised("cuGraphGetNodes", [&] {
    need(count, "count");
    auto object = findObject<Graph>(graph);
    for (size_t i = 0; nodes && i < std::min(*count, object->nodes.size()); ++i)
      nodes[i] = reinterpret_cast<CUgraphNode>(object->nodes[i].get());
    *count = object->nodes.size();
  });
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type) {
  return callInitialised("cuGraphNodeGetType", [&] {
    need(type, "type");
    *type = findObject<GraphNode>(node)->work.type;
  });
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode handle, const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return callInitialised("cuGraphKernelNodeSetParams",
                         [&] { setParameters(findObject<GraphNode>(handle)->work, parameters); });
}

CUresult cuGraphKernelNodeSetAttribute(CUgraphNode handle, CUlaunchAttributeID attribute,
                                       const CUlaunchAttributeValue *value) {
  return callInitialised("cuGraphKernelNodeSetAttribute", [&] {
    auto node = findObject<GraphNode>(handle);
    if (!node->work.kernel)
      refuseValue("expected a node that launches a kernel");
    CUlaunchAttributeValue v;
    readCaller(&v, value, sizeof v, "the attribute's value");
    if (attribute != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      return;
    auto changed = std::make_shared<KernelWork>(*node->work.kernel);
    setCluster(*changed, {v.clusterDim.x, v.clusterDim.y, v.clusterDim.z});
    node->work.kernel = changed;
  });
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  return instantiate("cuGraphInstantiateWithFlags", exec, graph);
}

CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *errorNode, char *log, size_t room) {
  return instantiate("cuGraphInstantiate", exec, graph);
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                           const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return callInitialised("cuGraphExecKernelNodeSetParams",
                         [&] { setParameters(findObject<GraphExec>(exec)->itemOf(node).work, parameters); });
}

CUresult cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node, unsigned enabled) {
  return callInitialised("cuGraphNodeSetEnabled",
                         [&] { findObject<GraphExec>(exec)->itemOf(node).enabled = enabled != 0; });
}

CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info) {
  return callInitialised("cuGraphExecUpdate", [&] {
    CUgraphExecUpdateResultInfo result{update(*findObject<GraphExec>(exec), *findObject<Graph>(graph)), nullptr,
                                       nullptr};
    if (info)
      writeCaller(info, &result, sizeof result, "the result");
    if (result.result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
      refuse(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "expected a graph of the same nodes");
  });
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  return callInContext("cuGraphLaunch", [&] {
    auto exec = findObject<GraphExec>(handle);
    auto queue = findStream(stream);
    for (const GraphExec::Item &item : exec->items)
      if (item.enabled)
        submit(*queue, item.work);
  });
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return callInitialised("cuGraphExecDestroy", [&] { dropObject<GraphExec>(exec); });
}

} // extern "C"
