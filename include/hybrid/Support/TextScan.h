// The scan that untrusted YAML and JSON pass before a parser sees them: parsers that recurse overflow the
// stack on deep nesting, so size and depth are bounded first. Standard library only, so that the runtime can
// use it as well.
#ifndef HYBRID_SUPPORT_TEXTSCAN_H
#define HYBRID_SUPPORT_TEXTSCAN_H
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mlir::hybrid {

enum class TextFormat { yaml, json };

struct TextLimits {
  size_t maxBytes = 16u << 20;
  size_t maxNesting = 64;
};

/// A place in a text, both counted from 1; columns are bytes.
struct TextPosition {
  size_t line = 1, column = 1;
};

struct TextError {
  TextPosition position;
  std::string message;
};

TextPosition positionOf(std::string_view text, size_t offset);

/// "file:line:column: error: message", the one form in which text errors are reported.
std::string formatTextError(std::string_view file, const TextError &error);

/// The first reason not to give `text` to a parser, if there is one: more bytes than allowed, a NUL byte, or
/// nesting deeper than allowed (brackets outside strings and comments; in YAML also block levels). An
/// estimate of the depth may be too high for odd plain scalars but is never too low by more than a factor of
/// two.
std::optional<TextError> scanText(std::string_view text, TextFormat format, TextLimits limits = {});

} // namespace mlir::hybrid
#endif
