// The GPU's tile form, executed: registers of threads and bytes of shared memory instead of whole tiles.
#include "hybrid/Reference/LayoutEvaluator.h"
#include "hybrid/Support/MatrixFragments.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <functional>
#include <memory>
#include <limits>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kLanes = Layout::kLanes;

RankedTensorType tileType(Value v) { return dyn_cast<RankedTensorType>(v.getType()); }

/// Shared memory that one op owns. A byte holds the element that starts there.
using Bytes = std::shared_ptr<std::vector<double>>;

struct SharedTile {
  Bytes bytes;
  int64_t base = 0;
};

class LayoutEvaluator {
public:
  LayoutEvaluator(std::array<int64_t, 3> place) : place(place) {}
  LogicalResult run(KernelOp kernel, const TileLaunch &launch);

private:
  using Registers = std::vector<double>; // [warp][lane][register]

  LogicalResult runBlock(Block &block);
  LogicalResult runOp(Operation &op);
  LogicalResult runFor(scf::ForOp op);
  LogicalResult runIf(scf::IfOp op);
  LogicalResult runLoad(LoadOp op);
  LogicalResult runScalarLoad(memref::LoadOp op);
  LogicalResult runGather(GatherOp op);
  LogicalResult runStore(StoreOp op);
  LogicalResult runCopyAsync(CopyAsyncOp op);
  LogicalResult runDot(DotOp op);
  LogicalResult runElementwise(Operation &op);
  LogicalResult runWhole(Operation &op);
  void runMatrixDot(DotOp op, MatrixWarps w);
  void runMultiplyAddDot(DotOp op);
  void runReduce(ReduceOp op);
  void runConvert(ConvertOp op);

  const Layout &layoutOf(Value v) { return cast<LayoutAttr>(tileType(v).getEncoding()).getLayout(); }
  std::optional<SharedLayout> sharedOf(Value v) {
    auto attr = dyn_cast_or_null<SharedAttr>(tileType(v).getEncoding());
    return attr ? std::optional(attr.getLayout()) : std::nullopt;
  }
  static int64_t bytesOf(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }

  /// Calls `body(index into Registers, warp, lane, register, coordinate, inside)`.
  template <typename Body> void forThreads(const Layout &layout, ArrayRef<int64_t> shape, Body body) {
    int64_t count = layout.numRegisters();
    for (int64_t w = 0; w < warps; ++w)
      for (int64_t l = 0; l < kLanes; ++l)
        for (int64_t r = 0; r < count; ++r) {
          Coordinate c = layout.at(w, l, r);
          bool inside = c[0] < shape[0] && (shape.size() == 1 || c[1] < shape[1]);
          body((w * kLanes + l) * count + r, w, l, r, c, inside);
        }
  }

  Registers &fresh(Value v) {
    Registers &registers = tiles[v];
    registers.assign(warps * kLanes * layoutOf(v).numRegisters(), kNaN);
    return registers;
  }
  static void write(SharedTile &to, const SharedLayout &layout, unsigned rank, Coordinate c, int64_t size,
                    double value) {
    int64_t at = to.base + layout.offset(rank == 1 ? Coordinate{0, c[0]} : c, size);
    if (at + size > int64_t(to.bytes->size()))
      to.bytes->resize(at + size, kNaN);
    (*to.bytes)[at] = value;
    std::fill(to.bytes->begin() + at + 1, to.bytes->begin() + at + size, kNaN);
  }
  static double readByte(const SharedTile &from, int64_t offset) {
    int64_t at = from.base + offset;
    return at < int64_t(from.bytes->size()) ? (*from.bytes)[at] : kNaN;
  }
  static double read(const SharedTile &from, const SharedLayout &layout, unsigned rank, Coordinate c, int64_t size) {
    return readByte(from, layout.offset(rank == 1 ? Coordinate{0, c[0]} : c, size));
  }

