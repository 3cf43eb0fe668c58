// The file formats of tokenizers. `file` is a path; all throw an Error that names it.
#ifndef HYBRID_RUNTIME_TEXT_FORMATS_H
#define HYBRID_RUNTIME_TEXT_FORMATS_H
#include "runtime/text/Tokenizer.h"

namespace hybridrt {

/// What a tokenizer_config.json beside the file says about what is put around a text.
struct SurroundingTokens {
  bool begin = true, end = false;
};

std::unique_ptr<Tokenizer> readTokenizerJson(std::string_view text, const std::string &file);
/// Lines of a token in base 64 and its rank; Llama 3's expression and special tokens.
std::unique_ptr<Tokenizer> readTiktoken(std::string_view text, const std::string &file, SurroundingTokens around);
/// Mistral's tekken.json.
std::unique_ptr<Tokenizer> readTekken(std::string_view text, const std::string &file, SurroundingTokens around);
std::unique_ptr<Tokenizer> readSentencePiece(std::string_view bytes, const std::string &file, SurroundingTokens around);

/// Tokenizer files are larger than other JSON.
inline constexpr uint64_t largestTokenizerFile = 256 << 20;

} // namespace hybridrt
#endif
