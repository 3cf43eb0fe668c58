// What cuts a text into the words that a model sees.
#ifndef HYBRID_RUNTIME_TEXT_PRETOKENIZER_H
#define HYBRID_RUNTIME_TEXT_PRETOKENIZER_H
#include "runtime/text/JsonNode.h"
#include "runtime/text/Regex.h"
#include <deque>
#include <memory>
#include <vector>

namespace hybridrt {

/// Pieces of a text, in order and none empty.
struct Pieces {
  struct Piece {
    std::string_view text;
    /// Whether this is where the whole input begins.
    bool first = false;
  };
  std::vector<Piece> list;
  /// Texts that are not part of the input.
  std::deque<std::string> storage;

  std::string_view keep(std::string text) { return storage.emplace_back(std::move(text)); }
};

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces &pieces) const = 0;
};

using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

/// What happens to what a splitter finds.
enum class SplitBehavior { removed, isolated, mergedWithPrevious, mergedWithNext, contiguous };

/// A splitter by a regular expression; known ones are matched by hand-written code.
std::unique_ptr<PreTokenizer> makeExpressionSplitter(const std::string &expression, Regex::Dialect dialect,
                                                     SplitBehavior behavior, bool invert, const std::string &where);

/// Reads the member "pre_tokenizer" of a tokenizer.json: appends what it does, in order. `bytes` is set instead of a
/// last step that writes words in the byte alphabet, so that models can take bytes. An Error for a kind that is not
/// known.
void readPreTokenizer(const JsonNode &json, PreTokenizers &to, bool &bytes);

/// What a Metaspace writes for a space, and whether it writes one more before a text, or before the first alone.
std::string readMetaspaceMark(const JsonNode &json);
bool metaspacePrepends(const JsonNode &json, bool &onlyFirst);

/// Writes words in the byte alphabet.
std::unique_ptr<PreTokenizer> makeByteAlphabetWriter();

} // namespace hybridrt
#endif
