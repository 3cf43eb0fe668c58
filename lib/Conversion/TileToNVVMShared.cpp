// Shared memory: who lies where, addresses through the swizzle, conversions between layouts, and barriers.
//
// Barriers are placed while ops are emitted. The emitter keeps the byte ranges read and written since the
// last barrier; an access that meets one of the other kind waits for all threads first.
#include "TileToNVVM.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

//===-- The plan

int64_t mlir::hybrid::warpsAlong(const Layout &layout, int axis) {
  int64_t warps = 1;
  for (const Digit &d : layout.getWarps())
    if (d.axis == axis)
      warps *= d.extent;
  return warps;
}

/// Bytes of a tile whose writers may reach past its shape, where nobody reads.
static int64_t bytesWith(const SharedLayout &shared, RankedTensorType type,
                         std::initializer_list<const Layout *> layouts) {
  Coordinate last = {type.getDimSize(0) - 1, type.getRank() == 2 ? type.getDimSize(1) - 1 : 0};
  for (const Layout *layout : layouts)
    if (layout)
      for (int axis = 0; axis < int(type.getRank()); ++axis)
        last[axis] = std::max(last[axis], layout->extent(axis) - 1);
  if (type.getRank() == 1)
    return llvm::alignTo((last[0] + 1) * bytesOf(type.getElementType()), 128);
  return llvm::alignTo((last[0] + 1) * shared.pitch, 128);
}

static bool staysInRegisters(ConvertOp op) {
  auto from = tileType(op.getTile()), to = tileType(op.getResult());
  return layoutOf(from) && layoutOf(to) && layoutOf(from)->registerMap(*layoutOf(to));
}

int64_t mlir::hybrid::scratchBytes(Operation *op) {
  auto ringBytes = [](RankedTensorType type) {
    return type.getDimSize(0) * sharedOf(type)->bytes(type.getShape().drop_front());
  };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case([&](BufferOp op) { return ringBytes(tileType(op.getBuffer())); })
      .Case([&](LoadOp op) -> int64_t {
        auto type = tileType(op.getTile());
        auto shared = sharedOf(type);
        if (!shared)
          return 0;
        auto kernel = op->getParentOfType<KernelOp>();
        int64_t warps = cast<IntegerAttr>(kernel->getAttr(kWarpsAttr)).getInt();
        Layout layout = Layout::blocked(type.getShape(), 16 / bytesOf(type.getElementType()), warps);
        return bytesWith(*shared, type, {&layout});
      })
      .Case([&](ConvertOp op) -> int64_t {
        auto from = tileType(op.getTile()), to = tileType(op.getResult());
        if (auto shared = sharedOf(to))
          return bytesWith(*shared, from, {layoutOf(from)});
        if (sharedOf(from) || staysInRegisters(op))
          return 0;
        return bytesWith(SharedLayout::choose(to.getShape(), bytesOf(to.getElementType())), to,
                         {layoutOf(from), layoutOf(to)});
      })
      .Case([&](ReduceOp op) -> int64_t {
        const Layout &layout = *layoutOf(tileType(op.getTile()));
        int64_t warps = warpsAlong(layout, op.getAxis());
        return warps == 1 ? 0 : warps * layout.extent(1 - op.getAxis()) * 4;
      })
      .Case([&](PrefixSumOp op) { return 4 * ScanTables(tileType(op.getVector()).getDimSize(0), false).size; })
      .Case([&](SegmentSumOp op) { return 4 * ScanTables(tileType(op.getVector()).getDimSize(0), true).size; })
      .Case([&](SolveOp op) -> int64_t {
        auto l = tileType(op.getL()), rhs = tileType(op.getRhs());
        return bytesWith(SharedLayout::choose(l.getShape(), 4), l, {layoutOf(l)}) +
               bytesWith(SharedLayout::choose(rhs.getShape(), 4), rhs, {layoutOf(rhs)});
      })
      .Default([](Operation *) { return 0; });
}

