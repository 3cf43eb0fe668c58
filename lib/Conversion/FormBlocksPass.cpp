// `formBlocks` as a pass, for hybrid-opt: the module becomes its block form.
#include "hybrid/Conversion/Blocks.h"
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Conversion/Passes.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_FORMBLOCKSPASS
#include "hybrid/Conversion/Passes.h.inc"
namespace {
struct FormBlocksPass : impl::FormBlocksPassBase<FormBlocksPass> {
  using FormBlocksPassBase::FormBlocksPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    BlockTarget blockTarget = StringRef(target).starts_with("sm_") ? gpuBlockTarget(target) : x86BlockTarget();
    if (!variant.empty()) {
      llvm::erase_if(blockTarget.variants, [&](const BlockTiles &tiles) { return tiles.variant != variant; });
      if (blockTarget.variants.empty()) {
        module.emitError("expected a variant of decode, short or bulk, got '") << variant << "'";
        return signalPassFailure();
      }
    }
    FailureOr<OwningOpRef<ModuleOp>> blocks = formBlocks(module, blockTarget);
    if (failed(blocks))
      return signalPassFailure();
    module.getBody()->clear();
    module.getBody()->getOperations().splice(module.getBody()->end(), (*blocks)->getBody()->getOperations());
  }
};
} // namespace
} // namespace mlir::hybrid
