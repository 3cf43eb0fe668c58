// A fuzzer's entry without libFuzzer: runs it on every file of its corpus, and on changed copies of each, the same ones
// every time. What makes the entry crash is written to a file and named.
//
//   fuzz-<name> <folder> <copies>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {
using Bytes = std::vector<uint8_t>;

/// The input that runs now, for the handler of signals.
const Bytes *current;
std::string currentName, findingPath;

void saveInput(int signal) {
  int file = open(findingPath.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  bool saved = file >= 0 && write(file, current->data(), current->size()) == ssize_t(current->size());
  auto say = [](const std::string &text) { (void)!write(STDERR_FILENO, text.data(), text.size()); };
  say("\nfuzz: the entry crashed on " + currentName + (saved ? "; the input is in " + findingPath : "") + "\n");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
public:
  Mutator(const std::vector<Bytes> &seeds) : seeds(seeds) {
    for (const Bytes &seed : seeds)
      for (size_t at = 0; at < seed.size();) {
        size_t end = wordEnd(seed, at);
        if (end > at)
          words.emplace_back(seed.begin() + at, seed.begin() + end);
        at = std::max(end, at + 1);
      }
  }

  Bytes mutate(Bytes bytes) {
    for (size_t i = 0, count = 1 + draw(3); i < count; ++i)
      step(bytes);
    return bytes;
  }

private:
  /// Of [0, limit); std::uniform_int_distribution may differ between libraries.
  size_t draw(size_t limit) { return limit ? random() % limit : 0; }

  /// Where the name or number that begins at `at` ends.
  static size_t wordEnd(const Bytes &bytes, size_t at) {
    auto isPart = [](uint8_t c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
    };
    while (at < bytes.size() && isPart(bytes[at]))
      ++at;
    return at;
  }

  void step(Bytes &bytes) {
    static constexpr uint8_t odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '-', '0', '9', '"', '{', '}', '[', ']', ',', '\n'};
    static const std::string texts[] = {"-1",           "0",   "9223372036854775807", "4294967296", "1e999",
                                        "\xed\xa0\x80", "[[[["};
    size_t at = draw(bytes.size()), length = std::min(bytes.size() - at, 1 + draw(32));
    // Texts are seldom still texts after a change of their bytes; after one of their words they often are.
    switch (draw(2) && !words.empty() ? 7 : draw(7)) {
    case 0: // one bit
      if (!bytes.empty())
        bytes[at] ^= uint8_t(1u << draw(8));
      break;
    case 1: // one byte
      if (!bytes.empty())
        bytes[at] = odd[draw(std::size(odd))];
      break;
    case 2: // a piece less
      bytes.erase(bytes.begin() + at, bytes.begin() + at + length);
      break;
    case 3: { // a piece again, elsewhere
      Bytes piece(bytes.begin() + at, bytes.begin() + at + length);
      bytes.insert(bytes.begin() + draw(bytes.size() + 1), piece.begin(), piece.end());
      break;
    }
    case 4: { // a number or a text where another was
      const std::string &text = texts[draw(std::size(texts))];
      size_t end = at;
      while (end < bytes.size() && bytes[end] >= '0' && bytes[end] <= '9')
        ++end;
      bytes.erase(bytes.begin() + at, bytes.begin() + end);
      bytes.insert(bytes.begin() + at, text.begin(), text.end());
      break;
    }
    case 5: // the end missing
      bytes.resize(at);
      break;
    case 7: { // a word of any seed where another was
      while (at < bytes.size() && wordEnd(bytes, at) == at)
        ++at;
      while (at > 0 && at < bytes.size() && wordEnd(bytes, at - 1) > at - 1)
        --at;
      const Bytes &word = words[draw(words.size())];
      bytes.erase(bytes.begin() + at, bytes.begin() + wordEnd(bytes, at));
      bytes.insert(bytes.begin() + at, word.begin(), word.end());
      break;
    }
    default: { // the end of another seed
      const Bytes &other = seeds[draw(seeds.size())];
      bytes.resize(at);
      bytes.insert(bytes.end(), other.begin() + draw(other.size()), other.end());
      break;
    }
    }
  }

  const std::vector<Bytes> &seeds;
  std::vector<Bytes> words;
  std::mt19937_64 random{1};
};
} // namespace

int main(int argc, char **argv) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (argc != 3 || !fs::is_directory(argv[1], error)) {
    std::fprintf(stderr, "usage: %s <folder of the corpus> <changed copies of each file>\n", argv[0]);
    return 2;
  }
  std::vector<fs::path> paths;
  for (const fs::directory_entry &entry : fs::directory_iterator(argv[1]))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> seeds;
  for (const fs::path &path : paths) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "fuzz: expected seeds in '%s', found none\n", argv[1]);
    return 2;
  }
  findingPath = fs::path(argv[0]).filename().string() + ".finding";
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    std::signal(signal, saveInput);
  Mutator mutator(seeds);
  size_t runs = 0, copies = std::strtoul(argv[2], nullptr, 10);
  auto run = [&](const Bytes &bytes, const std::string &name) {
    current = &bytes;
    currentName = name;
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    ++runs;
  };
  for (size_t i = 0; i < seeds.size(); ++i)
    run(seeds[i], paths[i].string());
  for (size_t i = 0; i < seeds.size(); ++i)
    for (size_t copy = 1; copy <= copies; ++copy)
      run(mutator.mutate(seeds[i]), paths[i].string() + ", copy " + std::to_string(copy));
  std::printf("%zu inputs from %zu seeds\n", runs, seeds.size());
}
