// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk" --hybrid-verify-block-form -split-input-file | FileCheck %s
// RUN: hybrid-opt %s --hybrid-form-blocks="variant=decode" --hybrid-verify-block-form -split-input-file | FileCheck %s --check-prefix=DECODE

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
#rows = affine_map<(t, c) -> (t, c)>
#columns = affine_map<(t, c) -> (c)>
#vector = affine_map<(c) -> (c)>

ml_program.global private @table(#ml_program.extern : tensor<32x24xf32>) : tensor<32x24xf32>
ml_program.global private @w(#ml_program.extern : tensor<16x24xf32>) : tensor<16x24xf32>
ml_program.global private @scale(#ml_program.extern : tensor<24xf32>) : tensor<24xf32>
ml_program.global private @bias(#ml_program.extern : tensor<16xf32>) : tensor<16xf32>

// A norm of heads behind a factor per channel cannot be computed while a product packs whole rows; a vector that is
// computed from a parameter is part of the kernel that adds it.
// CHECK: tile.kernel @rows_0
// CHECK: tile.kernel @product_0
// CHECK: tile.dot
// CHECK: arith.negf {{.*}} : tensor<16xf32>
// CHECK: schedule.launch @rows_0
// CHECK-SAME: fused ["norm"]
// CHECK-SAME: missed ["its heads or groups are narrower than its consumer's tiles"]
// CHECK: schedule.launch @product_0
// CHECK-SAME: fused ["matmul"]
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %zero = arith.constant 0.0 : f32
  %table = ml_program.global_load_const @table : tensor<32x24xf32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<32x24xf32>, tensor<?x1xi32>) -> tensor<?x24xf32>
  %w = ml_program.global_load_const @w : tensor<16x24xf32>
  %s = ml_program.global_load_const @scale : tensor<24xf32>
  %b = ml_program.global_load_const @bias : tensor<16xf32>
  %heads = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 3, 8] : tensor<?x24xf32> into tensor<?x3x8xf32>
  %normed = hybrid.norm %heads : tensor<?x3x8xf32> {eps = 1.0e-5 : f64} -> tensor<?x3x8xf32>
  %m = tensor.collapse_shape %normed [[0], [1, 2]] : tensor<?x3x8xf32> into tensor<?x24xf32>
  %e0 = tensor.empty(%n) : tensor<?x24xf32>
  %scaled = linalg.generic {indexing_maps = [#rows, #columns, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%m, %s : tensor<?x24xf32>, tensor<24xf32>) outs(%e0 : tensor<?x24xf32>) {
  ^bb0(%a: f32, %g: f32, %o: f32):
    %p = arith.mulf %a, %g : f32
    linalg.yield %p : f32
  } -> tensor<?x24xf32>
  %e1 = tensor.empty(%n) : tensor<?x16xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%scaled, %w : tensor<?x24xf32>, tensor<16x24xf32>) outs(%f1 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %e2 = tensor.empty() : tensor<16xf32>
  %minus = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]}
      ins(%b : tensor<16xf32>) outs(%e2 : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.negf %a : f32
    linalg.yield %p : f32
  } -> tensor<16xf32>
  %z = linalg.generic {indexing_maps = [#rows, #columns, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%y, %minus : tensor<?x16xf32>, tensor<16xf32>) outs(%e1 : tensor<?x16xf32>) {
  ^bb0(%a: f32, %g: f32, %o: f32):
    %p = arith.addf %a, %g : f32
    linalg.yield %p : f32
  } -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// -----

ml_program.global private @table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// One token's query heads that share a key head are rows of one tile where what is stored is cut at multiples of their
// size.
// DECODE-LABEL: tile.kernel @attention_0
// DECODE: tile.load {{.*}} -> tensor<4x8xf32>
// DECODE: schedule.launch @attention_0 grid (#schedule.extent<symbol = "tiles", list = 1>, #schedule.extent<symbol = "one", factor = 2>)
func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %kv: !hybrid.cache<paged_kv, [2, 8, 8], f32> {hybrid.name = "kv"})
    -> (tensor<?x8x8xf32>, !hybrid.cache<paged_kv, [2, 8, 8], f32>) attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %table = ml_program.global_load_const @table : tensor<32x64xf32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %q = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 8, 8] : tensor<?x64xf32> into tensor<?x8x8xf32>
  %o, %lse = hybrid.attention %q : tensor<?x8x8xf32> cache(%kv : !hybrid.cache<paged_kv, [2, 8, 8], f32>)
      query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x8x8xf32>, tensor<?x8xf32>
  return %o, %kv : tensor<?x8x8xf32>, !hybrid.cache<paged_kv, [2, 8, 8], f32>
}

// -----

ml_program.global private @table(#ml_program.extern : tensor<32x76xf32>) : tensor<32x76xf32>

// Heads of 8 behind 12 other columns are not: each has a block of its own.
// DECODE-LABEL: tile.kernel @attention_0
// DECODE: tile.load {{.*}} -> tensor<1x8xf32>
// DECODE: schedule.launch @attention_0 grid (#schedule.extent<symbol = "tiles", list = 1>, #schedule.extent<symbol = "one", factor = 8>)
func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %kv: !hybrid.cache<paged_kv, [2, 8, 8], f32> {hybrid.name = "kv"})
    -> (tensor<?x8x8xf32>, !hybrid.cache<paged_kv, [2, 8, 8], f32>) attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %table = ml_program.global_load_const @table : tensor<32x76xf32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<32x76xf32>, tensor<?x1xi32>) -> tensor<?x76xf32>
  %cut = tensor.extract_slice %x[0, 12] [%n, 64] [1, 1] : tensor<?x76xf32> to tensor<?x64xf32>
  %q = tensor.expand_shape %cut [[0], [1, 2]] output_shape [%n, 8, 8] : tensor<?x64xf32> into tensor<?x8x8xf32>
  %o, %lse = hybrid.attention %q : tensor<?x8x8xf32> cache(%kv : !hybrid.cache<paged_kv, [2, 8, 8], f32>)
      query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x8x8xf32>, tensor<?x8xf32>
  return %o, %kv : tensor<?x8x8xf32>, !hybrid.cache<paged_kv, [2, 8, 8], f32>
}
