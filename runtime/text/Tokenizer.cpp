#include "runtime/text/Tokenizer.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Json.h"
#include "runtime/text/Formats.h"
#include "runtime/text/JsonNode.h"
#include <filesystem>

using namespace hybridrt;
namespace fs = std::filesystem;

static std::string_view textOf(const MappedFile &file) {
  return {reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size()};
}

static SurroundingTokens readConfiguration(const fs::path &folder) {
  SurroundingTokens around;
  std::string path = (folder / "tokenizer_config.json").string();
  std::error_code error;
  if (!fs::exists(path, error))
    return around;
  MappedFile file = MappedFile::open(path).get();
  nlohmann::json json = parseJson(textOf(file), path, largestTokenizerFile);
  JsonNode root(json, "'" + path + "'");
  around.begin = root.boolean("add_bos_token", around.begin);
  around.end = root.boolean("add_eos_token", around.end);
  return around;
}

/// Whether a file begins as one of tiktoken's does: base 64, a space, digits.
static bool looksLikeTiktoken(std::string_view text) {
  std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
  size_t space = line.find(' ');
  return space != line.npos && space < 256 && line.size() > space + 1 && line[space + 1] >= '0' &&
         line[space + 1] <= '9' && line.find_first_not_of("0123456789\r", space + 1) == line.npos;
}

std::unique_ptr<Tokenizer> Tokenizer::load(const std::string &path) {
  std::error_code error;
  fs::path found = path;
  if (fs::is_directory(path, error)) {
    for (const char *name : {"tokenizer.json", "tokenizer.model", "tekken.json"}) {
      found = fs::path(path) / name;
      if (fs::exists(found, error))
        break;
      found.clear();
    }
    if (found.empty())
      fail("'", path, "': expected a tokenizer.json, tokenizer.model or tekken.json in the folder, found none");
  }
  MappedFile file = MappedFile::open(found.string()).get();
  std::string_view text = textOf(file);
  if (text.size() > largestTokenizerFile)
    fail("'", found.string(), "': expected at most ", largestTokenizerFile, " bytes, found ", text.size());
  SurroundingTokens around = readConfiguration(found.parent_path());
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos)
    fail("'", found.string(), "': expected a tokenizer, found an empty file");
  if (text[begin] != '{') {
    if (looksLikeTiktoken(text))
      return readTiktoken(text, found.string(), around);
    return readSentencePiece(text, found.string(), around);
  }
  // Both kinds of JSON say in their first members which they are.
  bool tekken = found.filename().string().starts_with("tekken") ||
                text.substr(0, 4096).find("\"default_num_special_tokens\"") != text.npos;
  return tekken ? readTekken(text, found.string(), around) : readTokenizerJson(text, found.string());
}

std::string Tokenizer::decode(std::span<const int32_t> tokens, bool skipSpecial) const {
  std::unique_ptr<StreamDecoder> decoder = stream(skipSpecial);
  std::string text;
  for (int32_t token : tokens)
    text += decoder->push(token);
  return text + decoder->finish();
}
