// Products: micro-kernels that keep a register tile of the result and run over k. `a` is read in place from
// its buffer, one broadcast value at a time; `b` comes as panels, from a buffer or straight from a packed
// parameter.
#include "KernelEmitter.h"
using namespace mlir;
using namespace mlir::hybrid::x86;

/// Element (k, p * 16 + j) of b is number p * stride + k * 16 + j.
struct KernelEmitter::Panels {
  Value base;
  Type element;
  int64_t stride;
  bool streams; // from memory rather than from a buffer
};

KernelEmitter::Panels KernelEmitter::panelsOf(tile::DotOp dot) {
  if (tile::LoadOp load = panelOperand(dot)) {
    auto type = cast<MemRefType>(load.getMemory().getType());
    int64_t stride = type.getDimSize(1) * kPanel;
    Value at =
        b.add(b.mul(b.div(scalar(load.getIndices()[0]), kPanel), stride), b.mul(scalar(load.getIndices()[1]), kPanel));
    return {b.offset(scalar(load.getMemory()), type.getElementType(), at), type.getElementType(), stride, true};
  }
  const Buffer &buffer = *(dot.getTransposeB() ? plan.transposed(dot.getB()) : plan.held(dot.getB()));
  return {b.offset(scratch, b.getI8Type(), buffer.offset), b.getF32Type(), buffer.stride, false};
}

void KernelEmitter::emitDot(tile::DotOp dot) {
  TileShape shape(dot.getResult().getType());
  Panels panels = panelsOf(dot);
  Value live = dot.getRows() ? dot.getRows() : plan.liveRows(dot.getResult());
  Value rows = b.index(shape.rows);
  if (live)
    rows = b.larger(b.smaller(scalar(live), rows), b.index(0));
  // Panels outermost: one panel of b stays close while the rows of a pass by.
  int64_t together = std::min(traits.registerTiles(shape.rows).front().panels, shape.panels());
  int64_t whole = shape.panels() / together * together;
  auto range = [&](int64_t from, int64_t to, int64_t width) {
    forRange(b.index(from), b.index(to), width, [&](Value panel) { emitRowGroups(dot, panels, panel, width, rows); });
  };
  range(0, whole, together);
  range(whole, shape.panels(), 1);
}

void KernelEmitter::emitRowGroups(tile::DotOp dot, const Panels &panels, Value panel, int64_t width, Value rows) {
  TileShape shape(dot.getResult().getType());
  SmallVector<RegisterTile, 4> tiles = traits.registerTiles(shape.rows);
  if (dot.getTransposeA()) {
    // The rows are a's columns, and a group of them lies inside of one of a's panels.
    auto groups = [&](Value first, int64_t count) {
      int64_t at = 0;
      for (RegisterTile tile : tiles)
        for (; at + tile.rows <= count; at += tile.rows)
          emitMicroKernel(dot, panels, panel, width, b.add(first, at), tile.rows);
    };
    int64_t whole = shape.rows / kPanel * kPanel;
    forRange(b.index(0), b.index(whole), kPanel, [&](Value first) { groups(first, kPanel); });
    if (whole != shape.rows)
      groups(b.index(whole), shape.rows - whole);
    return;
  }
  Value at = b.index(0);
  for (RegisterTile tile : tiles) {
    Value left = b.sub(rows, at);
    Value end = tile.rows == 1 ? rows : b.add(at, b.mul(b.div(left, tile.rows), tile.rows));
    forRange(at, end, tile.rows, [&](Value row) { emitMicroKernel(dot, panels, panel, width, row, tile.rows); });
    at = end;
  }
}

