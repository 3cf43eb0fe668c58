// The mixers of the model form, one function each, and how parallel ones are fused.
#include "FormBuilder.h"
using namespace mlir;
using namespace mlir::hybrid;

void FormBuilder::declareCaches(const BlockSpec &block) {
  Type f32 = builder.getF32Type();
  for (const BranchSpec &branch : block.mixer.branches) {
    Scope scope(*this, mixerName(branch));
    if (auto *a = std::get_if<AttentionSpec>(&branch)) {
      declareCache("kv", CacheKind::paged_kv, {a->kvHeads, a->headDim, a->valueDim}, storage);
    } else if (auto *m = std::get_if<Mamba2Spec>(&branch)) {
      declareCache("conv", CacheKind::conv_taps, {m->convChannels(), m->conv - 1}, storage);
      declareCache("state", CacheKind::scan_state, {m->heads, m->state, m->headDim}, f32);
    } else if (auto *d = std::get_if<GatedDeltaSpec>(&branch)) {
      declareCache("conv", CacheKind::conv_taps, {d->convChannels(), d->conv - 1}, storage);
      declareCache("state", CacheKind::scan_state, {d->valueHeads, d->keyDim, d->valueDim}, f32);
    } else if (auto *c = std::get_if<ShortConvSpec>(&branch)) {
      declareCache("conv", CacheKind::conv_taps, {c->channels, c->conv - 1}, storage);
    }
  }
}

Value FormBuilder::mixer(const MixerSpec &mixer, Value x) {
  Scope outer(*this, "mixer");
  if (mixer.norm)
    x = norm("norm", *mixer.norm, x);
  SmallVector<Value> outputs;
  for (const BranchSpec &spec : mixer.branches) {
    Scope scope(*this, mixerName(spec));
    outputs.push_back(std::visit([&](const auto &mixer) { return branch(mixer, x); }, spec));
  }
  if (mixer.branches.size() > 1)
    return fuse(mixer, outputs);
  Scope scope(*this, mixerName(mixer.branches.front()));
  return linear("out", mixerOut(mixer.branches.front()), outputs.front(), spec.width);
}

Value FormBuilder::fuse(const MixerSpec &mixer, ValueRange branches) {
  const FuseSpec &fuse = *mixer.fuse;
  SmallVector<Value> normWeights, scales, projections;
  int64_t joined = 0;
  for (const auto &[i, spec] : llvm::enumerate(mixer.branches)) {
    Scope scope(*this, mixerName(spec));
    int64_t width = mixerOutWidth(spec);
    joined = fuse.op == FuseKind::concat ? joined + width : width;
    if (fuse.norm)
      normWeights.push_back(parameter("fuse_norm", {width}, fuse.normWeights[i]));
    if (fuse.scaling == FuseScaling::vector)
      scales.push_back(parameter("fuse_scale", {width}, fuse.scales[i]));
    // A scalar scales the second branch only; the op wants one factor per branch.
    if (fuse.scaling == FuseScaling::scalar && i != 1) {
      auto one = DenseElementsAttr::get(RankedTensorType::get({1}, builder.getF32Type()), 1.0f);
      scales.push_back(arith::ConstantOp::create(builder, loc, one));
    } else if (fuse.scaling == FuseScaling::scalar) {
      scales.push_back(parameter("fuse_scale", {1}, fuse.scales[i]));
    }
    if (!fuse.joint)
      projections.push_back(parameter("out", {this->spec.width, width}, mixerOut(spec).weight));
  }
  Scope scope(*this, "fuse");
  if (fuse.joint)
    projections.push_back(parameter("out", {this->spec.width, joined}, fuse.out.weight));
  Value y = FuseOp::create(builder, loc, tokens({this->spec.width}), branches, normWeights, scales, projections,
                           /*gate=*/Value(), /*normalisers=*/ValueRange(), fuse.op, fuse.norm, /*norm_groups=*/1,
                           llvm::APFloat(fuse.eps), /*factors=*/DenseF64ArrayAttr());
  // A bias passes through the join as its branch does.
  for (const auto &[i, spec] : llvm::enumerate(mixer.branches)) {
    const Recipe &bias = mixerOut(spec).bias;
    if (bias.empty() || fuse.joint)
      continue;
    Scope branchScope(*this, mixerName(spec));
    Value value = parameter("out_bias", {this->spec.width}, bias);
    if (fuse.op == FuseKind::sub && i > 0)
      value = buildScale(builder, loc, value, -1);
    y = buildAdd(builder, loc, y, value, Broadcast::trailing);
  }
  return y;
}

