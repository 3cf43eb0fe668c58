#include "runtime/core/Devices.h"
#include "runtime/cuda/CudaDevice.h"
#include "runtime/x86/X86Device.h"
#include <charconv>

using namespace hybridrt;

/// The number of "cuda:N"; 0 for "cuda".
static int ordinalOf(const std::string &name) {
  int ordinal = 0;
  size_t colon = name.find(':');
  if (colon == std::string::npos)
    return ordinal;
  const char *begin = name.data() + colon + 1, *end = name.data() + name.size();
  auto [rest, error] = std::from_chars(begin, end, ordinal);
  if (error != std::errc() || rest != end || ordinal < 0)
    fail("expected a GPU's number in '", name, "', as in cuda:0");
  return ordinal;
}

namespace {
/// A device's name, taken apart.
struct DeviceName {
  enum { x86, gpu, emulator } kind;
  int ordinal = 0;

  explicit DeviceName(const std::string &name) {
    if (name.empty() || name == "x86")
      kind = x86;
    else if (name == "emulator")
      kind = emulator;
    else if (name == "cuda" || name.starts_with("cuda:"))
      kind = gpu, ordinal = ordinalOf(name);
    else
      fail("unknown device '", name, "', expected x86, cuda, cuda:N or emulator");
  }
  std::shared_ptr<const cuda::Driver> driver() const {
    return kind == emulator ? cuda::Driver::ofEmulator() : cuda::Driver::ofMachine();
  }
};
} // namespace

std::unique_ptr<Device> hybridrt::openDevice(const std::string &name, const std::string &cpu, uint64_t memoryLimit,
                                             ThreadPool &pool) {
  DeviceName parsed(name);
  if (parsed.kind == DeviceName::x86)
    return std::make_unique<X86Device>(pool, chooseCpuLevel(cpu), memoryLimit);
  return std::make_unique<cuda::CudaDevice>(name, parsed.driver(), parsed.ordinal, memoryLimit);
}

std::vector<std::string> hybridrt::targetsOfDevice(const std::string &name) {
  DeviceName parsed(name);
  if (parsed.kind == DeviceName::x86)
    return {"x86-64"};
  return cuda::targetsOf(*parsed.driver(), parsed.ordinal);
}
