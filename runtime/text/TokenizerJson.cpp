// Reads tokenizer.json. Parts of which nothing is known are errors that name them; truncation and padding are left to
// the caller.
#include "lib/Artifact/Json.h"
#include "runtime/text/Bpe.h"
#include "runtime/text/ByteAlphabet.h"
#include "runtime/text/Formats.h"
#include "runtime/text/Pipeline.h"
#include "runtime/text/Unigram.h"
#include "runtime/text/WordPiece.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

using namespace hybridrt;

static Vocabulary readVocabulary(const JsonNode &json) {
  if (!json.json().is_object())
    json.reject("an object of tokens and numbers");
  Vocabulary vocabulary;
  for (auto it = json.json().begin(); it != json.json().end(); ++it) {
    if (!it.value().is_number_integer())
      JsonNode(it.value(), json.where() + "['" + it.key() + "']").reject("a number");
    vocabulary.add(it.key(), it.value().get<int64_t>(), json.where());
  }
  return vocabulary;
}

static std::vector<std::pair<std::string, std::string>> readMerges(const JsonNode &json) {
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const nlohmann::json &entry = json.json()[i];
    if (entry.is_array()) {
      if (entry.size() != 2 || !entry.at(0).is_string() || !entry.at(1).is_string())
        json.at(i).reject("two tokens");
      merges.emplace_back(entry.at(0).get<std::string>(), entry.at(1).get<std::string>());
      continue;
    }
    const std::string &line = json.at(i).string();
    if (line.starts_with("#version"))
      continue;
    size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos)
      json.at(i).reject("two tokens with a space between");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

/// Whether words of bytes, instead of words written in the byte alphabet, give the same tokens.
static bool canTakeBytes(const Vocabulary &vocabulary, const BpeOptions &options) {
  if (!options.continuingPrefix.empty() || !options.wordSuffix.empty())
    return false;
  for (uint16_t character : byteAlphabet.characters) {
    std::string text;
    appendUtf8(text, character);
    if (!vocabulary.find(text) && (options.unknown || options.byteFallback))
      return false;
  }
  return true;
}

static std::unique_ptr<WordModel> readBpe(const JsonNode &json, bool &bytes) {
  if (json.has("dropout") && json["dropout"].number() != 0)
    json["dropout"].reject("no dropout: it makes tokens random");
  BpeOptions options;
  if (json.has("unk_token"))
    options.unknown = json["unk_token"].string();
  options.continuingPrefix = json.string("continuing_subword_prefix", "");
  options.wordSuffix = json.string("end_of_word_suffix", "");
  options.fuseUnknown = json.boolean("fuse_unk", false);
  options.byteFallback = json.boolean("byte_fallback", false);
  options.wholeWords = json.boolean("ignore_merges", false);
  Vocabulary vocabulary = readVocabulary(json["vocab"]);
  std::vector<BpeMerge> merges =
      findMerges(vocabulary, readMerges(json["merges"]), options.continuingPrefix, json.where());
  bytes = bytes && canTakeBytes(vocabulary, options);
  if (!bytes)
    return std::make_unique<Bpe>(std::move(vocabulary), merges, options);
  Bpe::ByteStrings strings;
  for (int32_t id = 0; id < vocabulary.end(); ++id)
    if (const std::string *token = vocabulary.token(id); token && vocabulary.find(*token) == id)
      if (std::optional<std::string> string = fromByteAlphabet(*token))
        strings.emplace_back(std::move(*string), id);
  return std::make_unique<Bpe>(std::move(vocabulary), merges, options, strings, json.where());
}

/// The number that the library reads, whose parser rounds twice: once to the decimal digits' integer, once when it
/// scales that. Scores that are apart by one rounding decide between ways to cut a word that are equally good.
static double roundTwice(double value) {
  char text[64] = {};
  auto [end, error] = std::to_chars(text, text + sizeof text, std::abs(value), std::chars_format::scientific);
  char *mark = std::find(text, end, 'e');
  uint64_t digits = 0;
  int exponent = 0;
  for (char *at = text; at != mark; ++at) {
    if (*at == '.') {
      exponent = int(at - mark) + 1;
      continue;
    }
    digits = digits * 10 + uint64_t(*at - '0');
  }
  exponent += std::atoi(mark + 1);
  constexpr int mostExact = 22; // the largest power of ten that is a double
  if (std::abs(exponent) > mostExact)
    return value;
  double scale = 1;
  for (int i = 0; i < std::abs(exponent); ++i)
    scale *= 10;
  double result = exponent < 0 ? double(digits) / scale : double(digits) * scale;
  return value < 0 ? -result : result;
}

static std::unique_ptr<WordModel> readUnigram(const JsonNode &json) {
  JsonNode list = json["vocab"];
  Vocabulary vocabulary;
  std::vector<double> scores;
  for (size_t i = 0; i < list.size(); ++i) {
    JsonNode entry = list.at(i);
    if (entry.size() != 2)
      entry.reject("a token and its score");
    vocabulary.add(entry.at(0).string(), int64_t(i), entry.where());
    scores.push_back(roundTwice(entry.at(1).number()));
  }
  std::optional<int32_t> unknown;
  if (json.has("unk_id"))
    unknown = int32_t(json["unk_id"].integer(0, int64_t(scores.size()) - 1));
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), unknown,
                                   json.boolean("byte_fallback", false));
}

