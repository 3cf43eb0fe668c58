// What turns a piece of text between splits into tokens. One user at a time: models keep what they have seen.
#ifndef HYBRID_RUNTIME_TEXT_WORDMODEL_H
#define HYBRID_RUNTIME_TEXT_WORDMODEL_H
#include "runtime/text/Vocabulary.h"

namespace hybridrt {

class WordModel {
public:
  explicit WordModel(Vocabulary vocabulary) : vocabulary(std::move(vocabulary)) {}
  virtual ~WordModel() = default;
  /// Appends the tokens of `word`, which is not empty and valid UTF-8 unless the model is one of bytes.
  virtual void encode(std::string_view word, std::vector<int32_t> &to) = 0;
  const Vocabulary &tokens() const { return vocabulary; }

protected:
  Vocabulary vocabulary;
};

/// "<0x41>" for 0x41, the token that stands for a byte.
std::string byteToken(unsigned char byte);

} // namespace hybridrt
#endif
