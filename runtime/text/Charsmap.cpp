#include "runtime/text/Charsmap.h"
#include "lib/Artifact/Result.h"
#include <cstring>

using namespace hybridrt;

// A unit is either a leaf with a value, or a node with its label, its children's place and whether it has a leaf.
static bool isLeaf(uint32_t unit) { return unit >> 31; }
static bool hasLeaf(uint32_t unit) { return unit >> 8 & 1; }
static uint32_t valueOf(uint32_t unit) { return unit & 0x7fffffff; }
static uint32_t labelOf(uint32_t unit) { return unit & 0x800000ff; }
static uint32_t offsetOf(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

Charsmap::Charsmap(std::string_view bytes, const std::string &where) {
  if (bytes.empty())
    return;
  uint32_t size = 0;
  if (bytes.size() >= 4)
    std::memcpy(&size, bytes.data(), 4);
  if (bytes.size() < 4 || size > bytes.size() - 4 || size % 4 || size == 0)
    fail(where, ": expected a table of replacements, found ", bytes.size(), " bytes that begin with a size of ", size);
  units.resize(size / 4);
  std::memcpy(units.data(), bytes.data() + 4, size);
  texts = bytes.substr(4 + size);
  texts += '\0';
  for (size_t i = 0; i < units.size(); ++i) {
    uint32_t unit = units[i];
    if (isLeaf(unit))
      continue;
    size_t children = i ^ offsetOf(unit);
    // Places that are never reached may hold anything.
    if ((children | 255) >= units.size()) {
      units[i] = 0x80000000 | uint32_t(texts.size() - 1);
      strict = false;
    }
  }
  for (size_t i = 0; i < units.size(); ++i) {
    uint32_t unit = units[i];
    if (!isLeaf(unit) && hasLeaf(unit) && valueOf(units[i ^ offsetOf(unit)]) >= texts.size())
      fail(where, ": the table of replacements leads to text ", valueOf(units[i ^ offsetOf(unit)]), " of ",
           texts.size());
  }
  if (isLeaf(units[0]))
    fail(where, ": the table of replacements leads outside itself");
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  if (units.empty())
    return std::nullopt;
  size_t node = offsetOf(units[0]);
  for (char c : text) {
    auto label = static_cast<unsigned char>(c);
    if (label == 0)
      break;
    node ^= label;
    uint32_t unit = units[node];
    if (labelOf(unit) != label)
      break;
    node ^= offsetOf(unit);
    if (hasLeaf(unit))
      return std::string_view(texts.c_str() + valueOf(units[node]));
  }
  return std::nullopt;
}
