// Passes that are wrong on purpose, for those who learn to find such: one on the model form, one on kernels.
#include "dialects/Hybrid/Hybrid.h"
#include "dialects/Tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
using namespace mlir;

namespace {
/// "So small a number cannot matter": it does where it is no longer small.
struct LoosenNorms : PassWrapper<LoosenNorms, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LoosenNorms)
  StringRef getArgument() const override { return "loosen-norms"; }
  StringRef getDescription() const override { return "Give the norms of the second block a large epsilon"; }
  void runOnOperation() override {
    getOperation().walk([](hybrid::NormOp norm) {
      auto layer = norm.getLoc()->findInstanceOf<NameLoc>();
      if (layer && layer.getName().getValue().starts_with("blocks.2."))
        norm.setEps(APFloat(0.5));
    });
  }
};

/// Rotary turns the wrong way, and a softmax takes scores from their maximum.
struct SwapDifferences : PassWrapper<SwapDifferences, OperationPass<tile::KernelOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SwapDifferences)
  StringRef getArgument() const override { return "swap-differences"; }
  StringRef getDescription() const override { return "Swap the operands of subtractions in kernels of attention"; }
  void runOnOperation() override {
    if (getOperation().getSymName().starts_with("attention"))
      getOperation().walk([](arith::SubFOp op) { op->setOperands({op.getRhs(), op.getLhs()}); });
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "plant-faults", LLVM_VERSION_STRING, [] {
            PassRegistration<LoosenNorms>();
            PassRegistration<SwapDifferences>();
          }};
}
