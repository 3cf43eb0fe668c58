// RUN: hybrid-opt %s --hybrid-evaluate=digits=5 -o /dev/null | FileCheck %s
// RUN: hybrid-opt %s --canonicalize --hybrid-evaluate=digits=5 -o /dev/null | FileCheck %s

// Canonicalisation must not change a number: both runs are checked against the same lines.

// rms of (3, 4) is sqrt(12.5); layer subtracts 3.5 and divides by 0.5; l2 divides by 5.
// CHECK: kinds 0: [1, 2] 0.84853 1.1314{{$}}
// CHECK: kinds 1: [1, 2] -1 1{{$}}
// CHECK: kinds 2: [1, 2] 0.6 0.8{{$}}
func.func @kinds() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %x = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %a = hybrid.norm %x : tensor<1x2xf32> {eps = 0.0 : f64} -> tensor<1x2xf32>
  %b = hybrid.norm %x : tensor<1x2xf32> {eps = 0.0 : f64, kind = #hybrid.norm_kind<layer>} -> tensor<1x2xf32>
  %c = hybrid.norm %x : tensor<1x2xf32> {eps = 0.0 : f64, kind = #hybrid.norm_kind<l2>} -> tensor<1x2xf32>
  return %a, %b, %c : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// Two groups; weight plus one, then bias; eps counts. rms of (1, -1) with eps 3 is 2.
// CHECK: groups 0: [1, 4] 2 -2 1 1{{$}}
// CHECK: groups 1: [1, 2] 11 8{{$}}
func.func @groups() -> (tensor<1x4xf32>, tensor<1x2xf32>) {
  %x = arith.constant dense<[[1.0, -1.0, 5.0, 5.0]]> : tensor<1x4xf32>
  %w = arith.constant dense<[2.0, 2.0, 1.0, 1.0]> : tensor<4xf32>
  %a = hybrid.norm %x : tensor<1x4xf32> weight(%w : tensor<4xf32>) {eps = 0.0 : f64, groups = 2 : i64} -> tensor<1x4xf32>
  %y = arith.constant dense<[[1.0, -1.0]]> : tensor<1x2xf32>
  %v = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %ten = arith.constant dense<10.0> : tensor<2xf32>
  %b = hybrid.norm %y : tensor<1x2xf32> weight(%v : tensor<2xf32>) bias(%ten : tensor<2xf32>) {one_plus, eps = 3.0 : f64}
    -> tensor<1x2xf32>
  return %a, %b : tensor<1x4xf32>, tensor<1x2xf32>
}

// The residual is added before and comes out as the sum; the gate, relu squared of (1, 2), before or after the norm.
// CHECK: gates 0: [1, 2] 0.24254 0.97014{{$}}
// CHECK: gates 1: [1, 2] 4 4{{$}}
// CHECK: gates 2: [1, 2] 0.70711 2.8284{{$}}
func.func @gates() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %x = arith.constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %r = arith.constant dense<[[3.0, 1.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %a, %s = hybrid.norm %x : tensor<1x2xf32> residual(%r : tensor<1x2xf32>) gate(%g : tensor<1x2xf32>)
    {eps = 0.0 : f64, kind = #hybrid.norm_kind<l2>, gate_activation = #hybrid.act<relu2>} -> tensor<1x2xf32>, tensor<1x2xf32>
  %b, %t = hybrid.norm %x : tensor<1x2xf32> residual(%r : tensor<1x2xf32>) gate(%g : tensor<1x2xf32>)
    {eps = 0.0 : f64, kind = #hybrid.norm_kind<l2>, gate_activation = #hybrid.act<relu2>,
     gate_order = #hybrid.gate_order<norm_first>} -> tensor<1x2xf32>, tensor<1x2xf32>
  return %a, %s, %b : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// Every activation of 1 and -2, by a gated unit whose up is one.
// CHECK: acts 0: [2] 1 -2{{$}}
// CHECK: acts 1: [2] 0.73106 -0.23841{{$}}
// CHECK: acts 2: [2] 0.84134 -0.0455{{$}}
// CHECK: acts 3: [2] 0.84119 -0.045402{{$}}
// CHECK: acts 4: [2] 1 0{{$}}
// CHECK: acts 5: [2] 0.73106 0.1192{{$}}
// CHECK: acts 6: [2] 1.3133 0.12693{{$}}
func.func @acts() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = arith.constant dense<[1.0, -2.0]> : tensor<2xf32>
  %u = arith.constant dense<1.0> : tensor<2xf32>
  %a = hybrid.glu %x, %u {activation = #hybrid.act<identity>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %b = hybrid.glu %x, %u : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %c = hybrid.glu %x, %u {activation = #hybrid.act<gelu>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %d = hybrid.glu %x, %u {activation = #hybrid.act<gelu_tanh>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %e = hybrid.glu %x, %u {activation = #hybrid.act<relu2>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %f = hybrid.glu %x, %u {activation = #hybrid.act<sigmoid>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %g = hybrid.glu %x, %u {activation = #hybrid.act<softplus>} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  return %a, %b, %c, %d, %e, %f, %g : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// Halves of one operand; the gate is clamped above, up on both sides.
// CHECK: halves 0: [1, 2] 15 40{{$}}
// CHECK: clamped 0: [1, 3] 4 -8 4{{$}}
func.func @halves() -> tensor<1x2xf32> {
  %x = arith.constant dense<[[3.0, 4.0, 5.0, 10.0]]> : tensor<1x4xf32>
  %y = hybrid.glu %x {activation = #hybrid.act<identity>} : tensor<1x4xf32> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
func.func @clamped() -> tensor<1x3xf32> {
  %g = arith.constant dense<[[9.0, -4.0, -2.0]]> : tensor<1x3xf32>
  %u = arith.constant dense<[[3.0, 9.0, -9.0]]> : tensor<1x3xf32>
  %y = hybrid.glu %g, %u {activation = #hybrid.act<identity>, clamp = 2.0 : f64} : tensor<1x3xf32>, tensor<1x3xf32> -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// Branches (1, 2) and (3, 4) with A = (1, 1), (0, 2) and B = (2, 0), (1, -1).
// CHECK: sums 0: [1, 2] 9 3{{$}}
// CHECK: sums 1: [1, 2] -3 5{{$}}
// CHECK: sums 2: [1, 2] 4.5 1.5{{$}}
// CHECK: sums 3: [1, 2] -3 5{{$}}
// CHECK: sums 4: [1, 4] 1 2 3 4{{$}}
// CHECK: sums 5: [1, 2] 4 6{{$}}
func.func @sums() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %y = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %A = arith.constant dense<[[1.0, 1.0], [0.0, 2.0]]> : tensor<2x2xf32>
  %B = arith.constant dense<[[2.0, 0.0], [1.0, -1.0]]> : tensor<2x2xf32>
  %J = arith.constant dense<[[1.0, 1.0, -2.0, 0.0], [0.0, 2.0, -1.0, 1.0]]> : tensor<2x4xf32>
  %a = hybrid.fuse <add>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) projections(%A, %B : tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %b = hybrid.fuse <sub>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) projections(%A, %B : tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %c = hybrid.fuse <mean>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) projections(%A, %B : tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %d = hybrid.fuse <concat>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) projections(%J : tensor<2x4xf32>) -> tensor<1x2xf32>
  %e = hybrid.fuse <concat>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  %f = hybrid.fuse <add>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %a, %b, %c, %d, %e, %f : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x2xf32>
}

// Norm, weight and scale come before the projection: rms of (2, 2) is 2, of (3, 3) is 3, so that each is (1, 1).
// (1, 1) * (1, 2) * 10 . (1, 1) - (1, 1) * (5, 7) * 2 . (1, 1) = 30 - 24.
// CHECK: scaled 0: [1, 1] 6{{$}}
func.func @scaled() -> tensor<1x1xf32> {
  %x = arith.constant dense<2.0> : tensor<1x2xf32>
  %y = arith.constant dense<3.0> : tensor<1x2xf32>
  %u = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %v = arith.constant dense<[5.0, 7.0]> : tensor<2xf32>
  %ten = arith.constant dense<10.0> : tensor<1xf32>
  %two = arith.constant dense<2.0> : tensor<2xf32>
  %W = arith.constant dense<1.0> : tensor<1x2xf32>
  %r = hybrid.fuse <sub>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) norm_weights(%u, %v : tensor<2xf32>, tensor<2xf32>)
    scales(%ten, %two : tensor<1xf32>, tensor<2xf32>) projections(%W, %W : tensor<1x2xf32>, tensor<1x2xf32>)
    {norm, eps = 0.0 : f64} -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}

// A quarter of the way from y to x; weights per token; numerators over the sum of denominators.
// CHECK: weighted 0: [1, 2] 2.5 3.5{{$}}
// CHECK: weighted 1: [1, 2] 32 44{{$}}
// CHECK: weighted 2: [1, 2, 1] 0.8 0{{$}}
func.func @weighted() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2x1xf32>) {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %y = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<0.25> : tensor<1x1xf32>
  %a = hybrid.fuse <lerp>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) gate(%g : tensor<1x1xf32>) -> tensor<1x2xf32>
  %w = arith.constant dense<[[2.0, 10.0]]> : tensor<1x2xf32>
  %b = hybrid.fuse <gate>(%x, %y : tensor<1x2xf32>, tensor<1x2xf32>) gate(%w : tensor<1x2xf32>) -> tensor<1x2xf32>
  %m = arith.constant dense<[[[1.0], [1.0]]]> : tensor<1x2x1xf32>
  %n = arith.constant dense<[[[3.0], [1.0]]]> : tensor<1x2x1xf32>
  %d = arith.constant dense<[[2.0, 0.0]]> : tensor<1x2xf32>
  %e = arith.constant dense<[[3.0, 0.0]]> : tensor<1x2xf32>
  %c = hybrid.fuse <normaliser>(%m, %n : tensor<1x2x1xf32>, tensor<1x2x1xf32>)
    normalisers(%d, %e : tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2x1xf32>
  return %a, %b, %c : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2x1xf32>
}

// Logits 0, 0, log 2 have lse log 4. Targets 2, ignored, 0; with z loss 1; a teacher equal to the student loses nothing.
// CHECK: loss 0: [3] 0.69315 0 1.3863{{$}}
// CHECK: loss 1: [3] 1.3863 1.3863 1.3863{{$}}
// CHECK: loss 2: [3] 2.615 0 3.3081{{$}}
// CHECK: loss 3: [3] 0 0 0{{$}}
func.func @loss() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %x = arith.constant dense<0.6931471805599453> : tensor<3x1xf64>
  %W = arith.constant dense<[[0.0], [0.0], [1.0]]> : tensor<3x1xf32>
  %t = arith.constant dense<[2, -100, 0]> : tensor<3xi32>
  %a, %l = hybrid.cross_entropy %x, %W, %t : tensor<3x1xf64>, tensor<3x1xf32>, tensor<3xi32> -> tensor<3xf32>, tensor<3xf32>
  %b, %m = hybrid.cross_entropy %x, %W, %t : tensor<3x1xf64>, tensor<3x1xf32>, tensor<3xi32> {z_loss = 1.0 : f64}
    -> tensor<3xf32>, tensor<3xf32>
  %teacher = arith.constant dense<[[5.0, 5.0, 5.6931471805599453], [0.0, 0.0, 0.6931471805599453], [0.0, 0.0, 0.6931471805599453]]> : tensor<3x3xf64>
  %c, %n = hybrid.cross_entropy %x, %W, %t : tensor<3x1xf64>, tensor<3x1xf32>, tensor<3xi32>
    teacher(%teacher : tensor<3x3xf64>) -> tensor<3xf32>, tensor<3xf32>
  %bound = arith.constant dense<1.0e-12> : tensor<3xf32>
  %over = arith.cmpf ogt, %c, %bound : tensor<3xf32>
  %d = arith.uitofp %over : tensor<3xi1> to tensor<3xf32>
  return %a, %l, %b, %d : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// Two sequences, (1, 2, 3) after taps of 10 and 20, and (4) after zeros: y_t = x_t + 2 x_(t-1) + 4 x_(t-2) + 0.5.
// CHECK: conv 0: [4, 1] 81.5 84.5 11.5 4.5{{$}}
// CHECK: conv 1: [2, 2, 1] 2 3 0 4{{$}}
func.func @conv() -> (tensor<4x1xf32>, tensor<2x2x1xf32>) {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %w = arith.constant dense<[[4.0, 2.0, 1.0]]> : tensor<1x3xf32>
  %b = arith.constant dense<0.5> : tensor<1xf32>
  %past = arith.constant dense<[[[10.0], [20.0]], [[0.0], [0.0]]]> : tensor<2x2x1xf32>
  %offsets = arith.constant dense<[0, 3, 4]> : tensor<3xi32>
  %y, %last = hybrid.causal_conv1d %x, %w : tensor<4x1xf32>, tensor<1x3xf32> bias(%b : tensor<1xf32>)
    initial_taps(%past : tensor<2x2x1xf32>) offsets(%offsets : tensor<3xi32>) -> tensor<4x1xf32>, tensor<2x2x1xf32>
  return %y, %last : tensor<4x1xf32>, tensor<2x2x1xf32>
}

// Taps per token: y_t = a_t x_(t-1) + b_t x_t.
// CHECK: token_taps 0: [2, 1] 1 8{{$}}
func.func @token_taps() -> tensor<2x1xf32> {
  %x = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %w = arith.constant dense<[[[7.0, 1.0]], [[2.0, 3.0]]]> : tensor<2x1x2xf32>
  %y, %last = hybrid.causal_conv1d %x, %w : tensor<2x1xf32>, tensor<2x1x2xf32> -> tensor<2x1xf32>, tensor<1x1x1xf32>
  return %y : tensor<2x1xf32>
}