void KernelEmitter::emitMicroKernel(tile::DotOp dot, const Panels &panels, Value panel, int64_t width, Value row,
                                    int64_t rows) {
  constexpr int64_t kUnroll = 4, kAheadBytes = 2048;
  bool transposeA = dot.getTransposeA();
  const Buffer &a = *plan.held(dot.getA());
  int64_t depth = transposeA ? a.rows : a.columns, lanes = traits.lanes, parts = kPanel / lanes;
  Type f32 = b.getF32Type();
  Value aBase = b.offset(scratch, b.getI8Type(), a.offset);
  if (transposeA) {
    aBase = b.offset(aBase, f32, b.add(b.mul(b.div(row, kPanel), a.stride), b.rem(row, kPanel)));
  } else if (a.rows > 1) {
    aBase = b.offset(aBase, f32, b.mul(row, kPanel));
  }
  SmallVector<Value> bBases;
  for (int64_t p = 0; p < width; ++p)
    bBases.push_back(b.offset(panels.base, panels.element, b.mul(b.add(panel, p), panels.stride)));
  bool ahead = panels.streams && TileShape(dot.getResult().getType()).rows <= 2;

  // Multiplies `count` steps from k on into the sums; `start` is k's address in a, less its rows.
  auto steps = [&](Carried &sums, Value aStart, ArrayRef<Value> bStarts, int64_t count) {
    if (ahead && count == kUnroll) {
      int64_t bytes = kPanel * panels.element.getIntOrFloatBitWidth() / 8;
      for (Value start : bStarts)
        for (int64_t line = 0; line < count * bytes; line += 64)
          b.prefetch(b.offset(start, b.getI8Type(), kAheadBytes + line));
    }
    for (int64_t u = 0; u < count; ++u) {
      SmallVector<Value> bs;
      for (Value start : bStarts)
        for (int64_t v = 0; v < parts; ++v)
          bs.push_back(b.load(b.offset(start, panels.element, u * kPanel + v * lanes), panels.element, lanes));
      for (int64_t r = 0; r < rows; ++r) {
        int64_t at = transposeA ? u * kPanel + r : a.rows > 1 ? r * kPanel + u : u;
        Value factor = b.broadcast(b.load(b.offset(aStart, f32, at), f32, /*width=*/0), lanes);
        for (auto [i, x] : llvm::enumerate(bs)) {
          Value &sum = sums[r * bs.size() + i];
          sum = b.multiplyAdd(factor, x, sum);
        }
      }
    }
  };
  auto starts = [&](Value k, Value &aStart, SmallVector<Value> &bStarts) {
    Value at = k;
    if (transposeA) {
      at = b.mul(k, kPanel);
    } else if (a.rows > 1) {
      Value inside = b.rem(k, kPanel);
      at = b.add(b.mul(b.sub(k, inside), a.stride / kPanel), inside);
    }
    aStart = b.offset(aBase, f32, at);
    for (Value base : bBases)
      bStarts.push_back(b.offset(base, panels.element, b.mul(k, kPanel)));
  };

  Carried sums(rows * width * parts, b.zeros(VectorType::get({lanes}, f32)));
  int64_t whole = depth / kUnroll * kUnroll;
  if (whole > kUnroll) {
    auto loop = scf::ForOp::create(b, b.index(0), b.index(whole), b.index(kUnroll), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Carried inner(loop.getRegionIterArgs());
    Value aStart;
    SmallVector<Value> bStarts;
    starts(loop.getInductionVar(), aStart, bStarts);
    steps(inner, aStart, bStarts, kUnroll);
    scf::YieldOp::create(b, inner);
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  } else {
    whole = 0;
  }
  for (int64_t k = whole; k < depth; k += kUnroll) {
    Value aStart;
    SmallVector<Value> bStarts;
    starts(b.index(k), aStart, bStarts);
    steps(sums, aStart, bStarts, std::min(kUnroll, depth - k));
  }

  const Buffer &out = *plan.held(dot.getResult());
  bool hasAcc = !isZero(dot.getAcc());
  for (int64_t r = 0; r < rows; ++r) {
    Value here = b.add(row, r);
    RowScope scope;
    for (int64_t i = 0; i < width * parts; ++i) {
      Column column{b.mul(panel, kPanel), i * lanes};
      Value sum = sums[r * width * parts + i];
      if (hasAcc) {
        Place place{here, column, lanes, 0, &scope};
        sum = arith::AddFOp::create(b, evaluate(dot.getAcc(), place), sum);
      }
      storeHeld(sum, out, here, column);
    }
  }
}