SharedPlan::SharedPlan(KernelOp kernel) {
  // Ops are numbered in order; a tile lives from its op to its last use, and through every loop that it
  // enters.
  llvm::DenseMap<Operation *, std::pair<int64_t, int64_t>> spans;
  int64_t time = 0;
  std::function<void(Block &)> number = [&](Block &block) {
    for (Operation &op : block) {
      int64_t begin = time++;
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          number(inner);
      spans[&op] = {begin, time++};
    }
  };
  number(kernel.getBody().front());
  struct Request {
    Operation *op;
    int64_t begin, end, bytes;
    ByteRange place;
  };
  SmallVector<Request> requests;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    int64_t bytes = op == kernel ? 0 : scratchBytes(op);
    if (!bytes)
      return;
    Request r = {op, spans[op].first, spans[op].second, int64_t(llvm::alignTo(bytes, 128)), {}};
    std::function<void(Value)> extend = [&](Value value) {
      for (Operation *user : value.getUsers()) {
        if (Operation *here = op->getBlock()->findAncestorOpInBlock(*user))
          r.end = std::max(r.end, spans[here].second);
        if (auto slot = dyn_cast<SlotOp>(user))
          extend(slot.getTile());
      }
    };
    for (Value value : op->getResults())
      if (sharedOf(tileType(value)))
        extend(value);
    requests.push_back(r);
  });
  // Large ones first, each at the lowest place that is free throughout its life.
  SmallVector<Request *> order;
  for (Request &r : requests)
    order.push_back(&r);
  llvm::sort(order,
             [](Request *a, Request *b) { return std::pair(-a->bytes, a->begin) < std::pair(-b->bytes, b->begin); });
  SmallVector<Request *> placed;
  for (Request *r : order) {
    SmallVector<ByteRange> taken;
    for (Request *other : placed)
      if (r->begin <= other->end && other->begin <= r->end)
        taken.push_back(other->place);
    llvm::sort(taken, [](const ByteRange &a, const ByteRange &b) { return a.begin < b.begin; });
    int64_t at = 0;
    for (const ByteRange &t : taken) {
      if (at + r->bytes <= t.begin)
        break;
      at = std::max(at, t.end);
    }
    r->place = {at, at + r->bytes};
    placed.push_back(r);
    ranges[r->op] = r->place;
    total = std::max(total, r->place.end);
  }
}

//===-- Addresses

Value KernelEmitter::sharedPointer(Value byteAddress) {
  return LLVM::GEPOp::create(b, loc, sharedBase.getType(), i8Type, sharedBase, byteAddress);
}

Value KernelEmitter::loadShared(Value byteAddress, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(b, loc, type, sharedPointer(byteAddress), alignment);
}

void KernelEmitter::storeShared(Value byteAddress, Value value, int64_t alignment) {
  LLVM::StoreOp::create(b, loc, value, sharedPointer(byteAddress), alignment);
}

Value KernelEmitter::sharedAddress(const SharedLayout &shared, Value base, Value row, Value column,
                                   int64_t elementBytes) {
  Value byte = mul(column, elementBytes);
  if (shared.mask) {
    Value turn = row;
    if (shared.shift)
      turn = LLVM::LShrOp::create(b, loc, turn, i32(shared.shift));
    turn = mul(LLVM::AndOp::create(b, loc, turn, i32(shared.mask)), 16);
    byte = LLVM::XOrOp::create(b, loc, byte, turn);
  }
  return add(add(base, mul(row, shared.pitch)), byte);
}

/// The bits that digits of one axis can set, or nothing if two of them may carry into each other.
static std::optional<uint64_t> reachableBits(const Layout &layout, int axis, int64_t scale) {
  uint64_t bits = 0;
  for (ArrayRef<Digit> digits : {layout.getLanes(), layout.getWarps()})
    for (const Digit &d : digits) {
      if (d.axis != axis)
        continue;
      uint64_t stride = d.stride * scale;
      if (!llvm::isPowerOf2_64(stride))
        return std::nullopt;
      uint64_t own = (d.extent - 1) * stride;
      if (bits & own)
        return std::nullopt;
      bits |= own;
    }
  return bits;
}

