// JSON from files that nobody vouches for.
#ifndef HYBRID_ARTIFACT_JSON_H
#define HYBRID_ARTIFACT_JSON_H
#include "lib/Artifact/Result.h"
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hybridrt {

/// Parses `text` if it is at most `limit` bytes and nests at most 64 deep; throws an Error that names the
/// file, line and column otherwise.
nlohmann::json parseJson(std::string_view text, const std::string &file, uint64_t limit = 16 << 20);

} // namespace hybridrt
#endif
