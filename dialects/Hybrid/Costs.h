// What ops cost, as polynomials over the sizes of a call.
#ifndef HYBRID_DIALECTS_COSTS_H
#define HYBRID_DIALECTS_COSTS_H
#include "dialects/Hybrid/Hybrid.h"

namespace mlir::hybrid {

/// What the dynamic first dim of `value` counts: tokens, unless its producers say that it is wanted rows, sequences,
/// keys, pairs or tiles. Arguments of an entry count by their place (docs/architecture.md).
Symbol getLeadingSymbol(Value value);

/// Elements and bytes of a tensor. Offsets count as sequences. A cache counts what it holds for the call's sequences.
Polynomial getNumElements(Value value);
Polynomial getNumBytes(Value value);

/// Any op of the model form: CostOpInterface where there is one, linalg ops by their loops and their region's float
/// ops, gathers and concatenations by the bytes that they move; views, constants and scalars cost nothing.
Cost getOperationCost(Operation *op);

} // namespace mlir::hybrid
#endif
