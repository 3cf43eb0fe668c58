// RUN: hybrid-opt %s --hybrid-evaluate -o /dev/null | FileCheck %s

// Scalars, elementwise ops and dynamic sizes.
// CHECK: scalars 0: [] 3.25
// CHECK: scalars 1: [3] 1 0.5 0.25
// CHECK: scalars 2: [] 3
func.func @scalars() -> (f32, tensor<?xf32>, index) {
  %two = arith.constant 2.0 : f32
  %x = arith.constant 1.25 : f32
  %s = arith.addf %two, %x : f32
  %v = arith.constant dense<[0.0, -1.0, -2.0]> : tensor<3xf32>
  %e = math.exp2 %v : tensor<3xf32>
  %d = tensor.cast %e : tensor<3xf32> to tensor<?xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %d, %c0 : tensor<?xf32>
  return %s, %d, %n : f32, tensor<?xf32>, index
}

// A matrix product reads its second operand transposed through its map.
// CHECK: matmul 0: [2, 2] 14 32 32 77
#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>
func.func @matmul() -> tensor<2x2xf32> {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul indexing_maps = [#a, #b, #c] ins(%x, %x : tensor<2x3xf32>, tensor<2x3xf32>)
    outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// A region with loop indices, a constant from outside, a tensor read by index, and a comparison.
// CHECK: region 0: [2, 3] 10 1 2 3 14 5
func.func @region() -> tensor<2x3xf32> {
  %table = arith.constant dense<[10.0, 11.0, 12.0, 13.0, 14.0, 15.0]> : tensor<6xf32>
  %three = arith.constant 3 : index
  %e = tensor.empty() : tensor<2x3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    outs(%e : tensor<2x3xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %at = affine.apply affine_map<(i)[j, n] -> (i * n + j)>(%i)[%j, %three]
    %v = tensor.extract %table[%at] : tensor<6xf32>
    %diagonal = arith.cmpi eq, %i, %j : index
    %n = arith.index_cast %at : index to i32
    %f = arith.sitofp %n : i32 to f32
    %r = arith.select %diagonal, %v, %f : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// A reduction that is no product: the largest element of each row.
// CHECK: largest 0: [2] 5 7
func.func @largest() -> tensor<2xf32> {
  %x = arith.constant dense<[[1.0, 5.0, 3.0], [7.0, -5.0, 6.0]]> : tensor<2x3xf32>
  %low = arith.constant dense<0xFF800000> : tensor<2xf32>
  %y = linalg.reduce {arith.maximumf} ins(%x : tensor<2x3xf32>) outs(%low : tensor<2xf32>) dimensions = [1]
  return %y : tensor<2xf32>
}

// Slices, reshapes, concatenation, rows by number.
// CHECK: moves 0: [2, 4] 2 3 2 3 5 6 5 6
// CHECK: moves 1: [3, 1, 2] 5 6 2 3 5 6
// CHECK: moves 2: [2, 3] 1 0 0 4 0 0
func.func @moves() -> (tensor<2x4xf32>, tensor<3x1x2xf32>, tensor<2x3xf32>) {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %s = tensor.extract_slice %x[0, 1] [2, 2] [1, 1] : tensor<2x3xf32> to tensor<2x2xf32>
  %w = tensor.concat dim(1) %s, %s : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x4xf32>
  %rows = arith.constant dense<[[1], [0], [1]]> : tensor<3x1xi32>
  %g = tensor.gather %s[%rows] gather_dims([0]) : (tensor<2x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
  %h = tensor.expand_shape %g [[0], [1, 2]] output_shape [3, 1, 2] : tensor<3x2xf32> into tensor<3x1x2xf32>
  %zero = arith.constant dense<0.0> : tensor<2x2xf32>
  %z = tensor.insert_slice %zero into %x[0, 1] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<2x3xf32>
  return %w, %h, %z : tensor<2x4xf32>, tensor<3x1x2xf32>, tensor<2x3xf32>
}

// A global that holds its value, and a call.
ml_program.global private @weights(dense<[3.0, 4.0]> : tensor<2xf32>) : tensor<2xf32>
func.func private @double(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = arith.addf %x, %x : tensor<2xf32>
  return %y : tensor<2xf32>
}
// CHECK: loads 0: [2] 6 8
func.func @loads() -> tensor<2xf32> {
  %w = ml_program.global_load_const @weights : tensor<2xf32>
  %y = func.call @double(%w) : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
