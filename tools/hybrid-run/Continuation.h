// Continues token sequences by text: draws, decodes, stops and prints.
#ifndef HYBRID_RUN_CONTINUATION_H
#define HYBRID_RUN_CONTINUATION_H
#include "lib/Artifact/Result.h"
#include "runtime/text/Sampler.h"
#include "runtime/text/StopMatcher.h"
#include "runtime/text/Tokenizer.h"
#include "tools/hybrid-run/Session.h"

class Continuation {
public:
  Continuation(Session &session, const hybridrt::Tokenizer &tokenizer, const Options &options,
               std::vector<int64_t> stopTokens);
  ~Continuation();
  Continuation(const Continuation &) = delete;

  /// Appends the tokens to what has been said so far and continues it. Several samples are continuations of the same.
  void answer(const std::vector<int32_t> &tokens);
  void printStatistics(double startup) const;

private:
  /// One continuation under way.
  struct Sample {
    hybrid_sequence *sequence = nullptr;
    hybridrt::TokenHistory history;
    std::unique_ptr<hybridrt::StreamDecoder> decoder;
    std::optional<hybridrt::StopMatcher> stop;
    std::vector<float> logits;
    std::string text;
    int64_t count = 0;
    bool done = false;
    /// The last token, if the model has not seen it yet.
    std::optional<int32_t> unseen;
  };
  void prefill(const std::vector<int32_t> &tokens);
  void step(size_t number);
  void end(size_t number, const char *reason);
  void show(size_t number, const std::string &text);
  void printToken(size_t number, int32_t token, const std::string &text);
  void advance();

  Session &session;
  const hybridrt::Tokenizer &tokenizer;
  const Options &options;
  std::vector<int64_t> stopTokens;
  int64_t vocab;
  hybridrt::Sampler sampler;
  std::vector<Sample> samples;
  double firstToken = 0;
  int64_t answers = 0;
};

#endif
