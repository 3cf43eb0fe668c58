// Checks what the block form promises beyond its ops' own verifiers.
//
//   1. A module holds kernels, variants and parameters, nothing else.
//   2. A kernel's body is made of arith, math, scf, tensor.splat, memref.load and the tile dialect: everything that a
//      target has to know.
//   3. A launch reads only buffers that an earlier launch wrote, and no two launches write the same buffer: memory is
//      planned from that.
//   4. Each variant writes its logits.
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Conversion/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_VERIFYBLOCKFORMPASS
#include "hybrid/Conversion/Passes.h.inc"
namespace {

LogicalResult verifyKernel(tile::KernelOp kernel) {
  WalkResult result = kernel.walk([&](Operation *op) {
    StringRef dialect = op->getDialect() ? op->getDialect()->getNamespace() : "";
    bool known = op == kernel || dialect == "tile" || dialect == "arith" || dialect == "math" || dialect == "scf" ||
                 isa<tensor::SplatOp, memref::LoadOp>(op);
    if (known)
      return WalkResult::advance();
    op->emitOpError("expected ops of arith, math, scf and tile, tensor.splat or memref.load in a kernel");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult verifyVariant(schedule::VariantOp variant) {
  llvm::DenseSet<Value> written;
  Value logits;
  for (Operation &op : variant.getBody().front()) {
    if (auto input = dyn_cast<schedule::InputOp>(op); input && input.getKind() == "logits")
      logits = input.getMemory();
    auto launch = dyn_cast<schedule::LaunchOp>(op);
    if (!launch)
      continue;
    auto kernel = SymbolTable::lookupNearestSymbolFrom<tile::KernelOp>(variant, launch.getKernelAttr());
    SmallVector<Value> writes;
    unsigned operand = 0;
    for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      if (!isa<MemRefType>(type))
        continue;
      Value memory = launch.getOperands()[operand++];
      bool isBuffer = memory.getDefiningOp<schedule::BufferOp>() != nullptr;
      if (kernel.getArgAttr(i, tile::kWrittenAttr)) {
        if (isBuffer && written.contains(memory))
          return launch.emitOpError("expected each buffer to be written by one launch, but operand ")
                 << operand - 1 << " was written before";
        writes.push_back(memory);
      } else if (isBuffer && !written.contains(memory)) {
        return launch.emitOpError("expected operand ") << operand - 1 << " to be written by an earlier launch";
      }
    }
    written.insert(writes.begin(), writes.end());
  }
  if (!logits || !written.contains(logits))
    return variant.emitOpError("expected a launch that writes the logits");
  return success();
}

struct VerifyBlockFormPass : impl::VerifyBlockFormPassBase<VerifyBlockFormPass> {
  void runOnOperation() override {
    for (Operation &op : *getOperation().getBody()) {
      LogicalResult result = success();
      if (auto kernel = dyn_cast<tile::KernelOp>(op))
        result = verifyKernel(kernel);
      else if (auto variant = dyn_cast<schedule::VariantOp>(op))
        result = verifyVariant(variant);
      else if (!isa<ml_program::GlobalOp>(op))
        result = op.emitOpError("expected only kernels, variants and parameters in the block form");
      if (failed(result))
        return signalPassFailure();
    }
  }
};
} // namespace
} // namespace mlir::hybrid
