// Text from standard input to tokens, or tokens to text.
#include "lib/Artifact/Result.h"
#include "lib/Artifact/Streams.h"
#include "runtime/text/Tokenizer.h"
#include <CLI/CLI.hpp>
#include <charconv>
#include <ctime>
#include <iostream>
#include <iterator>

using namespace hybridrt;

namespace {
struct Options {
  std::string tokenizer;
  bool decode = false, ids = false, noSpecial = false, plain = false, skipSpecial = false, time = false;
};
} // namespace

static std::vector<int32_t> parseIds(const std::string &text) {
  std::vector<int32_t> ids;
  const char *at = text.data(), *end = at + text.size();
  for (;;) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t' || *at == ','))
      ++at;
    if (at == end)
      return ids;
    int32_t id;
    auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc()) {
      std::string_view word(at, size_t(std::min(at + 40, end) - at));
      fail("standard input: expected token numbers, found '",
           std::string(word.substr(0, word.find_first_of(" \t\r\n"))), "'");
    }
    ids.push_back(id);
    at = next;
  }
}

/// What a terminal can show of a token's name.
static std::string printable(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\\') {
      constexpr char digits[] = "0123456789abcdef";
      result += std::string("\\x") + digits[(c >> 4) & 15] + digits[c & 15];
    } else {
      result += c;
    }
  }
  return result;
}

/// What this thread has worked: what other programs do at the same time does not count.
static double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

static void run(const Options &options) {
  std::unique_ptr<Tokenizer> tokenizer = Tokenizer::load(options.tokenizer);
  std::string input(std::istreambuf_iterator<char>(std::cin), {});
  std::string output;
  double start = cpuSeconds(), took;
  size_t bytes = input.size();
  if (options.decode) {
    std::vector<int32_t> ids = parseIds(input);
    start = cpuSeconds();
    output = tokenizer->decode(ids, options.skipSpecial);
    took = cpuSeconds() - start;
    bytes = output.size();
  } else {
    std::vector<int32_t> ids = tokenizer->encode(input, {!options.noSpecial, !options.plain});
    took = cpuSeconds() - start;
    for (int32_t id : ids) {
      output += std::to_string(id);
      if (!options.ids)
        output += "\t" + printable(tokenizer->name(id).value_or(""));
      output += options.ids ? ' ' : '\n';
    }
    if (options.ids)
      output += '\n';
  }
  std::fwrite(output.data(), 1, output.size(), stdout);
  finishOutput();
  if (options.time)
    std::fprintf(stderr, "%zu bytes in %.6f s of CPU, %.2f MB/s\n", bytes, took, double(bytes) / took * 1e-6);
}

int main(int argc, char **argv) {
  openStandardStreams();
  Options options;
  CLI::App app("hybrid-tokenize: text from standard input to tokens and back");
  app.add_option("tokenizer", options.tokenizer, "Folder, tokenizer.json, tokenizer.model or tekken.json")->required();
  app.add_flag("--decode", options.decode, "Read token numbers, write text");
  app.add_flag("--ids", options.ids, "Write token numbers alone, on one line");
  app.add_flag("--no-special", options.noSpecial, "Put no special tokens around the text");
  app.add_flag("--plain", options.plain, "Read special tokens in the text as text like any other");
  app.add_flag("--skip-special", options.skipSpecial, "Leave special tokens out of decoded text");
  app.add_flag("--time", options.time, "Print the speed to standard error, by the CPU's time");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &e) {
    if (e.get_exit_code() == 0) // --help
      return app.exit(e);
    std::fprintf(stderr, "hybrid-tokenize: error: %s; see --help\n", e.what());
    return 1;
  }
  if (Status status = capture([&] { run(options); }); !status) {
    std::fprintf(stderr, "hybrid-tokenize: error: %s\n", status.error().c_str());
    return 1;
  }
  return 0;
}
