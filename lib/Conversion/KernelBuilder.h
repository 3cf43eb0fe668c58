// Builds one kernel: arguments on demand, and tiles of values on demand, travelling backwards through virtual values.
#ifndef HYBRID_LIB_CONVERSION_KERNELBUILDER_H
#define HYBRID_LIB_CONVERSION_KERNELBUILDER_H
#include "BlockPlan.h"
#include "dialects/Schedule/Schedule.h"
#include "dialects/Tile/Tile.h"
#include "llvm/ADT/StringMap.h"
#include <functional>

namespace mlir::hybrid {

/// Columns of a value whose dims after the first are flattened: base + offset + [0, count). `base` is a multiple of
/// `multiple`, which tells statically where in a head the columns lie. Only the first `valid` exist.
struct Columns {
  Value base;           // null: 0
  int64_t multiple = 0; // 0: base is 0
  int64_t offset = 0;
  int64_t count = 0;
  int64_t valid = 0;
  static Columns whole(int64_t count) { return {Value(), 0, 0, count, count}; }
  Columns shifted(int64_t by) const { return {base, multiple, offset + by, count, valid}; }
};

/// What a kernel's memref argument is, for the launch: one of the schedule's memory ops, spelled as a key.
struct MemoryKey {
  enum Kind { value, param, input, cache } kind;
  Value stored;        // value
  std::string name;    // param, input, cache
  int64_t part = 0;    // cache: part; input tile_list: rows; value: table number
  bool panels = false; // param
  int64_t width = 0;   // row length that the kernel sees
  auto tie() const { return std::make_tuple(kind, stored.getAsOpaquePointer(), StringRef(name), part, panels, width); }
  bool operator<(const MemoryKey &other) const { return tie() < other.tie(); }
};

class KernelBuilder {
public:
  KernelBuilder(MLIRContext *context, Location loc, const BlockPlan &plan, const BlockTarget &target, Type storage);

  // -- Arguments --------------------------------------------------------------------------------------------------
  /// The argument that stands for a memory; made at first use. Rank 1 when width is 0.
  Value memory(const MemoryKey &key, Type element);
  Value memoryOf(Value stored, int64_t width = -1);
  Value input(StringRef kind, int64_t width = 0, int64_t list = 0);
  Value cachePart(StringRef name, int64_t part, int64_t width, Type element);
  /// An index argument with the value of a size of the call.
  Value size(StringRef symbol);
  void markWritten(Value argument);
  /// Sums of squares of a stored value's rows, [rows, parts] of f32: one column for each run of columns that its kernel
  /// computes at once.
  Value squaresMemory(Value stored, int64_t parts);
  /// A parameter whose rows are looked up; it shares the storage of a product that uses it too.
  Value tableMemory(Value param);

  // -- The rows of this block -------------------------------------------------------------------------------------
  /// Rows [first, first + count) of every row-shaped value; only `valid` of them exist.
  void setRows(Value first, int64_t count, Value valid, Value from = Value());
  /// Restores the rows when it goes out of scope.
  struct RowsGuard {
    explicit RowsGuard(KernelBuilder &k)
        : k(k), first(k.firstRow), valid(k.validRows), from(k.fromRow), count(k.rowCount) {}
    ~RowsGuard() { k.setRows(first, count, valid, from); }
    KernelBuilder &k;
    Value first, valid, from;
    int64_t count;
  };
  Value getFirstRow() const { return firstRow; }
  Value getValidRows() const { return validRows; }
  int64_t getRowCount() const { return rowCount; }
  /// The block's rows lie in one sequence, the first of them `within` tokens after its start in this call. The
  /// sequence's recurrent caches are read from `readSlot`, null where the entry has none.
  void setSequence(Value within, Value readSlot) { this->within = within, this->readSlot = readSlot; }
  /// The stored value that this kernel computes: its tiles are made here, not loaded.
  void setRoot(Value value) { root = value; }
  /// From here on tiles that depend on nothing inside the current loop are built here, before it.
  void setPreheader();

