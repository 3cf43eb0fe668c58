// Runs the block form on the host in f64: every launch of a variant, block by block. What it computes is compared with
// the model form's own meaning, before any target's code exists.
#ifndef HYBRID_REFERENCE_SCHEDULEEVALUATOR_H
#define HYBRID_REFERENCE_SCHEDULEEVALUATOR_H
#include "dialects/Hybrid/HostValue.h"
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Reference/TileEvaluator.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>
#include <string>

namespace mlir::hybrid {

/// One call, as the runtime would make it. `lengths` are the tokens that each sequence holds before it.
struct ScheduleCall {
  std::vector<int64_t> ids, positions, offsets, rows, lengths, pageTable, readSlots, writeSlots;
  int64_t pagesPerSequence = 0;
};

/// The memory of caches between calls: (name, part) -> rows, in the layout of docs/architecture.md.
using CacheMemory = std::map<std::pair<std::string, int64_t>, HostValue>;

/// What runs a kernel over a grid: evaluateTileGrid, or evaluateLayoutGrid for kernels in the GPU's tile form.
using GridEvaluator = LogicalResult (*)(tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>);

/// What runs one launch: its kernel, with the memory and numbers that the launch passes, over its grid.
using LaunchEvaluator =
    llvm::function_ref<LogicalResult(schedule::LaunchOp, tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>)>;

/// Runs a variant, its launches by `launch`, and returns its logits. `parameter` gives the value of a parameter by
/// name. Without `rounds`, parameters keep their values whatever they are stored in, and launches are told the same.
FailureOr<HostValue> evaluateVariant(schedule::VariantOp variant, const ScheduleCall &call, CacheMemory &caches,
                                     llvm::function_ref<const HostValue &(StringRef)> parameter, LaunchEvaluator launch,
                                     bool rounds = true);

/// The same with one evaluator for all kernels.
FailureOr<HostValue> evaluateVariant(schedule::VariantOp variant, const ScheduleCall &call, CacheMemory &caches,
                                     llvm::function_ref<const HostValue &(StringRef)> parameter,
                                     GridEvaluator grid = evaluateTileGrid);

} // namespace mlir::hybrid
#endif
