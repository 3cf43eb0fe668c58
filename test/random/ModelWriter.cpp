// Writes a program's entries op by op, in forms that no front end writes too.
#include "ModelWriter.h"
#include "ParameterWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

namespace {
/// A run of columns that a branch projects from its input.
struct Part {
  const char *name;
  int64_t width;
};

class Writer {
public:
  Writer(MLIRContext &context, const Program &program, Model &model)
      : p(program), model(model), builder(&context), loc(UnknownLoc::get(&context)),
        parameters(model.module, program.seed, model.checkpoint) {
    storage = llvm::StringSwitch<Type>(p.dtype)
                  .Case("bf16", BFloat16Type::get(&context))
                  .Case("f16", Float16Type::get(&context))
                  .Default(Float32Type::get(&context));
  }
  void setAttributes();
  void entry(StringRef name, bool withCaches);

private:
  // Blocks.
  Value block(const BlockPlan &block, Value x);
  Value join(const BlockPlan &block, ValueRange outputs);
  Value normalised(StringRef name, const NormPlan &plan, Value x);
  Value takeResidual(Value x);
  // Branches: each reads the normed input and gives what its output projection takes.
  Value attention(const Branch &branch, Value x);
  Value scan(const Branch &branch, Value x);
  Value shortConv(const ShortConvPlan &plan, Value x);
  Value ffn(const FfnPlan &plan, Value x);
  /// The norm and gate behind a branch that works on heads.
  Value handOn(const Branch &branch, Value heads, Value gate);
  Value convolve(const ConvPlan &plan, Value x);
  // Parts.
  Value parameter(StringRef name, ArrayRef<int64_t> shape, Spread spread);
  Value matrix(StringRef name, int64_t rows, int64_t columns);
  Value linear(StringRef name, Value x, int64_t rows, bool bias);
  SmallVector<Value> project(Value x, ArrayRef<Part> parts, bool separate, bool bias);
  Value norm(StringRef name, const NormPlan &plan, Value x, Value gate = {}, GateOrder order = GateOrder::gate_first,
             Activation activation = Activation::silu, Value residual = {}, Value *sum = nullptr);
  Value unit(Value x);
  Value glu(Activation activation, Value gate, Value up, std::optional<double> clamp = {});
  Value rotary(const RotaryPlan &plan, Value x);
  Value cache(StringRef name, CacheKind kind, ArrayRef<int64_t> dims, Type element);
  void keep(StringRef name, Value value) { caches[builder.getStringAttr(prefix + "." + name)] = value; }
  RankedTensorType tokens(ArrayRef<int64_t> dims) {
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    llvm::append_range(shape, dims);
    return RankedTensorType::get(shape, builder.getF32Type());
  }
  /// A choice that belongs to the name below the current prefix, whatever else was drawn.
  bool flip(StringRef name, int percent) { return Random(p.seed, prefix + "." + name.str()).chance(percent); }
  static int64_t lastDim(Value v) { return cast<RankedTensorType>(v.getType()).getShape().back(); }

  struct Scope {
    Scope(Writer &writer, const Twine &name) : writer(writer), outer(writer.prefix) {
      writer.prefix = (outer.empty() ? name : outer + "." + name).str();
      writer.locate();
    }
    ~Scope() {
      writer.prefix = outer;
      writer.locate();
    }
    Writer &writer;
    std::string outer;
  };
  void locate() {
    loc = prefix.empty() ? Location(UnknownLoc::get(builder.getContext()))
                         : Location(NameLoc::get(builder.getStringAttr(prefix)));
  }

  const Program &p;
  Model &model;
  OpBuilder builder;
  Location loc;
  ParameterWriter parameters;
  Type storage;
  std::string prefix;

