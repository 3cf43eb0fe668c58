// Memory: allocations, pools, pinned host memory, copies and fills. Device addresses are host addresses, and all of
// them are checked before anything is touched.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/Graph.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unistd.h>

using namespace hybridrt;
using namespace hybridrt::driver;

uint64_t driver::totalMemory() { return uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)); }

static uint64_t freeMemory() {
  std::ifstream in("/proc/meminfo");
  std::string name;
  uint64_t value;
  for (std::string rest; in >> name >> value; std::getline(in, rest))
    if (name == "MemAvailable:")
      return std::min(value * 1024, totalMemory());
  return totalMemory();
}

static uint64_t allocate(uint64_t bytes, std::shared_ptr<MemoryPool> pool) {
  if (!bytes)
    refuseValue("expected at least 1 byte, got 0");
  if (uint64_t free = freeMemory(); bytes > free)
    refuse(CUDA_ERROR_OUT_OF_MEMORY, "expected at most ", free, " bytes, which are free, got ", bytes);
  Result<uint64_t> address = state().engine.allocate(bytes);
  if (!address)
    refuse(CUDA_ERROR_OUT_OF_MEMORY, address.error());
  // All ones: not a number in every floating-point format, so that reading what nobody wrote shows.
  std::memset(reinterpret_cast<void *>(*address), 0xff, bytes);
  if (pool) {
    pool->used += bytes;
    pool->mostUsed = std::max(pool->mostUsed, pool->used);
  }
  state().allocations[*address] = {Allocation::device, bytes, std::move(pool)};
  return *address;
}

static void release(uint64_t address) {
  if (!address)
    return;
  auto found = state().allocations.find(address);
  if (found == state().allocations.end() || found->second.kind != Allocation::device)
    refuseValue("expected the address of an allocation, got ", address);
  if (found->second.pool)
    found->second.pool->used -= found->second.bytes;
  state().engine.release(address).get();
  state().allocations.erase(found);
}

static std::shared_ptr<MemoryPool> defaultPool() {
  auto &pool = state().defaultPool;
  if (!pool) {
    pool = std::make_shared<MemoryPool>();
    addObject<CUmemoryPool>(pool);
  }
  return pool;
}

/// The allocation that holds an address.
static std::map<uint64_t, Allocation>::iterator allocationOf(uint64_t address) {
  auto &all = state().allocations;
  auto after = all.upper_bound(address);
  if (after != all.begin() && address - std::prev(after)->first < std::prev(after)->second.bytes)
    return std::prev(after);
  return all.end();
}

static void copyNow(uint64_t to, uint64_t from, uint64_t bytes) {
  // Either side may be the caller's own.
  if (isDeviceMemory(to, bytes) && isDeviceMemory(from, bytes))
    std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
  else if (isDeviceMemory(to, bytes))
    readCaller(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes, "the source");
  else
    writeCaller(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes, "the destination");
}

static void checkRange(uint64_t address, uint64_t bytes, const char *what) {
  if (!isDeviceMemory(address, bytes))
    refuseValue("expected ", bytes, " bytes of device memory for the ", what, ", got address ", address);
}

/// Which sides of a copy must be the device's.
enum Sides { toDevice = 1, fromDevice = 2, both = 3, either = 0 };

static void copy(uint64_t to, uint64_t from, uint64_t bytes, Sides sides, CUstream stream) {
  auto queue = findStream(stream);
  if (!bytes)
    return;
  if (sides & toDevice)
    checkRange(to, bytes, "destination");
  if (sides & fromDevice)
    checkRange(from, bytes, "source");
  submit(*queue, {CU_GRAPH_NODE_TYPE_MEMCPY, nullptr, [=] { copyNow(to, from, bytes); }});
}

static void fill(uint64_t to, size_t pitch, uint32_t value, unsigned elementBytes, size_t width, size_t height,
                 CUstream stream) {
  auto queue = findStream(stream);
  if (!width || !height)
    return;
  uint64_t row;
  if (to % elementBytes)
    refuseValue("expected an address aligned to ", elementBytes, " bytes, got ", to);
  if (__builtin_mul_overflow(uint64_t(width), uint64_t(elementBytes), &row) || (height > 1 && pitch < row))
    refuseValue("expected rows of at most ", pitch, " bytes, got ", width, " elements of ", elementBytes);
  uint64_t span;
  if (__builtin_mul_overflow(uint64_t(pitch), uint64_t(height - 1), &span) || __builtin_add_overflow(span, row, &span))
    refuseValue("expected a size that an address can span");
  checkRange(to, span, "destination");
  submit(*queue, {CU_GRAPH_NODE_TYPE_MEMSET, nullptr, [=] {
                    checkRange(to, span, "destination");
                    for (size_t y = 0; y < height; ++y)
                      for (size_t x = 0; x < width; ++x)
                        std::memcpy(reinterpret_cast<void *>(to + y * pitch + x * elementBytes), &value, elementBytes);
                  }});
}