/// Where a thread finds the element at its own offset plus `constant`. The swizzle is an exclusive or, which
/// does not commute with addition; but where thread and constant set different bits, the constant's part can
/// be split off as another exclusive or and an addition, which cost one instruction for all rows together.
Value KernelEmitter::sharedAddress(const SharedLayout &shared, const Layout &layout, unsigned rank, Value base,
                                   Coordinate constant, int64_t elementBytes) {
  int rowAxis = rank == 1 ? -2 : 0, columnAxis = rank == 1 ? 0 : 1;
  Value row = rank == 1 ? i32(0) : threadOffset(layout, rowAxis), column = threadOffset(layout, columnAxis);
  constant = sharedCoordinate(rank, constant);
  if (!shared.mask)
    return add(sharedAddress(shared, base, row, column, elementBytes),
               constant[0] * shared.pitch + constant[1] * elementBytes);
  auto rowBits = reachableBits(layout, rowAxis, 1), columnBits = reachableBits(layout, columnAxis, elementBytes);
  uint64_t rowConstant = constant[0], columnConstant = constant[1] * elementBytes;
  if (!rowBits || !columnBits || (*rowBits & rowConstant) || (*columnBits & columnConstant))
    return sharedAddress(shared, base, add(row, constant[0]), add(column, constant[1]), elementBytes);
  int64_t window = shared.mask << 4;
  int64_t flip = (columnConstant & window) ^ (((rowConstant >> shared.shift) & shared.mask) << 4);
  Value start = sharedAddress(shared, base, row, column, elementBytes);
  if (flip)
    start = LLVM::XOrOp::create(b, loc, start, i32(flip));
  return add(start, int64_t(columnConstant & ~window) + int64_t(rowConstant) * shared.pitch);
}

//===-- Tiles in shared memory

void KernelEmitter::writeShared(ArrayRef<Value> values, const Layout &layout, RankedTensorType type,
                                const SharedLayout &shared, Value base) {
  int64_t bytes = bytesOf(type.getElementType()), rank = type.getRank();
  int64_t width = std::gcd(layout.contiguous(rank - 1), 16 / bytes);
  if (type.getElementType().isInteger(1))
    width = 1;
  // Of threads with copies one writes.
  when(firstCopy(layout), [&] {
    for (int64_t i = 0; i < int64_t(values.size()); i += width) {
      Registers words = pack(values.slice(i, width));
      Value value = words[0];
      if (words.size() > 1) {
        value = LLVM::UndefOp::create(b, loc, VectorType::get(words.size(), i32Type));
        for (size_t j = 0; j < words.size(); ++j)
          value = LLVM::InsertElementOp::create(b, loc, value, words[j], i32(j));
      }
      storeShared(sharedAddress(shared, layout, rank, base, layout.atRegister(i), bytes), value, width * bytes);
    }
  });
}

