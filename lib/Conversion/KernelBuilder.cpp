#include "KernelBuilder.h"
#include "dialects/Hybrid/Builders.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
using namespace mlir;
using namespace mlir::hybrid;

KernelBuilder::KernelBuilder(MLIRContext *context, Location loc, const BlockPlan &plan, const BlockTarget &target,
                             Type storage)
    : b(context), loc(loc), plan(plan), target(target), storage(storage) {
  kernel = tile::KernelOp::create(b, loc, "kernel", b.getFunctionType({}, {}));
  b.setInsertionPointToStart(&kernel.getBody().front());
}

tile::KernelOp KernelBuilder::finish() {
  tile::ReturnOp::create(b, loc);
  Block &body = kernel.getBody().front();
  kernel.setFunctionType(b.getFunctionType(body.getArgumentTypes(), {}));
  // Attributes last: an attribute list must have one entry per argument.
  SmallVector<Attribute> attributes;
  for (const Argument &a : args) {
    NamedAttrList list;
    if (a.isMemory && a.memory.panels)
      list.set(tile::kPanelAttr, b.getI64IntegerAttr(16));
    if (a.written)
      list.set(tile::kWrittenAttr, b.getUnitAttr());
    attributes.push_back(list.getDictionary(b.getContext()));
  }
  kernel.setArgAttrsAttr(b.getArrayAttr(attributes));
  return kernel;
}

InFlightDiagnostic KernelBuilder::unsupported(Operation *op, const Twine &what) {
  return op->emitError("cannot form a kernel: ") << what;
}

//===-- Arguments -------------------------------------------------------------===//

Value KernelBuilder::memory(const MemoryKey &key, Type element) {
  Value &argument = memories[key];
  if (!argument) {
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    if (key.width)
      shape.push_back(key.width);
    argument = kernel.getBody().front().addArgument(MemRefType::get(shape, element), loc);
    args.push_back({true, key, ""});
  }
  return argument;
}

Type KernelBuilder::storageOf(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  if (!isa<FloatType>(type.getElementType()))
    return type.getElementType();
  Type f32 = Float32Type::get(value.getContext());
  if (type.getRank() < 2 || rowSymbol(value) == "sequences")
    return f32;
  for (Operation *user : value.getUsers())
    if (isa<func::ReturnOp>(user))
      return f32;
  return storage;
}

Value KernelBuilder::memoryOf(Value stored, int64_t width) {
  if (width < 0)
    width = cast<RankedTensorType>(stored.getType()).getRank() == 1 ? 0 : plan.storedWidth(stored);
  if (auto argument = dyn_cast<BlockArgument>(stored)) {
    static const StringRef names[] = {"ids", "positions", "offsets", "rows"};
    return input(names[argument.getArgNumber()]);
  }
  return memory({MemoryKey::value, stored, "", 0, false, width}, storageOf(stored));
}

Value KernelBuilder::input(StringRef kind, int64_t width, int64_t list) {
  return memory({MemoryKey::input, Value(), kind.str(), list, false, width}, b.getI32Type());
}

Value KernelBuilder::cachePart(StringRef name, int64_t part, int64_t width, Type element) {
  return memory({MemoryKey::cache, Value(), name.str(), part, false, width}, element);
}

Value KernelBuilder::squaresMemory(Value stored, int64_t parts) {
  return memory({MemoryKey::value, stored, "squares", 0, false, parts}, b.getF32Type());
}

Value KernelBuilder::size(StringRef symbol) {
  Value &argument = sizes[symbol];
  if (!argument) {
    argument = kernel.getBody().front().addArgument(b.getIndexType(), loc);
    args.push_back({false, {}, symbol.str()});
  }
  return argument;
}

void KernelBuilder::markWritten(Value argument) { args[cast<BlockArgument>(argument).getArgNumber()].written = true; }

Value KernelBuilder::paramMemory(Value param, bool forProduct) {
  auto load = param.getDefiningOp<ml_program::GlobalLoadConstOp>();
  auto type = cast<RankedTensorType>(param.getType());
  bool matrix = type.getRank() == 2;
  // Convolution taps are vectors in spirit: they stay in f32 and in rows.
  Type element = matrix && forProduct ? storage : Type(b.getF32Type());
  return memory({MemoryKey::param, Value(), load.getGlobal().getLeafReference().str(), 0,
                 matrix && forProduct && target.panels, matrix ? type.getDimSize(1) : 0},
                element);
}

Value KernelBuilder::tableMemory(Value param) {
  auto load = param.getDefiningOp<ml_program::GlobalLoadConstOp>();
  bool inProduct = false;
  load->getParentOfType<func::FuncOp>().walk([&](linalg::MatmulOp product) {
    auto other = product.getInputs()[1].getDefiningOp<ml_program::GlobalLoadConstOp>();
    inProduct |= other && other.getGlobal() == load.getGlobal();
  });
  auto type = cast<RankedTensorType>(param.getType());
  return memory({MemoryKey::param, Value(), load.getGlobal().getLeafReference().str(), 0, inProduct && target.panels,
                 type.getDimSize(1)},
                storage);
}

