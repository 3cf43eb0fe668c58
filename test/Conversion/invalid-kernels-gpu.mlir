// RUN: hybrid-opt %s --hybrid-form-blocks=target=sm_80 -split-input-file -verify-diagnostics

// What kernels for GPUs cannot do beyond those for x86.

ml_program.global private @x_table(#ml_program.extern : tensor<32x1000xf32>) : tensor<32x1000xf32>
ml_program.global private @w(#ml_program.extern : tensor<16x1000xf32>) : tensor<16x1000xf32>

// A product over a depth that is no multiple of the matrix unit's.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x1000xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x1000xf32>, tensor<?x1xi32>) -> tensor<?x1000xf32>
  %w = ml_program.global_load_const @w : tensor<16x1000xf32>
  %e = tensor.empty(%count) : tensor<?x16xf32>
  %z = arith.constant 0.0 : f32
  %fill = linalg.fill ins(%z : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  // expected-error @+1 {{cannot form a kernel: products over a depth that is no multiple of 16 are not built, got 1000}}
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>] ins(%x, %w : tensor<?x1000xf32>, tensor<16x1000xf32>) outs(%fill : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x40xf32>) : tensor<32x40xf32>

// A layer norm whose rows are filled up.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x40xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x40xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x40xf32>, tensor<?x1xi32>) -> tensor<?x40xf32>
  // expected-error @+1 {{cannot form a kernel: layer norms of padded rows are not built}}
  %y = hybrid.norm %x : tensor<?x40xf32> {eps = 1.0e-5 : f64, kind = #hybrid.norm_kind<layer>} -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}
