// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk" --hybrid-verify-block-form --split-input-file | FileCheck %s
// RUN: hybrid-opt %s --hybrid-form-blocks="variant=bulk target=sm_80" --hybrid-verify-block-form --split-input-file | FileCheck %s --check-prefix=GPU

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @table(#ml_program.extern : tensor<96x192xf32>) : tensor<96x192xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @taps(#ml_program.extern : tensor<192x4xf32>) : tensor<192x4xf32>

// Four heads share keys and queries. Each head's block computes its own 32 value channels from four tokens of the
// input while it loads them, old taps first; keys and queries stay in the convolution's kernel, whose buffer holds
// nothing else, and the launch says so. The cache of taps is written once, behind the scan that still reads it.
// CHECK: tile.kernel @conv_0
// CHECK: tile.store %{{.*}} : tensor<32x64xf32>, memref<?x64xf32>
// CHECK: tile.kernel @scan_0
// CHECK: scf.for
// CHECK: %[[OLDEST:.*]] = tile.load %{{.*}} from(%{{.*}}) valid(%{{.*}}) : memref<?x192xf32> -> tensor<64x32xf32>
// CHECK: %[[CACHED:.*]] = tile.load %{{.*}} valid(%{{.*}}) : memref<?x192xf32> -> tensor<64x32xf32>
// CHECK: arith.addf %[[OLDEST]], %[[CACHED]]
// CHECK-COUNT-3: tile.load %{{.*}} : memref<?x192xf32> -> tensor<64x32xf32>
// CHECK: math.exp
// CHECK: tile.dot
// CHECK-LABEL: schedule.variant "append"
// CHECK: schedule.buffer {{.*}} memref<?x64xf32>
// CHECK: schedule.launch @conv_0
// CHECK-SAME: missed ["convolution of values folded into the scan's loads; keys and queries stay: 4 blocks would compute each"]
// CHECK: schedule.launch @scan_0
// CHECK-SAME: fused ["causal_conv1d"]
// CHECK: schedule.launch @taps_0

// A GPU's arithmetic is cheaper, but not by as much.
// GPU-LABEL: schedule.variant "append"
// GPU: schedule.launch @conv_0
// GPU-SAME: missed ["convolution of values folded into the scan's loads; keys and queries stay: 4 blocks would compute each"]
func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %taps_cache: !hybrid.cache<conv_taps, [192, 3], f32> {hybrid.name = "blocks.1.mixer.mamba2.taps"}) -> (tensor<?x96xf32>, !hybrid.cache<conv_taps, [192, 3], f32>)
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x192xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %taps = ml_program.global_load_const @taps : tensor<192x4xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x192xf32>, tensor<?x1xi32>) -> tensor<?x192xf32>
  %old = hybrid.cache.view %taps_cache : <conv_taps, [192, 3], f32> -> tensor<?x3x192xf32>
  %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x192xf32>, tensor<192x4xf32> initial_taps(%old : tensor<?x3x192xf32>) offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<silu>} -> tensor<?x192xf32>, tensor<?x3x192xf32>
  %kept = hybrid.cache.append %taps_cache(%last : tensor<?x3x192xf32>) offsets(%offsets : tensor<?xi32>) : <conv_taps, [192, 3], f32>
  %y0 = tensor.extract_slice %y[0, 0] [%n, 128] [1, 1] : tensor<?x192xf32> to tensor<?x128xf32>
  %v = tensor.expand_shape %y0 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y1 = tensor.extract_slice %y[0, 128] [%n, 32] [1, 1] : tensor<?x192xf32> to tensor<?x32xf32>
  %k = tensor.expand_shape %y1 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %y2 = tensor.extract_slice %y[0, 160] [%n, 32] [1, 1] : tensor<?x192xf32> to tensor<?x32xf32>
  %q = tensor.expand_shape %y2 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %o, %state = hybrid.linear_scan q(%q : tensor<?x1x32xf32>) k(%k : tensor<?x1x32xf32>) v(%v : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<none>} -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits, %kept : tensor<?x96xf32>, !hybrid.cache<conv_taps, [192, 3], f32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @table(#ml_program.extern : tensor<96x384xf32>) : tensor<96x384xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @taps(#ml_program.extern : tensor<384x4xf32>) : tensor<384x4xf32>

// Every head has its own keys and queries: nothing is left of the convolution's kernel.
// CHECK-LABEL: schedule.variant "own"
// CHECK-NOT: schedule.launch @conv
// CHECK: schedule.launch @scan_0
// CHECK-SAME: fused ["causal_conv1d"]
// GPU-LABEL: schedule.variant "own"
// GPU-NOT: schedule.launch @conv
// GPU: schedule.launch @scan_0
// GPU-SAME: fused ["causal_conv1d"]
func.func @own(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x384xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %taps = ml_program.global_load_const @taps : tensor<384x4xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x384xf32>, tensor<?x1xi32>) -> tensor<?x384xf32>
  %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x384xf32>, tensor<384x4xf32> offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<silu>} -> tensor<?x384xf32>, tensor<?x3x384xf32>
  %y0 = tensor.extract_slice %y[0, 0] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %v = tensor.expand_shape %y0 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y1 = tensor.extract_slice %y[0, 128] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %k = tensor.expand_shape %y1 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y2 = tensor.extract_slice %y[0, 256] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %q = tensor.expand_shape %y2 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %o, %state = hybrid.linear_scan q(%q : tensor<?x4x32xf32>) k(%k : tensor<?x4x32xf32>) v(%v : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<none>} -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @table(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x64xf32>) : tensor<96x64xf32>
