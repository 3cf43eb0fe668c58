// RUN: hybrid-opt %s --hybrid-evaluate=digits=5 -o /dev/null | FileCheck %s

// With queries of zero all seen keys weigh the same, and with unit vectors as values a row of the output is one over
// the number of keys seen where the key is seen, and zero elsewhere: the mask is there to read.

// CHECK: causal 0: [4, 1, 4] 1 0 0 0 0.5 0.5 0 0 0.33333 0.33333 0.33333 0 0.25 0.25 0.25 0.25{{$}}
// CHECK: causal 1: [4, 1] 0 0.69315 1.0986 1.3863{{$}}
func.func @causal() -> (tensor<4x1x4xf32>, tensor<4x1xf32>) {
  %q = arith.constant dense<0.0> : tensor<4x1x1xf32>
  %v = arith.constant dense<[[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]> : tensor<4x1x4xf32>
  %o, %l = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32> {causal}
    -> tensor<4x1x4xf32>, tensor<4x1xf32>
  return %o, %l : tensor<4x1x4xf32>, tensor<4x1xf32>
}

// Fewer queries than keys: they are the last tokens. Two sequences do not see each other; one has no query.
// CHECK: ragged 0: [2, 1, 4] 0.5 0.5 0 0 0.33333 0.33333 0.33333 0{{$}}
func.func @ragged() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x1xf32>
  %k = arith.constant dense<0.0> : tensor<4x1x1xf32>
  %v = arith.constant dense<[[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]> : tensor<4x1x4xf32>
  %qo = arith.constant dense<[0, 2, 2]> : tensor<3xi32>
  %ko = arith.constant dense<[0, 3, 4]> : tensor<3xi32>
  %o, %l = hybrid.attention %q, %k, %v : tensor<2x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    query_offsets(%qo : tensor<3xi32>) key_offsets(%ko : tensor<3xi32>) {causal} -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %o : tensor<2x1x4xf32>
}

// A window of two, every second key; one of two with the first token pinned.
// CHECK: windows 0: [4, 1, 4] 1 0 0 0 0 1 0 0 0.5 0 0.5 0 0 0.5 0 0.5{{$}}
// CHECK: windows 1: [4, 1, 4] 1 0 0 0 0.5 0.5 0 0 0.33333 0.33333 0.33333 0 0.33333 0 0.33333 0.33333{{$}}
func.func @windows() -> (tensor<4x1x4xf32>, tensor<4x1x4xf32>) {
  %q = arith.constant dense<0.0> : tensor<4x1x1xf32>
  %v = arith.constant dense<[[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]> : tensor<4x1x4xf32>
  %a, %al = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    {causal, window = 2 : i64, dilation = 2 : i64} -> tensor<4x1x4xf32>, tensor<4x1xf32>
  %b, %bl = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    {causal, window = 2 : i64, sink_tokens = 1 : i64} -> tensor<4x1x4xf32>, tensor<4x1xf32>
  return %a, %b : tensor<4x1x4xf32>, tensor<4x1x4xf32>
}

// A prefix is seen by all; a global token sees all before it and is seen; blocks are picked per token.
// CHECK: picked 0: [4, 1, 4] 0.5 0.5 0 0 0.5 0.5 0 0 0.33333 0.33333 0.33333 0 0.25 0.25 0.25 0.25{{$}}
// CHECK: picked 1: [4, 1, 4] 1 0 0 0 0.5 0.5 0 0 0 0.5 0.5 0 0 0.5 0 0.5{{$}}
// CHECK: picked 2: [4, 1, 4] 1 0 0 0 0.5 0.5 0 0 0 0 1 0 0.5 0.5 0 0{{$}}
func.func @picked() -> (tensor<4x1x4xf32>, tensor<4x1x4xf32>, tensor<4x1x4xf32>) {
  %q = arith.constant dense<0.0> : tensor<4x1x1xf32>
  %v = arith.constant dense<[[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]]> : tensor<4x1x4xf32>
  %a, %al = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    {causal, prefix = 2 : i64} -> tensor<4x1x4xf32>, tensor<4x1xf32>
  %one = arith.constant dense<1> : tensor<1xi32>
  %b, %bl = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    global_tokens(%one : tensor<1xi32>) {causal, window = 1 : i64} -> tensor<4x1x4xf32>, tensor<4x1xf32>
  %blocks = arith.constant dense<[[[0]], [[0]], [[1]], [[0]]]> : tensor<4x1x1xi32>
  %c, %cl = hybrid.attention %q, %q, %v : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x4xf32>
    block_index(%blocks : tensor<4x1x1xi32>) {causal, block_size = 2 : i64} -> tensor<4x1x4xf32>, tensor<4x1xf32>
  return %a, %b, %c : tensor<4x1x4xf32>, tensor<4x1x4xf32>, tensor<4x1x4xf32>
}

// A block index of -1 picks nothing: the output is zero and its lse minus infinity.
// CHECK: nothing 0: [1, 1, 1] 0{{$}}
// CHECK: nothing 1: [1, 1] -inf{{$}}
func.func @nothing() -> (tensor<1x1x1xf32>, tensor<1x1xf32>) {
  %q = arith.constant dense<1.0> : tensor<1x1x1xf32>
  %none = arith.constant dense<-1> : tensor<1x1x1xi32>
  %o, %l = hybrid.attention %q, %q, %q : tensor<1x1x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>
    block_index(%none : tensor<1x1x1xi32>) {block_size = 1 : i64} -> tensor<1x1x1xf32>, tensor<1x1xf32>
  return %o, %l : tensor<1x1x1xf32>, tensor<1x1xf32>
}

// One key, so that the lse is the score: scale 0.5 of q.k = 3 * 2; its softcap 3 tanh(1); minus a slope of 2 times a
// distance of 0; plus a bias of 10; twice of it by score_mod, plus the head, the query's and the key's position.
// CHECK: scores 0: [1, 2] 3 3{{$}}
// CHECK: scores 1: [1, 2] 2.2848 2.2848{{$}}
// CHECK: scores 2: [1, 2] 13 13{{$}}
// CHECK: scores 3: [1, 2] 6 7{{$}}
func.func @scores() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %q = arith.constant dense<3.0> : tensor<1x2x1xf32>
  %k = arith.constant dense<2.0> : tensor<1x1x1xf32>
  %slopes = arith.constant dense<2.0> : tensor<2xf32>
  %bias = arith.constant dense<10.0> : tensor<1x1x1xf32>
  %a, %al = hybrid.attention %q, %k, %k : tensor<1x2x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>
    {scale = 0.5 : f64} -> tensor<1x2x1xf32>, tensor<1x2xf32>
  %b, %bl = hybrid.attention %q, %k, %k : tensor<1x2x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>
    {scale = 0.5 : f64, softcap = 3.0 : f64} -> tensor<1x2x1xf32>, tensor<1x2xf32>
  %c, %cl = hybrid.attention %q, %k, %k : tensor<1x2x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>
    bias(%bias : tensor<1x1x1xf32>) alibi(%slopes : tensor<2xf32>) {scale = 0.5 : f64} -> tensor<1x2x1xf32>, tensor<1x2xf32>
  %d, %dl = hybrid.attention %q, %k, %k : tensor<1x2x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>
    {scale = 0.5 : f64} score_mod {
    ^bb0(%s: f32, %sequence: index, %h: index, %i: index, %j: index):
      %two = arith.constant 2.0 : f32
      %t = arith.mulf %s, %two : f32
      %hi = arith.addi %h, %i : index
      %hij = arith.addi %hi, %j : index
      %n = arith.index_cast %hij : index to i32
      %f = arith.sitofp %n : i32 to f32
      %r = arith.addf %t, %f : f32
      hybrid.yield %r : f32
    } -> tensor<1x2x1xf32>, tensor<1x2xf32>
  return %al, %bl, %cl, %dl : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// ALiBi takes the slope times the distance: 0 - log 2 * 1 halves the weight of the key before.
// CHECK: alibi 0: [2, 1, 2] 1 0 0.33333 0.66667{{$}}
func.func @alibi() -> tensor<2x1x2xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x1xf32>
  %v = arith.constant dense<[[[1.0, 0.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>
  %slope = arith.constant dense<0.6931471805599453> : tensor<1xf32>
  %o, %l = hybrid.attention %q, %q, %v : tensor<2x1x1xf32>, tensor<2x1x1xf32>, tensor<2x1x2xf32>
    alibi(%slope : tensor<1xf32>) {causal} -> tensor<2x1x2xf32>, tensor<2x1xf32>
  return %o : tensor<2x1x2xf32>
}

// A sink as heavy as the key takes half. Two query heads of each key head read its value.
// CHECK: sink 0: [1, 4, 1] 1 1 3 3{{$}}
func.func @sink() -> tensor<1x4x1xf32> {
  %q = arith.constant dense<0.0> : tensor<1x4x1xf32>
  %k = arith.constant dense<0.0> : tensor<1x2x1xf32>
  %v = arith.constant dense<[[[2.0], [6.0]]]> : tensor<1x2x1xf32>
  %s = arith.constant dense<0.0> : tensor<4xf32>
  %o, %l = hybrid.attention %q, %k, %v : tensor<1x4x1xf32>, tensor<1x2x1xf32>, tensor<1x2x1xf32>
    sink_logits(%s : tensor<4xf32>) -> tensor<1x4x1xf32>, tensor<1x4xf32>
  return %o : tensor<1x4x1xf32>
}

// Numerator, denominator and maximum. Scores are 0 and log 2.
// CHECK: parts 0: [1, 1, 1] 4{{$}}
// CHECK: parts 1: [1, 1] 1.5{{$}}
// CHECK: parts 2: [1, 1] 0.69315{{$}}
func.func @parts() -> (tensor<1x1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
  %q = arith.constant dense<0.6931471805599453> : tensor<1x1x1xf32>
  %k = arith.constant dense<[[[0.0]], [[1.0]]]> : tensor<2x1x1xf32>
  %v = arith.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %n, %d, %m = hybrid.attention %q, %k, %v : tensor<1x1x1xf32>, tensor<2x1x1xf32>, tensor<2x1x1xf32>
    {normalize = false} -> tensor<1x1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
  return %n, %d, %m : tensor<1x1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
}

// Attention over two halves, merged, is attention over all: the difference of outputs and of lses is zero. A part that
// saw nothing changes nothing.
// CHECK: merged 0: [1, 1, 1] 0{{$}}
// CHECK: merged 1: [1, 1] 0{{$}}
func.func @merged() -> (tensor<1x1x1xf32>, tensor<1x1xf32>) {
  %q = arith.constant dense<1.0> : tensor<1x1x1xf32>
  %k = arith.constant dense<[[[0.0]], [[1.0]], [[-1.0]], [[2.0]]]> : tensor<4x1x1xf32>
  %v = arith.constant dense<[[[2.0]], [[4.0]], [[8.0]], [[16.0]]]> : tensor<4x1x1xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0] [2, 1, 1] [1, 1, 1] : tensor<4x1x1xf32> to tensor<2x1x1xf32>
  %k1 = tensor.extract_slice %k[2, 0, 0] [2, 1, 1] [1, 1, 1] : tensor<4x1x1xf32> to tensor<2x1x1xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0] [2, 1, 1] [1, 1, 1] : tensor<4x1x1xf32> to tensor<2x1x1xf32>
  %v1 = tensor.extract_slice %v[2, 0, 0] [2, 1, 1] [1, 1, 1] : tensor<4x1x1xf32> to tensor<2x1x1xf32>
  %o, %l = hybrid.attention %q, %k, %v : tensor<1x1x1xf32>, tensor<4x1x1xf32>, tensor<4x1x1xf32>
    -> tensor<1x1x1xf32>, tensor<1x1xf32>
  %a, %al = hybrid.attention %q, %k0, %v0 : tensor<1x1x1xf32>, tensor<2x1x1xf32>, tensor<2x1x1xf32>
    -> tensor<1x1x1xf32>, tensor<1x1xf32>
  %b, %bl = hybrid.attention %q, %k1, %v1 : tensor<1x1x1xf32>, tensor<2x1x1xf32>, tensor<2x1x1xf32>
    -> tensor<1x1x1xf32>, tensor<1x1xf32>
  %none = arith.constant dense<0xFF800000> : tensor<1x1xf32>
  %m, %ml = hybrid.merge (%a, %b, %a), (%al, %bl, %none)
    : (tensor<1x1x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>), (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>)
    -> tensor<1x1x1xf32>, tensor<1x1xf32>
  %d = arith.subf %m, %o : tensor<1x1x1xf32>
  %dl = arith.subf %ml, %l : tensor<1x1xf32>
  %bound = arith.constant dense<1.0e-14> : tensor<1x1x1xf32>
  %lbound = arith.constant dense<1.0e-14> : tensor<1x1xf32>
  %abs = math.absf %d : tensor<1x1x1xf32>
  %labs = math.absf %dl : tensor<1x1xf32>
  %over = arith.cmpf ogt, %abs, %bound : tensor<1x1x1xf32>
  %lover = arith.cmpf ogt, %labs, %lbound : tensor<1x1xf32>
  %r = arith.uitofp %over : tensor<1x1x1xi1> to tensor<1x1x1xf32>
  %lr = arith.uitofp %lover : tensor<1x1xi1> to tensor<1x1xf32>
  return %r, %lr : tensor<1x1x1xf32>, tensor<1x1xf32>
}

// Position p turns pair i by p theta^(-2 i / r): halves, then neighbours, then only the first two channels.
// cos 1 = 0.5403, sin 1 = 0.8415; the second pair turns by 1/100.
// CHECK: rotary 0: [1, 1, 4] 0.5403 0.99995 0.84147 0.0099998{{$}}
// CHECK: rotary 1: [1, 1, 4] -0.30117 1.3818 0.98995 1.0099{{$}}
// CHECK: rotary 2: [1, 1, 4] -0.30117 1.3818 1 1{{$}}
// CHECK: rotary 3: [1, 1, 4] {{[0-9.]+e-1[5-7] [0-9.]+e-1[5-7]}} 2 2{{$}}
func.func @rotary() -> (tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>) {
  %x = arith.constant dense<[[[1.0, 1.0, 0.0, 0.0]]]> : tensor<1x1x4xf32>
  %ones = arith.constant dense<1.0> : tensor<1x1x4xf32>
  %p = arith.constant dense<1> : tensor<1xi32>
  %a = hybrid.rotary %x : tensor<1x1x4xf32> positions(%p : tensor<1xi32>) -> tensor<1x1x4xf32>
  %b = hybrid.rotary %ones : tensor<1x1x4xf32> positions(%p : tensor<1xi32>) {interleave} -> tensor<1x1x4xf32>
  %c = hybrid.rotary %ones : tensor<1x1x4xf32> positions(%p : tensor<1xi32>) {rotary_dim = 2 : i64} -> tensor<1x1x4xf32>
  // A quarter turn by angle, twice as long.
  %quarter = arith.constant dense<1.5707963267948966> : tensor<1x2xf64>
  %d = hybrid.rotary %x : tensor<1x1x4xf32> angles(%quarter : tensor<1x2xf64>) {attention_factor = 2.0 : f64}
    -> tensor<1x1x4xf32>
  return %a, %b, %c, %d : tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>
}

// Scaled frequencies show as sines at position 1: theta 100, three pairs: f = 1, 0.21544, 0.046416.
// Linear divides all by 4. Llama 3 keeps pairs that turn 3 times in a context
// of 63, divides those that turn less than once, and blends between: f = 0.14758. YaRN ramps from floor to ceil of log_theta(context / (turns 2 pi)) * r / 2.
// CHECK: scaled 0: [1, 1, 6] 0.96891 0.99855 0.99993 0.2474 0.053835 0.011604{{$}}
// CHECK: scaled 1: [1, 1, 6] 0.5403 0.98913 0.99993 0.84147 0.14706 0.011604{{$}}
// CHECK: scaled 2: [1, 1, 6] 0.5403 0.99095 0.99993 0.84147 0.13425 0.011604{{$}}
func.func @scaled() -> (tensor<1x1x6xf32>, tensor<1x1x6xf32>, tensor<1x1x6xf32>) {
  %x = arith.constant dense<[[[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]]> : tensor<1x1x6xf32>
  %p = arith.constant dense<1> : tensor<1xi32>
  %a = hybrid.rotary %x : tensor<1x1x6xf32> positions(%p : tensor<1xi32>)
    {theta = 100.0 : f64, scaling = #hybrid.rope_scaling<linear>, factor = 4.0 : f64} -> tensor<1x1x6xf32>
  %b = hybrid.rotary %x : tensor<1x1x6xf32> positions(%p : tensor<1xi32>)
    {theta = 100.0 : f64, scaling = #hybrid.rope_scaling<llama3>, factor = 4.0 : f64, low_freq_factor = 1.0 : f64,
     high_freq_factor = 3.0 : f64, original_context = 63 : i64} -> tensor<1x1x6xf32>
  %c = hybrid.rotary %x : tensor<1x1x6xf32> positions(%p : tensor<1xi32>)
    {theta = 100.0 : f64, scaling = #hybrid.rope_scaling<yarn>, factor = 4.0 : f64, beta_fast = 8.0 : f64,
     beta_slow = 1.0 : f64, original_context = 63 : i64} -> tensor<1x1x6xf32>
  return %a, %b, %c : tensor<1x1x6xf32>, tensor<1x1x6xf32>, tensor<1x1x6xf32>
}
