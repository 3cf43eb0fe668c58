// Products, reductions, scans and loop-carried tiles are held; so is what a product reads as a matrix, and
// what would be computed more than once at a cost. Everything else is computed where it is used. Held tiles
// share scratch by their lifetimes.
#include "KernelPlan.h"
#include "VectorMath.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::x86;

TileShape::TileShape(Type type) {
  auto tile = cast<RankedTensorType>(type);
  rows = tile.getRank() == 2 ? tile.getDimSize(0) : 1;
  columns = tile.getShape().back();
  element = tile.getElementType();
}

int64_t x86::panelRows(Value memory) {
  auto argument = dyn_cast<BlockArgument>(memory);
  auto kernel = argument ? dyn_cast<tile::KernelOp>(argument.getOwner()->getParentOp()) : tile::KernelOp();
  auto rows = kernel ? kernel.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), tile::kPanelAttr) : IntegerAttr();
  return rows ? rows.getInt() : 0;
}

/// True where an index is known to be a multiple of the panels' width.
static bool startsPanel(Value index) {
  APInt constant;
  if (matchPattern(index, m_ConstantInt(&constant)))
    return constant.srem(kPanel) == 0;
  if (auto argument = dyn_cast<BlockArgument>(index)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() && startsPanel(loop.getLowerBound()) &&
           startsPanel(loop.getStep());
  }
  Operation *op = index.getDefiningOp();
  if (isa<arith::MulIOp>(op))
    return startsPanel(op->getOperand(0)) || startsPanel(op->getOperand(1));
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp>(op))
    return startsPanel(op->getOperand(0)) && startsPanel(op->getOperand(1));
  return false;
}

tile::LoadOp x86::panelOperand(tile::DotOp dot) {
  auto load = dot.getB().getDefiningOp<tile::LoadOp>();
  if (!load || !dot.getTransposeB() || panelRows(load.getMemory()) != kPanel)
    return {};
  // Masked loads would have to mask inside of panels.
  if (load.getFrom() || load.getValid() || load.getValidColumns() || !startsPanel(load.getIndices()[0]))
    return {};
  return load;
}

KernelPlan::KernelPlan(tile::KernelOp kernel) : kernel(kernel) {
  number(kernel.getBody());
  decide(kernel.getBody());
  planLifetimes();
  placeBuffers();
  findLiveRows();
}

void KernelPlan::number(Region &region) {
  for (Operation &op : region.getOps()) {
    int first = next++;
    for (Region &inner : op.getRegions())
      number(inner);
    spans[&op] = {first, next - 1};
  }
}

int KernelPlan::newBuffer(Type type, bool transposed) {
  TileShape shape(type);
  Buffer buffer;
  buffer.rows = transposed ? shape.columns : shape.rows;
  buffer.columns = transposed ? shape.rows : shape.columns;
  // Panels a multiple of 512 bytes apart would fall on the same few sets of the first cache.
  bool aliases = buffer.columns > kPanel && buffer.rows > 1 && buffer.rows % 8 == 0;
  buffer.stride = (buffer.rows + aliases) * kPanel;
  storage.push_back(buffer);
  return storage.size() - 1;
}

void KernelPlan::decide(Region &region) {
  for (Operation &op : region.getOps()) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      for (auto [argument, result] : llvm::zip(loop.getRegionIterArgs(), loop.getResults()))
        if (isTile(argument))
          buffers[argument] = buffers[result] = newBuffer(argument.getType());
    } else {
      for (Value result : op.getResults())
        if (isTile(result) && (mustHold(result) || worthHolding(result)))
          buffers[result] = newBuffer(result.getType());
    }
    for (Region &inner : op.getRegions())
      decide(inner);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      planLoop(loop);
  }
  kernel.walk([&](tile::DotOp dot) {
    if (dot->getParentRegion() == &region && dot.getTransposeB() && !panelOperand(dot) &&
        !transposes.contains(dot.getB()))
      transposes[dot.getB()] = newBuffer(dot.getB().getType(), /*transposed=*/true);
  });
}

static bool hasMaskedColumns(Value tile) {
  Operation *op = tile.getDefiningOp();
  if (!op || !isTile(tile))
    return false;
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return load.getValidColumns().has_value();
  return llvm::any_of(op->getOperands(), hasMaskedColumns);
}

