// A GPU's memory: allocations come from a pool and are ordered in the stream; the host's data goes through pinned
// memory in pieces, so that reading a mapped file and copying to the GPU overlap.
#ifndef HYBRID_RUNTIME_CUDA_CUDAMEMORY_H
#define HYBRID_RUNTIME_CUDA_CUDAMEMORY_H
#include "runtime/cuda/Context.h"
#include "runtime/device/Memory.h"

namespace hybridrt::cuda {

class CudaMemory : public MemorySpace {
public:
  explicit CudaMemory(const Context &context);
  ~CudaMemory() override;

  bool isHost() const override { return false; }
  uint64_t available() const override;
  std::byte *allocate(uint64_t bytes) override;
  std::byte *grow(std::byte *old, uint64_t from, uint64_t to) override;
  void release(std::byte *address, uint64_t bytes) override;
  void write(std::byte *to, const void *from, uint64_t bytes) override;
  void read(void *to, const std::byte *from, uint64_t bytes) override;
  void copy(std::byte *to, const std::byte *from, uint64_t bytes) override;

private:
  /// A piece of pinned memory, and when the GPU is done with it.
  struct Stage {
    void *memory = nullptr;
    CUevent free = nullptr;
  };
  CUdeviceptr take(uint64_t bytes);
  void give(CUdeviceptr address);
  void zero(CUdeviceptr address, uint64_t bytes);
  Stage &nextStage();
  void destroy();

  const Context &context;
  const Driver &driver;
  /// Null on GPUs without stream-ordered allocation.
  CUmemoryPool pool = nullptr;
  Stage stages[2];
  unsigned turn = 0;
};

} // namespace hybridrt::cuda
#endif
