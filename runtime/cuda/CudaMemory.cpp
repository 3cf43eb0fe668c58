#include "runtime/cuda/CudaMemory.h"
#include <algorithm>
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::cuda;

/// Large enough for a copy to reach the bus's speed.
static constexpr uint64_t stageBytes = 4 << 20;

static CUdeviceptr addressOf(const std::byte *pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

CudaMemory::CudaMemory(const Context &context) : context(context), driver(*context.driver) {
  Context::Current current(context);
  try {
    if (context.attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) {
      CUmemPoolProps properties{};
      properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
      properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, context.device};
      context.check(driver.cuMemPoolCreate(&pool, &properties), "making a memory pool");
      // What is freed stays in the pool: caches and intermediates grow step by step.
      uint64_t keep = UINT64_MAX;
      context.check(driver.cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep),
                    "setting up the memory pool");
    }
    for (Stage &stage : stages) {
      context.check(driver.cuMemHostAlloc(&stage.memory, stageBytes, 0),
                    concat("taking ", formatBytes(double(stageBytes)), " of pinned memory"));
      context.check(driver.cuEventCreate(&stage.free, CU_EVENT_DISABLE_TIMING), "making an event");
    }
  } catch (...) {
    destroy();
    throw;
  }
}

CudaMemory::~CudaMemory() {
  Context::Current current(context);
  driver.cuStreamSynchronize(context.stream);
  destroy();
}

void CudaMemory::destroy() {
  for (Stage &stage : stages) {
    if (stage.free)
      driver.cuEventDestroy_v2(stage.free);
    if (stage.memory)
      driver.cuMemFreeHost(stage.memory);
  }
  if (pool)
    driver.cuMemPoolDestroy(pool);
}

uint64_t CudaMemory::available() const {
  Context::Current current(context);
  size_t free = 0, total = 0;
  context.check(driver.cuMemGetInfo_v2(&free, &total), "asking for the GPU's free memory");
  uint64_t reserved = 0, used = 0;
  if (pool) {
    context.check(driver.cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved),
                  "asking for the pool's memory");
    context.check(driver.cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used),
                  "asking for the pool's memory");
  }
  return free + (reserved > used ? reserved - used : 0);
}

CUdeviceptr CudaMemory::take(uint64_t bytes) {
  CUdeviceptr address = 0;
  CUresult result = pool ? driver.cuMemAllocFromPoolAsync(&address, bytes, pool, context.stream)
                         : driver.cuMemAlloc_v2(&address, bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && pool) {
    // What the pool keeps in pieces may do for a whole once it is given back.
    driver.cuStreamSynchronize(context.stream);
    driver.cuMemPoolTrimTo(pool, 0);
    result = driver.cuMemAllocFromPoolAsync(&address, bytes, pool, context.stream);
  }
  context.check(result, concat("taking ", formatBytes(double(bytes)), " of GPU memory"));
  return address;
}

void CudaMemory::give(CUdeviceptr address) {
  // Nothing can be done about a failure, which an earlier one has caused and told.
  if (pool) {
    driver.cuMemFreeAsync(address, context.stream);
  } else {
    driver.cuStreamSynchronize(context.stream);
    driver.cuMemFree_v2(address);
  }
}

void CudaMemory::zero(CUdeviceptr address, uint64_t bytes) {
  context.check(driver.cuMemsetD8Async(address, 0, bytes, context.stream), "zeroing GPU memory");
}

std::byte *CudaMemory::allocate(uint64_t bytes) {
  Context::Current current(context);
  CUdeviceptr address = take(bytes);
  zero(address, bytes);
  return reinterpret_cast<std::byte *>(address);
}

std::byte *CudaMemory::grow(std::byte *old, uint64_t from, uint64_t to) {
  Context::Current current(context);
  CUdeviceptr address = take(to);
  context.check(driver.cuMemcpyDtoDAsync_v2(address, addressOf(old), from, context.stream), "moving GPU memory");
  zero(address + from, to - from);
  give(addressOf(old));
  return reinterpret_cast<std::byte *>(address);
}

void CudaMemory::release(std::byte *address, uint64_t) {
  Context::Current current(context);
  give(addressOf(address));
}

CudaMemory::Stage &CudaMemory::nextStage() {
  Stage &stage = stages[turn++ % std::size(stages)];
  context.check(driver.cuEventSynchronize(stage.free), "waiting for a copy to the GPU");
  return stage;
}

void CudaMemory::write(std::byte *to, const void *from, uint64_t bytes) {
  Context::Current current(context);
  for (uint64_t at = 0; at < bytes; at += stageBytes) {
    uint64_t count = std::min(stageBytes, bytes - at);
    Stage &stage = nextStage();
    std::memcpy(stage.memory, static_cast<const std::byte *>(from) + at, count);
    context.check(driver.cuMemcpyHtoDAsync_v2(addressOf(to + at), stage.memory, count, context.stream),
                  "copying to the GPU");
    context.check(driver.cuEventRecord(stage.free, context.stream), "copying to the GPU");
  }
}

void CudaMemory::read(void *to, const std::byte *from, uint64_t bytes) {
  Context::Current current(context);
  // One piece arrives while the one before it is taken out.
  Stage *before = nullptr;
  uint64_t beforeAt = 0, beforeCount = 0;
  auto takeOut = [&] {
    if (!before)
      return;
    context.check(driver.cuEventSynchronize(before->free), "copying from the GPU");
    std::memcpy(static_cast<std::byte *>(to) + beforeAt, before->memory, beforeCount);
  };
  for (uint64_t at = 0; at < bytes; at += stageBytes) {
    uint64_t count = std::min(stageBytes, bytes - at);
    Stage &stage = nextStage();
    context.check(driver.cuMemcpyDtoHAsync_v2(stage.memory, addressOf(from + at), count, context.stream),
                  "copying from the GPU");
    context.check(driver.cuEventRecord(stage.free, context.stream), "copying from the GPU");
    takeOut();
    before = &stage;
    beforeAt = at;
    beforeCount = count;
  }
  takeOut();
}

void CudaMemory::copy(std::byte *to, const std::byte *from, uint64_t bytes) {
  Context::Current current(context);
  context.check(driver.cuMemcpyDtoDAsync_v2(addressOf(to), addressOf(from), bytes, context.stream),
                "copying in GPU memory");
}
