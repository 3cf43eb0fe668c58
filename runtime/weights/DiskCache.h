// The folder where packed weights and compiled models are kept between runs, shared by processes.
#ifndef HYBRID_RUNTIME_WEIGHTS_DISKCACHE_H
#define HYBRID_RUNTIME_WEIGHTS_DISKCACHE_H
#include <cstdint>
#include <string>

namespace hybridrt {

class DiskCache {
public:
  /// $XDG_CACHE_HOME/hybridc or ~/.cache/hybridc, created if missing. An Error if it cannot be.
  /// It holds at most $HYBRID_CACHE_GIB GiB, 64 if that is not set.
  DiskCache();
  std::string path(const std::string &name) const { return folder + "/" + name; }
  /// Marks an entry as used now, for the choice of what to evict.
  void touch(const std::string &name) const;
  /// Removes the entries that were not used for longest until `room` more bytes fit into the limit.
  void evict(uint64_t room, const std::string &keep) const;

  /// Held while an entry is made, so that two processes do not make it twice.
  class Lock {
  public:
    Lock(const DiskCache &cache, const std::string &name);
    ~Lock();
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

  private:
    int descriptor;
  };

private:
  std::string folder;
  uint64_t limit;
};

} // namespace hybridrt
#endif