  // The entry being written.
  func::FuncOp function;
  bool cached = false;
  Value positions, offsets;
  llvm::MapVector<StringAttr, Value> caches;
  /// What the next norm or add still adds to the block's output.
  Value pending;
  /// Keys and values of earlier attentions by their shapes: as tensors, or as the cache that holds them.
  struct KeysAndValues {
    int64_t heads, keySize, valueSize;
    Value key, value, cache;
  };
  SmallVector<KeysAndValues> attended;
  Value attentionValues;
};
} // namespace

void Writer::setAttributes() {
  ModuleOp op = model.module;
  op->setAttr("hybrid.name", builder.getStringAttr("random-" + Twine(p.seed)));
  op->setAttr("hybrid.family", builder.getStringAttr("random"));
  op->setAttr("hybrid.dtype", TypeAttr::get(storage));
  op->setAttr("hybrid.vocab", builder.getI64IntegerAttr(p.vocab));
  op->setAttr("hybrid.width", builder.getI64IntegerAttr(p.width));
  op->setAttr("hybrid.eos", builder.getDenseI64ArrayAttr({}));
}

Value Writer::parameter(StringRef name, ArrayRef<int64_t> shape, Spread spread) {
  return parameters.load(builder, loc, prefix.empty() ? name.str() : prefix + "." + name.str(), shape, spread);
}

Value Writer::matrix(StringRef name, int64_t rows, int64_t columns) {
  return parameter(name, {rows, columns}, {0, 1 / std::sqrt(double(columns))});
}

Value Writer::linear(StringRef name, Value x, int64_t rows, bool bias) {
  Value y = buildLinear(builder, loc, x, matrix(name, rows, lastDim(x)));
  if (bias)
    y = buildAdd(builder, loc, y, parameter((name + "_bias").str(), {rows}, {0, 0.3}), Broadcast::trailing);
  return y;
}

SmallVector<Value> Writer::project(Value x, ArrayRef<Part> parts, bool separate, bool bias) {
  SmallVector<Value> values;
  int64_t width = 0;
  for (Part part : parts)
    width += part.width;
  if (separate) {
    for (Part part : parts)
      values.push_back(linear(part.name, x, part.width, bias));
    return values;
  }
  Value all = linear("in", x, width, bias);
  int64_t begin = 0;
  for (Part part : parts) {
    values.push_back(buildColumns(builder, loc, all, begin, part.width));
    begin += part.width;
  }
  return values;
}

Value Writer::norm(StringRef name, const NormPlan &plan, Value x, Value gate, GateOrder order, Activation activation,
                   Value residual, Value *sum) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape(type.getShape().drop_front());
  if (shape.size() > 1 && !flip(name.str() + ".per_head", 30))
    shape.erase(shape.begin()); // one weight for all heads
  Value weight = plan.weight ? parameter(name, shape, {plan.onePlus ? 0.0 : 1.0, 0.3}) : Value();
  Value bias = plan.bias ? parameter((name + "_bias").str(), shape, {0, 0.3}) : Value();
  auto op = NormOp::create(builder, loc, type, sum ? Type(type) : Type(), x, weight, bias, gate, residual, plan.kind,
                           llvm::APFloat(plan.eps), plan.groups, plan.onePlus, order, activation);
  if (sum)
    *sum = op.getSum();
  return op.getY();
}

Value Writer::unit(Value x) { return norm("unit", {NormKind::l2, 1, /*weight=*/false, false, false, 1e-6}, x); }

Value Writer::glu(Activation activation, Value gate, Value up, std::optional<double> clamp) {
  auto type = cast<RankedTensorType>(gate.getType());
  if (!up)
    type = tokens({lastDim(gate) / 2});
  return GluOp::create(builder, loc, type, gate, up, activation, clamp ? builder.getF64FloatAttr(*clamp) : FloatAttr());
}

