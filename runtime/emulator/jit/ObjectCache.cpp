#include "runtime/emulator/jit/ObjectCache.h"
#include "lib/Artifact/CacheFolder.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Hash.h"
#include <atomic>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>

using namespace hybridrt;
namespace fs = std::filesystem;

/// Kernels beyond this many bytes push out those unused for longest.
constexpr uint64_t limit = 1ull << 30;

/// Empty where there is no place for one.
static std::string folder() {
  std::string place = cacheFolder();
  return place.empty() ? place : place + "/emulator";
}

/// Changes whenever the library is built anew.
static std::string library() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&library), &info))
    return {};
  std::error_code error;
  auto size = fs::file_size(info.dli_fname, error);
  auto time = fs::last_write_time(info.dli_fname, error).time_since_epoch().count();
  return std::to_string(size) + "," + std::to_string(time);
}

std::string emulator::cacheKey(const std::vector<std::string> &parts) {
  uint64_t hash = hashText(library()), second = ~hash;
  for (const std::string &part : parts) {
    hash = hashText(part, hash);
    second = hashText(part, second + part.size());
  }
  return hexadecimal(hash) + hexadecimal(second);
}

std::optional<std::string> emulator::readCached(const std::string &key) {
  std::string place = folder(), path = place + "/" + key + ".o";
  std::ifstream file(path, std::ios::binary);
  if (place.empty() || !file)
    return std::nullopt;
  touchCached(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void emulator::writeCached(const std::string &key, std::string_view bytes) {
  std::string place = folder();
  std::error_code error;
  if (place.empty() || (fs::create_directories(place, error), error))
    return;
  Status written = capture([&] {
    FileWriter file(place + "/" + key + ".o");
    file.write(bytes.data(), bytes.size());
    file.commit();
  });
  // Looking at all files is worth it now and then.
  static std::atomic<unsigned> writes = 0;
  if (written && writes++ % 64 == 0)
    evictUnused(place, {".o"}, limit);
}
