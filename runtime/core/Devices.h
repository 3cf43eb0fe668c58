// From a device's name to the device.
#ifndef HYBRID_RUNTIME_CORE_DEVICES_H
#define HYBRID_RUNTIME_CORE_DEVICES_H
#include "runtime/device/Device.h"
#include "runtime/x86/ThreadPool.h"
#include <memory>

namespace hybridrt {

/// "x86" (or nothing), "cuda", "cuda:N" or "emulator"; an Error that says what is missing if there is no such
/// device. `cpu` forces a level of the x86; `memoryLimit` as in MemoryBudget; `pool` outlives the device.
std::unique_ptr<Device> openDevice(const std::string &name, const std::string &cpu, uint64_t memoryLimit,
                                   ThreadPool &pool);

/// The targets of programs that it would run, best first.
std::vector<std::string> targetsOfDevice(const std::string &name);

} // namespace hybridrt
#endif