  /// One element per coordinate; an error where copies differ.
  FailureOr<HostValue> whole(Operation &op, Value v);
  /// Each thread's part of a whole tile.
  void distribute(Value v, const HostValue &tile);
  /// Element (i, j) of what a load of `memory` brings.
  FailureOr<HostValue> loadWhole(Operation *op, Value memory, ValueRange indices, ArrayRef<int64_t> shape, Value from,
                                 Value valid, std::optional<int64_t> columns);

  int64_t scalar(Value v) { return static_cast<int64_t>(scalars.lookup(v)); }
  int64_t scalarOr(Value v, int64_t otherwise) { return v ? scalar(v) : otherwise; }
  void copy(ValueRange from, ValueRange to);

  std::array<int64_t, 3> place;
  bool rounds = true;
  int64_t warps = 1;
  llvm::DenseMap<Value, double> scalars;
  llvm::DenseMap<Value, Registers> tiles;
  llvm::DenseMap<Value, SharedTile> shared;
  llvm::DenseMap<Value, HostValue *> memories;
  /// Copies under way, in groups, oldest first; the last group is open.
  std::vector<std::vector<std::function<void()>>> groups = {{}};
};
} // namespace

LogicalResult LayoutEvaluator::run(KernelOp kernel, const TileLaunch &launch) {
  auto stated = kernel->getAttrOfType<IntegerAttr>(kWarpsAttr);
  if (!stated)
    return kernel.emitOpError("expected '") << kWarpsAttr << "'; run hybrid-assign-layouts first";
  warps = stated.getInt();
  rounds = launch.rounds;
  size_t buffer = 0, number = 0;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    bool isBuffer = isa<MemRefType>(argument.getType());
    size_t &next = isBuffer ? buffer : number, given = isBuffer ? launch.buffers.size() : launch.scalars.size();
    if (next == given)
      return kernel.emitError("expected a ") << (isBuffer ? "buffer" : "number") << " for argument "
                                             << argument.getArgNumber() << ", got only " << given;
    if (isBuffer)
      memories[argument] = launch.buffers[next++];
    else
      scalars[argument] = launch.scalars[next++];
  }
  return runBlock(kernel.getBody().front());
}

LogicalResult LayoutEvaluator::runBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    for (Value v : op.getResults())
      if (auto type = tileType(v); type && !isa_and_nonnull<LayoutAttr, SharedAttr>(type.getEncoding()))
        return op.emitError("expected a layout on every tile, got ") << type;
    if (failed(runOp(op)))
      return failure();
  }
  return success();
}

void LayoutEvaluator::copy(ValueRange from, ValueRange to) {
  SmallVector<std::pair<double, Registers>> held; // a loop may permute its own arguments
  for (Value v : from)
    held.push_back(tileType(v) ? std::pair(0.0, tiles[v]) : std::pair(scalars[v], Registers()));
  for (auto [v, x] : llvm::zip(to, held)) {
    if (tileType(v))
      tiles[v] = std::move(x.second);
    else
      scalars[v] = x.first;
  }
}

LogicalResult LayoutEvaluator::runFor(scf::ForOp op) {
  copy(op.getInitArgs(), op.getRegionIterArgs());
  int64_t step = scalar(op.getStep()), upper = scalar(op.getUpperBound());
  if (step <= 0)
    return op.emitError("expected a positive step, got ") << step;
  for (int64_t i = scalar(op.getLowerBound()); i < upper; i += step) {
    scalars[op.getInductionVar()] = i;
    if (failed(runBlock(*op.getBody())))
      return failure();
    copy(op.getYieldedValues(), op.getRegionIterArgs());
  }
  copy(op.getRegionIterArgs(), op.getResults());
  return success();
}

LogicalResult LayoutEvaluator::runIf(scf::IfOp op) {
  Block *taken = scalar(op.getCondition()) ? op.thenBlock() : op.elseBlock();
  if (!taken)
    return success();
  if (failed(runBlock(*taken)))
    return failure();
  copy(taken->getTerminator()->getOperands(), op.getResults());
  return success();
}