//===-- Rows and small helpers ------------------------------------------------===//

void KernelBuilder::setRows(Value first, int64_t count, Value valid, Value from) {
  // Tiles of other rows are other tiles.
  if (first != firstRow || count != rowCount)
    memo.clear();
  firstRow = first;
  rowCount = count;
  validRows = valid;
  fromRow = from;
}

void KernelBuilder::setPreheader() {
  // A constant marks the place; everything invariant goes before it.
  preheader = index(0).getDefiningOp();
}

Value KernelBuilder::index(int64_t value) { return make<arith::ConstantIndexOp>(value); }
static std::optional<int64_t> constantOf(Value v) { return getConstantIntValue(v); }
Value KernelBuilder::add(Value x, Value y) {
  if (constantOf(x) == 0)
    return y;
  return constantOf(y) == 0 ? x : make<arith::AddIOp>(x, y);
}
Value KernelBuilder::sub(Value x, Value y) { return constantOf(y) == 0 ? x : make<arith::SubIOp>(x, y); }
Value KernelBuilder::mul(Value x, int64_t y) { return y == 1 ? x : make<arith::MulIOp>(x, index(y)); }
Value KernelBuilder::min(Value x, Value y) { return make<arith::MinSIOp>(x, y); }
Value KernelBuilder::max(Value x, Value y) { return make<arith::MaxSIOp>(x, y); }
Value KernelBuilder::div(Value x, int64_t y) { return y == 1 ? x : make<arith::DivUIOp>(x, index(y)); }
Value KernelBuilder::rem(Value x, int64_t y) { return make<arith::RemUIOp>(x, index(y)); }
Value KernelBuilder::ceilDiv(Value x, int64_t y) { return div(add(x, index(y - 1)), y); }
Value KernelBuilder::loadIndex(Value memory, ValueRange at) {
  return make<arith::IndexCastOp>(b.getIndexType(), make<memref::LoadOp>(memory, at));
}

Value KernelBuilder::toF32(Value tile) {
  auto type = cast<RankedTensorType>(tile.getType());
  if (type.getElementType().isF32())
    return tile;
  return make<arith::ExtFOp>(f32(type.getShape()), tile);
}

Value KernelBuilder::splat(double value, ArrayRef<int64_t> shape) {
  return make<arith::ConstantOp>(DenseElementsAttr::get(f32(shape), b.getF32FloatAttr(value)));
}

Value KernelBuilder::broadcast(Value vector, int64_t axis, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(vector.getType()));
  return make<tile::BroadcastOp>(type, vector, uint64_t(axis));
}

Value KernelBuilder::reduce(Value tile, tile::Reduction kind, int64_t axis) {
  auto shape = cast<RankedTensorType>(tile.getType()).getShape();
  return make<tile::ReduceOp>(f32({shape[1 - axis]}), tile, kind, uint64_t(axis));
}

Value KernelBuilder::columnStart(const Columns &columns) {
  Value base = columns.base ? columns.base : index(0);
  return add(base, index(columns.offset));
}

void KernelBuilder::store(Value tile, Value memory, Columns columns) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  auto type = cast<RankedTensorType>(tile.getType());
  if (type.getElementType() != element)
    tile = make<arith::TruncFOp>(RankedTensorType::get(type.getShape(), element), tile);
  SmallVector<Value> at{firstRow};
  IntegerAttr valid;
  if (type.getRank() == 2) {
    at.push_back(columnStart(columns));
    if (columns.valid < columns.count)
      valid = b.getI64IntegerAttr(columns.valid);
  }
  tile::StoreOp::create(b, loc, tile, memory, at, Value(), validRows, valid);
}

void KernelBuilder::storeSquares(Value tile, Value memory, Value part, Columns columns) {
  auto shape = cast<RankedTensorType>(tile.getType()).getShape();
  Value squares = make<arith::MulFOp>(tile, tile);
  if (columns.valid < columns.count) {
    // What an epilogue makes of columns that do not exist may be anything.
    auto indices = RankedTensorType::get(shape, b.getI32Type());
    Value limit = make<arith::ConstantOp>(DenseElementsAttr::get(indices, b.getI32IntegerAttr(int32_t(columns.valid))));
    Value exists = make<arith::CmpIOp>(arith::CmpIPredicate::slt, make<tile::IndexOp>(indices, uint64_t(1)), limit);
    squares = make<arith::SelectOp>(exists, squares, splat(0, shape));
  }
  tile::StoreOp::create(b, loc, reduce(squares, tile::Reduction::sum, 1), memory, ValueRange{firstRow, part}, Value(),
                        validRows, IntegerAttr());
}

