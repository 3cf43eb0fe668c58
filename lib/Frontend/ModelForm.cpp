// The frame of the model form: module attributes, parameters, entries, blocks and feed-forward networks.
#include "FormBuilder.h"
#include "hybrid/Frontend/Frontend.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace mlir::hybrid;

FormBuilder::FormBuilder(MLIRContext &context, const ModelSpec &spec, Type storage)
    : spec(spec), storage(storage), module(ModuleOp::create(UnknownLoc::get(&context))), builder(&context),
      loc(UnknownLoc::get(&context)) {
  ModuleOp op = *module;
  op->setAttr("hybrid.name", builder.getStringAttr(spec.name));
  op->setAttr("hybrid.family", builder.getStringAttr(spec.family));
  op->setAttr("hybrid.dtype", TypeAttr::get(storage));
  op->setAttr("hybrid.vocab", builder.getI64IntegerAttr(spec.vocab));
  op->setAttr("hybrid.width", builder.getI64IntegerAttr(spec.width));
  op->setAttr("hybrid.eos", builder.getDenseI64ArrayAttr(spec.eos));
  for (const auto &[i, block] : llvm::enumerate(spec.blocks)) {
    Scope scope(*this, ("blocks." + Twine(i + 1) + ".mixer").str());
    declareCaches(block);
  }
}

FormBuilder::Scope::Scope(FormBuilder &form, StringRef name) : form(form), outer(form.prefix) {
  form.prefix = outer.empty() ? name.str() : outer + "." + name.str();
  form.loc = form.location();
}
FormBuilder::Scope::~Scope() {
  form.prefix = outer;
  form.loc = form.location();
}

Location FormBuilder::location() const {
  if (prefix.empty())
    return UnknownLoc::get(builder.getContext());
  StringAttr name = StringAttr::get(builder.getContext(), prefix);
  return place ? NameLoc::get(name, *place) : NameLoc::get(name);
}

RankedTensorType FormBuilder::tokens(ArrayRef<int64_t> dims) const {
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  shape.append(dims.begin(), dims.end());
  return RankedTensorType::get(shape, Float32Type::get(builder.getContext()));
}

Value FormBuilder::parameter(StringRef name, ArrayRef<int64_t> shape, const Recipe &recipe, FieldList fields) {
  std::string full = prefix.empty() ? name.str() : prefix + "." + name.str();
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  if (globals.try_emplace(full, type).second) {
    OpBuilder::InsertionGuard guard(builder);
    if (lastGlobal)
      builder.setInsertionPointAfter(lastGlobal);
    else
      builder.setInsertionPointToStart(module->getBody());
    auto global = ml_program::GlobalOp::create(builder, loc, full, type, /*is_mutable=*/false,
                                               ml_program::ExternAttr::get(builder.getContext(), type),
                                               builder.getStringAttr("private"));
    SmallVector<Attribute> pieces;
    for (const PieceSpec &piece : recipe)
      pieces.push_back(PieceAttr::get(builder.getContext(), piece.source, piece.begin, piece.end,
                                      /*transpose=*/false,
                                      piece.scale == 1 ? FloatAttr() : builder.getF64FloatAttr(piece.scale),
                                      piece.map.empty() ? StringAttr() : builder.getStringAttr(piece.map),
                                      /*column_folds=*/nullptr));
    global->setAttr("hybrid.recipe", builder.getArrayAttr(pieces));
    SmallVector<Attribute> fieldAttrs;
    for (auto [fieldName, rows] : fields)
      if (rows) // a mixer without a gate has no rows for one
        fieldAttrs.push_back(FieldAttr::get(builder.getContext(), fieldName, rows));
    if (!fieldAttrs.empty())
      global->setAttr("hybrid.fields", builder.getArrayAttr(fieldAttrs));
    lastGlobal = global;
  }
  return ml_program::GlobalLoadConstOp::create(builder, loc, type, FlatSymbolRefAttr::get(builder.getContext(), full));
}

Value FormBuilder::linear(StringRef name, const LinearSpec &linear, Value x, int64_t rows, FieldList fields) {
  int64_t columns = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Value y = buildLinear(builder, loc, x, parameter(name, {rows, columns}, linear.weight, fields));
  if (linear.bias.empty())
    return y;
  return buildAdd(builder, loc, y, parameter((name + "_bias").str(), {rows}, linear.bias, fields), Broadcast::trailing);
}

Value FormBuilder::norm(StringRef name, const NormSpec &norm, Value x, Value gate, int64_t groups, GateOrder order) {
  auto type = cast<RankedTensorType>(x.getType());
  Value weight;
  if (!norm.weight.empty())
    weight = parameter(name, {type.getShape().back()}, norm.weight);
  return NormOp::create(builder, loc, type, /*sum=*/Type(), x, weight, /*bias=*/Value(), gate,
                        /*residual=*/Value(), NormKind::rms, llvm::APFloat(norm.eps), groups,
                        /*one_plus=*/false, order, Activation::silu)
      .getY();
}

Value FormBuilder::columns(Value x, int64_t &begin, int64_t count) {
  Value part = buildColumns(builder, loc, x, begin, count);
  begin += count;
  return part;
}

void FormBuilder::declareCache(StringRef name, CacheKind kind, ArrayRef<int64_t> dims, Type elementType) {
  cacheTypes[builder.getStringAttr(prefix + "." + name)] =
      CacheType::get(builder.getContext(), kind, dims, elementType);
}

