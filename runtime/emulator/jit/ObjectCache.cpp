#include "runtime/emulator/jit/ObjectCache.h"
#include "lib/Artifact/Hash.h"
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace hybridrt;
namespace fs = std::filesystem;

/// Empty where there is no place for one.
static fs::path folder() {
  const char *home = std::getenv("HOME"), *cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache)
    return fs::path(cache) / "hybridc" / "emulator";
  return home && *home ? fs::path(home) / ".cache" / "hybridc" / "emulator" : fs::path();
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
  fs::path place = folder();
  std::ifstream file(place / (key + ".o"), std::ios::binary);
  if (place.empty() || !file)
    return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void emulator::writeCached(const std::string &key, std::string_view bytes) {
  fs::path place = folder();
  std::error_code error;
  if (place.empty() || (fs::create_directories(place, error), error))
    return;
  // A reader never sees a part: the file appears whole, under its name.
  fs::path temporary = place / (key + "." + std::to_string(getpid()));
  {
    std::ofstream file(temporary, std::ios::binary);
    file.write(bytes.data(), std::streamsize(bytes.size()));
    if (!file)
      return;
  }
  fs::rename(temporary, place / (key + ".o"), error);
}
