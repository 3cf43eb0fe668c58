// What the runtime asks of the thing that runs kernels. A device owns its memory, loads the code of one
// program, and runs straight lines of launches; plans, caches and weights are above it and know no device by
// name.
#ifndef HYBRID_RUNTIME_DEVICE_DEVICE_H
#define HYBRID_RUNTIME_DEVICE_DEVICE_H
#include "lib/Artifact/Artifact.h"
#include "runtime/device/Memory.h"
#include <array>
#include <span>
#include <vector>

namespace hybridrt {

/// A tensor that a GPU's copy engine moves boxes of; `sizes` as many as the view has.
struct LaunchView {
  const artifact::BoxViewT *view;
  void *address;
  std::array<int64_t, 5> sizes;
};

/// One launch of a kernel, all sizes known. Nothing runs if `blocks` is 0.
struct Launch {
  uint32_t kernel = 0;
  std::array<int64_t, 3> grid{1, 1, 1};
  int64_t blocks = 1;
  std::span<void *const> buffers;
  std::span<const int64_t> scalars;
  /// Names the layer, for people.
  const char *label = "";
  std::span<const LaunchView> views;
};

/// A figure that a device counts while it runs a launch, such as "global sectors". Names live as long as the
/// device.
struct Count {
  const char *name;
  uint64_t value;
};

/// What a launch cost.
struct LaunchCost {
  double seconds = 0;
  std::vector<Count> counts;
};

class Device {
public:
  virtual ~Device() = default;

  /// "x86", "cuda:0", "emulator", and what it is, for people.
  virtual std::string name() const = 0;
  virtual std::string description() const = 0;
  /// Its memory, and what this model may take of it.
  virtual MemoryBudget &budget() = 0;
  MemorySpace &memory() { return budget().space(); }

  /// Targets of programs that it runs, best first.
  virtual std::vector<std::string> targets() const = 0;
  /// Makes the kernels of a program ready. The program outlives the device. `notes` gets a line for everything
  /// that went another way than usual.
  virtual void load(const artifact::ProgramT &program, std::vector<std::string> &notes) = 0;
  /// Which code was loaded: "x86-64-v3", "sm_90a".
  virtual const std::string &code() const = 0;

  /// Runs launches one after another and returns when they are done. `schedule` names the straight line that
  /// they come from: two runs of one schedule launch the same kernels, with other sizes perhaps. `costs` is
  /// empty, or gets one entry per launch.
  virtual void run(const void *schedule, std::span<const Launch> launches, std::span<LaunchCost> costs) = 0;
};

} // namespace hybridrt
#endif
