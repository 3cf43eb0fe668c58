// Software pipelining of the loads that feed products.
//
// With N stages, iteration i waits for its own group of copies, which was issued N - 1 iterations ago, then
// issues the copies of iteration i + N - 1 into the slot that iteration i - 1 read. That slot is free because
// the wait at the head of iteration i is a barrier that all threads reach after their reads of iteration i
// - 1. One group is committed per iteration even when it is empty, so that the number of groups under way is
// always the same.
#include "dialects/Tile/TileAccess.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_PIPELINELOADSPASS
#include "hybrid/Target/Passes.h.inc"
} // namespace mlir::hybrid

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

namespace {

/// Collects, in order, the ops of the loop's body that compute `value`. Fails where one cannot be repeated
/// for a later iteration: it depends on a loop-carried value, or reads memory that the kernel writes.
LogicalResult addressSlice(scf::ForOp loop, Value value, llvm::SetVector<Operation *> &slice) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return success(argument.getOwner() != loop.getBody() || value == loop.getInductionVar());
  Operation *op = value.getDefiningOp();
  if (!loop->isProperAncestor(op) || slice.contains(op))
    return success();
  bool repeatable = op->getNumRegions() == 0 && op->getBlock() == loop.getBody() &&
                    (isPure(op) || (isa<memref::LoadOp>(op) && isReadOnly(op->getOperand(0))));
  if (!repeatable)
    return failure();
  for (Value operand : op->getOperands())
    if (failed(addressSlice(loop, operand, slice)))
      return failure();
  slice.insert(op);
  return success();
}

int64_t slotBytes(RankedTensorType type) {
  return cast<SharedAttr>(type.getEncoding()).getLayout().bytes(type.getShape());
}

struct Ring {
  LoadOp load;
  Value buffer;
};

class Pipeliner {
public:
  Pipeliner(scf::ForOp loop, int64_t stages, int64_t budget) : loop(loop), stages(stages), budget(budget) {}

