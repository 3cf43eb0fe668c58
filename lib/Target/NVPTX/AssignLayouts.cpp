// Gives every tile of a kernel a layout.
//
// Values that meet in one elementwise op, loop-carried value or accumulator must agree, so they form a class,
// found by union-find; a class has one layout:
//   * with the result of a product in it: the accumulator of mma.sync, or squares for plain multiply-adds
//   * other tiles of rank 2: blocked, for wide and coalesced loads and stores
//   * vectors: the slice of a tile that they are reduced from or broadcast to
// Operands of products lie in shared memory, where loads put them without passing through registers; a left
// operand that some lane already holds in its accumulator (attention's probabilities) stays in registers.
// What still differs is bridged by `tile.convert`.
#include "dialects/Tile/Tile.h"
#include "dialects/Tile/TileAccess.h"
#include "hybrid/Target/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "hybrid/Target/Passes.h.inc"
} // namespace mlir::hybrid

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

namespace {

RankedTensorType tileType(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

int64_t elementBytes(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }

int64_t powerDivisor(int64_t n, int64_t limit) {
  int64_t p = 1;
  while (2 * p <= limit && n % (2 * p) == 0)
    p *= 2;
  return p;
}

struct Product {
  int64_t m, n, k;
  bool matrixUnit; // mma.sync m16n8k16 can do it
};

Product productOf(DotOp op) {
  auto a = tileType(op.getA()).getShape(), acc = tileType(op.getAcc()).getShape();
  Product p = {acc[0], acc[1], a[!op.getTransposeA()], false};
  Type element = tileType(op.getA()).getElementType();
  p.matrixUnit = element.getIntOrFloatBitWidth() == 16 && p.m % 16 == 0 && p.n % 8 == 0 && p.k % 16 == 0;
  return p;
}

class Assigner {
public:
  explicit Assigner(KernelOp kernel) : kernel(kernel) {}
  LogicalResult run();

private:
  void foldTransposes();
  void splitCheapValues();
  void placeOperands();
  LogicalResult number();
  LogicalResult connect();
  void chooseWarps();
  void chooseLayouts();
  void setTypes();
  void bridge();
  void sink();

  struct Class {
    SmallVector<int64_t> shape;
    int64_t narrowest = 4; // bytes of the narrowest element, which sets a vector's width
    std::optional<Layout> layout;
  };

  void join(Value a, Value b) { classes.join(ids[a], ids[b]); }
  Class &classOf(Value v) { return info[classes[ids[v]]]; }
  Layout accumulator(const Product &p);
  Type encoded(RankedTensorType type, const Layout &layout) {
    return RankedTensorType::get(type.getShape(), type.getElementType(), LayoutAttr::get(type.getContext(), layout));
  }
  Type shared(RankedTensorType type) {
    SharedLayout s = SharedLayout::choose(type.getShape(), elementBytes(type.getElementType()));
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 SharedAttr::get(type.getContext(), s.pitch, s.mask, s.shift));
  }
  Value convert(OpBuilder &builder, Value value, Type type) {
    return ConvertOp::create(builder, value.getLoc(), type, value);
  }
  Layout layoutOf(Value v) { return cast<LayoutAttr>(tileType(v).getEncoding()).getLayout(); }

  KernelOp kernel;
  int64_t warps = 4;
  bool rowsFirst = false; // whole rows in one warp, so that reductions and chained products stay within it
  llvm::MapVector<Value, unsigned> ids;
  llvm::IntEqClasses classes;
  std::vector<Class> info;
  llvm::DenseSet<Value> inShared; // loads and conversions that end in shared memory
};

/// dot (transpose x), y -> dot x, y with the flag flipped.
void Assigner::foldTransposes() {
  kernel.walk([](DotOp op) {
    if (auto t = op.getA().getDefiningOp<TransposeOp>()) {
      op.getAMutable().assign(t.getTile());
      op.setTransposeA(!op.getTransposeA());
    }
    if (auto t = op.getB().getDefiningOp<TransposeOp>()) {
      op.getBMutable().assign(t.getTile());
      op.setTransposeB(!op.getTransposeB());
    }
  });
  kernel.walk([](TransposeOp op) {
    if (op.use_empty())
      op.erase();
  });
}

/// A constant belongs to no class: each use gets its own copy, in whatever layout.
void Assigner::splitCheapValues() {
  SmallVector<Operation *> cheap;
  kernel.walk([&](Operation *op) {
    if (isa<arith::ConstantOp, tensor::SplatOp, IndexOp>(op) && tileType(op->getResult(0)))
      cheap.push_back(op);
  });
  for (Operation *op : cheap)
    for (OpOperand &use : llvm::make_early_inc_range(op->getResult(0).getUses())) {
      if (op->hasOneUse())
        break;
      OpBuilder builder(op);
      use.set(builder.clone(*op)->getResult(0));
    }
}

/// Puts operands of products in shared memory: a load directly, anything else by a conversion.
void Assigner::placeOperands() {
  llvm::DenseMap<Value, Value> converted;
  kernel.walk([&](DotOp op) {
    for (OpOperand *operand : {&op.getAMutable(), &op.getBMutable()}) {
      Value value = operand->get();
      if (auto load = value.getDefiningOp<LoadOp>();
          load && cast<MemRefType>(load.getMemory().getType()).getRank() == 2) {
        inShared.insert(value);
        continue;
      }
      Value &copy = converted[value];
      // A copy of a loop-carried value or of a value from outside serves all products that follow its
      // definition.
      if (!copy) {
        OpBuilder builder(op);
        builder.setInsertionPointAfterValue(value);
        copy = convert(builder, value, value.getType());
        inShared.insert(copy);
      }
      operand->set(copy);
    }
  });
  for (Value value : llvm::to_vector(inShared)) {
    auto load = value.getDefiningOp<LoadOp>();
    if (!load)
      continue;
    SmallVector<OpOperand *> others;
    for (OpOperand &use : value.getUses())
      if (!isa<DotOp>(use.getOwner()) || use.getOperandNumber() > 1)
        others.push_back(&use);
    if (others.empty())
      continue;
    OpBuilder builder(load);
    builder.setInsertionPointAfter(load);
    Value copy = convert(builder, value, value.getType());
    for (OpOperand *use : others)
      use->set(copy);
  }
}

LogicalResult Assigner::number() {
  bool bad = false;
  auto add = [&](Value v) {
    auto type = tileType(v);
    if (!type || bad)
      return;
    if (type.getRank() < 1 || type.getRank() > 2) {
      emitError(v.getLoc()) << "expected tiles of rank 1 or 2 in a GPU kernel, got " << type;
      bad = true;
      return;
    }
    ids.insert({v, unsigned(ids.size())});
  };
  kernel.walk([&](Operation *op) {
    for (Value v : op->getResults())
      add(v);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Value v : block.getArguments())
          add(v);
  });
  classes.grow(ids.size());
  return failure(bad);
}

