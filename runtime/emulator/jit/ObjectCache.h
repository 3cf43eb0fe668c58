// Translated kernels on disk, in the folder that hybridc caches in. A cache that cannot be used is no error.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_OBJECTCACHE_H
#define HYBRID_RUNTIME_EMULATOR_JIT_OBJECTCACHE_H
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt::emulator {

/// A name for what `parts` and this very library make.
std::string cacheKey(const std::vector<std::string> &parts);
std::optional<std::string> readCached(const std::string &key);
void writeCached(const std::string &key, std::string_view bytes);

} // namespace hybridrt::emulator
#endif
