// Cuts PTX into words. A word that begins with a letter keeps its dots (ld.global.b32, %tid.x), one that begins with
// a dot ends at the next (.reg .b16 may be written .reg.b16).
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_LEXER_H
#define HYBRID_RUNTIME_EMULATOR_PTX_LEXER_H
#include "lib/Artifact/Result.h"
#include "runtime/emulator/ptx/Ast.h"

namespace hybridrt::emulator {

struct Token {
  enum class Kind : uint8_t { End, Word, Directive, Number, String, Punctuation };
  Kind kind = Kind::End;
  std::string_view text;
  Place place;

  bool is(std::string_view expected) const { return text == expected; }
};

/// The tokens of `text`, a token of kind End last. Throws an Error that names the place.
std::vector<Token> lex(const std::string &name, std::string_view text);

/// "name:line:column: "
std::string at(const std::string &name, Place place);

} // namespace hybridrt::emulator
#endif
