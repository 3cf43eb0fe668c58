// How the compiler's tools end when something goes wrong that no function can return.
#ifndef HYBRID_DRIVER_TOOL_H
#define HYBRID_DRIVER_TOOL_H
#include "llvm/Support/Error.h"

namespace mlir::hybrid {

/// Call first in main. What LLVM calls a fatal error, such as output that cannot be written, becomes a message of the
/// tool `name` and exit status 1; and an interrupted tool leaves no half-written file behind. `name` must stay alive.
void prepareTool(const char *name);

/// Writes a whole file, or, for "-" or no name, to standard output.
llvm::Error writeOutput(llvm::StringRef path, llvm::StringRef text);

} // namespace mlir::hybrid
#endif
