// What a model costs: parameters, training FLOPs and cache bytes, by the paper's formulas and as this
// compiler builds it.
#ifndef HYBRID_FRONTEND_SUMMARY_H
#define HYBRID_FRONTEND_SUMMARY_H
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::hybrid {

/// One number in two columns.
struct SummaryRow {
  double paper = 0, built = 0;
};

/// The paper's formulas (arXiv 2510.04800, Table 1 and appendix C) take bf16 for every cache, the whole width
/// of a convolution, and leave embedding, head, norms and biases out. "Built" counts what there is: every
/// parameter, three forward passes for a training step, pages of 64 tokens, and recurrent caches twice, as
/// rollback needs the state before the last call.
struct ModelSummary {
  int64_t context = 8192;
  int64_t layers = 0;
  /// Without embedding and head, and with.
  SummaryRow parameters, allParameters;
  /// FLOPs of a training step on one sequence of `context` tokens.
  SummaryRow trainingFlops;
  /// Bytes for one sequence of `context` tokens.
  SummaryRow kvBytes, stateBytes, convBytes;
  SummaryRow cacheBytes() const {
    return {kvBytes.paper + stateBytes.paper + convBytes.paper, kvBytes.built + stateBytes.built + convBytes.built};
  }
};

/// Adds up over the module's parameters and the ops of one of its entries.
ModelSummary computeSummary(ModuleOp module, int64_t context = 8192);

/// The summary as a table, or as JSON.
std::string summarise(ModuleOp module, bool json = false, int64_t context = 8192);

} // namespace mlir::hybrid
#endif
