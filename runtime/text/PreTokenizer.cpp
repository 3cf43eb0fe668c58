#include "runtime/text/PreTokenizer.h"
#include "runtime/text/ByteAlphabet.h"
#include "runtime/text/SplitRule.h"
#include "runtime/text/Unicode.h"
#include <algorithm>
#include <functional>

using namespace hybridrt;

namespace {
/// A stretch of a piece that a splitter has found, or that lies between two such.
struct Stretch {
  size_t begin, end;
  bool found;
};

/// Cuts pieces into stretches and joins them as its behavior says.
class Splitter : public PreTokenizer {
public:
  Splitter(SplitBehavior behavior, bool invert) : behavior(behavior), invert(invert) {}

  void apply(Pieces &pieces) const override {
    std::vector<Pieces::Piece> result;
    result.reserve(pieces.list.size());
    std::vector<Stretch> stretches;
    for (const Pieces::Piece &piece : pieces.list) {
      stretches.clear();
      cut(piece.text, stretches);
      if (invert)
        for (Stretch &stretch : stretches)
          stretch.found = !stretch.found;
      join(stretches);
      for (const Stretch &stretch : stretches)
        if (stretch.end > stretch.begin && !(behavior == SplitBehavior::removed && stretch.found))
          result.push_back(
              {piece.text.substr(stretch.begin, stretch.end - stretch.begin), piece.first && stretch.begin == 0});
    }
    pieces.list = std::move(result);
  }

protected:
  /// Appends stretches that cover the text.
  virtual void cut(std::string_view text, std::vector<Stretch> &stretches) const = 0;

private:
  void join(std::vector<Stretch> &stretches) const {
    if (behavior == SplitBehavior::removed || behavior == SplitBehavior::isolated)
      return;
    std::vector<Stretch> joined;
    bool before = false;
    auto add = [&](const Stretch &stretch, bool extend) {
      if (extend && !joined.empty()) {
        joined.back().begin = std::min(joined.back().begin, stretch.begin);
        joined.back().end = std::max(joined.back().end, stretch.end);
      } else {
        joined.push_back(stretch);
      }
      before = stretch.found;
    };
    if (behavior == SplitBehavior::mergedWithNext) {
      for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch)
        add(*stretch, stretch->found && !before);
      std::reverse(joined.begin(), joined.end());
    } else {
      for (const Stretch &stretch : stretches)
        add(stretch, behavior == SplitBehavior::contiguous ? stretch.found == before : stretch.found && !before);
    }
    stretches = std::move(joined);
  }

  SplitBehavior behavior;
  bool invert;
};

class ExpressionSplitter : public Splitter {
public:
  ExpressionSplitter(std::unique_ptr<Regex> regex, SplitBehavior behavior, bool invert)
      : Splitter(behavior, invert), regex(std::move(regex)) {}

protected:
  void cut(std::string_view text, std::vector<Stretch> &stretches) const override {
    size_t done = 0;
    forEachMatch(*regex, text, [&](size_t begin, size_t end) {
      if (begin > done)
        stretches.push_back({done, begin, false});
      stretches.push_back({begin, end, true});
      done = end;
    });
    if (done < text.size())
      stretches.push_back({done, text.size(), false});
  }

private:
  std::unique_ptr<Regex> regex;
};

/// Finds what an expression would find that is known to find everything.
class RuleSplitter : public Splitter {
public:
  RuleSplitter(SplitRule rule, SplitBehavior behavior, bool invert) : Splitter(behavior, invert), rule(rule) {}

protected:
  void cut(std::string_view text, std::vector<Stretch> &stretches) const override {
    for (size_t at = 0; at < text.size();) {
      size_t end = rule.next(text, at);
      stretches.push_back({at, end, true});
      at = end;
    }
  }

private:
  SplitRule rule;
};

/// Finds single characters.
class CharacterSplitter : public Splitter {
public:
  CharacterSplitter(std::function<bool(uint32_t)> wanted, SplitBehavior behavior)
      : Splitter(behavior, false), wanted(std::move(wanted)) {}

protected:
  void cut(std::string_view text, std::vector<Stretch> &stretches) const override {
    size_t done = 0;
    for (size_t at = 0; at < text.size();) {
      Character c = characterAt(text.data() + at);
      if (wanted(c.value)) {
        if (at > done)
          stretches.push_back({done, at, false});
        stretches.push_back({at, at + c.size, true});
        done = at + c.size;
      }
      at += c.size;
    }
    if (done < text.size())
      stretches.push_back({done, text.size(), false});
  }

private:
  std::function<bool(uint32_t)> wanted;
};