Value Writer::rotary(const RotaryPlan &plan, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  auto f64 = [&](double value) { return builder.getF64FloatAttr(value); };
  IntegerAttr dim = plan.dim == lastDim(x) ? IntegerAttr() : builder.getI64IntegerAttr(plan.dim);
  return RotaryOp::create(builder, loc, type, x, positions, /*angles=*/Value(), f64(plan.theta), dim,
                          /*interleave=*/UnitAttr(), RopeScalingAttr::get(builder.getContext(), plan.scaling),
                          f64(plan.factor), f64(1), f64(4), builder.getI64IntegerAttr(256), f64(32), f64(1),
                          f64(plan.attentionFactor));
}

Value Writer::cache(StringRef name, CacheKind kind, ArrayRef<int64_t> dims, Type element) {
  if (!cached)
    return {};
  StringAttr full = builder.getStringAttr(prefix + "." + name);
  auto type = CacheType::get(builder.getContext(), kind, dims, element);
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type, builder.getDictionaryAttr(builder.getNamedAttr("hybrid.name", full)), loc);
  return caches[full] = function.getArgument(index);
}

Value Writer::attention(const Branch &branch, Value x) {
  const AttentionPlan &a = branch.attention;
  SmallVector<Part> parts{{"q", a.heads * a.keySize}};
  const KeysAndValues *shared = nullptr;
  if (a.sharesKv)
    for (const KeysAndValues &each : attended)
      if (each.heads == a.kvHeads && each.keySize == a.keySize && each.valueSize == a.valueSize)
        shared = &each;
  if (!shared) {
    parts.push_back({"k", a.kvHeads * a.keySize});
    parts.push_back({"v", a.kvHeads * a.valueSize});
  }
  if (branch.gate != Gate::none)
    parts.push_back({"gate", branch.outWidth()});
  SmallVector<Value> projected = project(x, parts, a.separate, a.bias);
  Value q = projected[0], gate = branch.gate == Gate::none ? Value() : projected.back(), k, v, kv;
  auto prepare = [&](Value value, StringRef name, int64_t heads) {
    if (a.fullNorm)
      value = norm(name, *a.fullNorm, value);
    value = splitHeads(builder, loc, value, heads);
    if (a.headNorm)
      value = norm(name, *a.headNorm, value);
    return a.rotary ? rotary(*a.rotary, value) : value;
  };
  q = prepare(q, "q_norm", a.heads);
  if (shared) {
    k = shared->key, v = shared->value, kv = shared->cache;
  } else {
    k = prepare(projected[1], "k_norm", a.kvHeads);
    v = splitHeads(builder, loc, projected[2], a.kvHeads);
    if (a.valueNorm)
      v = norm("v_norm", NormPlan(), v);
    attentionValues = v;
    if (Value before = cache("kv", CacheKind::paged_kv, {a.kvHeads, a.keySize, a.valueSize}, storage)) {
      kv = CacheAppendOp::create(builder, loc, before, {k, v}, offsets);
      keep("kv", kv);
      k = v = Value();
    }
    attended.push_back({a.kvHeads, a.keySize, a.valueSize, k, v, kv});
  }
  Value sinks = a.sinkLogits ? parameter("sinks", {a.heads}, {0, 1}) : Value();
  auto optional = [&](std::optional<double> value) { return value ? builder.getF64FloatAttr(*value) : FloatAttr(); };
  auto op = AttentionOp::create(builder, loc, tokens({a.heads, a.valueSize}), tokens({a.heads}), /*max=*/Type(), q, k,
                                v, kv, offsets, /*key_offsets=*/Value(), sinks, /*bias=*/Value(), /*alibi=*/Value(),
                                /*global_tokens=*/Value(), /*block_index=*/Value(), optional(a.scale), /*causal=*/true,
                                a.window ? builder.getI64IntegerAttr(*a.window) : IntegerAttr(), /*dilation=*/1,
                                a.sinks, /*prefix=*/0, /*block_size=*/IntegerAttr(), optional(a.softcap),
                                /*normalize=*/true);
  return handOn(branch, op.getO(), gate);
}

