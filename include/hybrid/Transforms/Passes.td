//===- Passes.td - Passes of lib/Transforms ----===//
#ifndef HYBRID_TRANSFORMS_PASSES_TD
#define HYBRID_TRANSFORMS_PASSES_TD
include "mlir/Pass/PassBase.td"
#endif