Value FormBuilder::rotary(const RopeSpec &rope, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  auto f64 = [&](double value) { return builder.getF64FloatAttr(value); };
  IntegerAttr rotaryDim;
  if (rope.rotaryDim != type.getDimSize(2))
    rotaryDim = builder.getI64IntegerAttr(rope.rotaryDim);
  return RotaryOp::create(builder, loc, type, x, positions, /*angles=*/Value(), f64(rope.theta), rotaryDim,
                          /*interleave=*/UnitAttr(), RopeScalingAttr::get(builder.getContext(), rope.scaling),
                          f64(rope.factor), f64(rope.lowFreqFactor), f64(rope.highFreqFactor),
                          builder.getI64IntegerAttr(rope.originalContext), f64(rope.betaFast), f64(rope.betaSlow),
                          f64(rope.attentionFactor));
}

Value FormBuilder::branch(const AttentionSpec &a, Value x) {
  Value qkv = linear("qkv", a.qkv, x, a.qWidth() + a.kWidth() + a.vWidth(),
                     {{"q", a.qWidth()}, {"k", a.kWidth()}, {"v", a.vWidth()}});
  int64_t begin = 0;
  Value q = columns(qkv, begin, a.qWidth()), k = columns(qkv, begin, a.kWidth()), v = columns(qkv, begin, a.vWidth());
  if (a.qkNorm == QkNorm::full) {
    q = norm("q_norm", a.qNorm, q);
    k = norm("k_norm", a.kNorm, k);
  }
  q = splitHeads(builder, loc, q, a.heads);
  k = splitHeads(builder, loc, k, a.kvHeads);
  v = splitHeads(builder, loc, v, a.kvHeads);
  attentionValues = v;
  if (a.qkNorm == QkNorm::head) {
    q = norm("q_norm", a.qNorm, q);
    k = norm("k_norm", a.kNorm, k);
  }
  if (a.rope) {
    q = rotary(*a.rope, q);
    k = rotary(*a.rope, k);
  }
  Value kv = cache("kv");
  if (kv) {
    kv = CacheAppendOp::create(builder, loc, kv, {k, v}, offsets);
    setCache("kv", kv);
    k = v = Value();
  }
  Value sinks = a.sinkLogits ? parameter("sinks", {a.heads}, a.sinks) : Value();
  auto o = AttentionOp::create(
      builder, loc, tokens({a.heads, a.valueDim}), tokens({a.heads}), /*max=*/Type(), q, k, v, kv, offsets,
      /*key_offsets=*/Value(), sinks, /*bias=*/Value(), /*alibi=*/Value(), /*global_tokens=*/Value(),
      /*block_index=*/Value(), a.scale ? builder.getF64FloatAttr(*a.scale) : FloatAttr(), /*causal=*/true,
      a.window ? builder.getI64IntegerAttr(*a.window) : IntegerAttr(), /*dilation=*/1, a.sinkTokens,
      /*prefix=*/0,
      /*block_size=*/IntegerAttr(), a.softcap ? builder.getF64FloatAttr(*a.softcap) : FloatAttr(),
      /*normalize=*/true);
  return mergeHeads(builder, loc, o.getO());
}

