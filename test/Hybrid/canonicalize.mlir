// RUN: hybrid-opt %s --canonicalize | FileCheck %s

// A merge of one partial is the partial.
// CHECK-LABEL: func @merge_one(
// CHECK-SAME: %[[O:.*]]: tensor<?x4x8xf32>, %[[L:.*]]: tensor<?x4xf32>
func.func @merge_one(%o: tensor<?x4x8xf32>, %l: tensor<?x4xf32>) -> (tensor<?x4x8xf32>, tensor<?x4xf32>) {
  // CHECK-NEXT: return %[[O]], %[[L]]
  %m, %ml = hybrid.merge (%o), (%l) : (tensor<?x4x8xf32>), (tensor<?x4xf32>) -> tensor<?x4x8xf32>, tensor<?x4xf32>
  return %m, %ml : tensor<?x4x8xf32>, tensor<?x4xf32>
}

// A merge of merges is one merge.
// CHECK-LABEL: func @merge_nested(
// CHECK-SAME: %[[A:.*]]: tensor<?x4x8xf32>, %[[B:.*]]: tensor<?x4x8xf32>, %[[LA:.*]]: tensor<?x4xf32>, %[[LB:.*]]: tensor<?x4xf32>
func.func @merge_nested(%a: tensor<?x4x8xf32>, %b: tensor<?x4x8xf32>, %la: tensor<?x4xf32>, %lb: tensor<?x4xf32>)
    -> tensor<?x4x8xf32> {
  // CHECK-NEXT: %[[M:.*]], %{{.*}} = hybrid.merge(%[[A]], %[[B]], %[[A]]), (%[[LA]], %[[LB]], %[[LA]])
  // CHECK-NEXT: return %[[M]]
  %m, %lm = hybrid.merge (%a, %b), (%la, %lb) : (tensor<?x4x8xf32>, tensor<?x4x8xf32>),
    (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x8xf32>, tensor<?x4xf32>
  %n, %ln = hybrid.merge (%m, %a), (%lm, %la) : (tensor<?x4x8xf32>, tensor<?x4x8xf32>),
    (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x8xf32>, tensor<?x4xf32>
  return %n : tensor<?x4x8xf32>
}

// The output of a merge with another lse is no partial of it.
// CHECK-LABEL: func @merge_mixed(
func.func @merge_mixed(%a: tensor<?x4x8xf32>, %b: tensor<?x4x8xf32>, %la: tensor<?x4xf32>, %lb: tensor<?x4xf32>)
    -> tensor<?x4x8xf32> {
  // CHECK-COUNT-2: hybrid.merge
  %m, %lm = hybrid.merge (%a, %b), (%la, %lb) : (tensor<?x4x8xf32>, tensor<?x4x8xf32>),
    (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x8xf32>, tensor<?x4xf32>
  %n, %ln = hybrid.merge (%m, %a), (%la, %lm) : (tensor<?x4x8xf32>, tensor<?x4x8xf32>),
    (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x8xf32>, tensor<?x4xf32>
  return %n : tensor<?x4x8xf32>
}

// A difference of projected branches is one product over the concatenated branches; the sign is a factor.
// CHECK-LABEL: func @fuse_sub(
func.func @fuse_sub(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %n: tensor<8xf32>, %m: tensor<4xf32>,
                    %a: tensor<16x8xf32>, %b: tensor<16x4xf32>) -> tensor<?x16xf32> {
  // CHECK-NEXT: hybrid.fuse <concat>(%{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x4xf32>)
  // CHECK-SAME: projections(%{{.*}}, %{{.*}} : tensor<16x8xf32>, tensor<16x4xf32>)
  // CHECK-SAME: {factors = array<f64: 1.000000e+00, -1.000000e+00>, norm}
  %r = hybrid.fuse <sub>(%x, %y : tensor<?x8xf32>, tensor<?x4xf32>) norm_weights(%n, %m : tensor<8xf32>, tensor<4xf32>)
    projections(%a, %b : tensor<16x8xf32>, tensor<16x4xf32>) {norm} -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// A sum needs no factors, and takes the constant scales that it has as such.
// CHECK-LABEL: func @fuse_add(
func.func @fuse_add(%x: tensor<?x8xf32>, %a: tensor<16x8xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK: hybrid.fuse <concat>({{[^{]*}}) projections({{[^{]*}}) -> tensor<?x16xf32>
  %r = hybrid.fuse <add>(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>)
    projections(%a, %a : tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  // CHECK: hybrid.fuse <concat>({{[^{]*}}) projections({{[^{]*}}) {factors = array<f64: 2.500000e-01, 1.500000e+00>}
  %two = arith.constant dense<[0.5]> : tensor<1xf32>
  %three = arith.constant dense<3.0> : tensor<8xf32>
  %s = hybrid.fuse <mean>(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>) scales(%two, %three : tensor<1xf32>, tensor<8xf32>)
    projections(%a, %a : tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %r, %s : tensor<?x16xf32>, tensor<?x16xf32>
}

// Without projections of their own, or with other kinds, branches stay as they are.
// CHECK-LABEL: func @fuse_others(
func.func @fuse_others(%x: tensor<?x8xf32>, %a: tensor<16x8xf32>, %g: tensor<?x1xf32>) -> (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x16xf32>) {
  // CHECK: hybrid.fuse <sub>
  %r = hybrid.fuse <sub>(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>) projections(%a : tensor<16x8xf32>) -> tensor<?x16xf32>
  // CHECK: hybrid.fuse <add>
  %s = hybrid.fuse <add>(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: hybrid.fuse <lerp>
  %t = hybrid.fuse <lerp>(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>)
    projections(%a, %a : tensor<16x8xf32>, tensor<16x8xf32>) gate(%g : tensor<?x1xf32>) -> tensor<?x16xf32>
  return %r, %s, %t : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x16xf32>
}

// Scales and norm weights of one scale nothing, and one branch that nothing is done to is the result.
// CHECK-LABEL: func @fuse_nothing(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @fuse_nothing(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %one = arith.constant dense<1.0> : tensor<8xf32>
  // CHECK-NEXT: %[[N:.*]] = hybrid.fuse <add>(%[[X]] : tensor<?x8xf32>) {norm} -> tensor<?x8xf32>
  // CHECK-NEXT: return %[[X]], %[[N]]
  %r = hybrid.fuse <add>(%x : tensor<?x8xf32>) scales(%one : tensor<8xf32>) -> tensor<?x8xf32>
  %s = hybrid.fuse <add>(%x : tensor<?x8xf32>) norm_weights(%one : tensor<8xf32>) {norm} -> tensor<?x8xf32>
  return %r, %s : tensor<?x8xf32>, tensor<?x8xf32>
}

// A log decay of zero decays nothing, a write scale of one scales nothing, a state and a bonus of zero add nothing.
// CHECK-LABEL: func @scan_nothing(
func.func @scan_nothing(%q: tensor<?x4x16xf32>, %v: tensor<?x4x8xf32>, %t: index, %offsets: tensor<?xi32>)
    -> tensor<?x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%t) : tensor<?x4xf32>
  %decay = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %one = arith.constant 1.0 : f32
  %scale = tensor.splat %one[%t] : tensor<?x4x1xf32>
  %Z = arith.constant dense<0.0> : tensor<2x4x16x8xf32>
  %D = arith.constant dense<0.0> : tensor<4xf32>
  %state = tensor.cast %Z : tensor<2x4x16x8xf32> to tensor<?x4x16x8xf32>
  // CHECK-NEXT: hybrid.linear_scan q(%{{[^)]*}}) k(%{{[^)]*}}) v(%{{[^)]*}}) offsets(%{{[^)]*}}) -> o
  %o, %S = hybrid.linear_scan q(%q : tensor<?x4x16xf32>) k(%q : tensor<?x4x16xf32>) v(%v : tensor<?x4x8xf32>)
    log_decay(%decay : tensor<?x4xf32>) write_scale(%scale : tensor<?x4x1xf32>) bonus(%D : tensor<4xf32>)
    initial_state(%state : tensor<?x4x16x8xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<scalar>}
    -> o tensor<?x4x8xf32> state tensor<?x4x16x8xf32>
  return %o : tensor<?x4x8xf32>
}

// A decay of one half stays, and so does one of zero that alone says how many heads there are.
// CHECK-LABEL: func @scan_decay(
func.func @scan_decay(%q: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) -> (tensor<9x4x8xf32>, tensor<9x8x8xf32>) {
  %half = arith.constant dense<-0.69> : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  // CHECK: log_decay(
  %o, %S = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%q : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    log_decay(%half : tensor<4xf32>) {decay = #hybrid.decay<const>} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  // CHECK: log_decay(
  %p, %R = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%q : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    log_decay(%zero : tensor<8xf32>) {decay = #hybrid.decay<const>} -> o tensor<9x8x8xf32> state tensor<1x8x16x8xf32>
  return %o, %p : tensor<9x4x8xf32>, tensor<9x8x8xf32>
}

// Weights that change nothing go: ones, or zeros where one is added; so does a bias of zero.
// CHECK-LABEL: func @norm(
func.func @norm(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  // CHECK: hybrid.norm %{{.*}} : tensor<?x8xf32> {eps = 1.000000e-05 : f64} ->
  %a = hybrid.norm %x : tensor<?x8xf32> weight(%one : tensor<8xf32>) bias(%zero : tensor<8xf32>) {eps = 1.0e-5 : f64}
    -> tensor<?x8xf32>
  // CHECK: hybrid.norm %{{.*}} : tensor<?x8xf32> {eps = 0.000000e+00 : f64} ->
  %b = hybrid.norm %x : tensor<?x8xf32> weight(%zero : tensor<8xf32>) {one_plus, eps = 0.0 : f64} -> tensor<?x8xf32>
  // CHECK: weight(
  %c = hybrid.norm %x : tensor<?x8xf32> weight(%one : tensor<8xf32>) {one_plus, eps = 0.0 : f64} -> tensor<?x8xf32>
  return %a, %b, %c : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// A convolution's bias and past of zero go.
// CHECK-LABEL: func @conv(
func.func @conv(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x8xf32> {
  %b = arith.constant dense<0.0> : tensor<8xf32>
  %past = arith.constant dense<0.0> : tensor<1x3x8xf32>
  // CHECK-NEXT: hybrid.causal_conv1d %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8x4xf32> ->
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<?x8xf32>, tensor<8x4xf32> bias(%b : tensor<8xf32>)
    initial_taps(%past : tensor<1x3x8xf32>) -> tensor<?x8xf32>, tensor<1x3x8xf32>
  return %y : tensor<?x8xf32>
}

// ALiBi slopes and a bias of zero add nothing, a sink of minus infinity takes nothing; a sink of zero takes its share.
// CHECK-LABEL: func @attention(
func.func @attention(%q: tensor<9x4x8xf32>) -> (tensor<9x4x8xf32>, tensor<9x4x8xf32>) {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %low = arith.constant dense<0xFF800000> : tensor<4xf32>
  // CHECK-NOT: alibi
  // CHECK: hybrid.attention %{{[^:]*}} : tensor<9x4x8xf32>, tensor<9x4x8xf32>, tensor<9x4x8xf32> {causal}
  %a, %l = hybrid.attention %q, %q, %q : tensor<9x4x8xf32>, tensor<9x4x8xf32>, tensor<9x4x8xf32>
    alibi(%zero : tensor<4xf32>) sink_logits(%low : tensor<4xf32>) {causal} -> tensor<9x4x8xf32>, tensor<9x4xf32>
  // CHECK: sink_logits(
  %b, %m = hybrid.attention %q, %q, %q : tensor<9x4x8xf32>, tensor<9x4x8xf32>, tensor<9x4x8xf32>
    sink_logits(%zero : tensor<4xf32>) {causal} -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return %a, %b : tensor<9x4x8xf32>, tensor<9x4x8xf32>
}

// Appending no token changes nothing; a state is replaced even where there is no sequence.
// CHECK-LABEL: func @append(
// CHECK-SAME: %[[KV:[^:]*]]: !hybrid.cache<paged_kv
func.func @append(%kv: !hybrid.cache<paged_kv, [2, 16, 8], f32>, %taps: !hybrid.cache<conv_taps, [8, 3], f32>,
                  %k: tensor<0x2x16xf32>, %v: tensor<0x2x8xf32>, %t: tensor<0x3x8xf32>)
    -> (!hybrid.cache<paged_kv, [2, 16, 8], f32>, !hybrid.cache<conv_taps, [8, 3], f32>) {
  %n = hybrid.cache.append %kv(%k, %v : tensor<0x2x16xf32>, tensor<0x2x8xf32>) : !hybrid.cache<paged_kv, [2, 16, 8], f32>
  // CHECK-NEXT: %[[T:.*]] = hybrid.cache.append
  %m = hybrid.cache.append %taps(%t : tensor<0x3x8xf32>) : !hybrid.cache<conv_taps, [8, 3], f32>
  // CHECK-NEXT: return %[[KV]], %[[T]]
  return %n, %m : !hybrid.cache<paged_kv, [2, 16, 8], f32>, !hybrid.cache<conv_taps, [8, 3], f32>
}
