// The ops of a kernel in their order: loops and scalars become themselves, tiles are held where the plan says
// so.
#include "KernelEmitter.h"
#include "VectorMath.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace mlir::hybrid::x86;

LogicalResult KernelEmitter::emit() {
  MLIRContext *context = kernel.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), index = b.getIndexType();
  SmallVector<Type> types;
  for (Type t : kernel.getArgumentTypes())
    types.push_back(isa<MemRefType>(t) ? pointer : index);
  llvm::append_values(types, index, index, index, pointer);
  b.setInsertionPointToEnd(module.getBody());
  std::string name = (kernel.getSymName() + ".body").str();
  auto body = func::FuncOp::create(b, name, FunctionType::get(context, types, {}));
  body.setPrivate();
  body->setAttr("llvm.linkage", LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  for (auto [i, type] : llvm::enumerate(types))
    if (type == pointer)
      body.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  Block *entry = body.addEntryBlock();
  b.setInsertionPointToStart(entry);
  size_t count = kernel.getArgumentTypes().size();
  for (size_t i = 0; i < count; ++i)
    scalars[kernel.getBody().getArgument(i)] = entry->getArgument(i);
  for (size_t axis = 0; axis < 3; ++axis)
    blockIds[axis] = entry->getArgument(count + axis);
  scratch = entry->getArgument(count + 3);
  if (failed(emitBlock(kernel.getBody().front())))
    return failure();
  func::ReturnOp::create(b);
  emitEntry(body);
  return success();
}

/// The exported function unpacks the launch's arrays, so that the body's arguments can be said not to
/// overlap.
void KernelEmitter::emitEntry(func::FuncOp body) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), word = b.getI64Type();
  b.setInsertionPointToEnd(module.getBody());
  auto entry = func::FuncOp::create(
      b, kernel.getSymName(), FunctionType::get(b.getContext(), {pointer, pointer, word, word, word, pointer}, {}));
  entry->setAttr(kScratchAttr, b.getI64IntegerAttr(plan.scratchBytes()));
  Block *block = entry.addEntryBlock();
  b.setInsertionPointToStart(block);
  SmallVector<Value> operands;
  int64_t buffers = 0, numbers = 0;
  for (Type t : kernel.getArgumentTypes()) {
    bool isMemory = isa<MemRefType>(t);
    Value from = block->getArgument(isMemory ? 0 : 1);
    Type element = isMemory ? pointer : word;
    Value value = LLVM::LoadOp::create(b, element, b.offset(from, element, isMemory ? buffers++ : numbers++),
                                       /*alignment=*/8);
    operands.push_back(isMemory ? value : arith::IndexCastOp::create(b, b.getIndexType(), value).getResult());
  }
  for (unsigned i = 2; i < 5; ++i)
    operands.push_back(arith::IndexCastOp::create(b, b.getIndexType(), block->getArgument(i)));
  operands.push_back(block->getArgument(5));
  func::CallOp::create(b, body, operands);
  func::ReturnOp::create(b);
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    b.setLoc(op.getLoc());
    if (failed(emitOp(op)))
      return failure();
  }
  return success();
}

LogicalResult KernelEmitter::emitOp(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (auto store = dyn_cast<tile::StoreOp>(op)) {
    if (panelRows(store.getMemory()))
      return op.emitError("cannot store to a memory in panels: they are packed when parameters are loaded");
    emitStore(store);
    return success();
  }
  if (op.getNumResults() == 1 && isTile(op.getResult(0)))
    return emitTileOp(op);
  return emitScalarOp(op);
}

