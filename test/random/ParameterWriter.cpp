#include "ParameterWriter.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

Value ParameterWriter::load(OpBuilder &builder, Location loc, StringRef name, ArrayRef<int64_t> shape, Spread spread) {
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  if (declared.try_emplace(name, type).second)
    declare(builder, loc, name, type, spread);
  return ml_program::GlobalLoadConstOp::create(builder, loc, type, FlatSymbolRefAttr::get(builder.getContext(), name));
}

void ParameterWriter::addTensor(StringRef name, ArrayRef<int64_t> shape, function_ref<double(Random &)> draw) {
  HostValue &value = checkpoint[name.str()] = HostValue(shape);
  Random numbers(seed, name.str());
  for (double &x : value.data)
    x = static_cast<float>(draw(numbers));
}

void ParameterWriter::declare(OpBuilder &builder, Location loc, StringRef name, RankedTensorType type, Spread spread) {
  OpBuilder::InsertionGuard guard(builder);
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(module.getBody());
  auto global = ml_program::GlobalOp::create(builder, loc, name, type, /*is_mutable=*/false,
                                             ml_program::ExternAttr::get(builder.getContext(), type),
                                             builder.getStringAttr("private"));
  last = global;

  // One choice per parameter: both entries read the same one.
  Random r(seed, (name + ".recipe").str());
  SmallVector<Attribute> pieces;
  int64_t rows = type.getDimSize(0);
  SmallVector<int64_t> shape(type.getShape());
  std::string tensor = ("weights." + name).str();
  StringAttr map = spread.negative ? builder.getStringAttr("neg_exp") : StringAttr();
  auto draw = [&](Random &n) { return spread.mean + spread.deviation * n.normal(); };
  auto piece = [&](StringRef source, int64_t begin, int64_t end, bool transpose, double scale) {
    pieces.push_back(PieceAttr::get(builder.getContext(), source, begin, end, transpose,
                                    scale == 1 ? FloatAttr() : builder.getF64FloatAttr(scale), map,
                                    /*column_folds=*/nullptr));
  };
  int64_t kind = r.below(10);
  if (kind == 0 && !spread.negative) { // a description's: the checkpoint calls the tensor by the parameter's name
    addTensor(name, shape, draw);
    piece("init:normal(0.02)", 0, -1, false, 1);
  } else if (kind == 1 && shape.size() == 2) {
    addTensor(tensor, {shape[1], shape[0]}, draw);
    piece(tensor, 0, -1, /*transpose=*/true, 1);
  } else if (kind == 2 && rows > 1) { // two tensors, one after the other
    int64_t first = r.between(1, rows - 1);
    SmallVector<int64_t> part(shape);
    part[0] = first;
    addTensor(tensor + ".a", part, draw);
    piece(tensor + ".a", 0, -1, false, 1);
    part[0] = rows - first;
    addTensor(tensor + ".b", part, draw);
    piece(tensor + ".b", 0, -1, false, 1);
  } else if (kind == 3) { // rows of a larger tensor
    int64_t before = r.below(4), behind = r.below(3);
    SmallVector<int64_t> larger(shape);
    larger[0] += before + behind;
    addTensor(tensor, larger, draw);
    piece(tensor, before, before + rows, false, 1);
  } else if (kind == 4) {
    double scale = r.pick({0.5, -1.0, 3.0});
    if (spread.negative)
      scale = std::abs(scale);
    addTensor(tensor, shape, [&](Random &n) { return spread.negative ? draw(n) : draw(n) / scale; });
    piece(tensor, 0, -1, false, scale);
  } else if (kind == 5 && !spread.negative && spread.mean == 1) {
    map = builder.getStringAttr("one_plus");
    addTensor(tensor, shape, [&](Random &n) { return draw(n) - 1; });
    piece(tensor, 0, -1, false, 1);
  } else {
    addTensor(tensor, shape, draw);
    piece(tensor, 0, -1, false, 1);
  }
  global->setAttr("hybrid.recipe", builder.getArrayAttr(pieces));
}

HostValue randomtest::applyRecipe(ModuleOp module, StringRef parameter, const Tensors &checkpoint) {
  auto global = module.lookupSymbol<ml_program::GlobalOp>(parameter);
  HostValue value(cast<RankedTensorType>(global.getType()).getShape());
  int64_t rows = value.shape.empty() ? 1 : value.shape[0], columns = value.numElements() / rows, at = 0;
  for (auto piece : global->getAttrOfType<ArrayAttr>("hybrid.recipe").getAsRange<PieceAttr>()) {
    bool initialised = piece.getSource().starts_with("init:");
    const HostValue &tensor = checkpoint.at(initialised ? parameter.str() : piece.getSource().str());
    int64_t end = piece.getEnd() >= 0 ? piece.getEnd() : piece.getTranspose() ? tensor.shape[1] : tensor.shape[0];
    double scale = piece.getScale() ? piece.getScale().getValueAsDouble() : 1;
    for (int64_t row = piece.getBegin(); row < end; ++row, ++at)
      for (int64_t c = 0; c < columns; ++c) {
        double x = piece.getTranspose() ? tensor.data[c * tensor.shape[1] + row] : tensor.data[row * columns + c];
        if (piece.getMap())
          x = piece.getMap().getValue() == "neg_exp" ? -std::exp(x) : 1 + x;
        value.data[at * columns + c] = scale * x;
      }
  }
  return value;
}