LogicalResult Assigner::connect() {
  auto result = kernel.walk([&](Operation *op) -> WalkResult {
    auto joinAll = [&](ValueRange values) {
      Value first;
      for (Value v : values)
        if (tileType(v)) {
          if (first)
            join(first, v);
          else
            first = v;
        }
    };
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      for (auto [i, result] : llvm::enumerate(loop.getResults()))
        joinAll({result, loop.getInitArgs()[i], loop.getRegionIterArg(i), loop.getYieldedValues()[i]});
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      for (auto [i, result] : llvm::enumerate(branch.getResults()))
        joinAll({result, branch.thenYield().getOperand(i), branch.elseYield().getOperand(i)});
    } else if (auto dot = dyn_cast<DotOp>(op)) {
      join(dot.getAcc(), dot.getResult());
    } else if (auto sum = dyn_cast<PrefixSumOp>(op)) {
      join(sum.getVector(), sum.getResult());
    } else if (auto solve = dyn_cast<SolveOp>(op)) {
      join(solve.getRhs(), solve.getResult());
    } else if (op->hasTrait<OpTrait::Elementwise>()) {
      joinAll(
          llvm::to_vector(llvm::concat<Value>(llvm::to_vector(op->getOperands()), llvm::to_vector(op->getResults()))));
    } else if (!isa<arith::ConstantOp, tensor::SplatOp, scf::YieldOp, LoadOp, StoreOp, GatherOp, TransposeOp,
                    BroadcastOp, IndexOp, ReduceOp, SegmentSumOp, ConvertOp>(op)) {
      auto touches = [](ValueRange values) { return llvm::any_of(values, [](Value v) { return bool(tileType(v)); }); };
      if (touches(op->getOperands()) || touches(op->getResults()))
        return op->emitOpError("is not supported on tiles in a GPU kernel");
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  classes.compress();
  info.resize(classes.getNumClasses());
  for (auto [v, id] : ids) {
    Class &c = classOf(v);
    c.shape = SmallVector<int64_t>(tileType(v).getShape());
    Type element = tileType(v).getElementType();
    if (element.getIntOrFloatBitWidth() > 1)
      c.narrowest = std::min(c.narrowest, elementBytes(element));
  }
  return success();
}

void Assigner::chooseWarps() {
  int64_t products = 0, accumulators = 0, largest = 0, rows = 0;
  kernel.walk([&](Operation *op) {
    if (auto dot = dyn_cast<DotOp>(op)) {
      ++products;
      auto shape = tileType(dot.getAcc()).getShape();
      // A product that goes on with another's result reuses its registers.
      if (!dot.getAcc().getDefiningOp<DotOp>())
        accumulators += shape[0] * shape[1];
      rows = std::max(rows, shape[0]);
    }
    for (Value v : op->getResults())
      if (tileType(v))
        largest = std::max(largest, tileType(v).getNumElements());
  });
  bool reduces = false, chained = false;
  // A reduction beside a product runs as often as it does; one behind the product's loop need not stay in a warp.
  kernel.walk([&](ReduceOp op) { reduces |= op.getAxis() == 1 && !op->getBlock()->getOps<DotOp>().empty(); });
  kernel.walk([&](DotOp op) { chained |= !op.getA().getDefiningOp<LoadOp>(); });
  rowsFirst = products && (reduces || (chained && products > 1));
  if (auto stated = kernel->getAttrOfType<IntegerAttr>(kWarpsAttr)) {
    warps = stated.getInt();
    return;
  }
  // About half of a thread's 255 registers may hold accumulators, a quarter of them one tile of a row kernel.
  int64_t perThread = products ? accumulators / 128 : largest / 64;
  while (warps < (products ? 8 : 16) && perThread > 128 * warps / 4 && (!rowsFirst || rows >= 32 * warps))
    warps *= 2;
  kernel->setAttr(kWarpsAttr, IntegerAttr::get(IntegerType::get(kernel.getContext(), 64), warps));
}

Layout Assigner::accumulator(const Product &p) {
  if (!p.matrixUnit)
    return Layout::multiplyAdd({p.m, p.n}, warps);
  int64_t bestDown = powerDivisor(p.m / 16, warps), bestAcross = powerDivisor(p.n / 8, warps / bestDown);
  if (!rowsFirst)
    for (int64_t down = bestDown; down >= 1; down /= 2) {
      // Fragments that a warp reads per step of k: prefer more warps at work, then the squarer share.
      int64_t across = powerDivisor(p.n / 8, warps / down);
      auto cost = [&](int64_t d, int64_t a) { return p.m / d + p.n / a; };
      if (down * across > bestDown * bestAcross ||
          (down * across == bestDown * bestAcross && cost(down, across) < cost(bestDown, bestAcross)))
        bestDown = down, bestAcross = across;
    }
  return Layout::accumulator({p.m, p.n}, bestDown, bestAcross, warps);
}

void Assigner::chooseLayouts() {
  kernel.walk([&](DotOp op) {
    Class &c = classOf(op.getResult());
    Product p = productOf(op);
    if (!c.layout || p.matrixUnit)
      c.layout = accumulator(p);
  });
  // Vectors beside a product first: the others follow whatever the rest of the kernel does.
  auto follow = [&](Value vector, Value tile, int axis) {
    Class &c = classOf(vector);
    if (!c.layout && classOf(tile).layout)
      c.layout = classOf(tile).layout->slice(axis);
  };
  auto followAll = [&] {
    kernel.walk([&](Operation *op) {
      if (auto reduce = dyn_cast<ReduceOp>(op))
        follow(reduce.getResult(), reduce.getTile(), reduce.getAxis());
      else if (auto broadcast = dyn_cast<BroadcastOp>(op))
        follow(broadcast.getVector(), broadcast.getResult(), broadcast.getAxis());
      else if (auto gather = dyn_cast<GatherOp>(op))
        follow(gather.getRows(), gather.getTile(), 1);
    });
  };
  followAll();
  for (Class &c : info)
    if (c.shape.size() == 2 && !c.layout)
      c.layout = Layout::blocked(c.shape, 16 / c.narrowest, warps);
  followAll();
  for (Class &c : info)
    if (!c.layout)
      c.layout = Layout::blocked(c.shape, 1, warps);
}

void Assigner::setTypes() {
  for (auto [v, id] : ids) {
    auto type = tileType(v);
    v.setType(inShared.contains(v) ? shared(type) : encoded(type, *classOf(v).layout));
    if (auto constant = v.getDefiningOp<arith::ConstantOp>())
      if (auto elements = dyn_cast<DenseElementsAttr>(constant.getValue()))
        constant.setValueAttr(elements.reshape(cast<ShapedType>(v.getType())));
  }
}

/// Inserts what is missing where an op ties two classes together in one fixed way.
void Assigner::bridge() {
  OpBuilder builder(kernel.getContext());
  auto want = [&](OpOperand &operand, const Layout &layout) {
    Type type = encoded(tileType(operand.get()), layout);
    if (operand.get().getType() == type)
      return;
    builder.setInsertionPoint(operand.getOwner());
    operand.set(convert(builder, operand.get(), type));
  };
  auto give = [&](Value result, const Layout &layout) {
    Type type = encoded(tileType(result), layout), wanted = result.getType();
    if (type == wanted)
      return;
    result.setType(type);
    builder.setInsertionPointAfterValue(result);
    Value copy = convert(builder, result, wanted);
    result.replaceAllUsesExcept(copy, copy.getDefiningOp());
  };
  kernel.walk([&](Operation *op) {
    if (auto reduce = dyn_cast<ReduceOp>(op))
      give(reduce.getResult(), layoutOf(reduce.getTile()).slice(reduce.getAxis()));
    else if (auto broadcast = dyn_cast<BroadcastOp>(op))
      want(broadcast.getVectorMutable(), layoutOf(broadcast.getResult()).slice(broadcast.getAxis()));
    else if (auto gather = dyn_cast<GatherOp>(op))
      want(gather.getRowsMutable(), layoutOf(gather.getTile()).slice(1));
    else if (auto transpose = dyn_cast<TransposeOp>(op))
      give(transpose.getResult(), layoutOf(transpose.getTile()).transposed());
    else if (auto dot = dyn_cast<DotOp>(op)) {
      Layout layout = accumulator(productOf(dot));
      want(dot.getAccMutable(), layout);
      give(dot.getResult(), layout);
    }
  });
  // A left operand that its lanes hold already needs no shared memory.
  kernel.walk([&](DotOp op) {
    auto placed = op.getA().getDefiningOp<ConvertOp>();
    Product p = productOf(op);
    if (!placed || !p.matrixUnit || op.getTransposeA() || !isa<LayoutAttr>(tileType(placed.getTile()).getEncoding()))
      return;
    int64_t down = 1;
    Layout acc = layoutOf(op.getAcc());
    for (const Digit &d : acc.getWarps())
      if (d.axis == 0)
        down = d.extent;
    Layout fragments = Layout::operandA({p.m, p.k}, down, warps);
    if (!layoutOf(placed.getTile()).registerMap(fragments))
      return;
    builder.setInsertionPoint(op);
    op.getAMutable().assign(convert(builder, placed.getTile(), encoded(tileType(placed.getTile()), fragments)));
    if (placed->use_empty())
      placed.erase();
  });
}

static bool passesLoop(Operation *from, Operation *to) {
  for (Operation *op = from->getNextNode(); op != to; op = op->getNextNode())
    if (isa<scf::ForOp>(op))
      return true;
  return false;
}

/// Moves ops that make more registers of what they read (copies out of shared memory, widenings, broadcasts)
/// down to their first use, and loads past loops that do not use them: a residual must not lie in registers
/// while a product runs over its depth. Neither LLVM nor ptxas moves them over a barrier, and a block former
/// puts them beside the loads.
void Assigner::sink() {
  kernel.walk([&](Block *block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block))) {
      auto copy = dyn_cast<ConvertOp>(op);
      bool reads = copy && isa<SharedAttr>(tileType(copy.getTile()).getEncoding());
      auto load = dyn_cast<LoadOp>(op);
      bool loads = load && isReadOnly(load.getMemory()) && isa<LayoutAttr>(tileType(load.getTile()).getEncoding());
      if (!reads && !loads && !isa<arith::ExtFOp, BroadcastOp, IndexOp, tensor::SplatOp>(op))
        continue;
      Operation *first = nullptr;
      for (Operation *user : op.getUsers()) {
        Operation *here = block->findAncestorOpInBlock(*user);
        if (here && (!first || here->isBeforeInBlock(first)))
          first = here;
      }
      // A load hides its latency best where it stands, unless it is held through a loop.
      if (loads && first && !passesLoop(&op, first))
        continue;
      // Into a loop it would be repeated; in front of it, it stays alive throughout all the same.
      if (first)
        op.moveBefore(first);
    }
  });
}

LogicalResult Assigner::run() {
  if (auto stated = kernel->getAttr(kWarpsAttr)) {
    auto number = dyn_cast<IntegerAttr>(stated);
    if (!number || number.getInt() < 1 || number.getInt() > 32 || !llvm::isPowerOf2_64(number.getInt()))
      return kernel.emitOpError("expected '") << kWarpsAttr << "' to be a power of two from 1 to 32, got " << stated;
  }
  foldTransposes();
  splitCheapValues();
  placeOperands();
  if (failed(number()) || failed(connect()))
    return failure();
  chooseWarps();
  chooseLayouts();
  setTypes();
  bridge();
  sink();
  return success();
}

struct AssignLayouts : hybrid::impl::AssignLayoutsPassBase<AssignLayouts> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<KernelOp>()) {
      bool done = false; // a second run finds encodings and leaves them
      kernel.walk([&](Operation *op) {
        for (Value v : op->getResults())
          done |= tileType(v) && tileType(v).getEncoding();
      });
      if (!done && failed(Assigner(kernel).run()))
        return signalPassFailure();
      numKernels += !done;
    }
  }
};
} // namespace
