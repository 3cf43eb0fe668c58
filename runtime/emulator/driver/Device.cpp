// The device, its contexts, and what can be asked about them. One device: a Hopper GPU as far as our compiler sees.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/State.h"
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

using namespace hybridrt;
using namespace hybridrt::driver;

static constexpr int driverVersion = 13000;
static constexpr const char *deviceName = "Hybrid PTX emulator";

/// The number in an environment variable, `otherwise` if it is not set.
static uint64_t settingOf(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  if (!text || !*text)
    return otherwise;
  uint64_t value = 0;
  auto [rest, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *rest)
    refuseValue("expected ", name, " to be a number, got '", text, "'");
  return value;
}

/// Which checks an environment variable names: 0 none, 1 all, or a list.
static emulator::Checks checksOf(const char *name) {
  const char *text = std::getenv(name);
  std::string_view value = text ? text : "";
  if (value.empty() || value == "1")
    return emulator::Checks::all();
  if (value == "0")
    return emulator::Checks::none();
  auto checks = capture([&] { return emulator::Checks::parse(value); });
  if (!checks)
    refuseValue(name, ": ", checks.error(), "; or 0 or 1");
  return *checks;
}

static Settings readSettings() {
  Settings settings;
  settings.launch.checks = checksOf("HYBRID_EMULATOR_CHECK");
  settings.launch.seed = settingOf("HYBRID_EMULATOR_SEED", 0);
  settings.launch.threads = unsigned(settingOf("HYBRID_EMULATOR_THREADS", 0));
  settings.launch.optimize = unsigned(settingOf("HYBRID_EMULATOR_OPTIMIZE", 0));
  settings.strict = settingOf("HYBRID_EMULATOR_STRICT", 1) != 0;
  return settings;
}

static int attributeOf(CUdevice_attribute attribute) {
  using emulator::Limits;
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
    return Limits::threadsPerBlock;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
    return 64;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
    return INT32_MAX;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
    return 65535;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
    return 48 << 10;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    return Limits::sharedPerBlock;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    return Limits::sharedPerBlock + 1024;
  case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
    return 1024;
  case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
    return 64 << 10;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
    return 32;
  case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
    return INT32_MAX;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
    return 64 << 10;
  case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
    return 512;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    return 132;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
    return 2048;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
    return 32;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    return 50 << 20;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
    return 1830000;
  case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
    return 2619000;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
    return 5120;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    return 9;
  case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
  case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
  case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
  case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
  case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH:
  case CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED:
    return 1;
  default: // what it has not
    return 0;
  }
}

static std::shared_ptr<Context> primaryContext() {
  auto &primary = state().primary;
  if (!primary) {
    primary = std::make_shared<Context>();
    primary->primary = true;
  }
  return primary;
}

static CUcontext createContext(unsigned flags, CUdevice device) {
  checkDevice(device);
  auto context = std::make_shared<Context>();
  context->flags = flags;
  contextStack().push_back(context);
  return addObject<CUcontext>(context);
}