FailureOr<HostValue> LayoutEvaluator::whole(Operation &op, Value v) {
  auto type = tileType(v);
  HostValue tile(type.getShape());
  std::vector<bool> seen(tile.data.size());
  bool agree = true;
  const Registers &registers = tiles[v];
  forThreads(layoutOf(v), type.getShape(), [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool inside) {
    if (!inside)
      return;
    int64_t i = type.getRank() == 1 ? c[0] : c[0] * type.getDimSize(1) + c[1];
    double x = registers[at];
    agree &= !seen[i] || tile.data[i] == x || (std::isnan(x) && std::isnan(tile.data[i]));
    tile.data[i] = x;
    seen[i] = true;
  });
  if (!agree)
    return op.emitOpError("has threads that disagree on an element of which they hold copies");
  return tile;
}

void LayoutEvaluator::distribute(Value v, const HostValue &tile) {
  Registers &registers = fresh(v);
  auto type = tileType(v);
  forThreads(layoutOf(v), type.getShape(), [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool inside) {
    if (inside)
      registers[at] = tile.data[type.getRank() == 1 ? c[0] : c[0] * type.getDimSize(1) + c[1]];
  });
}

//===-- Memory

FailureOr<HostValue> LayoutEvaluator::loadWhole(Operation *op, Value memory, ValueRange indices,
                                                ArrayRef<int64_t> shape, Value from, Value valid,
                                                std::optional<int64_t> columns) {
  HostValue tile(shape);
  const HostValue &buffer = *memories[memory];
  int64_t width = shape.size() == 2 ? shape[1] : 1, pitch = buffer.shape.size() == 2 ? buffer.dim(1) : 1;
  int64_t row = scalar(indices[0]), column = indices.size() == 2 ? scalar(indices[1]) : 0;
  for (int64_t i = std::max<int64_t>(scalarOr(from, 0), 0), e = std::min(scalarOr(valid, shape[0]), shape[0]); i < e;
       ++i)
    for (int64_t j = 0; j < columns.value_or(width); ++j) {
      if (row + i < 0 || row + i >= buffer.dim(0) || column + j < 0 || column + j >= pitch)
        return op->emitOpError("reaches element (")
               << row + i << ", " << column + j << ") of a buffer of " << buffer.dim(0) << " x " << pitch;
      tile.data[i * width + j] = buffer.data[(row + i) * pitch + column + j];
    }
  return tile;
}

LogicalResult LayoutEvaluator::runLoad(LoadOp op) {
  auto type = tileType(op.getTile());
  auto tile = loadWhole(op, op.getMemory(), op.getIndices(), type.getShape(), op.getFrom(), op.getValid(),
                        op.getValidColumns());
  if (failed(tile))
    return failure();
  auto layout = sharedOf(op.getTile());
  if (!layout) {
    distribute(op.getTile(), *tile);
    return success();
  }
  SharedTile &to = shared[op.getTile()] = {std::make_shared<std::vector<double>>(), 0};
  for (int64_t i = 0; i < tile->dim(0); ++i)
    for (int64_t j = 0; j < tile->dim(1); ++j)
      write(to, *layout, 2, {i, j}, bytesOf(type.getElementType()), tile->data[i * tile->dim(1) + j]);
  return success();
}

LogicalResult LayoutEvaluator::runCopyAsync(CopyAsyncOp op) {
  auto ring = tileType(op.getBuffer());
  ArrayRef<int64_t> shape = ring.getShape().drop_front();
  auto tile = loadWhole(op, op.getMemory(), op.getIndices(), shape, op.getFrom(), op.getValid(), op.getValidColumns());
  if (failed(tile))
    return failure();
  SharedLayout layout = *sharedOf(op.getBuffer());
  SharedTile to = shared[op.getBuffer()];
  int64_t bytes = layout.bytes(shape), slot = scalar(op.getSlot());
  if (slot < 0 || slot >= ring.getDimSize(0))
    return op.emitError("expected a slot below ") << ring.getDimSize(0) << ", got " << slot;
  to.base = slot * bytes;
  // Until the copy is waited for, the slot holds nothing.
  std::fill_n(to.bytes->begin() + to.base, bytes, kNaN);
  int64_t size = bytesOf(ring.getElementType());
  groups.back().push_back([=, tile = *tile]() mutable {
    for (int64_t i = 0; i < tile.dim(0); ++i)
      for (int64_t j = 0; j < tile.dim(1); ++j)
        write(to, layout, 2, {i, j}, size, tile.data[i * tile.dim(1) + j]);
  });
  return success();
}