bool KernelPlan::mustHold(Value tile) {
  Operation *op = tile.getDefiningOp();
  TileShape shape(tile.getType());
  if (isa<tile::DotOp, tile::ReduceOp, tile::PrefixSumOp, tile::SegmentSumOp, tile::SolveOp, tile::TransposeOp,
          scf::IfOp>(op))
    return true;
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    bool isVector = cast<RankedTensorType>(tile.getType()).getRank() == 1;
    bool isColumn = isVector && load.getIndices().size() == 2;
    if (isColumn || (isVector && (load.getFrom() || load.getValid())) || overwrittenBeforeRead(load))
      return true;
  }
  for (OpOperand &use : tile.getUses()) {
    if (auto dot = dyn_cast<tile::DotOp>(use.getOwner())) {
      bool isPlainB = use.getOperandNumber() == 1 && !dot.getTransposeB();
      bool isAwkwardAcc = use.getOperandNumber() == 2 && !matchPattern(tile, m_AnyZeroFloat()) &&
                          (shape.columns % kPanel || hasMaskedColumns(tile));
      if (use.getOperandNumber() == 0 || isPlainB || isAwkwardAcc)
        return true;
    }
    if (auto solve = dyn_cast<tile::SolveOp>(use.getOwner()))
      if (use.getOperandNumber() == 0)
        return true;
  }
  return false;
}

int64_t KernelPlan::cost(Value tile) {
  if (!isTile(tile) || buffers.contains(tile))
    return 1;
  auto [it, isNew] = costs.try_emplace(tile, 0);
  if (!isNew)
    return it->second;
  Operation *op = tile.getDefiningOp();
  int64_t sum =
      isa<tile::TileDialect, arith::ArithDialect, math::MathDialect>(op->getDialect()) ? elementwiseCost(op) : 1;
  if (isa<arith::ConstantOp, tile::IndexOp, tile::BroadcastOp>(op))
    sum = 0;
  for (Value operand : op->getOperands())
    if (isTile(operand))
      sum += cost(operand);
  return costs[tile] = sum;
}

bool KernelPlan::worthHolding(Value tile) {
  int64_t price = cost(tile);
  if (price <= 1)
    return false;
  constexpr int64_t kWorthAStoreAndLoads = 6;
  bool isVector = TileShape(tile.getType()).rows == 1;
  llvm::SmallPtrSet<Operation *, 4> users(tile.user_begin(), tile.user_end());
  for (Operation *user : users)
    if (user->getBlock() != tile.getDefiningOp()->getBlock() || (isVector && isa<tile::BroadcastOp>(user)))
      return true;
  return users.size() > 1 && price >= kWorthAStoreAndLoads;
}

/// True where computing the load at its readers could see a store of this kernel.
bool KernelPlan::overwrittenBeforeRead(tile::LoadOp load) {
  SmallVector<tile::StoreOp> stores;
  for (Operation *user : load.getMemory().getUsers())
    if (auto store = dyn_cast<tile::StoreOp>(user))
      stores.push_back(store);
  if (stores.empty())
    return false;
  llvm::SetVector<Operation *> found;
  readers(load.getTile(), found);
  for (Operation *reader : found) {
    if (reader->getBlock() != load->getBlock())
      return true;
    for (tile::StoreOp store : stores) {
      int at = firstOf(store);
      if (at > firstOf(load) && at < lastOf(reader) && store != reader)
        return true;
      // A store of the same place reads each element before it writes it.
      if (store == reader &&
          (store.getIndices() != load.getIndices() || store.getTile().getType() != load.getTile().getType()))
        return true;
    }
  }
  return false;
}

void KernelPlan::readers(Value tile, llvm::SetVector<Operation *> &into) {
  for (Operation *user : tile.getUsers()) {
    if (isa<scf::ForOp, scf::YieldOp>(user) || user->getNumResults() == 0) {
      into.insert(user);
      continue;
    }
    // Decisions run in program order; a user that is not decided yet counts both ways.
    for (Value result : user->getResults())
      if (isTile(result) && !buffers.contains(result)) {
        if (!into.contains(user))
          readers(result, into);
      }
    into.insert(user);
  }
}

