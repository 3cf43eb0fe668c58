// What a tokenizer that was read has to stand: any text, and any number as a token.
#ifndef HYBRID_TEST_FUZZ_EXERCISETOKENIZER_H
#define HYBRID_TEST_FUZZ_EXERCISETOKENIZER_H
#include "lib/Artifact/Result.h"
#include "runtime/text/Tokenizer.h"

namespace hybridfuzz {

inline void exercise(const hybridrt::Tokenizer &tokenizer) {
  // A word, capitals, digits, an emoji of two, white space of all kinds, a composed letter, bytes that are not UTF-8.
  static constexpr std::string_view text = "Hello WORLD 12345 ab\u0301c \u4f60\u597d \U0001F469\u200d\U0001F680\n\n\t "
                                           "<s></s><|endoftext|>don't\xff\xc3 \u00a0  x";
  for (bool special : {false, true}) {
    std::vector<int32_t> tokens = tokenizer.encode(text, {special, special, special});
    (void)tokenizer.decode(tokens, special);
  }
  (void)tokenizer.splitSpecial(text);
  int32_t end = tokenizer.end();
  const int32_t odd[] = {-1, 0, 1, 2, 3, end / 2, end - 1, end, INT32_MAX, INT32_MIN};
  (void)tokenizer.decode(odd);
  for (int32_t token : odd)
    if (std::optional<std::string> name = tokenizer.name(token))
      (void)tokenizer.find(*name);
}

} // namespace hybridfuzz
#endif