/// Finds runs of characters of the same kind; kind 0 is between words.
class RunSplitter : public Splitter {
public:
  explicit RunSplitter(std::function<int(uint32_t)> kindOf)
      : Splitter(SplitBehavior::removed, true), kindOf(std::move(kindOf)) {}

protected:
  void cut(std::string_view text, std::vector<Stretch> &stretches) const override {
    int before = -1;
    for (size_t at = 0; at < text.size();) {
      Character c = characterAt(text.data() + at);
      int kind = kindOf(c.value);
      if (kind != before)
        stretches.push_back({at, at, kind != 0});
      at += c.size;
      stretches.back().end = at;
      before = kind;
    }
  }

private:
  std::function<int(uint32_t)> kindOf;
};

class TextSplitter : public Splitter {
public:
  TextSplitter(std::string wanted, SplitBehavior behavior, bool invert)
      : Splitter(behavior, invert), wanted(std::move(wanted)) {}

protected:
  void cut(std::string_view text, std::vector<Stretch> &stretches) const override {
    size_t done = 0;
    for (size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, done)) {
      if (at > done)
        stretches.push_back({done, at, false});
      stretches.push_back({at, at + wanted.size(), true});
      done = at + wanted.size();
    }
    if (done < text.size())
      stretches.push_back({done, text.size(), false});
  }

private:
  std::string wanted;
};

/// Makes pieces begin with a space unless they do.
class SpacePrefix : public PreTokenizer {
public:
  void apply(Pieces &pieces) const override {
    for (Pieces::Piece &piece : pieces.list)
      if (!piece.text.starts_with(' '))
        piece.text = pieces.keep(" " + std::string(piece.text));
  }
};

class ByteAlphabetWriter : public PreTokenizer {
public:
  void apply(Pieces &pieces) const override {
    for (Pieces::Piece &piece : pieces.list)
      piece.text = pieces.keep(toByteAlphabet(piece.text));
  }
};

/// Writes spaces as a visible character, with one more at the beginning, and splits before each.
class Metaspace : public PreTokenizer {
public:
  enum class Prepend { always, first, never };
  Metaspace(std::string mark, Prepend prepend, bool split) : mark(std::move(mark)), prepend(prepend), split(split) {}

  void apply(Pieces &pieces) const override {
    std::vector<Pieces::Piece> result;
    for (const Pieces::Piece &piece : pieces.list) {
      std::string text;
      text.reserve(piece.text.size() * 5 / 4 + 8);
      bool marked = piece.text.starts_with(' ') || piece.text.starts_with(mark);
      if (!marked && (prepend == Prepend::always || (prepend == Prepend::first && piece.first)))
        text = mark;
      for (char c : piece.text) {
        if (c == ' ')
          text += mark;
        else
          text += c;
      }
      std::string_view kept = pieces.keep(std::move(text));
      size_t begin = 0;
      while (split && begin < kept.size()) {
        size_t end = std::min(kept.find(mark, begin + 1), kept.size());
        result.push_back({kept.substr(begin, end - begin), piece.first && begin == 0});
        begin = end;
      }
      if (!split)
        result.push_back({kept, piece.first});
    }
    pieces.list = std::move(result);
  }

private:
  std::string mark;
  Prepend prepend;
  bool split;
};

class FixedLength : public PreTokenizer {
public:
  explicit FixedLength(int64_t length) : length(length) {}
  void apply(Pieces &pieces) const override {
    std::vector<Pieces::Piece> result;
    for (const Pieces::Piece &piece : pieces.list)
      for (size_t at = 0, end; at < piece.text.size(); at = end) {
        end = at;
        for (int64_t i = 0; i < length && end < piece.text.size(); ++i)
          end += characterAt(piece.text.data() + end).size;
        result.push_back({piece.text.substr(at, end - at), piece.first && at == 0});
      }
    pieces.list = std::move(result);
  }

private:
  int64_t length;
};
} // namespace

std::unique_ptr<PreTokenizer> hybridrt::makeExpressionSplitter(const std::string &expression, Regex::Dialect dialect,
                                                               SplitBehavior behavior, bool invert,
                                                               const std::string &where) {
  if (std::optional<SplitRule> rule = findSplitRule(expression))
    return std::make_unique<RuleSplitter>(*rule, behavior, invert);
  return std::make_unique<ExpressionSplitter>(std::make_unique<Regex>(expression, dialect, where), behavior, invert);
}

std::unique_ptr<PreTokenizer> hybridrt::makeByteAlphabetWriter() { return std::make_unique<ByteAlphabetWriter>(); }