LogicalResult LayoutEvaluator::runGather(GatherOp op) {
  auto type = tileType(op.getTile());
  const HostValue &buffer = *memories[op.getMemory()];
  auto rows = whole(*op, op.getRows());
  if (failed(rows))
    return failure();
  HostValue tile(type.getShape());
  int64_t column = scalar(op.getColumn());
  for (int64_t i = 0, e = std::min(scalarOr(op.getValid(), tile.dim(0)), tile.dim(0)); i < e; ++i)
    for (int64_t j = 0; j < tile.dim(1); ++j) {
      int64_t row = static_cast<int64_t>(rows->data[i]);
      if (row < 0 || row >= buffer.dim(0) || column + j >= buffer.dim(1))
        return op.emitOpError("reaches element (")
               << row << ", " << column + j << ") of a buffer of " << buffer.dim(0) << " x " << buffer.dim(1);
      tile.data[i * tile.dim(1) + j] = buffer.data[row * buffer.dim(1) + column + j];
    }
  distribute(op.getTile(), tile);
  return success();
}

LogicalResult LayoutEvaluator::runStore(StoreOp op) {
  auto tile = whole(*op, op.getTile());
  if (failed(tile))
    return failure();
  HostValue &buffer = *memories[op.getMemory()];
  int64_t width = tile->shape.size() == 2 ? tile->dim(1) : 1, pitch = buffer.shape.size() == 2 ? buffer.dim(1) : 1;
  int64_t row = scalar(op.getIndices()[0]), column = op.getIndices().size() == 2 ? scalar(op.getIndices()[1]) : 0;
  for (int64_t i = std::max<int64_t>(scalarOr(op.getFrom(), 0), 0),
               e = std::min(scalarOr(op.getValid(), tile->dim(0)), tile->dim(0));
       i < e; ++i)
    for (int64_t j = 0; j < int64_t(op.getValidColumns().value_or(width)); ++j) {
      if (row + i < 0 || row + i >= buffer.dim(0) || column + j < 0 || column + j >= pitch)
        return op.emitOpError("reaches element (")
               << row + i << ", " << column + j << ") of a buffer of " << buffer.dim(0) << " x " << pitch;
      buffer.data[(row + i) * pitch + column + j] = tile->data[i * width + j];
    }
  return success();
}

//===-- Exchange between threads

void LayoutEvaluator::runConvert(ConvertOp op) {
  auto type = tileType(op.getTile());
  auto from = sharedOf(op.getTile()), to = sharedOf(op.getResult());
  int64_t size = bytesOf(type.getElementType());
  unsigned rank = type.getRank();
  if (!from && !to) {
    const Layout &source = layoutOf(op.getTile()), &target = layoutOf(op.getResult());
    if (auto map = source.registerMap(target)) {
      Registers registers = tiles[op.getTile()], &result = fresh(op.getResult());
      for (int64_t thread = 0; thread < warps * kLanes; ++thread)
        for (size_t r = 0; r < map->size(); ++r)
          result[thread * map->size() + r] = registers[thread * source.numRegisters() + (*map)[r]];
      return;
    }
  }
  SharedLayout layout = to ? *to : from ? *from : SharedLayout::choose(type.getShape(), size);
  SharedTile bytes = from ? shared[op.getTile()] : SharedTile{std::make_shared<std::vector<double>>(), 0};
  if (!from) {
    const Registers &registers = tiles[op.getTile()];
    forThreads(layoutOf(op.getTile()), type.getShape(),
               [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool inside) {
                 if (inside)
                   write(bytes, layout, rank, c, size, registers[at]);
               });
  }
  if (to) {
    shared[op.getResult()] = bytes;
    return;
  }
  Registers &registers = fresh(op.getResult());
  forThreads(layoutOf(op.getResult()), type.getShape(),
             [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool inside) {
               if (inside)
                 registers[at] = read(bytes, layout, rank, c, size);
             });
}

