// Tiles that are computed where they are used: the lanes of one row, from memory, buffers, scalars and each
// other.
#include "KernelEmitter.h"
#include "VectorMath.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace mlir::hybrid::x86;

Value KernelEmitter::columnIndex(const Column &column) {
  return column.base ? b.add(column.base, column.offset) : b.index(column.offset);
}

Value KernelEmitter::bufferPointer(const Buffer &buffer, Value row, const Column &column) {
  Type unit = b.getF32Type();
  Value base = b.offset(scratch, b.getI8Type(), buffer.offset);
  if (buffer.rows == 1) {
    if (column.base)
      base = b.offset(base, unit, column.base);
    return b.offset(base, unit, column.offset);
  }
  Value at = b.mul(row, kPanel);
  if (column.isLoose) {
    Value c = columnIndex(column);
    at = b.add(at, b.add(b.mul(b.div(c, kPanel), buffer.stride), b.rem(c, kPanel)));
    return b.offset(base, unit, at);
  }
  if (column.base)
    at = b.add(at, b.mul(column.base, buffer.stride / kPanel));
  int64_t constant = column.offset / kPanel * buffer.stride + column.offset % kPanel;
  return b.offset(b.offset(base, unit, at), unit, constant);
}

Value KernelEmitter::loadHeld(const Buffer &buffer, Type element, Value row, const Column &column, int64_t width) {
  Value pointer = bufferPointer(buffer, row, column);
  if (!element.isInteger(1))
    return b.load(pointer, lanesElement(element), width);
  Value bits = b.load(pointer, b.getI32Type(), width);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, b.integer(bits, 0));
}

void KernelEmitter::storeHeld(Value lanes, const Buffer &buffer, Value row, const Column &column) {
  if (getElementTypeOrSelf(lanes.getType()).isInteger(1)) {
    auto vector = dyn_cast<VectorType>(lanes.getType());
    Type words = vector ? Type(VectorType::get(vector.getShape(), b.getI32Type())) : Type(b.getI32Type());
    lanes = arith::ExtUIOp::create(b, words, lanes);
  }
  b.store(lanes, bufferPointer(buffer, row, column), getElementTypeOrSelf(lanes.getType()));
}

Value KernelEmitter::memoryPointer(Value memory, Value row, Value column) {
  auto type = cast<MemRefType>(memory.getType());
  Value base = scalar(memory);
  if (type.getRank() == 1)
    return b.offset(base, type.getElementType(), row);
  int64_t columns = type.getDimSize(1);
  if (int64_t panel = panelRows(memory)) {
    Value at = b.add(b.mul(b.div(row, panel), columns * panel), b.rem(row, panel));
    return b.offset(base, type.getElementType(), b.add(at, b.mul(column, panel)));
  }
  return b.offset(base, type.getElementType(), b.add(b.mul(row, columns), column));
}

Value KernelEmitter::zeroRow(int64_t bytes) {
  zeroBytes = std::max(zeroBytes, bytes);
  return LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), kZeroRow);
}

Value KernelEmitter::rowPointer(Place &place, Value key, llvm::function_ref<Value()> compute) {
  if (!place.scope)
    return compute();
  Value &known = place.scope->pointers[key];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(b);
  if (place.scope->anchor)
    b.setInsertionPoint(place.scope->anchor);
  Value pointer = compute();
  return place.scope->pointers[key] = pointer;
}

/// Loads lanes of a row that starts at `pointer`. A row of a panel matrix is strided.
Value KernelEmitter::loadFrom(Value memory, Value pointer, Place &place) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  int64_t panel = panelRows(memory), stride = panel ? panel : 1;
  if (place.column.base)
    pointer = b.offset(pointer, element, b.mul(place.column.base, stride));
  pointer = b.offset(pointer, element, place.column.offset * stride);
  if (!panel)
    return b.load(pointer, element, place.width);
  SmallVector<Value> lanes;
  for (int64_t i = 0; i < place.width; ++i)
    lanes.push_back(b.load(b.offset(pointer, element, i * stride), element, /*width=*/0));
  return vector::FromElementsOp::create(b, lanesType(element, place.width), lanes);
}

