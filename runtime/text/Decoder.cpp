#include "runtime/text/Decoder.h"
#include "runtime/text/ByteAlphabet.h"
#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Regex.h"

using namespace hybridrt;

namespace {
/// Collects the parts of the one token that is left, for steps that need it whole.
class Gather : public DecodeStep {
public:
  void push(std::string_view part, bool) override { whole += part; }
  void finish() override {
    next->push(whole, true);
    next->finish();
  }

private:
  std::string whole;
};

/// Makes all tokens parts of one.
class Fuse : public DecodeStep {
public:
  void push(std::string_view part, bool) override {
    next->push(part, first);
    first = false;
  }

private:
  bool first = true;
};

/// Where a file has no decoder: tokens with spaces between.
class JoinWithSpaces : public DecodeStep {
public:
  void push(std::string_view part, bool) override {
    next->push(first ? std::string(part) : " " + std::string(part), true);
    first = false;
  }

private:
  bool first = true;
};

/// Tokens are bytes, or bytes written in the byte alphabet; their bytes one after another are the text.
class Bytes : public DecodeStep {
public:
  explicit Bytes(bool alphabet) : alphabet(alphabet) {}
  void push(std::string_view part, bool) override {
    std::string text;
    std::optional<std::string> bytes = alphabet ? fromByteAlphabet(part) : std::nullopt;
    stream.push(text, bytes ? std::string_view(*bytes) : part);
    emit(text);
  }
  void finish() override {
    std::string text;
    stream.finish(text);
    emit(text);
    next->finish();
  }

private:
  void emit(const std::string &text) {
    next->push(text, first);
    first = false;
  }
  bool alphabet, first = true;
  Utf8Stream stream;
};

/// Neighbouring tokens that stand for bytes become text if together they are, else as many U+FFFD. Which of the two
/// is known only at the end of such a run.
class ByteFallback : public DecodeStep {
public:
  void push(std::string_view token, bool) override {
    if (int byte = byteOf(token); byte >= 0) {
      run += char(byte);
      return;
    }
    endRun();
    next->push(token, true);
  }
  void finish() override {
    endRun();
    next->finish();
  }

private:
  static int byteOf(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>'))
      return -1;
    auto digit = [](char c) {
      return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    };
    int high = digit(token[3]), low = digit(token[4]);
    if (token[3] == '+' && low >= 0) // a sign that Rust's parser takes
      return low;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
  }
  void endRun() {
    if (run.empty())
      return;
    std::string storage;
    if (repairUtf8(run, storage).data() == run.data())
      next->push(run, true);
    else
      for (size_t i = 0; i < run.size(); ++i)
        next->push("\xef\xbf\xbd", true);
    run.clear();
  }
  std::string run;
};

/// Takes up to so many of a character from the beginnings and ends of tokens.
class Strip : public DecodeStep {
public:
  Strip(std::string content, int64_t start, int64_t stop) : content(std::move(content)), start(start), stop(stop) {}
  void push(std::string_view part, bool begins) override {
    if (begins) {
      endToken();
      left = start;
      begun = false;
    }
    while (left > 0 && part.starts_with(content)) {
      part.remove_prefix(content.size());
      --left;
    }
    if (!part.empty())
      left = 0;
    size_t end = part.size();
    int64_t trailing = 0;
    while (stop > 0 && part.substr(0, end).ends_with(content)) {
      end -= content.size();
      ++trailing;
    }
    if (end > 0) {
      emit(repeated(held));
      held = 0;
      emit(std::string(part.substr(0, end)));
    } else if (!begun) {
      emit("");
    }
    held += trailing;
    open = true;
  }
  void finish() override {
    endToken();
    next->finish();
  }

private:
  std::string repeated(int64_t count) const {
    std::string text;
    for (int64_t i = 0; i < count; ++i)
      text += content;
    return text;
  }
  void emit(const std::string &text) {
    next->push(text, !begun);
    begun = true;
  }
  void endToken() {
    if (open && held > stop)
      emit(repeated(held - stop));
    held = 0;
    open = false;
  }
  std::string content;
  int64_t start, stop;
  int64_t left = 0, held = 0;
  bool open = false, begun = false;
};

/// Changes every token by a function of it and of whether it is the first.
class Change : public DecodeStep {
public:
  using Function = std::function<std::string(std::string_view token, bool first)>;
  explicit Change(Function function) : function(std::move(function)) {}
  void push(std::string_view token, bool) override {
    next->push(function(token, first), true);
    first = false;
  }

private:
  Function function;
  bool first = true;
};

/// The end of a word becomes a space, but for the last token.
class WordSuffix : public DecodeStep {
public:
  explicit WordSuffix(std::string suffix) : suffix(std::move(suffix)) {}
  void push(std::string_view token, bool) override {
    release(" ");
    held = token;
  }
  void finish() override {
    release("");
    next->finish();
  }

private:
  void release(std::string_view replacement) {
    if (!held)
      return;
    std::string text;
    size_t done = 0;
    for (size_t at = held->find(suffix); at != held->npos; at = held->find(suffix, done)) {
      text.append(*held, done, at - done).append(replacement);
      done = at + suffix.size();
    }
    next->push(text.append(*held, done), true);
    held.reset();
  }
  std::string suffix;
  std::optional<std::string> held;
};
} // namespace

