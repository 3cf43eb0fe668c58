// A lowering in a plugin: hybrid.glu becomes the elementwise ops that it stands for.
#include "dialects/Hybrid/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
using namespace mlir;

namespace {
struct ExpandOp : OpRewritePattern<hybrid::GluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(hybrid::GluOp op, PatternRewriter &rewriter) const override {
    if (op.getClamp())
      return rewriter.notifyMatchFailure(op, "clamps");
    Location loc = op.getLoc();
    Value gate = op.getGate(), up = op.getUp();
    if (!up) { // both in one tensor, the gate first
      int64_t half = cast<RankedTensorType>(gate.getType()).getShape().back() / 2;
      up = hybrid::buildColumns(rewriter, loc, gate, half, half);
      gate = hybrid::buildColumns(rewriter, loc, gate, 0, half);
    }
    Value activated = hybrid::buildActivationOf(rewriter, loc, op.getActivation(), gate);
    rewriter.replaceOp(op, hybrid::buildMul(rewriter, loc, activated, up));
    return success();
  }
};

struct ExpandGlu : PassWrapper<ExpandGlu, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandGlu)
  StringRef getArgument() const override { return "expand-glu"; }
  StringRef getDescription() const override { return "Turn gated linear units into elementwise ops"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandOp>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "expand-glu", LLVM_VERSION_STRING, [] { PassRegistration<ExpandGlu>(); }};
}
