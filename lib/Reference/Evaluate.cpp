// Prints what functions without arguments evaluate to.
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Reference/Passes.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_EVALUATEPASS
#include "hybrid/Reference/Passes.h.inc"
} // namespace mlir::hybrid

using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct EvaluatePass : hybrid::impl::EvaluatePassBase<EvaluatePass> {
  using EvaluatePassBase::EvaluatePassBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal() || function.getNumArguments() != 0)
        continue;
      auto noParameters = [](StringRef) -> FailureOr<HostValue> { return failure(); };
      FailureOr<SmallVector<HostValue>> results = evaluate(function, {}, noParameters);
      if (failed(results))
        return signalPassFailure();
      for (auto [i, result] : llvm::enumerate(*results))
        llvm::outs() << function.getSymName() << " " << i << ": " << toString(result, digits) << "\n";
    }
    llvm::outs().flush();
    markAllAnalysesPreserved();
  }
};
} // namespace
