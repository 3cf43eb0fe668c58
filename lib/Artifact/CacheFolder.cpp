#include "lib/Artifact/CacheFolder.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

using namespace hybridrt;
namespace fs = std::filesystem;

std::string hybridrt::cacheFolder() {
  const char *xdg = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (xdg && *xdg == '/')
    return std::string(xdg) + "/hybridc";
  return home && *home == '/' ? std::string(home) + "/.cache/hybridc" : std::string();
}

void hybridrt::touchCached(const std::string &path) {
  // Best effort: a cache that cannot be written is still good to read.
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
}

void hybridrt::evictUnused(const std::string &folder, const std::vector<std::string> &extensions, uint64_t limit,
                           uint64_t room, const std::string &keep) {
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
    bool temporary = item.path().filename().string().find(".tmp.") != std::string::npos;
    if (temporary && item.last_write_time(gone) < fs::file_time_type::clock::now() - std::chrono::hours(24))
      fs::remove(item.path(), gone);
    if (std::ranges::count(extensions, item.path().extension().string()) == 0 || item.path().filename() == keep)
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
