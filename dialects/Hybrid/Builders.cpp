#include "dialects/Hybrid/Builders.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <numbers>
using namespace mlir;
using namespace mlir::hybrid;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

SmallVector<OpFoldResult> hybrid::getSizes(OpBuilder &builder, Location loc, Value value) {
  SmallVector<OpFoldResult> sizes;
  for (auto [i, size] : llvm::enumerate(typeOf(value).getShape()))
    sizes.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(tensor::DimOp::create(builder, loc, value, int64_t(i)).getResult())
                        : OpFoldResult(builder.getIndexAttr(size)));
  return sizes;
}

Value hybrid::buildScalar(OpBuilder &builder, Location loc, Type type, double value) {
  if (auto shaped = dyn_cast<ShapedType>(type)) {
    auto splat = DenseElementsAttr::get(shaped, Attribute(builder.getFloatAttr(shaped.getElementType(), value)));
    return arith::ConstantOp::create(builder, loc, splat);
  }
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
}

Value hybrid::buildLinear(OpBuilder &builder, Location loc, Value x, Value w) {
  RankedTensorType xType = typeOf(x), wType = typeOf(w);
  Type element = xType.getElementType();
  SmallVector<OpFoldResult> sizes = {getSizes(builder, loc, x)[0], builder.getIndexAttr(wType.getDimSize(0))};
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);
  Value init = linalg::FillOp::create(builder, loc, buildScalar(builder, loc, element, 0), empty).getResult(0);
  AffineExpr t, n, k;
  bindDims(builder.getContext(), t, n, k);
  auto map = [&](AffineExpr a, AffineExpr b) { return AffineMap::get(3, 0, {a, b}, builder.getContext()); };
  auto matmul = linalg::MatmulOp::create(builder, loc, TypeRange{init.getType()}, ValueRange{x, w}, ValueRange{init});
  matmul.setIndexingMapsAttr(builder.getAffineMapArrayAttr({map(t, k), map(n, k), map(t, n)}));
  return matmul.getResult(0);
}

Value hybrid::buildElementwise(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<AffineMap> maps,
                               RankedTensorType resultType, ScalarBody body) {
  SmallVector<OpFoldResult> sizes;
  for (auto [d, size] : llvm::enumerate(resultType.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      sizes.push_back(builder.getIndexAttr(size));
      continue;
    }
    for (auto [input, map] : llvm::zip_equal(inputs, maps)) {
      auto position = map.getResultPosition(builder.getAffineDimExpr(d));
      if (!position)
        continue;
      sizes.push_back(tensor::DimOp::create(builder, loc, input, int64_t(*position)).getResult());
      break;
    }
    assert(sizes.size() == d + 1 && "a dynamic dim of the result must be a dim of some operand");
  }
  Value init = tensor::EmptyOp::create(builder, loc, sizes, resultType.getElementType());
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(builder.getMultiDimIdentityMap(resultType.getRank()));
  SmallVector<utils::IteratorType> iterators(resultType.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(builder, loc, TypeRange{resultType}, inputs, ValueRange{init}, allMaps, iterators,
                                   [&](OpBuilder &b, Location l, ValueRange arguments) {
                                     Value result = body(b, l, arguments.drop_back());
                                     linalg::YieldOp::create(b, l, result);
                                   })
      .getResult(0);
}

Value hybrid::buildElementwise(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<Broadcast> broadcasts,
                               RankedTensorType resultType, ScalarBody body) {
  unsigned rank = resultType.getRank();
  SmallVector<AffineMap> maps;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    unsigned inputRank = typeOf(input).getRank();
    unsigned first = !broadcasts.empty() && broadcasts[i] == Broadcast::trailing ? rank - inputRank : 0;
    SmallVector<AffineExpr> exprs;
    for (unsigned d = 0; d < inputRank; ++d)
      exprs.push_back(builder.getAffineDimExpr(first + d));
    maps.push_back(AffineMap::get(rank, 0, exprs, builder.getContext()));
  }
  return buildElementwise(builder, loc, inputs, maps, resultType, body);
}

Value hybrid::buildAdd(OpBuilder &builder, Location loc, Value x, Value y, Broadcast broadcast) {
  return buildElementwise(
      builder, loc, {x, y}, {Broadcast::none, broadcast}, typeOf(x),
      [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); });
}

Value hybrid::buildMul(OpBuilder &builder, Location loc, Value x, Value y, Broadcast broadcast) {
  return buildElementwise(
      builder, loc, {x, y}, {Broadcast::none, broadcast}, typeOf(x),
      [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::MulFOp::create(b, l, v[0], v[1]); });
}

Value hybrid::buildScale(OpBuilder &builder, Location loc, Value x, double factor) {
  return buildElementwise(builder, loc, x, ArrayRef<Broadcast>{}, typeOf(x),
                          [&](OpBuilder &b, Location l, ValueRange v) -> Value {
                            return arith::MulFOp::create(b, l, v[0], buildScalar(b, l, v[0].getType(), factor));
                          });
}

