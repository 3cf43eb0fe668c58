#include "ParameterCheck.h"
#include "Json.h"
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
using namespace mlir;
using namespace mlir::hybrid;
using hybridrt::ElementType;
using hybridrt::TensorView;
using llvm::Error;
using llvm::Twine;

/// A tensor as its rows, the way pieces read it: a vector has rows of one column.
static std::pair<int64_t, int64_t> rowsAndColumns(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return {1, 1};
  int64_t columns = 1;
  for (int64_t dim : shape.drop_front())
    columns *= dim;
  return {shape.front(), columns};
}

namespace {
/// The check of one parameter.
class ParameterCheck {
public:
  ParameterCheck(ml_program::GlobalOp global, const hybridrt::Checkpoint &checkpoint)
      : global(global), checkpoint(checkpoint) {}

  Error run(ArrayAttr recipe, ArrayRef<int64_t> shape) {
    auto [rows, columns] = rowsAndColumns(shape);
    for (auto piece : recipe.getAsRange<PieceAttr>())
      if (Error error = takePiece(piece, columns))
        return error;
    // Rows that no piece takes would silently be lost.
    for (auto [source, count] : taken) {
      const TensorView *tensor = checkpoint.find(source.str());
      if (count != rowsAndColumns(tensor->shape).first)
        return fail(source, "expected " + Twine(count) + " rows, found " + tensor->describe());
    }
    if (found == rows)
      return Error::success();
    return textError(checkpoint.path() + ": error: parameter '" + global.getSymName() + "': expected " + Twine(rows) +
                     " rows, found " + Twine(found) + " in " + sources);
  }

private:
  Error fail(StringRef source, const Twine &message) {
    return textError(checkpoint.fileOf(source.str()) + ": error: tensor '" + source + "': " + message +
                     " (for parameter '" + global.getSymName() + "')");
  }

  Error takePiece(PieceAttr piece, int64_t columns) {
    StringRef source = piece.getSource();
    const TensorView *tensor = checkpoint.find(source.str());
    if (!tensor)
      return fail(source, "expected it in the checkpoint, found no tensor of that name");
    if (!llvm::is_contained({ElementType::f32, ElementType::bf16, ElementType::f16}, tensor->type))
      return fail(source, "expected dtype F32, BF16 or F16, found " + tensor->typeName);
    auto [tensorRows, tensorColumns] = rowsAndColumns(tensor->shape);
    if (tensorColumns != columns)
      return fail(source, "expected " + Twine(columns) + " elements per row, found " + tensor->describe());
    int64_t end = piece.getEnd() < 0 ? tensorRows : piece.getEnd();
    if (end > tensorRows)
      return fail(source, "expected at least " + Twine(end) + " rows, found " + tensor->describe());
    found += end - piece.getBegin();
    taken[source] += end - piece.getBegin();
    sources += (sources.empty() ? "'" : " + '") + source.str() + "' " + tensor->describe();
    return Error::success();
  }

  ml_program::GlobalOp global;
  const hybridrt::Checkpoint &checkpoint;
  int64_t found = 0;
  std::string sources;
  /// Rows taken of each tensor.
  llvm::MapVector<StringRef, int64_t> taken;
};
} // namespace

Error mlir::hybrid::checkParameters(ModuleOp module, const hybridrt::Checkpoint &checkpoint) {
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe");
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!recipe || !type)
      continue;
    bool initialised = llvm::any_of(recipe.getAsRange<PieceAttr>(),
                                    [](PieceAttr piece) { return piece.getSource().starts_with("init:"); });
    if (initialised)
      continue;
    if (Error error = ParameterCheck(global, checkpoint).run(recipe, type.getShape()))
      return error;
  }
  return Error::success();
}
