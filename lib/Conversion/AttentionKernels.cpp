// Attention as a running softmax over pages or rows of keys, and the kernel that puts keys and values into pages.
#include "FormBlocks.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

BlockFormer::WorkItem BlockFormer::workItem(KernelBuilder &k, int64_t rows, bool fromCache, bool wholeSequences) {
  Value item = k.make<tile::BlockIdOp>(tile::GridAxis::x);
  WorkItem w{item, Value(), Value(), Value(), Value(), Value()};
  if (!wholeSequences) {
    Value list = k.input("tile_list", 3, rows);
    w.sequence = k.loadIndex(list, {item, k.index(0)});
    w.first = k.loadIndex(list, {item, k.index(1)});
    w.valid = k.loadIndex(list, {item, k.index(2)});
  }
  Value offsets = k.input("offsets");
  Value start = k.loadIndex(offsets, {w.sequence});
  w.length = k.sub(k.loadIndex(offsets, {k.add(w.sequence, k.index(1))}), start);
  if (wholeSequences) {
    w.first = start;
    w.valid = w.length;
  }
  w.within = wholeSequences ? k.index(0) : k.sub(w.first, start);
  w.position = w.within;
  if (fromCache) {
    Value before = k.loadIndex(k.input("lengths"), {w.sequence});
    w.position = k.add(before, w.within);
    w.length = k.add(before, w.length);
  }
  return w;
}

/// The row of a page pool where token `position` of a sequence starts, for one head.
static Value pageRow(KernelBuilder &k, Value sequence, Value page, Value head, int64_t heads) {
  Value at = k.add(k.make<arith::MulIOp>(sequence, k.size("pages_per_sequence")), page);
  Value number = k.loadIndex(k.input("page_table"), {at});
  return k.mul(k.add(k.mul(number, heads), head), kPageTokens);
}

LogicalResult BlockFormer::formKvAppend(CacheAppendOp op) {
  CacheType type = op.getCache().getType();
  int64_t heads = type.getDims()[0];
  StringRef name = cacheName(op.getCache());
  int64_t rows = std::min<int64_t>(tiles->convRows, kPageTokens);
  KernelBuilder k = kernel(op);
  WorkItem w = workItem(k, rows, /*fromCache=*/true);
  k.setRows(w.first, rows, w.valid);
  Value head = k.make<tile::BlockIdOp>(tile::GridAxis::y);
  // A tile of at most a page's tokens lies in one page or crosses into the next: the rows before `inFirst` go to the
  // first page, the others to the second.
  Value page = k.div(w.position, kPageTokens), slot = k.rem(w.position, kPageTokens);
  Value inFirst = k.sub(k.index(kPageTokens), slot);
  Value crosses = k.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, w.valid, inFirst);
  Value firstRow = k.add(pageRow(k, w.sequence, page, head, heads), slot);
  for (int part : {0, 1}) {
    Value value = op.getValues()[part];
    int64_t size = type.getDims()[1 + part];
    Value memory = k.cachePart(name, part, size, type.getElementType());
    k.markWritten(memory);
    auto emit = [&](Value tile, Columns piece) {
      auto tileType = cast<RankedTensorType>(tile.getType());
      if (tileType.getElementType() != type.getElementType())
        tile = k.make<arith::TruncFOp>(RankedTensorType::get(tileType.getShape(), type.getElementType()), tile);
      Value column = k.index(piece.offset);
      tile::StoreOp::create(k.b, k.loc, tile, memory, ValueRange{firstRow, column}, Value(), k.min(w.valid, inFirst),
                            IntegerAttr());
      if (rows == 1)
        return;
      auto branch = scf::IfOp::create(k.b, k.loc, crosses, /*withElse=*/false);
      OpBuilder::InsertionGuard guard(k.b);
      k.b.setInsertionPointToStart(&branch.getThenRegion().front());
      Value next = pageRow(k, w.sequence, k.add(page, k.index(1)), head, heads);
      tile::StoreOp::create(k.b, k.loc, tile, memory, ValueRange{k.sub(next, inFirst), column}, inFirst, w.valid,
                            IntegerAttr());
    };
    if (failed(forPieces(k, value, {k.mul(head, size), size, 0, size, size}, size, emit)))
      return failure();
  }
  return launch(k, "kv_append", {{"tiles", 1, 1, rows}, {"one", 1, heads}}, {op});
}

/// The first of the stored columns that a value looks at, through views.
static int64_t firstColumn(Value value) {
  int64_t first = 0;
  for (Operation *def = value.getDefiningOp(); def && isView(def); def = def->getOperand(0).getDefiningOp())
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
      first += slice.getStaticOffsets().back();
  return first;
}