static uint64_t sideOf(CUmemorytype type, const void *host, CUdeviceptr device) {
  if (type == CU_MEMORYTYPE_HOST)
    return reinterpret_cast<uint64_t>(host);
  if (type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED)
    return device;
  refuse(CUDA_ERROR_NOT_SUPPORTED, "expected memory of the host or the device, got type ", unsigned(type));
}

static void copy2D(const CUDA_MEMCPY2D *parameters, CUstream stream) {
  CUDA_MEMCPY2D c;
  readCaller(&c, parameters, sizeof c, "the copy's parameters");
  uint64_t from = sideOf(c.srcMemoryType, c.srcHost, c.srcDevice) + c.srcY * c.srcPitch + c.srcXInBytes;
  uint64_t to = sideOf(c.dstMemoryType, c.dstHost, c.dstDevice) + c.dstY * c.dstPitch + c.dstXInBytes;
  if (c.Height > 1 && (c.srcPitch < c.WidthInBytes || c.dstPitch < c.WidthInBytes))
    refuseValue("expected pitches of at least the width, ", c.WidthInBytes, " bytes, got ", c.srcPitch, " and ",
                c.dstPitch);
  int sides = (c.dstMemoryType == CU_MEMORYTYPE_DEVICE ? toDevice : 0) |
              (c.srcMemoryType == CU_MEMORYTYPE_DEVICE ? fromDevice : 0);
  for (size_t y = 0; y < c.Height; ++y)
    copy(to + y * c.dstPitch, from + y * c.srcPitch, c.WidthInBytes, Sides(sides), stream);
}

static void registerHost(void *address, size_t bytes) {
  uint8_t probe;
  readCaller(&probe, address, 1, "the range");
  readCaller(&probe, static_cast<char *>(address) + bytes - 1, 1, "the range");
  if (Status status = state().engine.registerRange(reinterpret_cast<uint64_t>(address), bytes); !status)
    refuse(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, status.error());
}

static CUresult allocateHost(const char *name, void **address, size_t bytes) {
  return callInContext(name, [&] {
    need(address, "address");
    if (!bytes || bytes > freeMemory())
      refuse(CUDA_ERROR_OUT_OF_MEMORY, "expected 1 to ", freeMemory(), " bytes, got ", bytes);
    void *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!memory)
      refuse(CUDA_ERROR_OUT_OF_MEMORY, "the host has no ", bytes, " bytes");
    std::memset(memory, 0, bytes);
    registerHost(memory, bytes);
    state().allocations[reinterpret_cast<uint64_t>(memory)] = {Allocation::host, bytes, nullptr};
    *address = memory;
  });
}

