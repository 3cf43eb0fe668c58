// Test-side reading of checkpoints and recipes in f64, on its own rather than through the code under test.
#ifndef HYBRID_TEST_UNIT_FIXTURE_H
#define HYBRID_TEST_UNIT_FIXTURE_H
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace fixture {

using Tensors = std::map<std::string, mlir::hybrid::HostValue>;

/// The F32, BF16 and I64 tensors of a safetensors file that is known to be sound.
Tensors readTensors(const std::string &path);

/// The value of a parameter by the recipe of its global.
mlir::hybrid::HostValue applyRecipe(mlir::ModuleOp module, llvm::StringRef global, const Tensors &tensors);

} // namespace fixture
#endif
