#include "runtime/text/Normalizer.h"
#include "runtime/text/ByteAlphabet.h"
#include "runtime/text/Charsmap.h"
#include "runtime/text/Base64.h"
#include "runtime/text/Regex.h"
#include "runtime/text/Unicode.h"
#include <functional>

using namespace hybridrt;

namespace {
/// A normalizer that is a function.
class Simple : public Normalizer {
public:
  explicit Simple(std::function<void(std::string &)> function) : function(std::move(function)) {}
  void apply(std::string &text) const override { function(text); }

private:
  std::function<void(std::string &)> function;
};

class ReplaceText : public Normalizer {
public:
  ReplaceText(std::string from, std::string to) : from(std::move(from)), to(std::move(to)) {}
  void apply(std::string &text) const override {
    size_t at = text.find(from);
    if (at == text.npos)
      return;
    std::string result;
    size_t done = 0;
    for (; at != text.npos; at = text.find(from, done)) {
      result.append(text, done, at - done);
      result += to;
      done = at + from.size();
    }
    result.append(text, done);
    text = std::move(result);
  }

private:
  std::string from, to;
};

class ReplaceExpression : public Normalizer {
public:
  ReplaceExpression(const JsonNode &pattern, std::string to)
      : regex(pattern.string(), Regex::Dialect::oniguruma, pattern.where()), to(std::move(to)) {}
  void apply(std::string &text) const override {
    if (text.empty())
      return;
    std::string result;
    size_t done = 0;
    forEachMatch(regex, text, [&](size_t begin, size_t end) {
      result.append(text, done, begin - done);
      result += to;
      done = end;
    });
    result.append(text, done);
    text = std::move(result);
  }

private:
  Regex regex;
  std::string to;
};

/// SentencePiece's own normalization.
class Precompiled : public Normalizer {
public:
  explicit Precompiled(const JsonNode &table) : map(decodeBase64(table.string(), table.where()), table.where()) {}

  void apply(std::string &text) const override {
    if (map.empty())
      return;
    std::string result;
    result.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      size_t end = graphemeEnd(text, at);
      std::string_view grapheme(text.data() + at, end - at);
      at = end;
      // Only graphemes of up to five bytes are looked up as a whole.
      std::optional<std::string_view> found;
      if (grapheme.size() < 6 && (found = map.find(grapheme))) {
        result += *found;
        continue;
      }
      for (size_t i = 0; i < grapheme.size();) {
        std::string_view character = grapheme.substr(i, characterAt(grapheme.data() + i).size);
        result += map.find(character).value_or(character);
        i += character.size();
      }
    }
    text = std::move(result);
  }

private:
  static size_t graphemeEnd(const std::string &text, size_t at) {
    int32_t state = 0;
    Character c = characterAt(text.data() + at);
    for (at += c.size; at < text.size();) {
      Character next = characterAt(text.data() + at);
      bool plain = c.value < 0x80 && next.value < 0x80 && c.value != '\r';
      if (plain || !joinsGrapheme(c.value, next.value, state))
        break;
      c = next;
      at += c.size;
    }
    return at;
  }

  Charsmap map;
};
} // namespace

/// Replaces every character by what `map(c, result)` appends.
template <typename Map> static std::string mapCharacters(std::string_view text, Map map) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Character c = characterAt(text.data() + at);
    map(c.value, result);
    at += c.size;
  }
  return result;
}

static void strip(std::string &text, bool left, bool right) {
  size_t begin = 0, end = text.size();
  while (left && begin < end && isSpace(characterAt(text.data() + begin).value))
    begin += characterAt(text.data() + begin).size;
  while (right && end > begin) {
    size_t last = previousCharacter(text, end);
    if (!isSpace(characterAt(text.data() + last).value))
      break;
    end = last;
  }
  text = text.substr(begin, end - begin);
}

