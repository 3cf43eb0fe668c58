// Builds explicit vector code of one CPU level: widths are chosen by the caller, narrow floats live widened
// to f32.
#ifndef HYBRID_TARGET_X86_VECTORBUILDER_H
#define HYBRID_TARGET_X86_VECTORBUILDER_H
#include "hybrid/Target/X86.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::hybrid::x86 {

/// Columns of a panel: the unit of storage for every tile in scratch and for parameters marked `tile.panel`.
constexpr int64_t kPanel = 16;

/// A micro-kernel's register tile: `rows` rows by `panels` panels.
struct RegisterTile {
  int64_t rows, panels;
};

/// What differs between CPU levels.
struct LevelTraits {
  explicit LevelTraits(CpuLevel level);
  CpuLevel level;
  int64_t lanes;  // of f32 in a register
  bool fma, f16c; // multiply-add in one rounding; conversion of f16 in hardware
  /// The register tiles for a product with `rows` rows, largest first; the last has one row.
  SmallVector<RegisterTile, 4> registerTiles(int64_t rows) const;
};

/// A value's type in code: bf16 and f16 are computed in f32.
Type lanesElement(Type element);
inline Type lanesType(Type element, int64_t width) { return VectorType::get({width}, lanesElement(element)); }

class VectorBuilder : public ImplicitLocOpBuilder {
public:
  VectorBuilder(Location loc, MLIRContext *context, const LevelTraits &traits)
      : ImplicitLocOpBuilder(loc, context), traits(traits) {}

  // Indices; constants fold.
  Value index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
  Value add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
  Value add(Value a, int64_t b) { return b ? add(a, index(b)) : a; }
  Value sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
  Value mul(Value a, int64_t b) { return b == 1 ? a : createOrFold<arith::MulIOp>(a, index(b)); }
  Value div(Value a, int64_t b) { return b == 1 ? a : createOrFold<arith::DivUIOp>(a, index(b)); }
  Value rem(Value a, int64_t b) { return createOrFold<arith::RemUIOp>(a, index(b)); }
  Value smaller(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
  Value larger(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }
  Value less(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b); }
  Value atLeast(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, a, b); }

  // Numbers shaped like `like` (a scalar or a vector of f32 or i32).
  Value number(Value like, double value);
  Value integer(Value like, int64_t value);
  Value zeros(Type type) { return arith::ConstantOp::create(*this, getZeroAttr(type)); }
  /// `value` (any scalar) in all lanes.
  Value broadcast(Value value, int64_t width);
  Value asIntegers(Value floats);
  Value asFloats(Value integers);
  /// a * b + c: in one rounding where the level has it.
  Value multiplyAdd(Value a, Value b, Value c);
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(*this, condition, a, b); }
  /// Rounds lanes to what `element` can hold (f32: unchanged).
  Value roundTo(Type element, Value lanes);
  /// The sum or the maximum of all lanes, as a scalar.
  Value reduce(Value lanes, bool isSum);
  /// `lanes` extended by zeros to `width` lanes, or cut to them.
  Value resize(Value lanes, int64_t width);
  /// Transposes as many vectors as they have lanes.
  SmallVector<Value> transpose(SmallVector<Value> rows);

  // Memory. Addresses are pointers; offsets count elements.
  Value offset(Value pointer, Type element, Value by);
  Value offset(Value pointer, Type element, int64_t by);
  /// Loads `width` elements as lanes; width 0 loads a scalar.
  Value load(Value pointer, Type element, int64_t width);
  /// Stores lanes or a scalar as elements; narrow floats round.
  void store(Value lanes, Value pointer, Type element);
  void prefetch(Value pointer);

  const LevelTraits &traits;

private:
  Value widen(Type element, Value halves);
  Value narrow(Type element, Value lanes);
};

/// True where `v` is a constant number or a splat of one, all bits zero.
bool isZero(Value v);

} // namespace mlir::hybrid::x86
#endif
