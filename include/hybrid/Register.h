// One call each for what a tool needs.
#ifndef HYBRID_REGISTER_H
#define HYBRID_REGISTER_H
#include "mlir/IR/DialectRegistry.h"

namespace mlir::hybrid {
/// Our dialects, the upstream ones that they build on, and all external models.
void registerAllDialects(DialectRegistry &registry);
/// Our passes and upstream's. Once a program: a second call would register them twice, which MLIR refuses.
void registerAllPasses();
} // namespace mlir::hybrid
#endif
