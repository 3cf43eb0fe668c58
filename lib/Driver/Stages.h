// The compiler's stages one by one, for those who stop between them or look at what lies between them.
#ifndef HYBRID_LIB_DRIVER_STAGES_H
#define HYBRID_LIB_DRIVER_STAGES_H
#include "hybrid/Driver/Compile.h"
#include "mlir/IR/Diagnostics.h"

namespace mlir {
class OpPassManager;
}

namespace mlir::hybrid {

/// Collects errors while it lives.
class Diagnostics {
public:
  explicit Diagnostics(MLIRContext &context);
  /// What was said, or `otherwise` if nothing was.
  llvm::Error take(llvm::StringRef otherwise) const;

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};

/// The model form as the front ends leave it.
llvm::Expected<OwningOpRef<ModuleOp>> importInput(MLIRContext &context, const CompileOptions &options);

/// The graph passes, and the caller's own.
llvm::Error addModelPasses(OpPassManager &pm, const CompileOptions &options);
/// The caller's passes on the block form, and its verifier.
llvm::Error addBlockPasses(OpPassManager &pm, const CompileOptions &options);

} // namespace mlir::hybrid
#endif
