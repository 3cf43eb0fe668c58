// Evaluates model form in f64 on the host: slow, obvious, and what every lowering is measured against.
#ifndef HYBRID_REFERENCE_EVALUATOR_H
#define HYBRID_REFERENCE_EVALUATOR_H
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hybrid {

/// Attaches the f64 references to the ops of the hybrid dialect.
void registerReferenceModels(DialectRegistry &registry);

/// Gives the value of a parameter by the name of its ml_program.global.
using ParameterSource = llvm::function_ref<FailureOr<HostValue>(StringRef name)>;

/// Sees each value that an evaluation computes, in order, before anything reads it; it may change the content, such as
/// to round it as some device would.
using ValueObserver = llvm::function_ref<void(Value value, HostValue &content)>;

/// The results of `function` on `arguments`. Dynamic sizes come from the arguments; scalars are values of rank 0; every
/// float is an f64, so that conversions between float types change nothing. An element of tensor.empty is a NaN until
/// it is written. A global that holds its value needs no parameter. Ops of the hybrid dialect run through their
/// ReferenceOpInterface (registerReferenceModels). On failure the op that cannot be evaluated has said why.
FailureOr<SmallVector<HostValue>> evaluate(func::FuncOp function, ArrayRef<HostValue> arguments,
                                           ParameterSource parameters, ValueObserver observe = {});

/// A cache of `type` as a call finds it for sequences that have no tokens yet: no keys, zero taps, zero state.
HostValue makeEmptyCache(CacheType type, int64_t sequences);

/// The elements of a dense constant as f64.
FailureOr<HostValue> toHostValue(ElementsAttr elements);

/// Shape and values as text, such as "[2, 3] 1 2 3 4 5 6", numbers with `digits` significant digits.
std::string toString(const HostValue &value, int digits = 6);

} // namespace mlir::hybrid
#endif
