// Where the tools keep what they can make again: compiled models, packed weights, translated kernels. Processes share
// the folder without talking to each other.
#ifndef HYBRID_ARTIFACT_CACHEFOLDER_H
#define HYBRID_ARTIFACT_CACHEFOLDER_H
#include <cstdint>
#include <string>
#include <vector>

namespace hybridrt {

/// $XDG_CACHE_HOME/hybridc or ~/.cache/hybridc; empty if neither variable is an absolute path.
std::string cacheFolder();

/// Marks a file as used now, for the choice of what to evict.
void touchCached(const std::string &path);

/// Removes the files of `folder` with one of the extensions (".hyb") that were not used for longest, until the others
/// and `room` more bytes fit `limit`; never the one named `keep`. Removes what killed processes left of their temporary
/// files (*.tmp.*) too, after a day.
void evictUnused(const std::string &folder, const std::vector<std::string> &extensions, uint64_t limit,
                 uint64_t room = 0, const std::string &keep = "");

} // namespace hybridrt
#endif