LogicalResult BlockFormer::formAttention(AttentionOp op) {
  auto unbuilt = [&](StringRef what) { return op.emitError("attention with ") << what << " is not built for kernels"; };
  if (op.getBias() || op.getAlibi() || op.getGlobalTokens() || op.getBlockIndex() || !op.getScoreMod().empty() ||
      op.getDilation() != 1 || op.getSinkLogits() || op.getPrefix() != 0 || !op.getNormalize() || !op.getCausal())
    return unbuilt("sink logits, bias, global tokens, block lists, score functions, dilation, prefixes, partial "
                   "results or no causal mask");
  if (!op.getLse().use_empty())
    return unbuilt("its log-sum-exp used");
  bool paged = bool(op.getCache());
  int64_t queryHeads = op.getQueryHeads(), keyHeads = op.getKeyHeads(), group = queryHeads / keyHeads;
  int64_t keySize = op.getKeySize(), valueSize = op.getValueSize();
  int64_t keyTile = roundUp(keySize, target.depthMultiple), valueTile = roundUp(valueSize, target.depthMultiple);
  int64_t keys = tiles->keyRows;
  // One token at a time: a block's rows are the query heads that share a key head. They are rows of one matrix only
  // where all that is stored is cut at multiples of the head size; else each query head has a block of its own.
  Value queries = throughViews(op.getQuery());
  bool aligned = widthOf(queries) % keySize == 0 && firstColumn(op.getQuery()) % keySize == 0;
  bool byHeads = tiles->queryRows == 1 && aligned;
  int64_t listRows = tiles->queryRows, rows = byHeads ? group : listRows;

  KernelBuilder k = kernel(op);
  OpBuilder &b = k.b;
  // Where no sequence is longer than a tile, blocks count sequences, as those of a scan do.
  bool wholeSequences = target.joinBranches && tiles->maxLongest && tiles->maxLongest <= listRows;
  WorkItem w = workItem(k, listRows, paged, wholeSequences);
  Value head = k.make<tile::BlockIdOp>(tile::GridAxis::y);
  Value keyHead = byHeads ? head : k.div(head, group);
  Value out = op.getO();
  Value query, outMemory;
  Type element = k.storageOf(out);
  auto valid = [&](int64_t have, int64_t want) { return have < want ? b.getI64IntegerAttr(have) : IntegerAttr(); };
  Value queryMemory = k.memoryOf(throughViews(op.getQuery()), byHeads ? keySize : -1);
  outMemory = k.memoryOf(out, byHeads ? valueSize : -1);
  k.markWritten(outMemory);
  Value outRow, outColumn;
  Value liveRows;
  {
    // The query may be a run of columns of a product's result.
    Columns at{k.mul(head, keySize), keySize, 0, keyTile, keySize};
    Value source = op.getQuery();
    auto queryType = RankedTensorType::get({rows, keyTile}, cast<MemRefType>(queryMemory.getType()).getElementType());
    if (byHeads) {
      int64_t total = widthOf(queries), shift = firstColumn(source);
      Value row = k.add(k.add(k.mul(w.first, total / keySize), k.index(shift / keySize)), k.mul(keyHead, group));
      query = k.make<tile::LoadOp>(queryType, queryMemory, ValueRange{row, k.index(0)}, Value(), Value(),
                                   valid(keySize, keyTile));
      outRow = k.add(k.mul(w.first, queryHeads), k.mul(keyHead, group));
      outColumn = k.index(0);
      query = k.toF32(query);
    } else {
      k.setRows(w.first, rows, w.valid);
      FailureOr<Value> tile = k.tile(source, at);
      if (failed(tile))
        return failure();
      query = *tile;
      outRow = w.first;
      outColumn = k.mul(head, valueSize);
      liveRows = w.valid;
    }
  }

  SmallVector<int64_t> scoreShape{rows, keys}, rowShape{rows};
  Type keyElement = paged ? op.getCache().getType().getElementType() : k.storageOf(throughViews(op.getKey()));
  auto asOperand = [&](Value tile) -> Value {
    auto type = cast<RankedTensorType>(tile.getType());
    if (target.productsInF32)
      return k.toF32(tile);
    if (type.getElementType() == keyElement)
      return tile;
    return k.make<arith::TruncFOp>(RankedTensorType::get(type.getShape(), keyElement), tile);
  };
  query = asOperand(query);
  double scale = op.getScaleOrDefault();

  Value lowest = k.index(0);
  if (op.getWindow() && op.getSinkTokens() == 0) {
    Value from = k.max(k.sub(k.add(w.position, k.index(1)), k.index(*op.getWindow())), k.index(0));
    lowest = k.mul(k.div(from, keys), keys);
  }
  Value end = k.add(w.position, w.valid);
  constexpr double kNone = -1e30; // finite: a row without a key yet must not make NaN
  SmallVector<Value> init{k.splat(0, {rows, valueTile}), k.splat(kNone, rowShape), k.splat(0, rowShape)};
  auto loop = scf::ForOp::create(b, k.loc, lowest, end, k.index(keys), init);
  Value acc, maximum, sum;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value s = loop.getInductionVar();
    acc = loop.getRegionIterArgs()[0], maximum = loop.getRegionIterArgs()[1], sum = loop.getRegionIterArgs()[2];
    Value left = k.sub(end, s);
    auto load = [&](int part, int64_t size, int64_t tileSize) -> FailureOr<Value> {
      if (paged) {
        Value memory = k.cachePart(cacheName(op.getCache()), part, size, keyElement);
        Value row = pageRow(k, w.sequence, k.div(s, kPageTokens), keyHead, keyHeads);
        if (keys != kPageTokens)
          row = k.add(row, k.rem(s, kPageTokens));
        return Value(k.make<tile::LoadOp>(RankedTensorType::get({keys, tileSize}, keyElement), memory,
                                          ValueRange{row, k.index(0)}, Value(), left, valid(size, tileSize)));
      }
      KernelBuilder::RowsGuard rowsGuard(k);
      k.setRows(k.add(k.sub(w.first, w.within), s), keys, left);
      return k.tile(part ? op.getValue() : op.getKey(), {k.mul(keyHead, size), size, 0, tileSize, size});
    };
    FailureOr<Value> key = load(0, keySize, keyTile), value = load(1, valueSize, valueTile);
    if (failed(key) || failed(value))
      return failure();
    Value scores = k.make<tile::DotOp>(k.f32(scoreShape), query, asOperand(*key), k.splat(0, scoreShape), liveRows,
                                       UnitAttr(), b.getUnitAttr());
    scores = k.make<arith::MulFOp>(scores, k.splat(scale, scoreShape));
    if (op.getSoftcap()) {
      double cap = op.getSoftcap()->convertToDouble();
      scores = k.make<arith::MulFOp>(k.make<math::TanhOp>(k.make<arith::MulFOp>(scores, k.splat(1 / cap, scoreShape))),
                                     k.splat(cap, scoreShape));
    }
    // Masks compare positions relative to the tile, which fit in 32 bits whatever the context.
    auto indices = RankedTensorType::get(scoreShape, b.getI32Type());
    Value column = k.make<tile::IndexOp>(indices, uint64_t(1));
    auto splatIndex = [&](Value v) -> Value {
      return k.make<tensor::SplatOp>(k.make<arith::IndexCastOp>(b.getI32Type(), v), indices);
    };
    // key position - query position of the tile's first row, as a function of the column
    Value behind = k.make<arith::SubIOp>(column, splatIndex(k.sub(w.position, s)));
    if (!byHeads)
      behind = k.make<arith::SubIOp>(behind, k.make<tile::IndexOp>(indices, uint64_t(0)));
    auto constant = [&](int64_t v) -> Value {
      return k.make<arith::ConstantOp>(DenseElementsAttr::get(indices, b.getI32IntegerAttr(v)));
    };
    Value seen = k.make<arith::CmpIOp>(arith::CmpIPredicate::sle, behind, constant(0));
    if (op.getWindow()) {
      Value near = k.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, behind, constant(-int64_t(*op.getWindow())));
      if (op.getSinkTokens()) {
        Value absolute = k.make<arith::AddIOp>(column, splatIndex(s));
        near = k.make<arith::OrIOp>(
            near, k.make<arith::CmpIOp>(arith::CmpIPredicate::slt, absolute, constant(op.getSinkTokens())));
      }
      seen = k.make<arith::AndIOp>(seen, near);
    }
    scores = k.make<arith::SelectOp>(seen, scores, k.splat(kNone, scoreShape));
    Value newMaximum = k.make<arith::MaximumFOp>(maximum, k.reduce(scores, tile::Reduction::max, 1));
    Value p = k.make<math::ExpOp>(k.make<arith::SubFOp>(scores, k.broadcast(newMaximum, 1, scoreShape)));
    Value shrink = k.make<math::ExpOp>(k.make<arith::SubFOp>(maximum, newMaximum));
    Value newSum = k.make<arith::AddFOp>(k.make<arith::MulFOp>(sum, shrink), k.reduce(p, tile::Reduction::sum, 1));
    Value scaled = k.make<arith::MulFOp>(acc, k.broadcast(shrink, 1, {rows, valueTile}));
    Value newAcc = k.make<tile::DotOp>(scaled.getType(), asOperand(p), asOperand(*value), scaled, liveRows, UnitAttr(),
                                       UnitAttr());
    scf::YieldOp::create(b, k.loc, ValueRange{newAcc, newMaximum, newSum});
  }
  acc = loop.getResult(0), sum = loop.getResult(2);
  Value result = k.make<arith::DivFOp>(acc, k.broadcast(sum, 1, {rows, valueTile}));
  // A norm of the whole row goes behind the next product; each head is one part of its squares.
  if (Value squares = byHeads ? Value() : squaresOf(k, out, queryHeads))
    k.storeSquares(result, squares, head, Columns::whole(valueTile));
  if (!element.isF32())
    result = k.make<arith::TruncFOp>(RankedTensorType::get({rows, valueTile}, element), result);
  tile::StoreOp::create(b, k.loc, result, outMemory, ValueRange{outRow, outColumn}, Value(), liveRows,
                        valid(valueSize, valueTile));
  Extent blocks = wholeSequences ? Extent{"sequences"} : Extent{"tiles", 1, 1, listRows};
  return launch(k, "attention", {blocks, {"one", 1, byHeads ? keyHeads : queryHeads}}, {op});
}
