// Kernels, control flow and scalars. A tile becomes one LLVM value per register, a scalar of type index an
// i64.
#include "TileToNVVM.h"
#include "hybrid/Conversion/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_CONVERTTILETONVVMPASS
#include "hybrid/Conversion/Passes.h.inc"
} // namespace mlir::hybrid

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

KernelEmitter::KernelEmitter(KernelOp kernel, OpBuilder &builder, const SharedPlan &plan)
    : kernel(kernel), b(builder), entry(builder.getContext()), loc(kernel.getLoc()), plan(plan) {
  i1Type = b.getI1Type();
  i8Type = b.getI8Type();
  i16Type = b.getI16Type();
  i32Type = b.getI32Type();
  i64Type = b.getI64Type();
  f32Type = b.getF32Type();
}

Value KernelEmitter::constant(Type type, int64_t value) {
  Value &known = constants[{type, value}];
  if (!known)
    known = LLVM::ConstantOp::create(entry, kernel.getLoc(), type, IntegerAttr::get(type, value));
  return known;
}

Value KernelEmitter::f32(double value) {
  Value &known = floats[llvm::bit_cast<uint64_t>(value)];
  if (!known)
    known = LLVM::ConstantOp::create(entry, kernel.getLoc(), f32Type, FloatAttr::get(f32Type, value));
  return known;
}

Value KernelEmitter::add(Value a, Value c) { return LLVM::AddOp::create(b, loc, a, c); }
Value KernelEmitter::add(Value a, int64_t c) { return c == 0 ? a : add(a, constant(a.getType(), c)); }

Value KernelEmitter::mul(Value a, int64_t c) {
  if (c == 1)
    return a;
  if (llvm::isPowerOf2_64(c))
    return LLVM::ShlOp::create(b, loc, a, constant(a.getType(), llvm::Log2_64(c)));
  return LLVM::MulOp::create(b, loc, a, constant(a.getType(), c));
}

Value KernelEmitter::intrinsic(StringRef name, Type type, ValueRange args) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), args).getResult(0);
}

Value KernelEmitter::compare(LLVM::ICmpPredicate predicate, Value x, Value y) {
  return LLVM::ICmpOp::create(b, loc, predicate, x, y);
}

Value KernelEmitter::both(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return LLVM::AndOp::create(b, loc, x, y);
}

Type KernelEmitter::scalarType(Type type) { return isa<IndexType>(type) ? Type(i64Type) : type; }

Block *KernelEmitter::newBlock(TypeRange arguments) {
  Block *block = new Block;
  body->push_back(block);
  for (Type type : arguments)
    block->addArgument(type, loc);
  return block;
}

void KernelEmitter::branch(Block *to, ValueRange operands) { LLVM::BrOp::create(b, loc, operands, to); }

KernelEmitter::Registers KernelEmitter::loop(Value begin, Value end, Value step, ValueRange inits,
                                             function_ref<Registers(Value, ValueRange)> emit) {
  SmallVector<Type> types = {begin.getType()};
  llvm::append_range(types, inits.getTypes());
  Block *head = newBlock(types), *inner = newBlock({}), *exit = newBlock({});
  Registers operands = {begin};
  llvm::append_range(operands, inits);
  branch(head, operands);
  b.setInsertionPointToEnd(head);
  Value more = compare(LLVM::ICmpPredicate::slt, head->getArgument(0), end);
  LLVM::CondBrOp::create(b, loc, more, inner, exit);
  b.setInsertionPointToEnd(inner);
  Registers next = {Value()};
  llvm::append_range(next, emit(head->getArgument(0), head->getArguments().drop_front()));
  next[0] = add(head->getArgument(0), step);
  branch(head, next);
  b.setInsertionPointToEnd(exit);
  return Registers(head->getArguments().drop_front());
}

void KernelEmitter::when(Value condition, function_ref<void()> emit) {
  if (!condition)
    return emit();
  Block *inner = newBlock({}), *exit = newBlock({});
  LLVM::CondBrOp::create(b, loc, condition, inner, exit);
  b.setInsertionPointToEnd(inner);
  emit();
  branch(exit, {});
  b.setInsertionPointToEnd(exit);
}