  // -- Tiles on demand ----------------------------------------------------------------------------------------------
  /// Rows of this block x columns, in f32.
  FailureOr<Value> tile(Value value, Columns columns);
  /// One column of a value, as a vector of this block's rows.
  FailureOr<Value> column(Value value, Columns columns);
  /// The elements of a rank-1 parameter (or of a flattened one).
  FailureOr<Value> vectorOf(Value param, Columns columns);
  /// One element of a rank-1 parameter, everywhere in a tile.
  FailureOr<Value> scalarOf(Value param, Columns at, ArrayRef<int64_t> shape);
  /// Tap `number` of a convolution's weights [channels, width], one per channel.
  FailureOr<Value> tapOf(Value weights, int64_t number, Columns channels);
  /// Rows of this block x channels of a convolution and its activation; tokens before the sequence's first come from
  /// the taps cache, or are zero.
  FailureOr<Value> convolve(CausalConv1dOp op, Columns channels);
  /// A tile that the kernel computed itself stands for `value` from here on.
  void provide(Value value, std::function<Value(Columns)> make) { provided[value] = std::move(make); }
  /// Stores a tile of this block's rows, rounded to the memory's type.
  void store(Value tile, Value memory, Columns columns);
  /// Stores the sums of the squares of a tile's rows as column `part` of `memory`.
  void storeSquares(Value tile, Value memory, Value part, Columns columns);

  // -- Small helpers ------------------------------------------------------------------------------------------------
  OpBuilder b;
  Location loc;
  Value index(int64_t value);
  Value add(Value x, Value y), sub(Value x, Value y), mul(Value x, int64_t y), min(Value x, Value y),
      max(Value x, Value y);
  Value ceilDiv(Value x, int64_t y), div(Value x, int64_t y), rem(Value x, int64_t y);
  Value loadIndex(Value memory, ValueRange at);
  Value toF32(Value tile);
  Value activation(Activation kind, Value tile);
  Value splat(double value, ArrayRef<int64_t> shape);
  Value broadcast(Value vector, int64_t axis, ArrayRef<int64_t> shape);
  Value reduce(Value tile, tile::Reduction kind, int64_t axis);
  Value columnStart(const Columns &columns);
  template <typename OpTy, typename... Args> Value make(Args &&...args) {
    return OpTy::create(b, loc, std::forward<Args>(args)...);
  }
  RankedTensorType f32(ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, b.getF32Type()); }

  // -- Result ---------------------------------------------------------------------------------------------------------
  /// Closes the kernel; its name is not set.
  tile::KernelOp finish();
  struct Argument {
    bool isMemory;
    MemoryKey memory;
    std::string symbol;
    bool written = false;
  };
  ArrayRef<Argument> arguments() const { return args; }
  /// The ops that this kernel computes, in the order in which tiles asked for them.
  ArrayRef<Operation *> computed() const { return ops.getArrayRef(); }
  Type storageOf(Value value) const;
  const BlockTiles *tiles = nullptr;
  /// Columns of the squares of each value that has some.
  const llvm::DenseMap<Value, int64_t> *squareParts = nullptr;

private:
  FailureOr<Value> tileOfGeneric(linalg::GenericOp op, Columns columns, bool asColumn);
  /// The body of an elementwise op, on tiles of `shape` that `tileOf` gives for its operands.
  FailureOr<Value> bodyOnTiles(linalg::GenericOp op, ArrayRef<int64_t> shape,
                               function_ref<FailureOr<Value>(OpOperand *)> tileOf);
  FailureOr<Value> operandOfGeneric(linalg::GenericOp op, OpOperand *operand, Columns columns, bool asColumn);
  FailureOr<Value> tileOfProduct(linalg::MatmulOp op, Columns columns);
  FailureOr<Value> tileOfNorm(NormOp op, Columns columns);
  FailureOr<Value> tileOfRotary(RotaryOp op, Columns columns);
  FailureOr<Value> normScale(NormOp op, Columns span, Value *mean);
  FailureOr<Value> normInput(NormOp op, Columns columns);
  Value scaleFromSquares(NormOp op);
  Value paramMemory(Value param, bool forProduct);
  FailureOr<Columns> throughSlice(tensor::ExtractSliceOp op, Columns columns);
  InFlightDiagnostic unsupported(Operation *op, const Twine &what);

  const BlockPlan &plan;
  const BlockTarget &target;
  Type storage;
  tile::KernelOp kernel;
  SmallVector<Argument> args;
  std::map<MemoryKey, Value> memories;
  llvm::StringMap<Value> sizes;
  Value firstRow, validRows, fromRow, within, readSlot, root;
  int64_t rowCount = 0;
  /// Before this op go loop-invariant tiles; null: at the insertion point.
  Operation *preheader = nullptr;
  llvm::DenseMap<Value, std::function<Value(Columns)>> provided;
  std::map<std::tuple<void *, void *, int64_t, int64_t, int64_t>, Value> memo;
  llvm::SetVector<Operation *> ops;
};

} // namespace mlir::hybrid
#endif
