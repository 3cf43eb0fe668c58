// Launches: checks them as the device would, runs them, and turns what the engine reports into an error.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/Graph.h"
#include <cstdio>
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::driver;
using emulator::Dim3;
using emulator::Limits;

static std::string textOf(Dim3 size) { return concat("(", size.x, ", ", size.y, ", ", size.z, ")"); }

static void checkShape(const Function &function, const LaunchShape &shape) {
  const emulator::Kernel &kernel = *function.kernel;
  if (!shape.grid.count() || shape.grid.x > INT32_MAX || shape.grid.y > 65535 || shape.grid.z > 65535)
    refuseValue("'", kernel.name, "': expected a grid of 1 to (2147483647, 65535, 65535) blocks, got ",
                textOf(shape.grid));
  if (!shape.block.count() || shape.block.count() > Limits::threadsPerBlock || shape.block.z > 64)
    refuseValue("'", kernel.name, "': expected blocks of 1 to ", Limits::threadsPerBlock, " threads, got ",
                textOf(shape.block));
  if (kernel.requiredBlock.count() && !(shape.block == kernel.requiredBlock))
    refuseValue("'", kernel.name, "': expected blocks of ", textOf(kernel.requiredBlock),
                " threads, as its .reqntid says, got ", textOf(shape.block));
  if (kernel.maxBlock.count() && shape.block.count() > kernel.maxBlock.count())
    refuseValue("'", kernel.name, "': expected blocks of at most ", kernel.maxBlock.count(),
                " threads, as its .maxntid says, got ", textOf(shape.block));
  if (int64_t(shape.sharedBytes) > function.mostDynamicShared)
    refuseValue("'", kernel.name, "': expected at most ", function.mostDynamicShared,
                " bytes of dynamic shared memory, got ", shape.sharedBytes,
                "; raise the function's attribute MAX_DYNAMIC_SHARED_SIZE_BYTES");
}

/// Parameters one by one, or as the buffer that `extra` describes.
static std::vector<std::byte> gatherParameters(const emulator::Kernel &kernel, void **parameters, void **extra) {
  std::vector<std::byte> bytes(kernel.parameterBytes);
  if (extra) {
    constexpr uintptr_t endOfList = 0, bufferPointer = 1, bufferSize = 2;
    void *buffer = nullptr;
    size_t size = 0;
    for (size_t i = 0;; i += 2) {
      void *pair[2];
      readCaller(&pair[0], extra + i, sizeof pair[0], "'extra'");
      if (uintptr_t(pair[0]) == endOfList)
        break;
      readCaller(&pair[1], extra + i + 1, sizeof pair[1], "'extra'");
      if (uintptr_t(pair[0]) == bufferPointer)
        buffer = pair[1];
      else if (uintptr_t(pair[0]) == bufferSize)
        readCaller(&size, pair[1], sizeof size, "the parameter buffer's size");
      else
        refuseValue("expected 'extra' to hold a buffer and its size, got ", uint64_t(pair[0]));
    }
    if (size != bytes.size())
      refuseValue("'", kernel.name, "': expected ", bytes.size(), " bytes of parameters, got ", size);
    readCaller(bytes.data(), buffer, size, "the parameter buffer");
    return bytes;
  }
  if (!parameters && !kernel.parameters.empty())
    refuseValue("'", kernel.name, "': expected ", kernel.parameters.size(), " parameters, got NULL");
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const emulator::Parameter &parameter = kernel.parameters[i];
    const void *value = nullptr;
    readCaller(&value, parameters + i, sizeof value, "the list of parameters");
    std::string what = concat("parameter ", i, " of '", kernel.name, "'");
    readCaller(bytes.data() + parameter.offset, value, parameter.size, what.c_str());
  }
  return bytes;
}

void driver::setCluster(KernelWork &work, Dim3 cluster) {
  const emulator::Kernel &kernel = *work.function->kernel;
  uint64_t blocks = cluster.count();
  uint64_t most = work.function->largeClusters ? Limits::clusterBlocks : 8;
  if (!blocks || blocks > most)
    refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, "'", kernel.name, "': expected clusters of 1 to ", most, " blocks, got ",
           textOf(cluster));
  if (kernel.cluster.count() && !(kernel.cluster == cluster))
    refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, "'", kernel.name, "': expected clusters of ", textOf(kernel.cluster),
           ", as its .reqnctapercluster says, got ", textOf(cluster));
  if (work.grid.x % cluster.x || work.grid.y % cluster.y || work.grid.z % cluster.z)
    refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, "'", kernel.name, "': expected a grid of whole clusters of ",
           textOf(cluster), ", got ", textOf(work.grid));
  work.cluster = cluster;
}

