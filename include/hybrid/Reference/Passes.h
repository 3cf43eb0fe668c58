// Passes of lib/Reference.
#ifndef HYBRID_REFERENCE_PASSES_H
#define HYBRID_REFERENCE_PASSES_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hybrid {
#define GEN_PASS_DECL
#include "hybrid/Reference/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "hybrid/Reference/Passes.h.inc"
} // namespace mlir::hybrid
#endif
