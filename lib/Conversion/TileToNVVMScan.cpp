// Reductions along an axis, running sums, sums of segments, and triangular solves.
#include "TileToNVVM.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

/// First the registers of a thread, then the lanes of a warp by butterfly exchange, then the warps through
/// shared memory: an order that depends on the layout alone.
LogicalResult KernelEmitter::emitReduce(ReduceOp op) {
  auto type = tileType(op.getTile());
  const Layout &layout = *layoutOf(type);
  int axis = op.getAxis();
  bool isSum = op.getKind() == Reduction::sum;
  auto combine = [&](Value x, Value y) -> Value {
    return isSum ? Value(LLVM::FAddOp::create(b, loc, x, y)) : Value(LLVM::MaximumOp::create(b, loc, x, y));
  };
  Value neutral = f32(isSum ? 0.0 : -INFINITY);
  Registers values(tiles[op.getTile()]);
  llvm::DenseMap<int64_t, Value> alive;
  Registers partial(layout.slice(axis).numRegisters());
  for (int64_t i = 0; i < layout.numRegisters(); ++i) {
    Value v = values[i];
    int64_t place = layout.atRegister(i)[axis];
    if (place + layout.threadMax(axis) >= type.getDimSize(axis)) { // dead elements hold anything
      Value &live = alive[place];
      if (!live)
        live = compare(LLVM::ICmpPredicate::slt, add(threadOffset(layout, axis), place), i32(type.getDimSize(axis)));
      v = LLVM::SelectOp::create(b, loc, live, v, neutral);
    }
    Value &p = partial[layout.sliceRegister(axis, i)];
    p = p ? combine(p, v) : v;
  }
  int64_t step = 1;
  for (const Digit &d : layout.getLanes()) {
    if (d.axis == axis)
      for (int64_t s = 1; s < d.extent; s *= 2)
        for (Value &p : partial)
          p = combine(p, NVVM::ShflOp::create(b, loc, f32Type, i32(-1), p, i32(step * s), i32(31), NVVM::ShflKind::bfly,
                                              UnitAttr()));
    step *= d.extent;
  }
  if (int64_t warps = warpsAlong(layout, axis); warps > 1) {
    Layout slice = layout.slice(axis);
    int64_t length = layout.extent(1 - axis);
    ByteRange range = plan.of(op);
    beforeWrite(range);
    Value mine; // this warp's number among those along the axis
    int64_t weight = 1;
    for (size_t i = 0; i < layout.getWarps().size(); ++i)
      if (layout.getWarps()[i].axis == axis) {
        Value digit = digitValue(warp, layout.getWarps(), i);
        Value part = LLVM::MulOp::create(entry, kernel.getLoc(), digit, i32(weight));
        mine = mine ? Value(LLVM::AddOp::create(entry, kernel.getLoc(), mine, part)) : part;
        weight *= layout.getWarps()[i].extent;
      }
    Value place = threadOffset(slice, 0);
    Value start = add(add(mul(mine, length * 4), mul(place, 4)), range.begin);
    when(firstCopy(layout), [&] {
      for (auto [i, p] : llvm::enumerate(partial))
        storeShared(add(start, slice.atRegister(i)[0] * 4), p, 4);
    });
    barrier();
    Value from = add(mul(place, 4), range.begin);
    for (auto [i, p] : llvm::enumerate(partial))
      for (int64_t w = 0; w < warps; ++w) {
        Value v = loadShared(add(from, (slice.atRegister(i)[0] + w * length) * 4), f32Type, 4);
        p = w ? combine(p, v) : v;
      }
    reads.push_back(range);
  }
  tiles[op.getResult()] = std::move(partial);
  return success();
}

ScanTables::ScanTables(int64_t n, bool segments) : n(n), blocks(llvm::divideCeil(n, kBlock)) {
  int64_t padded = blocks * kBlock;
  values = 0;
  prefix = values + padded;
  suffix = prefix + padded;
  total = suffix + padded;
  between = total + llvm::alignTo(blocks, 4);
  within = between + (segments ? llvm::alignTo(blocks * blocks, 4) : 0);
  size = within + (segments ? padded * kBlock : 0);
}

Value KernelEmitter::table(ByteRange range, int64_t offset, Value index) {
  return add(mul(index, 4), range.begin + 4 * offset);
}

