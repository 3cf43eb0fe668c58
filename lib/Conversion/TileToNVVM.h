// Lane-level expansion of one kernel in the GPU's tile form. Shared by the files TileToNVVM*.cpp: this is how
// they speak of threads, registers and shared memory.
#ifndef HYBRID_CONVERSION_TILETONVVM_H
#define HYBRID_CONVERSION_TILETONVVM_H
#include "dialects/Tile/Tile.h"
#include "hybrid/Support/MatrixFragments.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::hybrid {

/// Bytes of an element in memory; i1 takes one.
inline int64_t bytesOf(Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }
inline RankedTensorType tileType(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }
inline const Layout *layoutOf(RankedTensorType type) {
  auto attr = dyn_cast_or_null<tile::LayoutAttr>(type.getEncoding());
  return attr ? &attr.getLayout() : nullptr;
}
inline std::optional<SharedLayout> sharedOf(RankedTensorType type) {
  auto attr = dyn_cast_or_null<tile::SharedAttr>(type.getEncoding());
  return attr ? std::optional(attr.getLayout()) : std::nullopt;
}
/// A vector is the only row of its tile in shared memory.
inline Coordinate sharedCoordinate(unsigned rank, Coordinate c) { return rank == 1 ? Coordinate{0, c[0]} : c; }

/// Bytes from the start of the block's shared memory.
struct ByteRange {
  int64_t begin = 0, end = 0;
  bool overlaps(const ByteRange &other) const { return begin < other.end && other.begin < end; }
};

/// Where each op that needs shared memory has it: a tile that it defines, a ring, or scratch while it runs.
class SharedPlan {
public:
  explicit SharedPlan(tile::KernelOp kernel);
  ByteRange of(Operation *op) const { return ranges.lookup(op); }
  int64_t bytes() const { return total; }

private:
  llvm::DenseMap<Operation *, ByteRange> ranges;
  int64_t total = 0;
};

/// Bytes of scratch of one op, 0 if it needs none; the expansion of the op lays it out.
int64_t scratchBytes(Operation *op);

/// Warps that hold different parts of the axis that is reduced.
int64_t warpsAlong(const Layout &layout, int axis);

/// The tables of `tile.prefix_sum` and `tile.segment_sum`, in elements of f32. A vector of n values is cut
/// into blocks of 16: sums within a block, and of whole blocks, are added, never subtracted.
struct ScanTables {
  static constexpr int64_t kBlock = 16;
  int64_t n, blocks;
  int64_t values, prefix, suffix, total, between, within, size; // offsets
  ScanTables(int64_t n, bool segments);
};

/// Emits llvm and nvvm ops for one kernel.
class KernelEmitter {
public:
  KernelEmitter(tile::KernelOp kernel, OpBuilder &builder, const SharedPlan &plan);
  LogicalResult run(LLVM::LLVMFuncOp function, LLVM::GlobalOp sharedMemory);

private:
  using Registers = SmallVector<Value>;

