#include "runtime/text/ChatFormat.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Hash.h"
#include "lib/Artifact/Json.h"
#include "runtime/text/JsonNode.h"
#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"
#include <ctime>
#include <filesystem>
#include <set>

using namespace hybridrt;
namespace fs = std::filesystem;

static std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) < 128 &&
         isSpace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  while (!text.empty() && static_cast<unsigned char>(text[0]) < 128 && isSpace(static_cast<unsigned char>(text[0])))
    text.remove_prefix(1);
  return text;
}

static ChatFormat::Wrap readWrap(const JsonNode &json) {
  if (json.size() != 2)
    json.reject("what stands before and after a message");
  return {json.at(0).string(), json.at(1).string()};
}

static std::string readText(const fs::path &path) {
  MappedFile file = MappedFile::open(path.string()).get();
  return {reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size()};
}

ChatFormat ChatFormat::read(const std::string &path) {
  std::string text = readText(path);
  nlohmann::json json = parseJson(text, path);
  JsonNode root(json, "'" + path + "'");
  ChatFormat format;
  format.user = readWrap(root["user"]);
  format.assistant = readWrap(root["assistant"]);
  if (root.has("system"))
    format.system = readWrap(root["system"]);
  format.begin = root.string("begin", "");
  format.defaultSystem = root.string("default_system", "");
  format.alwaysSystem = root.boolean("always_system", false);
  format.trims = root.boolean("trim", false);
  if (root.has("stop"))
    for (size_t i = 0; i < root["stop"].size(); ++i)
      format.stops.push_back(root["stop"].at(i).string());
  const std::set<std::string> known = {"user",           "assistant",     "system", "begin",
                                       "default_system", "always_system", "trim",   "stop"};
  for (auto it = json.begin(); it != json.end(); ++it)
    if (!known.count(it.key()))
      fail("'", path, "': unknown member '", it.key(),
           "', expected begin, system, user, assistant, default_system, always_system, trim or stop");
  return format;
}

static void addMessage(std::vector<ChatPart> &parts, const ChatFormat &format, const ChatFormat::Wrap &wrap,
                       const std::string &message) {
  parts.push_back({wrap.before, true});
  parts.push_back({format.trims ? std::string(trimmed(message)) : message, false});
  parts.push_back({wrap.after, true});
}

std::vector<ChatPart> ChatFormat::opening(const std::optional<std::string> &given) const {
  std::vector<ChatPart> parts = {{begin, true}};
  std::string message = given.value_or(defaultSystem);
  if (given || alwaysSystem || !message.empty()) {
    if (system.before.empty() && system.after.empty())
      fail("the chat format has no system messages");
    addMessage(parts, *this, system, message);
  }
  return parts;
}

std::vector<ChatPart> ChatFormat::turn(const std::string &message, bool afterAnswer) const {
  std::vector<ChatPart> parts;
  if (afterAnswer)
    parts.push_back({assistant.after, true});
  addMessage(parts, *this, user, message);
  parts.push_back({assistant.before, true});
  return parts;
}

static std::string today() {
  std::time_t now = std::time(nullptr);
  std::tm local;
  char text[32];
  localtime_r(&now, &local);
  return {text, std::strftime(text, sizeof text, "%d %b %Y", &local)};
}

static ChatFormat llama3() {
  ChatFormat format;
  auto role = [](const std::string &name) {
    return ChatFormat::Wrap{"<|start_header_id|>" + name + "<|end_header_id|>\n\n", "<|eot_id|>"};
  };
  format.begin = "<|begin_of_text|>";
  format.system = role("system");
  format.user = role("user");
  format.assistant = role("assistant");
  format.trims = true;
  format.stops = {"<|eot_id|>"};
  return format;
}

static ChatFormat llama3WithDate(const std::string &date) {
  ChatFormat format = llama3();
  format.alwaysSystem = true;
  format.system.before += "Cutting Knowledge Date: December 2023\nToday Date: " + date + "\n\n";
  return format;
}

static ChatFormat granite(const std::string &defaultSystem) {
  ChatFormat format;
  auto role = [](const std::string &name) {
    return ChatFormat::Wrap{"<|start_of_role|>" + name + "<|end_of_role|>", "<|end_of_text|>\n"};
  };
  format.system = role("system");
  format.user = role("user");
  format.assistant = role("assistant");
  format.defaultSystem = defaultSystem;
  format.stops = {"<|end_of_text|>"};
  return format;
}