//===-- Threads

Value KernelEmitter::digitValue(Value number, ArrayRef<Digit> digits, size_t i) {
  int64_t below = 1, above = 1;
  for (size_t d = 0; d < digits.size(); ++d)
    (d < i ? below : above) *= d == i ? 1 : digits[d].extent;
  Value value = number;
  if (below > 1)
    value = LLVM::LShrOp::create(entry, kernel.getLoc(), value, i32(llvm::Log2_64(below)));
  if (above > 1)
    value = LLVM::AndOp::create(entry, kernel.getLoc(), value, i32(digits[i].extent - 1));
  return value;
}

Value KernelEmitter::threadOffset(const Layout &layout, int axis) {
  Value &known = offsets[{LayoutAttr::get(b.getContext(), layout), axis}];
  if (known)
    return known;
  Value sum;
  for (auto [number, digits] : {std::pair(lane, layout.getLanes()), std::pair(warp, layout.getWarps())})
    for (size_t i = 0; i < digits.size(); ++i) {
      if (digits[i].axis != axis)
        continue;
      Value part = digitValue(number, digits, i);
      if (digits[i].stride != 1)
        part = LLVM::MulOp::create(entry, kernel.getLoc(), part, i32(digits[i].stride));
      sum = sum ? Value(LLVM::AddOp::create(entry, kernel.getLoc(), sum, part)) : part;
    }
  Value result = sum ? sum : i32(0);
  return offsets[{LayoutAttr::get(b.getContext(), layout), axis}] = result;
}

Value KernelEmitter::firstCopy(const Layout &layout) {
  Attribute key = LayoutAttr::get(b.getContext(), layout);
  if (auto it = copies.find(key); it != copies.end())
    return it->second;
  Value all;
  for (auto [number, digits] : {std::pair(lane, layout.getLanes()), std::pair(warp, layout.getWarps())})
    for (size_t i = 0; i < digits.size(); ++i) {
      if (digits[i].axis >= 0)
        continue;
      Value zero =
          LLVM::ICmpOp::create(entry, kernel.getLoc(), LLVM::ICmpPredicate::eq, digitValue(number, digits, i), i32(0));
      all = all ? Value(LLVM::AndOp::create(entry, kernel.getLoc(), all, zero)) : zero;
    }
  return copies[key] = all;
}

//===-- Control flow

/// The values that stand for an op's result or a block's argument, scalar or tile.
static void appendTypes(Type type, Type scalar, SmallVectorImpl<Type> &types) {
  if (auto tile = dyn_cast<RankedTensorType>(type))
    types.append(layoutOf(tile)->numRegisters(), tile.getElementType());
  else
    types.push_back(scalar);
}

LogicalResult KernelEmitter::emitFor(scf::ForOp op) {
  SmallVector<Type> types = {scalarType(op.getInductionVar().getType())};
  Registers inits = {scalar(op.getLowerBound())};
  auto append = [&](Value value, Registers &to) {
    if (tileType(value))
      llvm::append_range(to, tiles[value]);
    else
      to.push_back(scalar(value));
  };
  for (Value value : op.getInitArgs()) {
    appendTypes(value.getType(), scalarType(value.getType()), types);
    append(value, inits);
  }
  // Copies that no group covers must have landed before their readers in the loop; and any access of one
  // iteration may meet any of the previous one, so those count as if they came just before.
  settle();
  SmallVector<ByteRange> inner;
  op.getBody()->walk([&](Operation *nested) {
    ByteRange range = plan.of(nested);
    if (range.end && !isa<BufferOp>(nested))
      inner.push_back(range);
  });
  llvm::append_range(reads, inner);
  llvm::append_range(writes, inner);

  Block *head = newBlock(types), *block = newBlock({}), *exit = newBlock({});
  branch(head, inits);
  b.setInsertionPointToEnd(head);
  Value upper = scalar(op.getUpperBound()), step = scalar(op.getStep());
  LLVM::CondBrOp::create(b, loc, compare(LLVM::ICmpPredicate::slt, head->getArgument(0), upper), block, exit);

  unsigned next = 0;
  auto bind = [&](Value value) {
    if (auto tile = tileType(value)) {
      Registers &registers = tiles[value];
      registers.clear();
      for (int64_t i = 0, e = layoutOf(tile)->numRegisters(); i < e; ++i)
        registers.push_back(head->getArgument(next++));
    } else {
      scalars[value] = head->getArgument(next++);
    }
  };
  bind(op.getInductionVar());
  for (Value value : op.getRegionIterArgs())
    bind(value);
  b.setInsertionPointToEnd(block);
  if (failed(emitBlock(*op.getBody())))
    return failure();
  settle();
  Registers yields = {add(head->getArgument(0), step)};
  for (Value value : op.getYieldedValues())
    append(value, yields);
  branch(head, yields);

  next = 1;
  for (Value value : op.getResults())
    bind(value);
  b.setInsertionPointToEnd(exit);
  llvm::append_range(reads, inner);
  llvm::append_range(writes, inner);
  return success();
}

