#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/text/Regex.h"
#include "lib/Artifact/Result.h"
#include <pcre2.h>
#include <vector>

using namespace hybridrt;

struct Regex::State {
  std::string where;
  pcre2_code *code = nullptr;
  pcre2_match_data *match = nullptr;
  pcre2_match_context *context = nullptr;
  pcre2_jit_stack *stack = nullptr;
  ~State() {
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
};

namespace {
/// Writes an expression anew for PCRE2 where the dialects differ.
class Translator {
public:
  Translator(std::string_view pattern, Regex::Dialect dialect, const std::string &where)
      : pattern(pattern), dialect(dialect), where(where) {}

  std::string run() {
    while (at < pattern.size()) {
      char c = pattern[at];
      if (c == '\\') {
        startAtom();
        escape(/*inClass=*/false);
      } else if (c == '[') {
        startAtom();
        characterClass();
      } else if (c == '(') {
        groups.push_back(out.size());
        openGroup();
      } else if (c == ')') {
        if (groups.empty())
          reject("an unmatched ')'");
        atom = groups.back();
        groups.pop_back();
        take();
      } else if (c == '{') {
        interval();
      } else {
        if (std::string_view("*+?|^$").find(c) == std::string_view::npos)
          startAtom();
        take();
      }
    }
    return out;
  }

private:
  // PCRE2's \s has U+180E, which has not been white space since Unicode 6.3.
  static constexpr std::string_view spaces = R"(\p{Z}\t\n\x0b\f\r\x{85})";

  [[noreturn]] void reject(const std::string &what) {
    fail(where, ": ", what, " in the regular expression '", std::string(pattern), "' is not supported");
  }
  void take() { out += pattern[at++]; }
  void startAtom() { atom = out.size(); }

  void openGroup() {
    std::string_view rest = pattern.substr(at);
    if (rest.starts_with("(?m") || rest.starts_with("(?s") || rest.starts_with("(?x"))
      reject("an option other than (?i)");
    take();
  }

  void escape(bool inClass) {
    if (at + 1 >= pattern.size())
      reject("a '\\' at the end");
    char c = pattern[at + 1];
    if (c == 's') {
      out += inClass ? std::string(spaces) : "[" + std::string(spaces) + "]";
      at += 2;
    } else if (c == 'S' && !inClass) {
      out += "[^" + std::string(spaces) + "]";
      at += 2;
    } else if (std::string_view("hHRXKGCgkoyYO").find(c) != std::string_view::npos) {
      reject(concat("'\\", c, "'")); // means different things to different engines
    } else {
      take();
      take();
      if (at < pattern.size() && pattern[at] == '{' && std::string_view("pPx").find(c) != std::string_view::npos)
        while (at < pattern.size() && out.back() != '}')
          take();
    }
  }

  void characterClass() {
    take();
    if (at < pattern.size() && pattern[at] == '^')
      take();
    for (bool first = true;; first = false) {
      if (at >= pattern.size())
        reject("an unclosed '['");
      char c = pattern[at];
      if (c == ']' && !first)
        break;
      if (c == '[') {
        if (!pattern.substr(at).starts_with("[:"))
          reject("a class within a class");
        while (at < pattern.size() && pattern[at] != ']')
          take();
        if (at < pattern.size())
          take();
      } else if (pattern.substr(at).starts_with("&&")) {
        reject("an intersection of classes");
      } else if (c == '\\') {
        escape(/*inClass=*/true);
      } else {
        take();
      }
    }
    take();
  }

  void interval() {
    size_t close = pattern.find('}', at);
    bool numbers = close != pattern.npos && close > at + 1 &&
                   pattern.substr(at + 1, close - at - 1).find_first_not_of("0123456789,") == pattern.npos;
    if (!numbers) {
      startAtom();
      return take();
    }
    while (at <= close)
      take();
    // To Oniguruma, X{1,3}+ is (X{1,3})+ and nothing possessive.
    if (dialect == Regex::Dialect::oniguruma && at < pattern.size() && pattern[at] == '+') {
      out.insert(atom, "(?:");
      out += ")+";
      ++at;
    }
  }

  std::string_view pattern;
  Regex::Dialect dialect;
  const std::string &where;
  std::string out;
  size_t at = 0, atom = 0;
  std::vector<size_t> groups;
};
} // namespace

static std::string messageOf(int error) {
  PCRE2_UCHAR text[256];
  return pcre2_get_error_message(error, text, sizeof text) < 0 ? concat("error ", error)
                                                               : std::string(reinterpret_cast<char *>(text));
}

Regex::Regex(std::string_view pattern, Dialect dialect, const std::string &where) : state(std::make_unique<State>()) {
  constexpr size_t longest = 1 << 16;
  if (pattern.size() > longest)
    fail(where, ": expected a regular expression of at most ", longest, " bytes, found ", pattern.size());
  state->where = where;
  std::string text = Translator(pattern, dialect, where).run();
  uint32_t options = PCRE2_UTF | PCRE2_UCP | (dialect == Dialect::oniguruma ? PCRE2_MULTILINE : 0);
  int error;
  PCRE2_SIZE offset;
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> compile(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(compile.get(), PCRE2_NEWLINE_LF);
  state->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options, &error, &offset, compile.get());
  if (!state->code)
    fail(where, ": invalid regular expression '", std::string(pattern), "': ", messageOf(error), " at byte ", offset,
         " of '", text, "'");
  pcre2_jit_compile(state->code, PCRE2_JIT_COMPLETE); // where that is not possible, matching interprets
  state->match = pcre2_match_data_create(1, nullptr);
  state->context = pcre2_match_context_create(nullptr);
  state->stack = pcre2_jit_stack_create(32 << 10, 8 << 20, nullptr);
  if (!state->match || !state->context || !state->stack)
    fail(where, ": no memory for a regular expression");
  pcre2_jit_stack_assign(state->context, nullptr, state->stack);
}

Regex::~Regex() = default;

bool Regex::search(std::string_view text, size_t from, Match &match) const {
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = pcre2_match(state->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state->match, state->context);
  if (result == PCRE2_ERROR_NOMATCH)
    return false;
  if (result < 0)
    fail(state->where, ": cannot match the regular expression: ", messageOf(result));
  const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(state->match);
  match = {ends[0], ends[1]};
  return true;
}
