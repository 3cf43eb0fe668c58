#include "dialects/Hybrid/Verify.h"
#include "mlir/IR/Matchers.h"
using namespace mlir;
using namespace mlir::hybrid;

static std::string toText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(shape))
    text += (i ? ", " : "") + (size == anySize ? "?" : size == anyStatic ? "n" : std::to_string(size));
  return text + "]";
}

static bool fits(RankedTensorType type, ArrayRef<int64_t> expected) {
  if (type.getRank() != int64_t(expected.size()))
    return false;
  for (auto [d, got, want] : llvm::enumerate(type.getShape(), expected)) {
    bool fit = want == anySize ||
               (ShapedType::isDynamic(got) ? d == 0 && want != anyStatic : want == anyStatic || got == want);
    if (!fit)
      return false;
  }
  return true;
}

LogicalResult hybrid::verifyShape(Operation *op, StringRef name, Value value, ArrayRef<SmallVector<int64_t>> expected) {
  if (!value)
    return success();
  auto type = cast<RankedTensorType>(value.getType());
  for (ArrayRef<int64_t> shape : expected)
    if (fits(type, shape))
      return success();
  std::string shapes;
  for (ArrayRef<int64_t> shape : expected)
    shapes += (shapes.empty() ? "" : " or ") + toText(shape);
  return op->emitOpError("expected '") << name << "' to have shape " << shapes << ", got " << type;
}

int64_t hybrid::commonRows(std::initializer_list<Value> values) {
  for (Value value : values)
    if (value && rankOf(value) > 0 && !ShapedType::isDynamic(dimOf(value, 0)))
      return dimOf(value, 0);
  return anySize;
}

/// Follows at most `steps` definitions: in a module's body, where order does not matter, they may go in circles.
static std::optional<double> getSplat(Value value, unsigned steps) {
  if (!steps)
    return std::nullopt;
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return getSplat(fill.getInputs()[0], steps - 1);
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    return getSplat(splat.getInput(), steps - 1);
  if (auto cast = value.getDefiningOp<tensor::CastOp>())
    return getSplat(cast.getSource(), steps - 1);
  Attribute constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(constant))
    return number.getValue().signedRoundToDouble();
  auto elements = dyn_cast<DenseElementsAttr>(constant);
  if (!elements || !elements.isSplat())
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<FloatAttr>().getValueAsDouble();
  if (isa<IntegerType, IndexType>(elements.getElementType()))
    return elements.getSplatValue<APInt>().signedRoundToDouble();
  return std::nullopt;
}

std::optional<double> hybrid::getSplat(Value value) { return ::getSplat(value, /*steps=*/16); }