Value FormBuilder::convolve(Value x, const Recipe &taps, const Recipe &bias, int64_t width, Activation activation) {
  int64_t channels = cast<RankedTensorType>(x.getType()).getDimSize(1);
  RankedTensorType tapsType = tokens({width - 1, channels});
  Value weights = parameter("taps", {channels, width}, taps);
  Value biasValue = bias.empty() ? Value() : parameter("conv_bias", {channels}, bias);
  Value before = cache("conv");
  Value initial = before ? CacheViewOp::create(builder, loc, tapsType, before) : Value();
  auto conv =
      CausalConv1dOp::create(builder, loc, x.getType(), tapsType, x, weights, biasValue, initial, offsets, activation);
  if (before)
    setCache("conv", CacheAppendOp::create(builder, loc, before, conv.getFinalTaps(), offsets));
  return conv.getY();
}

Value FormBuilder::scan(Rank rank, int64_t heads, Value q, Value k, Value v, Value logDecay, Value writeScale,
                        Value bonus) {
  int64_t key = cast<RankedTensorType>(k.getType()).getDimSize(2),
          value = cast<RankedTensorType>(v.getType()).getDimSize(2);
  RankedTensorType stateType = tokens({heads, key, value});
  Value before = cache("state");
  Value initial = before ? CacheViewOp::create(builder, loc, stateType, before) : Value();
  // One column of write scales per order of the state.
  SmallVector<ReassociationIndices> split{{0}, {1, 2}};
  writeScale = tensor::ExpandShapeOp::create(builder, loc, tokens({heads, 1}), writeScale, split);
  auto scan =
      LinearScanOp::create(builder, loc, tokens({heads, value}), stateType, /*chunk_states=*/Type(), /*mixer=*/Type(),
                           q, k, v, logDecay, /*rate=*/Value(), /*rate_matrix=*/Value(), writeScale,
                           /*erase_key=*/Value(), /*untied_write=*/Value(), /*untied_read=*/Value(),
                           /*mix=*/Value(), bonus, initial, offsets, Decay::scalar, rank, Erase::decayed, Read::post,
                           /*order=*/1, /*substeps=*/1, /*chunk=*/IntegerAttr(), /*materialise=*/false,
                           /*state_only=*/false);
  if (before)
    setCache("state", CacheAppendOp::create(builder, loc, before, scan.getFinalState(), offsets));
  return scan.getO();
}

Value FormBuilder::timeStep(Value dt, const Recipe &bias, int64_t heads) {
  return buildElementwise(
      builder, loc, {dt, parameter("dt_bias", {heads}, bias)}, {Broadcast::none, Broadcast::trailing},
      cast<RankedTensorType>(dt.getType()), [](OpBuilder &b, Location at, ValueRange args) -> Value {
        return buildActivation(b, at, Activation::softplus, arith::AddFOp::create(b, at, args[0], args[1]));
      });
}

Value FormBuilder::branch(const Mamba2Spec &m, Value x) {
  int64_t bc = m.groups * m.state;
  Value in = linear("in", m.in, x, m.inner() + m.convChannels() + m.heads,
                    {{"z", m.inner()}, {"x", m.ownValueWidth()}, {"B", bc}, {"C", bc}, {"dt", m.heads}});
  int64_t begin = 0;
  Value z = columns(in, begin, m.inner()), xbc = columns(in, begin, m.convChannels()), dt = columns(in, begin, m.heads);
  xbc = convolve(xbc, m.taps, m.convBias, m.conv, m.activation);
  begin = 0;
  Value v = m.sharedValueHeads ? attentionValues : splitHeads(builder, loc, columns(xbc, begin, m.inner()), m.heads);
  Value k = splitHeads(builder, loc, columns(xbc, begin, bc), m.groups);
  Value q = splitHeads(builder, loc, columns(xbc, begin, bc), m.groups);

  dt = timeStep(dt, m.dtBias, m.heads);
  if (m.dtMin > 0 || std::isfinite(m.dtMax))
    dt = buildElementwise(
        builder, loc, dt, ArrayRef<Broadcast>(), cast<RankedTensorType>(dt.getType()),
        [&](OpBuilder &b, Location at, ValueRange args) -> Value {
          Value clamped = args[0];
          if (m.dtMin > 0)
            clamped = arith::MaximumFOp::create(b, at, clamped, buildScalar(b, at, clamped.getType(), m.dtMin));
          if (std::isfinite(m.dtMax))
            clamped = arith::MinimumFOp::create(b, at, clamped, buildScalar(b, at, clamped.getType(), m.dtMax));
          return clamped;
        });
  Value logDecay = buildMul(builder, loc, dt, parameter("A", {m.heads}, m.a), Broadcast::trailing);
  Value bonus = m.d.empty() ? Value() : parameter("D", {m.heads}, m.d);
  Value y = mergeHeads(builder, loc, scan(Rank::zero, m.heads, q, k, v, logDecay, dt, bonus));
  if (m.norm == GatedNorm::none)
    return GluOp::create(builder, loc, y.getType(), /*gate=*/z, /*up=*/y, Activation::silu,
                         /*clamp=*/FloatAttr());
  return norm("out_norm", m.outNorm, y, z, m.groups,
              m.norm == GatedNorm::gateFirst ? GateOrder::gate_first : GateOrder::norm_first);
}

