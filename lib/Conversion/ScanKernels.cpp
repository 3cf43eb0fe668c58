// The chunked linear scan, and the causal convolution with its taps.
#include "FormBlocks.h"
using namespace mlir;
using namespace mlir::hybrid;

/// The chunk form of the scan's recurrence. With G_ij the decay from j to i, c the decay from the chunk's start and s
/// the decay to its end (each a sum of logs of one sign):
///   rank 0:  O = (Q (.) c) Z + (tril(Q K' (.) G) (.) g) V         Z' = D Z + (K (.) s (.) g)' V
///   tied:    X = (I + g (.) tril(E K' (.) G, -1))^-1 g (.) (V - (E (.) c) Z)
///            O = (Q (.) c) Z + tril(Q K' (.) G) X                 Z' = D Z + (K (.) s)' X
/// One block walks one sequence for one head, and for one slice of the value's columns where the target wants the
/// state to stay in registers: columns are independent.
LogicalResult BlockFormer::formScan(LinearScanOp op) {
  auto unbuilt = [&](const Twine &what) { return op.emitError("a scan with ") << what << " is not built for kernels"; };
  if (op.getOrder() != 1 || op.getSubsteps() != 1 || op.getRead() != Read::post || op.getMaterialise() ||
      op.getStateOnly() || op.getChunkStates() || op.getMix())
    return unbuilt("order 2, substeps, pre-read, materialised mixers, no output or chunk states");
  if (op.getRank() == Rank::untied || op.getErase() != Erase::decayed)
    return unbuilt("untied rank or undecayed erase keys");
  if (op.getDecay() != Decay::none && op.getDecay() != Decay::scalar && op.getDecay() != Decay::constant)
    return unbuilt(Twine("decay '") + stringifyDecay(op.getDecay()) + "'");
  bool tied = op.getRank() == Rank::tied;
  int64_t heads = op.getStateHeads(), K = op.getKeySize(), V = op.getValueSize();
  int64_t slice = stateColumns(op, target);
  int64_t slices = V / slice;
  int64_t keyTile = roundUp(K, target.depthMultiple), valueTile = roundUp(slice, target.depthMultiple);
  // Keys, queries and their scaled copies of a chunk live in registers beside the state.
  int64_t C = tiles->scanChunk;
  if (target.scanKeyElements)
    C = std::min(C, std::max<int64_t>(16, target.scanKeyElements / (storage.isF32() ? 4 : 1) / keyTile / 16 * 16));
  KernelBuilder k = kernel(op);
  OpBuilder &b = k.b;
  Value head = k.make<tile::BlockIdOp>(tile::GridAxis::x), sequence = k.make<tile::BlockIdOp>(tile::GridAxis::y);
  Value firstColumn = slices > 1 ? k.mul(k.make<tile::BlockIdOp>(tile::GridAxis::z), slice) : k.index(0);
  Value offsets = k.input("offsets");
  Value start = k.loadIndex(offsets, {sequence});
  Value length = k.sub(k.loadIndex(offsets, {k.add(sequence, k.index(1))}), start);
  Value outMemory = k.memoryOf(op.getO());
  k.markWritten(outMemory);
  auto headOf = [&](int64_t count) { return k.div(head, heads / count); };
  auto headsOf = [](Value v, unsigned dim) { return cast<RankedTensorType>(v.getType()).getDimSize(dim); };

  // State: rows of keys, columns of values.
  auto valid = [&](int64_t have, int64_t want) { return have < want ? b.getI64IntegerAttr(have) : IntegerAttr(); };
  Value state, stateMemory;
  auto stateRow = [&](StringRef slots) {
    Value slot = k.loadIndex(k.input(slots), {sequence});
    return k.mul(k.add(k.mul(slot, heads), head), K);
  };
  if (op.getInitialState()) {
    auto view = op.getInitialState().getDefiningOp<CacheViewOp>();
    if (!view)
      return unbuilt("an initial state that is not a cache's");
    stateMemory = k.cachePart(cacheName(view.getCache()), 0, V, b.getF32Type());
    k.markWritten(stateMemory);
    Value rows = keyTile > K ? k.index(K) : Value();
    state =
        k.make<tile::LoadOp>(k.f32({keyTile, valueTile}), stateMemory, ValueRange{stateRow("read_slots"), firstColumn},
                             Value(), rows, valid(slice, valueTile));
  } else {
    state = k.splat(0, {keyTile, valueTile});
  }

  // Taps of a folded convolution lie in the same slot as the state.
  Value readSlot = cached ? k.loadIndex(k.input("read_slots"), {sequence}) : Value();

  auto loop = scf::ForOp::create(b, k.loc, k.index(0), length, k.index(C), ValueRange{state});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value z = loop.getRegionIterArgs()[0], at = loop.getInductionVar();
    Value live = k.min(k.sub(length, at), k.index(C));
    k.setRows(k.add(start, at), C, live);
    k.setSequence(at, readSlot);
    auto operandTile = [&](Value v, int64_t size, int64_t tileSize) {
      return k.tile(v, {k.mul(headOf(headsOf(v, 1)), size), size, 0, tileSize, size});
    };
    auto valueColumns = [&](Value valueHead) -> Columns {
      return {k.add(k.mul(valueHead, V), firstColumn), slice, 0, valueTile, slice};
    };
    FailureOr<Value> q = operandTile(op.getQ(), K, keyTile), key = operandTile(op.getK(), K, keyTile),
                     v = k.tile(op.getV(), valueColumns(headOf(headsOf(op.getV(), 1))));
    if (failed(q) || failed(key) || failed(v))
      return failure();
    FailureOr<Value> erase = op.getEraseKey() ? operandTile(op.getEraseKey(), K, keyTile) : key;
    if (failed(erase))
      return failure();

    // Per-token numbers; those of tokens past the end neither decay nor write.
    SmallVector<int64_t> vec{C}, square{C, C}, keyShape{C, keyTile}, valueShape{C, valueTile};
    auto index = k.make<tile::IndexOp>(RankedTensorType::get(vec, b.getI32Type()), uint64_t(0));
    Value isLive = k.make<arith::CmpIOp>(arith::CmpIPredicate::slt, index,
                                         k.make<tensor::SplatOp>(k.make<arith::IndexCastOp>(b.getI32Type(), live),
                                                                 RankedTensorType::get(vec, b.getI32Type())));
    auto ofToken = [&](Value v, double otherwise) -> FailureOr<Value> {
      Value column = headOf(headsOf(v, 1));
      FailureOr<Value> vector = k.column(v, {column, 1, 0, 1, 1});
      if (failed(vector))
        return failure();
      return Value(k.make<arith::SelectOp>(isLive, *vector, k.splat(otherwise, vec)));
    };
    Value logDecay, write;
    if (op.getDecay() == Decay::scalar) {
      FailureOr<Value> d = ofToken(op.getLogDecay(), 0);
      if (failed(d))
        return failure();
      logDecay = *d;
    } else if (op.getDecay() == Decay::constant) {
      FailureOr<Value> d = k.scalarOf(op.getLogDecay(), {headOf(headsOf(op.getLogDecay(), 0)), 1, 0, 1, 1}, vec);
      if (failed(d))
        return failure();
      logDecay = k.make<arith::SelectOp>(isLive, *d, k.splat(0, vec));
    }
    if (op.getWriteScale()) {
      FailureOr<Value> g = ofToken(op.getWriteScale(), 0);
      if (failed(g))
        return failure();
      write = *g;
    } else {
      write = k.make<arith::SelectOp>(isLive, k.splat(1, vec), k.splat(0, vec));
    }
    auto exp = [&](Value x) -> Value { return k.make<math::ExpOp>(x); };
    auto mul = [&](Value x, Value y) -> Value { return k.make<arith::MulFOp>(x, y); };
    // The model's own precision for operands of products; the state never leaves f32.
    auto operand = [&](Value x) -> Value {
      if (target.productsInF32 || storage.isF32())
        return x;
      return k.make<arith::TruncFOp>(RankedTensorType::get(cast<RankedTensorType>(x.getType()).getShape(), storage), x);
    };
    auto dot = [&](Value a, Value bb, Value c, bool ta, bool tb, Value rows) -> Value {
      return k.make<tile::DotOp>(c.getType(), operand(a), operand(bb), c, rows, ta ? b.getUnitAttr() : UnitAttr(),
                                 tb ? b.getUnitAttr() : UnitAttr());
    };

    // Compares the column of each place of a square with its row.
    auto comparePlaces = [&](arith::CmpIPredicate predicate) -> Value {
      auto places = RankedTensorType::get(square, b.getI32Type());
      return k.make<arith::CmpIOp>(predicate, k.make<tile::IndexOp>(places, uint64_t(1)),
                                   k.make<tile::IndexOp>(places, uint64_t(0)));
    };

    Value decays, fromStart, toEnd, whole;
    if (logDecay) {
      fromStart = exp(k.make<tile::PrefixSumOp>(k.f32(vec), logDecay, UnitAttr()));
      toEnd = exp(k.make<tile::PrefixSumOp>(k.f32(vec), logDecay, b.getUnitAttr()));
      decays = exp(k.make<tile::SegmentSumOp>(k.f32(square), logDecay));
      whole = exp(k.reduce(k.broadcast(logDecay, 1, valueShape), tile::Reduction::sum, 0));
    } else {
      Value below = comparePlaces(arith::CmpIPredicate::sle);
      decays = k.make<arith::SelectOp>(below, k.splat(1, square), k.splat(0, square));
    }
    auto rowsScaled = [&](Value x, Value by, ArrayRef<int64_t> shape) {
      return by ? mul(x, k.broadcast(by, 1, shape)) : x;
    };
    Value scores = mul(dot(*q, *key, k.splat(0, square), false, true, live), decays);
    Value o = dot(rowsScaled(*q, fromStart, keyShape), z, k.splat(0, valueShape), false, false, live);
    Value written = *v, intoState = toEnd;
    if (tied) {
      Value l = rowsScaled(mul(dot(*erase, *key, k.splat(0, square), false, true, Value()), decays), write, square);
      Value old = dot(rowsScaled(*erase, fromStart, keyShape), z, k.splat(0, valueShape), false, false, Value());
      Value rhs = rowsScaled(k.make<arith::SubFOp>(*v, old), write, valueShape);
      written = k.make<tile::SolveOp>(rhs.getType(), l, rhs);
    } else {
      scores = mul(scores, k.broadcast(write, 0, square));
      intoState = toEnd ? mul(toEnd, write) : write;
    }
    // The bonus is each token's own value once more. Where values are written as they are it joins the scores'
    // diagonal, so that values are operands of products and nothing else.
    auto bonusOf = [&](ArrayRef<int64_t> shape) -> FailureOr<Value> {
      auto bonusType = cast<RankedTensorType>(op.getBonus().getType());
      if (bonusType.getRank() == 1)
        return k.scalarOf(op.getBonus(), {headOf(bonusType.getDimSize(0)), 1, 0, 1, 1}, shape);
      FailureOr<Value> column = ofToken(op.getBonus(), 0);
      return failed(column) ? column : FailureOr<Value>(k.broadcast(*column, 1, shape));
    };
    if (op.getBonus() && !tied) {
      FailureOr<Value> bonus = bonusOf(square);
      if (failed(bonus))
        return failure();
      Value same = comparePlaces(arith::CmpIPredicate::eq);
      scores = k.make<arith::AddFOp>(scores, k.make<arith::SelectOp>(same, *bonus, k.splat(0, square)));
    }
    o = dot(scores, written, o, false, false, live);
    Value kept = whole ? mul(z, k.broadcast(whole, 0, {keyTile, valueTile})) : z;
    Value next = dot(rowsScaled(*key, intoState, keyShape), written, kept, true, false, Value());
    if (op.getBonus() && tied) {
      FailureOr<Value> bonus = bonusOf(valueShape);
      if (failed(bonus))
        return failure();
      o = k.make<arith::AddFOp>(o, mul(*bonus, *v));
    }
    k.store(o, outMemory, valueColumns(head));
    scf::YieldOp::create(b, k.loc, next);
  }
  if (stateMemory) {
    Value rows = keyTile > K ? k.index(K) : Value();
    tile::StoreOp::create(b, k.loc, loop.getResult(0), stateMemory, ValueRange{stateRow("write_slots"), firstColumn},
                          Value(), rows, valid(slice, valueTile));
  }
  SmallVector<Extent> grid{{"one", 1, heads}, {"sequences"}};
  if (slices > 1)
    grid.push_back({"one", 1, slices});
  return launch(k, tied ? "delta_scan" : "scan", grid, {op});
}