LogicalResult KernelEmitter::emitIf(scf::IfOp op) {
  settle();
  SmallVector<Type> types;
  for (Value value : op.getResults())
    appendTypes(value.getType(), scalarType(value.getType()), types);
  bool hasElse = op.elseBlock();
  Block *yes = newBlock({}), *no = hasElse ? newBlock({}) : nullptr, *exit = newBlock(types);
  LLVM::CondBrOp::create(b, loc, scalar(op.getCondition()), yes, hasElse ? no : exit);
  SmallVector<ByteRange> readsBefore = reads, writesBefore = writes, readsAfter, writesAfter;
  for (auto [block, source] : {std::pair(yes, op.thenBlock()), std::pair(no, op.elseBlock())}) {
    if (!source)
      continue;
    reads = readsBefore, writes = writesBefore;
    b.setInsertionPointToEnd(block);
    if (failed(emitBlock(*source)))
      return failure();
    settle();
    Registers yields;
    for (Value value : source->getTerminator()->getOperands()) {
      if (tileType(value))
        llvm::append_range(yields, tiles[value]);
      else
        yields.push_back(scalar(value));
    }
    branch(exit, yields);
    llvm::append_range(readsAfter, reads);
    llvm::append_range(writesAfter, writes);
  }
  if (!hasElse) {
    llvm::append_range(readsAfter, readsBefore);
    llvm::append_range(writesAfter, writesBefore);
  }
  reads = readsAfter, writes = writesAfter;
  unsigned next = 0;
  for (Value value : op.getResults()) {
    if (auto tile = tileType(value))
      for (int64_t i = 0, e = layoutOf(tile)->numRegisters(); i < e; ++i)
        tiles[value].push_back(exit->getArgument(next++));
    else
      scalars[value] = exit->getArgument(next++);
  }
  b.setInsertionPointToEnd(exit);
  return success();
}

LogicalResult KernelEmitter::emitConstant(arith::ConstantOp op) {
  auto make = [&](Type type, Attribute value) -> Value {
    if (auto integer = dyn_cast<IntegerAttr>(value))
      return constant(scalarType(type), integer.getInt());
    if (type == f32Type)
      return f32(cast<FloatAttr>(value).getValueAsDouble());
    return LLVM::ConstantOp::create(entry, kernel.getLoc(), type, value);
  };
  auto tile = tileType(op.getResult());
  if (!tile) {
    scalars[op.getResult()] = make(op.getType(), op.getValue());
    return success();
  }
  auto elements = dyn_cast<SplatElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError("expected one value for all elements of a tile in a GPU kernel");
  tiles[op.getResult()].assign(layoutOf(tile)->numRegisters(),
                               make(tile.getElementType(), elements.getSplatValue<Attribute>()));
  return success();
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block) {
    if (isa<scf::YieldOp, ReturnOp>(op))
      break;
    loc = op.getLoc();
    if (failed(emitOp(&op)))
      return failure();
  }
  return success();
}

