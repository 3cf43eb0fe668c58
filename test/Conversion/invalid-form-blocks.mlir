// RUN: hybrid-opt %s --hybrid-form-blocks -verify-diagnostics

// What kernels cannot do yet is an error that names it.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %x: tensor<?x4x16xf32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  // expected-error @+1 {{is not built for kernels}}
  %o, %lse = hybrid.attention %x, %x, %x : tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>
      query_offsets(%offsets : tensor<?xi32>) {dilation = 2 : i64, causal, window = 8 : i64} -> tensor<?x4x16xf32>, tensor<?x4xf32>
  return %o : tensor<?x4x16xf32>
}
