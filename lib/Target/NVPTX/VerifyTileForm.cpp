// What the expansion to nvvm relies on, checked: every message names the op, what it has and what it needs.
#include "dialects/Tile/Tile.h"
#include "hybrid/Target/Passes.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_VERIFYGPUTILEFORMPASS
#include "hybrid/Target/Passes.h.inc"
} // namespace mlir::hybrid

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

static LayoutAttr layoutOf(Value v) {
  return dyn_cast_or_null<LayoutAttr>(cast<RankedTensorType>(v.getType()).getEncoding());
}

static bool inShared(Value v) { return isa_and_nonnull<SharedAttr>(cast<RankedTensorType>(v.getType()).getEncoding()); }

static LogicalResult verifyValue(Value v, int64_t warps) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  if (!type)
    return success();
  if (auto shared = dyn_cast_or_null<SharedAttr>(type.getEncoding())) {
    SharedLayout layout = shared.getLayout();
    int64_t row = type.getShape().back() * ((type.getElementTypeBitWidth() + 7) / 8);
    if (layout.pitch < row || layout.pitch % 16 || layout.mask < 0 || layout.mask > 7 || layout.shift < 0 ||
        layout.shift > 3 || (layout.mask && layout.pitch % ((layout.mask + 1) * 16)))
      return emitError(v.getLoc()) << "expected rows of at least " << row << " bytes in whole swizzled lines, got "
                                   << type;
    return success();
  }
  auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
  if (!layout)
    return emitError(v.getLoc()) << "expected a layout on every tile, got " << type
                                 << "; run hybrid-assign-layouts first";
  if (layout.getLayout().numWarps() != warps || !layout.getLayout().covers(type.getShape()))
    return emitError(v.getLoc()) << "expected a layout that covers the tile with " << warps
                                 << " warps of 32 lanes, got " << type;
  return success();
}

static LogicalResult verifyOp(Operation *op, int64_t warps) {
  auto needsSlice = [&](Value vector, Value tile, int axis) -> LogicalResult {
    auto layout = layoutOf(vector), whole = layoutOf(tile);
    if (layout && whole && layout.getLayout() == whole.getLayout().slice(axis))
      return success();
    return op->emitOpError("expected a vector laid out as the slice of ")
           << tile.getType() << " without axis " << axis << ", got " << vector.getType();
  };
  auto needsRegisters = [&](Value v) -> LogicalResult {
    return layoutOf(v) ? success() : op->emitOpError("expected a tile in registers, got ") << v.getType();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ReduceOp op) { return needsSlice(op.getResult(), op.getTile(), op.getAxis()); })
      .Case([&](BroadcastOp op) { return needsSlice(op.getVector(), op.getResult(), op.getAxis()); })
      .Case([&](GatherOp op) { return needsSlice(op.getRows(), op.getTile(), 1); })
      .Case([&](TransposeOp op) -> LogicalResult {
        auto from = layoutOf(op.getTile()), to = layoutOf(op.getResult());
        if (from && to && from.getLayout().transposed() == to.getLayout())
          return success();
        return op.emitOpError("expected the operand's layout with its axes swapped, got ")
               << op.getTile().getType() << " and " << op.getResult().getType();
      })
      .Case([&](StoreOp op) { return needsRegisters(op.getTile()); })
      .Case([&](DotOp op) -> LogicalResult {
        if (failed(needsRegisters(op.getAcc())))
          return failure();
        auto shape = cast<RankedTensorType>(op.getAcc().getType()).getShape();
        int64_t k = cast<RankedTensorType>(op.getA().getType()).getShape()[!op.getTransposeA()];
        const Layout &acc = layoutOf(op.getAcc()).getLayout();
        int64_t down = 1, across = 1;
        for (const Digit &d : acc.getWarps())
          (d.axis == 0 ? down : across) *= d.axis < 0 ? 1 : d.extent;
        bool blocks = shape[0] % (16 * down) == 0 && shape[1] % (8 * across) == 0 && k % 16 == 0;
        if (layoutOf(op.getA()) && (!blocks || op.getTransposeA() ||
                                    layoutOf(op.getA()).getLayout() != Layout::operandA({shape[0], k}, down, warps)))
          return op.emitOpError("expected 'a' in shared memory or in fragments of mma.sync, got ")
                 << op.getA().getType();
        if (layoutOf(op.getB()) &&
            (!blocks || op.getTransposeB() ||
             layoutOf(op.getB()).getLayout() != Layout::operandB({k, shape[1]}, down, across, warps)))
          return op.emitOpError("expected 'b' in shared memory or in fragments of mma.sync, got ")
                 << op.getB().getType();
        bool fragments = layoutOf(op.getA()) || layoutOf(op.getB());
        if (fragments && (!blocks || acc != Layout::accumulator(shape, down, across, warps)))
          return op.emitOpError("expected the accumulator of mma.sync for operands in fragments, got ")
                 << op.getAcc().getType();
        return success();
      })
      .Case<LoadOp, ConvertOp, BufferOp, SlotOp, CopyAsyncOp>([](auto) { return success(); })
      .Default([&](Operation *op) -> LogicalResult {
        for (Value v : op->getOperands())
          if (isa<RankedTensorType>(v.getType()) && inShared(v))
            return op->emitOpError("expected a tile in registers, got ") << v.getType();
        return success();
      });
}

namespace {
struct VerifyGPUTileForm : hybrid::impl::VerifyGPUTileFormPassBase<VerifyGPUTileForm> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<KernelOp>()) {
      auto stated = kernel->getAttrOfType<IntegerAttr>(kWarpsAttr);
      if (!stated) {
        kernel.emitOpError("expected '") << kWarpsAttr << "'; run hybrid-assign-layouts first";
        return signalPassFailure();
      }
      int64_t warps = stated.getInt();
      auto result = kernel.walk([&](Operation *op) -> WalkResult {
        for (Value v : op->getResults())
          if (failed(verifyValue(v, warps)))
            return WalkResult::interrupt();
        for (Region &region : op->getRegions())
          for (Block &block : region)
            for (Value v : block.getArguments())
              if (failed(verifyValue(v, warps)))
                return WalkResult::interrupt();
        return verifyOp(op, warps);
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
