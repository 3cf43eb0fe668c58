// Kernels whose blocks are rows of tokens: products with their prologues and epilogues, norms, gates, lookups.
#include "FormBlocks.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include <cmath>
#include <numbers>
#include <numeric>
using namespace mlir;
using namespace mlir::hybrid;

LogicalResult BlockFormer::forPieces(KernelBuilder &k, Value value, Columns head, int64_t size,
                                     function_ref<void(Value, Columns)> emit) {
  SmallVector<int64_t> cuts{0};
  for (Operation *op : plan->virtualOps(value))
    if (auto rotary = dyn_cast<RotaryOp>(op)) {
      int64_t rotaryDim = rotary.getRotaryDimOrDefault();
      cuts.push_back(rotaryDim / 2);
      if (rotaryDim < size)
        cuts.push_back(rotaryDim);
    }
  cuts.push_back(size);
  for (unsigned i = 0; i + 1 < cuts.size(); ++i) {
    Columns piece = head.shifted(cuts[i]);
    piece.valid = cuts[i + 1] - cuts[i];
    piece.count = piece.valid;
    FailureOr<Value> tile = k.tile(value, piece);
    if (failed(tile))
      return failure();
    emit(*tile, piece);
  }
  return success();
}

/// What the virtual ops behind a stored value ask of its kernel's columns.
static int64_t plainStep(ArrayRef<Operation *> ops, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t common = type.getRank() > 2 ? type.getShape().back() : 0;
  for (Operation *op : ops) {
    common = std::gcd(common, tileLimit(op));
    for (Value result : op->getResults())
      if (auto t = dyn_cast<RankedTensorType>(result.getType()); t && t.getRank() > 2)
        common = std::gcd(common, t.getShape().back());
  }
  return common ? common : std::min<int64_t>(widthOf(value), 256);
}