Value hybrid::buildActivation(OpBuilder &builder, Location loc, Activation activation, Value x) {
  Type type = x.getType();
  auto constant = [&](double value) { return buildScalar(builder, loc, type, value); };
  auto mul = [&](Value a, Value b) -> Value { return arith::MulFOp::create(builder, loc, a, b); };
  auto add = [&](Value a, Value b) -> Value { return arith::AddFOp::create(builder, loc, a, b); };
  auto sigmoidDenominator = [&] {
    Value negated = arith::NegFOp::create(builder, loc, x);
    return add(constant(1), math::ExpOp::create(builder, loc, negated));
  };
  switch (activation) {
  case Activation::identity:
    return x;
  case Activation::silu:
    return arith::DivFOp::create(builder, loc, x, sigmoidDenominator());
  case Activation::sigmoid:
    return arith::DivFOp::create(builder, loc, constant(1), sigmoidDenominator());
  case Activation::gelu: {
    Value erf = math::ErfOp::create(builder, loc, mul(x, constant(std::numbers::sqrt2 / 2)));
    return mul(mul(constant(0.5), x), add(constant(1), erf));
  }
  case Activation::gelu_tanh: {
    Value cube = mul(mul(x, x), x);
    Value inner = mul(constant(std::sqrt(2 / std::numbers::pi)), add(x, mul(constant(0.044715), cube)));
    Value tanh = math::TanhOp::create(builder, loc, inner);
    return mul(mul(constant(0.5), x), add(constant(1), tanh));
  }
  case Activation::relu2: {
    Value positive = arith::MaximumFOp::create(builder, loc, x, constant(0));
    return mul(positive, positive);
  }
  case Activation::softplus: {
    // exp overflows for large x, where softplus is x to the last bit anyway.
    Value soft = math::Log1pOp::create(builder, loc, math::ExpOp::create(builder, loc, x));
    Value large = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, x, constant(20));
    return arith::SelectOp::create(builder, loc, large, x, soft);
  }
  }
  llvm_unreachable("all activations are listed above");
}

Value hybrid::buildActivationOf(OpBuilder &builder, Location loc, Activation activation, Value x) {
  if (activation == Activation::identity)
    return x;
  return buildElementwise(
      builder, loc, x, ArrayRef<Broadcast>{}, typeOf(x),
      [&](OpBuilder &b, Location l, ValueRange v) { return buildActivation(b, l, activation, v[0]); });
}

Value hybrid::buildGatherRows(OpBuilder &builder, Location loc, Value table, Value rows) {
  RankedTensorType tableType = typeOf(table), rowsType = typeOf(rows);
  int64_t count = rowsType.getDimSize(0);
  // tensor.gather wants one coordinate tuple per row: [T] -> [T, 1].
  auto indexType = RankedTensorType::get({count, 1}, rowsType.getElementType());
  SmallVector<OpFoldResult> sizes = getSizes(builder, loc, rows);
  sizes.push_back(builder.getIndexAttr(1));
  Value indices =
      tensor::ExpandShapeOp::create(builder, loc, indexType, rows, SmallVector<ReassociationIndices>{{0, 1}}, sizes);
  auto resultType = RankedTensorType::get({count, tableType.getDimSize(1)}, tableType.getElementType());
  return tensor::GatherOp::create(builder, loc, resultType, table, indices, ArrayRef<int64_t>{0});
}

Value hybrid::buildColumns(OpBuilder &builder, Location loc, Value x, int64_t begin, int64_t count) {
  RankedTensorType type = typeOf(x);
  if (begin == 0 && count == type.getShape().back())
    return x;
  SmallVector<OpFoldResult> sizes = getSizes(builder, loc, x);
  sizes.back() = builder.getIndexAttr(count);
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  offsets.back() = builder.getIndexAttr(begin);
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, x, offsets, sizes, strides);
}

Value hybrid::buildConcatColumns(OpBuilder &builder, Location loc, ValueRange parts) {
  if (parts.size() == 1)
    return parts[0];
  return tensor::ConcatOp::create(builder, loc, typeOf(parts[0]).getRank() - 1, parts);
}

Value hybrid::splitHeads(OpBuilder &builder, Location loc, Value x, int64_t heads) {
  RankedTensorType type = typeOf(x);
  int64_t size = type.getDimSize(1) / heads;
  auto resultType = RankedTensorType::get({type.getDimSize(0), heads, size}, type.getElementType());
  SmallVector<OpFoldResult> sizes = {getSizes(builder, loc, x)[0], builder.getIndexAttr(heads),
                                     builder.getIndexAttr(size)};
  return tensor::ExpandShapeOp::create(builder, loc, resultType, x, SmallVector<ReassociationIndices>{{0}, {1, 2}},
                                       sizes);
}

Value hybrid::mergeHeads(OpBuilder &builder, Location loc, Value x) {
  return tensor::CollapseShapeOp::create(builder, loc, x, SmallVector<ReassociationIndices>{{0}, {1, 2}});
}