LogicalResult KernelEmitter::emitTileOp(Operation &op) {
  Value tile = op.getResult(0);
  const Buffer *buffer = plan.held(tile);
  auto elementwise = [&](auto) -> LogicalResult {
    if (auto load = dyn_cast<tile::LoadOp>(op))
      if (panelRows(load.getMemory()) && cast<RankedTensorType>(tile.getType()).getRank() == 1)
        return op.emitError("cannot load a vector from a memory in panels");
    if (buffer)
      fill(*buffer, tile, plan.liveRows(tile));
    return success();
  };
  LogicalResult result =
      TypeSwitch<Operation *, LogicalResult>(&op)
          .Case<arith::ConstantOp, tensor::SplatOp, tile::LoadOp, tile::GatherOp, tile::IndexOp, tile::BroadcastOp>(
              elementwise)
          .Case([&](tile::DotOp o) { return emitDot(o), success(); })
          .Case([&](tile::ReduceOp o) { return emitReduce(o), success(); })
          .Case([&](tile::PrefixSumOp o) { return emitPrefixSum(o), success(); })
          .Case([&](tile::SegmentSumOp o) { return emitSegmentSum(o), success(); })
          .Case([&](tile::SolveOp o) { return emitSolve(o), success(); })
          .Case([&](tile::TransposeOp o) { return fillTransposed(*buffer, o.getTile()), success(); })
          .Default([&](Operation *o) -> LogicalResult {
            if (!isElementwise(o))
              return o->emitOpError("has no code on x86: kernels use the ops of tile, scf.for, scf.if, memref.load, "
                                    "tensor.splat, tensor.extract and elementwise arith and math");
            return elementwise(o);
          });
  if (succeeded(result))
    emitHeld(tile);
  return result;
}

LogicalResult KernelEmitter::emitScalarOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](arith::ConstantOp o) {
        auto number = dyn_cast<FloatAttr>(o.getValue());
        Attribute value = number ? Attribute(b.getF32FloatAttr(number.getValueAsDouble())) : o.getValue();
        scalars[o] = arith::ConstantOp::create(b, cast<TypedAttr>(value));
        return success();
      })
      .Case([&](tile::BlockIdOp o) {
        scalars[o] = blockIds[static_cast<unsigned>(o.getAxis())];
        return success();
      })
      .Case([&](memref::LoadOp o) {
        Value column = o.getIndices().size() == 2 ? scalar(o.getIndices()[1]) : Value();
        Value pointer = memoryPointer(o.getMemRef(), scalar(o.getIndices()[0]), column);
        scalars[o] = b.load(pointer, o.getType(), /*width=*/0);
        return success();
      })
      .Case([&](tensor::ExtractOp o) {
        Value column = scalar(o.getIndices().back());
        scalars[o] =
            evaluateElement(o.getTensor(), o.getIndices().size() == 2 ? scalar(o.getIndices()[0]) : Value(), column);
        return success();
      })
      .Default([&](Operation *o) -> LogicalResult {
        if (!isElementwise(o))
          return o->emitOpError("has no code on x86: kernels use the ops of tile, scf.for, scf.if, memref.load, "
                                "tensor.splat, tensor.extract and elementwise arith and math");
        SmallVector<Value> operands;
        for (Value v : o->getOperands())
          operands.push_back(scalar(v));
        scalars[o->getResult(0)] = buildElementwise(b, o, operands);
        return success();
      });
}

LogicalResult KernelEmitter::emitFor(scf::ForOp loop) {
  SmallVector<Value> inits;
  for (auto [init, argument] : llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs()))
    if (isTile(init))
      fill(*plan.held(argument), init);
    else
      inits.push_back(scalar(init));
  auto made =
      scf::ForOp::create(b, scalar(loop.getLowerBound()), scalar(loop.getUpperBound()), scalar(loop.getStep()), inits);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.getBody());
    scalars[loop.getInductionVar()] = made.getInductionVar();
    unsigned next = 0;
    for (Value argument : loop.getRegionIterArgs())
      if (isTile(argument))
        emitHeld(argument);
      else
        scalars[argument] = made.getRegionIterArg(next++);
    if (failed(emitBlock(*loop.getBody())))
      return failure();
    emitYield(loop);
    SmallVector<Value> yielded;
    for (Value v : loop.getYieldedValues())
      if (!isTile(v))
        yielded.push_back(scalar(v));
    if (!yielded.empty())
      scf::YieldOp::create(b, yielded);
  }
  unsigned next = 0;
  for (Value result : loop.getResults())
    if (isTile(result))
      emitHeld(result);
    else
      scalars[result] = made.getResult(next++);
  return success();
}

void KernelEmitter::emitYield(scf::ForOp loop) {
  DenseMap<unsigned, int> aside;
  for (YieldStep step : plan.yieldSteps(loop)) {
    Value yielded = loop.getYieldedValues()[step.index];
    const Buffer &home = *plan.held(loop.getRegionIterArgs()[step.index]);
    if (step.temporary >= 0) {
      fill(plan.buffer(step.temporary), yielded);
      aside[step.index] = step.temporary;
    } else if (auto it = aside.find(step.index); it != aside.end()) {
      copy(plan.buffer(it->second), home, yielded.getType());
    } else {
      fill(home, yielded);
    }
  }
}

