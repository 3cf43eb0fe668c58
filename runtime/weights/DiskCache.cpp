#include "runtime/weights/DiskCache.h"
#include "lib/Artifact/Result.h"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace hybridrt;
namespace fs = std::filesystem;

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

DiskCache::DiskCache() : limit(chosenLimit()) {
  const char *xdg = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (xdg && *xdg == '/')
    folder = std::string(xdg) + "/hybridc";
  else if (home && *home == '/')
    folder = std::string(home) + "/.cache/hybridc";
  else
    fail("no folder for the cache: expected XDG_CACHE_HOME or HOME to be an absolute path; --no-cache does "
         "without");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail("cannot make the cache's folder '", folder, "': ", error.message(), "; --no-cache does without");
}

void DiskCache::touch(const std::string &name) const {
  // Best effort: a cache that cannot be written is still good to read.
  utimensat(AT_FDCWD, path(name).c_str(), nullptr, 0);
}

void DiskCache::evict(uint64_t room, const std::string &keep) const {
  struct Entry {
    fs::file_time_type used;
    uint64_t size;
    fs::path path;
  };
  std::vector<Entry> entries;
  uint64_t total = room;
  std::error_code error;
  for (auto &item : fs::directory_iterator(folder, error)) {
    std::error_code gone; // another process may be evicting too
    std::string extension = item.path().extension().string();
    // What a killed process left: nobody writes for a day.
    bool temporary = item.path().filename().string().find(".tmp.") != std::string::npos;
    if (temporary && item.last_write_time(gone) < fs::file_time_type::clock::now() - std::chrono::hours(24))
      fs::remove(item.path(), gone);
    if ((extension != ".pack" && extension != ".hyb") || item.path().filename() == keep)
      continue;
    Entry entry{item.last_write_time(gone), item.file_size(gone), item.path()};
    if (!gone) {
      total += entry.size;
      entries.push_back(std::move(entry));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &entry : entries) {
    if (total <= limit)
      break;
    fs::remove(entry.path, error); // those who have it mapped keep it
    total -= entry.size;
  }
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