extern "C" {

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  return callInContext("cuMemGetInfo", [&] {
    need(free, "free");
    need(total, "total");
    *free = freeMemory();
    *total = totalMemory();
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  return callInContext("cuMemAlloc", [&] {
    need(address, "address");
    *address = allocate(bytes, nullptr);
  });
}

CUresult cuMemAllocManaged(CUdeviceptr *address, size_t bytes, unsigned flags) {
  return callInContext("cuMemAllocManaged", [&] {
    need(address, "address");
    *address = allocate(bytes, nullptr);
  });
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height, unsigned elementBytes) {
  return callInContext("cuMemAllocPitch", [&] {
    need(address, "address");
    need(pitch, "pitch");
    uint64_t rounded = (width + 511) / 512 * 512, bytes;
    if (rounded < width || __builtin_mul_overflow(rounded, uint64_t(height), &bytes))
      refuse(CUDA_ERROR_OUT_OF_MEMORY, "expected a size that an address can span, got ", width, " x ", height);
    *address = allocate(bytes, nullptr);
    *pitch = rounded;
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return callInContext("cuMemFree", [&] { release(address); });
}

CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream) {
  return callInContext("cuMemAllocAsync", [&] {
    need(address, "address");
    refuseCapture(*findStream(stream));
    *address = allocate(bytes, defaultPool());
  });
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, CUmemoryPool pool, CUstream stream) {
  return callInContext("cuMemAllocFromPoolAsync", [&] {
    need(address, "address");
    refuseCapture(*findStream(stream));
    *address = allocate(bytes, findObject<MemoryPool>(pool));
  });
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return callInContext("cuMemFreeAsync", [&] {
    refuseCapture(*findStream(stream));
    release(address);
  });
}

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties) {
  return callInContext("cuMemPoolCreate", [&] {
    need(pool, "pool");
    CUmemPoolProps wanted;
    readCaller(&wanted, properties, sizeof wanted, "the pool's properties");
    if (wanted.allocType != CU_MEM_ALLOCATION_TYPE_PINNED || wanted.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
      refuseValue("expected a pool of pinned memory on a device");
    checkDevice(wanted.location.id);
    *pool = addObject<CUmemoryPool>(std::make_shared<MemoryPool>());
  });
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return callInitialised("cuMemPoolDestroy", [&] { dropObject<MemoryPool>(pool); });
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  return callInitialised("cuDeviceGetDefaultMemPool", [&] {
    need(pool, "pool");
    checkDevice(device);
    *pool = reinterpret_cast<CUmemoryPool>(defaultPool().get());
  });
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) { return cuDeviceGetDefaultMemPool(pool, device); }

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep) {
  return callInitialised("cuMemPoolTrimTo", [&] { findObject<MemoryPool>(pool); });
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  return callInitialised("cuMemPoolSetAttribute", [&] {
    auto pool = findObject<MemoryPool>(handle);
    need(value, "value");
    if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
      readCaller(&pool->releaseThreshold, value, sizeof pool->releaseThreshold, "the threshold");
    else if (attribute < 1 || attribute > CU_MEMPOOL_ATTR_USED_MEM_HIGH)
      refuseValue("expected an attribute of pools, got ", unsigned(attribute));
  });
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  return callInitialised("cuMemPoolGetAttribute", [&] {
    auto pool = findObject<MemoryPool>(handle);
    uint64_t result = 0;
    int flag = 1;
    switch (attribute) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      result = pool->releaseThreshold;
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: // what is freed is gone at once
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      result = pool->used;
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      result = pool->mostUsed;
      break;
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      return writeCaller(value, &flag, sizeof flag, "the value");
    default:
      refuseValue("expected an attribute of pools, got ", unsigned(attribute));
    }
    writeCaller(value, &result, sizeof result, "the value");
  });
}

CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  return allocateHost("cuMemHostAlloc", address, bytes);
}

CUresult cuMemAllocHost_v2(void **address, size_t bytes) { return allocateHost("cuMemAllocHost", address, bytes); }

CUresult cuMemFreeHost(void *address) {
  return callInContext("cuMemFreeHost", [&] {
    auto found = state().allocations.find(reinterpret_cast<uint64_t>(address));
    if (found == state().allocations.end() || found->second.kind != Allocation::host)
      refuseValue("expected the address of pinned memory, got ", uint64_t(address));
    state().engine.unregisterRange(found->first).get();
    state().allocations.erase(found);
    std::free(address);
  });
}

CUresult cuMemHostRegister_v2(void *address, size_t bytes, unsigned flags) {
  return callInContext("cuMemHostRegister", [&] {
    need(address, "address");
    if (!bytes)
      refuseValue("expected at least 1 byte, got 0");
    registerHost(address, bytes);
    state().allocations[reinterpret_cast<uint64_t>(address)] = {Allocation::registered, bytes, nullptr};
  });
}