void LayoutEvaluator::runReduce(ReduceOp op) {
  auto type = tileType(op.getTile());
  const Layout &layout = layoutOf(op.getTile());
  int axis = op.getAxis();
  bool isSum = op.getKind() == Reduction::sum;
  auto combine = [&](double a, double b) {
    return isSum ? a + b : std::isnan(a) || std::isnan(b) ? kNaN : std::fmax(a, b);
  };
  Registers values = tiles[op.getTile()], &result = fresh(op.getResult());
  int64_t count = layout.slice(axis).numRegisters();
  std::fill(result.begin(), result.end(), isSum ? 0.0 : -std::numeric_limits<double>::infinity());
  forThreads(layout, type.getShape(), [&](int64_t at, int64_t w, int64_t l, int64_t r, Coordinate c, bool) {
    if (c[axis] >= type.getDimSize(axis))
      return;
    double &partial = result[(w * kLanes + l) * count + layout.sliceRegister(axis, r)];
    partial = combine(partial, values[at]);
  });
  // Butterflies over the digits of lanes, then of warps.
  auto exchange = [&](ArrayRef<Digit> digits, int64_t unit) {
    int64_t step = unit;
    for (const Digit &d : digits) {
      if (d.axis == axis)
        for (int64_t s = 1; s < d.extent; s *= 2) {
          Registers before = result;
          for (int64_t thread = 0; thread < warps * kLanes; ++thread)
            for (int64_t r = 0; r < count; ++r)
              result[thread * count + r] = combine(before[thread * count + r], before[(thread ^ step * s) * count + r]);
        }
      step *= d.extent;
    }
  };
  exchange(layout.getLanes(), 1);
  exchange(layout.getWarps(), kLanes);
}

//===-- Products

LogicalResult LayoutEvaluator::runDot(DotOp op) {
  auto acc = tileType(op.getAcc());
  int64_t k = tileType(op.getA()).getDimSize(!op.getTransposeA());
  if (tileType(op.getA()).getElementTypeBitWidth() == 16 && k % 16 == 0)
    if (auto w = matchAccumulator(layoutOf(op.getAcc()), acc.getShape()))
      return runMatrixDot(op, *w), success();
  if (!sharedOf(op.getA()) || !sharedOf(op.getB()))
    return op.emitError("expected operands in shared memory, got ")
           << op.getA().getType() << " and " << op.getB().getType();
  return runMultiplyAddDot(op), success();
}

