// RUN: hybrid-opt %s | hybrid-opt | FileCheck %s
// RUN: hybrid-opt --mlir-print-op-generic %s | hybrid-opt | FileCheck %s

// Mamba-2 with everything that a call passes; a scan's operands print in one order.
// CHECK-LABEL: func @mamba2(
func.func @mamba2(%C: tensor<?x1x16xf32>, %B: tensor<?x1x16xf32>, %x: tensor<?x4x8xf32>, %decay: tensor<?x4xf32>,
                  %dt: tensor<?x4x1xf32>, %D: tensor<4xf32>, %Z0: tensor<?x4x16x8xf32>, %offsets: tensor<?xi32>)
    -> tensor<?x4x8xf32> {
  // CHECK: hybrid.linear_scan q(%{{.*}} : tensor<?x1x16xf32>) k({{[^)]*}}) v({{[^)]*}}) log_decay({{[^)]*}})
  // CHECK-SAME: write_scale({{[^)]*}}) bonus({{[^)]*}}) initial_state({{[^)]*}}) offsets({{[^)]*}})
  // CHECK-SAME: {chunk = 64 : i64, decay = #hybrid.decay<scalar>}
  // CHECK-SAME: -> o tensor<?x4x8xf32> state tensor<?x4x16x8xf32> chunk_states tensor<?x4x16x8xf32>
  %o, %Z, %states = hybrid.linear_scan q(%C : tensor<?x1x16xf32>) k(%B : tensor<?x1x16xf32>) v(%x : tensor<?x4x8xf32>)
    offsets(%offsets : tensor<?xi32>) log_decay(%decay : tensor<?x4xf32>) write_scale(%dt : tensor<?x4x1xf32>)
    bonus(%D : tensor<4xf32>) initial_state(%Z0 : tensor<?x4x16x8xf32>)
    {decay = #hybrid.decay<scalar>, chunk = 64 : i64}
    -> o tensor<?x4x8xf32> state tensor<?x4x16x8xf32> chunk_states tensor<?x4x16x8xf32>
  return %o : tensor<?x4x8xf32>
}

// Order 2 with a tied, undecayed correction, in bf16 with an f32 state.
// CHECK-LABEL: func @momentum(
func.func @momentum(%q: tensor<9x4x16xbf16>, %v: tensor<9x4x8xbf16>, %g: tensor<9x4x2xf32>, %G: tensor<9x4x3xf32>)
    -> tensor<1x4x32x8xf32> {
  // CHECK: erase_key(%{{.*}} : tensor<9x4x16xbf16>) mix(%{{.*}} : tensor<9x4x3xf32>)
  // CHECK-SAME: erase = #hybrid.erase<undecayed>, order = 2 : i64, rank = #hybrid.rank<tied>
  %o, %Z = hybrid.linear_scan q(%q : tensor<9x4x16xbf16>) k(%q : tensor<9x4x16xbf16>) v(%v : tensor<9x4x8xbf16>)
    write_scale(%g : tensor<9x4x2xf32>) erase_key(%q : tensor<9x4x16xbf16>) mix(%G : tensor<9x4x3xf32>)
    {rank = #hybrid.rank<tied>, erase = #hybrid.erase<undecayed>, order = 2 : i64}
    -> o tensor<9x4x8xbf16> state tensor<1x4x32x8xf32>
  return %Z : tensor<1x4x32x8xf32>
}

// RWKV-7's untied correction, its mixer made visible; Mamba-1's decay, the state only.
// CHECK-LABEL: func @others(
func.func @others(%q: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %w: tensor<9x4x16xf32>, %x: tensor<9x1x64xf32>,
                  %B: tensor<9x1x16xf32>, %dt: tensor<9x64xf32>, %A: tensor<16x64xf32>) -> tensor<4x?xf32> {
  // CHECK: untied_write({{[^)]*}}) untied_read({{[^)]*}})
  // CHECK-SAME: materialise
  // CHECK-SAME: mixer tensor<4x?xf32>
  %o, %Z, %M = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%q : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    log_decay(%w : tensor<9x4x16xf32>) untied_write(%q : tensor<9x4x16xf32>) untied_read(%q : tensor<9x4x16xf32>)
    {decay = #hybrid.decay<key>, rank = #hybrid.rank<untied>, materialise, read = #hybrid.read<pre>}
    -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32> mixer tensor<4x?xf32>
  // CHECK: hybrid.linear_scan k({{[^)]*}}) v({{[^)]*}}) rate(%{{.*}} : tensor<9x64xf32>) rate_matrix(
  // CHECK-SAME: state_only
  // CHECK-SAME: -> state tensor<1x1x16x64xf32>
  %h = hybrid.linear_scan k(%B : tensor<9x1x16xf32>) v(%x : tensor<9x1x64xf32>) rate(%dt : tensor<9x64xf32>)
    rate_matrix(%A : tensor<16x64xf32>) {decay = #hybrid.decay<key_value>, state_only} -> state tensor<1x1x16x64xf32>
  return %M : tensor<4x?xf32>
}

// A convolution, one with taps per token.
// CHECK-LABEL: func @conv(
func.func @conv(%x: tensor<?x64xf32>, %w: tensor<64x4xf32>, %wt: tensor<?x64x2xf32>, %b: tensor<64xf32>,
                %past: tensor<?x3x64xf32>, %offsets: tensor<?xi32>) -> tensor<?x64xf32> {
  // CHECK: hybrid.causal_conv1d %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<64x4xf32> bias(%{{.*}} : tensor<64xf32>)
  // CHECK-SAME: initial_taps({{[^)]*}}) offsets({{[^)]*}}) {activation = #hybrid.act<silu>}
  %y, %last = hybrid.causal_conv1d %x, %w : tensor<?x64xf32>, tensor<64x4xf32> bias(%b : tensor<64xf32>)
    initial_taps(%past : tensor<?x3x64xf32>) offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<silu>}
    -> tensor<?x64xf32>, tensor<?x3x64xf32>
  // CHECK: hybrid.causal_conv1d %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64x2xf32>
  %z, %l = hybrid.causal_conv1d %y, %wt : tensor<?x64xf32>, tensor<?x64x2xf32> -> tensor<?x64xf32>, tensor<1x1x64xf32>
  return %z : tensor<?x64xf32>
}

// Attention over keys of its own, with every mask; the unnormalised form; over caches.
// CHECK-LABEL: func @attention(
func.func @attention(%q: tensor<?x8x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x32xf32>, %qo: tensor<?xi32>,
                     %ko: tensor<?xi32>, %h: tensor<8xf32>, %bias: tensor<?x1x?xf32>, %ids: tensor<3xi32>,
                     %blocks: tensor<?x2x4xi32>, %ql: tensor<?x8x80xf32>,
                     %latent: !hybrid.cache<latent_kv, [64, 16], bf16>,
                     %ring: !hybrid.cache<ring_kv, [2, 64, 32, 512, 4], bf16>) -> tensor<?x8x32xf32> {
  // CHECK: hybrid.attention %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8x64xf32>, tensor<?x2x64xf32>, tensor<?x2x32xf32>
  // CHECK-SAME: query_offsets({{[^)]*}}) key_offsets({{[^)]*}}) sink_logits({{[^)]*}}) bias({{[^)]*}}) alibi({{[^)]*}})
  // CHECK-SAME: global_tokens({{[^)]*}}) block_index({{[^)]*}})
  // CHECK-SAME: causal
  %o, %lse = hybrid.attention %q, %k, %v : tensor<?x8x64xf32>, tensor<?x2x64xf32>, tensor<?x2x32xf32>
    query_offsets(%qo : tensor<?xi32>) key_offsets(%ko : tensor<?xi32>) sink_logits(%h : tensor<8xf32>)
    bias(%bias : tensor<?x1x?xf32>) alibi(%h : tensor<8xf32>) global_tokens(%ids : tensor<3xi32>)
    block_index(%blocks : tensor<?x2x4xi32>)
    {causal, window = 128 : i64, dilation = 2 : i64, sink_tokens = 4 : i64, prefix = 16 : i64, block_size = 64 : i64,
     softcap = 30.0 : f64, scale = 0.1 : f64} -> tensor<?x8x32xf32>, tensor<?x8xf32>
  // CHECK: normalize = false
  // CHECK-SAME: -> tensor<?x8x32xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  %n, %d, %m = hybrid.attention %q, %k, %v : tensor<?x8x64xf32>, tensor<?x2x64xf32>, tensor<?x2x32xf32>
    {normalize = false} -> tensor<?x8x32xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  // CHECK: hybrid.attention %{{.*}} : tensor<?x8x64xf32> cache(%{{.*}} : !hybrid.cache<ring_kv, [2, 64, 32, 512, 4], bf16>)
  // CHECK: score_mod {
  // CHECK: hybrid.yield %{{.*}} : f32
  %r, %rl = hybrid.attention %q : tensor<?x8x64xf32> cache(%ring : !hybrid.cache<ring_kv, [2, 64, 32, 512, 4], bf16>)
    {causal} score_mod {
    ^bb0(%s: f32, %b: index, %head: index, %i: index, %j: index):
      hybrid.yield %s : f32
    } -> tensor<?x8x32xf32>, tensor<?x8xf32>
  %a, %al = hybrid.attention %ql : tensor<?x8x80xf32> cache(%latent : !hybrid.cache<latent_kv, [64, 16], bf16>)
    {causal} -> tensor<?x8x64xf32>, tensor<?x8xf32>
  // CHECK: hybrid.merge(%{{.*}}, %{{.*}}), (%{{.*}}, %{{.*}}) :
  %all, %l = hybrid.merge (%o, %r), (%lse, %rl) : (tensor<?x8x32xf32>, tensor<?x8x32xf32>),
    (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8x32xf32>, tensor<?x8xf32>
  return %all : tensor<?x8x32xf32>
}

// Rotation by position and by angle.
// CHECK-LABEL: func @rotary(
func.func @rotary(%x: tensor<?x8x64xf32>, %p: tensor<?xi32>, %angles: tensor<?x8x16xf32>) -> tensor<?x8x64xf32> {
  // CHECK: hybrid.rotary %{{.*}} : tensor<?x8x64xf32> positions(%{{.*}} : tensor<?xi32>)
  // CHECK-SAME: interleave
  // CHECK-SAME: scaling = #hybrid.rope_scaling<yarn>
  %y = hybrid.rotary %x : tensor<?x8x64xf32> positions(%p : tensor<?xi32>)
    {interleave, scaling = #hybrid.rope_scaling<yarn>, factor = 4.0 : f64, rotary_dim = 32 : i64} -> tensor<?x8x64xf32>
  // CHECK: angles(%{{.*}} : tensor<?x8x16xf32>) {rotary_dim = 32 : i64}
  %z = hybrid.rotary %y : tensor<?x8x64xf32> angles(%angles : tensor<?x8x16xf32>) {rotary_dim = 32 : i64}
    -> tensor<?x8x64xf32>
  return %z : tensor<?x8x64xf32>
}

// Norms: everything at once, and of heads.
// CHECK-LABEL: func @norm(
func.func @norm(%x: tensor<?x64xf32>, %w: tensor<64xf32>, %h: tensor<?x4x16xf32>, %hw: tensor<4x16xf32>)
    -> tensor<?x64xf32> {
  // CHECK: hybrid.norm %{{.*}} : tensor<?x64xf32> weight({{[^)]*}}) bias({{[^)]*}}) gate({{[^)]*}}) residual({{[^)]*}})
  // CHECK-SAME: -> tensor<?x64xf32>, tensor<?x64xf32>
  %y, %sum = hybrid.norm %x : tensor<?x64xf32> weight(%w : tensor<64xf32>) bias(%w : tensor<64xf32>)
    gate(%x : tensor<?x64xf32>) residual(%x : tensor<?x64xf32>)
    {kind = #hybrid.norm_kind<layer>, eps = 1.0e-5 : f64, groups = 4 : i64, gate_order = #hybrid.gate_order<norm_first>,
     one_plus, gate_activation = #hybrid.act<sigmoid>} -> tensor<?x64xf32>, tensor<?x64xf32>
  // CHECK: hybrid.norm %{{.*}} : tensor<?x4x16xf32> weight(%{{.*}} : tensor<4x16xf32>)
  %z = hybrid.norm %h : tensor<?x4x16xf32> weight(%hw : tensor<4x16xf32>) {kind = #hybrid.norm_kind<l2>, eps = 0.0 : f64}
    -> tensor<?x4x16xf32>
  return %y : tensor<?x64xf32>
}

// Gated linear units in one and two operands.
// CHECK-LABEL: func @glu(
func.func @glu(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  // CHECK: hybrid.glu %{{.*}}, %{{.*}} {activation = #hybrid.act<gelu_tanh>, clamp = 7.0{{.*}} : f64} : tensor<?x64xf32>, tensor<?x64xf32>
  %a = hybrid.glu %x, %x {activation = #hybrid.act<gelu_tanh>, clamp = 7.0 : f64} : tensor<?x64xf32>, tensor<?x64xf32>
    -> tensor<?x64xf32>
  // CHECK: hybrid.glu %{{.*}} : tensor<?x64xf32> -> tensor<?x32xf32>
  %b = hybrid.glu %a : tensor<?x64xf32> -> tensor<?x32xf32>
  return %b : tensor<?x32xf32>
}

// Branches joined in each way.
// CHECK-LABEL: func @fuse(
func.func @fuse(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %w: tensor<64xf32>, %s: tensor<1xf32>,
                %W: tensor<32x64xf32>, %J: tensor<32x128xf32>, %g: tensor<?x1xf32>, %g2: tensor<?x2xf32>,
                %n: tensor<?x4x16xf32>, %d: tensor<?x4xf32>) -> tensor<?x32xf32> {
  // CHECK: hybrid.fuse <sub>(%{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32>) norm_weights({{[^)]*}}) scales({{[^)]*}})
  // CHECK-SAME: projections({{[^)]*}}) {factors = array<f64: 1.000000e+00, 5.000000e-01>, norm, norm_groups = 4 : i64}
  %a = hybrid.fuse <sub>(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>)
    norm_weights(%w, %w : tensor<64xf32>, tensor<64xf32>) scales(%w, %s : tensor<64xf32>, tensor<1xf32>)
    projections(%W, %W : tensor<32x64xf32>, tensor<32x64xf32>)
    {norm, norm_groups = 4 : i64, factors = array<f64: 1.0, 0.5>} -> tensor<?x32xf32>
  // CHECK: hybrid.fuse <concat>
  %b = hybrid.fuse <concat>(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>) projections(%J : tensor<32x128xf32>)
    -> tensor<?x32xf32>
  // CHECK: hybrid.fuse <lerp>({{[^)]*}}) gate(%{{.*}} : tensor<?x1xf32>)
  %c = hybrid.fuse <lerp>(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>) gate(%g : tensor<?x1xf32>) -> tensor<?x64xf32>
  // CHECK: hybrid.fuse <gate>
  %e = hybrid.fuse <gate>(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>) gate(%g2 : tensor<?x2xf32>) -> tensor<?x64xf32>
  // CHECK: hybrid.fuse <normaliser>({{[^)]*}}) normalisers(%{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<?x4xf32>)
  %f = hybrid.fuse <normaliser>(%n, %n : tensor<?x4x16xf32>, tensor<?x4x16xf32>)
    normalisers(%d, %d : tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x16xf32>
  // CHECK: hybrid.fuse <mean>
  %h = hybrid.fuse <mean>(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %a : tensor<?x32xf32>
}

// The loss with and without a teacher.
// CHECK-LABEL: func @loss(
func.func @loss(%x: tensor<?x64xf32>, %W: tensor<100x64xf32>, %t: tensor<?xi64>, %l: tensor<?x100xf32>)
    -> tensor<?xf32> {
  // CHECK: hybrid.cross_entropy %{{.*}}, %{{.*}}, %{{.*}} : {{.*}} teacher(%{{.*}} : tensor<?x100xf32>) {softcap = 3.0{{.*}} : f64}
  %loss, %lse = hybrid.cross_entropy %x, %W, %t : tensor<?x64xf32>, tensor<100x64xf32>, tensor<?xi64>
    teacher(%l : tensor<?x100xf32>) {softcap = 30.0 : f64} -> tensor<?xf32>, tensor<?xf32>
  return %loss : tensor<?xf32>
}

// Every kind of cache.
// CHECK-LABEL: func @caches(
func.func @caches(%kv: !hybrid.cache<paged_kv, [2, 16, 8], bf16>, %latent: !hybrid.cache<latent_kv, [64, 16], f32>,
                  %taps: !hybrid.cache<conv_taps, [64, 3], f32>, %state: !hybrid.cache<scan_state, [4, 16, 8], f32>,
                  %vector: !hybrid.cache<memory_vector, [64], f32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x8xf32>,
                  %l: tensor<?x64xf32>, %r: tensor<?x16xf32>, %offsets: tensor<?xi32>) -> tensor<?x64xf32> {
  // CHECK: hybrid.cache.append %{{.*}}(%{{.*}}, %{{.*}} : tensor<?x2x16xf32>, tensor<?x2x8xf32>) offsets(%{{.*}} : tensor<?xi32>) : <paged_kv, [2, 16, 8], bf16>
  %a = hybrid.cache.append %kv(%k, %v : tensor<?x2x16xf32>, tensor<?x2x8xf32>) offsets(%offsets : tensor<?xi32>)
    : !hybrid.cache<paged_kv, [2, 16, 8], bf16>
  %b = hybrid.cache.append %latent(%l, %r : tensor<?x64xf32>, tensor<?x16xf32>) : !hybrid.cache<latent_kv, [64, 16], f32>
  // CHECK: hybrid.cache.view %{{.*}} : <conv_taps, [64, 3], f32> -> tensor<?x3x64xf32>
  %t = hybrid.cache.view %taps : !hybrid.cache<conv_taps, [64, 3], f32> -> tensor<?x3x64xf32>
  %c = hybrid.cache.append %taps(%t : tensor<?x3x64xf32>) : !hybrid.cache<conv_taps, [64, 3], f32>
  %z = hybrid.cache.view %state : !hybrid.cache<scan_state, [4, 16, 8], f32> -> tensor<?x4x16x8xf32>
  %d = hybrid.cache.append %state(%z : tensor<?x4x16x8xf32>) : !hybrid.cache<scan_state, [4, 16, 8], f32>
  %m = hybrid.cache.view %vector : !hybrid.cache<memory_vector, [64], f32> -> tensor<?x64xf32>
  %e = hybrid.cache.append %vector(%m : tensor<?x64xf32>) : !hybrid.cache<memory_vector, [64], f32>
  return %m : tensor<?x64xf32>
}

// A parameter with its recipe and fields.
// CHECK: hybrid.fields = [#hybrid.field<"q", 8>, #hybrid.field<"k", 8>]
// CHECK-SAME: hybrid.recipe = [#hybrid.piece<source = "a.weight", end = 8>, #hybrid.piece<source = "b.weight"
// CHECK-SAME: scale = -1.000000e+00 : f32
// CHECK-SAME: #hybrid.fold<source = "c", end = 2>
ml_program.global private @qk(#ml_program.extern : tensor<16x4xf32>) : tensor<16x4xf32> {hybrid.recipe = [
  #hybrid.piece<source = "a.weight", begin = 0, end = 8>,
  #hybrid.piece<source = "b.weight", transpose = true, scale = -1.0 : f32, map = "one_plus", column_folds = [
    #hybrid.fold<source = "c", end = 2>, #hybrid.fold<source = "init:const(1)@d", begin = 2, map = "one_plus">]>],
  hybrid.fields = [#hybrid.field<"q", 8>, #hybrid.field<"k", 8>]}
