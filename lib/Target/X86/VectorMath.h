// Elementary functions on scalars and vectors of f32, without a call.
#ifndef HYBRID_TARGET_X86_VECTORMATH_H
#define HYBRID_TARGET_X86_VECTORMATH_H
#include "VectorBuilder.h"

namespace mlir::hybrid::x86 {

/// The value of an op of `arith` or `math` whose result is float or integer, on operands that are scalars or
/// vectors of one width.
Value buildElementwise(VectorBuilder &b, Operation *op, ValueRange operands);

/// True where buildElementwise knows the op.
bool isElementwise(Operation *op);

/// What evaluating the op costs, in units of an addition.
int64_t elementwiseCost(Operation *op);

} // namespace mlir::hybrid::x86
#endif