ml_program.global private @taps(#ml_program.extern : tensor<128x4xf32>) : tensor<128x4xf32>

// Two heads share keys and queries: folded on the GPU, where repeating them costs less than a buffer, and not on x86.
// CHECK-LABEL: schedule.variant "pairs"
// CHECK: schedule.launch @conv_0
// CHECK-SAME: keys and queries stay: 2 blocks would compute each
// GPU-LABEL: schedule.variant "pairs"
// GPU-NOT: schedule.launch @conv
// GPU: schedule.launch @scan_0
// GPU-SAME: fused ["causal_conv1d"]
func.func @pairs(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x128xf32>
  %head = ml_program.global_load_const @head : tensor<96x64xf32>
  %taps = ml_program.global_load_const @taps : tensor<128x4xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x128xf32>, tensor<?x1xi32>) -> tensor<?x128xf32>
  %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x128xf32>, tensor<128x4xf32> offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<silu>} -> tensor<?x128xf32>, tensor<?x3x128xf32>
  %y0 = tensor.extract_slice %y[0, 0] [%n, 64] [1, 1] : tensor<?x128xf32> to tensor<?x64xf32>
  %v = tensor.expand_shape %y0 [[0], [1, 2]] output_shape [%n, 2, 32] : tensor<?x64xf32> into tensor<?x2x32xf32>
  %y1 = tensor.extract_slice %y[0, 64] [%n, 32] [1, 1] : tensor<?x128xf32> to tensor<?x32xf32>
  %k = tensor.expand_shape %y1 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %y2 = tensor.extract_slice %y[0, 96] [%n, 32] [1, 1] : tensor<?x128xf32> to tensor<?x32xf32>
  %q = tensor.expand_shape %y2 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %o, %state = hybrid.linear_scan q(%q : tensor<?x1x32xf32>) k(%k : tensor<?x1x32xf32>) v(%v : tensor<?x2x32xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<none>} -> o tensor<?x2x32xf32> state tensor<?x2x32x32xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x2x32xf32> into tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x64xf32>, tensor<96x64xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @table(#ml_program.extern : tensor<96x384xf32>) : tensor<96x384xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @taps(#ml_program.extern : tensor<384x4xf32>) : tensor<384x4xf32>

// The values are also added behind the scan, by a kernel that knows nothing of sequences: they stay.
// CHECK-LABEL: schedule.variant "outside"
// CHECK: schedule.launch @conv_0
// CHECK-SAME: missed ["convolution of keys and queries folded into the scan's loads"]
// GPU-LABEL: schedule.variant "outside"
// GPU: schedule.launch @conv_0
// GPU-SAME: missed ["convolution of keys and queries folded into the scan's loads"]
func.func @outside(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x384xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %taps = ml_program.global_load_const @taps : tensor<384x4xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x384xf32>, tensor<?x1xi32>) -> tensor<?x384xf32>
  %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x384xf32>, tensor<384x4xf32> offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<silu>} -> tensor<?x384xf32>, tensor<?x3x384xf32>
  %y0 = tensor.extract_slice %y[0, 0] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %v = tensor.expand_shape %y0 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y1 = tensor.extract_slice %y[0, 128] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %k = tensor.expand_shape %y1 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y2 = tensor.extract_slice %y[0, 256] [%n, 128] [1, 1] : tensor<?x384xf32> to tensor<?x128xf32>
  %q = tensor.expand_shape %y2 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %o, %state = hybrid.linear_scan q(%q : tensor<?x4x32xf32>) k(%k : tensor<?x4x32xf32>) v(%v : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<none>} -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e1 = tensor.empty(%n) : tensor<?x128xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(t, c) -> (t, c)>, affine_map<(t, c) -> (t, c)>, affine_map<(t, c) -> (t, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%flat, %y0 : tensor<?x128xf32>, tensor<?x128xf32>) outs(%e1 : tensor<?x128xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%sum, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}

