// Models that look words up: the longest token first, again and again, or the whole word only.
#ifndef HYBRID_RUNTIME_TEXT_WORDPIECE_H
#define HYBRID_RUNTIME_TEXT_WORDPIECE_H
#include "runtime/text/WordModel.h"

namespace hybridrt {

class WordPiece : public WordModel {
public:
  struct Options {
    std::string unknown = "[UNK]";
    /// What tokens within a word begin with.
    std::string continuingPrefix = "##";
    /// Longer words are unknown.
    size_t mostCharacters = 100;
    /// Only whole words are tokens.
    bool wholeWords = false;
  };
  WordPiece(Vocabulary vocabulary, Options options) : WordModel(std::move(vocabulary)), options(std::move(options)) {}
  void encode(std::string_view word, std::vector<int32_t> &to) override;

private:
  bool cut(std::string_view word, std::vector<int32_t> &to) const;
  Options options;
};

} // namespace hybridrt
#endif
