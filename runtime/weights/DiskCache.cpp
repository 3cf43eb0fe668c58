#include "runtime/weights/DiskCache.h"
#include "lib/Artifact/CacheFolder.h"
#include "lib/Artifact/Result.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

using namespace hybridrt;

/// What $HYBRID_CACHE_GIB says, in bytes.
static uint64_t chosenLimit() {
  const char *text = std::getenv("HYBRID_CACHE_GIB");
  if (!text)
    return uint64_t(64) << 30;
  char *end;
  double size = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(size >= 0 && size < 1e9))
    fail("expected HYBRID_CACHE_GIB to be a number of GiB, found '", text, "'");
  return uint64_t(size * 0x1p30);
}

DiskCache::DiskCache() : folder(cacheFolder()), limit(chosenLimit()) {
  if (folder.empty())
    fail("no folder for the cache: expected XDG_CACHE_HOME or HOME to be an absolute path; --no-cache does "
         "without");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail("cannot make the cache's folder '", folder, "': ", error.message(), "; --no-cache does without");
}

void DiskCache::touch(const std::string &name) const { touchCached(path(name)); }

void DiskCache::evict(uint64_t room, const std::string &keep) const {
  evictUnused(folder, {".pack", ".hyb"}, limit, room, keep);
}

DiskCache::Lock::Lock(const DiskCache &cache, const std::string &name) {
  std::string file = cache.path(name + ".lock");
  descriptor = open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor < 0)
    fail("cannot lock '", file, "': ", std::strerror(errno), "; --no-cache does without");
  while (flock(descriptor, LOCK_EX) != 0)
    if (errno != EINTR) {
      int error = errno;
      close(descriptor);
      fail("cannot lock '", file, "': ", std::strerror(error), "; --no-cache does without");
    }
}

DiskCache::Lock::~Lock() { close(descriptor); }
