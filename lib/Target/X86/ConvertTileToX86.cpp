// hybrid-convert-tile-to-x86: kernels become functions of explicit vector code.
#include "Convert.h"
#include "KernelEmitter.h"
#include "hybrid/Target/Passes.h"
#include "mlir/IR/Iterators.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace mlir::hybrid {
#define GEN_PASS_DEF_CONVERTTILETOX86
#include "hybrid/Target/Passes.h.inc"
} // namespace mlir::hybrid

/// A product of a transposed tile is a product that transposes.
static void foldTransposes(tile::KernelOp kernel) {
  kernel.walk([](tile::DotOp dot) {
    while (auto a = dot.getA().getDefiningOp<tile::TransposeOp>()) {
      dot.getAMutable().assign(a.getTile());
      dot.setTransposeA(!dot.getTransposeA());
    }
    while (auto b = dot.getB().getDefiningOp<tile::TransposeOp>()) {
      dot.getBMutable().assign(b.getTile());
      dot.setTransposeB(!dot.getTransposeB());
    }
  });
}

/// What nobody reads must not be held.
static void eraseDead(tile::KernelOp kernel) {
  bool changed = true;
  while (changed) {
    changed = false;
    kernel.walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
      bool readsOnly = isa<tile::LoadOp, tile::GatherOp, memref::LoadOp>(op);
      if (op->use_empty() && op->getNumResults() && op->getNumRegions() == 0 && (readsOnly || isPure(op))) {
        op->erase();
        changed = true;
      }
    });
  }
}

LogicalResult x86::convertTileToX86(ModuleOp module, CpuLevel level) {
  LevelTraits traits(level);
  SmallVector<tile::KernelOp> kernels(module.getOps<tile::KernelOp>());
  int64_t zeroBytes = 0;
  for (tile::KernelOp kernel : kernels) {
    foldTransposes(kernel);
    eraseDead(kernel);
    kernel->remove(); // its name goes to the function
    LogicalResult emitted = KernelEmitter(kernel, traits, module, zeroBytes).emit();
    kernel->destroy();
    if (failed(emitted))
      return failure();
  }
  if (zeroBytes) {
    OpBuilder b(module.getBodyRegion());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), zeroBytes);
    auto zeros = LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/false, LLVM::Linkage::Internal,
                                        kZeroRow, Attribute(), /*alignment=*/64);
    b.createBlock(&zeros.getInitializerRegion());
    Value zero = LLVM::ZeroOp::create(b, module.getLoc(), type);
    LLVM::ReturnOp::create(b, module.getLoc(), zero);
  }
  return success();
}

namespace {
struct ConvertTileToX86 : mlir::hybrid::impl::ConvertTileToX86Base<ConvertTileToX86> {
  using Base::Base;
  void runOnOperation() override {
    std::optional<CpuLevel> known = llvm::StringSwitch<std::optional<CpuLevel>>(level)
                                        .Case("v1", CpuLevel::v1)
                                        .Case("v3", CpuLevel::v3)
                                        .Case("v4", CpuLevel::v4)
                                        .Default(std::nullopt);
    if (!known) {
      getOperation().emitError("expected a level of v1, v3 or v4, got '") << level << "'";
      return signalPassFailure();
    }
    if (failed(x86::convertTileToX86(getOperation(), *known)))
      signalPassFailure();
  }
};
} // namespace