KernelEmitter::Registers KernelEmitter::readShared(const Layout &layout, RankedTensorType type,
                                                   const SharedLayout &shared, Value base) {
  int64_t bytes = bytesOf(type.getElementType()), rank = type.getRank();
  int64_t width = std::gcd(layout.contiguous(rank - 1), 16 / bytes);
  if (type.getElementType().isInteger(1))
    width = 1;
  Registers values;
  for (int64_t i = 0; i < layout.numRegisters(); i += width) {
    Coordinate at = layout.atRegister(i);
    Value address;
    bool beyond = false;
    for (int axis = 0; axis < rank; ++axis)
      beyond |= at[axis] + layout.threadMax(axis) >= type.getDimSize(axis);
    if (beyond) { // a dead element reads the last live one's place, as its own may belong to nobody
      Value place[2];
      for (int axis = 0; axis < rank; ++axis)
        place[axis] = LLVM::SMinOp::create(b, loc, add(threadOffset(layout, axis), at[axis]),
                                           i32(type.getDimSize(axis) - (axis == rank - 1 ? width : 1)));
      address = rank == 1 ? sharedAddress(shared, base, i32(0), place[0], bytes)
                          : sharedAddress(shared, base, place[0], place[1], bytes);
      if (width > 1) // the last place need not be a multiple of the width
        address = LLVM::AndOp::create(b, loc, address, i32(-(width * bytes)));
    } else {
      address = sharedAddress(shared, layout, rank, base, at, bytes);
    }
    int64_t words = llvm::divideCeil(width * bytes, 4);
    Type word = width * bytes == 1 ? i8Type : width * bytes == 2 ? i16Type : i32Type;
    Value loaded = loadShared(address, words == 1 ? word : Type(VectorType::get(words, i32Type)), width * bytes);
    Registers parts;
    if (words == 1)
      parts.push_back(loaded);
    else
      for (int64_t j = 0; j < words; ++j)
        parts.push_back(LLVM::ExtractElementOp::create(b, loc, loaded, i32(j)));
    llvm::append_range(values, unpack(parts, type.getElementType(), width));
  }
  return values;
}

LogicalResult KernelEmitter::emitConvert(ConvertOp op) {
  auto from = tileType(op.getTile()), to = tileType(op.getResult());
  const Layout *source = layoutOf(from), *target = layoutOf(to);
  if (source && target) {
    if (auto map = source->registerMap(*target)) {
      Registers registers;
      for (unsigned r : *map)
        registers.push_back(tiles[op.getTile()][r]);
      tiles[op.getResult()] = std::move(registers);
      return success();
    }
    SharedLayout shared = SharedLayout::choose(to.getShape(), bytesOf(to.getElementType()));
    ByteRange range = plan.of(op);
    beforeWrite(range);
    writeShared(tiles[op.getTile()], *source, from, shared, i32(range.begin));
    barrier();
    tiles[op.getResult()] = readShared(*target, to, shared, i32(range.begin));
    reads.push_back(range);
    return success();
  }
  if (source) {
    ByteRange range = plan.of(op);
    beforeWrite(range);
    writeShared(tiles[op.getTile()], *source, from, *sharedOf(to), i32(range.begin));
    writes.push_back(range);
    addresses[op.getResult()] = i32(range.begin);
    homes[op.getResult()] = op;
    return success();
  }
  if (target) {
    ByteRange range = plan.of(homes.lookup(op.getTile()));
    beforeRead(range);
    tiles[op.getResult()] = readShared(*target, to, *sharedOf(from), addresses.lookup(op.getTile()));
    reads.push_back(range);
    return success();
  }
  if (from != to)
    return op.emitOpError("expected registers on one side, got ") << from << " and " << to;
  Value same = addresses.lookup(op.getTile());
  addresses[op.getResult()] = same;
  homes[op.getResult()] = homes.lookup(op.getTile());
  return success();
}

//===-- Order

void KernelEmitter::barrier() {
  NVVM::BarrierOp::create(b, loc);
  reads.clear();
  writes.clear();
}

void KernelEmitter::settle() {
  if (!pendingCopies)
    return;
  NVVM::CpAsyncCommitGroupOp::create(b, loc);
  NVVM::CpAsyncWaitGroupOp::create(b, loc, 0);
  barrier();
  pendingCopies = false;
}

static bool meets(ArrayRef<ByteRange> ranges, ByteRange range) {
  return llvm::any_of(ranges, [&](const ByteRange &r) { return r.overlaps(range); });
}

void KernelEmitter::beforeRead(ByteRange range) {
  if (!meets(writes, range))
    return;
  if (pendingCopies)
    settle();
  else
    barrier();
}

void KernelEmitter::beforeWrite(ByteRange range) {
  if (!meets(reads, range) && !meets(writes, range))
    return;
  if (pendingCopies)
    settle();
  else
    barrier();
}
