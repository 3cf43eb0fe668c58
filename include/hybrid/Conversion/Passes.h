// Passes of lib/Conversion.
#ifndef HYBRID_CONVERSION_PASSES_H
#define HYBRID_CONVERSION_PASSES_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hybrid {
#define GEN_PASS_DECL
#include "hybrid/Conversion/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "hybrid/Conversion/Passes.h.inc"
} // namespace mlir::hybrid
#endif