/// mma.sync m16n8k16, from the PTX ISA: with g = lane / 4 and t = lane % 4,
///   a0..a7: row g (+8 for a2, a3, a6, a7), k = 2 t + i % 2 (+8 from a4 on)
///   b0..b3: k = 2 t + i % 2 (+8 from b2 on), column g
///   c0..c3: row g (+8 from c2 on), column 2 t + i % 2
void LayoutEvaluator::runMatrixDot(DotOp op, MatrixWarps w) {
  auto acc = tileType(op.getAcc());
  int64_t m = acc.getDimSize(0) / w.down, n = acc.getDimSize(1) / w.across;
  int64_t steps = tileType(op.getA()).getDimSize(!op.getTransposeA()) / 16;
  int64_t count = layoutOf(op.getAcc()).numRegisters();
  Registers result = tiles[op.getAcc()];

  // ldmatrix.x4 of one warp: lane l names row l % 8 of matrix l / 8; register i of lane l gets two neighbours
  // of row l / 4 of matrix i, or of its column l / 4 with .trans.
  auto ldmatrix = [&](Value operand, const Layout &threads, bool trans, int64_t warp, Coordinate at,
                      std::array<std::array<double, 8>, kLanes> &out) {
    SharedLayout layout = *sharedOf(operand);
    const SharedTile &tile = shared[operand];
    std::array<int64_t, kLanes> address;
    for (int64_t l = 0; l < kLanes; ++l) {
      Coordinate c = threads.at(warp, l, 0);
      address[l] = layout.offset({c[0] + at[0], c[1] + at[1]}, 2);
    }
    for (int64_t l = 0; l < kLanes; ++l)
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t e = 0; e < 2; ++e) {
          int64_t pair = 2 * (l % 4) + e, other = l / 4;
          out[l][2 * i + e] = readByte(tile, address[8 * i + (trans ? pair : other)] + 2 * (trans ? other : pair));
        }
  };
  Layout aThreads = matrixThreads(MatrixOperand::A, op.getTransposeA(), w, m);
  Layout bThreads = matrixThreads(MatrixOperand::B, op.getTransposeB(), w, n);
  std::array<std::array<double, 8>, kLanes> a, b;
  for (int64_t warp = 0; warp < warps; ++warp)
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t row = 0; row < m / 16; ++row) {
        if (sharedOf(op.getA())) {
          Coordinate at = {16 * row, 16 * step};
          if (op.getTransposeA())
            std::swap(at[0], at[1]);
          ldmatrix(op.getA(), aThreads, op.getTransposeA(), warp, at, a);
        } else {
          for (int64_t l = 0; l < kLanes; ++l)
            for (int64_t i = 0; i < 8; ++i)
              a[l][i] = tiles[op.getA()][(warp * kLanes + l) * (m / 16 * steps * 8) + (row * steps + step) * 8 + i];
        }
        for (int64_t column = 0; column < n / 8; ++column) {
          int64_t half = 4 * (column % 2); // two blocks of columns per ldmatrix
          if (sharedOf(op.getB())) {
            Coordinate at = {16 * step, 8 * (column - column % 2)};
            if (op.getTransposeB())
              std::swap(at[0], at[1]);
            ldmatrix(op.getB(), bThreads, !op.getTransposeB(), warp, at, b);
          } else {
            for (int64_t l = 0; l < kLanes; ++l)
              for (int64_t i = 0; i < 4; ++i)
                b[l][half + i] =
                    tiles[op.getB()][(warp * kLanes + l) * (n / 8 * steps * 4) + (column * steps + step) * 4 + i];
          }
          double left[16][16], right[16][8];
          for (int64_t l = 0; l < kLanes; ++l) {
            for (int64_t i = 0; i < 8; ++i)
              left[l / 4 + (i / 2 % 2) * 8][2 * (l % 4) + i % 2 + (i / 4) * 8] = a[l][i];
            for (int64_t i = 0; i < 4; ++i)
              right[2 * (l % 4) + i % 2 + (i / 2) * 8][l / 4] = b[l][half + i];
          }
          for (int64_t l = 0; l < kLanes; ++l)
            for (int64_t i = 0; i < 4; ++i) {
              double &c = result[(warp * kLanes + l) * count + 4 * (row * (n / 8) + column) + i];
              for (int64_t k = 0; k < 16; ++k)
                c += left[l / 4 + (i / 2) * 8][k] * right[k][2 * (l % 4) + i % 2];
            }
        }
      }
  tiles[op.getResult()] = std::move(result);
}

void LayoutEvaluator::runMultiplyAddDot(DotOp op) {
  auto acc = tileType(op.getAcc());
  int64_t k = tileType(op.getA()).getDimSize(!op.getTransposeA()), size = bytesOf(tileType(op.getA()).getElementType());
  SharedLayout aLayout = *sharedOf(op.getA()), bLayout = *sharedOf(op.getB());
  Registers result = tiles[op.getAcc()];
  const SharedTile &a = shared[op.getA()], &b = shared[op.getB()];
  forThreads(layoutOf(op.getAcc()), acc.getShape(),
             [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool inside) {
               for (int64_t i = 0; inside && i < k; ++i) {
                 Coordinate left = op.getTransposeA() ? Coordinate{i, c[0]} : Coordinate{c[0], i};
                 Coordinate right = op.getTransposeB() ? Coordinate{c[1], i} : Coordinate{i, c[1]};
                 result[at] += read(a, aLayout, 2, left, size) * read(b, bLayout, 2, right, size);
               }
             });
  tiles[op.getResult()] = std::move(result);
}