Value Writer::convolve(const ConvPlan &plan, Value x) {
  int64_t channels = lastDim(x);
  RankedTensorType taps = tokens({plan.width - 1, channels});
  Value weights = parameter("taps", {channels, plan.width}, {0, 1 / std::sqrt(double(plan.width))});
  Value bias = plan.bias ? parameter("conv_bias", {channels}, {0, 0.3}) : Value();
  Value before = cache("conv", CacheKind::conv_taps, {channels, plan.width - 1}, storage);
  Value initial = before ? CacheViewOp::create(builder, loc, taps, before) : Value();
  auto op =
      CausalConv1dOp::create(builder, loc, x.getType(), taps, x, weights, bias, initial, offsets, plan.activation);
  if (before)
    keep("conv", CacheAppendOp::create(builder, loc, before, op.getFinalTaps(), offsets));
  return op.getY();
}

Value Writer::scan(const Branch &branch, Value x) {
  const ScanPlan &s = branch.scan;
  int64_t heads = branch.heads(), queries = s.queryHeads * s.keySize, keys = s.keyHeads * s.keySize,
          values = s.sharesValues ? 0 : s.valueHeads * s.valueSize;
  bool steps = s.decay == Decay::scalar, writes = s.writeScale && !s.writesStep;
  SmallVector<Part> parts{{"qkv", queries + keys + values}};
  auto add = [&](bool wanted, Part part) {
    if (wanted)
      parts.push_back(part);
    return wanted ? parts.size() - 1 : 0;
  };
  size_t step = add(steps, {"dt", s.decayHeads}), write = add(writes, {"g", s.writeHeads}),
         erase = add(s.eraseKey, {"e", keys}), bonus = add(s.bonus == ScanPlan::Bonus::perToken, {"d", heads}),
         gate = add(branch.gate != Gate::none, {"gate", branch.outWidth()});
  SmallVector<Value> projected = project(x, parts, flip("separate", 30), flip("bias", 20));

  Value q, k, v;
  Value qkv = projected[0];
  auto cut = [&](Value from, int64_t begin, int64_t count) { return buildColumns(builder, loc, from, begin, count); };
  if (!s.conv || s.convParts == 3 || (s.convParts == 1 && !values)) {
    if (s.conv)
      qkv = convolve(*s.conv, qkv);
    q = cut(qkv, 0, queries), k = cut(qkv, queries, keys);
    v = values ? cut(qkv, queries + keys, values) : Value();
  } else if (s.convParts == 2) {
    Value kv = convolve(*s.conv, cut(qkv, queries, keys + values));
    q = cut(qkv, 0, queries), k = cut(kv, 0, keys);
    v = values ? cut(kv, keys, values) : Value();
  } else {
    q = cut(qkv, 0, queries), k = cut(qkv, queries, keys);
    v = convolve(*s.conv, cut(qkv, queries + keys, values));
  }
  q = splitHeads(builder, loc, q, s.queryHeads);
  k = splitHeads(builder, loc, k, s.keyHeads);
  v = v ? splitHeads(builder, loc, v, s.valueHeads) : attentionValues;
  if (s.unitKeys) {
    q = unit(q);
    k = unit(k);
  }
  q = buildScale(builder, loc, q, 1 / std::sqrt(double(s.keySize)));

  Value logDecay, stepSize, writeScale, eraseKey, bonusValue;
  Spread rate{std::log(s.strength), 0.5, /*negative=*/true};
  if (steps) {
    Value dtBias = parameter("dt_bias", {s.decayHeads}, {-1, 1});
    stepSize = buildActivationOf(builder, loc, Activation::softplus,
                                 buildAdd(builder, loc, projected[step], dtBias, Broadcast::trailing));
    logDecay = buildMul(builder, loc, stepSize, parameter("A", {s.decayHeads}, rate), Broadcast::trailing);
  } else if (s.decay == Decay::constant) {
    logDecay = parameter("A", {s.decayHeads}, rate);
  }
  if (s.writeScale) {
    Value g = writes ? buildActivationOf(builder, loc, Activation::sigmoid, projected[write]) : stepSize;
    if (s.doubleWrite)
      g = buildScale(builder, loc, g, 2);
    SmallVector<ReassociationIndices> split{{0}, {1, 2}};
    writeScale = tensor::ExpandShapeOp::create(builder, loc, tokens({s.writeHeads, 1}), g, split);
  }
  if (s.eraseKey)
    eraseKey = glu(Activation::sigmoid, splitHeads(builder, loc, projected[erase], s.keyHeads), k);
  if (s.bonus != ScanPlan::Bonus::none)
    bonusValue = s.bonus == ScanPlan::Bonus::perToken ? projected[bonus] : parameter("D", {heads}, {1, 0.3});

  RankedTensorType state = tokens({heads, s.keySize, s.valueSize});
  Value before = cache("state", CacheKind::scan_state, {heads, s.keySize, s.valueSize}, builder.getF32Type());
  Value initial = before ? CacheViewOp::create(builder, loc, state, before) : Value();
  auto op = LinearScanOp::create(
      builder, loc, tokens({heads, s.valueSize}), state, /*chunk_states=*/Type(), /*mixer=*/Type(), q, k, v, logDecay,
      /*rate=*/Value(), /*rate_matrix=*/Value(), writeScale, eraseKey, /*untied_write=*/Value(),
      /*untied_read=*/Value(), /*mix=*/Value(), bonusValue, initial, offsets, s.decay, s.tied ? Rank::tied : Rank::zero,
      Erase::decayed, Read::post, /*order=*/1, /*substeps=*/1, /*chunk=*/IntegerAttr(), /*materialise=*/false,
      /*state_only=*/false);
  if (before)
    keep("state", CacheAppendOp::create(builder, loc, before, op.getFinalState(), offsets));
  return handOn(branch, op.getO(), branch.gate == Gate::none ? Value() : projected[gate]);
}

