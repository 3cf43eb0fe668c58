// Initialisers of the parameters of a description, as recipes.
#ifndef HYBRID_LIB_FRONTEND_INITIALISERS_H
#define HYBRID_LIB_FRONTEND_INITIALISERS_H
#include "hybrid/Frontend/ModelSpec.h"
#include <array>

namespace mlir::hybrid {

/// A bias that the model has: its recipe is not empty, and zero.
Recipe wantedBias();
/// The (negative) decay rates -A with A uniform between the two.
Recipe decayInitialiser(std::array<double, 2> rates);
/// Biases whose softplus is log-uniform between the two.
Recipe timeStepInitialiser(std::array<double, 2> steps);

/// Gives every parameter that has no recipe yet the initialiser of its kind: matrices normal with standard
/// deviation 0.02, those that end on the residual stream less by sqrt(2 layers), norms one, convolutions as
/// PyTorch does.
void addInitialisers(ModelSpec &spec);

} // namespace mlir::hybrid
#endif
