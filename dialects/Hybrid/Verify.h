// Checks that verifiers share. Private to the dialect.
#ifndef HYBRID_DIALECTS_VERIFY_H
#define HYBRID_DIALECTS_VERIFY_H
#include "dialects/Hybrid/Hybrid.h"

namespace mlir::hybrid {

/// In an expected shape: any size, dynamic ones too; any size that is known.
constexpr int64_t anySize = ShapedType::kDynamic, anyStatic = -1;

/// Checks that `value` (absent: fine) has one of the shapes. A first dim that is dynamic fits every size; later dims
/// must be static unless `anySize` is expected.
LogicalResult verifyShape(Operation *op, StringRef name, Value value, ArrayRef<SmallVector<int64_t>> expected);
inline LogicalResult verifyShape(Operation *op, StringRef name, Value value, std::initializer_list<int64_t> expected) {
  return verifyShape(op, name, value, ArrayRef<SmallVector<int64_t>>{SmallVector<int64_t>(expected)});
}

/// The first static first dim of the values that are there, or anySize.
int64_t commonRows(std::initializer_list<Value> values);

inline int64_t dimOf(Value v, unsigned i) { return cast<RankedTensorType>(v.getType()).getDimSize(i); }
inline int64_t rankOf(Value v) { return cast<RankedTensorType>(v.getType()).getRank(); }
inline SmallVector<int64_t> shapeOf(Value v) {
  return SmallVector<int64_t>(cast<RankedTensorType>(v.getType()).getShape());
}

/// The number that a constant, splat or filled tensor holds everywhere.
std::optional<double> getSplat(Value value);

/// Drops optional operands that are everywhere `neutral`, the number that changes nothing.
template <class OpT> struct DropNeutralOperand : OpRewritePattern<OpT> {
  using Operand = MutableOperandRange (OpT::*)();
  DropNeutralOperand(MLIRContext *context, Operand operand, double neutral)
      : OpRewritePattern<OpT>(context), operand(operand), neutral(neutral) {}
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    MutableOperandRange range = (op.*operand)();
    if (range.empty())
      return rewriter.notifyMatchFailure(op, "the operand is absent");
    for (OpOperand &use : range)
      if (getSplat(use.get()) != neutral)
        return rewriter.notifyMatchFailure(op, "the operand is not the neutral constant");
    rewriter.modifyOpInPlace(op, [&] { (op.*operand)().clear(); });
    return success();
  }
  Operand operand;
  double neutral;
};

} // namespace mlir::hybrid
#endif
