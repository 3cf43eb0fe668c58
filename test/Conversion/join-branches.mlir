// RUN: hybrid-opt %s --hybrid-form-blocks="variant=short target=sm_80" --hybrid-verify-block-form --split-input-file | FileCheck %s
// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk target=sm_80" --hybrid-verify-block-form --split-input-file | FileCheck %s --check-prefix=APART
// RUN: hybrid-opt %s --hybrid-form-blocks="variant=short" --hybrid-verify-block-form --split-input-file | FileCheck %s --check-prefix=APART

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(t, h, c) -> (t, h, c)>
ml_program.global private @table(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>

// Attention and scan of four heads each, side by side over short sequences: one launch of eight blocks a sequence. They
// share what both read; neither kernel remains.
// CHECK-NOT: tile.kernel @attention_{{[0-9]}}
// CHECK: tile.kernel @attention_scan_0(%{{.*}}: memref<?xi32>, %{{.*}}: memref<?x128xf32>, %{{.*}}: memref<?x128xf32> {tile.written}, %{{.*}}: memref<?x128xf32> {tile.written}) {
// CHECK-DAG: %[[SEQUENCE:.*]] = tile.block_id x
// CHECK-DAG: %[[Y:.*]] = tile.block_id y
// CHECK: %[[ATTENDS:.*]] = arith.cmpi slt, %[[Y]], %c4
// CHECK: %[[HEAD:.*]] = arith.remui
// CHECK: scf.if %[[ATTENDS]] {
// CHECK: tile.reduce <max>
// CHECK: } else {
// CHECK: memref.load %{{.*}}[%[[SEQUENCE]]]
// CHECK: tile.dot
// CHECK-LABEL: schedule.variant "beside"
// CHECK-NOT: schedule.launch @attention_{{[0-9]}}
// CHECK: schedule.launch @attention_scan_0 grid (#schedule.extent<symbol = "sequences">, #schedule.extent<symbol = "one", factor = 8>)
// CHECK-SAME: fused ["attention"]
// CHECK-NOT: schedule.launch @scan

// Long sequences fill a GPU with either, and on x86 a launch costs little.
// APART-LABEL: schedule.variant "beside"
// APART: schedule.launch @attention_
// APART: schedule.launch @scan_
func.func @beside(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x128xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x128xf32>, tensor<?x1xi32>) -> tensor<?x128xf32>
  %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %a, %lse = hybrid.attention %h, %h, %h : tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32> query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x4x32xf32>, tensor<?x4xf32>
  %o, %state = hybrid.linear_scan q(%h : tensor<?x4x32xf32>) k(%h : tensor<?x4x32xf32>) v(%h : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %e0 = tensor.empty(%n) : tensor<?x4x32xf32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a, %o : tensor<?x4x32xf32>, tensor<?x4x32xf32>) outs(%e0 : tensor<?x4x32xf32>) {
  ^bb0(%l: f32, %r: f32, %out: f32):
    %s = arith.addf %l, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x4x32xf32>
  %flat = tensor.collapse_shape %sum [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(t, h, c) -> (t, h, c)>
ml_program.global private @table(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>

// A scan of what the attention computed comes behind it.
// CHECK-LABEL: schedule.variant "behind"
// CHECK: schedule.launch @attention_{{[0-9]}}
// CHECK: schedule.launch @scan_
func.func @behind(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x128xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x128xf32>, tensor<?x1xi32>) -> tensor<?x128xf32>
  %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %a, %lse = hybrid.attention %h, %h, %h : tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32> query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x4x32xf32>, tensor<?x4xf32>
  %o, %state = hybrid.linear_scan q(%h : tensor<?x4x32xf32>) k(%h : tensor<?x4x32xf32>) v(%a : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %e0 = tensor.empty(%n) : tensor<?x4x32xf32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a, %o : tensor<?x4x32xf32>, tensor<?x4x32xf32>) outs(%e0 : tensor<?x4x32xf32>) {
  ^bb0(%l: f32, %r: f32, %out: f32):
    %s = arith.addf %l, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x4x32xf32>
  %flat = tensor.collapse_shape %sum [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}