LogicalResult KernelEmitter::emitIf(scf::IfOp branch) {
  SmallVector<Type> types;
  for (Value result : branch.getResults())
    if (!isTile(result))
      types.push_back(lanesElement(result.getType()));
  bool hasElse = branch.elseBlock() != nullptr;
  auto made = scf::IfOp::create(b, types, scalar(branch.getCondition()), /*addThenBlock=*/true, hasElse);
  auto emitBranch = [&](Block *from, Block *to) -> LogicalResult {
    OpBuilder::InsertionGuard guard(b);
    if (to->mightHaveTerminator())
      to->getTerminator()->erase();
    b.setInsertionPointToStart(to);
    if (failed(emitBlock(*from)))
      return failure();
    SmallVector<Value> yielded;
    for (auto [value, result] : llvm::zip(from->getTerminator()->getOperands(), branch.getResults()))
      if (isTile(value))
        fill(*plan.held(result), value);
      else
        yielded.push_back(scalar(value));
    scf::YieldOp::create(b, yielded);
    return success();
  };
  if (failed(emitBranch(branch.thenBlock(), made.thenBlock())) ||
      (hasElse && failed(emitBranch(branch.elseBlock(), made.elseBlock()))))
    return failure();
  unsigned next = 0;
  for (Value result : branch.getResults())
    if (isTile(result))
      emitHeld(result);
    else
      scalars[result] = made.getResult(next++);
  return success();
}

void KernelEmitter::emitHeld(Value tile) {
  if (const Buffer *transposed = plan.transposed(tile))
    fillTransposed(*transposed, tile);
}

void KernelEmitter::copy(const Buffer &from, const Buffer &to, Type type) {
  TileShape shape(type);
  forRows(shape.rows, {}, [&](Value row) {
    RowScope scope;
    forColumns(shape.columns, {}, row, scope, [&](Place &place) {
      storeHeld(loadHeld(from, shape.element, row, place.column, place.width), to, row, place.column);
    });
  });
}

void KernelEmitter::fill(const Buffer &to, Value tile, Value rows) {
  TileShape shape(tile.getType());
  bool define = plan.held(tile) == &to;
  auto type = cast<RankedTensorType>(tile.getType());
  if (auto load = tile.getDefiningOp<tile::LoadOp>();
      load && define && type.getRank() == 1 && (load.getIndices().size() == 2 || load.getFrom() || load.getValid()))
    return fillVectorLoad(to, load);
  SmallVector<int64_t> breaks = breaksOf(tile);
  forRows(shape.rows, rows, [&](Value row) {
    RowScope scope;
    scope.valid = rows;
    forColumns(shape.columns, breaks, row, scope, [&](Place &place) {
      if (type.getRank() == 1)
        place.row = {};
      storeHeld(define ? compute(tile, place) : evaluate(tile, place), to, row, place.column);
    });
    // A product may read whole panels.
    if (type.getRank() == 2)
      for (int64_t at = shape.columns, width; at % kPanel; at += width) {
        width = std::min(at & -at, traits.lanes);
        storeHeld(b.zeros(lanesType(b.getF32Type(), width)), to, row, {{}, at});
      }
  });
}

void KernelEmitter::fillTransposed(const Buffer &to, Value tile) {
  TileShape shape(tile.getType());
  int64_t n = traits.lanes;
  SmallVector<int64_t> breaks = breaksOf(tile);
  auto block = [&](Value first, int64_t rows) {
    SmallVector<RowScope> scopes(n);
    SmallVector<Value> rowNumbers;
    for (int64_t i = 0; i < rows; ++i)
      rowNumbers.push_back(b.add(first, i));
    forColumns(shape.columns, breaks, first, scopes[0], [&](Place &place) {
      SmallVector<Value> lanes;
      for (int64_t i = 0; i < n; ++i) {
        if (i >= rows) {
          lanes.push_back(b.zeros(lanes.front().getType()));
          continue;
        }
        scopes[i].anchor = scopes[0].anchor;
        Place here{rowNumbers[i], place.column, place.width, place.lowest, &scopes[i]};
        lanes.push_back(b.resize(evaluate(tile, here), n));
      }
      lanes = b.transpose(lanes);
      for (int64_t i = 0; i < place.width; ++i)
        storeHeld(lanes[i], to, b.add(columnIndex(place.column), i), {first, 0, /*isLoose=*/true});
    });
  };
  int64_t whole = shape.rows / n * n;
  forRange(b.index(0), b.index(whole), n, [&](Value first) { block(first, n); });
  int64_t at = whole;
  if (whole != shape.rows) {
    block(b.index(whole), shape.rows - whole);
    at += n;
  }
  for (; at % kPanel; at += n) // whole panels
    forRows(shape.columns, {}, [&](Value row) { storeHeld(b.zeros(lanesType(b.getF32Type(), n)), to, row, {{}, at}); });
}

