// Walks an entry in order and forms a launch for every stored value and every cache update.
#include "FormBlocks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
using namespace mlir;
using namespace mlir::hybrid;

int64_t hybrid::roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

StringRef hybrid::cacheName(Value cache) {
  while (auto append = cache.getDefiningOp<CacheAppendOp>())
    cache = append.getCache();
  auto argument = cast<BlockArgument>(cache);
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "hybrid.name"))
    return name.getValue();
  return "";
}

std::string hybrid::kernelName(StringRef layer, StringRef kind) {
  StringRef last = layer.rsplit('.').second;
  if (last.empty())
    last = layer;
  if (last.empty() || last == kind)
    return kind.str();
  std::string name = (last + "_" + kind).str(); // a symbol in every target's assembly
  std::replace_if(name.begin(), name.end(), [](char c) { return !llvm::isAlnum(c) && c != '_'; }, '_');
  return name;
}

BlockTarget hybrid::x86BlockTarget() {
  BlockTarget t;
  t.name = "x86-64";
  BlockTiles decode, shortAppend, bulk;
  decode.variant = "decode";
  decode.maxTokens = 8;
  decode.maxLongest = 1;
  decode.productRows = 8;
  decode.productBlocks = 0;
  decode.queryRows = 1;
  decode.scanChunk = 1;
  decode.plainRows = 8;
  decode.convRows = 1;
  shortAppend.variant = "short";
  shortAppend.maxLongest = 16;
  shortAppend.productRows = 16;
  shortAppend.productBlocks = 0;
  shortAppend.queryRows = 16;
  shortAppend.scanChunk = 16;
  shortAppend.convRows = 16;
  bulk.variant = "bulk";
  t.variants = {decode, shortAppend, bulk};
  return t;
}

BlockTarget hybrid::gpuBlockTarget(StringRef chip) {
  BlockTarget t;
  t.name = chip.str();
  t.panels = false;
  t.productsInF32 = false;
  t.fuseIntoProducts = false;
  t.depthMultiple = 16;
  t.scanColumns = 64;
  t.scanKeyElements = 4096;
  t.leftTileBytes = 1 << 20;
  t.operationsPerByte = 10;
  t.joinBranches = true;
  BlockTiles decode, bulk;
  for (BlockTiles *v : {&decode, &bulk}) {
    v->productDepth = 64;
    v->productBlocks = -1;
    v->queryRows = 64;
    v->plainRows = 4;
    v->productRows = 128;
    v->productColumns = 128;
  }
  decode.variant = "decode";
  decode.maxLongest = 1;
  decode.productRows = 16;
  decode.productColumns = 64;
  decode.queryRows = 16;
  decode.scanChunk = 16;
  decode.convRows = 16;
  BlockTiles shortAppend = decode;
  shortAppend.variant = "short";
  shortAppend.maxLongest = 16;
  bulk.variant = "bulk";
  t.variants = {decode, shortAppend, bulk};
  return t;
}

BlockFormer::BlockFormer(ModuleOp model, ModuleOp out, const BlockTarget &target)
    : model(model), out(out), target(target) {
  storage = Float32Type::get(model.getContext());
  if (auto dtype = model->getAttrOfType<TypeAttr>("hybrid.dtype"))
    storage = dtype.getValue();
}

KernelBuilder BlockFormer::kernel(Operation *op) {
  KernelBuilder k(model.getContext(), op->getLoc(), *plan, target, storage);
  k.tiles = tiles;
  k.squareParts = &squareParts;
  return k;
}

/// The scan that still reads the taps that `append` replaces, if one does.
static LinearScanOp readerOfTaps(CacheAppendOp append, const BlockPlan &plan) {
  auto conv = append.getValues()[0].getDefiningOp<CausalConv1dOp>();
  return conv ? plan.convFold(conv.getY())->scan : LinearScanOp();
}

Value BlockFormer::squaresOf(KernelBuilder &k, Value stored, int64_t parts) {
  if (!plan->sumsSquares(stored))
    return {};
  squareParts[stored] = parts;
  Value memory = k.squaresMemory(stored, parts);
  k.markWritten(memory);
  return memory;
}

