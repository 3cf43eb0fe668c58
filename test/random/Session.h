// What a program is asked: sequences to score, and appends, forks and rollbacks on caches. Every token that is ever fed
// is a node of a tree, so that each has one past and one row of logits, whatever way it was fed.
#ifndef HYBRID_TEST_RANDOM_SESSION_H
#define HYBRID_TEST_RANDOM_SESSION_H
#include "Program.h"

namespace mlir::hybrid::randomtest {

struct TokenNode {
  /// The token before, or -1.
  int64_t before = -1;
  int32_t id = 0;
};

/// One call: for each of its sequences the nodes that are fed, and which of all of them want logits.
struct Call {
  std::vector<int64_t> sequences;
  std::vector<std::vector<int64_t>> nodes;
  std::vector<int32_t> rows;
};

struct Step {
  enum class Kind { append, rollback, fork } kind = Kind::append;
  Call call;
  /// The sequence to fork or to take tokens from, and how many.
  int64_t sequence = 0, count = 0;
};

struct Session {
  std::vector<TokenNode> nodes;
  /// One call of `score`, its sequences numbered from 0.
  Call score;
  /// Sequences that exist at the start; a fork adds the next number.
  int64_t sequences = 0;
  std::vector<Step> steps;

  /// The tokens from the first to `node`.
  std::vector<int64_t> past(int64_t node) const;
  /// Nodes that nothing follows: the sequences that cover all nodes.
  std::vector<int64_t> leaves() const;
};

Session planSession(const Program &program);

} // namespace mlir::hybrid::randomtest
#endif