/// Channels per step of a convolution's kernels.
static int64_t channelStep(int64_t channels) {
  for (int64_t step : {256, 128, 64, 32, 16})
    if (channels % step == 0)
      return step;
  return channels < 256 ? channels : 16;
}

/// Runs `emit` for runs of channels that cover all of them, `step` at a time, the last one shorter.
static LogicalResult forChannels(KernelBuilder &k, int64_t channels, int64_t step,
                                 function_ref<LogicalResult(Columns)> emit) {
  LogicalResult result = success();
  if (int64_t full = channels / step; full == 1) {
    result = emit(Columns::whole(step));
  } else {
    auto loop = scf::ForOp::create(k.b, k.loc, k.index(0), k.index(full * step), k.index(step));
    OpBuilder::InsertionGuard guard(k.b);
    k.b.setInsertionPointToStart(loop.getBody());
    result = emit({loop.getInductionVar(), step, 0, step, step});
  }
  if (int64_t tail = channels % step; tail && succeeded(result))
    result = emit({k.index(channels - tail), step, 0, tail, tail});
  return result;
}

/// y[t] = act(bias + sum over s of taps[W-1-s] x[t-s]).
FailureOr<Value> KernelBuilder::convolve(CausalConv1dOp op, Columns channels) {
  if (!within)
    return unsupported(op, "a convolution in a kernel that does not walk a sequence"), failure();
  int64_t width = cast<RankedTensorType>(op.getTaps().getType()).getDimSize(1);
  SmallVector<int64_t> shape{rowCount, channels.count};
  Value first = firstRow, valid = validRows;
  IntegerAttr columns = channels.valid < channels.count ? b.getI64IntegerAttr(channels.valid) : IntegerAttr();
  Value old, oldRow;
  if (op.getInitialTaps()) {
    auto view = op.getInitialTaps().getDefiningOp<CacheViewOp>();
    if (!view)
      return unsupported(op, "a convolution whose initial taps are not a cache's"), failure();
    CacheType cache = view.getCache().getType();
    old = cachePart(cacheName(view.getCache()), 0, widthOf(op.getX()), cache.getElementType());
    oldRow = mul(readSlot, width - 1);
  }
  Value sum;
  for (int64_t back = width - 1; back >= 0; --back) {
    // Rows whose token `back` places before lies before this call start at `from`.
    Value from = back ? max(sub(index(back), within), index(0)) : Value();
    RowsGuard guard(*this);
    setRows(sub(first, index(back)), rowCount, valid, from);
    FailureOr<Value> x = tile(op.getX(), channels);
    if (failed(x))
      return failure();
    if (old && back) {
      Value row = add(add(oldRow, index(width - 1 - back)), within);
      auto type = RankedTensorType::get(shape, cast<MemRefType>(old.getType()).getElementType());
      Value before =
          make<tile::LoadOp>(type, old, ValueRange{row, columnStart(channels)}, Value(), min(from, valid), columns);
      x = make<arith::AddFOp>(*x, toF32(before));
    }
    FailureOr<Value> tap = tapOf(op.getTaps(), width - 1 - back, channels);
    if (failed(tap))
      return failure();
    Value term = make<arith::MulFOp>(*x, broadcast(*tap, 0, shape));
    sum = sum ? make<arith::AddFOp>(sum, term) : term;
  }
  if (op.getBias()) {
    FailureOr<Value> bias = vectorOf(op.getBias(), channels);
    if (failed(bias))
      return failure();
    sum = make<arith::AddFOp>(sum, broadcast(*bias, 0, shape));
  }
  return activation(op.getActivation(), sum);
}

