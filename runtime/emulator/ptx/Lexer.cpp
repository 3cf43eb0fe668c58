#include "runtime/emulator/ptx/Lexer.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

std::string emulator::at(const std::string &name, Place place) {
  return concat(name, ":", place.line, ":", place.column, ": ");
}

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%'; }
bool isName(char c) { return isLetter(c) || isDigit(c); }

class Lexer {
public:
  Lexer(const std::string &name, std::string_view text) : name(name), text(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    tokens.reserve(text.size() / 3);
    for (skipSpace(); position < text.size(); skipSpace()) {
      Token token{Token::Kind::Punctuation, {}, here()};
      size_t begin = position;
      char c = text[position];
      if (c == '"') {
        token.kind = Token::Kind::String;
        string();
      } else if (isLetter(c)) {
        token.kind = Token::Kind::Word;
        dottedWord();
      } else if (c == '.' && isLetter(peek(1))) {
        token.kind = Token::Kind::Directive;
        ++position;
        simpleWord();
      } else if (isDigit(c) || (c == '.' && isDigit(peek(1)))) {
        token.kind = Token::Kind::Number;
        number();
      } else {
        ++position;
      }
      token.text = text.substr(begin, position - begin);
      tokens.push_back(token);
    }
    tokens.push_back({Token::Kind::End, "the end of the text", here()});
    return tokens;
  }

private:
  char peek(size_t distance) const { return position + distance < text.size() ? text[position + distance] : '\0'; }
  Place here() const { return {line, uint32_t(position - lineStart + 1)}; }

  void newLine() {
    ++line;
    lineStart = position + 1;
  }

  void skipSpace() {
    while (position < text.size()) {
      char c = text[position];
      if (c == '\n') {
        newLine();
        ++position;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == '\0') {
        ++position;
      } else if (c == '/' && peek(1) == '/') {
        while (position < text.size() && text[position] != '\n')
          ++position;
      } else if (c == '/' && peek(1) == '*') {
        Place start = here();
        for (position += 2; !(peek(0) == '*' && peek(1) == '/'); ++position) {
          if (position >= text.size())
            fail(at(name, start), "expected '*/' after this comment's beginning");
          if (text[position] == '\n')
            newLine();
        }
        position += 2;
      } else {
        return;
      }
    }
  }

  void string() {
    Place start = here();
    for (++position; peek(0) != '"'; ++position)
      if (position >= text.size() || text[position] == '\n')
        fail(at(name, start), "expected a closing '\"' on this line");
    ++position;
  }

  /// A name with '::' inside, such as shared::cta.
  void simpleWord() {
    while (isName(peek(0)) || (peek(0) == ':' && peek(1) == ':' && isName(peek(2))))
      position += peek(0) == ':' ? 2 : 1;
  }

  void dottedWord() {
    simpleWord();
    while (peek(0) == '.' && isName(peek(1))) {
      ++position;
      simpleWord();
    }
  }

  /// Integers with a suffix, 0f/0d bit patterns, decimals with exponents.
  void number() {
    bool hexadecimal = peek(0) == '0' && (peek(1) == 'x' || peek(1) == 'X');
    bool decimal = !hexadecimal && !(peek(0) == '0' && isLetter(peek(1)));
    while (isDigit(peek(0)) || isLetter(peek(0)) || (decimal && peek(0) == '.' && isDigit(peek(1)))) {
      bool exponent = decimal && (peek(0) == 'e' || peek(0) == 'E') && (peek(1) == '-' || peek(1) == '+');
      position += exponent ? 2 : 1;
    }
  }

  const std::string &name;
  std::string_view text;
  size_t position = 0, lineStart = 0;
  uint32_t line = 1;
};

} // namespace

std::vector<Token> emulator::lex(const std::string &name, std::string_view text) { return Lexer(name, text).run(); }
