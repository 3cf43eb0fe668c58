// RUN: hybrid-opt %s --hybrid-merge-projections --canonicalize | FileCheck %s

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// CHECK: ml_program.global private @blocks.1.mixer.joint_in({{.*}}) : tensor<6x4xf32>
// CHECK-SAME: #hybrid.field<"a.q", 2>
// CHECK-SAME: #hybrid.piece<source = "w.a">, #hybrid.piece<source = "init:normal(0.02)@blocks.1.mixer.b.w", end = 4>
// CHECK-NOT: @blocks.1.mixer.a.w(
ml_program.global private @blocks.1.mixer.a.w(#ml_program.extern : tensor<2x4xf32>) : tensor<2x4xf32>
  {hybrid.recipe = [#hybrid.piece<source = "w.a">], hybrid.fields = [#hybrid.field<"q", 2>]}
ml_program.global private @blocks.1.mixer.b.w(#ml_program.extern : tensor<4x4xf32>) : tensor<4x4xf32>
  {hybrid.recipe = [#hybrid.piece<source = "init:normal(0.02)">]}

// Two branches project one input: one product, two runs of columns.
// CHECK-LABEL: func @branches
func.func @branches(%x: tensor<?x4xf32>, %ea: tensor<?x2xf32>, %eb: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32>) {
  // CHECK: linalg.matmul
  // CHECK-NOT: linalg.matmul
  // CHECK-DAG: tensor.extract_slice %{{.*}}[0, 0] [%{{.*}}, 2]
  // CHECK-DAG: tensor.extract_slice %{{.*}}[0, 2] [%{{.*}}, 4]
  %wa = ml_program.global_load_const @blocks.1.mixer.a.w : tensor<2x4xf32>
  %wb = ml_program.global_load_const @blocks.1.mixer.b.w : tensor<4x4xf32>
  %a = linalg.matmul indexing_maps = [#id, #t, #out] ins(%x, %wa : tensor<?x4xf32>, tensor<2x4xf32>) outs(%ea : tensor<?x2xf32>) -> tensor<?x2xf32>
  %b = linalg.matmul indexing_maps = [#id, #t, #out] ins(%x, %wb : tensor<?x4xf32>, tensor<4x4xf32>) outs(%eb : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %a, %b : tensor<?x2xf32>, tensor<?x4xf32>
}


// One matrix that serves twice is not doubled.
// CHECK-LABEL: func @twice
func.func @twice(%x: tensor<?x4xf32>, %w: tensor<2x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: linalg.matmul
  %a = linalg.matmul indexing_maps = [#id, #t, #out] ins(%x, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %a : tensor<?x2xf32>
}
