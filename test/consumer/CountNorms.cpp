// A pass in a plugin. It finds ops by their C++ class and asks one through its interface, so it only works when plugin
// and tool share one copy of the dialect, and it needs the installed generated headers to compile.
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Support/raw_ostream.h"
using namespace mlir;

namespace {
struct CountNorms : PassWrapper<CountNorms, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountNorms)
  StringRef getArgument() const override { return "count-norms"; }
  StringRef getDescription() const override { return "Count norms and what they cost"; }
  void runOnOperation() override {
    int64_t norms = 0;
    hybrid::Polynomial flops;
    getOperation()->walk([&](hybrid::NormOp) { ++norms; });
    getOperation()->walk([&](hybrid::CostOpInterface op) { flops += op.getCost().flops; });
    llvm::outs() << norms << " norms, FLOPs: " << flops.str() << "\n";
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "count-norms", LLVM_VERSION_STRING, [] { PassRegistration<CountNorms>(); }};
}
