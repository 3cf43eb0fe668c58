//===- Passes.td - Passes of lib/Reference ----===//
#ifndef HYBRID_REFERENCE_PASSES_TD
#define HYBRID_REFERENCE_PASSES_TD
include "mlir/Pass/PassBase.td"
#endif