static ChatFormat chatMl(const std::string &begin, const std::string &defaultSystem) {
  ChatFormat format;
  auto role = [](const std::string &name) { return ChatFormat::Wrap{"<|im_start|>" + name + "\n", "<|im_end|>\n"}; };
  format.begin = begin;
  format.system = role("system");
  format.user = role("user");
  format.assistant = role("assistant");
  format.defaultSystem = defaultSystem;
  format.stops = {"<|im_end|>"};
  return format;
}

namespace {
struct Known {
  const char *name, *hash;
  ChatFormat (*make)();
};
} // namespace

static const Known known[] = {
    {"Llama 3", "65275a6f5390e380", llama3},
    {"Llama 3", "ab2b4253367dc116", llama3},
    {"Llama 3.1 and 3.3", "ac3982e4934debee", [] { return llama3WithDate("26 Jul 2024"); }},
    {"Llama 3.2", "582e4a58b2ff778d", [] { return llama3WithDate(today()); }},
    {"Granite 4.0", "ddc8c25e7e319c1a",
     [] {
       return granite("You are a helpful assistant. Please ensure responses are professional, accurate, and safe.");
     }},
    {"Granite 4.1", "04af55c75b67ec22", [] { return granite(""); }},
    {"LFM2", "5b231700a394ebc9", [] { return chatMl("<|startoftext|>", ""); }},
    {"LFM2.5", "6aa26185419dde2f", [] { return chatMl("<|startoftext|>", ""); }},
    {"Qwen 2.5", "a68a5878f6e43684",
     [] { return chatMl("", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."); }},
};

std::string hybridrt::hashOfChatTemplate(std::string_view chatTemplate) {
  while (!chatTemplate.empty() && std::string_view(" \t\r\n").find(chatTemplate.back()) != std::string_view::npos)
    chatTemplate.remove_suffix(1); // files end with a newline where JSON has none
  return hexadecimal(hashText(chatTemplate));
}

std::optional<ChatFormat> hybridrt::findChatFormat(const std::string &hash) {
  for (const Known &one : known)
    if (hash == one.hash)
      return one.make();
  return std::nullopt;
}

std::string hybridrt::knownChatFormats() {
  std::string names;
  for (const Known &one : known)
    if (names.find(one.name) == names.npos)
      names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

std::optional<std::string> hybridrt::readChatTemplate(const std::string &folder) {
  std::error_code error;
  fs::path alone = fs::path(folder) / "chat_template.jinja", configuration = fs::path(folder) / "tokenizer_config.json";
  if (fs::exists(alone, error))
    return readText(alone);
  if (!fs::exists(configuration, error))
    return std::nullopt;
  std::string text = readText(configuration);
  constexpr uint64_t largest = 256 << 20; // it may list every added token
  nlohmann::json json = parseJson(text, configuration.string(), largest);
  JsonNode root(json, "'" + configuration.string() + "'");
  if (!root.has("chat_template"))
    return std::nullopt;
  JsonNode chatTemplate = root["chat_template"];
  if (chatTemplate.isString())
    return chatTemplate.string();
  for (size_t i = 0; i < chatTemplate.size(); ++i)
    if (chatTemplate.at(i)["name"].string() == "default")
      return chatTemplate.at(i)["template"].string();
  return std::nullopt;
}

std::vector<int32_t> hybridrt::encodeChat(const Tokenizer &tokenizer, const std::vector<ChatPart> &parts,
                                          bool atBegin) {
  // Texts between special tokens are encoded as one, as they would be in the whole conversation.
  std::vector<int32_t> tokens;
  std::string open;
  auto flush = [&] {
    if (open.empty())
      return;
    EncodeOptions options;
    options.addSpecial = options.parseSpecial = false;
    options.atBegin = atBegin && tokens.empty();
    std::vector<int32_t> part = tokenizer.encode(open, options);
    tokens.insert(tokens.end(), part.begin(), part.end());
    open.clear();
  };
  for (const ChatPart &part : parts) {
    if (!part.ofFormat) {
      open += part.text;
      continue;
    }
    for (const TextPart &piece : tokenizer.splitSpecial(part.text)) {
      if (piece.token < 0) {
        open += piece.text;
      } else {
        flush();
        tokens.push_back(piece.token);
      }
    }
  }
  flush();
  return tokens;
}
