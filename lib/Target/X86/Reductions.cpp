// Reductions and the scans that recurrences need.
#include "KernelEmitter.h"
#include <limits>
using namespace mlir;
using namespace mlir::hybrid::x86;

void KernelEmitter::emitReduce(tile::ReduceOp reduce) {
  Value tile = reduce.getTile();
  TileShape shape(tile.getType());
  const Buffer &out = *plan.held(reduce.getResult());
  bool isSum = reduce.getKind() == tile::Reduction::sum;
  int64_t lanes = traits.lanes, parts = kPanel / lanes;
  auto combine = [&](Value a, Value x) -> Value {
    if (isSum)
      return arith::AddFOp::create(b, a, x);
    return b.select(b.compare(arith::CmpFPredicate::OGT, x, a), x, a);
  };
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  Value neutral = b.number(zero, isSum ? 0 : -std::numeric_limits<double>::infinity());
  SmallVector<int64_t> breaks = breaksOf(tile);
  if (tile.getDefiningOp<tile::LoadOp>() && plan.held(tile))
    breaks.clear();
  if (reduce.getAxis() == 1) {
    forRows(shape.rows, plan.liveRows(reduce.getResult()), [&](Value row) {
      RowScope scope;
      scope.valid = plan.liveRows(reduce.getResult());
      // One running vector for each register of a panel, and a scalar for the pieces that fill no register.
      Carried sums(parts, b.broadcast(neutral, lanes));
      sums.push_back(neutral);
      sums = forColumns(shape.columns, breaks, row, scope, sums, [&](Place &place, Carried &sums) {
        Value x = evaluate(tile, place);
        if (place.width == lanes) {
          Value &sum = sums[place.column.offset / lanes % parts];
          sum = combine(sum, x);
        } else {
          sums[parts] = combine(sums[parts], b.reduce(x, isSum));
        }
      });
      for (int64_t i = 1; i < parts; ++i)
        sums[0] = combine(sums[0], sums[i]);
      storeHeld(combine(sums[parts], b.reduce(sums[0], isSum)), out, {}, {row, 0, /*isLoose=*/true});
    });
    return;
  }
  RowScope outer;
  forColumns(shape.columns, breaks, {}, outer, [&](Place &place) {
    auto loop = scf::ForOp::create(b, b.index(0), b.index(shape.rows), b.index(1),
                                   ValueRange{b.broadcast(neutral, place.width)});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Place here{loop.getInductionVar(), place.column, place.width, place.lowest, nullptr};
    scf::YieldOp::create(b, combine(loop.getRegionIterArg(0), evaluate(tile, here)));
    b.setInsertionPointAfter(loop);
    storeHeld(loop.getResult(0), out, {}, place.column);
  });
}

void KernelEmitter::emitPrefixSum(tile::PrefixSumOp scan) {
  const Buffer &out = *plan.held(scan.getResult());
  int64_t length = TileShape(scan.getVector().getType()).columns;
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  auto loop = scf::ForOp::create(b, b.index(0), b.index(length), b.index(1), ValueRange{zero});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar(), before = loop.getRegionIterArg(0);
  if (scan.getSuffix())
    i = b.sub(b.index(length - 1), i);
  Value after = arith::AddFOp::create(b, before, evaluateElement(scan.getVector(), {}, i));
  storeHeld(scan.getSuffix() ? before : after, out, {}, {i, 0, /*isLoose=*/true});
  scf::YieldOp::create(b, after);
}

void KernelEmitter::emitSegmentSum(tile::SegmentSumOp sums) {
  // Row i is row i - 1 plus vector[i], below the diagonal.
  const Buffer &out = *plan.held(sums.getResult());
  int64_t n = TileShape(sums.getVector().getType()).columns;
  auto rowOf = [&](Value row, bool isFirst) {
    RowScope scope;
    Value word = arith::IndexCastOp::create(b, b.getI32Type(), row);
    Value element = isFirst ? Value() : evaluateElement(sums.getVector(), {}, row);
    Value above = isFirst ? Value() : b.sub(row, b.index(1));
    forColumns(n, {}, row, scope, [&](Place &place) {
      SmallVector<int32_t> steps;
      for (int64_t i = 0; i < place.width; ++i)
        steps.push_back(place.column.offset + i);
      auto type = VectorType::get({place.width}, b.getI32Type());
      Value columns = arith::ConstantOp::create(b, type, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
      if (place.column.base) {
        Value base = arith::IndexCastOp::create(b, b.getI32Type(), place.column.base);
        columns = arith::AddIOp::create(b, columns, b.broadcast(base, place.width));
      }
      Value rows = b.broadcast(word, place.width);
      auto is = [&](arith::CmpIPredicate p) { return arith::CmpIOp::create(b, p, columns, rows); };
      Value zero = b.zeros(lanesType(b.getF32Type(), place.width));
      Value lanes =
          b.select(is(arith::CmpIPredicate::eq), zero, b.number(zero, -std::numeric_limits<double>::infinity()));
      if (!isFirst) {
        Value sum = arith::AddFOp::create(b, loadHeld(out, b.getF32Type(), above, place.column, place.width),
                                          b.broadcast(element, place.width));
        lanes = b.select(is(arith::CmpIPredicate::slt), sum, lanes);
      }
      storeHeld(lanes, out, row, place.column);
    });
  };
  rowOf(b.index(0), true);
  forRange(b.index(1), b.index(n), 1, [&](Value row) { rowOf(row, false); });
}

void KernelEmitter::emitSolve(tile::SolveOp solve) {
  // Forward substitution in the result's buffer, some panels at a time: row i minus what rows 0 to i - 1
  // give.
  const Buffer &out = *plan.held(solve.getResult()), &l = *plan.held(solve.getL());
  TileShape shape(solve.getRhs().getType());
  Type f32 = b.getF32Type();
  fill(out, solve.getRhs());
  int64_t lanes = traits.lanes, together = traits.level == CpuLevel::v1 ? 2 : 4;
  for (int64_t panel = 0; panel < shape.panels(); panel += together) {
    SmallVector<Column> columns;
    for (int64_t c = panel * kPanel; c < std::min(panel + together, shape.panels()) * kPanel; c += lanes)
      columns.push_back({{}, c});
    forRange(b.index(1), b.index(shape.rows), 1, [&](Value row) {
      SmallVector<Value> rest;
      for (const Column &column : columns)
        rest.push_back(loadHeld(out, f32, row, column, lanes));
      auto loop = scf::ForOp::create(b, b.index(0), row, b.index(1), rest);
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(loop.getBody());
        Value t = loop.getInductionVar();
        Value factor = loadHeld(l, f32, row, {t, 0, /*isLoose=*/true}, /*width=*/0);
        factor = b.broadcast(arith::NegFOp::create(b, factor), lanes);
        for (auto [column, x] : llvm::zip(columns, loop.getRegionIterArgs()))
          rest[&column - columns.begin()] = b.multiplyAdd(factor, loadHeld(out, f32, t, column, lanes), x);
        scf::YieldOp::create(b, rest);
      }
      for (auto [column, x] : llvm::zip(columns, loop.getResults()))
        storeHeld(x, out, row, column);
    });
  }
}