LogicalResult KernelEmitter::emitOp(Operation *op) {
  auto spread = [&](Value result, function_ref<Value(int64_t)> element) {
    Registers registers;
    for (int64_t i = 0, e = layoutOf(tileType(result))->numRegisters(); i < e; ++i)
      registers.push_back(element(i));
    tiles[result] = std::move(registers);
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](scf::ForOp op) { return emitFor(op); })
      .Case([&](scf::IfOp op) { return emitIf(op); })
      .Case([&](arith::ConstantOp op) { return emitConstant(op); })
      .Case([&](tensor::SplatOp op) { return spread(op.getResult(), [&](int64_t) { return scalar(op.getInput()); }); })
      .Case([&](BlockIdOp op) {
        Value id;
        switch (op.getAxis()) {
        case GridAxis::x:
          id = NVVM::BlockIdXOp::create(b, loc, i32Type);
          break;
        case GridAxis::y:
          id = NVVM::BlockIdYOp::create(b, loc, i32Type);
          break;
        case GridAxis::z:
          id = NVVM::BlockIdZOp::create(b, loc, i32Type);
          break;
        }
        scalars[op.getResult()] = LLVM::ZExtOp::create(b, loc, i64Type, id);
        return success();
      })
      .Case([&](memref::LoadOp op) {
        Value offset = scalar(op.getIndices()[0]);
        MemRefType type = op.getMemRefType();
        if (type.getRank() == 2)
          offset = add(mul(offset, type.getDimSize(1)), scalar(op.getIndices()[1]));
        Value pointer = LLVM::GEPOp::create(b, loc, scalar(op.getMemRef()).getType(), type.getElementType(),
                                            scalar(op.getMemRef()), offset);
        scalars[op.getResult()] = LLVM::LoadOp::create(b, loc, type.getElementType(), pointer);
        return success();
      })
      .Case([&](LoadOp op) { return emitLoad(op); })
      .Case([&](StoreOp op) { return emitStore(op); })
      .Case([&](GatherOp op) { return emitGather(op); })
      .Case([&](CopyAsyncOp op) { return emitCopyAsync(op); })
      .Case([&](CommitOp) {
        NVVM::CpAsyncCommitGroupOp::create(b, loc);
        return success();
      })
      .Case([&](WaitOp op) {
        NVVM::CpAsyncWaitGroupOp::create(b, loc, op.getPending());
        barrier();
        return success();
      })
      .Case([&](BarrierOp) {
        barrier();
        return success();
      })
      .Case([&](BufferOp op) {
        addresses[op.getBuffer()] = i32(plan.of(op).begin);
        homes[op.getBuffer()] = op;
        return success();
      })
      .Case([&](SlotOp op) {
        auto type = tileType(op.getTile());
        Value slot = LLVM::TruncOp::create(b, loc, i32Type, scalar(op.getSlot()));
        addresses[op.getTile()] = add(addresses[op.getBuffer()], mul(slot, sharedOf(type)->bytes(type.getShape())));
        homes[op.getTile()] = homes.lookup(op.getBuffer());
        return success();
      })
      .Case([&](ConvertOp op) { return emitConvert(op); })
      .Case([&](TransposeOp op) {
        Registers same = tiles.lookup(op.getTile());
        tiles[op.getResult()] = std::move(same);
        return success();
      })
      .Case([&](BroadcastOp op) {
        const Layout &layout = *layoutOf(tileType(op.getResult()));
        const Registers &vector = tiles[op.getVector()];
        Registers registers;
        for (int64_t i = 0; i < layout.numRegisters(); ++i)
          registers.push_back(vector[layout.sliceRegister(op.getAxis(), i)]);
        tiles[op.getResult()] = std::move(registers);
        return success();
      })
      .Case([&](IndexOp op) {
        const Layout &layout = *layoutOf(tileType(op.getResult()));
        int axis = op.getAxis();
        Value base = threadOffset(layout, axis);
        llvm::DenseMap<int64_t, Value> made;
        return spread(op.getResult(), [&](int64_t i) {
          int64_t place = layout.atRegister(i)[axis];
          Value &value = made[place];
          return value = value ? value : add(base, place);
        });
      })
      .Case([&](ReduceOp op) { return emitReduce(op); })
      .Case([&](PrefixSumOp op) { return emitPrefixSum(op); })
      .Case([&](SegmentSumOp op) { return emitSegmentSum(op); })
      .Case([&](SolveOp op) { return emitSolve(op); })
      .Case([&](DotOp op) { return emitDot(op); })
      .Default([&](Operation *op) { return emitElementwise(op); });
}