Value Writer::handOn(const Branch &branch, Value o, Value gate) {
  bool inNorm = branch.gate == Gate::gateFirst || branch.gate == Gate::normFirst;
  GateOrder order = branch.gate == Gate::normFirst ? GateOrder::norm_first : GateOrder::gate_first;
  if (branch.norm && branch.normOfHeads)
    o = norm("out_norm", *branch.norm, o, inNorm ? splitHeads(builder, loc, gate, branch.heads()) : Value(), order,
             branch.gateActivation);
  o = mergeHeads(builder, loc, o);
  if (branch.norm && !branch.normOfHeads)
    o = norm("out_norm", *branch.norm, o, inNorm ? gate : Value(), order, branch.gateActivation);
  if (branch.gate == Gate::glu)
    o = glu(branch.gateActivation, gate, o);
  return o;
}

Value Writer::shortConv(const ShortConvPlan &plan, Value x) {
  SmallVector<Part> parts{{"x", plan.channels}};
  if (plan.gateBefore)
    parts.push_back({"B", plan.channels});
  if (plan.gateAfter)
    parts.push_back({"C", plan.channels});
  SmallVector<Value> projected = project(x, parts, flip("separate", 30), flip("bias", 20));
  Value u = projected[0];
  if (plan.gateBefore)
    u = glu(Activation::identity, projected[1], u);
  Value y = convolve(plan.conv, u);
  return plan.gateAfter ? glu(flip("sigmoid", 30) ? Activation::sigmoid : Activation::identity, projected.back(), y)
                        : y;
}

Value Writer::ffn(const FfnPlan &plan, Value x) {
  if (!plan.gated)
    return buildActivationOf(builder, loc, plan.activation, linear("up", x, plan.width, plan.bias));
  if (!plan.separate)
    return glu(plan.activation, linear("gate_up", x, 2 * plan.width, plan.bias), {}, plan.clamp);
  Value gate = linear("gate", x, plan.width, plan.bias);
  return glu(plan.activation, gate, linear("up", x, plan.width, plan.bias), plan.clamp);
}

