// Built-in chat formats against what their templates print (run once with Jinja), and formats from files.
#include "runtime/text/ChatFormat.h"
#include "lib/Artifact/Result.h"
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace hybridrt;

namespace {
const std::string tokenizers = HYBRID_SOURCE_DIR "/test/Inputs/tokenizers/";

std::string join(const std::vector<ChatPart> &parts) {
  std::string text;
  for (const ChatPart &part : parts)
    text += part.text;
  return text;
}

/// One message of the user, and a conversation of two with a system message.
std::pair<std::string, std::string> render(const std::string &hash) {
  std::optional<ChatFormat> format = findChatFormat(hash);
  if (!format)
    return {"unknown", ""};
  return {join(format->opening(std::nullopt)) + join(format->turn(" U1 ", false)),
          join(format->opening(" S ")) + join(format->turn(" U1 ", false)) + (format->trims ? "A1" : " A1 ") +
              join(format->turn("U2", true))};
}

const std::string llamaTurns = "<|start_header_id|>user<|end_header_id|>\n\nU1<|eot_id|><|start_header_id|>assistant"
                               "<|end_header_id|>\n\n";
const std::string llamaMore = "A1<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU2<|eot_id|><|start_header_id|>"
                              "assistant<|end_header_id|>\n\n";
const std::string llamaSystem = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n";

TEST(ChatFormat, WritesWhatTemplatesPrint) {
  for (const char *hash : {"65275a6f5390e380", "ab2b4253367dc116"}) {
    EXPECT_EQ(render(hash).first, "<|begin_of_text|>" + llamaTurns);
    EXPECT_EQ(render(hash).second, llamaSystem + "S<|eot_id|>" + llamaTurns + llamaMore);
  }
  std::string date = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
  EXPECT_EQ(render("ac3982e4934debee").first, llamaSystem + date + "<|eot_id|>" + llamaTurns);
  EXPECT_EQ(render("ac3982e4934debee").second, llamaSystem + date + "S<|eot_id|>" + llamaTurns + llamaMore);
  EXPECT_TRUE(render("582e4a58b2ff778d").first.starts_with(llamaSystem + date.substr(0, 51)));
  EXPECT_EQ(
      render("ddc8c25e7e319c1a").first,
      "<|start_of_role|>system<|end_of_role|>You are a helpful assistant. Please ensure responses are professional, "
      "accurate, and safe.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|> U1 <|end_of_text|>\n"
      "<|start_of_role|>assistant<|end_of_role|>");
  EXPECT_EQ(render("04af55c75b67ec22").first,
            "<|start_of_role|>user<|end_of_role|> U1 <|end_of_text|>\n<|start_of_role|>"
            "assistant<|end_of_role|>");
  EXPECT_EQ(render("04af55c75b67ec22").second,
            "<|start_of_role|>system<|end_of_role|> S <|end_of_text|>\n<|start_of_role|>user<|end_of_role|> U1 "
            "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|> A1 <|end_of_text|>\n<|start_of_role|>user"
            "<|end_of_role|>U2<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>");
  for (const char *hash : {"5b231700a394ebc9", "6aa26185419dde2f"}) {
    EXPECT_EQ(render(hash).first, "<|startoftext|><|im_start|>user\n U1 <|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(render(hash).second, "<|startoftext|><|im_start|>system\n S <|im_end|>\n<|im_start|>user\n U1 "
                                   "<|im_end|>\n<|im_start|>assistant\n A1 "
                                   "<|im_end|>\n<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n");
  }
  EXPECT_EQ(
      render("a68a5878f6e43684").first,
      "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>"
      "user\n U1 <|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatFormat, KnowsTemplatesByTheirText) {
  EXPECT_EQ(hashOfChatTemplate("a \n"), hashOfChatTemplate("a"));
  EXPECT_NE(hashOfChatTemplate("a"), hashOfChatTemplate(" a"));
  EXPECT_FALSE(findChatFormat(hashOfChatTemplate("{{ messages }}")));
  EXPECT_EQ(knownChatFormats(),
            "Llama 3, Llama 3.1 and 3.3, Llama 3.2, Granite 4.0, Granite 4.1, LFM2, LFM2.5, Qwen 2.5");
}

TEST(ChatFormat, ReadsFiles) {
  std::string path = testing::TempDir() + "chat-format-" + std::to_string(getpid()) + ".json";
  std::ofstream(path)
      << R"({"begin": "<s>", "user": ["U:", "\n"], "assistant": ["A:", "\n"], "trim": true, "stop": ["</s>"]})";
  ChatFormat format = ChatFormat::read(path);
  EXPECT_EQ(join(format.opening(std::nullopt)) + join(format.turn(" x ", true)), "<s>\nU:x\nA:");
  EXPECT_EQ(format.stops, std::vector<std::string>{"</s>"});
  EXPECT_EQ(capture([&] { (void)format.opening("S"); }).error(), "the chat format has no system messages");
  std::ofstream(path) << R"({"user": ["U:"], "assistant": ["A:", "\n"]})";
  EXPECT_EQ(capture([&] { ChatFormat::read(path); }).error(),
            "'" + path + "'.user: expected what stands before and after a message, found [\"U:\"]");
  std::ofstream(path) << R"({"user": ["U:", "\n"], "assistant": ["A:", "\n"], "stops": []})";
  try {
    ChatFormat::read(path);
    ADD_FAILURE() << "expected an error";
  } catch (const Error &error) {
    EXPECT_EQ(std::string(error.what()), "'" + path +
                                             "': unknown member 'stops', expected begin, system, user, assistant, "
                                             "default_system, always_system, trim or stop");
  }
  unlink(path.c_str());
}

// Special tokens are such only in what the format writes; texts around them are one text.
TEST(ChatFormat, EncodesMessagesAsText) {
  std::unique_ptr<Tokenizer> tokenizer = Tokenizer::load(tokenizers + "llama3-like.json");
  EncodeOptions plain;
  plain.addSpecial = plain.parseSpecial = false;
  std::vector<int32_t> expected = {1};
  for (const char *text : {"user\nthe </s> layer", ".\n"}) {
    std::vector<int32_t> part = tokenizer->encode(text, plain);
    expected.insert(expected.end(), part.begin(), part.end());
    if (text[0] == 'u')
      expected.push_back(2);
  }
  EXPECT_EQ(encodeChat(*tokenizer, {{"<s>user\n", true}, {"the </s> layer", false}, {"</s>.\n", true}}, true),
            expected);
}
} // namespace