Value FormBuilder::cache(StringRef name) { return caches.lookup(builder.getStringAttr(prefix + "." + name)); }

void FormBuilder::setCache(StringRef name, Value value) { caches[builder.getStringAttr(prefix + "." + name)] = value; }

Value FormBuilder::residual(const std::optional<NormSpec> &postNorm, StringRef name, Value x, Value y) {
  Scope scope(*this, name);
  if (postNorm)
    y = norm("post_norm", *postNorm, y);
  return buildAdd(builder, loc, x, y);
}

Value FormBuilder::ffn(const FfnSpec &ffn, Value x) {
  Scope outer(*this, "ffn");
  if (ffn.norm)
    x = norm("norm", *ffn.norm, x);
  Scope scope(*this, ffn.name);
  Value hidden;
  if (ffn.gated) {
    Value gateUp = linear("gate_up", ffn.up, x, 2 * ffn.width, {{"gate", ffn.width}, {"up", ffn.width}});
    hidden = GluOp::create(builder, loc, tokens({ffn.width}), gateUp, /*up=*/Value(), ffn.activation,
                           /*clamp=*/FloatAttr());
  } else {
    hidden = buildActivationOf(builder, loc, ffn.activation, linear("up", ffn.up, x, ffn.width));
  }
  return linear("down", ffn.down, hidden, spec.width);
}

Value FormBuilder::block(const BlockSpec &block, Value x) {
  x = residual(block.mixer.postNorm, "mixer", x, mixer(block.mixer, x));
  if (block.ffn)
    x = residual(block.ffn->postNorm, "ffn", x, ffn(*block.ffn, x));
  return x;
}

void FormBuilder::buildEntry(StringRef name, bool withCaches) {
  Type i32s = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  SmallVector<Type> inputs(4, i32s), results{tokens({spec.vocab})};
  if (withCaches)
    for (auto [cacheName, type] : cacheTypes) {
      inputs.push_back(type);
      results.push_back(type);
    }
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(inputs, results));
  function->setAttr("hybrid.entry", builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  ids = body->getArgument(0);
  positions = body->getArgument(1);
  offsets = body->getArgument(2);
  rows = body->getArgument(3);
  caches.clear();
  if (withCaches)
    for (auto [i, entry] : llvm::enumerate(cacheTypes)) {
      caches[entry.first] = body->getArgument(4 + i);
      function.setArgAttr(4 + i, "hybrid.name", entry.first);
    }

  auto atLayer = [&](StringRef name) { loc = NameLoc::get(builder.getStringAttr(name)); };
  atLayer("embedding");
  Value embedding = parameter("embedding", {spec.vocab, spec.width}, spec.embedding);
  Value x = buildGatherRows(builder, loc, embedding, ids);
  if (spec.embeddingScale != 1)
    x = buildScale(builder, loc, x, spec.embeddingScale);
  for (const auto &[i, blockSpec] : llvm::enumerate(spec.blocks)) {
    if (i < spec.places.size())
      place = FileLineColLoc::get(builder.getContext(), spec.file, spec.places[i].line, spec.places[i].column);
    Scope scope(*this, ("blocks." + Twine(i + 1)).str());
    x = block(blockSpec, x);
  }
  place.reset();

  // Only the wanted tokens pay for the vocabulary.
  atLayer("final_norm");
  x = buildGatherRows(builder, loc, x, rows);
  x = norm("final_norm", spec.finalNorm, x);
  atLayer("head");
  Value head = spec.tied ? embedding : parameter("head", {spec.vocab, spec.width}, spec.head);
  Value logits = buildLinear(builder, loc, x, head);
  if (spec.logitSoftcap) {
    double cap = *spec.logitSoftcap;
    logits = buildElementwise(builder, loc, logits, ArrayRef<Broadcast>(), tokens({spec.vocab}),
                              [&](OpBuilder &b, Location at, ValueRange args) -> Value {
                                Value limit = buildScalar(b, at, args[0].getType(), cap);
                                Value ratio = arith::DivFOp::create(b, at, args[0], limit);
                                return arith::MulFOp::create(b, at, math::TanhOp::create(b, at, ratio), limit);
                              });
  }
  SmallVector<Value> returned{logits};
  for (auto &[cacheName, value] : caches)
    returned.push_back(value);
  func::ReturnOp::create(builder, loc, returned);
}

OwningOpRef<ModuleOp> mlir::hybrid::buildModelForm(MLIRContext &context, const ModelSpec &spec,
                                                   const ImportOptions &options) {
  context.loadDialect<HybridDialect, ml_program::MLProgramDialect, func::FuncDialect, linalg::LinalgDialect,
                      tensor::TensorDialect, arith::ArithDialect, math::MathDialect>();
  std::string dtype = options.dtype.value_or(spec.dtype);
  Type storage = llvm::StringSwitch<Type>(dtype)
                     .Case("bf16", BFloat16Type::get(&context))
                     .Case("f16", Float16Type::get(&context))
                     .Default(Float32Type::get(&context));
  FormBuilder form(context, spec, storage);
  if (options.score)
    form.buildEntry("score", /*withCaches=*/false);
  if (options.append)
    form.buildEntry("append", /*withCaches=*/true);
  return form.take();
}
