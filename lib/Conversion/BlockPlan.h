// What to store and what to keep virtual: the fusion decision of the block form.
#ifndef HYBRID_LIB_CONVERSION_BLOCKPLAN_H
#define HYBRID_LIB_CONVERSION_BLOCKPLAN_H
#include "dialects/Hybrid/Hybrid.h"
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
/// Elements of a value after its first dim.
int64_t widthOf(Value value);
/// The value behind reshapes, which keep each row's elements together.
Value throughReshapes(Value value);
/// Which size of the call a value's first dim is: "tokens", "rows", "sequences" or "one" for parameters.
StringRef rowSymbol(Value value);

/// The columns that a kernel computes of the op's result at once: those of one head, or of one group of a norm; 0: any.
int64_t tileLimit(Operation *op);

/// Columns of the state that one block of a scan holds.
int64_t stateColumns(LinearScanOp scan, const BlockTarget &target);

/// A convolution's channels: those that its scan computes in its loads, and those that a kernel of its own stores.
struct ConvFold {
  struct Part {
    int64_t begin, end; // channels
    int64_t blocks;     // that compute each
  };
  LinearScanOp scan;
  SmallVector<Part> inScan; // disjoint, in order
  int64_t width = 0;
  std::string remark;

  bool isInScan(int64_t channel) const;
  /// Runs of channels that are stored, and where a stored channel lies in the buffer, which has no gaps.
  SmallVector<std::pair<int64_t, int64_t>> storedRuns() const;
  int64_t storedColumn(int64_t channel) const;
  int64_t storedWidth() const { return storedColumn(width); }
  /// Channels that the scan's blocks compute, all together, against the convolution's.
  double shareInScan() const;
};
ConvFold planConvFold(CausalConv1dOp conv, const BlockTarget &target, Type storage, function_ref<bool(Value)> isStored);

/// The plan of one entry.
class BlockPlan {
public:
  BlockPlan(func::FuncOp entry, const BlockTarget &target);

  bool isStored(Value value) const { return stored.contains(value); }
  /// True when a product is among the virtual values behind `value`.
  bool hasProduct(Value value) const { return heavy.contains(value); }
  /// True when the kernel that stores `value` also sums the squares of its rows: products apply norms of it to their
  /// results.
  bool sumsSquares(Value value) const { return squares.contains(value); }
  /// Why an op's result did not join its consumers' kernels; empty where it did.
  StringRef whyStored(Operation *op) const;
  /// How a convolution is divided between its own kernel and the scan; null for results of other ops.
  const ConvFold *convFold(Value value) const;
  /// Elements per row of a stored value's buffer.
  int64_t storedWidth(Value value) const;
  /// The rotary op whose tables of cosines and sines serve this one too.
  Value rotaryTables(Operation *rotary) const { return tables.lookup(rotary); }
  /// The virtual ops behind a value, nearest first, the value's own op included.
  SmallVector<Operation *> virtualOps(Value value) const;

private:
  /// The reason to store `value`, or none.
  StringRef reasonToStore(OpResult value);
  SmallVector<Operation *> consumers(Value value) const;
  /// Why a product that loads its operands straight from memory cannot read a norm's input instead of its result.
  StringRef whyNotBehindProduct(NormOp norm) const;

  const BlockTarget &target;
  llvm::DenseSet<Value> stored, heavy, squares;
  llvm::DenseMap<Operation *, std::string> reasons;
  llvm::DenseMap<Value, ConvFold> convFolds;
  llvm::DenseMap<Operation *, Value> tables;
};

} // namespace mlir::hybrid
#endif