static void normalizeNmt(std::string &text) {
  text = mapCharacters(text, [](uint32_t c, std::string &result) {
    bool dropped = (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
    bool space = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
                 c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
    if (!dropped)
      appendUtf8(result, space ? ' ' : c);
  });
}

static void cleanForBert(std::string &text) {
  text = mapCharacters(text, [](uint32_t c, std::string &result) {
    bool space = c == '\t' || c == '\n' || c == '\r' || isSpace(c);
    bool control = c != '\t' && c != '\n' && c != '\r' && isOther(c);
    if (c != 0 && c != 0xfffd && !control)
      appendUtf8(result, space ? ' ' : c);
  });
}

static bool isChinese(uint32_t c) {
  constexpr uint32_t ranges[][2] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                                    {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  for (auto [from, to] : ranges)
    if (c >= from && c <= to)
      return true;
  return false;
}

static void readBert(const JsonNode &json, Normalizers &to) {
  auto add = [&](auto function) { to.push_back(std::make_unique<Simple>(function)); };
  bool lower = json.boolean("lowercase", true);
  if (json.boolean("clean_text", true))
    add(cleanForBert);
  if (json.boolean("handle_chinese_chars", true))
    add([](std::string &text) {
      text = mapCharacters(text, [](uint32_t c, std::string &result) {
        bool apart = isChinese(c);
        result += apart ? " " : "";
        appendUtf8(result, c);
        result += apart ? " " : "";
      });
    });
  if (json.boolean("strip_accents", lower))
    add([](std::string &text) {
      text = mapCharacters(normalize(text, NormalForm::nfd), [](uint32_t c, std::string &result) {
        if (!isNonspacingMark(c))
          appendUtf8(result, c);
      });
    });
  if (lower)
    add([](std::string &text) { text = lowercase(text); });
}

static void readReplace(const JsonNode &json, Normalizers &to) {
  JsonNode pattern = json["pattern"];
  std::string content = json["content"].string();
  if (pattern.has("Regex")) {
    to.push_back(std::make_unique<ReplaceExpression>(pattern["Regex"], content));
    return;
  }
  std::string from = pattern["String"].string();
  if (from.empty())
    pattern.reject("a pattern that is not empty");
  to.push_back(std::make_unique<ReplaceText>(from, content));
}

void hybridrt::readNormalizer(const JsonNode &json, Normalizers &to) {
  if (json.isNull())
    return;
  std::string type = json["type"].string();
  auto add = [&](auto function) { to.push_back(std::make_unique<Simple>(function)); };
  auto addForm = [&](NormalForm form) { add([form](std::string &text) { text = normalize(text, form); }); };
  if (type == "Sequence") {
    JsonNode list = json["normalizers"];
    for (size_t i = 0; i < list.size(); ++i)
      readNormalizer(list.at(i), to);
  } else if (type == "NFC") {
    addForm(NormalForm::nfc);
  } else if (type == "NFD") {
    addForm(NormalForm::nfd);
  } else if (type == "NFKC") {
    addForm(NormalForm::nfkc);
  } else if (type == "NFKD") {
    addForm(NormalForm::nfkd);
  } else if (type == "Lowercase") {
    add([](std::string &text) { text = lowercase(text); });
  } else if (type == "Prepend") {
    std::string prefix = json["prepend"].string();
    add([prefix](std::string &text) { text = text.empty() ? text : prefix + text; });
  } else if (type == "Replace") {
    readReplace(json, to);
  } else if (type == "Strip") {
    bool left = json.boolean("strip_left", true), right = json.boolean("strip_right", true);
    add([left, right](std::string &text) { strip(text, left, right); });
  } else if (type == "StripAccents") {
    add([](std::string &text) {
      text = mapCharacters(text, [](uint32_t c, std::string &result) {
        if (!isMark(c))
          appendUtf8(result, c);
      });
    });
  } else if (type == "Nmt") {
    add(normalizeNmt);
  } else if (type == "BertNormalizer") {
    readBert(json, to);
  } else if (type == "Precompiled") {
    if (json.has("precompiled_charsmap"))
      to.push_back(std::make_unique<Precompiled>(json["precompiled_charsmap"]));
  } else if (type == "ByteLevel") {
    add([](std::string &text) { text = toByteAlphabet(text); });
  } else {
    fail(json.where(), ": a normalizer of type '", type, "' is not supported");
  }
}