LogicalResult KernelEmitter::run(LLVM::LLVMFuncOp function, LLVM::GlobalOp sharedMemory) {
  body = &function.getBody();
  Block *first = function.addEntryBlock(b);
  Block *start = newBlock({});
  b.setInsertionPointToEnd(first);
  auto end = LLVM::BrOp::create(b, loc, ValueRange(), start);
  entry.setInsertionPoint(end);
  for (auto [source, target] : llvm::zip(kernel.getArguments(), first->getArguments()))
    scalars[source] = target;
  numThreads = cast<IntegerAttr>(kernel->getAttr(kWarpsAttr)).getInt() * Layout::kLanes;
  thread = NVVM::ThreadIdXOp::create(entry, loc, i32Type);
  lane = LLVM::AndOp::create(entry, loc, thread, i32(Layout::kLanes - 1));
  warp = LLVM::LShrOp::create(entry, loc, thread, i32(5));
  if (plan.bytes())
    sharedBase = LLVM::AddressOfOp::create(entry, loc, sharedMemory);
  b.setInsertionPointToEnd(start);
  if (failed(emitBlock(kernel.getBody().front())))
    return failure();
  LLVM::ReturnOp::create(b, kernel.getLoc(), ValueRange());
  return success();
}

namespace {
struct ConvertTileToNVVM : hybrid::impl::ConvertTileToNVVMPassBase<ConvertTileToNVVM> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder b(module.getContext());
    LLVM::GlobalOp sharedMemory;
    for (KernelOp kernel : llvm::make_early_inc_range(module.getOps<KernelOp>())) {
      Location loc = kernel.getLoc();
      SharedPlan plan(kernel);
      if (!sharedMemory && plan.bytes()) {
        b.setInsertionPointToStart(module.getBody());
        sharedMemory = LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
                                              LLVM::Linkage::External, "shared_memory", Attribute(), /*alignment=*/1024,
                                              /*addrSpace=*/3);
      }
      auto warps = kernel->getAttrOfType<IntegerAttr>(kWarpsAttr);
      if (!warps) {
        kernel.emitOpError("expected '") << kWarpsAttr << "'; run hybrid-assign-layouts first";
        return signalPassFailure();
      }
      SmallVector<Type> types;
      for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
        if (kernel.getArgAttr(i, kPanelAttr)) {
          kernel.emitOpError("expected plain matrices in a GPU kernel, got '") << kPanelAttr << "' on argument " << i;
          return signalPassFailure();
        }
        types.push_back(isa<MemRefType>(type) ? Type(LLVM::LLVMPointerType::get(b.getContext(), 1))
                                              : Type(b.getI64Type()));
      }
      b.setInsertionPoint(kernel);
      auto function = LLVM::LLVMFuncOp::create(
          b, loc, kernel.getName(), LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types));
      function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
      int32_t threads = warps.getInt() * Layout::kLanes;
      function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), b.getDenseI32ArrayAttr({threads, 1, 1}));
      function->setAttr(kSharedBytesAttr, b.getI64IntegerAttr(plan.bytes()));
      for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
        if (!isa<MemRefType>(type))
          continue;
        function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
        if (!kernel.getArgAttr(i, kWrittenAttr))
          function.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), b.getUnitAttr());
      }
      if (failed(KernelEmitter(kernel, b, plan).run(function, sharedMemory)))
        return signalPassFailure();
      kernel.erase();
      ++numKernels;
    }
  }
};
} // namespace
