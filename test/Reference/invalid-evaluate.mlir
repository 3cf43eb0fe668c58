// RUN: hybrid-opt %s --hybrid-evaluate -split-input-file -verify-diagnostics -o /dev/null

ml_program.global private @absent(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
func.func @parameter() -> tensor<2xf32> {
  // expected-error @+1 {{reference: no value for parameter 'absent'}}
  %w = ml_program.global_load_const @absent : tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

func.func @row() -> tensor<1x2xf32> {
  %x = arith.constant dense<0.0> : tensor<2x2xf32>
  %rows = arith.constant dense<[[2]]> : tensor<1x1xi32>
  // expected-error @+1 {{reference: expected index 0 to be in [0, 2), got 2}}
  %g = tensor.gather %x[%rows] gather_dims([0]) : (tensor<2x2xf32>, tensor<1x1xi32>) -> tensor<1x2xf32>
  return %g : tensor<1x2xf32>
}

// -----

func.func @loops() -> f32 {
  %c = arith.constant true
  %x = arith.constant 1.0 : f32
  // expected-error @+1 {{reference: the evaluator does not know 'scf.if'; it knows the model form: hybrid, linalg, tensor, arith and math ops}}
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
  // expected-error @+1 {{reference: expected dim 0 of operand 1 to have 2 elements like the loops, got 3}}
  %s = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%a : tensor<?xf32>) -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

func.func @outside() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  // expected-error @+1 {{reference: an index is outside the tensor that it reads}}
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

// -----

func.func @shapes() -> tensor<?xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %y = arith.constant dense<0.0> : tensor<3xf32>
  %a = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %b = tensor.cast %y : tensor<3xf32> to tensor<?xf32>
  // expected-error @+1 {{reference: expected operands of one shape}}
  %s = arith.addf %a, %b : tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

func.func private @external() -> f32
func.func @callee() -> f32 {
  // expected-error @+1 {{reference: 'external' has no body}}
  %x = call @external() : () -> f32
  return %x : f32
}

// -----

// expected-error @+1 {{reference: expected a function with one block, got 2}}
func.func @blocks() -> f32 {
  cf.br ^next
^next:
  %x = arith.constant 1.0 : f32
  return %x : f32
}

// -----

// expected-error @+1 {{reference: calls nest more than 64 deep}}
func.func @endless() -> f32 {
  %x = call @endless() : () -> f32
  return %x : f32
}

// -----

// expected-error @+1 {{reference: expected argument 0 to be 'tensor<2xf32>', got a tensor of shape [3]}}
func.func private @two(%x: tensor<2xf32>) -> f32 {
  %r = arith.constant 1.0 : f32
  return %r : f32
}
func.func @argument() -> f32 {
  %x = arith.constant dense<0.0> : tensor<3xf32>
  %a = tensor.cast %x : tensor<3xf32> to tensor<?xf32>
  %b = tensor.cast %a : tensor<?xf32> to tensor<2xf32>
  %r = call @two(%b) : (tensor<2xf32>) -> f32
  return %r : f32
}

// -----

func.func @target() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2x4xf32>
  %w = arith.constant dense<0.0> : tensor<8x4xf32>
  %t = arith.constant dense<[1, 8]> : tensor<2xi32>
  // expected-error @+1 {{reference: expected target 1 to be in [0, 8) or -100, got 8}}
  %l:2 = hybrid.cross_entropy %x, %w, %t : tensor<2x4xf32>, tensor<8x4xf32>, tensor<2xi32> -> tensor<2xf32>, tensor<2xf32>
  return %l#0 : tensor<2xf32>
}

// -----

func.func @offsets_end() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x4xf32>
  %o = arith.constant dense<[0, 3]> : tensor<2xi32>
  // expected-error @+1 {{reference: expected offsets from 0 to 2, got 0 to 3}}
  %r:2 = hybrid.attention %q, %q, %q : tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>
      query_offsets(%o : tensor<2xi32>) {causal} -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %r#0 : tensor<2x1x4xf32>
}

// -----

func.func @offsets_fall() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x4xf32>
  %o = arith.constant dense<[0, 2, 1, 2]> : tensor<4xi32>
  // expected-error @+1 {{reference: expected offsets that do not fall, got 1 after 2}}
  %r:2 = hybrid.attention %q, %q, %q : tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>
      query_offsets(%o : tensor<4xi32>) {causal} -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %r#0 : tensor<2x1x4xf32>
}

// -----

func.func @keys() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x4xf32>
  %o = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
  %p = arith.constant dense<[0, 2]> : tensor<2xi32>
  // expected-error @+1 {{reference: expected keys of 2 sequences, got 1}}
  %r:2 = hybrid.attention %q, %q, %q : tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>
      query_offsets(%o : tensor<3xi32>) key_offsets(%p : tensor<2xi32>) -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %r#0 : tensor<2x1x4xf32>
}

// -----

