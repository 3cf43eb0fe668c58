//===- Passes.td - Passes of lib/Conversion ----===//
#ifndef HYBRID_CONVERSION_PASSES_TD
#define HYBRID_CONVERSION_PASSES_TD
include "mlir/Pass/PassBase.td"
#endif