//===-- Everything else

/// Ops that pass through whole tables in shared memory: their layouts matter at either end only.
LogicalResult LayoutEvaluator::runWhole(Operation &op) {
  auto in = whole(op, op.getOperand(0));
  if (failed(in))
    return failure();
  HostValue out(tileType(op.getResult(0)).getShape());
  int64_t n = in->dim(0);
  if (auto sum = dyn_cast<PrefixSumOp>(op)) {
    double total = 0;
    for (int64_t i = 0; i < n; ++i) {
      int64_t at = sum.getSuffix() ? n - 1 - i : i;
      out.data[at] = sum.getSuffix() ? total : total + in->data[at];
      total += in->data[at];
    }
  } else if (isa<SegmentSumOp>(op)) {
    for (int64_t j = 0; j < n; ++j) {
      double total = 0;
      for (int64_t i = 0; i < n; ++i) {
        total += i > j ? in->data[i] : 0;
        out.data[i * n + j] = i < j ? -std::numeric_limits<double>::infinity() : total;
      }
    }
  } else {
    auto rhs = whole(op, cast<SolveOp>(op).getRhs());
    if (failed(rhs))
      return failure();
    int64_t m = rhs->dim(1);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < m; ++j) {
        double x = rhs->data[i * m + j];
        for (int64_t k = 0; k < i; ++k)
          x -= in->data[i * n + k] * out.data[k * m + j];
        out.data[i * m + j] = x;
      }
  }
  distribute(op.getResult(0), out);
  return success();
}

LogicalResult LayoutEvaluator::runElementwise(Operation &op) {
  if (op.getNumResults() != 1 || op.getNumRegions() != 0)
    return op.emitOpError("has no meaning in a kernel");
  Value result = op.getResult(0);
  size_t count = 1;
  if (tileType(result))
    count = fresh(result).size();
  auto set = [&](size_t i, double x) { tileType(result) ? void(tiles[result][i] = x) : void(scalars[result] = x); };
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Attribute value = constant.getValue();
    if (auto elements = dyn_cast<SplatElementsAttr>(value))
      value = elements.getSplatValue<Attribute>();
    if (!isa<FloatAttr, IntegerAttr>(value))
      return op.emitError("expected one value for all elements");
    double x = isa<FloatAttr>(value) ? cast<FloatAttr>(value).getValueAsDouble()
               : cast<IntegerAttr>(value).getType().isInteger(1)
                   ? double(cast<IntegerAttr>(value).getValue().getZExtValue())
                   : double(cast<IntegerAttr>(value).getValue().getSExtValue());
    for (size_t i = 0; i < count; ++i)
      set(i, x);
    return success();
  }
  for (size_t i = 0; i < count; ++i) {
    SmallVector<double> operands;
    bool dead = false;
    for (Value v : op.getOperands()) {
      operands.push_back(tileType(v) ? tiles[v][i] : scalars[v]);
      dead |= std::isnan(operands.back()) && isa<IntegerType>(getElementTypeOrSelf(v.getType()));
    }
    if (dead) { // an integer that nobody holds
      set(i, kNaN);
      continue;
    }
    FailureOr<double> x = evaluateElement(op, operands, rounds);
    if (failed(x))
      return failure();
    set(i, *x);
  }
  return success();
}

LogicalResult LayoutEvaluator::runScalarLoad(memref::LoadOp op) {
  const HostValue &buffer = *memories[op.getMemRef()];
  int64_t pitch = buffer.shape.size() == 2 ? buffer.dim(1) : 1, row = scalar(op.getIndices()[0]);
  int64_t at = row * pitch + (op.getIndices().size() == 2 ? scalar(op.getIndices()[1]) : 0);
  if (at < 0 || at >= int64_t(buffer.data.size()))
    return op.emitOpError("reaches element ") << at << " of " << buffer.data.size();
  scalars[op.getResult()] = buffer.data[at];
  return success();
}

