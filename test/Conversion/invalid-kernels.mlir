// RUN: hybrid-opt %s --hybrid-form-blocks -split-input-file -verify-diagnostics

// What kernels cannot do is an error that names it.

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// Attention that looks at every other token.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{attention with sink logits, bias, global tokens, block lists, score functions, dilation, prefixes, partial results or no causal mask is not built for kernels}}
  %o, %lse = hybrid.attention %x, %x, %x : tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>
      query_offsets(%offsets : tensor<?xi32>) {dilation = 2 : i64, causal, window = 8 : i64} -> tensor<?x4x16xf32>, tensor<?x4xf32>
  return %o : tensor<?x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// An elementwise op that reads what it writes into.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // expected-error @+1 {{expected an elementwise body that does not read its init}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32):
    %b = arith.addf %a0, %a0 : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @d(#ml_program.extern : tensor<64xf32>) : tensor<64xf32>

// Operands read along a diagonal.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %d = ml_program.global_load_const @d : tensor<64xf32>
  // expected-error @+1 {{expected operands read through projected permutations}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j + i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %d : tensor<?x64xf32>, tensor<64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// An op that tiles do not have.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'linalg.index' in an elementwise body is not built}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    %i = linalg.index 0 : index
    %k = arith.index_cast %i : index to i32
    %f = arith.sitofp %k : i32 to f32
    linalg.yield %f : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x256xf32>) : tensor<32x256xf32>
ml_program.global private @v_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A middle dim dropped.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x256xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x256xf32>, tensor<?x1xi32>) -> tensor<?x256xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2, 3]] output_shape [%count, 4, 4, 16] : tensor<?x256xf32> into tensor<?x4x4x16xf32>
  %v_table = ml_program.global_load_const @v_table : tensor<32x64xf32>
  %v_rows = tensor.gather %v_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %v = tensor.expand_shape %v_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{expected operands that keep a run of leading or trailing dims}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i, j, k, l)>, affine_map<(i, j, k, l) -> (i, j, l)>, affine_map<(i, j, k, l) -> (i, j, k, l)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x, %v : tensor<?x4x4x16xf32>, tensor<?x4x16xf32>) outs(%x : tensor<?x4x4x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x4x4x16xf32>
  return %y : tensor<?x4x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A product with some rows of a parameter.
ml_program.global private @w(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?x16xf32>
  %z = arith.constant 0.0 : f32
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %w = ml_program.global_load_const @w : tensor<32x64xf32>
  %s = tensor.extract_slice %w[16, 0] [16, 64] [1, 1] : tensor<32x64xf32> to tensor<16x64xf32>
  // expected-error @+1 {{products with a run of a parameter's rows are not built}}
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>] ins(%x, %s : tensor<?x64xf32>, tensor<16x64xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// Every second row.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  // expected-error @+1 {{only slices of whole rows are built}}
  %s = tensor.extract_slice %x[1, 0] [%n, 64] [1, 1] : tensor<?x64xf32> to tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<?x64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    %b = arith.addf %a0, %a0 : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @a_table(#ml_program.extern : tensor<32x8xf32>) : tensor<32x8xf32>

// Rotary by angles.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  %a_table = ml_program.global_load_const @a_table : tensor<32x8xf32>
  %a = tensor.gather %a_table[%number] gather_dims([0]) : (tensor<32x8xf32>, tensor<?x1xi32>) -> tensor<?x8xf32>
  // expected-error @+1 {{rotary by angles is not built}}
  %y = hybrid.rotary %x : tensor<?x4x16xf32> angles(%a : tensor<?x8xf32>) -> tensor<?x4x16xf32>
  return %y : tensor<?x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// Pairs that lie side by side.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{interleaved rotary and rotary by angles are not built}}
  %y = hybrid.rotary %x : tensor<?x4x16xf32> positions(%positions : tensor<?xi32>) {interleave} -> tensor<?x4x16xf32>
  return %y : tensor<?x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x8xf32>) : tensor<32x8xf32>
ml_program.global private @w_table(#ml_program.extern : tensor<32x32xf32>) : tensor<32x32xf32>

// Taps for every token.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x8xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x8xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x8xf32>, tensor<?x1xi32>) -> tensor<?x8xf32>
  %w_table = ml_program.global_load_const @w_table : tensor<32x32xf32>
  %w_rows = tensor.gather %w_table[%number] gather_dims([0]) : (tensor<32x32xf32>, tensor<?x1xi32>) -> tensor<?x32xf32>
  %w = tensor.expand_shape %w_rows [[0], [1, 2]] output_shape [%count, 8, 4] : tensor<?x32xf32> into tensor<?x8x4xf32>
  // expected-error @+1 {{a convolution with taps per token is not built for kernels}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<?x8xf32>, tensor<?x8x4xf32> -> tensor<?x8xf32>, tensor<1x3x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// Scores of two passes.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{attention with its log-sum-exp used is not built for kernels}}
  %o, %lse = hybrid.attention %x, %x, %x : tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>
      query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x4x16xf32>, tensor<?x4xf32>
  return %lse : tensor<?x4xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A scan of a kind that has no kernel.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x_rows = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %x = tensor.expand_shape %x_rows [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{a scan with order 2, substeps, pre-read, materialised mixers, no output or chunk states is not built for kernels}}
  %o, %s = hybrid.linear_scan q(%x : tensor<?x4x16xf32>) k(%x : tensor<?x4x16xf32>) v(%x : tensor<?x4x16xf32>) offsets(%offsets : tensor<?xi32>)
      {read = #hybrid.read<pre>} -> o tensor<?x4x16xf32> state tensor<?x4x16x16xf32>
  return %o : tensor<?x4x16xf32>
}