LogicalResult BlockFormer::form(func::FuncOp entry, const BlockTiles &variantTiles) {
  tiles = &variantTiles;
  plan = std::make_unique<BlockPlan>(entry, target);
  memories.clear();
  tablesFormed.clear();
  tapsBehind.clear();
  squareParts.clear();
  cached = entry.getNumArguments() > 4;
  OpBuilder b(out.getBodyRegion());
  b.setInsertionPointToEnd(out.getBody());
  variant = schedule::VariantOp::create(b, entry.getLoc(), entry.getName(), tiles->variant, tiles->maxTokens,
                                        tiles->maxSequences, tiles->maxLongest);
  variant.getBody().emplaceBlock();

  for (Operation &op : entry.getBody().front()) {
    if (auto rotary = dyn_cast<RotaryOp>(op); rotary && plan->rotaryTables(&op) == rotary.getResult())
      if (failed(formRotaryTables(rotary)))
        return failure();
    LogicalResult formed = success();
    if (auto append = dyn_cast<CacheAppendOp>(op)) {
      CacheKind kind = append.getCache().getType().getKind();
      if (kind == CacheKind::paged_kv)
        formed = formKvAppend(append);
      else if (LinearScanOp scan = readerOfTaps(append, *plan); scan && append->isBeforeInBlock(scan))
        tapsBehind[scan].push_back(append);
      else if (kind == CacheKind::conv_taps)
        formed = formTapsAppend(append);
      else if (kind != CacheKind::scan_state) // the scan itself writes its state
        return op.emitError("caches of kind '") << stringifyCacheKind(kind) << "' are not built";
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      formed = formAttention(attention);
    } else if (auto scan = dyn_cast<LinearScanOp>(op)) {
      formed = formScan(scan);
      for (CacheAppendOp append : tapsBehind[scan])
        if (succeeded(formed))
          formed = formTapsAppend(append);
    } else if (auto conv = dyn_cast<CausalConv1dOp>(op)) {
      if (plan->isStored(conv.getY()))
        formed = formConv(conv);
    } else if (auto gather = dyn_cast<tensor::GatherOp>(op)) {
      formed = formGather(gather);
    } else {
      for (Value result : op.getResults())
        if (plan->isStored(result) && failed(formRows(result)))
          return failure();
    }
    if (failed(formed))
      return failure();
  }
  return success();
}

/// The layer that a location names; empty if it names none.
static StringRef layerOf(Location loc) {
  auto named = loc->findInstanceOf<NameLoc>();
  return named ? named.getName().getValue() : StringRef();
}

/// Where a launch belongs in the model: its location's layer, or the longest common name of the parameters that it
/// reads.
static std::string labelOf(ArrayRef<KernelBuilder::Argument> arguments, Location loc) {
  if (StringRef layer = layerOf(loc); !layer.empty())
    return layer.str();
  for (const auto &a : arguments)
    if (a.isMemory && (a.memory.kind == MemoryKey::cache || a.memory.kind == MemoryKey::param))
      return StringRef(a.memory.name).rsplit('.').first.str();
  return "";
}

/// The names of the factors that a parameter's recipe has taken in.
static SmallVector<std::string> foldsOf(ml_program::GlobalOp parameter) {
  SmallVector<std::string> names;
  auto recipe = parameter->getAttrOfType<ArrayAttr>("hybrid.recipe");
  if (!recipe)
    return names;
  for (auto piece : recipe.getAsRange<PieceAttr>())
    if (piece.getColumnFolds())
      for (auto fold : piece.getColumnFolds().getAsRange<FoldAttr>()) {
        auto [source, owner] = fold.getSource().split('@');
        std::string name = (owner.empty() ? source : owner).str();
        if (!llvm::is_contained(names, name))
          names.push_back(std::move(name));
      }
  return names;
}

Value BlockFormer::memoryOp(const MemoryKey &key, MemRefType type) {
  // A buffer seen with another row length is the same buffer.
  MemoryKey own = key;
  if (key.kind == MemoryKey::value && key.name.empty())
    own.width = cast<RankedTensorType>(key.stored.getType()).getRank() == 1 ? 0 : plan->storedWidth(key.stored);
  Value &memory = memories[own];
  if (memory)
    return memory;
  OpBuilder b = OpBuilder::atBlockEnd(&variant.getBody().front());
  Location loc = variant.getLoc();
  switch (key.kind) {
  case MemoryKey::value: {
    bool isResult = llvm::any_of(key.stored.getUsers(), [](Operation *u) { return isa<func::ReturnOp>(u); });
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    if (own.width)
      shape.push_back(own.width);
    type = MemRefType::get(shape, type.getElementType());
    if (isResult && key.name.empty()) {
      memory = schedule::InputOp::create(b, loc, type, "logits", 0);
      break;
    }
    std::string name = key.name.empty() ? ("b" + Twine(memories.size())).str() : (key.name + Twine(key.part)).str();
    // A buffer that holds a value as it is comes from where the value does.
    memory =
        schedule::BufferOp::create(b, key.name.empty() ? key.stored.getLoc() : loc, type, name, rowSymbol(key.stored));
    break;
  }
  case MemoryKey::param:
    memory = schedule::ParamOp::create(b, loc, type, FlatSymbolRefAttr::get(b.getContext(), key.name),
                                       key.panels ? b.getUnitAttr() : UnitAttr());
    break;
  case MemoryKey::input:
    memory = schedule::InputOp::create(b, loc, type, key.name, key.part);
    break;
  case MemoryKey::cache:
    memory = schedule::CacheOp::create(b, loc, type, key.name, key.part);
    break;
  }
  return memory;
}

