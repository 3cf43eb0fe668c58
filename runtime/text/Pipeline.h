// A tokenizer made of parts: added tokens, normalizers, pre-tokenizers, a model, a template and a decoder.
#ifndef HYBRID_RUNTIME_TEXT_PIPELINE_H
#define HYBRID_RUNTIME_TEXT_PIPELINE_H
#include "runtime/text/AddedTokens.h"
#include "runtime/text/Decoder.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/WordModel.h"
#include <mutex>

namespace hybridrt {

class Pipeline : public Tokenizer {
public:
  /// What is put around a text: tokens, and the text where there is none.
  using Template = std::vector<std::optional<int32_t>>;

  struct Parts {
    AddedTokens added;
    Normalizers normalizers;
    PreTokenizers preTokenizers;
    std::unique_ptr<WordModel> model;
    Template around = {std::nullopt};
    Decoder decoder;
  };
  explicit Pipeline(Parts parts) : parts(std::move(parts)) {}

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions &options) const override;
  std::vector<TextPart> splitSpecial(std::string_view text) const override;
  std::unique_ptr<StreamDecoder> stream(bool skipSpecial) const override;
  int32_t end() const override;
  std::optional<int32_t> find(std::string_view token) const override;
  std::optional<std::string> name(int32_t token) const override;

private:
  class Stream;
  void encodeText(std::string_view text, bool first, std::vector<int32_t> &to) const;

  Parts parts;
  /// Models and expressions are for one user at a time.
  mutable std::mutex mutex;
};

} // namespace hybridrt
#endif
