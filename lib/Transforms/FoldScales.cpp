// Factors of columns in front of products become factors of the products' matrices.
//
// A norm's weight and a branch's scale multiply each column c of what a product reads by a parameter g[c]:
//
//   (n * g) W' = n (W diag(g))'
//
// so the matrix can take the factors: once, in f32, when it is packed, before it is rounded to its storage. The norm is
// left without a weight, which divides whole rows and thus commutes with the product; targets make use of that.
//
// Both entries of a model read one matrix, and a matrix may serve several products, so the pass looks at the whole
// module. It begins with all factors that could go and takes back, until nothing changes, those
//
//   * that something else than products reads: it would miss them;
//   * whose matrix something else reads: a lookup of a tied embedding, or a product without the same factors in the
//     same columns, would be given them too;
//   * that no recipe can take: a matrix without a recipe, a weight put together from several tensors;
//   * of a norm with a bias, which the factors do not multiply.
//
// What stays is said in a remark and, for the report, in the attribute `hybrid.unfolded` of the op.
#include "dialects/Hybrid/Builders.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_FOLDSCALESPASS
#include "hybrid/Transforms/Passes.h.inc"
namespace {

/// The parameter behind reshapes, or null.
ml_program::GlobalLoadConstOp parameterBehind(Value value) {
  while (value && value.getDefiningOp<tensor::CollapseShapeOp>())
    value = value.getDefiningOp()->getOperand(0);
  return value ? value.getDefiningOp<ml_program::GlobalLoadConstOp>() : nullptr;
}

/// For x * parameter, the parameter's operand number; it varies along x's last dims only, or not at all.
std::optional<unsigned> parameterOfProduct(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  Block &body = *op.getBody();
  auto mul = dyn_cast_or_null<arith::MulFOp>(body.getTerminator()->getOperand(0).getDefiningOp());
  if (!mul || !llvm::hasSingleElement(body.without_terminator()))
    return std::nullopt;
  for (unsigned i : {0u, 1u}) {
    AffineMap x = op.getIndexingMapsArray()[1 - i], factors = op.getIndexingMapsArray()[i];
    bool operands = (mul.getLhs() == body.getArgument(0) && mul.getRhs() == body.getArgument(1)) ||
                    (mul.getLhs() == body.getArgument(1) && mul.getRhs() == body.getArgument(0));
    unsigned rank = x.getNumDims(), kept = factors.getNumResults();
    if (operands && x.isIdentity() && kept < rank && (kept == 0 || factors == x.getMinorSubMap(kept)) &&
        parameterBehind(op.getInputs()[i]))
      return i;
  }
  return std::nullopt;
}

/// Columns [begin, end) of a matrix that a product reads.
struct Run {
  ml_program::GlobalOp matrix;
  int64_t begin = 0, end = 0;
};

/// Factors in front of products, and where they would go.
struct Scale {
  Operation *op;
  ml_program::GlobalOp factors;
  bool onePlus = false;
  SmallVector<Run> runs;
  /// Why they stay; empty while they may go.
  std::string reason;

  bool sameFactors(const Scale &other) const { return factors == other.factors && onePlus == other.onePlus; }
};

struct FoldScalesPass : impl::FoldScalesPassBase<FoldScalesPass> {
  void runOnOperation() override {
    // Factors of factors: a branch's scale stands behind its norm's weight.
    while (foldNearest())
      ;
    for (Scale &scale : scales) {
      scale.op->emitRemark("factors '") << scale.factors.getSymName() << "' are not folded: " << scale.reason;
      scale.op->setAttr("hybrid.unfolded", StringAttr::get(&getContext(), scale.reason));
    }
  }

private:
  /// Folds the factors that stand right in front of products; true if there were any.
  bool foldNearest() {
    symbols.emplace(getOperation());
    scales.clear();
    uses.clear();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        for (Operation &op : function.getBody().front())
          collect(op);
    while (takeBack())
      ;
    llvm::SetVector<ml_program::GlobalOp> folded;
    llvm::DenseSet<std::pair<Operation *, int64_t>> done;
    bool any = false;
    for (Scale &scale : scales) {
      if (!scale.reason.empty())
        continue;
      for (Run run : scale.runs)
        if (done.insert({run.matrix, run.begin}).second)
          addFold(run, scale);
      scale.op->emitRemark("factors '") << scale.factors.getSymName() << "' are folded into '"
                                        << scale.runs.front().matrix.getSymName() << "'";
      removeFactors(scale);
      folded.insert(scale.factors);
      ++numFolded;
      any = true;
    }
    for (ml_program::GlobalOp global : folded)
      dropIfUnread(global);
    return any;
  }

