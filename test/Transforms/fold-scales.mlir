// RUN: hybrid-opt %s --hybrid-fold-scales -split-input-file -verify-diagnostics | FileCheck %s

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// Two entries read one matrix through the same norm: its recipe takes the weight once, and nobody reads the weight.
// CHECK: @w({{.*}}column_folds = [#hybrid.fold<source = "norm.weight">]>]
// CHECK-NOT: @g(
ml_program.global private @w(#ml_program.extern : tensor<2x4xf32>) : tensor<2x4xf32> {hybrid.recipe = [#hybrid.piece<source = "w.weight">]}
ml_program.global private @g(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "norm.weight">]}
// CHECK-LABEL: func @score
func.func @score(%x: tensor<?x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: %[[N:.*]] = hybrid.norm %{{.*}} : tensor<?x4xf32> {eps = 1.000000e-05 : f64} -> tensor<?x4xf32>
  // CHECK: linalg.matmul {{.*}} ins(%[[N]],
  %w = ml_program.global_load_const @w : tensor<2x4xf32>
  %g = ml_program.global_load_const @g : tensor<4xf32>
  // expected-remark @+1 {{factors 'g' are folded into 'w'}}
  %n = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%n, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
// CHECK-LABEL: func @append
func.func @append(%x: tensor<?x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK-NOT: weight(
  %w = ml_program.global_load_const @w : tensor<2x4xf32>
  %g = ml_program.global_load_const @g : tensor<4xf32>
  // expected-remark @+1 {{factors 'g' are folded into 'w'}}
  %n = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%n, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
#rows = affine_map<(t, c) -> (t, c)>
#columns = affine_map<(t, c) -> (c)>

// A norm with 1 + w in groups behind a gate, then a scale, in front of the last four of six columns; what initialises
// a description's weight keeps its name.
// CHECK: @w({{.*}}column_folds = [#hybrid.fold<source = "init:const(1)@s", begin = 2, end = 6>, #hybrid.fold<source = "norm.weight", begin = 2, end = 6, map = "one_plus">]>]
ml_program.global private @w(#ml_program.extern : tensor<2x6xf32>) : tensor<2x6xf32> {hybrid.recipe = [#hybrid.piece<source = "w.weight">]}
ml_program.global private @g(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "norm.weight">]}
ml_program.global private @s(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "init:const(1)">]}
// CHECK-LABEL: func @chain
func.func @chain(%x: tensor<?x4xf32>, %z: tensor<?x4xf32>, %i: tensor<?x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: %[[N:.*]] = hybrid.norm %{{.*}} : tensor<?x4xf32> gate(%{{.*}} : tensor<?x4xf32>) {eps = 1.000000e-05 : f64, groups = 2 : i64}
  // CHECK-NOT: linalg.generic
  // CHECK: linalg.matmul {{.*}} ins(%[[N]],
  %w = ml_program.global_load_const @w : tensor<2x6xf32>
  %g = ml_program.global_load_const @g : tensor<4xf32>
  %s = ml_program.global_load_const @s : tensor<4xf32>
  %part = tensor.extract_slice %w[0, 2] [2, 4] [1, 1] : tensor<2x6xf32> to tensor<2x4xf32>
  // expected-remark @+1 {{factors 'g' are folded into 'w'}}
  %n = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) gate(%z : tensor<?x4xf32>) {eps = 1.0e-5 : f64, groups = 2 : i64, one_plus} -> tensor<?x4xf32>
  // expected-remark @+1 {{factors 's' are folded into 'w'}}
  %m = linalg.generic {indexing_maps = [#rows, #columns, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%n, %s : tensor<?x4xf32>, tensor<4xf32>) outs(%i : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%m, %part : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// One weight for all heads repeats over the columns.
// CHECK: @w({{.*}}column_folds = [#hybrid.fold<source = "norm.weight">]>]
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32> {hybrid.recipe = [#hybrid.piece<source = "w.weight">]}
ml_program.global private @g(#ml_program.extern : tensor<2xf32>) : tensor<2xf32> {hybrid.recipe = [#hybrid.piece<source = "norm.weight">]}
// CHECK-LABEL: func @heads
func.func @heads(%x: tensor<?x2x2xf32>, %e: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // CHECK-NOT: weight(
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %g = ml_program.global_load_const @g : tensor<2xf32>
  // expected-remark @+1 {{factors 'g' are folded into 'w'}}
  %n = hybrid.norm %x : tensor<?x2x2xf32> weight(%g : tensor<2xf32>) {eps = 1.0e-5 : f64} -> tensor<?x2x2xf32>
  %flat = tensor.collapse_shape %n [[0], [1, 2]] : tensor<?x2x2xf32> into tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %w : tensor<?x4xf32>, tensor<3x4xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// A tied embedding is looked up too; a matrix behind another norm cannot take two weights; a value that something else
// reads, a bias and a matrix that is no parameter keep the weights where they are. One that stays takes back another:
// the matrix of @h serves a product whose norm is read elsewhere.
// CHECK-NOT: column_folds
ml_program.global private @embedding(#ml_program.extern : tensor<9x4xf32>) : tensor<9x4xf32> {hybrid.recipe = [#hybrid.piece<source = "e">]}
ml_program.global private @w(#ml_program.extern : tensor<2x4xf32>) : tensor<2x4xf32> {hybrid.recipe = [#hybrid.piece<source = "w">]}
ml_program.global private @v(#ml_program.extern : tensor<2x4xf32>) : tensor<2x4xf32> {hybrid.recipe = [#hybrid.piece<source = "v">]}
ml_program.global private @g(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "g">]}
ml_program.global private @h(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "h">]}
ml_program.global private @two(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "a">, #hybrid.piece<source = "b">]}
// CHECK-LABEL: func @stay
func.func @stay(%x: tensor<?x4xf32>, %ids: tensor<?x1xi32>, %m: tensor<2x4xf32>, %b: tensor<4xf32>, %e: tensor<?x2xf32>, %l: tensor<?x9xf32>) -> (tensor<?x9xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK-COUNT-7: hybrid.norm {{.*}} weight({{.*}}hybrid.unfolded
  %embedding = ml_program.global_load_const @embedding : tensor<9x4xf32>
  %w = ml_program.global_load_const @w : tensor<2x4xf32>
  %v = ml_program.global_load_const @v : tensor<2x4xf32>
  %g = ml_program.global_load_const @g : tensor<4xf32>
  %h = ml_program.global_load_const @h : tensor<4xf32>
  %two = ml_program.global_load_const @two : tensor<4xf32>
  %rows = tensor.gather %embedding[%ids] gather_dims([0]) : (tensor<9x4xf32>, tensor<?x1xi32>) -> tensor<?x4xf32>
  // expected-remark @+1 {{factors 'g' are not folded: matrix 'embedding' is not only multiplied with, but looked up or cut too}}
  %last = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%last, %embedding : tensor<?x4xf32>, tensor<9x4xf32>) outs(%l : tensor<?x9xf32>) -> tensor<?x9xf32>
  // expected-remark @+1 {{factors 'g' are not folded: 'func.return' reads what they multiply}}
  %read = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 2.0e-5 : f64} -> tensor<?x4xf32>
  %y0 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%read, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{factors 'g' are not folded: matrix 'w' serves a product without them too}}
  %same = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 3.0e-5 : f64} -> tensor<?x4xf32>
  %y1 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%same, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{factors 'h' are not folded: matrix 'w' serves a product without them too}}
  %other = hybrid.norm %x : tensor<?x4xf32> weight(%h : tensor<4xf32>) {eps = 4.0e-5 : f64} -> tensor<?x4xf32>
  %y2 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%other, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{factors 'h' are not folded: a product's right operand is no parameter with a recipe}}
  %free = hybrid.norm %x : tensor<?x4xf32> weight(%h : tensor<4xf32>) {eps = 5.0e-5 : f64} -> tensor<?x4xf32>
  %y3 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%free, %m : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{factors 'h' are not folded: the norm has a bias, which they do not multiply}}
  %biased = hybrid.norm %x : tensor<?x4xf32> weight(%h : tensor<4xf32>) bias(%b : tensor<4xf32>) {eps = 6.0e-5 : f64} -> tensor<?x4xf32>
  %y4 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%biased, %v : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{factors 'two' are not folded: they are not one checkpoint tensor}}
  %parts = hybrid.norm %x : tensor<?x4xf32> weight(%two : tensor<4xf32>) {eps = 7.0e-5 : f64} -> tensor<?x4xf32>
  %y5 = linalg.matmul indexing_maps = [#id, #t, #out] ins(%parts, %v : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %logits, %read, %rows : tensor<?x9xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// Whether the tensor has more rows than the weight takes only the checkpoint knows, and a fold takes all of it.
// CHECK: @w({{.*}}{hybrid.recipe = [#hybrid.piece<source = "w.weight">]}
ml_program.global private @w(#ml_program.extern : tensor<2x4xf32>) : tensor<2x4xf32> {hybrid.recipe = [#hybrid.piece<source = "w.weight">]}
ml_program.global private @g(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {hybrid.recipe = [#hybrid.piece<source = "norm.weight", end = 4>]}
// CHECK-LABEL: func @run_of_a_tensor
func.func @run_of_a_tensor(%x: tensor<?x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: hybrid.norm {{.*}} weight(
  %w = ml_program.global_load_const @w : tensor<2x4xf32>
  %g = ml_program.global_load_const @g : tensor<4xf32>
  // expected-remark @+1 {{factors 'g' are not folded: they are not one whole checkpoint tensor as it is}}
  %n = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#id, #t, #out] ins(%n, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
