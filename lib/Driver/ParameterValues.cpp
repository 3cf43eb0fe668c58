// Recipes once more, apart from the runtime's, which computes in f32 and is among the suspects.
#include "ParameterValues.h"
#include "hybrid/Reference/Evaluator.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

static double applyMap(StringAttr map, double value) {
  if (!map)
    return value;
  return map == "neg_exp" ? -std::exp(value) : 1 + value;
}

namespace {
/// A piece's or a fold's source: draws of an initialiser, or a tensor of the checkpoint.
class Source {
public:
  static llvm::Expected<Source> open(StringRef text, StringRef parameter, const BisectWeights &weights) {
    Source source;
    bool initialised = text.starts_with("init:");
    auto [initialiser, owner] = initialised ? text.split('@') : std::pair(StringRef(), StringRef());
    source.isOwnRows = initialised && owner.empty();
    std::string name = (!initialised ? text : owner.empty() ? parameter : owner).str();
    if (initialised && !weights.checkpoint) {
      source.draw = weights.initialiser(initialiser.str(), name);
      return source;
    }
    auto fail = [&](const Twine &what) {
      return llvm::createStringError("--bisect: parameter '" + parameter + "' is made from tensor '" + name + "', " +
                                     what);
    };
    if (!weights.checkpoint)
      return fail("so this model needs --weights");
    const hybridrt::TensorView *tensor = weights.checkpoint->find(name);
    using hybridrt::ElementType;
    if (!tensor)
      return fail("which '" + weights.checkpoint->path() + "' lacks");
    if (tensor->type != ElementType::f32 && tensor->type != ElementType::bf16 && tensor->type != ElementType::f16)
      return fail("expected F32, BF16 or F16, found " + tensor->describe());
    source.values.resize(tensor->elements());
    tensor->readFloats(0, tensor->elements(), source.values.data());
    source.rows = tensor->shape.empty() ? 1 : tensor->shape[0];
    source.columns = source.rows ? int64_t(source.values.size()) / source.rows : 0;
    return source;
  }

  bool isDrawn() const { return bool(draw); }
  double operator[](int64_t element) const { return draw ? draw(uint64_t(element)) : values[element]; }

  int64_t rows = 0, columns = 0; // of a tensor
  /// Rows count from where the piece lies in its parameter.
  bool isOwnRows = false;
  std::vector<float> values;

private:
  std::function<float(uint64_t)> draw;
};
} // namespace

llvm::Expected<HostValue> hybrid::parameterValue(ml_program::GlobalOp global, const BisectWeights &weights) {
  auto misfit = [&](const Twine &what) {
    return llvm::createStringError("--bisect: parameter '" + global.getSymName() + "': expected " + what);
  };
  if (auto elements = dyn_cast_or_null<ElementsAttr>(global.getValueAttr()))
    if (FailureOr<HostValue> value = toHostValue(elements); succeeded(value))
      return *value;
  auto type = dyn_cast<RankedTensorType>(global.getType());
  auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe");
  if (!type || !type.hasStaticShape() || !recipe)
    return misfit("a static shape and 'hybrid.recipe'");
  HostValue value(type.getShape());
  int64_t rows = type.getRank() ? type.getDimSize(0) : 1, columns = rows ? value.numElements() / rows : 0, at = 0;
  for (auto piece : recipe.getAsRange<PieceAttr>()) {
    llvm::Expected<Source> source = Source::open(piece.getSource(), global.getSymName(), weights);
    if (!source)
      return source.takeError();
    bool transpose = piece.getTranspose() && !source->isDrawn();
    int64_t base = source->isOwnRows ? at : 0, begin = base + piece.getBegin();
    int64_t sourceRows = source->isDrawn() ? begin + rows - at : transpose ? source->columns : source->rows;
    int64_t end = piece.getEnd() < 0 ? sourceRows : base + piece.getEnd();
    if (begin < 0 || end < begin || end > sourceRows || at + end - begin > rows ||
        (!source->isDrawn() && (transpose ? source->rows : source->columns) != columns))
      return misfit("rows of " + Twine(columns) + " elements in '" + piece.getSource() + "'");
    double scale = piece.getScale() ? piece.getScale().getValueAsDouble() : 1;
    std::vector<double> factors(columns, scale);
    if (piece.getColumnFolds())
      for (auto fold : piece.getColumnFolds().getAsRange<FoldAttr>()) {
        llvm::Expected<Source> weight = Source::open(fold.getSource(), global.getSymName(), weights);
        if (!weight)
          return weight.takeError();
        int64_t last = fold.getEnd() < 0 ? columns : fold.getEnd();
        int64_t period = weight->isDrawn() ? last - fold.getBegin() : int64_t(weight->values.size());
        if (last > columns || period <= 0)
          return misfit("factors of its columns in '" + fold.getSource() + "'");
        for (int64_t c = fold.getBegin(); c < last; ++c)
          factors[c] *= applyMap(fold.getMap(), (*weight)[(c - fold.getBegin()) % period]);
      }
    for (int64_t r = begin; r < end; ++r, ++at)
      for (int64_t c = 0; c < columns; ++c)
        value.data[at * columns + c] =
            factors[c] * applyMap(piece.getMap(), (*source)[transpose ? c * source->columns + r : r * columns + c]);
  }
  if (at != rows)
    return misfit(Twine(rows) + " rows, its pieces have " + Twine(at));
  return value;
}