static std::unique_ptr<WordModel> readModel(const JsonNode &json, bool &bytes) {
  std::string type = json.string("type", "");
  if (type.empty()) // files from before models had types
    type = json["vocab"].json().is_array() ? "Unigram" : json.has("merges") ? "BPE" : "WordPiece";
  if (type == "BPE")
    return readBpe(json, bytes);
  bytes = false;
  if (type == "Unigram")
    return readUnigram(json);
  if (type != "WordPiece" && type != "WordLevel")
    fail(json.where(), ": a model of type '", type, "' is not supported");
  WordPiece::Options options;
  options.wholeWords = type == "WordLevel";
  options.unknown = json.string("unk_token", options.wholeWords ? "<unk>" : "[UNK]");
  options.continuingPrefix = json.string("continuing_subword_prefix", "##");
  options.mostCharacters = size_t(json.integer("max_input_chars_per_word", 100, 0, INT32_MAX));
  return std::make_unique<WordPiece>(readVocabulary(json["vocab"]), options);
}

static void readAddedTokens(const JsonNode &json, Pipeline::Parts &parts) {
  const Vocabulary &vocabulary = parts.model->tokens();
  std::map<std::string, int32_t> known;
  auto modelSize = int64_t(vocabulary.count());
  int64_t last = -1;
  for (size_t i = 0; i < json.size(); ++i) {
    JsonNode entry = json.at(i);
    AddedToken token;
    token.content = entry["content"].string();
    if (token.content.empty())
      continue;
    token.singleWord = entry.boolean("single_word", false);
    token.stripLeft = entry.boolean("lstrip", false);
    token.stripRight = entry.boolean("rstrip", false);
    token.normalized = entry.boolean("normalized", true);
    token.special = entry.boolean("special", false);
    token.pattern = token.content;
    if (token.normalized)
      for (const auto &normalizer : parts.normalizers)
        normalizer->apply(token.pattern);
    // The number that the file gives only counts where it follows from the rest, as in the library.
    if (auto it = known.find(token.content); it != known.end())
      token.id = it->second;
    else if (std::optional<int32_t> id = vocabulary.find(token.content))
      token.id = *id;
    else
      token.id = int32_t(last = std::max(last + 1, modelSize));
    if (token.id > Vocabulary::largestId)
      entry.reject(concat("token numbers up to ", Vocabulary::largestId));
    known[token.content] = token.id;
    last = std::max<int64_t>(last, token.id);
    parts.added.add(std::move(token));
  }
}

static void readTemplateToken(const JsonNode &list, Pipeline::Template &to) {
  for (size_t i = 0; i < list.size(); ++i)
    to.push_back(int32_t(list.at(i).integer(0, Vocabulary::largestId)));
}

/// What [token, number] says, as the processors of BERT and RoBERTa have it.
static int32_t readPairId(const JsonNode &json) {
  if (json.size() != 2)
    json.reject("a token and its number");
  return int32_t(json.at(1).integer(0, Vocabulary::largestId));
}

static void readPostProcessor(const JsonNode &json, Pipeline::Parts &parts) {
  if (json.isNull())
    return;
  std::string type = json["type"].string();
  Pipeline::Template around;
  if (type == "Sequence") {
    JsonNode list = json["processors"];
    for (size_t i = 0; i < list.size(); ++i)
      readPostProcessor(list.at(i), parts);
    return;
  }
  if (type == "ByteLevel") // changes offsets alone
    return;
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    around = {readPairId(json["cls"]), std::nullopt, readPairId(json["sep"])};
  } else if (type == "TemplateProcessing") {
    JsonNode single = json["single"];
    int texts = 0;
    for (size_t i = 0; i < single.size(); ++i) {
      JsonNode piece = single.at(i);
      if (piece.has("SpecialToken")) {
        std::string name = piece["SpecialToken"]["id"].string();
        readTemplateToken(json["special_tokens"][name.c_str()]["ids"], around);
      } else {
        JsonNode id = piece["Sequence"]["id"];
        if (id.string() != "A" || ++texts > 1)
          single.reject("the sequence A once");
        around.push_back(std::nullopt);
      }
    }
    if (texts != 1)
      single.reject("the sequence A once");
  } else {
    fail(json.where(), ": a post-processor of type '", type, "' is not supported");
  }
  // Processors of a sequence work from the inside out.
  Pipeline::Template whole;
  for (std::optional<int32_t> token : around) {
    if (token)
      whole.push_back(token);
    else
      whole.insert(whole.end(), parts.around.begin(), parts.around.end());
  }
  parts.around = whole;
}

std::unique_ptr<Tokenizer> hybridrt::readTokenizerJson(std::string_view text, const std::string &file) {
  nlohmann::json json = parseJson(text, file, largestTokenizerFile);
  JsonNode root(json, "'" + file + "'");
  if (std::string version = root.string("version", "1.0"); version != "1.0")
    root["version"].reject("1.0");
  Pipeline::Parts parts;
  bool bytes = false;
  if (root.has("normalizer"))
    readNormalizer(root["normalizer"], parts.normalizers);
  if (root.has("pre_tokenizer"))
    readPreTokenizer(root["pre_tokenizer"], parts.preTokenizers, bytes);
  bool takesBytes = bytes;
  parts.model = readModel(root["model"], takesBytes);
  if (bytes && !takesBytes)
    parts.preTokenizers.push_back(makeByteAlphabetWriter());
  if (root.has("added_tokens"))
    readAddedTokens(root["added_tokens"], parts);
  parts.added.build();
  if (root.has("post_processor"))
    readPostProcessor(root["post_processor"], parts);
  static const nlohmann::json none;
  parts.decoder = Decoder::read(root.has("decoder") ? root["decoder"] : JsonNode(none, root.where() + ".decoder"));
  return std::make_unique<Pipeline>(std::move(parts));
}
