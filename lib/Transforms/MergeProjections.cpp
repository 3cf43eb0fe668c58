// Products with one left operand become one product.
//
// Parallel branches each project the same normed input; so do q, k and v of a checkpoint that stores them apart. One
// product over the concatenated rows reads the input once and launches once. The matrices are parameters, so the
// concatenation is a step of the recipe, done once at load; fields keep the parts' names. Both entries of a model get
// the same merged parameter.
#include "dialects/Hybrid/Builders.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_MERGEPROJECTIONSPASS
#include "hybrid/Transforms/Passes.h.inc"
namespace {

ml_program::GlobalLoadConstOp weightOf(linalg::MatmulOp product) {
  return product.getInputs()[1].getDefiningOp<ml_program::GlobalLoadConstOp>();
}

/// The common leading dotted words of two names.
StringRef commonPrefix(StringRef a, StringRef b) {
  size_t n = 0, dot = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n])
    if (a[n++] == '.')
      dot = n - 1;
  return a.take_front(dot);
}

struct MergeProjectionsPass : impl::MergeProjectionsPassBase<MergeProjectionsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      llvm::MapVector<Value, SmallVector<linalg::MatmulOp>> byInput;
      for (auto product : function.getBody().front().getOps<linalg::MatmulOp>())
        if (weightOf(product))
          byInput[product.getInputs()[0]].push_back(product);
      for (auto &[input, products] : byInput)
        if (products.size() > 1)
          merge(symbols, input, products);
    }
    // Parameters that nobody reads any more would be loaded all the same.
    llvm::DenseSet<StringAttr> read;
    module.walk([&](ml_program::GlobalLoadConstOp load) {
      if (load.use_empty())
        load.erase();
      else
        read.insert(load.getGlobal().getLeafReference());
    });
    for (auto global : llvm::make_early_inc_range(module.getOps<ml_program::GlobalOp>()))
      if (!read.contains(global.getSymNameAttr()))
        global.erase();
  }

  void merge(SymbolTable &symbols, Value input, ArrayRef<linalg::MatmulOp> products) {
    SmallVector<ml_program::GlobalOp> parts;
    for (linalg::MatmulOp product : products) {
      auto global = symbols.lookup<ml_program::GlobalOp>(weightOf(product).getGlobal().getLeafReference());
      if (!global || !global->hasAttr("hybrid.recipe") || llvm::is_contained(parts, global))
        return; // one matrix twice, or a parameter without a recipe: nothing to concatenate
      parts.push_back(global);
    }
    StringRef prefix = parts.front().getSymName();
    for (auto part : parts)
      prefix = commonPrefix(prefix, part.getSymName());

    linalg::MatmulOp first = products.front();
    OpBuilder b(first);
    MLIRContext *context = b.getContext();
    int64_t rows = 0, depth = cast<RankedTensorType>(parts.front().getType()).getDimSize(1);
    SmallVector<Attribute> pieces, fields;
    for (auto part : parts) {
      auto type = cast<RankedTensorType>(part.getType());
      rows += type.getDimSize(0);
      int64_t at = 0; // rows of the part before the piece
      for (auto piece : part->getAttrOfType<ArrayAttr>("hybrid.recipe").getAsRange<PieceAttr>()) {
        // An initialiser's rows are the part's own: they, and the checkpoint's tensor, keep its name.
        std::string source = PieceAttr::named(piece.getSource(), part.getSymName());
        if (source != piece.getSource()) {
          int64_t end = piece.getEnd() < 0 ? type.getDimSize(0) : at + piece.getEnd();
          piece = PieceAttr::get(context, source, at + piece.getBegin(), end, piece.getTranspose(), piece.getScale(),
                                 piece.getMap(), piece.getColumnFolds());
          at = end;
        }
        pieces.push_back(piece);
      }
      StringRef own = part.getSymName().drop_front(prefix.size()).ltrim('.');
      if (auto inner = part->getAttrOfType<ArrayAttr>("hybrid.fields"))
        for (auto field : inner.getAsRange<FieldAttr>())
          fields.push_back(
              FieldAttr::get(context, (own.rsplit('.').first + "." + field.getName()).str(), field.getRows()));
      else
        fields.push_back(FieldAttr::get(context, own, type.getDimSize(0)));
    }
    std::string name = (prefix + (prefix.empty() ? "" : ".") + "joint_in").str();
    auto type = RankedTensorType::get({rows, depth}, b.getF32Type());
    // The other entry may have made it; so may other products whose names begin alike.
    auto merged = symbols.lookup<ml_program::GlobalOp>(name);
    for (int i = 2; merged && merged->getAttr("hybrid.recipe") != b.getArrayAttr(pieces); ++i) {
      name = (prefix + (prefix.empty() ? "" : ".") + "joint_in" + Twine(i)).str();
      merged = symbols.lookup<ml_program::GlobalOp>(name);
    }
    if (!merged) {
      OpBuilder at(parts.front());
      merged = ml_program::GlobalOp::create(at, parts.front().getLoc(), name, type, /*is_mutable=*/false,
                                            ml_program::ExternAttr::get(context, type), b.getStringAttr("private"));
      merged->setAttr("hybrid.recipe", b.getArrayAttr(pieces));
      merged->setAttr("hybrid.fields", b.getArrayAttr(fields));
      symbols.insert(merged);
    }
    Location loc = first.getLoc();
    Value weight = ml_program::GlobalLoadConstOp::create(b, loc, type, FlatSymbolRefAttr::get(merged.getSymNameAttr()));
    Value all = buildLinear(b, loc, input, weight);
    int64_t begin = 0;
    for (linalg::MatmulOp product : products) {
      int64_t count = cast<RankedTensorType>(product.getResult(0).getType()).getDimSize(1);
      product.getResult(0).replaceAllUsesWith(buildColumns(b, loc, all, begin, count));
      begin += count;
    }
    for (linalg::MatmulOp product : products)
      product.erase();
    ++numMerged;
  }
};
} // namespace
} // namespace mlir::hybrid
