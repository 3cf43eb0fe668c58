// A cursor over tokens, with the errors that parsing needs.
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_TOKENSTREAM_H
#define HYBRID_RUNTIME_EMULATOR_PTX_TOKENSTREAM_H
#include "runtime/emulator/ptx/Lexer.h"

namespace hybridrt::emulator {

/// A number as PTX writes it: an integer, or the bits of a float.
struct Number {
  uint64_t bits = 0;
  bool isFloat = false, isDouble = false;
};

class TokenStream {
public:
  TokenStream(const std::string &name, std::string_view text) : name(name), tokens(lex(name, text)) {}

  const Token &peek(size_t distance = 0) const { return tokens[std::min(position + distance, tokens.size() - 1)]; }
  const Token &next() {
    const Token &token = peek();
    position += position + 1 < tokens.size();
    return token;
  }
  bool done() const { return peek().kind == Token::Kind::End; }
  bool accept(std::string_view text) {
    if (!is(text))
      return false;
    next();
    return true;
  }
  bool is(std::string_view text, size_t distance = 0) const {
    const Token &token = peek(distance);
    return token.kind != Token::Kind::End && token.kind != Token::Kind::String && token.text == text;
  }
  void expect(std::string_view text) {
    if (!accept(text))
      error(concat("expected '", std::string(text), "'"));
  }
  std::string_view word(const char *what) {
    if (peek().kind != Token::Kind::Word)
      error(concat("expected ", what));
    return next().text;
  }

  /// A number with its sign, if `allowSign`.
  Number number();
  /// A non-negative integer of at most 2^40.
  uint64_t integer(const char *what);

  /// Throws: what was expected, and the token that is there instead.
  [[noreturn]] void error(const std::string &expected) const;
  /// The same without the token, which is not what is wrong.
  [[noreturn]] void tooLarge(const std::string &expected, uint64_t bytes) const {
    errorAt(peek().place, concat(expected, ", got ", bytes, " bytes"));
  }
  [[noreturn]] void errorAt(Place place, const std::string &message) const { fail(at(name, place), message); }

private:
  const std::string &name;
  std::vector<Token> tokens;
  size_t position = 0;
};

} // namespace hybridrt::emulator
#endif
