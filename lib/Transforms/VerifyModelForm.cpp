// Checks that a module is in the model form, as docs/architecture.md describes it.
//
// Front ends build nothing else; IR that a user wrote may be anything that parses. What passes here is what
// the passes after it may rely on without asking again.
#include "dialects/Hybrid/Hybrid.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::hybrid {
#define GEN_PASS_DEF_VERIFYMODELFORMPASS
#include "hybrid/Transforms/Passes.h.inc"
namespace {

/// The arguments of every entry: ids, positions, offsets, rows. Caches follow.
constexpr unsigned numTokenArguments = 4;

bool isTokenList(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 1 && tensor.isDynamicDim(0) && tensor.getElementType().isInteger(32);
}

LogicalResult verifyModule(ModuleOp module) {
  auto dtype = module->getAttrOfType<TypeAttr>("hybrid.dtype");
  if (!dtype || !(dtype.getValue().isF32() || dtype.getValue().isBF16() || dtype.getValue().isF16()))
    return module.emitError("model form: expected module attribute 'hybrid.dtype' to be f32, bf16 or f16");
  for (StringRef name : {"hybrid.name", "hybrid.family"})
    if (!module->getAttrOfType<StringAttr>(name))
      return module.emitError("model form: expected module attribute '") << name << "', a string";
  for (StringRef name : {"hybrid.vocab", "hybrid.width"}) {
    auto size = module->getAttrOfType<IntegerAttr>(name);
    if (!size || size.getInt() < 1)
      return module.emitError("model form: expected module attribute '") << name << "', a positive integer";
  }
  if (!module->getAttrOfType<DenseI64ArrayAttr>("hybrid.eos"))
    return module.emitError("model form: expected module attribute 'hybrid.eos', an array of i64");
  return success();
}

LogicalResult verifyParameter(ml_program::GlobalOp global) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isF32())
    return global.emitError("model form: expected a parameter to be a static tensor of f32, got ") << global.getType();
  if (global.getIsMutable())
    return global.emitError("model form: expected parameters to be immutable");
  if (isa_and_present<ElementsAttr>(global.getValueAttr()))
    return success();
  auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe");
  if (!isa_and_present<ml_program::ExternAttr>(global.getValueAttr()) || !recipe || recipe.empty() ||
      !llvm::all_of(recipe, llvm::IsaPred<PieceAttr>))
    return global.emitError(
        "model form: expected a parameter to be external with 'hybrid.recipe', a list of pieces, or "
        "to hold its value");
  auto fields = global->getAttrOfType<ArrayAttr>("hybrid.fields");
  if (!fields)
    return success();
  int64_t rows = 0;
  for (Attribute attr : fields) {
    auto field = dyn_cast<FieldAttr>(attr);
    if (!field)
      return global.emitError("model form: expected 'hybrid.fields' to be a list of fields, got ") << attr;
    rows += field.getRows();
  }
  if (type.getRank() == 0 || rows != type.getDimSize(0))
    return global.emitError("model form: expected the fields to have the parameter's rows, got ")
           << rows << " for " << type;
  return success();
}

LogicalResult verifySignature(func::FuncOp entry, int64_t vocab) {
  FunctionType type = entry.getFunctionType();
  if (type.getNumInputs() < numTokenArguments ||
      !llvm::all_of(type.getInputs().take_front(numTokenArguments), isTokenList))
    return entry.emitError("model form: expected ids, positions, offsets and rows, each tensor<?xi32>, to come first");
  ArrayRef<Type> caches = type.getInputs().drop_front(numTokenArguments);
  llvm::StringSet<> names;
  for (auto [i, cache] : llvm::enumerate(caches)) {
    if (!isa<CacheType>(cache))
      return entry.emitError("model form: expected a cache as argument ") << i + numTokenArguments << ", got " << cache;
    auto name = entry.getArgAttrOfType<StringAttr>(i + numTokenArguments, "hybrid.name");
    if (!name || !names.insert(name.getValue()).second)
      return entry.emitError("model form: expected argument ")
             << i + numTokenArguments << " to have 'hybrid.name', a string of its own";
  }
  auto logits = type.getNumResults() ? dyn_cast<RankedTensorType>(type.getResult(0)) : RankedTensorType();
  if (!logits || logits.getRank() != 2 || logits.getDimSize(1) != vocab || !logits.getElementType().isF32())
    return entry.emitError("model form: expected logits, tensor<?x") << vocab << "xf32>, as the first result";
  if (type.getResults().drop_front() != caches)
    return entry.emitError("model form: expected the caches' types as the results after the logits");
  return success();
}

/// What is appended to cache i is returned in its place, once.
LogicalResult verifyCaches(func::FuncOp entry) {
  Operation *terminator = entry.getBody().front().getTerminator();
  for (BlockArgument cache : entry.getArguments().drop_front(numTokenArguments)) {
    Value returned = terminator->getOperand(cache.getArgNumber() - numTokenArguments + 1);
    auto append = returned.getDefiningOp<CacheAppendOp>();
    if (returned != cache && !(append && append.getCache() == cache))
      return terminator->emitError("model form: expected what is appended to argument ")
             << cache.getArgNumber() << " to be returned in its place";
  }
  return success();
}

LogicalResult verifyOp(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  bool allowed = llvm::is_contained({"hybrid", "linalg", "tensor", "arith", "math"}, dialect) ||
                 isa<ml_program::GlobalLoadConstOp, func::ReturnOp>(op);
  if (!allowed)
    return op->emitError("model form: expected hybrid, linalg, tensor, arith and math ops only, got '")
           << op->getName() << "'";
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    Type element = tensor ? tensor.getElementType() : type;
    if (isa<FloatType>(element) && !element.isF32())
      return op->emitError("model form: expected floats to be f32, got ") << type;
  }
  return success();
}

LogicalResult verifyEntry(func::FuncOp entry, int64_t vocab) {
  if (!entry->hasAttr("hybrid.entry"))
    return entry.emitError("model form: expected every function to be an entry, with the attribute 'hybrid.entry'");
  if (entry.isExternal() || !entry.getBody().hasOneBlock())
    return entry.emitError("model form: expected an entry to be one block");
  if (failed(verifySignature(entry, vocab)) || failed(verifyCaches(entry)))
    return failure();
  WalkResult walk = entry.getBody().walk<WalkOrder::PreOrder>(
      [](Operation *op) { return failed(verifyOp(op)) ? WalkResult::interrupt() : WalkResult::advance(); });
  return failure(walk.wasInterrupted());
}

struct VerifyModelFormPass : impl::VerifyModelFormPassBase<VerifyModelFormPass> {
  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  static LogicalResult run(ModuleOp module) {
    if (failed(verifyModule(module)))
      return failure();
    int64_t vocab = module->getAttrOfType<IntegerAttr>("hybrid.vocab").getInt();
    bool hasEntry = false;
    for (Operation &op : *module.getBody()) {
      if (auto global = dyn_cast<ml_program::GlobalOp>(op)) {
        if (failed(verifyParameter(global)))
          return failure();
      } else if (auto function = dyn_cast<func::FuncOp>(op)) {
        hasEntry = true;
        if (failed(verifyEntry(function, vocab)))
          return failure();
      } else {
        return op.emitError("model form: expected parameters and entries only, got '") << op.getName() << "'";
      }
    }
    if (!hasEntry)
      return module.emitError("model form: expected an entry, 'score' or 'append'");
    return success();
  }
};
} // namespace
} // namespace mlir::hybrid
