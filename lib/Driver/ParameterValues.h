// Parameters in f64 by their recipes, for evaluating forms on a model's own weights.
#ifndef HYBRID_LIB_DRIVER_PARAMETERVALUES_H
#define HYBRID_LIB_DRIVER_PARAMETERVALUES_H
#include "dialects/Hybrid/Hybrid.h"
#include "hybrid/Driver/Bisect.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace mlir::hybrid {

/// The value of a parameter. An error where its recipe and the weights do not fit.
llvm::Expected<HostValue> parameterValue(ml_program::GlobalOp global, const BisectWeights &weights);

} // namespace mlir::hybrid
#endif
