// Compiled artifacts on disk, so that an unchanged model is not compiled twice.
#ifndef HYBRID_DRIVER_CACHE_H
#define HYBRID_DRIVER_CACHE_H
#include "hybrid/Driver/Compile.h"

namespace mlir::hybrid {

/// Compiles to `path`, or copies what an equal compilation left in $XDG_CACHE_HOME/hybridc/compiled. Equal means: the
/// same text of the description or configuration, the same checkpoint headers, the same options and the same compiler.
/// Without `useCache` nothing is looked up and nothing kept. The folder holds 1 GiB at most; what was not used for
/// longest goes first. `path` has its name only when it is complete. Fails where compileToArtifact does, and where
/// `path` cannot be written; a cache that cannot be used is no failure.
llvm::Error compileCached(MLIRContext &context, const CompileOptions &options, llvm::StringRef path, bool useCache);

} // namespace mlir::hybrid
#endif