CUresult cuMemHostUnregister(void *address) {
  return callInContext("cuMemHostUnregister", [&] {
    auto found = state().allocations.find(reinterpret_cast<uint64_t>(address));
    if (found == state().allocations.end() || found->second.kind != Allocation::registered)
      refuse(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "expected the address of registered memory, got ",
             uint64_t(address));
    state().engine.unregisterRange(found->first).get();
    state().allocations.erase(found);
  });
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned flags) {
  return callInContext("cuMemHostGetDevicePointer", [&] {
    need(device, "device");
    auto found = allocationOf(reinterpret_cast<uint64_t>(host));
    if (found == state().allocations.end() || found->second.kind == Allocation::device)
      refuseValue("expected an address of pinned memory, got ", uint64_t(host));
    *device = reinterpret_cast<CUdeviceptr>(host);
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr address) {
  return callInContext("cuMemGetAddressRange", [&] {
    auto found = allocationOf(address);
    if (found == state().allocations.end())
      refuse(CUDA_ERROR_NOT_FOUND, "expected an address of an allocation, got ", address);
    if (base)
      *base = found->first;
    if (bytes)
      *bytes = found->second.bytes;
  });
}

CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr address) {
  return callInContext("cuPointerGetAttribute", [&] {
    need(value, "value");
    auto found = allocationOf(address);
    if (found == state().allocations.end())
      refuseValue("expected an address of an allocation, got ", address);
    bool device = found->second.kind == Allocation::device;
    auto give = [&](auto result) { writeCaller(value, &result, sizeof result, "the value"); };
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      return give(currentContext().get());
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      return give(device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      return give(address);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      return give(int(0));
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      return give(CUdeviceptr(found->first));
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      return give(size_t(found->second.bytes));
    default:
      refuse(CUDA_ERROR_NOT_SUPPORTED, "attribute ", unsigned(attribute), " of pointers is not supported");
    }
  });
}

#define HYBRID_COPY(name, text, TO, FROM, sides)                                                                       \
  CUresult name(TO to, FROM from, size_t bytes) {                                                                      \
    return callInContext(text, [&] { copy(uint64_t(to), uint64_t(from), bytes, sides, nullptr); });                    \
  }
HYBRID_COPY(cuMemcpy, "cuMemcpy", CUdeviceptr, CUdeviceptr, either)
HYBRID_COPY(cuMemcpyHtoD_v2, "cuMemcpyHtoD", CUdeviceptr, const void *, toDevice)
HYBRID_COPY(cuMemcpyDtoH_v2, "cuMemcpyDtoH", void *, CUdeviceptr, fromDevice)
HYBRID_COPY(cuMemcpyDtoD_v2, "cuMemcpyDtoD", CUdeviceptr, CUdeviceptr, both)
#undef HYBRID_COPY
#define HYBRID_COPY(name, text, TO, FROM, sides)                                                                       \
  CUresult name(TO to, FROM from, size_t bytes, CUstream stream) {                                                     \
    return callInContext(text, [&] { copy(uint64_t(to), uint64_t(from), bytes, sides, stream); });                     \
  }
HYBRID_COPY(cuMemcpyAsync, "cuMemcpyAsync", CUdeviceptr, CUdeviceptr, either)
HYBRID_COPY(cuMemcpyHtoDAsync_v2, "cuMemcpyHtoDAsync", CUdeviceptr, const void *, toDevice)
HYBRID_COPY(cuMemcpyDtoHAsync_v2, "cuMemcpyDtoHAsync", void *, CUdeviceptr, fromDevice)
HYBRID_COPY(cuMemcpyDtoDAsync_v2, "cuMemcpyDtoDAsync", CUdeviceptr, CUdeviceptr, both)
#undef HYBRID_COPY

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *parameters) {
  return callInContext("cuMemcpy2D", [&] { copy2D(parameters, nullptr); });
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *parameters, CUstream stream) {
  return callInContext("cuMemcpy2DAsync", [&] { copy2D(parameters, stream); });
}

#define HYBRID_FILL(bits, VALUE)                                                                                       \
  CUresult cuMemsetD##bits##_v2(CUdeviceptr to, VALUE value, size_t count) {                                           \
    return callInContext("cuMemsetD" #bits, [&] { fill(to, 0, value, bits / 8, count, 1, nullptr); });                 \
  }                                                                                                                    \
  CUresult cuMemsetD##bits##Async(CUdeviceptr to, VALUE value, size_t count, CUstream stream) {                        \
    return callInContext("cuMemsetD" #bits "Async", [&] { fill(to, 0, value, bits / 8, count, 1, stream); });          \
  }                                                                                                                    \
  CUresult cuMemsetD2D##bits##_v2(CUdeviceptr to, size_t pitch, VALUE value, size_t width, size_t height) {            \
    return callInContext("cuMemsetD2D" #bits, [&] { fill(to, pitch, value, bits / 8, width, height, nullptr); });      \
  }
HYBRID_FILL(8, unsigned char)
HYBRID_FILL(16, unsigned short)
HYBRID_FILL(32, unsigned)
#undef HYBRID_FILL

} // extern "C"
