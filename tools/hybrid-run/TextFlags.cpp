#include "tools/hybrid-run/TextFlags.h"
#include <CLI/CLI.hpp>
#include <charconv>

/// TOKEN:BIAS.
static void addBias(const std::string &text, std::map<int32_t, double> &bias) {
  const char *end = text.data() + text.size();
  int32_t token;
  auto [colon, error] = std::from_chars(text.data(), end, token);
  double value;
  if (error != std::errc() || colon == end || *colon != ':')
    throw CLI::ValidationError("--logit-bias", "expected TOKEN:BIAS, got '" + text + "'");
  auto [rest, bad] = std::from_chars(colon + 1, end, value);
  if (bad != std::errc() || rest != end)
    throw CLI::ValidationError("--logit-bias", "expected TOKEN:BIAS, got '" + text + "'");
  bias[token] = value;
}

void declareTextFlags(CLI::App &app, Options &options) {
  TextOptions &text = options.text;
  hybridrt::SamplingOptions &filters = options.filters;
  app.add_option("-p,--prompt", text.prompt,
                 "Continue this text, or answer it where the model has a chat format; -: standard input, without its "
                 "last newline");
  app.add_flag("--interactive", text.interactive, "A conversation: a line of standard input is a message");
  app.add_flag("--raw", text.raw, "Continue the prompt as it is, without a chat format");
  app.add_option("--chat-format", text.chatFormat, "JSON file with what stands around messages (docs/text.md)");
  app.add_option("--system", text.system, "The system message of the conversation");
  app.add_option("--tokenizer", text.tokenizer, "Folder or file (default: the model's or the weights' folder)");
  app.add_option("--stop", text.stops, "End the text before this string; may be repeated")->take_all()->expected(1);
  app.add_option("--samples", text.samples, "So many continuations of the prompt");
  app.add_option("--log-probs", text.logProbs,
                 "Print tokens with the logarithms of their probabilities, and of so many others")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--top-k", filters.topK, "Draw from the so many likeliest tokens (0: all)");
  app.add_option("--top-p", filters.topP, "Draw from the likeliest tokens that have so much probability together");
  app.add_option("--min-p", filters.minP, "Draw from tokens with so much of the likeliest one's probability");
  app.add_option("--typical", filters.typicalP,
                 "Draw from the most typical tokens that have so much probability together");
  app.add_option("--repetition-penalty", filters.repetitionPenalty,
                 "Divides positive logits of tokens that were there, multiplies others");
  app.add_option("--presence-penalty", filters.presencePenalty, "Taken from logits of tokens of the new text");
  app.add_option("--frequency-penalty", filters.frequencyPenalty, "The same for each time that the token is there");
  app.add_option_function<std::vector<std::string>>(
         "--logit-bias",
         [&filters](const std::vector<std::string> &list) {
           for (const std::string &one : list)
             addBias(one, filters.bias);
         },
         "TOKEN:BIAS, added to a logit; -inf forbids the token")
      ->delimiter(',');
}
