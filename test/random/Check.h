// One program from its plan to a verdict.
#ifndef HYBRID_TEST_RANDOM_CHECK_H
#define HYBRID_TEST_RANDOM_CHECK_H
#include "Program.h"

namespace mlir::hybrid::randomtest {

struct Verdict {
  enum class Kind {
    passed,
    /// The compiler says that something is not built.
    refused,
    /// A difference, or an error that is none of the above.
    failed,
    /// The process that ran it died.
    crashed,
  } kind = Kind::passed;
  std::string message;
  /// The largest error, in units of the reference (Reference.h).
  double score = 0, append = 0;
  int64_t tokens = 0, kernels = 0;
  double seconds = 0;
};

const char *nameOf(Verdict::Kind kind);

/// Compiles, runs and compares; the artifact, IR and weights lie in `folder`. With `formOnly` kernels are formed and
/// verified, and that is all.
Verdict check(const Program &program, const std::string &folder, bool formOnly = false);

} // namespace mlir::hybrid::randomtest
#endif
