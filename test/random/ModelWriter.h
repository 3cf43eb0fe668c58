// A program as a module in the model form, with the checkpoint that its recipes read.
#ifndef HYBRID_TEST_RANDOM_MODELWRITER_H
#define HYBRID_TEST_RANDOM_MODELWRITER_H
#include "Program.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>

namespace mlir::hybrid::randomtest {

/// A checkpoint's tensors: f32 numbers, kept as f64.
using Tensors = std::map<std::string, HostValue>;

struct Model {
  OwningOpRef<ModuleOp> owned;
  /// The same, to be read.
  ModuleOp module;
  Tensors checkpoint;
};

/// Both entries and all parameters; recipes vary with the seed: whole tensors, runs of rows, transposed, scaled,
/// mapped.
Model writeModel(MLIRContext &context, const Program &program);

/// The value of a parameter by its recipe, in f64.
HostValue applyRecipe(ModuleOp module, StringRef parameter, const Tensors &checkpoint);

} // namespace mlir::hybrid::randomtest
#endif
