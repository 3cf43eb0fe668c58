// One GPU: its primary context, which it shares with whatever else the process runs there, and a stream of ours.
#ifndef HYBRID_RUNTIME_CUDA_CONTEXT_H
#define HYBRID_RUNTIME_CUDA_CONTEXT_H
#include "runtime/cuda/Driver.h"

namespace hybridrt::cuda {

/// Starts the driver and finds the GPU of that number; an Error that says how many there are if there is none.
CUdevice findGpu(const Driver &driver, int ordinal);
std::string nameOf(const Driver &driver, CUdevice device);
/// 80 for compute capability 8.0.
int capabilityOf(const Driver &driver, CUdevice device);

class Context {
public:
  Context(std::shared_ptr<const Driver> driver, int ordinal);
  ~Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  /// Makes the context the thread's while it lives; the caller's own comes back afterwards. Where that fails, so does
  /// every call that needs it.
  class Current {
  public:
    explicit Current(const Context &context);
    ~Current();
    Current(const Current &) = delete;

  private:
    const Driver &driver;
    bool entered;
  };

  int attribute(CUdevice_attribute attribute) const;
  const std::string &deviceName() const { return name; }
  /// Waits for everything in the stream; an Error if any of it failed.
  void synchronise(const std::string &doing) const;
  void check(CUresult result, const std::string &doing) const { driver->check(result, doing); }

  const std::shared_ptr<const Driver> driver;
  CUstream stream = nullptr;
  CUdevice device = 0;

private:
  CUcontext context = nullptr;
  std::string name;
};

} // namespace hybridrt::cuda
#endif
