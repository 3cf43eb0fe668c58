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

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @t_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// Dims exchanged.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %t_table = ml_program.global_load_const @t_table : tensor<32x64xf32>
  %t = tensor.gather %t_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  %th = tensor.expand_shape %t [[0], [1, 2]] output_shape [%count, 16, 4] : tensor<?x64xf32> into tensor<?x16x4xf32>
  // expected-error @+1 {{cannot form a kernel: transposed operands are not built}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, k, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%xh, %th : tensor<?x4x16xf32>, tensor<?x16x4xf32>) outs(%xh : tensor<?x4x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x4x16xf32>
  return %y : tensor<?x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A number that is computed.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %c = arith.constant 2.0 : f32
  %f = arith.addf %c, %c : f32
  // expected-error @+1 {{cannot form a kernel: expected a constant as the scalar operand}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %f : tensor<?x64xf32>, f32) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// One token's row for all tokens.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %r = tensor.extract_slice %x[0, 0] [1, 64] [1, 1] : tensor<?x64xf32> to tensor<64xf32>
  // expected-error @+1 {{cannot form a kernel: expected a parameter where an operand has no rows}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %r : tensor<?x64xf32>, tensor<64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A body that uses a number that is computed outside.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %c = arith.constant 2.0 : f32
  %f = arith.addf %c, %c : f32
  // expected-error @+1 {{cannot form a kernel: an elementwise body reads a value from outside}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xf32>) outs(%x : tensor<?x64xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    %b = arith.mulf %a0, %f : f32
    linalg.yield %b : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A product of two activations.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %w = tensor.extract_slice %x[0, 0] [16, 64] [1, 1] : tensor<?x64xf32> to tensor<16x64xf32>
  %e = tensor.empty(%count) : tensor<?x16xf32>
  %z = arith.constant 0.0 : f32
  %fill = linalg.fill ins(%z : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  // expected-error @+1 {{cannot form a kernel: expected a parameter as the right operand of a product}}
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>] ins(%x, %w : tensor<?x64xf32>, tensor<16x64xf32>) outs(%fill : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @d(#ml_program.extern : tensor<64xf32>) : tensor<64xf32>

// Work on a parameter and a number.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %d = ml_program.global_load_const @d : tensor<64xf32>
  %c = arith.constant 2.0 : f32
  // expected-error @+1 {{cannot form a kernel: expected parameters of one shape}}
  %p = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%d, %c : tensor<64xf32>, f32) outs(%d : tensor<64xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<64xf32>
  %y = hybrid.norm %x : tensor<?x64xf32> weight(%p : tensor<64xf32>) {eps = 1.0e-5 : f64} -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A norm whose weights are an activation.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // expected-error @+1 {{cannot form a kernel: expected a parameter as the vector operand}}
  %r = tensor.extract_slice %x[0, 0] [1, 64] [1, 1] : tensor<?x64xf32> to tensor<64xf32>
  %y = hybrid.norm %x : tensor<?x64xf32> weight(%r : tensor<64xf32>) {eps = 1.0e-5 : f64} -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A convolution whose taps are an activation.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // expected-error @+1 {{cannot form a kernel: expected a parameter as a convolution's taps}}
  %w = tensor.extract_slice %x[0, 0] [64, 4] [1, 1] : tensor<?x64xf32> to tensor<64x4xf32>
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<?x64xf32>, tensor<64x4xf32> -> tensor<?x64xf32>, tensor<1x3x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @w(#ml_program.extern : tensor<64x4xf32>) : tensor<64x4xf32>
ml_program.global private @i(#ml_program.extern : tensor<1x3x64xf32>) : tensor<1x3x64xf32>

// A convolution that begins with a parameter's taps.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x64xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %w = ml_program.global_load_const @w : tensor<64x4xf32>
  %i = ml_program.global_load_const @i : tensor<1x3x64xf32>
  // expected-error @+1 {{cannot form a kernel: a convolution whose initial taps are not a cache's}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<?x64xf32>, tensor<64x4xf32> initial_taps(%i : tensor<1x3x64xf32>) -> tensor<?x64xf32>, tensor<1x3x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// An elementwise op behind an op that no kernel has.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x128xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // expected-error @+1 {{cannot form a kernel: tiles of 'tensor.concat' on demand are not built}}
  %c = tensor.concat dim(1) %x, %x : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x128xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<?x128xf32>) outs(%c : tensor<?x128xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    %b = arith.mulf %a0, %a0 : f32
    linalg.yield %b : f32
  } -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @t_table(#ml_program.extern : tensor<32x4xf32>) : tensor<32x4xf32>

// A factor per head that is a norm.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %t_table = ml_program.global_load_const @t_table : tensor<32x4xf32>
  %t = tensor.gather %t_table[%number] gather_dims([0]) : (tensor<32x4xf32>, tensor<?x1xi32>) -> tensor<?x4xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{cannot form a kernel: columns of 'hybrid.norm' on demand are not built}}
  %g = hybrid.norm %t : tensor<?x4xf32> {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%xh, %g : tensor<?x4x16xf32>, tensor<?x4xf32>) outs(%xh : tensor<?x4x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x4x16xf32>
  return %y : tensor<?x4x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x48xf32>) : tensor<32x48xf32>
ml_program.global private @t_table(#ml_program.extern : tensor<32x4xf32>) : tensor<32x4xf32>
ml_program.global private @u_table(#ml_program.extern : tensor<32x3xf32>) : tensor<32x3xf32>

// Heads of 12 and heads of 16 in one kernel, each with factors of its own.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x3x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x48xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x48xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  %t_table = ml_program.global_load_const @t_table : tensor<32x4xf32>
  %t = tensor.gather %t_table[%number] gather_dims([0]) : (tensor<32x4xf32>, tensor<?x1xi32>) -> tensor<?x4xf32>
  %u_table = ml_program.global_load_const @u_table : tensor<32x3xf32>
  %u = tensor.gather %u_table[%number] gather_dims([0]) : (tensor<32x3xf32>, tensor<?x1xi32>) -> tensor<?x3xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 12] : tensor<?x48xf32> into tensor<?x4x12xf32>
  // expected-error @+1 {{cannot form a kernel: expected tiles within one head}}
  %p = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%xh, %t : tensor<?x4x12xf32>, tensor<?x4xf32>) outs(%xh : tensor<?x4x12xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x4x12xf32>
  %qc = tensor.collapse_shape %p [[0], [1, 2]] : tensor<?x4x12xf32> into tensor<?x48xf32>
  %q = tensor.expand_shape %qc [[0], [1, 2]] output_shape [%count, 3, 16] : tensor<?x48xf32> into tensor<?x3x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q, %u : tensor<?x3x16xf32>, tensor<?x3xf32>) outs(%q : tensor<?x3x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x3x16xf32>
  return %y : tensor<?x3x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>
ml_program.global private @u_table(#ml_program.extern : tensor<32x3xf32>) : tensor<32x3xf32>

// A cut through heads of 16, read as heads of 16 again.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x3x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %u_table = ml_program.global_load_const @u_table : tensor<32x3xf32>
  %u = tensor.gather %u_table[%number] gather_dims([0]) : (tensor<32x3xf32>, tensor<?x1xi32>) -> tensor<?x3xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  // expected-error @+1 {{cannot form a kernel: a slice of heads needs tiles that start at a head}}
  %s = tensor.extract_slice %xh[0, 0, 0] [%count, 4, 12] [1, 1, 1] : tensor<?x4x16xf32> to tensor<?x4x12xf32>
  %qc = tensor.collapse_shape %s [[0], [1, 2]] : tensor<?x4x12xf32> into tensor<?x48xf32>
  %q = tensor.expand_shape %qc [[0], [1, 2]] output_shape [%count, 3, 16] : tensor<?x48xf32> into tensor<?x3x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q, %u : tensor<?x3x16xf32>, tensor<?x3xf32>) outs(%q : tensor<?x3x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x3x16xf32>
  return %y : tensor<?x3x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x48xf32>) : tensor<32x48xf32>
ml_program.global private @u_table(#ml_program.extern : tensor<32x3xf32>) : tensor<32x3xf32>
ml_program.global private @d(#ml_program.extern : tensor<12xf32>) : tensor<12xf32>

// A norm of heads of 12 under heads of 16.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x3x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x48xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x48xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  %u_table = ml_program.global_load_const @u_table : tensor<32x3xf32>
  %u = tensor.gather %u_table[%number] gather_dims([0]) : (tensor<32x3xf32>, tensor<?x1xi32>) -> tensor<?x3xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 12] : tensor<?x48xf32> into tensor<?x4x12xf32>
  %d = ml_program.global_load_const @d : tensor<12xf32>
  // expected-error @+1 {{cannot form a kernel: a norm over groups of 12, within which no tile stays, is not built}}
  %n = hybrid.norm %xh : tensor<?x4x12xf32> weight(%d : tensor<12xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4x12xf32>
  %qc = tensor.collapse_shape %n [[0], [1, 2]] : tensor<?x4x12xf32> into tensor<?x48xf32>
  %q = tensor.expand_shape %qc [[0], [1, 2]] output_shape [%count, 3, 16] : tensor<?x48xf32> into tensor<?x3x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q, %u : tensor<?x3x16xf32>, tensor<?x3xf32>) outs(%q : tensor<?x3x16xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32):
    %b = arith.mulf %a0, %a1 : f32
    linalg.yield %b : f32
  } -> tensor<?x3x16xf32>
  return %y : tensor<?x3x16xf32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x16xf32>) : tensor<32x16xf32>

// A ring of keys and values.
func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %cache: !hybrid.cache<ring_kv, [1, 16, 16, 8, 0], f32> {hybrid.name = "kv"}) -> (tensor<?x16xf32>, !hybrid.cache<ring_kv, [1, 16, 16, 8, 0], f32>)
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x16xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x16xf32>, tensor<?x1xi32>) -> tensor<?x16xf32>
  %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 1, 16] : tensor<?x16xf32> into tensor<?x1x16xf32>
  // expected-error @+1 {{caches of kind 'ring_kv' are not built}}
  %n = hybrid.cache.append %cache(%h, %h : tensor<?x1x16xf32>, tensor<?x1x16xf32>) offsets(%offsets : tensor<?xi32>) : !hybrid.cache<ring_kv, [1, 16, 16, 8, 0], f32>
  return %x, %n : tensor<?x16xf32>, !hybrid.cache<ring_kv, [1, 16, 16, 8, 0], f32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x16xf32>) : tensor<32x16xf32>
