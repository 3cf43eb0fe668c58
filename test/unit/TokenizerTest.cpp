// Tokenizers against what the libraries that define them have recorded (utils/record-tokenizers.py), and against
// files that are no good.
#include "runtime/text/Base64.h"
#include "runtime/text/Charsmap.h"
#include "runtime/text/Formats.h"
#include "runtime/text/Regex.h"
#include "runtime/text/SplitRule.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"
#include "lib/Artifact/Result.h"
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

using namespace hybridrt;
using Json = nlohmann::json;

static const std::string folder = HYBRID_SOURCE_DIR "/test/Inputs/tokenizers/";

static std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

static std::vector<int32_t> parseIds(const std::string &text) {
  std::istringstream stream(text);
  return {std::istream_iterator<int32_t>(stream), {}};
}

static bool isValidUtf8(const std::string &text) {
  std::string storage;
  return repairUtf8(text, storage).data() == text.data();
}

static std::unique_ptr<Tokenizer> parse(const std::string &name, const std::string &content) {
  if (name.starts_with("tekken"))
    return readTekken(content, name, {});
  if (name.ends_with(".model"))
    return readSentencePiece(content, name, {});
  return readTokenizerJson(content, name);
}

namespace {
struct Recorded {
  std::string file;
  std::vector<std::string> texts, decoded, oddDecoded;
  /// Of the texts, and of no text.
  std::vector<std::vector<int32_t>> ids, odd;
};

const std::vector<Recorded> &recordings() {
  static const std::vector<Recorded> all = [] {
    Json json = Json::parse(readFile(folder + "cases.json"));
    std::vector<Recorded> result;
    for (const Json &tokenizer : json["tokenizers"]) {
      Recorded &recorded = result.emplace_back();
      recorded.file = tokenizer["file"];
      for (const Json &text : json["texts"])
        recorded.texts.push_back(decodeBase64(text.get<std::string>(), "texts"));
      for (const Json &one : tokenizer["results"]) {
        recorded.ids.push_back(parseIds(one[0]));
        recorded.decoded.push_back(decodeBase64(one[1].get<std::string>(), "results"));
      }
      for (const Json &one : tokenizer["odd"]) {
        recorded.odd.push_back(parseIds(one[0]));
        recorded.oddDecoded.push_back(decodeBase64(one[1].get<std::string>(), "odd"));
      }
    }
    return result;
  }();
  return all;
}

class RecordedTokenizer : public testing::TestWithParam<size_t> {
protected:
  const Recorded &recorded = recordings()[GetParam()];
  std::unique_ptr<Tokenizer> tokenizer = Tokenizer::load(folder + recorded.file);
};

TEST_P(RecordedTokenizer, EncodesAsItsLibrary) {
  ASSERT_FALSE(recorded.texts.empty());
  bool parsesSpecial = !recorded.file.ends_with(".model") && recorded.file != "tekken.json";
  for (size_t i = 0; i < recorded.texts.size(); ++i)
    // To SentencePiece's and Mistral's libraries special tokens that are written out are text.
    EXPECT_EQ(tokenizer->encode(recorded.texts[i], {true, parsesSpecial}), recorded.ids[i])
        << recorded.file << ", text " << i << ": " << recorded.texts[i];
}

TEST_P(RecordedTokenizer, DecodesAsItsLibrary) {
  for (size_t i = 0; i < recorded.texts.size(); ++i)
    EXPECT_EQ(tokenizer->decode(recorded.ids[i]), recorded.decoded[i]) << recorded.file << ", text " << i;
  ASSERT_FALSE(recorded.odd.empty());
  for (size_t i = 0; i < recorded.odd.size(); ++i)
    EXPECT_EQ(tokenizer->decode(recorded.odd[i]), recorded.oddDecoded[i]) << recorded.file << ", odd tokens " << i;
}

// Also of random tokens, which form no text that was ever encoded.
TEST_P(RecordedTokenizer, StreamsWholeCharacters) {
  std::mt19937 draw(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> ids;
    for (int i = 0; i < 40; ++i)
      ids.push_back(int32_t(draw() % uint32_t(tokenizer->end() + 3)) - 1);
    std::string text;
    std::unique_ptr<StreamDecoder> stream = tokenizer->stream();
    for (int32_t id : ids) {
      std::string part = stream->push(id);
      EXPECT_TRUE(isValidUtf8(part)) << recorded.file;
      text += part;
    }
    text += stream->finish();
    EXPECT_EQ(text, tokenizer->decode(ids));
    EXPECT_TRUE(isValidUtf8(text)) << recorded.file;
  }
}

// Whatever becomes of a file, it is an error or a tokenizer that works.
TEST_P(RecordedTokenizer, SurvivesBrokenFiles) {
  std::string content = readFile(folder + recorded.file);
  std::mt19937 draw(2);
  int refused = 0, rounds = 120;
  for (int round = 0; round < rounds; ++round) {
    std::string broken = content;
    if (round % 3 == 0)
      broken.resize(draw() % broken.size());
    for (int i = 0; i < 1 + round % 4 && !broken.empty(); ++i)
      broken[draw() % broken.size()] = round % 2 ? char(draw()) : "0123456789\"{}[],:tn"[draw() % 20];
    try {
      std::unique_ptr<Tokenizer> odd = parse(recorded.file, broken);
      for (size_t i = 0; i < recorded.texts.size(); i += 7)
        odd->decode(odd->encode(recorded.texts[i]));
    } catch (const Error &) {
      ++refused;
    }
  }
  EXPECT_GT(refused, rounds / 4);
}

INSTANTIATE_TEST_SUITE_P(All, RecordedTokenizer, testing::Range(size_t(0), recordings().size()), [](auto &info) {
  std::string name = recordings()[info.param].file;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

std::string errorOf(const std::function<void()> &function) {
  try {
    function();
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

std::string errorOfJson(const std::string &text) {
  return errorOf([&] { readTokenizerJson(text, "t.json"); });
}

const std::string model = R"("model":{"type":"BPE","vocab":{"a":0},"merges":[]})";

TEST(TokenizerErrors, NameWhatIsNotSupported) {
  EXPECT_EQ(errorOfJson(R"({"model":{"type":"Magic","vocab":{}}})"),
            "'t.json'.model: a model of type 'Magic' is not supported");
  EXPECT_EQ(errorOfJson(R"({"normalizer":{"type":"Magic"},)" + model + "}"),
            "'t.json'.normalizer: a normalizer of type 'Magic' is not supported");
  EXPECT_EQ(errorOfJson(R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Magic"}]},)" + model + "}"),
            "'t.json'.pre_tokenizer.pretokenizers[0]: a pre-tokenizer of type 'Magic' is not supported");
  EXPECT_EQ(errorOfJson(R"({"post_processor":{"type":"Magic"},)" + model + "}"),
            "'t.json'.post_processor: a post-processor of type 'Magic' is not supported");
  EXPECT_EQ(errorOfJson(R"({"decoder":{"type":"CTC"},)" + model + "}"),
            "'t.json'.decoder: a decoder of type 'CTC' is not supported");
  EXPECT_EQ(errorOfJson(R"({"model":{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}})"),
            "'t.json'.model.dropout: expected no dropout: it makes tokens random, found 0.1");
}

TEST(TokenizerErrors, SayWhere) {
  EXPECT_EQ(errorOfJson(""), "t.json:1:1: invalid JSON: syntax error while parsing value - unexpected end of input; "
                             "expected '[', '{', or a literal");
  EXPECT_EQ(errorOfJson("{\n}"), "'t.json': expected a member 'model'");
  EXPECT_EQ(errorOfJson(R"({"model":{"type":"BPE","vocab":{"a":"b"},"merges":[]}})"),
            "'t.json'.model.vocab['a']: expected a number, found \"b\"");
  EXPECT_EQ(errorOfJson(R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})"),
            "'t.json'.model.vocab: expected token numbers from 0 to 16777215, got -1 for 'a'");
  EXPECT_EQ(errorOfJson(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}})"),
            "'t.json'.model: merges[0]: expected 'ab' in the vocabulary");
  EXPECT_EQ(errorOfJson(std::string(100, '[')), "t.json:1:65: JSON nests more than 64 deep");
  EXPECT_EQ(errorOf([] { readTiktoken("IQ== 0\n??", "t.model", {}); }),
            "'t.model': line 2: expected a token in base 64, a space and its rank");
  EXPECT_EQ(
      errorOf([] { readTiktoken("IQ== 0\n", "t.model", {}); }),
      "'t.model': expected the 128000 tokens of Llama 3, found 1; nothing else of this form is supported: convert "
      "it to a tokenizer.json");
  EXPECT_EQ(errorOf([] { readSentencePiece("\xff\xff", "t.model", {}); }),
            "'t.model': expected a SentencePiece model, found bytes that are no protocol buffer of one");
  EXPECT_EQ(errorOf([] { Tokenizer::load(folder + "nowhere"); }),
            "cannot open '" + folder + "nowhere': No such file or directory");
  EXPECT_EQ(errorOf([] { Tokenizer::load(HYBRID_SOURCE_DIR "/docs"); }),
            "'" HYBRID_SOURCE_DIR
            "/docs': expected a tokenizer.json, tokenizer.model or tekken.json in the folder, found none");
}

TEST(TokenizerErrors, RefuseTablesThatLeadOutside) {
  // One unit, whose children would lie far beyond it.
  std::string table("\4\0\0\0\0\xff\xff\x7f", 8);
  EXPECT_EQ(errorOf([&] { Charsmap map(table, "t"); }), "t: the table of replacements leads outside itself");
  EXPECT_EQ(errorOf([&] { Charsmap map(table.substr(0, 6), "t"); }),
            "t: expected a table of replacements, found 6 bytes that begin with a size of 4");
}

TEST(Regex, SaysWhatItDoesNotUnderstand) {
  auto errorFor = [](const char *pattern) {
    return errorOf([&] { Regex regex(pattern, Regex::Dialect::oniguruma, "t"); });
  };
  EXPECT_EQ(errorFor("[a-z&&[^b]]"),
            "t: an intersection of classes in the regular expression '[a-z&&[^b]]' is not supported");
  EXPECT_EQ(errorFor("[a[b]]"), "t: a class within a class in the regular expression '[a[b]]' is not supported");
  EXPECT_EQ(errorFor("\\h+"), "t: '\\h' in the regular expression '\\h+' is not supported");
  EXPECT_EQ(errorFor("(a"), "t: invalid regular expression '(a': missing closing parenthesis at byte 2 of '(a'");
}

// Oniguruma repeats an interval where others make it possessive.
TEST(Regex, RepeatsIntervals) {
  Regex::Match match;
  ASSERT_TRUE(Regex("\\p{N}{1,3}+", Regex::Dialect::oniguruma, "t").search("a12345", 0, match));
  EXPECT_EQ(match.end, 6u);
  ASSERT_TRUE(Regex("\\p{N}{1,3}+", Regex::Dialect::rust, "t").search("a12345", 0, match));
  EXPECT_EQ(match.end, 4u);
}

// A text can take exponential time to match; that ends as an error.
TEST(Regex, GivesUp) {
  Regex regex("(a*)*b|(a|aa)+c", Regex::Dialect::rust, "t");
  Regex::Match match;
  EXPECT_EQ(errorOf([&] { regex.search(std::string(100, 'a'), 0, match); }),
            "t: cannot match the regular expression: match limit exceeded");
}

// The hand-written code against the expressions that it stands for.
TEST(SplitRule, MatchesItsExpression) {
  std::mt19937 draw(3);
  const char *parts[] = {"a",  "Z",      "é",      "日", "1", "٣",      " ",      " ",     "\n",  "\r",
                         "\t", "\u00a0", "\u2028", "'",  "s", "'S",     "'ſ",     "'ll",   "'rE", "'x",
                         "!",  "_",      "\u0301", "👍", "½", "\u180e", "\u200b", "\u0085"};
  std::string qwen2(llama3Expression);
  qwen2.erase(qwen2.find("{1,3}"), 5);
  for (std::string expression : {std::string(gpt2Expression), std::string(llama3Expression), qwen2}) {
    std::optional<SplitRule> rule = findSplitRule(expression);
    ASSERT_TRUE(rule) << expression;
    Regex regex(expression, Regex::Dialect::rust, "t");
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      for (unsigned i = 0, count = 1 + draw() % 12; i < count; ++i)
        text += parts[draw() % std::size(parts)];
      size_t at = 0;
      forEachMatch(regex, text, [&](size_t begin, size_t end) {
        EXPECT_EQ(begin, at);
        EXPECT_EQ(rule->next(text, at), end) << "'" << text << "' at " << at << " by " << expression;
        at = end;
      });
      EXPECT_EQ(at, text.size());
    }
  }
}

// Normal forms of texts of many marks in any order, against the definition by way of single steps.
TEST(Unicode, OrdersMarks) {
  EXPECT_EQ(normalize("e\u0301", NormalForm::nfc), "\u00e9");
  EXPECT_EQ(normalize("a\u0302\u0323", NormalForm::nfc), "\u1ead");
  EXPECT_EQ(normalize("a\u0323\u0302", NormalForm::nfd), "a\u0323\u0302");
  EXPECT_EQ(normalize("a\u0302\u0323", NormalForm::nfd), "a\u0323\u0302");
  EXPECT_EQ(normalize("\u1100\u1161\u11a8", NormalForm::nfc), "\uac01");
  EXPECT_EQ(normalize("\uac00\u11a8", NormalForm::nfc), "\uac01");
  EXPECT_EQ(normalize("x\ufb03\u2460\u00c5", NormalForm::nfkc), "xffi1\u00c5");
  EXPECT_EQ(lowercase("ÀİΣ"), "ài\u0307σ");
  std::string many;
  for (int i = 0; i < 100000; ++i)
    many += i % 2 ? "\u0323" : "\u0302";
  EXPECT_EQ(normalize(many, NormalForm::nfd).substr(0, 4), "\u0323\u0323"); // and in no quadratic time
}

TEST(Utf8, RepairsAsTheStandardRecommends) {
  auto repaired = [](std::string_view text) {
    std::string result;
    appendRepaired(result, text);
    return result;
  };
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(repaired("a\xf0\x9f\x91z"), "a" + bad + "z");
  EXPECT_EQ(repaired("\xed\xa0\x80"), bad + bad + bad);
  EXPECT_EQ(repaired("\xc0\xaf\xf5"), bad + bad + bad);
  EXPECT_EQ(repaired("\xe2\x82"), bad);
  EXPECT_EQ(repaired("\xf0\x90\x8d\x88"), "\xf0\x90\x8d\x88");
}
} // namespace
