#include "Json.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
using namespace mlir::hybrid;
using namespace llvm;

Error mlir::hybrid::textError(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

Expected<std::string> mlir::hybrid::readTextFile(StringRef path, size_t limit) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return textError(path + ": error: expected a readable file: " + code.message());
  if (status.type() != sys::fs::file_type::regular_file)
    return textError(path + ": error: expected a regular file");
  if (status.getSize() > limit)
    return textError(path + ": error: expected at most " + Twine(limit) + " bytes, got " + Twine(status.getSize()));
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path, /*IsText=*/false);
  if (!buffer)
    return textError(path + ": error: expected a readable file: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

/// Rewrites Python's bare floats outside strings; positions after one shift, which only matters for error
/// columns.
static std::string replaceBareFloats(StringRef text) {
  static constexpr StringRef bare[] = {"-Infinity", "Infinity", "NaN"};
  std::string out;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"')
      inString = !inString;
    if (inString) {
      out += text[i];
      if (text[i] == '\\' && i + 1 < text.size())
        out += text[++i];
      continue;
    }
    StringRef rest = text.substr(i);
    const StringRef *word = find_if(bare, [&](StringRef w) { return rest.starts_with(w); });
    if (word == std::end(bare)) {
      out += text[i];
      continue;
    }
    out += ("{\"__float__\":\"" + *word + "\"}").str();
    i += word->size() - 1;
  }
  return out;
}

Error JsonFile::errorAt(StringRef key, const Twine &message) const {
  std::string quoted = ("\"" + key + "\"").str();
  for (size_t at = text.find(quoted); at != std::string::npos; at = text.find(quoted, at + 1)) {
    if (!StringRef(text).substr(at + quoted.size()).ltrim().starts_with(":"))
      continue;
    return textError(formatTextError(path, {positionOf(text, at), message.str()}));
  }
  return textError(path + ": error: " + message);
}

Expected<JsonFile> mlir::hybrid::readJsonObject(StringRef path) {
  Expected<std::string> text = readTextFile(path);
  if (!text)
    return text.takeError();
  if (std::optional<TextError> error = scanText(*text, TextFormat::json))
    return textError(formatTextError(path.str(), *error));
  Expected<json::Value> value = json::parse(replaceBareFloats(*text));
  if (!value) {
    TextError error{{1, 1}, "expected JSON"};
    handleAllErrors(value.takeError(), [&](const json::ParseError &e) {
      // The parser's own text is "[line:column, byte=n]: message".
      std::string text;
      raw_string_ostream os(text);
      e.log(os);
      auto [place, message] = StringRef(text).split("]: ");
      auto [line, column] = place.ltrim('[').split(',').first.split(':');
      if (!message.empty() && !line.getAsInteger(10, error.position.line) &&
          !column.getAsInteger(10, error.position.column))
        text = message.str();
      error.position.column = std::max<size_t>(error.position.column, 1);
      error.message = "expected JSON: " + text;
    });
    return textError(formatTextError(path.str(), error));
  }
  json::Object *object = value->getAsObject();
  if (!object)
    return textError(path + ": error: expected a JSON object");
  return JsonFile{path.str(), std::move(*text), std::move(*object)};
}
