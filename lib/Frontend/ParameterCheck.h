// Whether a checkpoint holds what the parameters of a model form are made of.
#ifndef HYBRID_LIB_FRONTEND_PARAMETERCHECK_H
#define HYBRID_LIB_FRONTEND_PARAMETERCHECK_H
#include "lib/Artifact/Checkpoint.h"
#include "llvm/Support/Error.h"

namespace mlir {
class ModuleOp;
}
namespace mlir::hybrid {

/// Checks every piece of every parameter: that its tensor exists, has a float type that can be read, and has
/// the rows and columns that the parameter needs.
llvm::Error checkParameters(ModuleOp module, const hybridrt::Checkpoint &checkpoint);

} // namespace mlir::hybrid
#endif