extern "C" {

CUresult cuInit(unsigned flags) {
  return call("cuInit", [&] {
    if (flags)
      refuseValue("expected flags of 0, got ", flags);
    if (state().initialised)
      return;
    state().settings = readSettings();
    state().initialised = true;
  });
}

CUresult cuDriverGetVersion(int *version) {
  return call("cuDriverGetVersion", [&] {
    need(version, "version");
    *version = driverVersion;
  });
}

CUresult cuDeviceGetCount(int *count) {
  return callInitialised("cuDeviceGetCount", [&] {
    need(count, "count");
    *count = 1;
  });
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return callInitialised("cuDeviceGet", [&] {
    need(device, "device");
    checkDevice(ordinal);
    *device = 0;
  });
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return callInitialised("cuDeviceGetName", [&] {
    need(name, "name");
    checkDevice(device);
    if (length <= 0)
      refuseValue("expected room for a name, got ", length, " bytes");
    std::strncpy(name, deviceName, size_t(length) - 1);
    name[length - 1] = 0;
  });
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return callInitialised("cuDeviceGetUuid", [&] {
    need(uuid, "uuid");
    checkDevice(device);
    std::memcpy(uuid->bytes, "hybrid-emulator!", sizeof uuid->bytes);
  });
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return callInitialised("cuDeviceTotalMem", [&] {
    need(bytes, "bytes");
    checkDevice(device);
    *bytes = totalMemory();
  });
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  return callInitialised("cuDeviceGetAttribute", [&] {
    need(value, "value");
    checkDevice(device);
    if (attribute == 0 || attribute > 1000)
      refuseValue("expected a device attribute, got ", unsigned(attribute));
    *value = attributeOf(attribute);
  });
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
  return callInitialised("cuDeviceComputeCapability", [&] {
    need(major, "major");
    need(minor, "minor");
    checkDevice(device);
    *major = attributeOf(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    *minor = attributeOf(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  });
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
  return callInitialised("cuDeviceCanAccessPeer", [&] {
    need(can, "can");
    checkDevice(device);
    checkDevice(peer);
    *can = 0;
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  return callInitialised("cuDevicePrimaryCtxRetain", [&] {
    need(context, "context");
    checkDevice(device);
    auto primary = primaryContext();
    ++primary->retained;
    *context = addObject<CUcontext>(primary);
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return callInitialised("cuDevicePrimaryCtxRelease", [&] {
    checkDevice(device);
    auto primary = primaryContext();
    if (!primary->retained)
      refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a primary context that is retained");
    // Memory and modules stay: they belong to the device here, and their owners free them.
    if (--primary->retained == 0)
      state().objects.erase(primary.get());
  });
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return callInitialised("cuDevicePrimaryCtxReset", [&] { checkDevice(device); });
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  return callInitialised("cuDevicePrimaryCtxGetState", [&] {
    checkDevice(device);
    need(flags, "flags");
    need(active, "active");
    *flags = primaryContext()->flags;
    *active = primaryContext()->retained > 0;
  });
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return callInitialised("cuDevicePrimaryCtxSetFlags", [&] {
    checkDevice(device);
    primaryContext()->flags = flags;
  });
}

CUresult cuCtxCreate_v2(CUcontext *context, unsigned flags, CUdevice device) {
  return callInitialised("cuCtxCreate", [&] {
    need(context, "context");
    *context = createContext(flags, device);
  });
}

CUresult cuCtxCreate_v4(CUcontext *context, void *parameters, unsigned flags, CUdevice device) {
  return callInitialised("cuCtxCreate", [&] {
    need(context, "context");
    if (parameters)
      refuse(CUDA_ERROR_NOT_SUPPORTED, "parameters of contexts are not supported; pass NULL");
    *context = createContext(flags, device);
  });
}

CUresult cuCtxDestroy_v2(CUcontext handle) {
  return callInitialised("cuCtxDestroy", [&] {
    auto context = findObject<Context>(handle);
    if (context->primary)
      refuse(CUDA_ERROR_INVALID_CONTEXT, "the primary context is released, not destroyed");
    auto &stack = contextStack();
    if (!stack.empty() && stack.back() == context)
      stack.pop_back();
    dropObject<Context>(handle);
  });
}

CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return callInitialised("cuCtxPushCurrent", [&] { contextStack().push_back(findObject<Context>(handle)); });
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  return callInitialised("cuCtxPopCurrent", [&] {
    auto &stack = contextStack();
    if (stack.empty())
      refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a current context, and this thread has none");
    if (context)
      *context = reinterpret_cast<CUcontext>(stack.back().get());
    stack.pop_back();
  });
}

CUresult cuCtxSetCurrent(CUcontext handle) {
  return callInitialised("cuCtxSetCurrent", [&] {
    auto &stack = contextStack();
    std::shared_ptr<Context> context = handle ? findObject<Context>(handle) : nullptr;
    if (!stack.empty())
      stack.pop_back();
    if (context)
      stack.push_back(std::move(context));
  });
}

CUresult cuCtxGetCurrent(CUcontext *context) {
  return callInitialised("cuCtxGetCurrent", [&] {
    need(context, "context");
    auto &stack = contextStack();
    *context = stack.empty() ? nullptr : reinterpret_cast<CUcontext>(stack.back().get());
  });
}

CUresult cuCtxGetDevice(CUdevice *device) {
  return callInContext("cuCtxGetDevice", [&] {
    need(device, "device");
    *device = 0;
  });
}

CUresult cuCtxGetFlags(unsigned *flags) {
  return callInContext("cuCtxGetFlags", [&] {
    need(flags, "flags");
    *flags = currentContext()->flags;
  });
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version) {
  return callInitialised("cuCtxGetApiVersion", [&] {
    need(version, "version");
    *version = driverVersion;
  });
}

CUresult cuCtxSynchronize() {
  return callInContext("cuCtxSynchronize", [] {});
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  return callInContext("cuCtxGetStreamPriorityRange", [&] {
    if (least)
      *least = 0;
    if (greatest)
      *greatest = -5;
  });
}

CUresult cuCtxSetLimit(unsigned limit, size_t value) {
  return callInContext("cuCtxSetLimit", [] {});
}

CUresult cuCtxGetLimit(size_t *value, unsigned limit) {
  return callInContext("cuCtxGetLimit", [&] {
    need(value, "value");
    *value = 0;
  });
}

CUresult cuCtxSetCacheConfig(unsigned config) {
  return callInContext("cuCtxSetCacheConfig", [] {});
}

const char *hybridEmulatorMessage() { return lastMessage(); }

} // extern "C"