Value Writer::join(const BlockPlan &block, ValueRange outputs) {
  const Join &j = block.join;
  SmallVector<Value> projections;
  auto out = [&](size_t i) { return ("out" + Twine(i)).str(); };
  auto bias = [&](Value y, bool negated = false) {
    for (auto [i, branch] : llvm::enumerate(block.branches))
      if (branch.outBias) {
        Value value = parameter(out(i) + "_bias", {p.width}, {0, 0.3});
        if (negated && i)
          value = buildScale(builder, loc, value, -1);
        y = buildAdd(builder, loc, y, value, Broadcast::trailing);
      }
    return y;
  };
  if (outputs.size() == 1 || !j.kind) {
    Value sum;
    for (auto [i, output] : llvm::enumerate(outputs)) {
      Value y = linear(out(i), output, p.width, block.branches[i].outBias);
      sum = sum ? buildAdd(builder, loc, sum, y) : y;
    }
    return sum;
  }
  int64_t joined = 0;
  SmallVector<Value> normWeights, scales;
  SmallVector<double> factors;
  for (auto [i, output] : llvm::enumerate(outputs)) {
    int64_t width = lastDim(output);
    joined = *j.kind == FuseKind::concat ? joined + width : width;
    if (j.norm && flip("norm_weights", 80))
      normWeights.push_back(parameter(("fuse_norm" + Twine(i)).str(), {width}, {1, 0.3}));
    if (j.scales != Join::Scales::none)
      scales.push_back(
          parameter(("fuse_scale" + Twine(i)).str(), {j.scales == Join::Scales::perBranch ? 1 : width}, {1, 0.3}));
    factors.push_back(std::array{1.0, -0.5, 2.0}[i % 3]);
    if (!j.joint)
      projections.push_back(matrix(out(i), p.width, width));
  }
  if (j.joint)
    projections.push_back(matrix("out", p.width, joined));
  Value gate;
  if (*j.kind == FuseKind::lerp)
    gate = buildActivationOf(builder, loc, Activation::sigmoid, linear("lerp", outputs[0], p.width, false));
  Value y = FuseOp::create(builder, loc, tokens({p.width}), outputs, normWeights, scales, projections, gate,
                           /*normalisers=*/ValueRange(), *j.kind, j.norm, j.normGroups, llvm::APFloat(1e-5),
                           j.factors ? builder.getDenseF64ArrayAttr(factors) : DenseF64ArrayAttr());
  return bias(y, *j.kind == FuseKind::sub);
}

/// The stream with what a block left to be added.
Value Writer::takeResidual(Value x) { return pending ? buildAdd(builder, loc, x, std::exchange(pending, {})) : x; }

Value Writer::block(const BlockPlan &b, Value x) {
  Value input;
  if (b.norm && pending) {
    Value sum;
    input = norm("norm", *b.norm, std::exchange(pending, {}), {}, GateOrder::gate_first, Activation::silu, x, &sum);
    x = sum;
  } else {
    x = takeResidual(x);
    input = b.norm ? norm("norm", *b.norm, x) : x;
  }
  SmallVector<Value> outputs;
  attentionValues = {};
  for (auto [i, branch] : llvm::enumerate(b.branches)) {
    static constexpr const char *names[] = {"attention", "scan", "conv", "ffn"};
    Scope scope(*this, names[int(branch.kind)] + Twine(i));
    switch (branch.kind) {
    case Branch::Kind::attention:
      outputs.push_back(attention(branch, input));
      break;
    case Branch::Kind::scan:
      outputs.push_back(scan(branch, input));
      break;
    case Branch::Kind::conv:
      outputs.push_back(shortConv(branch.conv, input));
      break;
    case Branch::Kind::ffn:
      outputs.push_back(ffn(branch.ffn, input));
      break;
    }
  }
  Value y = join(b, outputs);
  if (b.postNorm)
    y = norm("post_norm", *b.postNorm, y);
  if (b.layerScale)
    y = buildMul(builder, loc, y, parameter("layer_scale", {p.width}, {1, 0.3}), Broadcast::trailing);
  if (b.tokenGate) {
    Value gate = buildActivationOf(builder, loc, Activation::sigmoid, linear("token_gate", input, 1, false));
    gate = tensor::CollapseShapeOp::create(builder, loc, gate, SmallVector<ReassociationIndices>{{0, 1}});
    y = buildMul(builder, loc, y, gate, Broadcast::leading);
  }
  if (b.residualScale != 1)
    y = buildScale(builder, loc, y, b.residualScale);
  if (b.residualInNorm) {
    pending = y;
    return x;
  }
  return buildAdd(builder, loc, x, y);
}

