// SentencePiece's compiled table of replacements: a double array (as Darts-clone writes it) over UTF-8 that leads
// to the replacements' texts.
#ifndef HYBRID_RUNTIME_TEXT_CHARSMAP_H
#define HYBRID_RUNTIME_TEXT_CHARSMAP_H
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt {

class Charsmap {
public:
  /// Checks all that it will follow later: an Error for a table that leads outside itself.
  Charsmap(std::string_view bytes, const std::string &where);
  /// The replacement of the shortest entry that `text` begins with.
  std::optional<std::string_view> find(std::string_view text) const;
  bool empty() const { return units.empty(); }
  /// Whether even places that no text reaches lead nowhere else.
  bool isStrict() const { return strict; }

private:
  bool strict = true;
  std::vector<uint32_t> units;
  std::string texts;
};

} // namespace hybridrt
#endif
