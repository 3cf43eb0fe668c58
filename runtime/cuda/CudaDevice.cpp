#include "runtime/cuda/CudaDevice.h"
#include "runtime/cuda/Ranges.h"
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::cuda;

std::vector<std::string> cuda::targetsOf(const Driver &driver, int ordinal) {
  CUdevice device = findGpu(driver, ordinal);
  int capability = capabilityOf(driver, device);
  if (capability < 80)
    fail("expected a GPU of compute capability 8.0 or later, found ", nameOf(driver, device), " of ", capability / 10,
         ".", capability % 10);
  // Code with an "a" runs on its own architecture alone; the PTX of sm_80 runs on everything later.
  if (capability == 90)
    return {"sm_90a", "sm_80"};
  return {"sm_80"};
}

CudaDevice::CudaDevice(std::string name, std::shared_ptr<const Driver> driver, int ordinal, uint64_t memoryLimit)
    : deviceName(std::move(name)), context(std::move(driver), ordinal), gpuMemory(context),
      gpuBudget(memoryLimit, gpuMemory), targetList(targetsOf(*context.driver, ordinal)) {
  Context::Current current(context);
  context.check(context.driver->cuEventCreate(&start, 0), "making an event");
  context.check(context.driver->cuEventCreate(&end, 0), "making an event");
}

CudaDevice::~CudaDevice() {
  Context::Current current(context);
  for (CUevent event : {start, end})
    if (event)
      context.driver->cuEventDestroy_v2(event);
}

void CudaDevice::load(const artifact::ProgramT &program, std::vector<std::string> &notes) {
  kernels = std::make_unique<Kernels>(context, program, notes);
}

void CudaDevice::launchOne(KernelCalls &calls, const KernelCall &call) {
  NamedRange range(call.label);
  CUlaunchConfig config{};
  config.gridDimX = call.grid[0];
  config.gridDimY = call.grid[1];
  config.gridDimZ = call.grid[2];
  config.blockDimX = call.handle->kernel->threads;
  config.blockDimY = config.blockDimZ = 1;
  config.sharedMemBytes = call.handle->kernel->shared_bytes;
  config.hStream = context.stream;
  CUlaunchAttribute cluster = call.handle->cluster;
  config.attrs = &cluster;
  config.numAttrs = call.handle->hasCluster();
  CUresult result = context.driver->cuLaunchKernelEx(&config, call.handle->function, calls.pointers(call), nullptr);
  if (result != CUDA_SUCCESS)
    fail("running '", call.label, "': ", context.driver->describe(result));
}

void CudaDevice::run(const void *schedule, std::span<const Launch> launches, std::span<LaunchCost> costs) {
  Context::Current current(context);
  if (!costs.empty())
    return runMeasured(launches, costs);
  KernelCalls calls;
  std::vector<bool> present;
  for (const Launch &launch : launches) {
    present.push_back(launch.blocks > 0);
    if (launch.blocks > 0)
      calls.add(*context.driver, (*kernels)[launch.kernel], launch);
  }
  if (calls.empty())
    return;
  // A schedule that comes again will come often: decoding.
  Schedule &known = schedules[{schedule, std::move(present)}];
  if (++known.runs == 1) {
    for (const KernelCall &call : calls)
      launchOne(calls, call);
  } else {
    NamedRange range("schedule");
    if (!known.graph)
      known.graph = std::make_unique<ScheduleGraph>(context, calls);
    known.graph->launch(std::move(calls));
  }
  context.synchronise("running the model's kernels");
}

void CudaDevice::runMeasured(std::span<const Launch> launches, std::span<LaunchCost> costs) {
  const Driver &driver = *context.driver;
  takeCounts(); // of earlier launches
  for (size_t i = 0; i < launches.size(); ++i) {
    if (launches[i].blocks <= 0)
      continue;
    KernelCalls calls;
    calls.add(driver, (*kernels)[launches[i].kernel], launches[i]);
    context.check(driver.cuEventRecord(start, context.stream), "measuring a kernel");
    launchOne(calls, calls[0]);
    context.check(driver.cuEventRecord(end, context.stream), "measuring a kernel");
    context.synchronise(concat("running '", launches[i].label, "'"));
    float milliseconds = 0;
    context.check(driver.cuEventElapsedTime(&milliseconds, start, end), "measuring a kernel");
    costs[i].seconds = milliseconds * 1e-3;
    costs[i].counts = takeCounts();
  }
}

std::vector<Count> CudaDevice::takeCounts() const {
  std::vector<Count> counts;
  if (!context.driver->isEmulator() || !context.driver->hybridEmulatorTakeCounts)
    return counts;
  EmulatorCount list[64];
  unsigned total = std::min<unsigned>(context.driver->hybridEmulatorTakeCounts(list, std::size(list)), std::size(list));
  for (unsigned i = 0; i < total; ++i)
    counts.push_back({list[i].name, list[i].value});
  return counts;
}
