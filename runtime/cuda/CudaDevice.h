// An NVIDIA GPU, or the emulator in its place, as a device of the runtime.
#ifndef HYBRID_RUNTIME_CUDA_CUDADEVICE_H
#define HYBRID_RUNTIME_CUDA_CUDADEVICE_H
#include "runtime/cuda/CudaMemory.h"
#include "runtime/cuda/ScheduleGraph.h"
#include "runtime/device/Device.h"
#include <map>

namespace hybridrt::cuda {

/// The programs that a GPU runs, best first; an Error if it is too old for any.
std::vector<std::string> targetsOf(const Driver &driver, int ordinal);

class CudaDevice : public Device {
public:
  /// `name` is what the user called it; `memoryLimit` as in MemoryBudget.
  CudaDevice(std::string name, std::shared_ptr<const Driver> driver, int ordinal, uint64_t memoryLimit);
  ~CudaDevice() override;

  std::string name() const override { return deviceName; }
  std::string description() const override { return context.deviceName(); }
  MemoryBudget &budget() override { return gpuBudget; }
  std::vector<std::string> targets() const override { return targetList; }
  void load(const artifact::ProgramT &program, std::vector<std::string> &notes) override;
  const std::string &code() const override { return kernels->code(); }
  void run(const void *schedule, std::span<const Launch> launches, std::span<LaunchCost> costs) override;

private:
  /// Runs of one schedule with the same kernels, those without blocks left out.
  struct Schedule {
    uint64_t runs = 0;
    std::unique_ptr<ScheduleGraph> graph;
  };
  void launchOne(KernelCalls &calls, const KernelCall &call);
  void runMeasured(std::span<const Launch> launches, std::span<LaunchCost> costs);
  std::vector<Count> takeCounts() const;

  std::string deviceName;
  Context context;
  CudaMemory gpuMemory;
  MemoryBudget gpuBudget;
  std::vector<std::string> targetList;
  std::unique_ptr<Kernels> kernels;
  std::map<std::pair<const void *, std::vector<bool>>, Schedule> schedules;
  CUevent start = nullptr, end = nullptr;
};

} // namespace hybridrt::cuda
#endif
