// How a conversation is written for a model: what stands before and after the messages. Folders have a template, which
// is a program; the formats of templates that are known by their hash are built in, others come from a file.
#ifndef HYBRID_RUNTIME_TEXT_CHATFORMAT_H
#define HYBRID_RUNTIME_TEXT_CHATFORMAT_H
#include "runtime/text/Tokenizer.h"

namespace hybridrt {

/// A part of a conversation; special tokens are only looked for in what the format writes.
struct ChatPart {
  std::string text;
  bool ofFormat;
};

class ChatFormat {
public:
  struct Wrap {
    std::string before, after;
  };
  std::string begin;
  Wrap system, user, assistant;
  /// The system message if none is given; without one there is none, unless the template always has one.
  std::string defaultSystem;
  bool alwaysSystem = false;
  /// Whether white space around messages is dropped.
  bool trims = false;
  /// Tokens that end an answer beside those that end a text.
  std::vector<std::string> stops;

  /// Reads a file: {"begin": "", "system": ["before", "after"], "user": [...], "assistant": [...], "default_system":
  /// "", "always_system": false, "trim": false, "stop": []}; only user and assistant have to be there.
  static ChatFormat read(const std::string &path);

  /// The beginning of a conversation, up to the first message of the user.
  std::vector<ChatPart> opening(const std::optional<std::string> &system) const;
  /// A message of the user, up to where the answer begins; after an answer, its end before that.
  std::vector<ChatPart> turn(const std::string &message, bool afterAnswer) const;
};

/// The template that a model's folder has; nothing if it has none.
std::optional<std::string> readChatTemplate(const std::string &folder);
/// What formats are known by; white space at the template's end does not matter.
std::string hashOfChatTemplate(std::string_view chatTemplate);
/// The format of the template with that hash; nothing for those that are not built in.
std::optional<ChatFormat> findChatFormat(const std::string &hash);
/// The names of the formats that are built in.
std::string knownChatFormats();

/// The tokens of parts of a conversation; `atBegin` if nothing is before them.
std::vector<int32_t> encodeChat(const Tokenizer &tokenizer, const std::vector<ChatPart> &parts, bool atBegin);

} // namespace hybridrt
#endif