static SplitBehavior readBehavior(const JsonNode &json) {
  constexpr std::pair<const char *, SplitBehavior> names[] = {{"Removed", SplitBehavior::removed},
                                                              {"Isolated", SplitBehavior::isolated},
                                                              {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
                                                              {"MergedWithNext", SplitBehavior::mergedWithNext},
                                                              {"Contiguous", SplitBehavior::contiguous}};
  for (auto [name, behavior] : names)
    if (json.string() == name)
      return behavior;
  json.reject("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

static std::unique_ptr<PreTokenizer> readSplit(const JsonNode &json) {
  SplitBehavior behavior = readBehavior(json["behavior"]);
  bool invert = json.boolean("invert", false);
  JsonNode pattern = json["pattern"];
  if (pattern.has("Regex"))
    return makeExpressionSplitter(pattern["Regex"].string(), Regex::Dialect::oniguruma, behavior, invert,
                                  pattern["Regex"].where());
  std::string text = pattern["String"].string();
  if (text.empty())
    pattern.reject("a pattern that is not empty");
  return std::make_unique<TextSplitter>(text, behavior, invert);
}

std::string hybridrt::readMetaspaceMark(const JsonNode &json) {
  std::string mark = json.string("replacement", "\xe2\x96\x81");
  if (mark.empty() || characterAt(mark.data()).size != mark.size())
    json["replacement"].reject("one character");
  return mark;
}

bool hybridrt::metaspacePrepends(const JsonNode &json, bool &onlyFirst) {
  std::string scheme = json.boolean("add_prefix_space", true) ? json.string("prepend_scheme", "always") : "never";
  if (scheme != "always" && scheme != "first" && scheme != "never")
    json["prepend_scheme"].reject("always, first or never");
  onlyFirst = scheme == "first";
  return scheme != "never";
}

static std::unique_ptr<PreTokenizer> readMetaspace(const JsonNode &json) {
  bool onlyFirst;
  Metaspace::Prepend prepend = Metaspace::Prepend::never;
  if (metaspacePrepends(json, onlyFirst))
    prepend = onlyFirst ? Metaspace::Prepend::first : Metaspace::Prepend::always;
  return std::make_unique<Metaspace>(readMetaspaceMark(json), prepend, json.boolean("split", true));
}

void hybridrt::readPreTokenizer(const JsonNode &json, PreTokenizers &to, bool &bytes) {
  if (json.isNull())
    return;
  if (bytes) // something follows that sees the alphabet
    to.push_back(makeByteAlphabetWriter());
  bytes = false;
  std::string type = json["type"].string();
  auto addCharacters = [&](std::function<bool(uint32_t)> wanted, SplitBehavior behavior) {
    to.push_back(std::make_unique<CharacterSplitter>(std::move(wanted), behavior));
  };
  auto isNumber = [](uint32_t c) { return classOf(c) == CharacterClass::number; };
  if (type == "Sequence") {
    JsonNode list = json["pretokenizers"];
    for (size_t i = 0; i < list.size(); ++i)
      readPreTokenizer(list.at(i), to, bytes);
  } else if (type == "ByteLevel") {
    if (json.boolean("add_prefix_space", true))
      to.push_back(std::make_unique<SpacePrefix>());
    if (json.boolean("use_regex", true))
      to.push_back(makeExpressionSplitter(std::string(gpt2Expression), Regex::Dialect::oniguruma,
                                          SplitBehavior::isolated, false, json.where()));
    bytes = true;
  } else if (type == "Split") {
    to.push_back(readSplit(json));
  } else if (type == "Metaspace") {
    to.push_back(readMetaspace(json));
  } else if (type == "Digits") {
    addCharacters(isNumber,
                  json.boolean("individual_digits", false) ? SplitBehavior::isolated : SplitBehavior::contiguous);
  } else if (type == "Punctuation") {
    addCharacters(isPunctuation, json.has("behavior") ? readBehavior(json["behavior"]) : SplitBehavior::isolated);
  } else if (type == "Whitespace") {
    to.push_back(std::make_unique<RunSplitter>([](uint32_t c) { return isSpace(c) ? 0 : isWordCharacter(c) ? 1 : 2; }));
  } else if (type == "WhitespaceSplit") {
    addCharacters(isSpace, SplitBehavior::removed);
  } else if (type == "BertPreTokenizer") {
    addCharacters(isSpace, SplitBehavior::removed);
    addCharacters(isPunctuation, SplitBehavior::isolated);
  } else if (type == "CharDelimiterSplit") {
    std::string delimiter = json["delimiter"].string();
    if (delimiter.empty() || characterAt(delimiter.data()).size != delimiter.size())
      json["delimiter"].reject("one character");
    to.push_back(std::make_unique<TextSplitter>(delimiter, SplitBehavior::removed, false));
  } else if (type == "FixedLength") {
    to.push_back(std::make_unique<FixedLength>(json.integer("length", 5, 1, INT32_MAX)));
  } else {
    fail(json.where(), ": a pre-tokenizer of type '", type, "' is not supported");
  }
}