Value KernelEmitter::evaluateLoad(tile::LoadOp load, Place &place) {
  Value memory = load.getMemory();
  TileShape shape(load.getTile().getType());
  if (load.getValidColumns() && place.lowest >= static_cast<int64_t>(*load.getValidColumns()))
    return b.zeros(lanesType(shape.element, place.width));
  Value pointer = rowPointer(place, load.getTile(), [&] {
    Value first = scalar(load.getIndices()[0]);
    if (!place.row) // unmasked vectors only: the others are held
      return memoryPointer(memory, first, {});
    Value address = memoryPointer(memory, b.add(first, place.row), scalar(load.getIndices()[1]));
    Value live;
    auto require = [&](Value condition) {
      live = live ? arith::AndIOp::create(b, live, condition).getResult() : condition;
    };
    bool knownFrom = place.scope && place.scope->from == load.getFrom();
    bool knownValid = place.scope && place.scope->valid == load.getValid();
    if (load.getFrom() && !knownFrom)
      require(b.atLeast(place.row, scalar(load.getFrom())));
    if (load.getValid() && !knownValid)
      require(b.less(place.row, scalar(load.getValid())));
    if (!live)
      return address;
    int64_t reach = shape.columns * std::max<int64_t>(panelRows(memory), 1) * 4;
    return b.select(live, address, zeroRow(reach));
  });
  return loadFrom(memory, pointer, place);
}

Value KernelEmitter::evaluateGather(tile::GatherOp gather, Place &place) {
  Value memory = gather.getMemory();
  TileShape shape(gather.getTile().getType());
  Value pointer = rowPointer(place, gather.getTile(), [&] {
    Value number = evaluateElement(gather.getRows(), {}, place.row);
    number = arith::IndexCastOp::create(b, b.getIndexType(), number);
    Value address = memoryPointer(memory, number, scalar(gather.getColumn()));
    if (!gather.getValid() || (place.scope && place.scope->valid == gather.getValid()))
      return address;
    int64_t reach = shape.columns * std::max<int64_t>(panelRows(memory), 1) * 4;
    return b.select(b.less(place.row, scalar(gather.getValid())), address, zeroRow(reach));
  });
  return loadFrom(memory, pointer, place);
}

Value KernelEmitter::evaluateConstant(arith::ConstantOp constant, Place &place) {
  auto elements = cast<DenseElementsAttr>(constant.getValue());
  TileShape shape(constant.getType());
  bool isFloat = isa<FloatType>(shape.element);
  VectorType type = VectorType::get({place.width}, lanesElement(shape.element));
  if (elements.isSplat()) {
    Attribute value = isFloat ? Attribute(b.getF32FloatAttr(elements.getSplatValue<APFloat>().convertToDouble()))
                              : elements.getSplatValue<Attribute>();
    return arith::ConstantOp::create(b, type, DenseElementsAttr::get(type, value));
  }
  Value &table = tables[constant];
  if (!table) {
    SmallVector<Attribute> words;
    if (isFloat)
      for (APFloat f : elements.getValues<APFloat>())
        words.push_back(b.getF32FloatAttr(f.convertToDouble()));
    else
      for (APInt i : elements.getValues<APInt>())
        words.push_back(b.getI32IntegerAttr(shape.element.isInteger(1) ? i.getZExtValue() : i.getSExtValue()));
    Type word = isFloat ? Type(b.getF32Type()) : Type(b.getI32Type());
    auto wordType = RankedTensorType::get({shape.rows * shape.columns}, word);
    auto arrayType = LLVM::LLVMArrayType::get(wordType.getElementType(), wordType.getNumElements());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    std::string name = (kernel.getSymName() + ".table" + Twine(tables.size())).str();
    LLVM::GlobalOp::create(b, arrayType, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           DenseElementsAttr::get(wordType, words), /*alignment=*/64);
    b.setInsertionPointToStart(&cast<func::FuncOp>(scratch.getParentBlock()->getParentOp()).getBody().front());
    table = LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), name);
  }
  Value at = columnIndex(place.column);
  if (place.row)
    at = b.add(at, b.mul(place.row, shape.columns));
  Type word = isFloat ? Type(b.getF32Type()) : Type(b.getI32Type());
  Value lanes = b.load(b.offset(table, word, at), word, place.width);
  if (shape.element.isInteger(1))
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, lanes, b.integer(lanes, 0));
  return lanes;
}