//===-- Tiles on demand -------------------------------------------------------===//

FailureOr<Columns> KernelBuilder::throughSlice(tensor::ExtractSliceOp op, Columns columns) {
  auto offsets = op.getStaticOffsets(), sizes = op.getStaticSizes(), strides = op.getStaticStrides();
  auto source = op.getSourceType();
  if (offsets[0] != 0 || llvm::any_of(strides, [](int64_t s) { return s != 1; }) ||
      op.getType().getRank() != source.getRank())
    return unsupported(op, "only slices of whole rows are built"), failure();
  // Outer dims may be cut, the innermost too; with both cut the columns must lie within one innermost row.
  int64_t shift = 0, inner = 1;
  for (unsigned i = source.getRank() - 1; i > 0; --i) {
    shift += offsets[i] * inner;
    inner *= source.getDimSize(i);
  }
  int64_t last = source.getRank() - 1, from = source.getDimSize(last), to = sizes[last];
  if (last == 1 || from == to)
    return columns.shifted(shift);
  if (columns.base && columns.multiple % to != 0)
    return unsupported(op, "a slice of heads needs tiles that start at a head"), failure();
  int64_t head = columns.offset / to, within = columns.offset % to;
  Columns result = columns;
  if (columns.base) {
    result.base = mul(div(columns.base, to), from);
    result.multiple = columns.multiple / to * from;
  }
  result.offset = head * from + within + shift;
  return result;
}

FailureOr<Value> KernelBuilder::tile(Value value, Columns columns) {
  if (auto it = provided.find(value); it != provided.end())
    return it->second(columns);
  if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>(); slice && !plan.isStored(value)) {
    FailureOr<Columns> inner = throughSlice(slice, columns);
    if (failed(inner))
      return failure();
    return tile(slice.getSource(), *inner);
  }
  if (Operation *op = value.getDefiningOp(); op && isView(op))
    return tile(op->getOperand(0), columns);

  auto key = std::make_tuple(value.getAsOpaquePointer(), columns.base.getAsOpaquePointer(), columns.offset,
                             columns.count, columns.valid);
  if (auto it = memo.find(key); it != memo.end())
    return it->second;

  // What does not move with the loop over columns is built once, before it.
  OpBuilder::InsertionGuard guard(b);
  bool invariant = !columns.base;
  if (preheader && invariant)
    b.setInsertionPoint(preheader);

  FailureOr<Value> result = failure();
  Operation *op = value.getDefiningOp();
  bool loads = (plan.isStored(value) && value != root) || isa<BlockArgument>(value);
  Columns stored = columns;
  if (const ConvFold *fold = plan.convFold(value)) {
    loads = !fold->isInScan(columns.offset);
    stored.offset = fold->storedColumn(columns.offset);
  }
  if (loads) {
    Value from = memoryOf(value);
    auto type = RankedTensorType::get({rowCount, columns.count}, cast<MemRefType>(from.getType()).getElementType());
    IntegerAttr valid = columns.valid < columns.count ? b.getI64IntegerAttr(columns.valid) : IntegerAttr();
    result =
        toF32(make<tile::LoadOp>(type, from, ValueRange{firstRow, columnStart(stored)}, fromRow, validRows, valid));
  } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    result = tileOfGeneric(generic, columns, /*asColumn=*/false);
  } else if (auto product = dyn_cast<linalg::MatmulOp>(op)) {
    result = tileOfProduct(product, columns);
  } else if (auto norm = dyn_cast<NormOp>(op)) {
    if (value != norm.getY())
      return unsupported(op, "the sum that a norm leaves is not built; hybrid-decompose-fuse makes it an addition"),
             failure();
    result = tileOfNorm(norm, columns);
  } else if (auto conv = dyn_cast<CausalConv1dOp>(op)) {
    result = convolve(conv, columns);
  } else if (auto rotary = dyn_cast<RotaryOp>(op)) {
    result = tileOfRotary(rotary, columns);
  } else if (auto glu = dyn_cast<GluOp>(op)) {
    int64_t half = widthOf(glu.getY());
    FailureOr<Value> gate = tile(glu.getGate(), columns);
    FailureOr<Value> up = glu.getUp() ? tile(glu.getUp(), columns) : tile(glu.getGate(), columns.shifted(half));
    if (failed(gate) || failed(up))
      return failure();
    if (glu.getClamp()) {
      double c = glu.getClamp()->convertToDouble();
      auto shape = cast<RankedTensorType>(gate->getType()).getShape();
      gate = make<arith::MinimumFOp>(*gate, splat(c, shape));
      up = make<arith::MaximumFOp>(make<arith::MinimumFOp>(*up, splat(c, shape)), splat(-c, shape));
    }
    result = make<arith::MulFOp>(activation(glu.getActivation(), *gate), *up);
  } else {
    return unsupported(op, Twine("tiles of '") + op->getName().getStringRef() + "' on demand are not built"), failure();
  }
  if (failed(result))
    return failure();
  if (!loads)
    ops.insert(op);
  // A value made inside a loop must not be reused outside of it.
  if (!preheader || invariant)
    memo[key] = *result;
  return result;
}