std::shared_ptr<KernelWork> driver::makeKernelWork(CUfunction handle, const LaunchShape &shape, void **parameters,
                                                   void **extra) {
  auto work = std::make_shared<KernelWork>();
  work->function = findObject<Function>(handle);
  checkShape(*work->function, shape);
  work->grid = shape.grid;
  work->block = shape.block;
  work->sharedBytes = shape.sharedBytes;
  work->parameters = gatherParameters(*work->function->kernel, parameters, extra);
  if (Dim3 cluster = work->function->kernel->cluster; cluster.count())
    setCluster(*work, cluster);
  return work;
}

static void runKernel(const KernelWork &work) {
  emulator::Launch launch;
  launch.grid = work.grid;
  launch.block = work.block;
  launch.cluster = work.cluster.count() ? work.cluster : Dim3{1, 1, 1};
  launch.dynamicShared = work.sharedBytes;
  launch.parameters = work.parameters.data();
  launch.parameterBytes = work.parameters.size();
  const std::string &name = work.function->kernel->name;
  emulator::LaunchOptions options = state().settings.launch;
  std::optional<Result<emulator::LaunchReport>> result;
  {
    Unlocked unlocked;
    result.emplace(state().engine.launch(*work.function->code, name, launch, options));
  }
  if (!*result)
    refuse(CUDA_ERROR_LAUNCH_FAILED, result->error());
  const emulator::LaunchReport &report = **result;
  state().counters += report.counters;
  if (report.completed && report.diagnostics.empty())
    return;
  std::string text;
  for (const emulator::Diagnostic &diagnostic : report.diagnostics)
    text += (text.empty() ? "" : "\n") + diagnostic.text();
  if (text.empty())
    text = concat("'", name, "' did not complete");
  if (state().settings.strict || !report.completed)
    refuse(CUDA_ERROR_LAUNCH_FAILED, text);
  std::fprintf(stderr, "emulator: %s\n", text.c_str());
}

void driver::execute(const Work &work) {
  if (work.kernel)
    runKernel(*work.kernel);
  else if (work.run)
    work.run();
}

/// Attributes that matter to what a kernel does; the others say how fast.
static void applyAttributes(KernelWork &work, const CUlaunchConfig &config) {
  if (config.numAttrs > 64)
    refuseValue("expected at most 64 attributes, got ", config.numAttrs);
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    CUlaunchAttribute attribute;
    readCaller(&attribute, config.attrs + i, sizeof attribute, "the launch's attributes");
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      setCluster(work, {attribute.value.clusterDim.x, attribute.value.clusterDim.y, attribute.value.clusterDim.z});
    else if (attribute.id > 64)
      refuseValue("expected an attribute of launches, got ", unsigned(attribute.id));
  }
}

static void launch(CUfunction function, const LaunchShape &shape, CUstream stream, void **parameters, void **extra,
                   const CUlaunchConfig *config) {
  auto queue = findStream(stream);
  Work work{CU_GRAPH_NODE_TYPE_KERNEL, makeKernelWork(function, shape, parameters, extra), nullptr};
  if (config)
    applyAttributes(*work.kernel, *config);
  submit(*queue, std::move(work));
}

extern "C" {

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,
                        void **extra) {
  return callInContext("cuLaunchKernel", [&] {
    launch(function, {{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes}, stream, parameters, extra,
           nullptr);
  });
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                                   unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream,
                                   void **parameters) {
  return cuLaunchKernel(function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, parameters,
                        nullptr);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra) {
  return callInContext("cuLaunchKernelEx", [&] {
    CUlaunchConfig c;
    readCaller(&c, config, sizeof c, "the launch's configuration");
    launch(function, {{c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ}, c.sharedMemBytes},
           c.hStream, parameters, extra, &c);
  });
}

unsigned hybridEmulatorTakeCounts(EmulatorCount *counts, unsigned capacity) {
  unsigned total = 0;
  call("hybridEmulatorTakeCounts", [&] {
    emulator::Counters c = std::exchange(state().counters, {});
    const EmulatorCount list[] = {{"warp instructions", c.warpInstructions},
                                  {"thread instructions", c.threadInstructions},
                                  {"global requests", c.globalRequests},
                                  {"global sectors", c.globalSectors},
                                  {"global load bytes", c.globalLoadBytes},
                                  {"global store bytes", c.globalStoreBytes},
                                  {"shared requests", c.sharedRequests},
                                  {"shared wavefronts", c.sharedWavefronts},
                                  {"tensor flops", c.tensorFlops},
                                  {"async bytes", c.asyncBytes},
                                  {"bulk bytes", c.bulkBytes},
                                  {"barriers", c.barriers},
                                  {"atomics", c.atomics}};
    total = std::size(list);
    if (counts)
      std::copy_n(list, std::min<size_t>(capacity, total), counts);
  });
  return total;
}

} // extern "C"