  bool run() {
    for (auto load : loop.getBody()->getOps<LoadOp>()) {
      auto type = cast<RankedTensorType>(load.getTile().getType());
      if (!isa_and_nonnull<SharedAttr>(type.getEncoding()) || !isReadOnly(load.getMemory()) ||
          !copiesInChunks(cast<MemRefType>(load.getMemory().getType()), load.getIndices(), type))
        continue;
      if (llvm::any_of(load->getOperands(), [&](Value v) { return failed(addressSlice(loop, v, slice)); }))
        continue;
      rings.push_back({load, {}});
    }
    int64_t bytes = 0;
    for (Ring &r : rings)
      bytes += slotBytes(cast<RankedTensorType>(r.load.getTile().getType()));
    if (rings.empty())
      return false;
    stages = std::min(stages, budget / bytes);
    if (stages < 2)
      return false;
    emit();
    return true;
  }

private:
  /// Copies of one iteration, where there is one.
  void issue(OpBuilder &b, Value iteration, Value slot) {
    Location loc = loop.getLoc();
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, iteration, loop.getUpperBound());
    auto branch = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
    OpBuilder inner = branch.getThenBodyBuilder();
    IRMapping map;
    map.map(loop.getInductionVar(), iteration);
    for (Operation *op : slice)
      inner.clone(*op, map);
    for (Ring &r : rings) {
      LoadOp load = r.load;
      SmallVector<Value> indices;
      for (Value index : load.getIndices())
        indices.push_back(map.lookupOrDefault(index));
      auto mapped = [&](Value v) { return v ? map.lookupOrDefault(v) : Value(); };
      CopyAsyncOp::create(inner, load.getLoc(), load.getMemory(), indices, mapped(load.getFrom()),
                          mapped(load.getValid()), r.buffer, slot, load.getValidColumnsAttr());
    }
    CommitOp::create(b, loc);
  }

  void emit() {
    Location loc = loop.getLoc();
    OpBuilder b(loop);
    auto constant = [&](OpBuilder &at, int64_t n) -> Value { return arith::ConstantIndexOp::create(at, loc, n); };
    for (Ring &r : rings) {
      auto type = cast<RankedTensorType>(r.load.getTile().getType());
      SmallVector<int64_t> shape = {stages};
      llvm::append_range(shape, type.getShape());
      r.buffer =
          BufferOp::create(b, r.load.getLoc(), RankedTensorType::get(shape, type.getElementType(), type.getEncoding()));
    }
    // Around an outer loop, the last reads of the previous turn come first.
    BarrierOp::create(b, loc);
    for (int64_t s = 0; s < stages - 1; ++s) {
      Value ahead = arith::MulIOp::create(b, loc, loop.getStep(), constant(b, s));
      issue(b, arith::AddIOp::create(b, loc, loop.getLowerBound(), ahead), constant(b, s));
    }
    Value zero = constant(b, 0), one = constant(b, 1), wrap = constant(b, stages), last = constant(b, stages - 1);
    Value ahead = arith::MulIOp::create(b, loc, loop.getStep(), last);

    SmallVector<Value> inits(loop.getInitArgs());
    inits.append({zero, last});
    auto next = scf::ForOp::create(b, loc, loop.getLowerBound(), loop.getUpperBound(), loop.getStep(), inits);
    next->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    unsigned carried = loop.getInitArgs().size();
    Value read = next.getRegionIterArg(carried), write = next.getRegionIterArg(carried + 1);

    OpBuilder head(next.getBody(), next.getBody()->begin());
    WaitOp::create(head, loc, stages - 2);
    issue(head, arith::AddIOp::create(head, loc, next.getInductionVar(), ahead), write);
    for (Ring &r : rings) {
      Value tile = SlotOp::create(head, r.load.getLoc(), r.load.getTile().getType(), r.buffer, read);
      r.load.getTile().replaceAllUsesWith(tile);
      r.load.erase();
    }
    loop.getInductionVar().replaceAllUsesWith(next.getInductionVar());
    for (unsigned i = 0; i < carried; ++i)
      loop.getRegionIterArg(i).replaceAllUsesWith(next.getRegionIterArg(i));
    Block *body = loop.getBody();
    auto yield = cast<scf::YieldOp>(body->getTerminator());
    SmallVector<Value> yields(yield.getOperands());
    yield.erase();
    next.getBody()->getOperations().splice(next.getBody()->end(), body->getOperations());

    OpBuilder tail = OpBuilder::atBlockEnd(next.getBody());
    for (Value turn : {read, write}) {
      Value up = arith::AddIOp::create(tail, loc, turn, one);
      Value full = arith::CmpIOp::create(tail, loc, arith::CmpIPredicate::eq, up, wrap);
      yields.push_back(arith::SelectOp::create(tail, loc, full, zero, up));
    }
    scf::YieldOp::create(tail, loc, yields);
    for (unsigned i = 0; i < carried; ++i)
      loop.getResult(i).replaceAllUsesWith(next.getResult(i));
    loop.erase();
  }

  scf::ForOp loop;
  int64_t stages, budget;
  SmallVector<Ring> rings;
  llvm::SetVector<Operation *> slice;
};

struct PipelineLoads : hybrid::impl::PipelineLoadsPassBase<PipelineLoads> {
  using PipelineLoadsPassBase::PipelineLoadsPassBase;

  void runOnOperation() override {
    SmallVector<std::pair<scf::ForOp, int64_t>> loops;
    for (auto kernel : getOperation().getOps<KernelOp>()) {
      int64_t most = stages;
      if (auto stated = kernel->getAttrOfType<IntegerAttr>(kStagesAttr))
        most = std::min(most, stated.getInt());
      kernel.walk([&](scf::ForOp loop) { loops.push_back({loop, most}); });
    }
    for (auto [loop, most] : loops)
      numLoops += Pipeliner(loop, most, budget).run();
  }
};
} // namespace