void KernelEmitter::fillVectorLoad(const Buffer &to, tile::LoadOp load) {
  int64_t length = TileShape(load.getTile().getType()).columns;
  Type element = TileShape(load.getTile().getType()).element;
  RowScope scope;
  if (load.getFrom() || load.getValid())
    forColumns(length, {}, {}, scope,
               [&](Place &place) { storeHeld(b.zeros(lanesType(element, place.width)), to, {}, place.column); });
  Value from = b.larger(scalarOr(load.getFrom(), 0), b.index(0));
  Value valid = b.smaller(scalarOr(load.getValid(), length), b.index(length));
  Value first = scalar(load.getIndices()[0]);
  if (load.getIndices().size() == 2) {
    forRange(from, valid, 1, [&](Value i) {
      Value pointer = memoryPointer(load.getMemory(), b.add(first, i), scalar(load.getIndices()[1]));
      storeHeld(b.load(pointer, element, /*width=*/0), to, {}, {i, 0, /*isLoose=*/true});
    });
    return;
  }
  Value base = memoryPointer(load.getMemory(), first, {});
  forElements(from, valid, [&](Place &place) {
    storeHeld(b.load(b.offset(base, element, place.column.base), element, place.width), to, {}, place.column);
  });
}

void KernelEmitter::emitStore(tile::StoreOp store) {
  auto type = cast<RankedTensorType>(store.getTile().getType());
  TileShape shape(type);
  int64_t length = type.getDimSize(0);
  Value from = b.larger(scalarOr(store.getFrom(), 0), b.index(0));
  Value to = b.smaller(scalarOr(store.getValid(), length), b.index(length));
  if (type.getRank() == 1)
    return emitVectorStore(store, from, to);
  SmallVector<int64_t> breaks = breaksOf(store.getTile());
  int64_t columns = store.getValidColumns().value_or(shape.columns);
  llvm::erase_if(breaks, [&](int64_t at) { return at >= columns; });
  forRange(from, to, 1, [&](Value row) {
    RowScope scope;
    scope.from = store.getFrom();
    scope.valid = store.getValid();
    Value base =
        memoryPointer(store.getMemory(), b.add(scalar(store.getIndices()[0]), row), scalar(store.getIndices()[1]));
    forColumns(columns, breaks, row, scope, [&](Place &place) {
      Value lanes = evaluate(store.getTile(), place);
      Value pointer = place.column.base ? b.offset(base, shape.element, place.column.base) : base;
      b.store(lanes, b.offset(pointer, shape.element, place.column.offset), shape.element);
    });
  });
}

void KernelEmitter::emitVectorStore(tile::StoreOp store, Value from, Value to) {
  TileShape shape(store.getTile().getType());
  Value first = scalar(store.getIndices()[0]);
  if (store.getIndices().size() == 2) {
    forRange(from, to, 1, [&](Value i) {
      Value pointer = memoryPointer(store.getMemory(), b.add(first, i), scalar(store.getIndices()[1]));
      b.store(evaluateElement(store.getTile(), {}, i), pointer, shape.element);
    });
    return;
  }
  Value base = memoryPointer(store.getMemory(), first, {});
  auto body = [&](Place &place) {
    Value pointer = place.column.base ? b.offset(base, shape.element, place.column.base) : base;
    b.store(evaluate(store.getTile(), place), b.offset(pointer, shape.element, place.column.offset), shape.element);
  };
  if (store.getFrom() || store.getValid())
    return forElements(from, to, body);
  RowScope scope;
  forColumns(shape.columns, {}, {}, scope, body);
}
