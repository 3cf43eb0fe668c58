#include "lib/Artifact/Json.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using namespace hybridrt;

static std::string position(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  size_t line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n');
  return concat(line, ":", before.size() - (start == before.npos ? 0 : start + 1) + 1);
}

nlohmann::json hybridrt::parseJson(std::string_view text, const std::string &file, uint64_t limit) {
  constexpr int deepest = 64;
  if (text.size() > limit)
    fail(file, ": expected at most ", limit, " bytes of JSON, found ", text.size());
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '{' || c == '[') && ++depth > deepest)
      fail(file, ":", position(text, i), ": JSON nests more than ", deepest, " deep");
    else if (!quoted && (c == '}' || c == ']'))
      --depth;
  }
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error &e) {
    // The library's text begins with its own idea of the position.
    std::string_view message = e.what();
    size_t colon = message.find(": ");
    fail(file, ":", position(text, e.byte ? e.byte - 1 : 0),
         ": invalid JSON: ", std::string(colon == message.npos ? message : message.substr(colon + 2)));
  }
}
