// A regular expression out of a tokenizer's file: PCRE2, compiled to machine code, made to mean what the
// library that the file was written for means.
#ifndef HYBRID_RUNTIME_TEXT_REGEX_H
#define HYBRID_RUNTIME_TEXT_REGEX_H
#include <memory>
#include <string>
#include <string_view>

namespace hybridrt {

class Regex {
public:
  /// Where expressions differ: tokenizer.json is read with Oniguruma, tiktoken's files with Rust's engine.
  enum class Dialect { oniguruma, rust };
  /// An Error that begins with `where` if the expression is not understood.
  Regex(std::string_view pattern, Dialect dialect, const std::string &where);
  ~Regex();
  Regex(const Regex &) = delete;

  struct Match {
    size_t begin, end;
  };
  /// The first match that begins at `from` or later in valid UTF-8.
  bool search(std::string_view text, size_t from, Match &match) const;

private:
  struct State;
  std::unique_ptr<State> state;
};

/// Calls `found` with all matches, one after another; an empty match where the last one ended is none.
template <typename Found> void forEachMatch(const Regex &regex, std::string_view text, Found found) {
  size_t from = 0, last = std::string_view::npos;
  Regex::Match match;
  while (from <= text.size() && regex.search(text, from, match)) {
    if (match.begin == match.end && match.end == last) {
      do
        ++from;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80);
      continue;
    }
    found(match.begin, match.end);
    from = last = match.end;
  }
}

} // namespace hybridrt
#endif
