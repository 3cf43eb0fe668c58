// A loaded model and what hybrid-run does with it, on top of the C interface.
#ifndef HYBRID_RUN_SESSION_H
#define HYBRID_RUN_SESSION_H
#include "runtime/include/hybrid_runtime.h"
#include "tools/hybrid-run/Inputs.h"
#include "tools/hybrid-run/Prepare.h"
#include <span>

/// Tokens that went through, and the time that it took.
struct Timing {
  int64_t tokens = 0;
  double seconds = 0;
  double rate() const { return seconds > 0 ? double(tokens) / seconds : 0; }
};

class Session {
public:
  Session(const Options &options, const Prepared &prepared);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  hybrid_info info() const;

  /// Logits [tokens, vocab] of all tokens through the entry without caches; if `logits` is null, only the
  /// last token's are computed.
  void score(const Inputs &inputs, float *logits);
  /// Takes the memory for the inputs and so many more tokens.
  void reserve(const Inputs &inputs, int64_t newTokens);
  /// The same as score() through caches, `chunks` tokens of every sequence at a time. What generate()
  /// continues.
  void append(const Inputs &inputs, const std::vector<int64_t> &chunks, float *logits);
  /// Continues what was appended; [sequences, count] tokens. A sequence that ends is filled up with its end
  /// token.
  std::vector<int64_t> generate(int64_t count, double temperature, uint64_t seed);

  /// One append to some sequences, timed.
  void append(hybrid_sequence *const *members, const hybrid_tokens &tokens, float *logits, Timing &timing);
  hybrid_model *handle() const { return model; }

  std::span<const hybrid_step> profile() const;
  Timing prefill, decode;

private:
  hybrid_model *model = nullptr;
  int64_t vocab = 0;
  std::vector<hybrid_sequence *> sequences;
  std::vector<float> last;
};

#endif