void KernelPlan::argumentsRead(Value tile, scf::ForOp loop, llvm::SmallDenseSet<unsigned> &into) {
  if (auto argument = dyn_cast<BlockArgument>(tile)) {
    if (argument.getOwner() == loop.getBody() && argument.getArgNumber() > 0)
      into.insert(argument.getArgNumber() - 1);
    return;
  }
  if (buffers.contains(tile))
    return;
  for (Value operand : tile.getDefiningOp()->getOperands())
    if (isTile(operand))
      argumentsRead(operand, loop, into);
}

/// True where the op that defines what is yielded can write the argument's buffer directly: nothing reads the
/// argument later, and the op itself reads it element by element only.
bool KernelPlan::canComputeInPlace(scf::ForOp loop, unsigned index) {
  Value yielded = loop.getYieldedValues()[index];
  Operation *op = yielded.getDefiningOp();
  if (!op || op->getBlock() != loop.getBody() || !buffers.contains(yielded) || isa<scf::ForOp, scf::IfOp>(op) ||
      llvm::count(loop.getYieldedValues(), yielded) != 1)
    return false;
  bool elementwise = !isa<tile::TileDialect>(op->getDialect()) || isa<tile::LoadOp>(op);
  auto dot = dyn_cast<tile::DotOp>(op);
  if (!elementwise && !dot)
    return false;
  Value argument = loop.getRegionIterArgs()[index];
  if (dot && (dot.getA() == argument || dot.getB() == argument))
    return false;
  llvm::SetVector<Operation *> found;
  readers(argument, found);
  return llvm::all_of(found, [&](Operation *reader) {
    Operation *here = loop.getBody()->findAncestorOpInBlock(*reader);
    return here == op || (here && lastOf(here) < firstOf(op));
  });
}

void KernelPlan::planLoop(scf::ForOp loop) {
  SmallVector<YieldStep> &steps = yields[loop];
  SmallVector<unsigned> left;
  for (auto [i, argument] : llvm::enumerate(loop.getRegionIterArgs())) {
    if (!isTile(argument) || loop.getYieldedValues()[i] == argument)
      continue;
    if (canComputeInPlace(loop, i))
      buffers[loop.getYieldedValues()[i]] = buffers[argument];
    else
      left.push_back(i);
  }
  DenseMap<unsigned, llvm::SmallDenseSet<unsigned>> reads;
  for (unsigned i : left) {
    Value yielded = loop.getYieldedValues()[i];
    auto argument = dyn_cast<BlockArgument>(yielded);
    bool isArgument = argument && argument.getOwner() == loop.getBody();
    if (isArgument || !buffers.contains(yielded))
      argumentsRead(yielded, loop, reads[i]);
  }
  while (!left.empty()) {
    auto it = llvm::find_if(left, [&](unsigned i) {
      return llvm::none_of(left, [&](unsigned other) { return other != i && reads[other].contains(i); });
    });
    if (it != left.end()) {
      steps.push_back({*it});
      left.erase(it);
      continue;
    }
    // Each one left is wanted by another: the first is computed to the side, so that it wants no other.
    unsigned i = left.front();
    steps.push_back({i, newBuffer(loop.getRegionIterArgs()[i].getType())});
    Buffer &temporary = storage.back();
    temporary.start = firstOf(loop.getBody()->getTerminator());
    temporary.end = lastOf(loop.getBody()->getTerminator());
    reads[i].clear();
  }
}

void KernelPlan::planLifetimes() {
  llvm::SmallDenseSet<int> begun;
  auto extend = [&](int id, int start, int end) {
    Buffer &buffer = storage[id];
    bool isNew = begun.insert(id).second;
    buffer.start = isNew ? start : std::min(buffer.start, start);
    buffer.end = isNew ? end : std::max(buffer.end, end);
  };
  auto cover = [&](Value tile, int id) {
    Block *home = tile.getParentBlock();
    Operation *loop = isa<BlockArgument>(tile) ? home->getParentOp() : nullptr;
    int start = firstOf(loop ? loop : tile.getDefiningOp()), end = start;
    if (loop)
      end = lastOf(loop);
    llvm::SetVector<Operation *> found;
    readers(tile, found);
    for (Operation *reader : found)
      if (Operation *here = home->findAncestorOpInBlock(*reader))
        end = std::max(end, lastOf(here));
    extend(id, start, end);
  };
  for (auto [tile, id] : buffers)
    cover(tile, id);
  for (auto [tile, id] : transposes)
    cover(tile, id);
}

