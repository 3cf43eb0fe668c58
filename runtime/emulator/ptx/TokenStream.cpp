#include "runtime/emulator/ptx/TokenStream.h"
#include <cstdlib>
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::emulator;

void TokenStream::error(const std::string &expected) const {
  const Token &token = peek();
  std::string got = token.kind == Token::Kind::End ? std::string(token.text) : "'" + std::string(token.text) + "'";
  fail(at(name, token.place), expected, ", got ", got);
}

Number TokenStream::number() {
  bool negative = accept("-");
  if (peek().kind != Token::Kind::Number)
    error("expected a number");
  std::string text(peek().text);
  Number number;
  char *end = nullptr;
  if (text.size() > 2 && text[0] == '0' && std::strchr("fFdD", text[1])) {
    number.isFloat = true;
    number.isDouble = text[1] == 'd' || text[1] == 'D';
    if (text.size() != (number.isDouble ? 18u : 10u))
      error(number.isDouble ? "expected 16 hexadecimal digits after 0d" : "expected 8 hexadecimal digits after 0f");
    number.bits = std::strtoull(text.c_str() + 2, &end, 16);
    if (negative)
      number.bits ^= number.isDouble ? uint64_t(1) << 63 : uint64_t(1) << 31;
  } else if (text.find_first_of(".eE") != std::string::npos && text.find_first_of("xX") == std::string::npos) {
    number.isFloat = number.isDouble = true;
    double value = std::strtod(text.c_str(), &end);
    if (negative)
      value = -value;
    std::memcpy(&number.bits, &value, sizeof(value));
  } else {
    bool binary = text.size() > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B');
    number.bits = binary ? std::strtoull(text.c_str() + 2, &end, 2) : std::strtoull(text.c_str(), &end, 0);
    if (*end == 'U')
      ++end;
    if (negative)
      number.bits = -number.bits;
  }
  if (*end)
    error("expected a number");
  next();
  return number;
}

uint64_t TokenStream::integer(const char *what) {
  if (peek().kind != Token::Kind::Number)
    error(concat("expected ", what));
  Place place = peek().place;
  std::string text(peek().text);
  Number value = number();
  if (value.isFloat || value.bits > uint64_t(1) << 40)
    errorAt(place, concat("expected ", what, ", an integer of at most 2^40, got '", text, "'"));
  return value.bits;
}
