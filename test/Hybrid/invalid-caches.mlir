// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

func.func @cache_append_c1_two_values(%c: !hybrid.cache<paged_kv, [2, 16, 8], f32>, %k: tensor<9x2x16xf32>) {
  // expected-error @+1 {{expected 2 values for a cache of kind 'paged_kv', got 1}}
  %n = hybrid.cache.append %c(%k : tensor<9x2x16xf32>) : !hybrid.cache<paged_kv, [2, 16, 8], f32>
  return
}

// -----

func.func @cache_append_c2_shape_of_values(%c: !hybrid.cache<paged_kv, [2, 16, 8], f32>, %k: tensor<9x2x16xf32>) {
  // expected-error @+1 {{expected 'values' to have shape [9, 2, 8], got 'tensor<9x2x16xf32>'}}
  %n = hybrid.cache.append %c(%k, %k : tensor<9x2x16xf32>, tensor<9x2x16xf32>) : !hybrid.cache<paged_kv, [2, 16, 8],
    f32>
  return
}

// -----

func.func @cache_append_c2_shape_of_state(%c: !hybrid.cache<conv_taps, [8, 3], f32>, %k: tensor<2x8x3xf32>) {
  // expected-error @+1 {{expected 'values' to have shape [?, 3, 8], got 'tensor<2x8x3xf32>'}}
  %n = hybrid.cache.append %c(%k : tensor<2x8x3xf32>) : !hybrid.cache<conv_taps, [8, 3], f32>
  return
}

// -----

func.func @cache_view_c1_no_view_of_keys(%c: !hybrid.cache<paged_kv, [2, 16, 8], f32>) {
  // expected-error @+1 {{expected a cache of kind 'conv_taps', 'scan_state' or 'memory_vector', got 'paged_kv'; keys and values are read by 'hybrid.attention'}}
  %n = hybrid.cache.view %c : !hybrid.cache<paged_kv, [2, 16, 8], f32> -> tensor<?x2x16xf32>
  return
}

// -----

func.func @cache_view_c2_shape_of_view(%c: !hybrid.cache<memory_vector, [8], f32>) {
  // expected-error @+1 {{expected 'view' to have shape [?, 8], got 'tensor<?x4xf32>'}}
  %n = hybrid.cache.view %c : !hybrid.cache<memory_vector, [8], f32> -> tensor<?x4xf32>
  return
}

// -----

// expected-error @+1 {{expected 3 dims for a cache of kind 'paged_kv', got 2}}
func.func private @cache_c1_dims_of_kind(!hybrid.cache<paged_kv, [2, 16], f32>)

// -----

// expected-error @+1 {{expected positive cache dims, got 0}}
func.func private @cache_c1_positive_dims(!hybrid.cache<scan_state, [2, 0, 8], f32>)

// -----

// expected-error @+1 {{expected positive cache dims, got -1}}
func.func private @cache_c1_pinned(!hybrid.cache<ring_kv, [2, 16, 8, 64, -1], f32>)

// -----

// expected-error @+1 {{expected a float element type, got 'i32'}}
func.func private @cache_c2_element_type(!hybrid.cache<memory_vector, [8], i32>)
