// The CPU as a device: kernels are functions, a launch is a parallel loop over its blocks.
#ifndef HYBRID_RUNTIME_X86_X86DEVICE_H
#define HYBRID_RUNTIME_X86_X86DEVICE_H
#include "runtime/device/Device.h"
#include "runtime/x86/NativeCode.h"
#include "runtime/x86/ThreadPool.h"
#include <optional>

namespace hybridrt {

class X86Device : public Device {
public:
  /// `memoryLimit` as in MemoryBudget.
  X86Device(ThreadPool &pool, CpuLevel level, uint64_t memoryLimit)
      : pool(pool), level(level), hostBudget(memoryLimit), scratch(hostBudget, "the kernels' scratch memory") {}

  std::string name() const override { return "x86"; }
  std::string description() const override { return nameOf(level); }
  MemoryBudget &budget() override { return hostBudget; }
  std::vector<std::string> targets() const override { return {"x86-64"}; }
  void load(const artifact::ProgramT &program, std::vector<std::string> &notes) override;
  const std::string &code() const override { return native->level(); }
  void run(const void *schedule, std::span<const Launch> launches, std::span<LaunchCost> costs) override;

private:
  ThreadPool &pool;
  CpuLevel level;
  std::optional<NativeCode> native;
  MemoryBudget hostBudget;
  Block scratch;
  uint64_t scratchBytes = 64;
};

} // namespace hybridrt
#endif
