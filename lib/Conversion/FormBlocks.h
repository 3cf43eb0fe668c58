// The walk that turns an entry into launches, and the kernels of each kind; one file per kind of grid.
#ifndef HYBRID_LIB_CONVERSION_FORMBLOCKS_H
#define HYBRID_LIB_CONVERSION_FORMBLOCKS_H
#include "KernelBuilder.h"

namespace mlir::hybrid {

/// One extent of a grid or one scalar.
struct Extent {
  std::string symbol;
  int64_t divisor = 1, factor = 1, list = 0;
};

class BlockFormer {
public:
  BlockFormer(ModuleOp model, ModuleOp out, const BlockTarget &target);
  /// Adds the kernels and the schedule of one variant of an entry.
  LogicalResult form(func::FuncOp entry, const BlockTiles &tiles);

private:
  // One per kind of grid; each builds a kernel and launches it.
  LogicalResult formRows(Value stored);           // RowKernels.cpp
  LogicalResult formGather(tensor::GatherOp op);  // RowKernels.cpp
  LogicalResult formRotaryTables(RotaryOp op);    // RowKernels.cpp
  LogicalResult formAttention(AttentionOp op);    // AttentionKernels.cpp
  LogicalResult formKvAppend(CacheAppendOp op);   // AttentionKernels.cpp
  LogicalResult formScan(LinearScanOp op);        // ScanKernels.cpp
  LogicalResult formConv(CausalConv1dOp op);      // ScanKernels.cpp
  LogicalResult formTapsAppend(CacheAppendOp op); // ScanKernels.cpp

  KernelBuilder kernel(Operation *op);
  /// The memory of a value's sums of squares in `parts` runs of columns, written by `k`; null if nobody wants them.
  Value squaresOf(KernelBuilder &k, Value stored, int64_t parts);
  /// Names or reuses the kernel, and launches it.
  LogicalResult launch(KernelBuilder &k, StringRef kind, ArrayRef<Extent> grid, ArrayRef<Operation *> roots);
  Value memoryOp(const MemoryKey &key, MemRefType type);
  /// This block's rows: sequence, first row, valid rows, its start in the sequence and the position of its first
  /// token; from a tile list, or all tokens of the sequence that x counts.
  struct WorkItem {
    Value sequence, first, valid, within, position, length;
  };
  WorkItem workItem(KernelBuilder &k, int64_t rows, bool cached, bool wholeSequences = false);
  /// Stores tiles of `value` over the columns [base, base + width) head by head, in pieces that a virtual rotary or
  /// norm allows; `emit` gets each tile.
  LogicalResult forPieces(KernelBuilder &k, Value value, Columns head, int64_t size,
                          function_ref<void(Value, Columns)> emit);

  ModuleOp model, out;
  const BlockTarget &target;
  Type storage;
  std::map<std::string, std::string> kernels; // text -> name
  llvm::StringMap<int> counters;

  // Taps that a folded convolution still reads, to be updated behind the scan.
  llvm::DenseMap<Operation *, SmallVector<CacheAppendOp>> tapsBehind;

  // The variant being formed.
  const BlockTiles *tiles = nullptr;
  std::unique_ptr<BlockPlan> plan;
  schedule::VariantOp variant;
  std::map<MemoryKey, Value> memories;
  llvm::DenseSet<Value> tablesFormed;
  /// Columns of the squares of each value whose kernel sums them.
  llvm::DenseMap<Value, int64_t> squareParts;
  bool cached = false;
};

/// Joins launches of parallel branches in every variant of a module.
void joinBranches(ModuleOp module);

/// What a kernel is called before its number: the kind of layer that wants it first and what it computes, such as
/// `ffn_product`; the kind alone where `layer` is empty.
std::string kernelName(StringRef layer, StringRef kind);

/// The name of the cache behind a value of cache type.
StringRef cacheName(Value cache);
int64_t roundUp(int64_t value, int64_t multiple);

} // namespace mlir::hybrid
#endif
