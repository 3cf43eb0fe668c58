//===- Passes.td - Passes of lib/Target ----===//
#ifndef HYBRID_TARGET_PASSES_TD
#define HYBRID_TARGET_PASSES_TD
include "mlir/Pass/PassBase.td"
#endif
