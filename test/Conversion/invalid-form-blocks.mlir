// RUN: hybrid-opt %s --hybrid-form-blocks -split-input-file -verify-diagnostics

ml_program.global private @table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// What kernels cannot do yet is an error that names it.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %table = ml_program.global_load_const @table : tensor<32x64xf32>
  %t = tensor.gather %table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %t [[0], [1, 2]] output_shape [%n, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{is not built for kernels}}
  %o, %lse = hybrid.attention %x, %x, %x : tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>
      query_offsets(%offsets : tensor<?xi32>) {dilation = 2 : i64, causal, window = 8 : i64} -> tensor<?x4x16xf32>, tensor<?x4xf32>
  return %o : tensor<?x4x16xf32>
}

// -----

ml_program.global private @table(#ml_program.extern : tensor<32x16xf32>) : tensor<32x16xf32>

// The sum that a norm leaves has no kernel: it must have been made an addition.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %table = ml_program.global_load_const @table : tensor<32x16xf32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<32x16xf32>, tensor<?x1xi32>) -> tensor<?x16xf32>
  // expected-error @+1 {{cannot form a kernel: the sum that a norm leaves is not built; hybrid-decompose-fuse makes it an addition}}
  %y, %sum = hybrid.norm %x : tensor<?x16xf32> residual(%x : tensor<?x16xf32>) {eps = 1.0e-5 : f64} -> tensor<?x16xf32>, tensor<?x16xf32>
  return %sum : tensor<?x16xf32>
}

// -----

// Kernels know a call's arguments by their places: there is none for another tensor.
// expected-error @+1 {{cannot form kernels: expected an entry's arguments to be ids, positions, offsets and rows, each tensor<?xi32>, then caches, got 'tensor<?x16xf32>' as argument 4}}
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %x: tensor<?x16xf32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  return %x : tensor<?x16xf32>
}

// -----

// Nor is there a call without rows.
// expected-error @+1 {{cannot form kernels: expected an entry to have the arguments ids, positions, offsets and rows, got 1 arguments}}
func.func @score(%ids: tensor<?xi32>) -> tensor<?xi32> attributes {hybrid.entry} {
  return %ids : tensor<?xi32>
}