void KernelPlan::placeBuffers() {
  // First fit, largest first, among the buffers whose lifetimes overlap.
  SmallVector<Buffer *> order, placed;
  for (Buffer &buffer : storage)
    order.push_back(&buffer);
  llvm::sort(order, [](Buffer *a, Buffer *b) {
    return a->bytes() != b->bytes() ? a->bytes() > b->bytes() : a < b; // all lie in one array
  });
  for (Buffer *buffer : order) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (Buffer *other : placed)
      if (other->start <= buffer->end && buffer->start <= other->end)
        taken.push_back({other->offset, other->offset + other->bytes()});
    llvm::sort(taken);
    int64_t at = 0;
    for (auto [from, to] : taken) {
      if (at + buffer->bytes() <= from)
        break;
      at = std::max(at, to);
    }
    buffer->offset = at;
    total = std::max(total, at + buffer->bytes());
    placed.push_back(buffer);
  }
}

/// What all uses agree on reading of `tile`'s rows: an index, or `all`. Neither, where the uses lead round a
/// loop only.
Value KernelPlan::demand(Value tile, llvm::SmallPtrSetImpl<Operation *> &visiting, bool &all) {
  constexpr int kPatience = 1000; // tiles may be used along many paths
  if (++demandSteps > kPatience)
    all = true;
  Value rows;
  auto want = [&](Value n) {
    if (!n || (rows && rows != n))
      all = true;
    rows = n;
  };
  auto wantLike = [&](Value other) {
    if (Value n = demand(other, visiting, all))
      want(n);
  };
  for (OpOperand &use : tile.getUses()) {
    Operation *user = use.getOwner();
    if (all)
      return {};
    if (auto store = dyn_cast<tile::StoreOp>(user)) {
      want(store.getValid());
    } else if (auto dot = dyn_cast<tile::DotOp>(user)) {
      if (use.getOperandNumber() == 1 || dot.getTransposeA())
        all = true;
      else if (dot.getRows())
        want(dot.getRows());
      else
        wantLike(dot.getResult());
    } else if (auto reduce = dyn_cast<tile::ReduceOp>(user); reduce && reduce.getAxis() == 1) {
      wantLike(reduce.getResult());
    } else if (auto broadcast = dyn_cast<tile::BroadcastOp>(user); broadcast && broadcast.getAxis() == 1) {
      wantLike(broadcast.getResult());
    } else if (auto yield = dyn_cast<scf::YieldOp>(user)) {
      auto loop = dyn_cast<scf::ForOp>(yield->getParentOp());
      if (!loop) {
        all = true;
      } else {
        wantLike(loop.getResult(use.getOperandNumber()));
        if (visiting.insert(yield).second)
          wantLike(loop.getRegionIterArg(use.getOperandNumber()));
      }
    } else if (auto loop = dyn_cast<scf::ForOp>(user)) {
      BlockArgument argument = loop.getTiedLoopRegionIterArg(&use);
      wantLike(loop.getTiedLoopResult(&use));
      if (argument && visiting.insert(loop.getBody()->getTerminator()).second)
        wantLike(argument);
    } else if (!isa<tile::TileDialect>(user->getDialect()) && user->getNumResults() == 1 &&
               isTile(user->getResult(0))) {
      wantLike(user->getResult(0));
    } else {
      all = true;
    }
  }
  return all ? Value() : rows;
}

void KernelPlan::findLiveRows() {
  DominanceInfo dominance(kernel);
  for (auto [tile, id] : buffers) {
    Operation *op = tile.getDefiningOp();
    if (!op)
      continue;
    // A vector's elements are its rows where a reduction along the columns made it.
    if (TileShape(tile.getType()).rows == 1 && !isa<tile::ReduceOp>(op))
      continue;
    bool all = false;
    demandSteps = 0;
    llvm::SmallPtrSet<Operation *, 4> visiting;
    Value rows = demand(tile, visiting, all);
    if (!all && rows && dominance.properlyDominates(rows, op))
      live[tile] = rows;
  }
}