/// Stores the vector with zeros up to whole blocks, then one thread per element sums its block from either
/// side, and the last one of each block its total. Ends with a barrier.
void KernelEmitter::fillScanTables(const ScanTables &t, Value vector, ByteRange range) {
  auto type = tileType(vector);
  const Layout &layout = *layoutOf(type);
  int64_t padded = t.blocks * ScanTables::kBlock;
  beforeWrite(range);
  auto perElement = [&](int64_t count, function_ref<void(Value)> body) {
    loop(thread, i32(count), i32(numThreads), {}, [&](Value i, ValueRange) {
      body(i);
      return Registers();
    });
  };
  if (padded > t.n)
    perElement(padded - t.n, [&](Value i) { storeShared(table(range, t.values, add(i, t.n)), f32(0), 4); });
  when(firstCopy(layout), [&] {
    Registers values(tiles[vector]);
    for (auto [i, v] : llvm::enumerate(values)) {
      Value place = add(threadOffset(layout, 0), layout.atRegister(i)[0]);
      Value live;
      if (layout.atRegister(i)[0] + layout.threadMax(0) >= t.n)
        live = compare(LLVM::ICmpPredicate::slt, place, i32(t.n));
      when(live, [&] { storeShared(table(range, t.values, place), v, 4); });
    }
  });
  barrier();
  perElement(padded, [&](Value i) {
    Value first = LLVM::AndOp::create(b, loc, i, i32(-ScanTables::kBlock));
    auto sum = [&](Value begin, Value end) -> Value {
      return loop(begin, end, i32(1), {f32(0)}, [&](Value j, ValueRange sum) -> Registers {
        return {LLVM::FAddOp::create(b, loc, sum[0], loadShared(table(range, t.values, j), f32Type, 4))};
      })[0];
    };
    Value after = add(i, 1), end = add(first, ScanTables::kBlock);
    Value prefix = sum(first, after);
    storeShared(table(range, t.prefix, i), prefix, 4);
    storeShared(table(range, t.suffix, i), sum(after, end), 4);
    when(compare(LLVM::ICmpPredicate::eq, after, end), [&] {
      Value block = LLVM::LShrOp::create(b, loc, i, i32(llvm::Log2_64(ScanTables::kBlock)));
      storeShared(table(range, t.total, block), prefix, 4);
    });
  });
  barrier();
}

LogicalResult KernelEmitter::emitPrefixSum(PrefixSumOp op) {
  auto type = tileType(op.getVector());
  const Layout &layout = *layoutOf(type);
  ScanTables t(type.getDimSize(0), false);
  ByteRange range = plan.of(op);
  fillScanTables(t, op.getVector(), range);
  Registers result;
  for (int64_t r = 0; r < layout.numRegisters(); ++r) {
    Value place = add(threadOffset(layout, 0), layout.atRegister(r)[0]);
    place = LLVM::SMinOp::create(b, loc, place, i32(t.n - 1));
    Value block = LLVM::LShrOp::create(b, loc, place, i32(llvm::Log2_64(ScanTables::kBlock)));
    Value start = loadShared(table(range, op.getSuffix() ? t.suffix : t.prefix, place), f32Type, 4);
    Value begin = op.getSuffix() ? add(block, 1) : i32(0), end = op.getSuffix() ? i32(t.blocks) : block;
    result.push_back(loop(begin, end, i32(1), {start}, [&](Value j, ValueRange sum) -> Registers {
      return {LLVM::FAddOp::create(b, loc, sum[0], loadShared(table(range, t.total, j), f32Type, 4))};
    })[0]);
  }
  reads.push_back(range);
  tiles[op.getResult()] = std::move(result);
  return success();
}

