// Scalar code of a region, resolved once and run per element. The names of ops are looked up when the region is
// compiled; running it is a loop over function pointers and registers, all of them f64.
#ifndef HYBRID_LIB_REFERENCE_SCALARPROGRAM_H
#define HYBRID_LIB_REFERENCE_SCALARPROGRAM_H
#include "dialects/Hybrid/Hybrid.h"

namespace mlir::hybrid {

class ScalarProgram {
public:
  using Function = double (*)(double, double, double);
  /// Values defined outside the region; null: unknown, which is an error.
  using Captures = llvm::function_ref<const HostValue *(Value)>;

  /// The body's arguments are the program's, the operands of its terminator the results. What is captured must outlive
  /// the program.
  static FailureOr<ScalarProgram> compile(Block &body, Captures captures);
  /// One op by itself: its operands are the arguments.
  static FailureOr<ScalarProgram> compile(Operation *op);
  /// Whether `compile(op)` knows the op.
  static bool knows(Operation *op);

  /// Registers as they are before a run: constants are in place, the first `getNumArguments()` are the arguments.
  std::vector<double> makeFrame() const { return initial; }
  unsigned getNumArguments() const { return numArguments; }
  /// Where the results lie after a run.
  ArrayRef<unsigned> getResults() const { return results; }
  /// False: an index of tensor.extract was out of bounds. `indices` are the loop indices that linalg.index reads.
  bool run(double *frame, ArrayRef<int64_t> indices = {}) const;
  /// If the results are `argument[2] + argument[0] * argument[1]`, up to the order of operands.
  bool isMultiplyAdd() const { return multiplyAdd; }

private:
  struct Step {
    Function function = nullptr;
    unsigned result = 0;
    SmallVector<unsigned, 3> operands;
    /// linalg.index: the loop.
    int64_t loop = -1;
    /// tensor.extract: the tensor; the operands are the indices.
    const HostValue *tensor = nullptr;
    /// affine.apply.
    AffineMap map;
  };
  class Compiler;

  std::vector<Step> steps;
  std::vector<double> initial;
  SmallVector<unsigned> results;
  unsigned numArguments = 0;
  bool multiplyAdd = false;
};

} // namespace mlir::hybrid
#endif
