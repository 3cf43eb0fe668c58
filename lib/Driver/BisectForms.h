// What the parts of --bisect share: calls, values of the model form, and how two tensors are compared.
#ifndef HYBRID_LIB_DRIVER_BISECTFORMS_H
#define HYBRID_LIB_DRIVER_BISECTFORMS_H
#include "dialects/Hybrid/Hybrid.h"
#include "hybrid/Conversion/Blocks.h"
#include "hybrid/Driver/Bisect.h"
#include "hybrid/Reference/ScheduleEvaluator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::hybrid {

/// Passes on the model form compute the same in other order, and fold constants in f32.
constexpr double kExactError = 2e-5;

/// What one element may differ by, over its size and its tensor's, where both sides round to `storage` and kernels
/// compute in f32.
double kernelError(Type storage);
/// The same for logits behind a whole model that rounds.
double modelError(Type storage);

/// A call as schedules see it.
struct FormCall : BisectCall {
  ScheduleCall schedule;
};

/// The calls of an entry-wise comparison; those of entries that a model lacks are left out.
std::vector<FormCall> makeCalls(ModuleOp model, const std::vector<std::vector<int32_t>> &sequences);

/// The largest error and, where it is more than is allowed, the first element that has too large a one.
struct Comparison {
  double error = 0;
  int64_t first = -1;
};
Comparison compare(ArrayRef<double> expected, ArrayRef<double> found, double allowed);

/// Where `element` lies in rows of `width` elements, of which each is one of the call's tokens.
void locate(BisectDifference &difference, const BisectCall &call, int64_t element, int64_t width);

/// The layer that a location names, and "file:line:column" where it has one.
StringRef layerOf(Location loc);
std::string placeOf(Location loc);

/// Tags every op of every function, so that the block form's buffers can say which op's value they hold.
void tagValues(ModuleOp model);
std::optional<int64_t> tagOf(Location loc);

/// What one call computes in the model form.
struct ModelValues {
  std::vector<double> logits;
  /// By tag.
  llvm::DenseMap<int64_t, SmallVector<HostValue, 1>> values;
  llvm::DenseMap<int64_t, Operation *> ops;
};

/// Compares block forms for one target. `model` is tagged and formed from, `values` holds one entry for each call.
class LaunchComparison {
public:
  LaunchComparison(ModuleOp model, StringRef target, ArrayRef<FormCall> calls, ArrayRef<ModelValues> values,
                   const llvm::StringMap<HostValue> &parameters);

  /// A block form without rounding against the values of the model form.
  BisectForm exact(ModuleOp blocks, const Twine &name);

  /// What is measured against the block form as it rounds, kernel by kernel on equal inputs.
  struct Candidate {
    std::string name;
    std::function<LogicalResult(tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>)> run;
  };
  /// The block form as it rounds against its exact arithmetic, then the candidates against it. Fills in `logits`, call
  /// by call.
  std::vector<BisectForm> rounded(ModuleOp blocks, ArrayRef<Candidate> candidates,
                                  std::vector<std::vector<double>> &logits);

private:
  using Visit =
      function_ref<LogicalResult(schedule::LaunchOp, tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>)>;
  /// Runs every variant that admits a call, for every call.
  LogicalResult forCalls(ModuleOp blocks, bool rounds, Visit visit, function_ref<void(const HostValue &logits)> finish);
  /// Notes the worst error, and the first difference if it is one; `what` names the memory.
  void judge(BisectForm &form, const HostValue &expected, const HostValue &found, schedule::LaunchOp launch,
             StringRef what, Operation *op);
  CacheMemory makeCaches();

  ModuleOp model;
  StringRef target;
  ArrayRef<FormCall> calls;
  ArrayRef<ModelValues> values;
  const llvm::StringMap<HostValue> &parameters;
  // While forCalls runs:
  size_t call = 0;
  schedule::VariantOp variant;
};

} // namespace mlir::hybrid
#endif