  //===-- Scalars: TileToNVVM.cpp
  Value constant(Type type, int64_t value);
  Value i32(int64_t value) { return constant(i32Type, value); }
  Value i64(int64_t value) { return constant(i64Type, value); }
  Value f32(double value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value mul(Value a, int64_t b);
  Value intrinsic(StringRef name, Type type, ValueRange args);
  Value compare(LLVM::ICmpPredicate predicate, Value a, Value b);
  Value both(Value a, Value b); // null stands for true
  Type scalarType(Type type);
  Value scalar(Value value) { return scalars.lookup(value); }
  LogicalResult emitBlock(Block &block);
  LogicalResult emitOp(Operation *op);
  LogicalResult emitFor(scf::ForOp op);
  LogicalResult emitIf(scf::IfOp op);
  LogicalResult emitConstant(arith::ConstantOp op);
  /// for (i = begin; i < end; i += step) body(i, carried) -> carried; i32.
  Registers loop(Value begin, Value end, Value step, ValueRange inits, function_ref<Registers(Value, ValueRange)> body);
  void when(Value condition, function_ref<void()> body);
  Block *newBlock(TypeRange arguments);
  void branch(Block *to, ValueRange operands);

  //===-- Elementwise: TileToNVVMElementwise.cpp
  LogicalResult emitElementwise(Operation *op);
  FailureOr<Value> emitScalarOp(Operation *op, ValueRange operands, Type resultType);
  FailureOr<Value> emitMath(Operation *op, ValueRange operands);
  Value exp2(Value x);
  Value log2(Value x);
  Value divide(Value a, Value b);

  //===-- Global memory: TileToNVVMMemory.cpp
  struct Access; // a tile's place in global memory
  Access access(Operation *op, Value memory, ValueRange indices, RankedTensorType tile, Value from, Value valid,
                std::optional<int64_t> columns);
  Value inside(Access &a, const Layout &layout, Coordinate constant, int64_t width);
  Value address(const Access &a, const Layout &layout, Coordinate constant);
  int64_t vectorWidth(const Access &a, const Layout &layout);
  Registers loadRegisters(Access &a, const Layout &layout);
  void storeRegisters(Access &a, const Layout &layout, ArrayRef<Value> values);
  void copyToShared(Access &a, const SharedLayout &shared, Value base);
  LogicalResult emitLoad(tile::LoadOp op);
  LogicalResult emitStore(tile::StoreOp op);
  LogicalResult emitGather(tile::GatherOp op);
  LogicalResult emitCopyAsync(tile::CopyAsyncOp op);
  Registers loadWords(Value pointer, int64_t bytes, Value predicate, bool readOnly);
  void storeWords(Value pointer, ArrayRef<Value> words, int64_t bytes, Value predicate);

  //===-- Shared memory: TileToNVVMShared.cpp
  Value sharedPointer(Value byteAddress);
  Value loadShared(Value byteAddress, Type type, int64_t alignment);
  void storeShared(Value byteAddress, Value value, int64_t alignment);
  Value sharedAddress(const SharedLayout &shared, const Layout &layout, unsigned rank, Value base, Coordinate constant,
                      int64_t elementBytes);
  Value sharedAddress(const SharedLayout &shared, Value base, Value row, Value column, int64_t elementBytes);
  void writeShared(ArrayRef<Value> values, const Layout &layout, RankedTensorType type, const SharedLayout &shared,
                   Value base);
  Registers readShared(const Layout &layout, RankedTensorType type, const SharedLayout &shared, Value base);
  LogicalResult emitConvert(tile::ConvertOp op);
  void barrier();
  void beforeRead(ByteRange range);
  void beforeWrite(ByteRange range);
  void settle(); // waits for copies that no group covers yet

  //===-- Reductions and scans: TileToNVVMScan.cpp
  LogicalResult emitReduce(tile::ReduceOp op);
  LogicalResult emitPrefixSum(tile::PrefixSumOp op);
  LogicalResult emitSegmentSum(tile::SegmentSumOp op);
  LogicalResult emitSolve(tile::SolveOp op);
  void fillScanTables(const ScanTables &tables, Value vector, ByteRange range);
  Value table(ByteRange range, int64_t offset, Value index);

  //===-- Products: TileToNVVMDot.cpp
  LogicalResult emitDot(tile::DotOp op);
  LogicalResult emitMatrixDot(tile::DotOp op, MatrixWarps warps);
  LogicalResult emitMultiplyAddDot(tile::DotOp op);

  //===-- Threads
  /// What lane and warp add to a coordinate, an i32 at the kernel's entry.
  Value threadOffset(const Layout &layout, int axis);
  /// True in one of the threads that hold copies of the same elements; null if there are no copies.
  Value firstCopy(const Layout &layout);
  Value digitValue(Value number, ArrayRef<Digit> digits, size_t i);

  /// Words of 32 bits (or one of 8 or 16) from neighbouring elements, and back.
  Registers pack(ArrayRef<Value> elements);
  Registers unpack(ArrayRef<Value> words, Type element, int64_t count);

  tile::KernelOp kernel;
  OpBuilder &b;
  OpBuilder entry; // inserts where everything is dominated
  Location loc;
  const SharedPlan &plan;
  IntegerType i1Type, i8Type, i16Type, i32Type, i64Type;
  Type f32Type;
  Region *body = nullptr;
  Value sharedBase; // ptr<3>
  Value thread, lane, warp;
  int64_t numThreads = 0;

  llvm::DenseMap<Value, Value> scalars;
  llvm::DenseMap<Value, Registers> tiles;   // in registers
  llvm::DenseMap<Value, Value> addresses;   // in shared memory: byte address, i32
  llvm::DenseMap<Value, Operation *> homes; // whose range a tile in shared memory lies in
  llvm::DenseMap<std::pair<Type, int64_t>, Value> constants;
  llvm::DenseMap<uint64_t, Value> floats;
  llvm::DenseMap<std::pair<Attribute, int>, Value> offsets;
  llvm::DenseMap<Attribute, Value> copies;
  SmallVector<ByteRange> reads, writes; // since the last barrier
  bool pendingCopies = false;
};

} // namespace mlir::hybrid
#endif
