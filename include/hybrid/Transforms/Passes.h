// Passes of lib/Transforms.
#ifndef HYBRID_TRANSFORMS_PASSES_H
#define HYBRID_TRANSFORMS_PASSES_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::hybrid {
#define GEN_PASS_DECL
#include "hybrid/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "hybrid/Transforms/Passes.h.inc"
} // namespace mlir::hybrid
#endif
