#include "tools/hybrid-run/Generate.h"
#include "runtime/text/ChatFormat.h"
#include "tools/hybrid-run/Continuation.h"
#include "tools/hybrid-run/Report.h"
#include <filesystem>
#include <iostream>
#include <iterator>
#include <unistd.h>

using namespace hybridrt;
namespace fs = std::filesystem;

bool wantsText(const Options &options) {
  if (!options.text.prompt && !options.text.interactive)
    return false;
  if (options.text.prompt && options.text.interactive)
    fail("expected --prompt or --interactive, got both");
  if (!options.inputIds.empty() || !options.logits.empty() || !options.outputIds.empty() || !options.chunks.empty())
    fail("--prompt and --interactive work on text: --input-ids, --logits, --output-ids and --chunks do not go with "
         "them");
  if (options.profile && options.json)
    fail("expected --profile or --json, got both: a text's JSON is of single lines");
  return true;
}

/// Where the tokenizer and the chat template are: what is named, or the model's or the weights' folder.
static std::string tokenizerPath(const Options &options) {
  std::error_code error;
  for (const std::string &path : {options.text.tokenizer, options.model, options.weights})
    if (!path.empty() && (path == options.text.tokenizer || fs::is_directory(path, error)))
      return path;
  fail("no tokenizer: expected a model or weights in a folder, or --tokenizer PATH");
}

/// The format of the conversation; nothing where a text is to be continued as it is.
static std::optional<ChatFormat> chooseFormat(const Options &options, const std::string &path) {
  if (!options.text.chatFormat.empty()) {
    if (options.text.raw)
      fail("expected --raw or --chat-format, got both");
    return ChatFormat::read(options.text.chatFormat);
  }
  const char *wayOut = "; pass --chat-format FILE";
  if (options.text.raw) {
    if (options.text.interactive)
      fail("--interactive is a conversation, --raw is none");
    return std::nullopt;
  }
  std::error_code error;
  std::string folder = fs::is_directory(path, error) ? path : fs::path(path).parent_path().string();
  std::optional<std::string> chatTemplate = readChatTemplate(folder);
  if (!chatTemplate) {
    if (options.text.interactive)
      fail("'", folder, "' has no chat template", wayOut);
    return std::nullopt;
  }
  std::string hash = hashOfChatTemplate(*chatTemplate);
  std::optional<ChatFormat> format = findChatFormat(hash);
  if (!format)
    fail("the chat template of '", folder, "' (", hash, ") is not one of those that are built in: ", knownChatFormats(),
         wayOut, ", or --raw to continue the text as it is");
  return format;
}

namespace {
/// What a conversation appends to the model, message by message.
class Dialogue {
public:
  Dialogue(const Options &options, const Tokenizer &tokenizer, std::optional<ChatFormat> format)
      : options(options), tokenizer(tokenizer), format(std::move(format)) {
    if (!this->format && options.text.system)
      fail("--system: there is no chat format with system messages");
  }

  std::vector<int32_t> next(const std::string &message) {
    if (!format)
      return tokenizer.encode(message);
    std::vector<ChatPart> parts = began ? std::vector<ChatPart>() : format->opening(options.text.system);
    std::vector<ChatPart> turn = format->turn(message, began);
    parts.insert(parts.end(), turn.begin(), turn.end());
    std::vector<int32_t> tokens = encodeChat(tokenizer, parts, !began);
    began = true;
    return tokens;
  }

  std::vector<int64_t> stopTokens(const hybrid_info &info) const {
    std::vector<int64_t> tokens(info.eos, info.eos + info.eos_count);
    if (format)
      for (const std::string &stop : format->stops)
        if (std::optional<int32_t> token = tokenizer.find(stop))
          tokens.push_back(*token);
    return tokens;
  }

private:
  const Options &options;
  const Tokenizer &tokenizer;
  std::optional<ChatFormat> format;
  bool began = false;
};
} // namespace

static std::string readPrompt(const Options &options) {
  if (*options.text.prompt != "-")
    return *options.text.prompt;
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

void generateText(Session &session, const Options &options, double startup) {
  std::string path = tokenizerPath(options);
  std::unique_ptr<Tokenizer> tokenizer = Tokenizer::load(path);
  Dialogue dialogue(options, *tokenizer, chooseFormat(options, path));
  hybrid_info info = session.info();
  Continuation continuation(session, *tokenizer, options, dialogue.stopTokens(info));
  if (!options.text.interactive) {
    continuation.answer(dialogue.next(readPrompt(options)));
  } else {
    bool shown = isatty(STDIN_FILENO) && !options.json;
    std::string line;
    for (;;) {
      if (shown)
        std::cout << "> " << std::flush;
      if (!std::getline(std::cin, line))
        break;
      if (!line.empty())
        continuation.answer(dialogue.next(line));
    }
    if (shown)
      std::cout << '\n';
  }
  if (options.profile)
    printReport(session, options, startup);
  continuation.printStatistics(startup);
}