LogicalResult LayoutEvaluator::runOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](scf::ForOp op) { return runFor(op); })
      .Case([&](scf::IfOp op) { return runIf(op); })
      .Case([&](LoadOp op) { return runLoad(op); })
      .Case([&](StoreOp op) { return runStore(op); })
      .Case([&](GatherOp op) { return runGather(op); })
      .Case([&](CopyAsyncOp op) { return runCopyAsync(op); })
      .Case([&](DotOp op) { return runDot(op); })
      .Case([&](ReduceOp op) { return runReduce(op), success(); })
      .Case([&](ConvertOp op) { return runConvert(op), success(); })
      .Case<PrefixSumOp, SegmentSumOp, SolveOp>([&](auto) { return runWhole(op); })
      .Case([&](memref::LoadOp op) { return runScalarLoad(op); })
      .Case([&](BlockIdOp op) {
        scalars[op.getResult()] = place[static_cast<unsigned>(op.getAxis())];
        return success();
      })
      .Case([&](BufferOp op) {
        auto type = tileType(op.getBuffer());
        int64_t bytes = type.getDimSize(0) * sharedOf(op.getBuffer())->bytes(type.getShape().drop_front());
        shared[op.getBuffer()] = {std::make_shared<std::vector<double>>(bytes, kNaN), 0};
        return success();
      })
      .Case([&](SlotOp op) {
        SharedTile tile = shared[op.getBuffer()];
        tile.base += scalar(op.getSlot()) * sharedOf(op.getTile())->bytes(tileType(op.getTile()).getShape());
        shared[op.getTile()] = tile;
        return success();
      })
      .Case([&](CommitOp) {
        groups.emplace_back();
        return success();
      })
      .Case([&](WaitOp op) {
        while (groups.size() > op.getPending() + 1) {
          for (auto &land : groups.front())
            land();
          groups.erase(groups.begin());
        }
        return success();
      })
      .Case([&](BarrierOp) { return success(); })
      .Case([&](tensor::SplatOp op) {
        Registers &registers = fresh(op.getResult());
        std::fill(registers.begin(), registers.end(), scalars[op.getInput()]);
        return success();
      })
      .Case([&](TransposeOp op) {
        Registers same = tiles[op.getTile()];
        tiles[op.getResult()] = std::move(same);
        return success();
      })
      .Case([&](BroadcastOp op) {
        Registers vector = tiles[op.getVector()], &registers = fresh(op.getResult());
        const Layout &layout = layoutOf(op.getResult());
        int64_t count = layoutOf(op.getVector()).numRegisters();
        forThreads(layout, tileType(op.getResult()).getShape(),
                   [&](int64_t at, int64_t w, int64_t l, int64_t r, Coordinate, bool) {
                     int64_t source = layout.sliceRegister(op.getAxis(), r);
                     registers[at] = source < count ? vector[(w * kLanes + l) * count + source] : kNaN;
                   });
        return success();
      })
      .Case([&](IndexOp op) {
        Registers &registers = fresh(op.getResult());
        forThreads(layoutOf(op.getResult()), tileType(op.getResult()).getShape(),
                   [&](int64_t at, int64_t, int64_t, int64_t, Coordinate c, bool) { registers[at] = c[op.getAxis()]; });
        return success();
      })
      .Default([&](Operation *) { return runElementwise(op); });
}

LogicalResult mlir::hybrid::evaluateLayoutBlock(KernelOp kernel, const TileLaunch &launch,
                                                std::array<int64_t, 3> place) {
  return LayoutEvaluator(place).run(kernel, launch);
}

LogicalResult mlir::hybrid::evaluateLayoutGrid(KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) {
  for (int64_t z = 0; z < grid[2]; ++z)
    for (int64_t y = 0; y < grid[1]; ++y)
      for (int64_t x = 0; x < grid[0]; ++x)
        if (failed(evaluateLayoutBlock(kernel, launch, {x, y, z})))
          return failure();
  return success();
}