FailureOr<Value> KernelBuilder::column(Value value, Columns columns) {
  if (auto it = provided.find(value); it != provided.end())
    return it->second(columns);
  Operation *op = value.getDefiningOp();
  if ((plan.isStored(value) && value != root) || isa<BlockArgument>(value)) {
    Value from = memoryOf(value);
    SmallVector<Value> at{firstRow};
    if (cast<MemRefType>(from.getType()).getRank() == 2)
      at.push_back(columnStart(columns));
    auto type = RankedTensorType::get({rowCount}, cast<MemRefType>(from.getType()).getElementType());
    Value loaded = make<tile::LoadOp>(type, from, at, Value(), validRows, IntegerAttr());
    return isa<FloatType>(type.getElementType()) ? toF32(loaded) : loaded;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    FailureOr<Columns> inner = throughSlice(slice, columns);
    if (failed(inner))
      return failure();
    return column(slice.getSource(), *inner);
  }
  if (isView(op))
    return column(op->getOperand(0), columns);
  auto key = std::make_tuple(value.getAsOpaquePointer(), columns.base.getAsOpaquePointer(), columns.offset, int64_t(-1),
                             int64_t(-1));
  if (auto it = memo.find(key); it != memo.end())
    return it->second;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    FailureOr<Value> result = tileOfGeneric(generic, columns, /*asColumn=*/true);
    if (succeeded(result)) {
      ops.insert(op);
      if (!preheader)
        memo[key] = *result;
    }
    return result;
  }
  return unsupported(op, Twine("columns of '") + op->getName().getStringRef() + "' on demand are not built"), failure();
}

/// The elements [columns) of a rank-1 parameter (or of a flattened one), as a vector.
FailureOr<Value> KernelBuilder::vectorOf(Value param, Columns columns) {
  Operation *op = param.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()); dense && dense.isSplat())
      return splat(dense.getSplatValue<APFloat>().convertToDouble(), {columns.count});
  if (isView(op) && !isa<tensor::ExtractSliceOp>(op))
    return vectorOf(op->getOperand(0), columns);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return bodyOnTiles(generic, {columns.count}, [&](OpOperand *operand) -> FailureOr<Value> {
      if (!isa<RankedTensorType>(operand->get().getType()) || !generic.getMatchingIndexingMap(operand).isIdentity())
        return unsupported(generic, "expected parameters of one shape"), failure();
      return vectorOf(operand->get(), columns);
    });
  auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op);
  if (!load)
    return unsupported(op, "expected a parameter as the vector operand"), failure();
  Value from =
      memory({MemoryKey::param, Value(), load.getGlobal().getLeafReference().str(), 0, false, 0}, b.getF32Type());
  Value start = columnStart(columns);
  Value valid;
  if (columns.valid < columns.count)
    valid = index(columns.valid);
  return Value(make<tile::LoadOp>(f32({columns.count}), from, ValueRange{start}, Value(), valid, IntegerAttr()));
}

FailureOr<Value> KernelBuilder::scalarOf(Value param, Columns at, ArrayRef<int64_t> shape) {
  at.count = at.valid = 1;
  Operation *op = throughViews(param).getDefiningOp();
  if (isa_and_nonnull<arith::ConstantOp>(op)) {
    FailureOr<Value> one = vectorOf(throughViews(param), at);
    if (failed(one))
      return failure();
    auto constant = cast<DenseElementsAttr>(one->getDefiningOp<arith::ConstantOp>().getValue());
    return splat(constant.getSplatValue<APFloat>().convertToDouble(), shape);
  }
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op))
    return bodyOnTiles(generic, shape, [&](OpOperand *operand) -> FailureOr<Value> {
      if (!isa<RankedTensorType>(operand->get().getType()) || !generic.getMatchingIndexingMap(operand).isIdentity())
        return unsupported(generic, "expected parameters of one shape"), failure();
      return scalarOf(operand->get(), at, shape);
    });
  auto load = dyn_cast_or_null<ml_program::GlobalLoadConstOp>(op);
  if (!load)
    return unsupported(op, "expected a parameter as the scalar operand"), failure();
  Value from =
      memory({MemoryKey::param, Value(), load.getGlobal().getLeafReference().str(), 0, false, 0}, b.getF32Type());
  Value scalar = make<memref::LoadOp>(from, ValueRange{columnStart(at)});
  return Value(make<tensor::SplatOp>(scalar, f32(shape)));
}