// -----

#id = affine_map<(m, n, k) -> (m, k)>
#t = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @table(#ml_program.extern : tensor<96x192xf32>) : tensor<96x192xf32>
ml_program.global private @head(#ml_program.extern : tensor<96x128xf32>) : tensor<96x128xf32>
ml_program.global private @taps(#ml_program.extern : tensor<192x4xf32>) : tensor<192x4xf32>

// An activation that is not zero at zero would fill the padding of tiles: nothing is folded.
// CHECK-LABEL: schedule.variant "sigmoid"
// CHECK: schedule.launch @conv_0
// CHECK-SAME: missed ["its kernel has a grid of its own"]
// CHECK: schedule.launch @scan_0
// CHECK-NOT: fused
// CHECK: schedule.launch @product_0
// GPU-LABEL: schedule.variant "sigmoid"
// GPU: schedule.launch @conv_0
// GPU-SAME: missed ["its kernel has a grid of its own"]
func.func @sigmoid(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x96xf32>
    attributes {hybrid.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %table = ml_program.global_load_const @table : tensor<96x192xf32>
  %head = ml_program.global_load_const @head : tensor<96x128xf32>
  %taps = ml_program.global_load_const @taps : tensor<192x4xf32>
  %number = tensor.expand_shape %ids [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %x = tensor.gather %table[%number] gather_dims([0]) : (tensor<96x192xf32>, tensor<?x1xi32>) -> tensor<?x192xf32>
  %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x192xf32>, tensor<192x4xf32> offsets(%offsets : tensor<?xi32>) {activation = #hybrid.act<sigmoid>} -> tensor<?x192xf32>, tensor<?x3x192xf32>
  %y0 = tensor.extract_slice %y[0, 0] [%n, 128] [1, 1] : tensor<?x192xf32> to tensor<?x128xf32>
  %v = tensor.expand_shape %y0 [[0], [1, 2]] output_shape [%n, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %y1 = tensor.extract_slice %y[0, 128] [%n, 32] [1, 1] : tensor<?x192xf32> to tensor<?x32xf32>
  %k = tensor.expand_shape %y1 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %y2 = tensor.extract_slice %y[0, 160] [%n, 32] [1, 1] : tensor<?x192xf32> to tensor<?x32xf32>
  %q = tensor.expand_shape %y2 [[0], [1, 2]] output_shape [%n, 1, 32] : tensor<?x32xf32> into tensor<?x1x32xf32>
  %o, %state = hybrid.linear_scan q(%q : tensor<?x1x32xf32>) k(%k : tensor<?x1x32xf32>) v(%v : tensor<?x4x32xf32>) offsets(%offsets : tensor<?xi32>) {decay = #hybrid.decay<none>} -> o tensor<?x4x32xf32> state tensor<?x4x32x32xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xf32> into tensor<?x128xf32>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %logits = linalg.matmul indexing_maps = [#id, #t, #out] ins(%flat, %head : tensor<?x128xf32>, tensor<96x128xf32>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %logits : tensor<?x96xf32>
}
