// What to store and what to keep virtual: the fusion decision of the block form.
#ifndef HYBRID_LIB_CONVERSION_BLOCKPLAN_H
#define HYBRID_LIB_CONVERSION_BLOCKPLAN_H
#include "hybrid/Conversion/Blocks.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::hybrid {

/// An op whose result is its operand seen otherwise; it never costs a kernel.
bool isView(Operation *op);
/// An all-parallel linalg.generic or hybrid.glu: one value out, computed in place.
bool isElementwise(Operation *op);
/// A linalg.matmul x[T, K] w[N, K]'.
bool isProduct(Operation *op);
/// The value behind views.
Value throughViews(Value value);
/// Which size of the call a value's first dim is: "tokens", "rows", "sequences" or "one" for parameters.
StringRef rowSymbol(Value value);

/// The plan of one entry.
class BlockPlan {
public:
  BlockPlan(func::FuncOp entry, const BlockTarget &target);

  bool isStored(Value value) const { return stored.contains(value); }
  /// True when a product is among the virtual values behind `value`.
  bool hasProduct(Value value) const { return heavy.contains(value); }
  /// Why an op's result did not join its consumers' kernels; empty where it did.
  StringRef whyStored(Operation *op) const;
  /// The rotary op whose tables of cosines and sines serve this one too.
  Value rotaryTables(Operation *rotary) const { return tables.lookup(rotary); }
  /// The virtual ops behind a value, nearest first, the value's own op included.
  SmallVector<Operation *> virtualOps(Value value) const;

private:
  /// The reason to store `value`, or none.
  StringRef reasonToStore(OpResult value);
  SmallVector<Operation *> consumers(Value value) const;

  const BlockTarget &target;
  llvm::DenseSet<Value> stored, heavy;
  llvm::DenseMap<Operation *, StringRef> reasons;
  llvm::DenseMap<Operation *, Value> tables;
};

} // namespace mlir::hybrid
#endif
