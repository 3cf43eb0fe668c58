// The parameters of a program as its kernels read them: one stretch of the device's memory. A device that
// shares the host's memory reads the disk cache's file through a mapping; others get its bytes, and either gets
// what is made on the spot if there is no cache.
#ifndef HYBRID_RUNTIME_WEIGHTS_PACKEDWEIGHTS_H
#define HYBRID_RUNTIME_WEIGHTS_PACKEDWEIGHTS_H
#include "lib/Artifact/File.h"
#include "runtime/device/Memory.h"
#include "runtime/weights/DiskCache.h"
#include "runtime/weights/Recipe.h"
#include "runtime/x86/ThreadPool.h"
#include <optional>

namespace hybridrt {

class PackedWeights {
public:
  /// Packs what the cache does not hold. `notes` gets a line for everything that went another way than usual.
  PackedWeights(const artifact::ProgramT &program, const WeightSource &source, bool useCache, ThreadPool &pool,
                MemoryBudget &budget, std::vector<std::string> &notes);

  const void *param(size_t index) const { return base + offsets[index]; }
  uint64_t size() const { return total; }

private:
  void layOut(const artifact::ProgramT &program);
  bool mapCached(const std::string &path, uint64_t key);
  /// Brings the mapped file to where kernels read it.
  void load(MemoryBudget &budget);
  template <typename Sink>
  void pack(const artifact::ProgramT &program, const std::vector<Recipe> &recipes, ThreadPool &pool, Sink &&sink) const;
  bool packIntoCache(const artifact::ProgramT &program, const std::vector<Recipe> &recipes, const DiskCache &cache,
                     uint64_t key, ThreadPool &pool, std::vector<std::string> &notes);

  std::vector<uint64_t> offsets;
  uint64_t total = 0;
  std::byte *base = nullptr;
  std::optional<MappedFile> file;
  Block memory;
};

} // namespace hybridrt
#endif
