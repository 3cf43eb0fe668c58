// Tokenizers whose vocabulary is bytes by rank: tiktoken's files, as Llama 3 has one, and Mistral's tekken.json.
#include "lib/Artifact/Json.h"
#include "runtime/text/Base64.h"
#include "runtime/text/Bpe.h"
#include "runtime/text/Formats.h"
#include "runtime/text/Pipeline.h"
#include "runtime/text/SplitRule.h"

using namespace hybridrt;

/// Only what matches is text: the library leaves out the rest.
static std::unique_ptr<PreTokenizer> makeSplitter(const std::string &expression, const std::string &where) {
  return makeExpressionSplitter(expression, Regex::Dialect::rust, SplitBehavior::removed, /*invert=*/true, where);
}

static std::unique_ptr<Tokenizer> assemble(Vocabulary vocabulary, std::unique_ptr<PreTokenizer> splitter,
                                           std::vector<AddedToken> special, const std::string &begin,
                                           const std::string &end, SurroundingTokens around, const std::string &where) {
  Pipeline::Parts parts;
  parts.preTokenizers.push_back(std::move(splitter));
  parts.model = Bpe::fromRanks(std::move(vocabulary), where);
  auto numberOf = [&](const std::string &content) {
    for (const AddedToken &token : special)
      if (token.content == content)
        return token.id;
    fail(where, ": expected a special token '", content, "'");
  };
  parts.around.clear();
  if (around.begin)
    parts.around.push_back(numberOf(begin));
  parts.around.push_back(std::nullopt);
  if (around.end)
    parts.around.push_back(numberOf(end));
  for (AddedToken &token : special) {
    token.pattern = token.content;
    token.special = true;
    parts.added.add(std::move(token));
  }
  parts.added.build();
  parts.decoder = Decoder::ofBytes();
  return std::make_unique<Pipeline>(std::move(parts));
}

static std::vector<AddedToken> llama3SpecialTokens(int32_t first) {
  std::vector<std::string> names = {"<|begin_of_text|>",
                                    "<|end_of_text|>",
                                    "<|reserved_special_token_0|>",
                                    "<|reserved_special_token_1|>",
                                    "<|finetune_right_pad_id|>",
                                    "<|step_id|>",
                                    "<|start_header_id|>",
                                    "<|end_header_id|>",
                                    "<|eom_id|>",
                                    "<|eot_id|>",
                                    "<|python_tag|>",
                                    "<|image|>"};
  constexpr size_t count = 256;
  for (size_t reserved = 2; names.size() < count; ++reserved)
    names.push_back(concat("<|reserved_special_token_", reserved, "|>"));
  std::vector<AddedToken> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i].content = names[i];
    tokens[i].id = first + int32_t(i);
  }
  return tokens;
}

std::unique_ptr<Tokenizer> hybridrt::readTiktoken(std::string_view text, const std::string &file,
                                                  SurroundingTokens around) {
  // Other files of this form have other expressions, and nothing in the file says which.
  constexpr size_t llama3Size = 128000;
  Vocabulary vocabulary;
  size_t number = 0;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string where = concat("'", file, "': line ", ++number);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.empty())
      continue;
    size_t space = line.find(' ');
    std::string_view digits = space == line.npos ? std::string_view() : line.substr(space + 1);
    if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != digits.npos)
      fail(where, ": expected a token in base 64, a space and its rank");
    std::string token = decodeBase64(line.substr(0, space), where);
    if (token.empty())
      fail(where, ": expected a token of at least one byte");
    if (vocabulary.find(token))
      fail(where, ": this token has been there before");
    vocabulary.add(std::move(token), std::stol(std::string(digits)), where);
  }
  if (vocabulary.count() != llama3Size || size_t(vocabulary.end()) != llama3Size)
    fail("'", file, "': expected the ", llama3Size, " tokens of Llama 3, found ", vocabulary.count(),
         "; nothing else of this form is supported: convert it to a tokenizer.json");
  std::string where = "'" + file + "'";
  return assemble(std::move(vocabulary), makeSplitter(std::string(llama3Expression), where),
                  llama3SpecialTokens(llama3Size), "<|begin_of_text|>", "<|end_of_text|>", around, where);
}

std::unique_ptr<Tokenizer> hybridrt::readTekken(std::string_view text, const std::string &file,
                                                SurroundingTokens around) {
  nlohmann::json json = parseJson(text, file, largestTokenizerFile);
  JsonNode root(json, "'" + file + "'"), config = root["config"];
  int64_t size = config["default_vocab_size"].integer(1, Vocabulary::largestId);
  int64_t special = config["default_num_special_tokens"].integer(0, size);
  std::vector<AddedToken> tokens;
  std::vector<std::string> names(special);
  if (root.has("special_tokens")) {
    JsonNode list = root["special_tokens"];
    for (size_t i = 0; i < list.size(); ++i)
      names[list.at(i)["rank"].integer(0, special - 1)] = list.at(i)["token_str"].string();
  } else {
    // Files from before special tokens were listed.
    const char *first[] = {"<unk>",
                           "<s>",
                           "</s>",
                           "[INST]",
                           "[/INST]",
                           "[AVAILABLE_TOOLS]",
                           "[/AVAILABLE_TOOLS]",
                           "[TOOL_RESULTS]",
                           "[/TOOL_RESULTS]",
                           "[TOOL_CALLS]",
                           "[IMG]",
                           "<pad>",
                           "[IMG_BREAK]",
                           "[IMG_END]",
                           "[PREFIX]",
                           "[MIDDLE]",
                           "[SUFFIX]",
                           "[SYSTEM_PROMPT]",
                           "[/SYSTEM_PROMPT]",
                           "[TOOL_CONTENT]"};
    for (size_t i = 0; i < std::size(first) && i < names.size(); ++i)
      names[i] = first[i];
  }
  for (size_t i = 0; i < names.size(); ++i) {
    AddedToken token;
    token.content = names[i].empty() ? concat("<SPECIAL_", i, ">") : names[i];
    token.id = int32_t(i);
    tokens.push_back(std::move(token));
  }
  JsonNode list = root["vocab"];
  if (int64_t(list.size()) < size - special)
    list.reject(concat("at least ", size - special, " tokens"));
  Vocabulary vocabulary;
  for (int64_t i = 0; i < size - special; ++i) {
    JsonNode entry = list.at(i);
    entry["rank"].integer(i, i);
    std::string token = decodeBase64(entry["token_bytes"].string(), entry.where());
    if (token.empty() || vocabulary.find(token))
      entry.reject("a new token of at least one byte");
    vocabulary.add(std::move(token), special + i, entry.where());
  }
  JsonNode pattern = config["pattern"];
  return assemble(std::move(vocabulary), makeSplitter(pattern.string(), pattern.where()), std::move(tokens), "<s>",
                  "</s>", around, root.where());
}