FailureOr<Value> KernelBuilder::tapOf(Value weights, int64_t number, Columns channels) {
  auto load = throughViews(weights).getDefiningOp<ml_program::GlobalLoadConstOp>();
  if (!load)
    return unsupported(weights.getDefiningOp(), "expected a parameter as a convolution's taps"), failure();
  Value from = paramMemory(throughViews(weights), /*forProduct=*/false);
  Value valid = channels.valid < channels.count ? index(channels.valid) : Value();
  return Value(make<tile::LoadOp>(f32({channels.count}), from, ValueRange{columnStart(channels), index(number)},
                                  Value(), valid, IntegerAttr()));
}

static bool isParameter(Value value) {
  Operation *op = throughViews(value).getDefiningOp();
  return isa_and_nonnull<ml_program::GlobalLoadConstOp, arith::ConstantOp>(op);
}

/// A parameter, or elementwise work on parameters: it has no rows of tokens.
static bool isOfParameters(Value value) {
  auto generic = throughViews(value).getDefiningOp<linalg::GenericOp>();
  return generic ? llvm::all_of(generic.getInputs(), isOfParameters) : isParameter(value);
}

FailureOr<Value> KernelBuilder::operandOfGeneric(linalg::GenericOp op, OpOperand *operand, Columns columns,
                                                 bool asColumn) {
  Value value = operand->get();
  if (isa<FloatType>(value.getType())) { // a scalar operand
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      return splat(cast<FloatAttr>(constant.getValue()).getValueAsDouble(),
                   asColumn ? ArrayRef<int64_t>{rowCount} : ArrayRef<int64_t>{rowCount, columns.count});
    return unsupported(op, "expected a constant as the scalar operand"), failure();
  }
  auto resultType = cast<RankedTensorType>(op.getResult(0).getType());
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (!map.isProjectedPermutation())
    return unsupported(op, "expected operands read through projected permutations"), failure();
  SmallVector<int64_t> shape{rowCount, columns.count};
  if (asColumn)
    shape.pop_back();
  SmallVector<unsigned> dims;
  for (AffineExpr e : map.getResults())
    dims.push_back(cast<AffineDimExpr>(e).getPosition());
  if (!llvm::is_sorted(dims))
    return unsupported(op, "transposed operands are not built"), failure();
  bool hasRows = !dims.empty() && dims[0] == 0;
  unsigned rank = resultType.getRank();
  unsigned numInner = dims.size() - hasRows;

  // Dims after the first that the operand keeps: all, a leading run, a trailing run, or none.
  SmallVector<unsigned> inner(dims.begin() + hasRows, dims.end());
  int64_t dropTrailing = 1, keptTrailing = 1;
  bool all = numInner == rank - 1, none = numInner == 0;
  bool leading = !all && !none && inner.front() == 1 && inner.back() == numInner;
  bool trailing = !all && !none && !leading && inner.back() == rank - 1 && inner.front() == rank - numInner;
  if (!all && !none && !leading && !trailing)
    return unsupported(op, "expected operands that keep a run of leading or trailing dims"), failure();
  Columns at = columns;
  bool oneColumn = asColumn; // the operand varies along rows only
  if (leading) {
    for (unsigned d = numInner + 1; d < rank; ++d)
      dropTrailing *= resultType.getDimSize(d);
    if (!asColumn && (columns.offset % dropTrailing + columns.valid > dropTrailing ||
                      (columns.base && columns.multiple % dropTrailing)))
      return unsupported(op, "expected tiles within one head"), failure();
    at = {columns.base ? div(columns.base, dropTrailing) : Value(), columns.multiple / dropTrailing,
          columns.offset / dropTrailing, 1, 1};
    oneColumn = true;
  } else if (trailing) {
    for (unsigned d : inner)
      keptTrailing *= resultType.getDimSize(d);
    if ((columns.offset % keptTrailing) + columns.valid > keptTrailing ||
        (columns.base && columns.multiple % keptTrailing))
      return unsupported(op, "expected tiles within one head"), failure();
    at = {Value(), 0, columns.offset % keptTrailing, columns.count, columns.valid};
  }

  if (hasRows) {
    if (none || oneColumn) {
      FailureOr<Value> vector = column(value, none ? Columns{} : at);
      if (failed(vector))
        return failure();
      return asColumn ? *vector : broadcast(*vector, 1, shape);
    }
    return tile(value, at);
  }
  if (!isOfParameters(value))
    return unsupported(op, "expected a parameter where an operand has no rows"), failure();
  if (none || oneColumn) { // one number
    return scalarOf(value, none ? Columns{Value(), 0, 0, 1, 1} : at, shape);
  }
  FailureOr<Value> vector = vectorOf(value, at);
  if (failed(vector))
    return failure();
  return broadcast(*vector, 0, shape);
}

