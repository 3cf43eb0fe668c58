// A model with an op that elementwise kernels do not have.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.vocab = 64 : i64, hybrid.width = 64 : i64, hybrid.eos = array<i64>, hybrid.family = "x"} {
ml_program.global private @embedding(#ml_program.extern : tensor<64x64xf32>) : tensor<64x64xf32> {hybrid.recipe = [#hybrid.piece<source = "init:normal(0.02)">]}
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %t = ml_program.global_load_const @embedding : tensor<64x64xf32>
  %x = tensor.gather %t[%number] gather_dims([0]) : (tensor<64x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.constant 2.0 : f32
    %d = arith.remf %a, %c : f32
    linalg.yield %d : f32
  } -> tensor<?x64xf32>
  %rc = tensor.dim %rows, %zero : tensor<?xi32>
  %rn = tensor.expand_shape %rows [[0, 1]] output_shape [%rc, 1] : tensor<?xi32> into tensor<?x1xi32>
  %r = tensor.gather %y[%rn] gather_dims([0]) : (tensor<?x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}
}