Value FormBuilder::branch(const GatedDeltaSpec &d, Value x) {
  Value in = linear("in", d.in, x, d.convChannels() + d.valueWidth() + 2 * d.valueHeads,
                    {{"q", d.keyWidth()},
                     {"k", d.keyWidth()},
                     {"v", d.valueWidth()},
                     {"gate", d.valueWidth()},
                     {"a", d.valueHeads},
                     {"b", d.valueHeads}});
  int64_t begin = 0;
  Value qkv = columns(in, begin, d.convChannels()), gate = columns(in, begin, d.valueWidth()),
        a = columns(in, begin, d.valueHeads), b = columns(in, begin, d.valueHeads);
  qkv = convolve(qkv, d.taps, d.convBias, d.conv, d.activation);
  auto unit = [&](Value x) -> Value {
    return NormOp::create(builder, loc, x.getType(), /*sum=*/Type(), x, Value(), Value(), Value(), Value(),
                          NormKind::l2, llvm::APFloat(d.l2Eps))
        .getY();
  };
  begin = 0;
  Value q = unit(splitHeads(builder, loc, columns(qkv, begin, d.keyWidth()), d.keyHeads));
  Value k = unit(splitHeads(builder, loc, columns(qkv, begin, d.keyWidth()), d.keyHeads));
  Value v = splitHeads(builder, loc, columns(qkv, begin, d.valueWidth()), d.valueHeads);
  q = buildScale(builder, loc, q, 1 / std::sqrt(double(d.keyDim)));

  Value logDecay = buildMul(builder, loc, timeStep(a, d.dtBias, d.valueHeads), parameter("A", {d.valueHeads}, d.a),
                            Broadcast::trailing);
  Value beta = buildActivationOf(builder, loc, Activation::sigmoid, b);
  if (d.betaScale != 1)
    beta = buildScale(builder, loc, beta, d.betaScale);
  Value y = scan(Rank::tied, d.valueHeads, q, k, v, logDecay, beta, /*bonus=*/Value());
  gate = splitHeads(builder, loc, gate, d.valueHeads);
  return mergeHeads(builder, loc, norm("out_norm", d.outNorm, y, gate, /*groups=*/1, GateOrder::norm_first));
}

Value FormBuilder::branch(const ShortConvSpec &c, Value x) {
  Value in = linear("in", c.in, x, 3 * c.channels, {{"B", c.channels}, {"C", c.channels}, {"x", c.channels}});
  int64_t begin = 0;
  Value b = columns(in, begin, c.channels), gate = columns(in, begin, c.channels), u = columns(in, begin, c.channels);
  auto gated = [&](Value by, Value value) -> Value {
    return GluOp::create(builder, loc, value.getType(), by, value, Activation::identity,
                         /*clamp=*/FloatAttr());
  };
  return gated(gate, convolve(gated(b, u), c.taps, c.convBias, c.conv, Activation::identity));
}