LogicalResult BlockFormer::formRows(Value stored) {
  Operation *op = stored.getDefiningOp();
  bool product = plan->hasProduct(stored);
  StringRef symbol = rowSymbol(stored);
  int64_t width = widthOf(stored);
  SmallVector<Operation *> ops = plan->virtualOps(stored);

  int64_t rows = tiles->plainRows, step = plainStep(ops, stored), blocks = 1;
  if (product) {
    int64_t depth = 1, products = 0;
    for (Operation *inner : ops)
      if (isProduct(inner)) {
        depth = std::max(depth, widthOf(inner->getOperand(0)));
        ++products;
      }
    rows = tiles->productRows;
    // Accumulators of several products share the registers.
    if (tiles->productDepth && products > 1 && rows > 64)
      rows /= 2;
    if (!tiles->productDepth)
      while (rows > 12 && rows * depth * 4 > target.leftTileBytes)
        rows /= 2;
    step = std::min(tiles->productColumns, roundUp(width, 16));
    int64_t steps = (width + step - 1) / step;
    // 0: as many blocks as steps, for few rows; n: about n blocks, so that the left tile is packed n times.
    blocks = tiles->productBlocks <= 0 ? steps : std::min(tiles->productBlocks, steps);
  }
  int64_t full = width / step, tail = width % step;
  int64_t steps = full + (tail != 0), perBlock = (steps + blocks - 1) / blocks;
  blocks = (steps + perBlock - 1) / perBlock;

  KernelBuilder k = kernel(op);
  Value total = k.size(symbol);
  Value first = k.mul(k.make<tile::BlockIdOp>(tile::GridAxis::x), rows);
  k.setRows(first, rows, k.min(k.sub(total, first), k.index(rows)));
  Value memory = k.memoryOf(stored);
  k.markWritten(memory);
  Value squares = squaresOf(k, stored, steps);

  auto emit = [&](Columns columns, Value part) {
    bool rotary = llvm::any_of(ops, [](Operation *o) { return isa<RotaryOp>(o); });
    if (rotary)
      return forPieces(k, stored, columns, columns.count,
                       [&](Value tile, Columns piece) { k.store(tile, memory, piece); });
    FailureOr<Value> tile = k.tile(stored, columns);
    if (failed(tile))
      return failure();
    k.store(*tile, memory, columns);
    if (squares)
      k.storeSquares(*tile, squares, part, columns);
    return success();
  };
  OpBuilder &b = k.b;
  LogicalResult result = success();
  k.setPreheader();
  Value block = blocks > 1 ? k.make<tile::BlockIdOp>(tile::GridAxis::y) : Value();
  k.setRoot(stored);
  if (full == 1 && !block) {
    result = emit(Columns::whole(step), k.index(0));
  } else if (full > 0) {
    Value start = block ? k.mul(block, perBlock * step) : k.index(0);
    Value end = k.index(full * step);
    if (block)
      end = k.min(k.add(start, k.index(perBlock * step)), end);
    auto loop = scf::ForOp::create(b, k.loc, start, end, k.index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value part = squares ? k.div(loop.getInductionVar(), step) : Value();
    result = emit({loop.getInductionVar(), step, 0, step, step}, part);
  }
  if (succeeded(result) && tail) {
    int64_t count = target.depthMultiple > 1 ? roundUp(tail, 16) : tail;
    // A base of its own keeps the tail's tiles where they are asked for, not before the loop.
    auto columns = [&]() -> Columns { return {k.index(full * step), full * step, 0, count, tail}; };
    if (block) {
      Value last = k.make<arith::CmpIOp>(arith::CmpIPredicate::eq, block, k.index(blocks - 1));
      auto branch = scf::IfOp::create(b, k.loc, last, /*withElse=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&branch.getThenRegion().front());
      result = emit(columns(), k.index(full));
    } else {
      result = emit(columns(), k.index(full));
    }
  }
  if (failed(result))
    return failure();
  SmallVector<Extent> grid{{symbol.str(), rows}};
  if (blocks > 1)
    grid.push_back({"one", 1, blocks});
  StringRef kind = product ? "product" : "rows";
  return launch(k, kind, grid, {op});
}

LogicalResult BlockFormer::formGather(tensor::GatherOp op) {
  if (!plan->isStored(op.getResult()))
    return success();
  KernelBuilder k = kernel(op);
  Value result = op.getResult(), numbers = throughViews(op.getIndices());
  StringRef symbol = rowSymbol(result);
  int64_t rows = tiles->plainRows, width = widthOf(result);
  Value total = k.size(symbol);
  Value first = k.mul(k.make<tile::BlockIdOp>(tile::GridAxis::x), rows);
  Value valid = k.min(k.sub(total, first), k.index(rows));
  k.setRows(first, rows, valid);
  Value which = k.make<tile::LoadOp>(RankedTensorType::get({rows}, k.b.getI32Type()), k.memoryOf(numbers),
                                     ValueRange{first}, Value(), valid, IntegerAttr());
  Value source = throughViews(op.getSource());
  Value from = source.getDefiningOp<ml_program::GlobalLoadConstOp>() ? k.tableMemory(source) : k.memoryOf(source);
  Value memory = k.memoryOf(result);
  k.markWritten(memory);
  Type element = cast<MemRefType>(from.getType()).getElementType();
  int64_t step = std::min<int64_t>(width, 256), steps = width / step;
  Value squares = squaresOf(k, result, steps + (width % step != 0));
  auto copy = [&](Columns columns, Value part) {
    Value tile = k.make<tile::GatherOp>(RankedTensorType::get({rows, columns.count}, element), from, which,
                                        k.columnStart(columns), valid);
    tile = k.toF32(tile);
    k.store(tile, memory, columns);
    if (squares)
      k.storeSquares(tile, squares, part, columns);
  };
  if (steps > 1) {
    auto loop = scf::ForOp::create(k.b, k.loc, k.index(0), k.index(steps * step), k.index(step));
    OpBuilder::InsertionGuard guard(k.b);
    k.b.setInsertionPointToStart(loop.getBody());
    Value part = squares ? k.div(loop.getInductionVar(), step) : Value();
    copy({loop.getInductionVar(), step, 0, step, step}, part);
  } else {
    copy(Columns::whole(step), k.index(0));
  }
  if (int64_t tail = width % step)
    copy({Value(), 0, width - tail, tail, tail}, k.index(steps));
  return launch(k, "gather", {{symbol.str(), rows}}, {op});
}

/// Tables of cosines and sines, [tokens, pairs] each, once per call. An angle is a fraction of a turn in 32-bit fixed
/// point, so that a product with a position wraps exactly: the error stays at 2^-33 turns per position where an f32
/// product would lose whole digits.
LogicalResult BlockFormer::formRotaryTables(RotaryOp op) {
  if (!op.getPositions())
    return op.emitError("rotary by angles is not built");
  SmallVector<double> frequencies = op.getFrequencies();
  int64_t half = frequencies.size(), rows = tiles->plainRows;
  KernelBuilder k = kernel(op);
  OpBuilder &b = k.b;
  Value total = k.size("tokens");
  Value first = k.mul(k.make<tile::BlockIdOp>(tile::GridAxis::x), rows);
  Value valid = k.min(k.sub(total, first), k.index(rows));
  k.setRows(first, rows, valid);
  Value positions =
      k.make<tile::LoadOp>(RankedTensorType::get({rows}, b.getI32Type()), k.memoryOf(throughViews(op.getPositions())),
                           ValueRange{first}, Value(), valid, IntegerAttr());
  SmallVector<int32_t> turns;
  for (double f : frequencies) {
    double fraction = f / (2 * std::numbers::pi);
    fraction -= std::floor(fraction);
    turns.push_back(static_cast<int32_t>(static_cast<uint32_t>(std::llround(fraction * 4294967296.0))));
  }
  SmallVector<int64_t> shape{rows, half}, row{half};
  auto ints = RankedTensorType::get(row, b.getI32Type());
  auto constant = [&](int32_t v) -> Value {
    return k.make<arith::ConstantOp>(DenseElementsAttr::get(ints, b.getI32IntegerAttr(v)));
  };
  // A row of constants, as selections by column: targets need only constants of one value.
  Value column = k.make<tile::IndexOp>(ints, uint64_t(0)), rate = constant(turns[0]);
  for (int64_t i = 1; i < half; ++i)
    rate = k.make<arith::SelectOp>(k.make<arith::CmpIOp>(arith::CmpIPredicate::eq, column, constant(i)),
                                   constant(turns[i]), rate);
  Value product = k.make<arith::MulIOp>(k.broadcast(positions, 1, shape), k.broadcast(rate, 0, shape));
  Value angle = k.make<arith::MulFOp>(k.make<arith::SIToFPOp>(k.f32(shape), product),
                                      k.splat(2 * std::numbers::pi / 4294967296.0, shape));
  double factor = op.getAttentionFactor().convertToDouble();
  for (int i : {0, 1}) {
    Value table = i ? k.make<math::SinOp>(angle) : k.make<math::CosOp>(angle);
    if (factor != 1)
      table = k.make<arith::MulFOp>(table, k.splat(factor, shape));
    Value memory = k.memory({MemoryKey::value, op.getResult(), "rope", i, false, half}, b.getF32Type());
    k.markWritten(memory);
    k.store(table, memory, Columns::whole(half));
  }
  return launch(k, "rotary", {{"tokens", rows}}, {op});
}