Value KernelEmitter::evaluateIndex(tile::IndexOp index, Place &place) {
  Type word = b.getI32Type();
  auto asWord = [&](Value i) { return b.broadcast(b.createOrFold<arith::IndexCastOp>(word, i), place.width); };
  bool isRow = index.getAxis() == 0 && cast<RankedTensorType>(index.getType()).getRank() == 2;
  if (isRow)
    return asWord(place.row);
  SmallVector<int32_t> steps;
  for (int64_t i = 0; i < place.width; ++i)
    steps.push_back(place.column.offset + i);
  auto type = VectorType::get({place.width}, word);
  Value lanes = arith::ConstantOp::create(b, type, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
  return place.column.base ? arith::AddIOp::create(b, lanes, asWord(place.column.base)).getResult() : lanes;
}

Value KernelEmitter::evaluateElement(Value tile, Value row, Value column) {
  Place place{row, {column, 0, /*isLoose=*/true}, 1, 0, nullptr};
  if (const Buffer *buffer = plan.held(tile))
    return loadHeld(*buffer, TileShape(tile.getType()).element, row, place.column, /*width=*/0);
  return vector::ExtractOp::create(b, evaluate(tile, place), ArrayRef<int64_t>{0});
}

Value KernelEmitter::evaluateAcross(Value vector, Place &place) {
  RowScope *scope = place.scope;
  Value element = scope ? scope->scalars.lookup(vector) : Value();
  if (!element) {
    OpBuilder::InsertionGuard guard(b);
    if (scope && scope->anchor)
      b.setInsertionPoint(scope->anchor);
    element = evaluateElement(vector, {}, place.row);
    if (scope)
      scope->scalars[vector] = element;
  }
  return b.broadcast(element, place.width);
}

Value KernelEmitter::evaluate(Value tile, Place &place) {
  if (Value known = place.memo.lookup(tile))
    return known;
  const Buffer *buffer = plan.held(tile);
  Value result = buffer ? loadHeld(*buffer, TileShape(tile.getType()).element, place.row, place.column, place.width)
                        : compute(tile, place);
  return place.memo[tile] = result;
}

Value KernelEmitter::compute(Value tile, Place &place) {
  Operation *op = tile.getDefiningOp();
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](arith::ConstantOp o) { return evaluateConstant(o, place); })
      .Case([&](tensor::SplatOp o) { return b.broadcast(scalar(o.getInput()), place.width); })
      .Case([&](tile::LoadOp o) { return evaluateLoad(o, place); })
      .Case([&](tile::GatherOp o) { return evaluateGather(o, place); })
      .Case([&](tile::IndexOp o) { return evaluateIndex(o, place); })
      .Case([&](tile::BroadcastOp o) {
        if (o.getAxis() == 1)
          return evaluateAcross(o.getVector(), place);
        Place across{{}, place.column, place.width, place.lowest, place.scope};
        return evaluate(o.getVector(), across);
      })
      .Default([&](Operation *) {
        SmallVector<Value> operands;
        for (Value v : op->getOperands())
          operands.push_back(isTile(v) ? evaluate(v, place) : scalar(v));
        return buildElementwise(b, op, operands);
      });
}