func.func @bias() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x4xf32>
  %b = arith.constant dense<0.0> : tensor<2x1x1xf32>
  %c = tensor.cast %b : tensor<2x1x1xf32> to tensor<2x1x?xf32>
  // expected-error @+1 {{reference: expected 'bias' to have at least 2 columns, got 1}}
  %r:2 = hybrid.attention %q, %q, %q : tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>
      bias(%c : tensor<2x1x?xf32>) -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %r#0 : tensor<2x1x4xf32>
}

// -----

func.func @values() -> tensor<2x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x4xf32>
  %v = arith.constant dense<0.0> : tensor<3x1x4xf32>
  %a = tensor.cast %q : tensor<2x1x4xf32> to tensor<?x1x4xf32>
  %b = tensor.cast %v : tensor<3x1x4xf32> to tensor<?x1x4xf32>
  // expected-error @+1 {{reference: expected 'value' to have 2 rows, got 3}}
  %r:2 = hybrid.attention %q, %a, %b : tensor<2x1x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32> -> tensor<2x1x4xf32>, tensor<2x1xf32>
  return %r#0 : tensor<2x1x4xf32>
}

// -----

func.func @substeps() -> tensor<?x1x4xf32> {
  %q = arith.constant dense<0.0> : tensor<3x1x4xf32>
  %a = tensor.cast %q : tensor<3x1x4xf32> to tensor<?x1x4xf32>
  // expected-error @+1 {{reference: expected 'k' to have a multiple of 2 rows, got 3}}
  %r:2 = hybrid.linear_scan q(%a : tensor<?x1x4xf32>) k(%a : tensor<?x1x4xf32>) v(%a : tensor<?x1x4xf32>)
      {substeps = 2 : i64} -> o tensor<?x1x4xf32> state tensor<1x1x4x4xf32>
  return %r#0 : tensor<?x1x4xf32>
}

// -----

func.func @outer() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %f = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<2xf32>) {
  ^bb0(%out: f32):
    // expected-error @+1 {{reference: cannot evaluate an operand of type 'tensor<2xf32>' from outside the region}}
    %g = arith.addf %f, %f : tensor<2xf32>
    linalg.yield %out : f32
  } -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @inner_tensor() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<2xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %t = tensor.empty() : tensor<2xf32>
    // expected-error @-1 {{reference: the evaluator does not know 'tensor.empty' as a scalar op; use ops of arith, math, index, linalg.index, tensor.extract or affine.apply}}
    %v = tensor.extract %t[%i] : tensor<2xf32>
    linalg.yield %v : f32
  } -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @slice() -> tensor<2xf32> {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %a = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  // expected-error @+1 {{reference: expected the slice to lie in dim 0 of 2 elements, got offset 1, size 2, stride 1}}
  %y = tensor.extract_slice %a[1] [2] [1] : tensor<?xf32> to tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @insert() -> tensor<4xf32> {
  %x = arith.constant dense<0.0> : tensor<3xf32>
  %a = tensor.cast %x : tensor<3xf32> to tensor<?xf32>
  %z = arith.constant dense<0.0> : tensor<4xf32>
  %n = arith.constant 2 : index
  // expected-error @+1 {{reference: expected a source of 2 elements, got 3}}
  %y = tensor.insert_slice %a into %z[0] [%n] [1] : tensor<?xf32> into tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @expand() -> tensor<?x2xf32> {
  %x = arith.constant dense<0.0> : tensor<3xf32>
  %a = tensor.cast %x : tensor<3xf32> to tensor<?xf32>
  %n = arith.constant 2 : index
  // expected-error @+1 {{reference: expected the new shape to have 3 elements, got 4}}
  %y = tensor.expand_shape %a [[0, 1]] output_shape [%n, 2] : tensor<?xf32> into tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

func.func @concat() -> tensor<?x?xf32> {
  %x = arith.constant dense<0.0> : tensor<2x2xf32>
  %z = arith.constant dense<0.0> : tensor<2x3xf32>
  %a = tensor.cast %x : tensor<2x2xf32> to tensor<?x?xf32>
  %b = tensor.cast %z : tensor<2x3xf32> to tensor<?x?xf32>
  // expected-error @+1 {{reference: expected dim 1 to be 2, got 3}}
  %y = tensor.concat dim(0) %a, %b : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

func.func @extract() -> f32 {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %i = arith.constant 2 : index
  // expected-error @+1 {{reference: expected an index in [0, 2), got 2}}
  %y = tensor.extract %x[%i] : tensor<2xf32>
  return %y : f32
}

// -----

func.func @dim() -> index {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %i = arith.constant 1 : index
  // expected-error @+1 {{reference: expected a dim below 1, got 1}}
  %y = tensor.dim %x, %i : tensor<2xf32>
  return %y : index
}

// -----

func.func @elements() -> tensor<2xf32> {
  // expected-error @+1 {{reference: cannot read the elements of this constant}}
  %x = arith.constant dense_resource<elsewhere> : tensor<2xf32>
  return %x : tensor<2xf32>
}