  ml_program::GlobalOp globalOf(ml_program::GlobalLoadConstOp load) {
    return load ? symbols->lookup<ml_program::GlobalOp>(load.getGlobal().getLeafReference()) : ml_program::GlobalOp();
  }

  /// Notes what `op` does to matrices, and the factors that it is.
  void collect(Operation &op) {
    if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
      noteUses(load);
      return;
    }
    Scale scale;
    scale.op = &op;
    if (auto norm = dyn_cast<NormOp>(op)) {
      scale.factors = globalOf(parameterBehind(norm.getWeight()));
      scale.onePlus = norm.getOnePlus();
      if (norm.getBias())
        scale.reason = "the norm has a bias, which they do not multiply";
    } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (auto i = parameterOfProduct(generic))
        scale.factors = globalOf(parameterBehind(generic.getInputs()[*i]));
    }
    if (!scale.factors)
      return;
    auto [products, other] = productsOf(op.getResult(0));
    if (products.empty() && !isa<NormOp>(op))
      return; // some other elementwise work
    if (scale.reason.empty() && (other || products.empty()))
      scale.reason = other ? ("'" + other->getName().getStringRef() + "' reads what they multiply").str()
                           : "no product reads what they multiply";
    for (linalg::MatmulOp product : products) {
      std::optional<Run> run = runOf(product);
      if (run)
        scale.runs.push_back(*run);
      else if (scale.reason.empty())
        scale.reason = "a product's right operand is no parameter with a recipe";
    }
    if (scale.reason.empty())
      scale.reason = whyNoFactors(scale);
    scales.push_back(std::move(scale));
  }

  /// The products whose left operand is `value` as rows, and something else that reads it.
  std::pair<SmallVector<linalg::MatmulOp>, Operation *> productsOf(Value value) {
    SmallVector<linalg::MatmulOp> products;
    Operation *other = nullptr;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<tensor::DimOp>(user))
        continue;
      if (isa<tensor::CollapseShapeOp>(user)) {
        auto [inner, innerOther] = productsOf(user->getResult(0));
        products.append(inner);
        other = other ? other : innerOther;
      } else if (auto product = dyn_cast<linalg::MatmulOp>(user); product && use.getOperandNumber() == 0) {
        products.push_back(product);
      } else {
        other = user;
      }
    }
    return {products, other};
  }

  std::optional<Run> runOf(linalg::MatmulOp product) {
    Value right = product.getInputs()[1];
    Run run;
    auto slice = right.getDefiningOp<tensor::ExtractSliceOp>();
    if (slice) {
      run.begin = slice.getStaticOffsets().back();
      right = slice.getSource();
    }
    run.end = run.begin + cast<RankedTensorType>(product.getInputs()[1].getType()).getDimSize(1);
    run.matrix = globalOf(right.getDefiningOp<ml_program::GlobalLoadConstOp>());
    if (!run.matrix || !run.matrix->hasAttr("hybrid.recipe") || ShapedType::isDynamic(run.begin))
      return std::nullopt;
    return run;
  }

  static bool isWhole(Run run) {
    return run.begin == 0 && run.end == cast<RankedTensorType>(run.matrix.getType()).getDimSize(1);
  }

  /// Who reads the matrix: products by the runs of columns, or others.
  void noteUses(ml_program::GlobalLoadConstOp load) {
    auto &list = uses[globalOf(load)];
    SmallVector<OpOperand *> open;
    auto follow = [&](Value value) {
      for (OpOperand &use : value.getUses())
        open.push_back(&use);
    };
    follow(load);
    while (!open.empty()) {
      OpOperand *use = open.pop_back_val();
      Operation *user = use->getOwner();
      if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
          slice && slice.getStaticOffsets().front() == 0 && slice.getType().getRank() == 2 &&
          slice.getType().getDimSize(0) == slice.getSourceType().getDimSize(0))
        follow(slice.getResult());
      else
        list.push_back(use->getOperandNumber() == 1 ? user : nullptr);
    }
  }

  /// What keeps a recipe from taking the factors as they are.
  std::string whyNoFactors(Scale &scale) {
    auto recipe = scale.factors->getAttrOfType<ArrayAttr>("hybrid.recipe");
    auto type = cast<RankedTensorType>(scale.factors.getType());
    if (!recipe || recipe.size() != 1)
      return "they are not one checkpoint tensor";
    auto piece = dyn_cast<PieceAttr>(recipe[0]);
    // Only the checkpoint knows whether a tensor goes on behind the last row that a piece names.
    if (!piece || piece.getBegin() != 0 || piece.getEnd() != -1 || piece.getTranspose() || piece.getColumnFolds() ||
        ((piece.getMap() || piece.getScale()) && scale.onePlus))
      return "they are not one whole checkpoint tensor as it is";
    for (Run run : scale.runs) {
      int64_t columns = run.end - run.begin;
      if (piece.getScale() && !isWhole(run))
        return "they have a factor, which a part of the matrix's columns cannot take";
      if (columns % type.getNumElements())
        return "they do not fit the matrix's columns";
      StringRef source = piece.getSource();
      if (columns != type.getNumElements() && source.starts_with("init:") && !source.starts_with("init:const"))
        return "they repeat, and random ones would not";
    }
    return "";
  }

  /// Takes back factors whose matrices cannot have them; true if there were any.
  bool takeBack() {
    // What each product's left operand was multiplied by.
    llvm::DenseMap<Operation *, const Scale *> before;
    for (const Scale &scale : scales)
      if (scale.reason.empty())
        for (linalg::MatmulOp product : productsOf(scale.op->getResult(0)).first)
          before[product] = &scale;
    bool changed = false;
    for (Scale &scale : scales) {
      if (!scale.reason.empty())
        continue;
      for (Run run : scale.runs)
        if (std::string reason = whyNotInto(run, scale, before); !reason.empty())
          scale.reason = reason;
      changed |= !scale.reason.empty();
    }
    return changed;
  }

  std::string whyNotInto(Run run, const Scale &scale, const llvm::DenseMap<Operation *, const Scale *> &before) {
    std::string name = ("matrix '" + run.matrix.getSymName() + "'").str();
    for (Operation *user : uses.find(run.matrix)->second) {
      auto product = dyn_cast_or_null<linalg::MatmulOp>(user);
      std::optional<Run> other = product ? runOf(product) : std::nullopt;
      if (!other)
        return name + " is not only multiplied with, but looked up or cut too";
      if (other->end <= run.begin || other->begin >= run.end)
        continue;
      const Scale *factors = before.lookup(product);
      if (other->begin != run.begin || other->end != run.end || !factors || !factors->sameFactors(scale))
        return name + " serves a product without them too";
    }
    return "";
  }

  void addFold(Run run, Scale &scale) {
    MLIRContext *context = &getContext();
    auto weight = cast<PieceAttr>(scale.factors->getAttrOfType<ArrayAttr>("hybrid.recipe")[0]);
    auto map = scale.onePlus ? StringAttr::get(context, "one_plus") : weight.getMap();
    auto fold = FoldAttr::get(context, PieceAttr::named(weight.getSource(), scale.factors.getSymName()), run.begin,
                              isWhole(run) ? -1 : run.end, map);
    SmallVector<Attribute> pieces;
    for (auto piece : run.matrix->getAttrOfType<ArrayAttr>("hybrid.recipe").getAsRange<PieceAttr>()) {
      SmallVector<Attribute> folds;
      if (piece.getColumnFolds())
        llvm::append_range(folds, piece.getColumnFolds());
      folds.push_back(fold);
      auto factor = piece.getScale();
      if (auto more = weight.getScale())
        factor = FloatAttr::get(Float64Type::get(context),
                                more.getValueAsDouble() * (factor ? factor.getValueAsDouble() : 1.0));
      pieces.push_back(PieceAttr::get(context, piece.getSource(), piece.getBegin(), piece.getEnd(),
                                      piece.getTranspose(), factor, piece.getMap(), ArrayAttr::get(context, folds)));
    }
    run.matrix->setAttr("hybrid.recipe", ArrayAttr::get(context, pieces));
  }

  void removeFactors(const Scale &scale) {
    if (auto norm = dyn_cast<NormOp>(scale.op)) {
      norm.getWeightMutable().clear();
      norm.setOnePlus(false);
      return;
    }
    auto generic = cast<linalg::GenericOp>(scale.op);
    generic.getResult(0).replaceAllUsesWith(generic.getInputs()[1 - *parameterOfProduct(generic)]);
    generic.erase();
  }

  /// A parameter that nobody reads any more would be loaded all the same.
  void dropIfUnread(ml_program::GlobalOp global) {
    SmallVector<ml_program::GlobalLoadConstOp> loads;
    getOperation().walk([&](ml_program::GlobalLoadConstOp load) {
      if (load.getGlobal().getLeafReference() == global.getSymNameAttr())
        loads.push_back(load);
    });
    bool read = false;
    for (ml_program::GlobalLoadConstOp load : loads) {
      for (Operation *user : llvm::make_early_inc_range(load->getUsers()))
        if (isa<tensor::CollapseShapeOp>(user) && user->use_empty())
          user->erase();
      read |= !load.use_empty();
      if (load.use_empty())
        load.erase();
    }
    if (!read)
      global.erase();
  }

  std::optional<SymbolTable> symbols;
  SmallVector<Scale> scales;
  /// Per parameter the products that read it on the right; null for other readers.
  llvm::DenseMap<Operation *, SmallVector<Operation *>> uses;
};
} // namespace
} // namespace mlir::hybrid