void Writer::entry(StringRef name, bool withCaches) {
  cached = withCaches;
  caches.clear();
  attended.clear();
  Type i32s = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  builder.setInsertionPointToEnd(model.module.getBody());
  function = func::FuncOp::create(builder, loc, name,
                                  builder.getFunctionType(SmallVector<Type>(4, i32s), {tokens({p.vocab})}));
  function->setAttr("hybrid.entry", builder.getUnitAttr());
  mlir::Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value ids = body->getArgument(0), rows = body->getArgument(3);
  positions = body->getArgument(1);
  offsets = body->getArgument(2);

  Value embedding = parameter("embedding", {p.vocab, p.width}, {0, 1});
  Value x = buildGatherRows(builder, loc, embedding, ids);
  if (p.embeddingScale != 1)
    x = buildScale(builder, loc, x, p.embeddingScale);
  for (const auto &[i, plan] : llvm::enumerate(p.blocks)) {
    Scope scope(*this, "blocks." + Twine(i + 1) + ".mixer");
    x = block(plan, x);
  }
  if (p.normBeforeRows && p.finalNorm && pending)
    x = norm("final_norm", *p.finalNorm, std::exchange(pending, {}), {}, GateOrder::gate_first, Activation::silu, x);
  else if (p.normBeforeRows && p.finalNorm)
    x = norm("final_norm", *p.finalNorm, x);
  x = takeResidual(x);
  x = buildGatherRows(builder, loc, x, rows);
  if (!p.normBeforeRows && p.finalNorm)
    x = norm("final_norm", *p.finalNorm, x);
  Value logits = buildLinear(builder, loc, x, p.tied ? embedding : matrix("head", p.vocab, p.width));
  if (p.headBias)
    logits = buildAdd(builder, loc, logits, parameter("head_bias", {p.vocab}, {0, 0.3}), Broadcast::trailing);
  if (p.softcap)
    logits = buildElementwise(builder, loc, logits, ArrayRef<Broadcast>(), tokens({p.vocab}),
                              [&](OpBuilder &b, Location at, ValueRange args) -> Value {
                                Value limit = buildScalar(b, at, args[0].getType(), *p.softcap);
                                Value ratio = arith::DivFOp::create(b, at, args[0], limit);
                                return arith::MulFOp::create(b, at, math::TanhOp::create(b, at, ratio), limit);
                              });
  SmallVector<Value> returned{logits};
  for (auto &[key, value] : caches)
    returned.push_back(value);
  func::ReturnOp::create(builder, loc, returned);
  function.setFunctionType(builder.getFunctionType(body->getArgumentTypes(), ValueRange(returned).getTypes()));
}

Model randomtest::writeModel(MLIRContext &context, const Program &program) {
  context.loadDialect<HybridDialect, ml_program::MLProgramDialect, func::FuncDialect, linalg::LinalgDialect,
                      tensor::TensorDialect, arith::ArithDialect, math::MathDialect>();
  Model model;
  model.owned = ModuleOp::create(UnknownLoc::get(&context));
  model.module = *model.owned;
  Writer writer(context, program, model);
  writer.setAttributes();
  writer.entry("score", /*withCaches=*/false);
  writer.entry("append", /*withCaches=*/true);
  return model;
}