/// A scalar op of a generic's body, on whole tiles.
static Value onTiles(OpBuilder &b, Operation &scalar, ValueRange operands, ArrayRef<int64_t> shape) {
  OperationState state(scalar.getLoc(), scalar.getName());
  state.addOperands(operands);
  state.addAttributes(scalar.getAttrs());
  for (Type t : scalar.getResultTypes())
    state.addTypes(RankedTensorType::get(shape, t));
  if (scalar.getPropertiesStorage())
    state.propertiesAttr = scalar.getPropertiesAsAttribute();
  return b.create(state)->getResult(0);
}

FailureOr<Value> KernelBuilder::tileOfGeneric(linalg::GenericOp op, Columns columns, bool asColumn) {
  SmallVector<int64_t> shape{rowCount, columns.count};
  if (asColumn)
    shape.pop_back();
  return bodyOnTiles(op, shape, [&](OpOperand *operand) { return operandOfGeneric(op, operand, columns, asColumn); });
}

FailureOr<Value> KernelBuilder::bodyOnTiles(linalg::GenericOp op, ArrayRef<int64_t> shape,
                                            function_ref<FailureOr<Value>(OpOperand *)> tileOf) {
  IRMapping map;
  Block &body = *op.getBody();
  for (OpOperand *operand : op.getDpsInputOperands()) {
    FailureOr<Value> value = tileOf(operand);
    if (failed(value))
      return failure();
    map.map(body.getArgument(operand->getOperandNumber()), *value);
  }
  if (!op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return unsupported(op, "expected an elementwise body that does not read its init"), failure();
  auto lookup = [&](Value v) -> Value {
    if (Value mapped = map.lookupOrNull(v))
      return mapped;
    auto constant = v.getDefiningOp<arith::ConstantOp>(); // from outside the body
    if (!constant)
      return {};
    return make<arith::ConstantOp>(
        DenseElementsAttr::get(RankedTensorType::get(shape, v.getType()), constant.getValue()));
  };
  for (Operation &inner : body.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
      map.map(constant.getResult(), lookup(constant.getResult()));
      continue;
    }
    if (!isa<arith::ArithDialect, math::MathDialect>(inner.getDialect()) || inner.getNumResults() != 1)
      return unsupported(op, Twine("'") + inner.getName().getStringRef() + "' in an elementwise body is not built"),
             failure();
    SmallVector<Value> operands;
    for (Value v : inner.getOperands())
      if (Value mapped = lookup(v))
        operands.push_back(mapped);
      else
        return unsupported(op, "an elementwise body reads a value from outside"), failure();
    map.map(inner.getResult(0), onTiles(b, inner, operands, shape));
  }
  return lookup(cast<linalg::YieldOp>(body.getTerminator()).getOperand(0));
}

Value KernelBuilder::activation(Activation kind, Value tile) {
  // The builders' scalar code is generic in its type: ops on tiles have the same names.
  return buildActivation(b, loc, kind, tile);
}

FailureOr<Value> KernelBuilder::normInput(NormOp op, Columns columns) {
  FailureOr<Value> x = tile(op.getX(), columns);
  if (failed(x))
    return failure();
  if (op.getResidual()) {
    FailureOr<Value> r = tile(op.getResidual(), columns);
    if (failed(r))
      return failure();
    x = make<arith::AddFOp>(*x, *r);
  }
  if (op.getGate() && op.getGateOrder() == GateOrder::gate_first) {
    FailureOr<Value> gate = tile(op.getGate(), columns);
    if (failed(gate))
      return failure();
    x = make<arith::MulFOp>(*x, activation(op.getGateActivation(), *gate));
  }
  return x;
}

/// 1 / the norm's denominator, one per row; `mean` is set for a layer norm.
FailureOr<Value> KernelBuilder::normScale(NormOp op, Columns span, Value *mean) {
  auto key = std::make_tuple(op.getOperation() ? (void *)op.getOperation() : nullptr, span.base.getAsOpaquePointer(),
                             span.offset, int64_t(-2), int64_t(0));
  if (auto it = memo.find(key); it != memo.end() && op.getKind() != NormKind::layer)
    return it->second;
  OpBuilder::InsertionGuard guard(b);
  if (preheader && !span.base)
    b.setInsertionPoint(preheader);
  FailureOr<Value> x = normInput(op, span);
  if (failed(x))
    return failure();
  SmallVector<int64_t> shape{rowCount, span.count}, rows{rowCount};
  double eps = op.getEps().convertToDouble();
  Value centred = *x;
  if (op.getKind() == NormKind::layer) {
    *mean = make<arith::MulFOp>(reduce(*x, tile::Reduction::sum, 1), splat(1.0 / span.valid, rows));
    centred = make<arith::SubFOp>(*x, broadcast(*mean, 1, shape));
    // Columns that do not exist would count as minus the mean.
    if (span.valid < span.count)
      return unsupported(op, "layer norms of padded rows are not built"), failure();
  }
  Value squares = reduce(make<arith::MulFOp>(centred, centred), tile::Reduction::sum, 1);
  if (op.getKind() != NormKind::l2)
    squares = make<arith::MulFOp>(squares, splat(1.0 / span.valid, rows));
  Value scale = make<math::RsqrtOp>(make<arith::AddFOp>(squares, splat(eps, rows)));
  if (!preheader || !span.base)
    memo[key] = scale;
  return scale;
}

