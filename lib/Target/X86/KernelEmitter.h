// Writes the code of one kernel: loops over rows and columns around explicit vectors.
#ifndef HYBRID_TARGET_X86_KERNELEMITTER_H
#define HYBRID_TARGET_X86_KERNELEMITTER_H
#include "KernelPlan.h"
#include "VectorBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hybrid::x86 {

/// The attribute of a lowered function that says how many bytes of scratch it wants.
constexpr llvm::StringLiteral kScratchAttr = "hybrid.scratch";
/// A row of zeros that masked loads read instead of memory; the module holds the longest that is needed.
constexpr llvm::StringLiteral kZeroRow = "hybrid.zeros";

/// A column: `base` (an index, or null for 0) plus `offset`. The base is a multiple of the panel's width
/// unless `isLoose`.
struct Column {
  Value base;
  int64_t offset = 0;
  bool isLoose = false;
};

/// What is known and already computed about the row that is being worked on.
struct RowScope {
  Value from, valid;           // SSA values between which the row is known to lie
  Operation *anchor = nullptr; // where the row's own values go: before its loop over columns
  DenseMap<Value, Value> pointers, scalars;
};

/// Some lanes of one row.
struct Place {
  Value row; // null for vectors
  Column column;
  int64_t width;
  int64_t lowest = 0; // a constant that is not above the column, with no masked column in between
  RowScope *scope = nullptr;
  DenseMap<Value, Value> memo = DenseMap<Value, Value>();
};

class KernelEmitter {
public:
  KernelEmitter(tile::KernelOp kernel, const LevelTraits &traits, ModuleOp module, int64_t &zeroBytes)
      : kernel(kernel), traits(traits), plan(kernel), module(module), b(kernel.getLoc(), kernel.getContext(), traits),
        zeroBytes(zeroBytes) {}

  /// Adds the kernel's functions to the end of the module.
  LogicalResult emit();

private:
  using PlaceFn = llvm::function_ref<void(Place &)>;
  using Carried = SmallVector<Value>;
  using CarryingFn = llvm::function_ref<void(Place &, Carried &)>;

  // Structure.
  void emitEntry(func::FuncOp body);
  LogicalResult emitBlock(Block &block);
  LogicalResult emitOp(Operation &op);
  LogicalResult emitTileOp(Operation &op);
  LogicalResult emitScalarOp(Operation &op);
  LogicalResult emitFor(scf::ForOp loop);
  LogicalResult emitIf(scf::IfOp branch);
  void emitYield(scf::ForOp loop);
  void emitStore(tile::StoreOp store);
  void emitVectorStore(tile::StoreOp store, Value from, Value to);
  /// What holding `tile` asks for where it is defined: its buffer, its transpose.
  void emitHeld(Value tile);
  void fill(const Buffer &to, Value tile, Value rows = {});
  void fillTransposed(const Buffer &to, Value tile);
  void fillVectorLoad(const Buffer &to, tile::LoadOp load);
  void copy(const Buffer &from, const Buffer &to, Type type);
  void emitReduce(tile::ReduceOp reduce);
  void emitPrefixSum(tile::PrefixSumOp scan);
  void emitSegmentSum(tile::SegmentSumOp sums);
  void emitSolve(tile::SolveOp solve);

  // Products.
  struct Panels; // where b is
  void emitDot(tile::DotOp dot);
  void emitRowGroups(tile::DotOp dot, const Panels &panels, Value panel, int64_t width, Value rows);
  void emitMicroKernel(tile::DotOp dot, const Panels &panels, Value panel, int64_t width, Value row, int64_t rows);
  Panels panelsOf(tile::DotOp dot);

  // Loops.
  void forRange(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body);
  void forRows(int64_t rows, Value live, llvm::function_ref<void(Value)> body);
  /// All columns of a row in pieces that lie inside of panels, cut at `breaks`.
  Carried forColumns(int64_t columns, ArrayRef<int64_t> breaks, Value row, RowScope &scope, Carried carried,
                     CarryingFn body);
  void forColumns(int64_t columns, ArrayRef<int64_t> breaks, Value row, RowScope &scope, PlaceFn body);
  /// The elements [from, to) of a vector.
  void forElements(Value from, Value to, PlaceFn body);
  /// The columns at which masked loads under `tile` end.
  SmallVector<int64_t> breaksOf(Value tile);

  // Values.
  /// A tile's lanes: from its buffer where it is held, else computed.
  Value evaluate(Value tile, Place &place);
  Value compute(Value tile, Place &place);
  Value evaluateElement(Value tile, Value row, Value column);
  Value evaluateLoad(tile::LoadOp load, Place &place);
  Value evaluateGather(tile::GatherOp gather, Place &place);
  Value evaluateConstant(arith::ConstantOp constant, Place &place);
  Value evaluateIndex(tile::IndexOp index, Place &place);
  /// vector[row] in all lanes.
  Value evaluateAcross(Value vector, Place &place);
  Value rowPointer(Place &place, Value key, llvm::function_ref<Value()> compute);
  Value loadFrom(Value memory, Value pointer, Place &place);

  // Memory.
  Value columnIndex(const Column &column);
  Value bufferPointer(const Buffer &buffer, Value row, const Column &column);
  Value loadHeld(const Buffer &buffer, Type element, Value row, const Column &column, int64_t width);
  void storeHeld(Value lanes, const Buffer &buffer, Value row, const Column &column);
  /// The address of memory (row, column).
  Value memoryPointer(Value memory, Value row, Value column);
  Value zeroRow(int64_t bytes);
  Value scalar(Value v) { return scalars.lookup(v); }
  Value scalarOr(Value v, int64_t otherwise) { return v ? scalar(v) : b.index(otherwise); }

  tile::KernelOp kernel;
  const LevelTraits &traits;
  KernelPlan plan;
  ModuleOp module;
  VectorBuilder b;
  int64_t &zeroBytes;
  Value scratch;
  Value blockIds[3];
  DenseMap<Value, Value> scalars; // scalars and memory's addresses
  DenseMap<Value, Value> tables;  // addresses of constants that are no splats
};

} // namespace mlir::hybrid::x86
#endif