ml_program.global private @t(#ml_program.extern : tensor<1x3x16xf32>) : tensor<1x3x16xf32>

// Taps that no convolution leaves.
func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %cache: !hybrid.cache<conv_taps, [16, 3], f32> {hybrid.name = "kv"}) -> (tensor<?x16xf32>, !hybrid.cache<conv_taps, [16, 3], f32>)
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x16xf32>
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x16xf32>, tensor<?x1xi32>) -> tensor<?x16xf32>
  %t = ml_program.global_load_const @t : tensor<1x3x16xf32>
  %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 1, 16] : tensor<?x16xf32> into tensor<?x1x16xf32>
  // expected-error @+1 {{taps that are not a convolution's are not built for kernels}}
  %n = hybrid.cache.append %cache(%t : tensor<1x3x16xf32>) : !hybrid.cache<conv_taps, [16, 3], f32>
  return %x, %n : tensor<?x16xf32>, !hybrid.cache<conv_taps, [16, 3], f32>
}

// -----

ml_program.global private @x_table(#ml_program.extern : tensor<32x64xf32>) : tensor<32x64xf32>

// A scan with a bonus that is an activation.
func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x4x16xf32>
    attributes {hybrid.entry} {
  %zero = arith.constant 0 : index
  %count = tensor.dim %ids, %zero : tensor<?xi32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%count, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x_table = ml_program.global_load_const @x_table : tensor<32x64xf32>
  // expected-error @+1 {{cannot form a kernel: expected a parameter as the scalar operand}}
  %x = tensor.gather %x_table[%number] gather_dims([0]) : (tensor<32x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  %xh = tensor.expand_shape %x [[0], [1, 2]] output_shape [%count, 4, 16] : tensor<?x64xf32> into tensor<?x4x16xf32>
  %r = tensor.extract_slice %x[0, 0] [1, 4] [1, 1] : tensor<?x64xf32> to tensor<4xf32>
  %o, %s = hybrid.linear_scan q(%xh : tensor<?x4x16xf32>) k(%xh : tensor<?x4x16xf32>) v(%xh : tensor<?x4x16xf32>) offsets(%offsets : tensor<?xi32>)
      bonus(%r : tensor<4xf32>) -> o tensor<?x4x16xf32> state tensor<?x4x16x16xf32>
  return %o : tensor<?x4x16xf32>
}
