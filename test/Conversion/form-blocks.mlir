// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk" --hybrid-verify-block-form | FileCheck %s
// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk target=sm_80" --hybrid-verify-block-form | FileCheck %s --check-prefix=GPU

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

ml_program.global private @up(#ml_program.extern : tensor<256x64xf32>) : tensor<256x64xf32>
ml_program.global private @down(#ml_program.extern : tensor<64x128xf32>) : tensor<64x128xf32>
ml_program.global private @table(#ml_program.extern : tensor<96x64xf32>) : tensor<96x64xf32>

// A gated unit and its projection with the residual: two kernels. The first computes the norm, two runs of the
// matrix's rows and the gate; the second adds the residual behind its product. The table is looked up in panels, as
// the logits' product packs it.
// CHECK: tile.kernel @gather_0
// CHECK-SAME: tile.panel = 16
// CHECK: tile.kernel @product_0
// CHECK: tile.reduce <sum>
// CHECK: math.rsqrt
// CHECK: scf.for
// CHECK: tile.dot
// CHECK: tile.dot
// CHECK: math.exp
// CHECK: tile.store
// CHECK: tile.kernel @product_1
// CHECK: tile.dot
// CHECK: arith.addf
// CHECK: tile.store
// CHECK: tile.kernel @product_2
// CHECK: schedule.variant "score" "bulk"
// CHECK: schedule.launch @gather_0
// CHECK: schedule.launch @product_0
// CHECK-SAME: fused ["norm", "matmul"]
// CHECK: schedule.launch @product_1
// CHECK-SAME: fused ["matmul"]

// A norm in groups does not commute with the product behind it and is no part of its packing either.
// CHECK: schedule.launch @rows_0
// CHECK-SAME: missed ["the norm's groups are narrower than the product's depth"]
// CHECK: schedule.launch @product_2

// On the GPU a product loads its operand from memory as it is. The lookup sums the squares of the rows that it stores,
// and the product scales its own behind its loops.
// GPU: tile.kernel @gather_0
// GPU: %[[SUM:.*]] = tile.reduce <sum>
// GPU: tile.store %[[SUM]]
// GPU: tile.kernel @product_0
// GPU-NOT: tile.reduce
// GPU: tile.dot
// GPU: tile.reduce <sum>
// GPU: math.rsqrt
// GPU: math.exp
// GPU: tile.kernel @product_1
// GPU: schedule.buffer "squares0" {{.*}}memref<?x1xf32>
// GPU: schedule.launch @gather_0
// GPU-SAME: fused ["sums of squares for a norm"]
// GPU: schedule.launch @product_0
// GPU-SAME: fused ["norm", "matmul"]
// GPU: schedule.launch @rows_0
// GPU-SAME: missed ["only a norm that divides whole rows commutes with a product"]
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x64xf32>
  %up = ml_program.global_load_const @up : tensor<256x64xf32>
  %down = ml_program.global_load_const @down : tensor<64x128xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %normed = hybrid.norm %x : tensor<?x64xf32> {eps = 1.0e-5 : f64} -> tensor<?x64xf32>
  %e0 = tensor.empty(%n) : tensor<?x256xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %p = linalg.matmul indexing_maps = [#id, #t, #out] ins(%normed, %up : tensor<?x64xf32>, tensor<256x64xf32>) outs(%f0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %h = hybrid.glu %p : tensor<?x256xf32> -> tensor<?x128xf32>
  %e1 = tensor.empty(%n) : tensor<?x64xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %d = linalg.matmul indexing_maps = [#id, #t, #out] ins(%h, %down : tensor<?x128xf32>, tensor<64x128xf32>) outs(%f1 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(t, c) -> (t, c)>, affine_map<(t, c) -> (t, c)>, affine_map<(t, c) -> (t, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %d : tensor<?x64xf32>, tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  %e2 = tensor.empty(%n) : tensor<?x96xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x96xf32>) -> tensor<?x96xf32>
  %last = hybrid.norm %y : tensor<?x64xf32> {eps = 1.0e-5 : f64, groups = 2 : i64} -> tensor<?x64xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%last, %table : tensor<?x64xf32>, tensor<96x64xf32>) outs(%f2 : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}