LogicalResult BlockFormer::launch(KernelBuilder &k, StringRef kind, ArrayRef<Extent> grid,
                                  ArrayRef<Operation *> roots) {
  tile::KernelOp body = k.finish();
  // Clean up first, so that equal kernels look equal.
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(body.getLoc());
  scratch->push_back(body);
  PassManager pm(body.getContext(), ModuleOp::getOperationName());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  if (failed(pm.run(*scratch)))
    return failure();
  body = *scratch->getOps<tile::KernelOp>().begin();
  std::string text;
  llvm::raw_string_ostream os(text);
  body->print(os, OpPrintingFlags().useLocalScope());

  MLIRContext *context = body.getContext();
  OpBuilder b = OpBuilder::atBlockEnd(&variant.getBody().front());
  std::string &name = kernels[text];
  if (name.empty()) {
    std::string stem = kernelName(layerOf(k.loc), kind);
    name = stem + "_" + std::to_string(counters[stem]++);
    body->remove();
    body.setSymName(name);
    // Kernels in the order of their first launch, before all variants.
    auto firstVariant = *out.getOps<schedule::VariantOp>().begin();
    out.insert(firstVariant->getIterator(), body);
  }

  auto extent = [&](const Extent &e) -> Attribute {
    return schedule::ExtentAttr::get(context, e.symbol, e.divisor, e.factor, e.list);
  };
  SmallVector<Attribute> gridAttrs, scalars, fused, missed;
  for (const Extent &e : grid)
    gridAttrs.push_back(extent(e));
  SmallVector<Value> operands;
  auto kernelOp = SymbolTable::lookupNearestSymbolFrom<tile::KernelOp>(out, StringAttr::get(context, name));
  for (auto [i, a] : llvm::enumerate(k.arguments()))
    if (a.isMemory)
      operands.push_back(memoryOp(a.memory, cast<MemRefType>(kernelOp.getArgumentTypes()[i])));
    else
      scalars.push_back(extent({a.symbol}));

  Cost cost;
  SetVector<Operation *> ops(roots.begin(), roots.end());
  ops.insert(k.computed().begin(), k.computed().end());
  for (Operation *op : ops) {
    if (auto product = dyn_cast<linalg::MatmulOp>(op)) {
      Polynomial rows(rowSymbol(product.getResult(0)) == "rows" ? Symbol::rows : Symbol::tokens);
      cost.flops += rows * Polynomial(2.0 * widthOf(product.getInputs()[0]) * widthOf(product.getResult(0)));
    } else if (auto costed = dyn_cast<CostOpInterface>(op)) {
      double share = 1;
      if (auto conv = dyn_cast<CausalConv1dOp>(op)) {
        const ConvFold &fold = *plan->convFold(conv.getY());
        share = llvm::is_contained(roots, op) ? double(fold.storedWidth()) / fold.width : fold.shareInScan();
      }
      cost.flops += costed.getCost().flops * Polynomial(share);
    } else if (isElementwise(op)) {
      Polynomial rows(rowSymbol(op->getResult(0)) == "rows" ? Symbol::rows : Symbol::tokens);
      cost.flops += rows * Polynomial(double(widthOf(op->getResult(0))));
    }
    if (!llvm::is_contained(roots, op))
      fused.push_back(b.getStringAttr(op->getName().stripDialect()));
    if (StringRef why = plan->whyStored(op); !why.empty() && llvm::is_contained(roots, op))
      missed.push_back(b.getStringAttr(why));
    if (auto why = op->getAttrOfType<StringAttr>("hybrid.unfolded"))
      missed.push_back(b.getStringAttr("factors not folded: " + why.getValue()));
    if (llvm::is_contained(roots, op) && plan->sumsSquares(op->getResult(0)))
      fused.push_back(b.getStringAttr("sums of squares for a norm"));
  }
  for (const KernelBuilder::Argument &a : k.arguments())
    if (a.isMemory && a.memory.kind == MemoryKey::param)
      for (const std::string &source : foldsOf(model.lookupSymbol<ml_program::GlobalOp>(a.memory.name)))
        fused.push_back(b.getStringAttr("factors of " + source));
  // Least bytes: each memory once. Caches count one sequence's slot or the pages that the call looks at.
  for (Value v : operands) {
    auto type = cast<MemRefType>(v.getType());
    Operation *op = v.getDefiningOp();
    double width = type.getElementTypeBitWidth() / 8.0 * (type.getRank() == 2 ? type.getDimSize(1) : 1);
    Polynomial rows(Symbol::tokens);
    if (auto buffer = dyn_cast<schedule::BufferOp>(op)) {
      rows = Polynomial(buffer.getRows() == "rows" ? Symbol::rows : Symbol::tokens);
    } else if (auto param = dyn_cast<schedule::ParamOp>(op)) {
      auto global = model.lookupSymbol<ml_program::GlobalOp>(param.getName());
      rows = Polynomial(double(cast<RankedTensorType>(global.getType()).getDimSize(0)));
      bool gathered = llvm::any_of(roots, [](Operation *r) { return isa<tensor::GatherOp>(r); });
      if (gathered)
        rows = Polynomial(Symbol::tokens);
    } else if (auto cache = dyn_cast<schedule::CacheOp>(op)) {
      bool attends = llvm::any_of(roots, [](Operation *r) { return isa<AttentionOp>(r); });
      rows = attends ? Polynomial(Symbol::kv_tokens) : Polynomial(Symbol::tokens);
    } else if (auto input = dyn_cast<schedule::InputOp>(op)) {
      rows = Polynomial(input.getKind() == "logits" || input.getKind() == "rows" ? Symbol::rows : Symbol::tokens);
    }
    cost.bytes += rows * Polynomial(width);
  }

  schedule::LaunchOp::create(b, k.loc, FlatSymbolRefAttr::get(context, name), b.getArrayAttr(gridAttrs), operands,
                             b.getArrayAttr(scalars), b.getStringAttr(labelOf(k.arguments(), k.loc)),
                             b.getStringAttr(cost.flops.str()), b.getStringAttr(cost.bytes.str()),
                             fused.empty() ? ArrayAttr() : b.getArrayAttr(fused),
                             missed.empty() ? ArrayAttr() : b.getArrayAttr(missed));
  return success();
}