/// The channels of a convolution that no scan computes for itself.
LogicalResult BlockFormer::formConv(CausalConv1dOp op) {
  if (cast<RankedTensorType>(op.getTaps().getType()).getRank() != 2)
    return op.emitError("a convolution with taps per token is not built for kernels");
  int64_t rows = tiles->convRows;
  KernelBuilder k = kernel(op);
  WorkItem w = workItem(k, rows, /*fromCache=*/false);
  k.setRows(w.first, rows, w.valid);
  k.setSequence(w.within, cached ? k.loadIndex(k.input("read_slots"), {w.sequence}) : Value());
  Value outMemory = k.memoryOf(op.getY());
  k.markWritten(outMemory);
  const ConvFold &fold = *plan->convFold(op.getY());
  for (auto [begin, end] : fold.storedRuns()) {
    auto emit = [&, begin = begin](Columns columns) -> LogicalResult {
      FailureOr<Value> y = k.convolve(op, columns.shifted(begin));
      if (failed(y))
        return failure();
      k.store(*y, outMemory, columns.shifted(fold.storedColumn(begin)));
      return success();
    };
    if (failed(forChannels(k, end - begin, channelStep(end - begin), emit)))
      return failure();
  }
  return launch(k, "conv", {{"tiles", 1, 1, rows}}, {op});
}

