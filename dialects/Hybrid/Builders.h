// Builders of the model form: what front ends and rewrites write between the ops of the dialect, each in the one shape
// that later passes match. Tokens come first, widths are static.
#ifndef HYBRID_DIALECTS_BUILDERS_H
#define HYBRID_DIALECTS_BUILDERS_H
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/IR/Builders.h"

namespace mlir::hybrid {

/// How an operand of an elementwise op meets the result's dims.
enum class Broadcast {
  /// Same rank as the result.
  none,
  /// The operand's dims are the result's last ones: a [C] weight on [T, C], an [H, D] one on [T, H, D].
  trailing,
  /// The operand's dims are the result's first ones: a [T, H] gate on [T, H, D].
  leading,
};

/// Writes the body of an elementwise op: scalars in, the result's scalar out.
using ScalarBody = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;

/// The sizes of `value`, static ones as attributes, dynamic ones through tensor.dim.
SmallVector<OpFoldResult> getSizes(OpBuilder &builder, Location loc, Value value);

/// y[T, N] = x[T, K] w[N, K]': a linalg.matmul whose second map reads `w` transposed, as checkpoints store it.
Value buildLinear(OpBuilder &builder, Location loc, Value x, Value w);

/// A parallel linalg.generic over `resultType`; operand i is read through `maps[i]`, a projected permutation of the
/// result's dims. Each dynamic dim of the result must be a dim of some operand.
Value buildElementwise(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<AffineMap> maps,
                       RankedTensorType resultType, ScalarBody body);
/// The same with maps from `broadcasts`; empty: no operand broadcasts. An operand of rank 0 is read everywhere.
Value buildElementwise(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<Broadcast> broadcasts,
                       RankedTensorType resultType, ScalarBody body);

/// x + y, x * y (y's broadcast as given) and x * factor, elementwise, of x's type.
Value buildAdd(OpBuilder &builder, Location loc, Value x, Value y, Broadcast broadcast = Broadcast::none);
Value buildMul(OpBuilder &builder, Location loc, Value x, Value y, Broadcast broadcast = Broadcast::none);
Value buildScale(OpBuilder &builder, Location loc, Value x, double factor);

/// A constant of a float type, or of a tensor type all of whose elements are `value`.
Value buildScalar(OpBuilder &builder, Location loc, Type type, double value);

/// The activation of one scalar, or of each element of a tile. softplus is x where x > 20, as in PyTorch; gelu is the
/// exact one, by erf.
Value buildActivation(OpBuilder &builder, Location loc, Activation activation, Value scalar);
/// The activation of a whole tensor.
Value buildActivationOf(OpBuilder &builder, Location loc, Activation activation, Value x);

/// Rows of table[V, C] by number: rows[T] of i32 -> [T, C], a tensor.gather.
Value buildGatherRows(OpBuilder &builder, Location loc, Value table, Value rows);

/// Columns [begin, begin + count) of the last dim, a tensor.extract_slice.
Value buildColumns(OpBuilder &builder, Location loc, Value x, int64_t begin, int64_t count);
/// The tensors side by side along the last dim, a tensor.concat.
Value buildConcatColumns(OpBuilder &builder, Location loc, ValueRange parts);

/// [T, heads * D] -> [T, heads, D].
Value splitHeads(OpBuilder &builder, Location loc, Value x, int64_t heads);
/// [T, heads, D] -> [T, heads * D].
Value mergeHeads(OpBuilder &builder, Location loc, Value x);

} // namespace mlir::hybrid
#endif
