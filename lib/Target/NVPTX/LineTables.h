// Where code comes from, for those who read PTX or a profile.
#ifndef HYBRID_LIB_TARGET_NVPTX_LINETABLES_H
#define HYBRID_LIB_TARGET_NVPTX_LINETABLES_H
#include "mlir/IR/BuiltinOps.h"

namespace mlir::hybrid {

/// Gives every llvm.func of `module` that knows its place the scopes that LLVM makes `.file` and `.loc` of: the line of
/// the description that an op's layer comes from, else the layer's name as the file. Paths lose their folders, so that
/// the code of a model does not depend on where its description lies.
void addLineTables(ModuleOp module);

/// PTX without what addLineTables put there. ptxas keeps the whole text in a cubin that has lines, three times its
/// size, and allocates registers in another order.
std::string withoutLineTables(llvm::StringRef ptx);

} // namespace mlir::hybrid
#endif