/// The same from the sums of squares that the input's kernel left.
Value KernelBuilder::scaleFromSquares(NormOp op) {
  Value x = throughReshapes(op.getX());
  int64_t parts = squareParts->lookup(x), columns = std::max<int64_t>(16, llvm::PowerOf2Ceil(parts));
  Value sums = make<tile::LoadOp>(f32({rowCount, columns}), squaresMemory(x, parts), ValueRange{firstRow, index(0)},
                                  fromRow, validRows, parts < columns ? b.getI64IntegerAttr(parts) : IntegerAttr());
  SmallVector<int64_t> rows{rowCount};
  Value mean = make<arith::MulFOp>(reduce(sums, tile::Reduction::sum, 1), splat(1.0 / widthOf(x), rows));
  return make<math::RsqrtOp>(make<arith::AddFOp>(mean, splat(op.getEps().convertToDouble(), rows)));
}

FailureOr<Value> KernelBuilder::tileOfNorm(NormOp op, Columns columns) {
  int64_t span = cast<RankedTensorType>(op.getX().getType()).getShape().back() / op.getGroups();
  bool single = span == widthOf(op.getX());
  int64_t start = columns.offset % span;
  if (!single && ((columns.base && columns.multiple % span) || start + columns.valid > span))
    return unsupported(op,
                       Twine("a norm over groups of ") + Twine(span) + ", within which no tile stays, is not built"),
           failure();
  Columns whole = single ? Columns() : columns.shifted(-start);
  bool padded = target.depthMultiple > 1 && span % target.depthMultiple;
  whole.valid = span;
  whole.count = padded ? (span + target.depthMultiple - 1) / target.depthMultiple * target.depthMultiple : span;
  Value mean;
  FailureOr<Value> scale = normScale(op, whole, &mean);
  if (failed(scale))
    return failure();
  FailureOr<Value> x = normInput(op, columns);
  if (failed(x))
    return failure();
  SmallVector<int64_t> shape{rowCount, columns.count};
  Value y = *x;
  if (mean)
    y = make<arith::SubFOp>(y, broadcast(mean, 1, shape));
  y = make<arith::MulFOp>(y, broadcast(*scale, 1, shape));
  for (auto [param, isBias] : {std::pair{op.getWeight(), false}, {op.getBias(), true}}) {
    if (!param)
      continue;
    int64_t elements = cast<RankedTensorType>(param.getType()).getNumElements();
    Columns at = columns;
    if (elements != widthOf(op.getX())) { // one weight for all heads
      if ((columns.base && columns.multiple % elements) || columns.offset % elements + columns.valid > elements)
        return unsupported(op, "expected tiles within one head"), failure();
      at = {Value(), 0, columns.offset % elements, columns.count, columns.valid};
    }
    FailureOr<Value> vector = vectorOf(param, at);
    if (failed(vector))
      return failure();
    if (!isBias && op.getOnePlus())
      vector = make<arith::AddFOp>(*vector, splat(1, {columns.count}));
    Value full = broadcast(*vector, 0, shape);
    y = isBias ? make<arith::AddFOp>(y, full) : make<arith::MulFOp>(y, full);
  }
  if (op.getGate() && op.getGateOrder() == GateOrder::norm_first) {
    FailureOr<Value> gate = tile(op.getGate(), columns);
    if (failed(gate))
      return failure();
    y = make<arith::MulFOp>(y, activation(op.getGateActivation(), *gate));
  }
  return y;
}

/// y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin, for a tile within the first half, the second half or the rest of a head.
FailureOr<Value> KernelBuilder::tileOfRotary(RotaryOp op, Columns columns) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back(), rotary = op.getRotaryDimOrDefault();
  int64_t half = rotary / 2, at = columns.offset % head;
  if (op.getInterleave() || !op.getPositions())
    return unsupported(op, "interleaved rotary and rotary by angles are not built"), failure();
  if (columns.base && columns.multiple % head)
    return unsupported(op, "expected tiles within one head"), failure();
  if (at >= rotary)
    return tile(op.getX(), columns);
  bool second = at >= half;
  int64_t pair = at - (second ? half : 0);
  if (pair + columns.valid > half)
    return unsupported(op, "expected tiles within one half of a head"), failure();
  FailureOr<Value> x = tile(op.getX(), columns);
  FailureOr<Value> other = tile(op.getX(), columns.shifted(second ? -half : half));
  if (failed(x) || failed(other))
    return failure();
  SmallVector<int64_t> shape{rowCount, columns.count};
  Value tables[2];
  for (int i : {0, 1}) { // cos, sin
    Value from = memory({MemoryKey::value, plan.rotaryTables(op), "rope", i, false, half}, b.getF32Type());
    IntegerAttr valid = columns.valid < columns.count ? b.getI64IntegerAttr(columns.valid) : IntegerAttr();
    tables[i] = make<tile::LoadOp>(f32(shape), from, ValueRange{firstRow, index(pair)}, Value(), validRows, valid);
  }
  Value straight = make<arith::MulFOp>(*x, tables[0]), crossed = make<arith::MulFOp>(*other, tables[1]);
  return second ? make<arith::AddFOp>(straight, crossed) : make<arith::SubFOp>(straight, crossed);
}

