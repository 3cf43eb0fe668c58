// RUN: hybrid-opt %s --hybrid-evaluate -split-input-file -verify-diagnostics -o /dev/null

ml_program.global private @absent(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
func.func @parameter() -> tensor<2xf32> {
  // expected-error @+1 {{no value for parameter 'absent'}}
  %w = ml_program.global_load_const @absent : tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

func.func @row() -> tensor<1x2xf32> {
  %x = arith.constant dense<0.0> : tensor<2x2xf32>
  %rows = arith.constant dense<[[2]]> : tensor<1x1xi32>
  // expected-error @+1 {{expected index 0 to be in [0, 2), got 2}}
  %g = tensor.gather %x[%rows] gather_dims([0]) : (tensor<2x2xf32>, tensor<1x1xi32>) -> tensor<1x2xf32>
  return %g : tensor<1x2xf32>
}

// -----

func.func @loops() -> f32 {
  %c = arith.constant true
  %x = arith.constant 1.0 : f32
  // expected-error @+1 {{the evaluator does not know 'scf.if'; it knows the model form}}
  %y = scf.if %c -> f32 {
    scf.yield %x : f32
  } else {
    scf.yield %x : f32
  }
  return %y : f32
}

// -----

func.func @sizes() -> tensor<?xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %y = arith.constant dense<0.0> : tensor<3xf32>
  %a = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %b = tensor.cast %y : tensor<3xf32> to tensor<?xf32>
  // expected-error @+1 {{expected dim 0 of operand 1 to have 2 elements like the loops, got 3}}
  %s = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%a : tensor<?xf32>) -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

func.func @outside() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  // expected-error @+1 {{an index is outside the tensor that it reads}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    outs(%x : tensor<2xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %one = arith.constant 1 : index
    %j = arith.addi %i, %one : index
    %v = tensor.extract %x[%j] : tensor<2xf32>
    linalg.yield %v : f32
  } -> tensor<2xf32>
  return %y : tensor<2xf32>
}
