// Parameters with random recipes, and the checkpoint tensors that these read.
#ifndef HYBRID_TEST_RANDOM_PARAMETERWRITER_H
#define HYBRID_TEST_RANDOM_PARAMETERWRITER_H
#include "ModelWriter.h"
#include "dialects/Hybrid/Builders.h"

namespace mlir::hybrid::randomtest {

/// How the numbers of a parameter spread.
struct Spread {
  double mean = 0, deviation = 1;
  /// The parameter is -exp of what the checkpoint holds.
  bool negative = false;
};

class ParameterWriter {
public:
  ParameterWriter(ModuleOp module, uint64_t seed, Tensors &checkpoint)
      : module(module), seed(seed), checkpoint(checkpoint) {}
  /// Loads the parameter; makes it, its recipe and its tensors at first use.
  Value load(OpBuilder &builder, Location loc, StringRef name, ArrayRef<int64_t> shape, Spread spread);

private:
  void declare(OpBuilder &builder, Location loc, StringRef name, RankedTensorType type, Spread spread);
  /// A tensor of the checkpoint, its numbers drawn one by one.
  void addTensor(StringRef name, ArrayRef<int64_t> shape, function_ref<double(Random &)> draw);

  ModuleOp module;
  uint64_t seed;
  Tensors &checkpoint;
  Operation *last = nullptr;
  llvm::StringMap<RankedTensorType> declared;
};

} // namespace mlir::hybrid::randomtest
#endif
