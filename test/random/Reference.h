// What a program's logits should be, and how far rounding alone may take them.
#ifndef HYBRID_TEST_RANDOM_REFERENCE_H
#define HYBRID_TEST_RANDOM_REFERENCE_H
#include "ModelWriter.h"
#include "Session.h"

namespace mlir::hybrid::randomtest {

/// Per node of a session, its logits in f64 and how far they move when every number is rounded.
///
/// A sum of products in f32, in whatever order, is the exact sum of products of numbers that each differ by a few 2^-24
/// of themselves; so is everything else that a kernel computes. So the model is evaluated in f64 a few more times,
/// with every parameter and every op's every result changed at random by up to 2^-24 of itself, and the largest
/// change of a token's logits is that token's unit of error. It knows what the problem does to errors: cancellation,
/// saturated gates, states that grow. A program's error in these units is a small number whatever its condition, and
/// `kF32Limit` bounds it: errors of n partial sums, each rounded, are up to sqrt(n) / 2 of what n rounded terms give,
/// and n is below 260 in products; functions of two units in the last place make it twice that at most.
///
/// bf16 and f16 round what is stored: parameters of products, and what dispatches leave in memory or products take as
/// operands. The model is evaluated once with these numbers rounded so.
struct Reference {
  int64_t vocab = 0;
  std::vector<std::vector<double>> logits;
  /// Per node, the largest change of a logit.
  std::vector<double> unit;
  /// The rounded evaluation's squared differences, summed over all nodes and logits.
  double roundedSquares = 0;
};

constexpr double kF32Limit = 16;
/// Errors of narrow storage against those of the rounded evaluation, in rms.
constexpr double kNarrowLimit = 1.25;

/// Fails with a message where the evaluator does.
FailureOr<Reference> evaluateReference(const Model &model, const Program &program, const Session &session,
                                       std::string &message);

/// The largest difference between the evaluator's `append`, fed as the session says, and its `score`, relative to the
/// largest logit; rollbacks and forks are values of caches. Negative where the evaluator fails.
double compareEntries(const Model &model, const Session &session, const Reference &reference, std::string &message);

} // namespace mlir::hybrid::randomtest
#endif