FailureOr<Value> KernelBuilder::tileOfProduct(linalg::MatmulOp op, Columns columns) {
  Value left = op.getInputs()[0], right = op.getInputs()[1];
  int64_t depth = widthOf(left);
  if (!isParameter(right) || isa<arith::ConstantOp>(right.getDefiningOp()))
    return unsupported(op, "expected a parameter as the right operand of a product"), failure();
  // A product may take a run of a parameter's columns: one branch's part of a joint projection.
  int64_t firstDepth = 0;
  if (auto slice = right.getDefiningOp<tensor::ExtractSliceOp>()) {
    firstDepth = slice.getStaticOffsets()[1];
    if (slice.getStaticOffsets()[0] != 0)
      return unsupported(op, "products with a run of a parameter's rows are not built"), failure();
    right = slice.getSource();
  }
  Value weights = paramMemory(right, /*forProduct=*/true);
  Type element = cast<MemRefType>(weights.getType()).getElementType();
  SmallVector<int64_t> shape{rowCount, columns.count};
  Value start = columnStart(columns);
  Value rightRows;
  if (columns.valid < columns.count)
    rightRows = index(columns.valid);

  // A norm without weights divides whole rows, which commutes with the product.
  auto behind = left.getDefiningOp<NormOp>();
  Value rowScale;
  if (behind && !plan.isStored(left) && behind.getKind() == NormKind::rms && behind.getGroups() == 1 &&
      !behind.getWeight() && !behind.getBias() && !behind.getGate() && !behind.getResidual()) {
    if (target.fuseIntoProducts) {
      Value mean;
      FailureOr<Value> scale = normScale(behind, Columns::whole(depth), &mean);
      if (failed(scale))
        return failure();
      rowScale = *scale;
    }
    ops.insert(behind);
    left = behind.getX();
  } else {
    behind = {};
  }

  auto operand = [&](Value tile) -> Value {
    auto type = cast<RankedTensorType>(tile.getType());
    if (target.productsInF32 || type.getElementType() == element)
      return tile;
    return make<arith::TruncFOp>(RankedTensorType::get(type.getShape(), element), tile);
  };
  Value acc = splat(0, shape);
  if (!tiles->productDepth || depth <= tiles->productDepth) {
    FailureOr<Value> a = tile(left, Columns::whole(depth));
    if (failed(a))
      return failure();
    Value w = make<tile::LoadOp>(RankedTensorType::get({columns.count, depth}, element), weights,
                                 ValueRange{start, index(firstDepth)}, Value(), rightRows, IntegerAttr());
    acc = make<tile::DotOp>(acc.getType(), operand(*a), w, acc, validRows, UnitAttr(), b.getUnitAttr());
  } else {
    int64_t step = tiles->productDepth;
    while (step > 16 && depth % step)
      step /= 2;
    if (depth % step)
      return unsupported(op, Twine("products over a depth that is no multiple of ") + Twine(step) +
                                 " are not built, got " + Twine(depth)),
             failure();
    auto loop = scf::ForOp::create(b, loc, index(0), index(depth), index(step), ValueRange{acc});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Operation *outer = std::exchange(preheader, nullptr);
    auto outerMemo = memo;
    FailureOr<Value> a = tile(left, {loop.getInductionVar(), step, 0, step, step});
    if (failed(a))
      return failure();
    Value w = make<tile::LoadOp>(RankedTensorType::get({columns.count, step}, element), weights,
                                 ValueRange{start, add(loop.getInductionVar(), index(firstDepth))}, Value(), rightRows,
                                 IntegerAttr());
    Value sum = make<tile::DotOp>(acc.getType(), operand(*a), w, loop.getRegionIterArgs()[0], validRows, UnitAttr(),
                                  b.getUnitAttr());
    scf::YieldOp::create(b, loc, sum);
    acc = loop.getResult(0);
    preheader = outer;
    memo = std::move(outerMemo);
  }
  if (behind && !rowScale) // after the loop, where its registers are free
    rowScale = scaleFromSquares(behind);
  if (rowScale)
    acc = make<arith::MulFOp>(acc, broadcast(rowScale, 1, shape));
  return acc;
}
