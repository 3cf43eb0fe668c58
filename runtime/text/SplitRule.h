// The split expressions of GPT-2, Llama 3, Qwen 2 and their kin, recognised by their text and matched by
// hand-written code, several times as fast as compiled expressions.
#ifndef HYBRID_RUNTIME_TEXT_SPLITRULE_H
#define HYBRID_RUNTIME_TEXT_SPLITRULE_H
#include <cstddef>
#include <optional>
#include <string_view>

namespace hybridrt {

extern const std::string_view gpt2Expression, llama3Expression;

/// What differs between these expressions. Each is a list of alternatives that together match any text.
struct SplitRule {
  /// 's, 't, 're, 've, 'm, 'll, 'd as words of their own, also in capitals.
  bool contractionsOfAnyCase = false;
  /// What a run of letters may begin with: any one character but letters, digits, CR and LF; or else a space.
  bool wordTakesAnyPrefix = false;
  /// 0: runs of numbers with an optional space before; else at most so many, without.
  unsigned numbers = 0;
  /// Whether a run of symbols takes CRs and LFs after it, and space up to CRs and LFs is one piece.
  bool newlines = false;

  /// The end of the piece that begins at `at`.
  size_t next(std::string_view text, size_t at) const;
};

std::optional<SplitRule> findSplitRule(std::string_view expression);

} // namespace hybridrt
#endif