static std::string replaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  size_t done = 0;
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, done)) {
    result.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  return result.append(text, done, text.npos);
}

/// As BERT's library tidies what it decodes.
static std::string tidy(std::string text) {
  constexpr std::pair<const char *, const char *> changes[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (auto [from, to] : changes)
    text = replaceAll(text, from, to);
  return text;
}

class DecodeChain::Sink : public DecodeStep {
public:
  explicit Sink(std::string &text) : text(text) {}
  void push(std::string_view part, bool) override { text += part; }
  void finish() override {}

private:
  std::string &text;
};

DecodeChain::DecodeChain(std::vector<std::unique_ptr<DecodeStep>> given) : steps(std::move(given)) {
  steps.push_back(std::make_unique<Sink>(text));
  for (size_t i = 0; i + 1 < steps.size(); ++i)
    steps[i]->connect(steps[i + 1].get());
}

std::string DecodeChain::push(std::string_view token) {
  text.clear();
  steps.front()->push(token, true);
  return text;
}

std::string DecodeChain::finish() {
  text.clear();
  steps.front()->finish();
  return text;
}

std::unique_ptr<DecodeChain> Decoder::start() const {
  std::vector<std::unique_ptr<DecodeStep>> steps;
  for (const Maker &make : makers)
    steps.push_back(make());
  return std::make_unique<DecodeChain>(std::move(steps));
}

void Decoder::add(Maker maker, bool whole, bool fuses) {
  if (whole && fused)
    makers.push_back([] { return std::make_unique<Gather>(); });
  makers.push_back(std::move(maker));
  fused |= fuses;
}

Decoder Decoder::ofBytes() {
  Decoder decoder;
  decoder.add([] { return std::make_unique<Bytes>(false); }, true, true);
  return decoder;
}

Decoder Decoder::read(const JsonNode &json) {
  Decoder decoder;
  if (json.isNull())
    decoder.add([] { return std::make_unique<JoinWithSpaces>(); }, true, false);
  else
    decoder.add(json);
  return decoder;
}

void Decoder::add(const JsonNode &json) {
  std::string type = json["type"].string();
  auto change = [&](Change::Function function) {
    add([function] { return std::make_unique<Change>(function); }, true, false);
  };
  if (type == "Sequence") {
    JsonNode list = json["decoders"];
    for (size_t i = 0; i < list.size(); ++i)
      add(list.at(i));
  } else if (type == "ByteLevel") {
    add([] { return std::make_unique<Bytes>(true); }, true, true);
  } else if (type == "ByteFallback") {
    add([] { return std::make_unique<ByteFallback>(); }, true, false);
  } else if (type == "Fuse") {
    add([] { return std::make_unique<Fuse>(); }, false, true);
  } else if (type == "Strip") {
    std::string content = json["content"].string();
    if (content.empty() || characterAt(content.data()).size != content.size())
      json["content"].reject("one character");
    int64_t start = json["start"].integer(0, INT32_MAX), stop = json["stop"].integer(0, INT32_MAX);
    add([=] { return std::make_unique<Strip>(content, start, stop); }, false, false);
  } else if (type == "Replace") {
    std::string to = json["content"].string();
    JsonNode pattern = json["pattern"];
    if (pattern.has("Regex")) {
      auto regex = std::make_shared<Regex>(pattern["Regex"].string(), Regex::Dialect::oniguruma, pattern.where());
      return change([=](std::string_view token, bool) {
        std::string result;
        size_t done = 0;
        if (!token.empty())
          forEachMatch(*regex, token, [&](size_t begin, size_t end) {
            result.append(token, done, begin - done).append(to);
            done = end;
          });
        return result.append(token, done, token.npos);
      });
    }
    std::string from = pattern["String"].string();
    if (from.empty())
      pattern.reject("a pattern that is not empty");
    change([=](std::string_view token, bool) { return replaceAll(token, from, to); });
  } else if (type == "Metaspace") {
    bool onlyFirst, prepends = metaspacePrepends(json, onlyFirst);
    std::string mark = readMetaspaceMark(json);
    change([=](std::string_view token, bool first) { return replaceAll(token, mark, first && prepends ? "" : " "); });
  } else if (type == "WordPiece") {
    std::string prefix = json.string("prefix", "##");
    bool tidies = json.boolean("cleanup", true);
    change([=](std::string_view token, bool first) {
      std::string text;
      if (first)
        text = token;
      else if (token.starts_with(prefix))
        text = token.substr(prefix.size());
      else
        text = " " + std::string(token);
      return tidies ? tidy(text) : text;
    });
  } else if (type == "BPEDecoder") {
    std::string suffix = json.string("suffix", "</w>");
    if (suffix.empty())
      json["suffix"].reject("a suffix that is not empty");
    add([=] { return std::make_unique<WordSuffix>(suffix); }, true, false);
  } else {
    fail(json.where(), ": a decoder of type '", type, "' is not supported");
  }
}
