// From tokens back to text, token by token. What comes out at once is what comes out in parts: no part ends within a
// character, and what later tokens could still change is held back.
#ifndef HYBRID_RUNTIME_TEXT_DECODER_H
#define HYBRID_RUNTIME_TEXT_DECODER_H
#include "runtime/text/JsonNode.h"
#include <functional>
#include <memory>
#include <vector>

namespace hybridrt {

/// One step of decoding. Tokens come in as one part or several, and leave for the next step likewise.
class DecodeStep {
public:
  virtual ~DecodeStep() = default;
  /// A part of a token; its first one if `begins`.
  virtual void push(std::string_view part, bool begins) = 0;
  /// There are no more tokens.
  virtual void finish() { next->finish(); }
  void connect(DecodeStep *step) { next = step; }

protected:
  DecodeStep *next = nullptr;
};

/// The steps of one text.
class DecodeChain {
public:
  explicit DecodeChain(std::vector<std::unique_ptr<DecodeStep>> steps);
  /// What the token adds to the text.
  std::string push(std::string_view token);
  std::string finish();

private:
  class Sink;
  std::vector<std::unique_ptr<DecodeStep>> steps;
  std::string text;
};

/// How texts of a tokenizer are decoded.
class Decoder {
public:
  /// Tokens are bytes.
  static Decoder ofBytes();
  /// Reads the member "decoder" of a tokenizer.json. An Error for a kind that is not known.
  static Decoder read(const JsonNode &json);
  std::unique_ptr<DecodeChain> start() const;

private:
  using Maker = std::function<std::unique_ptr<DecodeStep>()>;
  void add(const JsonNode &json);
  /// Adds a step. One that needs `whole` tokens gets them; one that `fuses` makes all tokens one.
  void add(Maker maker, bool whole, bool fuses);

  std::vector<Maker> makers;
  bool fused = false;
};

} // namespace hybridrt
#endif