LogicalResult KernelEmitter::emitSegmentSum(SegmentSumOp op) {
  auto type = tileType(op.getResult());
  const Layout &layout = *layoutOf(type);
  ScanTables t(tileType(op.getVector()).getDimSize(0), true);
  constexpr int64_t kBlock = ScanTables::kBlock;
  int64_t padded = t.blocks * kBlock, shift = llvm::Log2_64(kBlock);
  ByteRange range = plan.of(op);
  fillScanTables(t, op.getVector(), range);
  // between (r, c): whole blocks after c and before r.
  loop(thread, i32(t.blocks * t.blocks), i32(numThreads), {}, [&](Value i, ValueRange) {
    Value row = LLVM::UDivOp::create(b, loc, i, i32(t.blocks)), column = LLVM::URemOp::create(b, loc, i, i32(t.blocks));
    Value sum = loop(add(column, 1), row, i32(1), {f32(0)}, [&](Value j, ValueRange sum) -> Registers {
      return {LLVM::FAddOp::create(b, loc, sum[0], loadShared(table(range, t.total, j), f32Type, 4))};
    })[0];
    storeShared(table(range, t.between, i), sum, 4);
    return Registers();
  });
  // within (i, j % 16): from j + 1 to i, for j in the block of i; -inf above the diagonal.
  loop(thread, i32(padded), i32(numThreads), {}, [&](Value i, ValueRange) {
    Value first = LLVM::AndOp::create(b, loc, i, i32(-kBlock));
    Value row = mul(i, kBlock);
    loop(i32(0), i32(kBlock), i32(1), {f32(0)}, [&](Value back, ValueRange sum) -> Registers {
      Value j = add(LLVM::SubOp::create(b, loc, first, back), kBlock - 1);
      Value above = compare(LLVM::ICmpPredicate::sgt, j, i);
      Value value = LLVM::SelectOp::create(b, loc, above, f32(-INFINITY), sum[0]);
      Value place = LLVM::AndOp::create(b, loc, j, i32(kBlock - 1));
      storeShared(table(range, t.within, add(row, place)), value, 4);
      Value more = LLVM::FAddOp::create(b, loc, sum[0], loadShared(table(range, t.values, j), f32Type, 4));
      return {LLVM::SelectOp::create(b, loc, above, sum[0], more)};
    });
    return Registers();
  });
  barrier();
  llvm::DenseMap<int64_t, std::pair<Value, Value>> rows, columns; // (place, in-block sum) by constant part
  auto side = [&](auto &known, int axis, int64_t constant, int64_t offset) {
    std::pair<Value, Value> &entry = known[constant];
    if (!entry.first) {
      entry.first = LLVM::SMinOp::create(b, loc, add(threadOffset(layout, axis), constant), i32(t.n - 1));
      entry.second = loadShared(table(range, offset, entry.first), f32Type, 4);
    }
    return entry;
  };
  Registers result;
  for (int64_t r = 0; r < layout.numRegisters(); ++r) {
    Coordinate at = layout.atRegister(r);
    auto [i, prefix] = side(rows, 0, at[0], t.prefix);
    auto [j, suffix] = side(columns, 1, at[1], t.suffix);
    Value bi = LLVM::LShrOp::create(b, loc, i, i32(shift)), bj = LLVM::LShrOp::create(b, loc, j, i32(shift));
    Value between = loadShared(table(range, t.between, add(mul(bi, t.blocks), bj)), f32Type, 4);
    Value place = LLVM::AndOp::create(b, loc, j, i32(kBlock - 1));
    Value inner = loadShared(table(range, t.within, add(mul(i, kBlock), place)), f32Type, 4);
    Value outer = LLVM::FAddOp::create(b, loc, LLVM::FAddOp::create(b, loc, suffix, between), prefix);
    Value below = compare(LLVM::ICmpPredicate::sgt, bi, bj), same = compare(LLVM::ICmpPredicate::eq, bi, bj);
    Value rest = LLVM::SelectOp::create(b, loc, same, inner, f32(-INFINITY));
    result.push_back(LLVM::SelectOp::create(b, loc, below, outer, rest));
  }
  reads.push_back(range);
  tiles[op.getResult()] = std::move(result);
  return success();
}

/// Forward substitution, one thread per column of the right side, in place in shared memory.
LogicalResult KernelEmitter::emitSolve(SolveOp op) {
  auto lType = tileType(op.getL()), type = tileType(op.getRhs());
  SharedLayout lShared = SharedLayout::choose(lType.getShape(), 4), shared = SharedLayout::choose(type.getShape(), 4);
  int64_t n = type.getDimSize(0), m = type.getDimSize(1);
  ByteRange range = plan.of(op);
  int64_t rhsBytes = llvm::alignTo(std::max(n, layoutOf(type)->extent(0)) * shared.pitch, 128);
  Value rhsBase = i32(range.begin), lBase = i32(range.begin + rhsBytes);
  beforeWrite(range);
  writeShared(tiles[op.getL()], *layoutOf(lType), lType, lShared, lBase);
  writeShared(tiles[op.getRhs()], *layoutOf(type), type, shared, rhsBase);
  barrier();
  loop(thread, i32(m), i32(numThreads), {}, [&](Value column, ValueRange) {
    loop(i32(1), i32(n), i32(1), {}, [&](Value i, ValueRange) {
      Value place = sharedAddress(shared, rhsBase, i, column, 4);
      Value start = loadShared(place, f32Type, 4);
      Value x = loop(i32(0), i, i32(1), {start}, [&](Value k, ValueRange sum) -> Registers {
        Value l = loadShared(sharedAddress(lShared, lBase, i, k, 4), f32Type, 4);
        Value solved = loadShared(sharedAddress(shared, rhsBase, k, column, 4), f32Type, 4);
        return {LLVM::FMAOp::create(b, loc, LLVM::FNegOp::create(b, loc, l), solved, sum[0])};
      })[0];
      storeShared(place, x, 4);
      return Registers();
    });
    return Registers();
  });
  barrier();
  tiles[op.getResult()] = readShared(*layoutOf(type), type, shared, rhsBase);
  reads.push_back(range);
  return success();
}
