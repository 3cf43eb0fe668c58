// What the references of the ops share: operands by name, sequences of a ragged batch, activations.
#ifndef HYBRID_LIB_REFERENCE_REFERENCE_H
#define HYBRID_LIB_REFERENCE_REFERENCE_H
#include "Frame.h"

namespace mlir::hybrid {

/// The operands' contents by SSA value: `in[op.getGate()]` is null where the op has no gate.
class Inputs {
public:
  Inputs(Operation *op, ArrayRef<const HostValue *> contents) : op(op), contents(contents) {}
  const HostValue *operator[](Value operand) const {
    for (auto [value, content] : llvm::zip_equal(op->getOperands(), contents))
      if (operand && value == operand)
        return content;
    return nullptr;
  }

private:
  Operation *op;
  ArrayRef<const HostValue *> contents;
};

/// A reference is a struct with `static LogicalResult compute(OpT, Inputs, SmallVectorImpl<HostValue> &results)`.
template <class Derived, class OpT> struct ReferenceModel : ReferenceOpInterface::ExternalModel<Derived, OpT> {
  LogicalResult evaluate(Operation *op, ArrayRef<const HostValue *> operands,
                         SmallVectorImpl<HostValue> &results) const {
    return Derived::compute(cast<OpT>(op), Inputs(op, operands), results);
  }
};

/// Tokens [begin, end) of one sequence.
struct Span {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// The sequences of `tokens` packed tokens; one if there are no offsets. Offsets must start at 0, not fall, and end at
/// `tokens`.
FailureOr<SmallVector<Span>> sequencesOf(Operation *op, const HostValue *offsets, int64_t tokens);

/// Checks the first dim, which types leave open. Absent operands pass.
LogicalResult checkRows(Operation *op, StringRef name, const HostValue *value, int64_t rows);

double activate(Activation activation, double x);

void attachAttentionReferences(MLIRContext *context);
void attachCacheReferences(MLIRContext *context);
void attachFusionReferences(MLIRContext *context);
void attachScanReferences(MLIRContext *context);

} // namespace mlir::hybrid
#endif
