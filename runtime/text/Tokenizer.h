// Text to tokens and back, exactly as the library that a model was trained with does it.
#ifndef HYBRID_RUNTIME_TEXT_TOKENIZER_H
#define HYBRID_RUNTIME_TEXT_TOKENIZER_H
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt {

/// Decodes tokens as they come. All that push() and finish() return, one after another, is what decode() returns for
/// all tokens at once; no part of it ends within a character.
class StreamDecoder {
public:
  virtual ~StreamDecoder() = default;
  /// What the token adds to the text. A number that is no token adds nothing.
  virtual std::string push(int32_t token) = 0;
  /// What was held back.
  virtual std::string finish() = 0;
};

struct EncodeOptions {
  /// Whether to put around the text what models expect there, such as a token that begins texts.
  bool addSpecial = true;
  /// Whether special tokens written out in the text are these tokens, or text like any other.
  bool parseSpecial = true;
  /// Whether the text is where the whole input begins; some tokenizers put a space there.
  bool atBegin = true;
};

/// A text, or a special token where `token` is not -1.
struct TextPart {
  std::string text;
  int32_t token = -1;
};

class Tokenizer {
public:
  /// Reads a folder, or a file: tokenizer.json, tokenizer.model (of tiktoken or SentencePiece) or tekken.json; in a
  /// folder the first of these that is there. Throws an Error if it cannot be read or needs what is not supported.
  static std::unique_ptr<Tokenizer> load(const std::string &path);
  virtual ~Tokenizer() = default;

  /// The tokens of a text. Broken UTF-8 is read as U+FFFD. Calls from several threads run one at a time.
  virtual std::vector<int32_t> encode(std::string_view text, const EncodeOptions &options = {}) const = 0;
  /// Cuts a text at the special tokens that are written out in it.
  virtual std::vector<TextPart> splitSpecial(std::string_view text) const = 0;
  virtual std::unique_ptr<StreamDecoder> stream(bool skipSpecial = false) const = 0;
  std::string decode(std::span<const int32_t> tokens, bool skipSpecial = false) const;

  /// One more than the largest token.
  virtual int32_t end() const = 0;
  /// The number of a token by what the file calls it.
  virtual std::optional<int32_t> find(std::string_view token) const = 0;
  /// What the file calls a token; nothing for numbers that are none.
  virtual std::optional<std::string> name(int32_t token) const = 0;
};

} // namespace hybridrt
#endif
