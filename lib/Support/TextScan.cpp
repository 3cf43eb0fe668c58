#include "hybrid/Support/TextScan.h"
#include <vector>
using namespace mlir::hybrid;

TextPosition mlir::hybrid::positionOf(std::string_view text, size_t offset) {
  TextPosition position;
  for (size_t i = 0; i < offset && i < text.size(); ++i) {
    ++position.column;
    if (text[i] == '\n')
      position = {position.line + 1, 1};
  }
  return position;
}

std::string mlir::hybrid::formatTextError(std::string_view file, const TextError &error) {
  return std::string(file) + ":" + std::to_string(error.position.line) + ":" + std::to_string(error.position.column) +
         ": error: " + error.message;
}

namespace {
class Scanner {
public:
  Scanner(std::string_view text, TextFormat format, TextLimits limits) : text(text), format(format), limits(limits) {}

  std::optional<TextError> run() {
    if (text.size() > limits.maxBytes)
      return TextError{{1, 1},
                       "expected at most " + std::to_string(limits.maxBytes) + " bytes of text, got " +
                           std::to_string(text.size())};
    bool lineStart = true;
    for (at = 0; at < text.size();) {
      if (lineStart && format == TextFormat::yaml && flowDepth == 0)
        openBlockLevels();
      lineStart = false;
      if (error || at >= text.size())
        break;
      char c = text[at];
      switch (c) {
      case '\0':
        return errorAt("unexpected NUL byte in text");
      case '\n':
        lineStart = true;
        break;
      case '[':
      case '{':
        ++flowDepth;
        checkDepth();
        break;
      case ']':
      case '}':
        flowDepth -= flowDepth > 0;
        break;
      case '"':
        if (format == TextFormat::json || startsToken())
          skipString('"');
        break;
      case '\'':
        if (format == TextFormat::yaml && startsToken())
          skipString('\'');
        break;
      case '#':
        if (format == TextFormat::yaml && (at == 0 || isSpace(text[at - 1]))) {
          while (at + 1 < text.size() && text[at + 1] != '\n')
            ++at;
        }
        break;
      default:
        break;
      }
      ++at;
    }
    return error;
  }

private:
  static bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  /// Whether a quote here opens a string rather than being part of a plain scalar such as don't.
  bool startsToken() const {
    size_t i = at;
    while (i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t'))
      --i;
    if (i == 0)
      return true;
    return std::string_view("\n\r[{,:-?").find(text[i - 1]) != std::string_view::npos;
  }

  void skipString(char quote) {
    for (++at; at < text.size() && text[at] != quote; ++at)
      if (quote == '"' && text[at] == '\\')
        ++at;
  }

  /// Reads a line's indent and its "- " and "? " indicators, each of which is one more level.
  void openBlockLevels() {
    size_t column = 0;
    while (at + column < text.size() && text[at + column] == ' ')
      ++column;
    size_t i = at + column;
    if (i >= text.size() || text[i] == '\n' || text[i] == '#')
      return;
    while (!indents.empty() && indents.back() >= column)
      indents.pop_back();
    indents.push_back(column);
    while (i + 1 < text.size() && (text[i] == '-' || text[i] == '?') && text[i + 1] == ' ') {
      do
        ++i, ++column;
      while (i < text.size() && text[i] == ' ');
      indents.push_back(column);
    }
    at = i;
    checkDepth();
  }

  void checkDepth() {
    if (flowDepth + indents.size() > limits.maxNesting && !error)
      error = TextError{positionOf(text, at),
                        "expected nesting of at most " + std::to_string(limits.maxNesting) + " levels"};
  }

  TextError errorAt(std::string message) const { return {positionOf(text, at), std::move(message)}; }

  std::string_view text;
  TextFormat format;
  TextLimits limits;
  size_t at = 0, flowDepth = 0;
  std::vector<size_t> indents;
  std::optional<TextError> error;
};
} // namespace

std::optional<TextError> mlir::hybrid::scanText(std::string_view text, TextFormat format, TextLimits limits) {
  return Scanner(text, format, limits).run();
}