/// The last W-1 inputs of each sequence, old taps included where the call is shorter than that.
LogicalResult BlockFormer::formTapsAppend(CacheAppendOp op) {
  auto conv = op.getValues()[0].getDefiningOp<CausalConv1dOp>();
  if (!conv)
    return op.emitError("taps that are not a convolution's are not built for kernels");
  int64_t channels = widthOf(conv.getX());
  int64_t taps = op.getCache().getType().getDims()[1];
  KernelBuilder k = kernel(op);
  Value sequence = k.make<tile::BlockIdOp>(tile::GridAxis::x);
  Value offsets = k.input("offsets");
  Value start = k.loadIndex(offsets, {sequence}), end = k.loadIndex(offsets, {k.add(sequence, k.index(1))});
  Value length = k.sub(end, start);
  Type element = op.getCache().getType().getElementType();
  Value memory = k.cachePart(cacheName(op.getCache()), 0, channels, element);
  k.markWritten(memory);
  Value readRow = k.mul(k.loadIndex(k.input("read_slots"), {sequence}), taps);
  Value writeRow = k.mul(k.loadIndex(k.input("write_slots"), {sequence}), taps);
  // Row j is token end - taps + j; the first `kept` of them are old ones.
  Value kept = k.max(k.sub(k.index(taps), length), k.index(0));
  auto emit = [&](Columns columns) -> LogicalResult {
    k.setRows(k.sub(end, k.index(taps)), taps, k.index(taps), kept);
    FailureOr<Value> fresh = k.tile(conv.getX(), columns);
    if (failed(fresh))
      return failure();
    Value old =
        k.make<tile::LoadOp>(RankedTensorType::get({taps, columns.count}, element), memory,
                             ValueRange{k.add(readRow, length), k.columnStart(columns)}, Value(), kept, IntegerAttr());
    k.setRows(writeRow, taps, Value());
    k.store(k.make<arith::AddFOp>(*fresh, k.toF32(old)), memory, columns);
    return success();
  };
  if (failed(forChannels(k, channels, channelStep(channels), emit)))
    return failure();
  return launch(k, "taps", {{"sequences"}}, {op});
}