/// Kernels know a call's arguments by their places.
static LogicalResult checkArguments(func::FuncOp entry) {
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
    auto list = dyn_cast<RankedTensorType>(type);
    bool fits = i < 4 ? list && list.getRank() == 1 && list.getElementType().isInteger(32) : isa<CacheType>(type);
    if (!fits)
      return entry.emitError(
                 "cannot form kernels: expected an entry's arguments to be ids, positions, offsets and rows, "
                 "each tensor<?xi32>, then caches, got ")
             << type << " as argument " << i;
  }
  if (entry.getNumArguments() < 4)
    return entry.emitError("cannot form kernels: expected an entry to have the arguments ids, positions, offsets and "
                           "rows, got ")
           << entry.getNumArguments() << " arguments";
  return success();
}

FailureOr<OwningOpRef<ModuleOp>> hybrid::formBlocks(ModuleOp model, const BlockTarget &target,
                                                    ArrayRef<std::string> entries) {
  model.getContext()
      ->loadDialect<tile::TileDialect, schedule::ScheduleDialect, memref::MemRefDialect, scf::SCFDialect,
                    math::MathDialect>();
  OwningOpRef<ModuleOp> out = ModuleOp::create(model.getLoc());
  (*out)->setDiscardableAttrs(model->getDiscardableAttrDictionary());
  for (auto global : model.getOps<ml_program::GlobalOp>())
    out->push_back(global->clone());
  BlockFormer former(model, *out, target);
  for (auto entry : model.getOps<func::FuncOp>()) {
    if (!entry->hasAttr("hybrid.entry") || (!entries.empty() && !llvm::is_contained(entries, entry.getName().str())))
      continue;
    if (failed(checkArguments(entry)))
      return failure();
    for (const BlockTiles &tiles : target.variants) {
      // Scoring has no decode: sequences come whole.
      if (entry.getNumArguments() == 4 && tiles.variant == "decode")
        continue;
      if (failed(former.form(entry, tiles)))
        return failure();
    }
  }
  if (target.joinBranches)
    joinBranches(*out);
  if (failed(mlir::verify(*out)))
    return failure();
  return out;
}
