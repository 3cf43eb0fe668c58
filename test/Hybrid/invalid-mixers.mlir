// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

func.func @linear_scan_c1_widths_are_static(%q: tensor<9x4x16xf32>, %k: tensor<9x4x?xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'k' to have shape [?, n, n], got 'tensor<9x4x?xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x?xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c2_outputs_without_state_only(%k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'q' to be given unless 'state_only', got none}}
  %r:2 = hybrid.linear_scan k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o tensor<9x4x8xf32> state
    tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c2_no_outputs_with_state_only(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'q' to be absent with 'state_only', got one}}
  %r:1 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    {state_only} -> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c3_rows_of_q(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'k' to have 9 x 2 rows, got 9}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    {substeps = 2 : i64} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c3_key_size_of_q(%q: tensor<9x4x8xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'q' to have shape [9, n, 16], got 'tensor<9x4x8xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x8xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c4_heads_divide(%q: tensor<9x4x16xf32>, %k: tensor<9x3x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected the heads of 'k' to divide the 4 state heads, got 3}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x3x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c5_log_decay_is_given(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'log_decay' to be given for decay 'scalar', got none}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) {decay =
    #hybrid.decay<scalar>} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c5_log_decay_is_absent(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %log_decay: tensor<9x4xf32>) {
  // expected-error @+1 {{expected 'log_decay' to be absent for decay 'none', got one}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    log_decay(%log_decay : tensor<9x4xf32>) -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c5_shape_of_log_decay(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %log_decay: tensor<9x4xf32>) {
  // expected-error @+1 {{expected 'log_decay' to have shape [9, n, 16], got 'tensor<9x4xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    log_decay(%log_decay : tensor<9x4xf32>) {decay = #hybrid.decay<key>} -> o tensor<9x4x8xf32> state
    tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c6_rate_is_given(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %rate: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'rate_matrix' to be given for decay 'key_value', got none}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    rate(%rate : tensor<9x8xf32>) {decay = #hybrid.decay<key_value>} -> o tensor<9x4x8xf32> state
    tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c6_one_head(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %rate: tensor<9x8xf32>,
    %rate_matrix: tensor<16x8xf32>) {
  // expected-error @+1 {{expected one state head for decay 'key_value', got 4}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    rate(%rate : tensor<9x8xf32>) rate_matrix(%rate_matrix : tensor<16x8xf32>) {decay = #hybrid.decay<key_value>} ->
    o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c6_no_rank(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %rate: tensor<9x8xf32>,
    %rate_matrix: tensor<16x8xf32>) {
  // expected-error @+1 {{expected rank 'none' and order 1 for decay 'key_value', got rank 'tied' and order 1}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    rate(%rate : tensor<9x8xf32>) rate_matrix(%rate_matrix : tensor<16x8xf32>) {decay = #hybrid.decay<key_value>,
    rank = #hybrid.rank<tied>} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c7_shape_of_write_scale(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %write_scale: tensor<9x4x2xf32>) {
  // expected-error @+1 {{expected 'write_scale' to have shape [9, n, 1], got 'tensor<9x4x2xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    write_scale(%write_scale : tensor<9x4x2xf32>) -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c8_erase_key_needs_rank(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %erase_key: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected no 'erase_key' without rank 'tied', got one with rank 'none'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    erase_key(%erase_key : tensor<9x4x16xf32>) -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c9_untied_operands(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %untied_write: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected 'untied_read' exactly with rank 'untied', got none with rank 'untied'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    untied_write(%untied_write : tensor<9x4x16xf32>) {rank = #hybrid.rank<untied>} -> o tensor<9x4x8xf32> state
    tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c10_order(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected order 1 or 2, got 3}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) {order =
    3 : i64} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c10_mix_with_order_2(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'mix' exactly with order 2, got none with order 2}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) {order =
    2 : i64} -> o tensor<9x4x8xf32> state tensor<1x4x32x8xf32>
  return
}

// -----

func.func @linear_scan_c11_undecayed_needs_rank(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected rank 'tied' for erase 'undecayed', got 'none'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) {erase =
    #hybrid.erase<undecayed>} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c12_shape_of_bonus(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %bonus: tensor<2xf32>) {
  // expected-error @+1 {{expected 'bonus' to have shape [4] or [9, 4], got 'tensor<2xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>)
    bonus(%bonus : tensor<2xf32>) -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c12_bonus_needs_outputs(%k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>, %bonus: tensor<4xf32>) {
  // expected-error @+1 {{expected no 'bonus' with 'state_only', got one}}
  %r:1 = hybrid.linear_scan k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) bonus(%bonus : tensor<4xf32>)
    {state_only} -> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c13_shape_of_final_state(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'final_state' to have shape [1, 4, 16, 8], got 'tensor<1x4x8x16xf32>'}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x8x16xf32>
  return
}

// -----

func.func @linear_scan_c13_one_sequence_without_offsets(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected states of one sequence without 'offsets', got 3}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<3x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c14_positive_chunk(%q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'substeps' and 'chunk' to be positive, got 1 and 0}}
  %r:2 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) {chunk =
    0 : i64} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c15_chunk_states_need_chunk(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected 'chunk' for 'chunk_states', got none}}
  %r:3 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x16x8xf32> chunk_states tensor<?x4x16x8xf32>
  return
}

// -----

func.func @linear_scan_c16_mixer_needs_materialise(
    %q: tensor<9x4x16xf32>, %k: tensor<9x4x16xf32>, %v: tensor<9x4x8xf32>) {
  // expected-error @+1 {{expected a result 'mixer' exactly with 'materialise', got one without}}
  %r:3 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<9x4x16xf32>) v(%v : tensor<9x4x8xf32>) -> o
    tensor<9x4x8xf32> state tensor<1x4x16x8xf32> mixer tensor<4x?xf32>
  return
}

func.func @linear_scan_c16_mixer_of_one_substep(%q: tensor<9x4x16xf32>, %k: tensor<18x4x16xf32>, %v: tensor<18x4x8xf32>) {
  // expected-error @+1 {{expected 'q', one substep and a decay other than 'key_value' for 'mixer', got 2 substeps and decay 'none'}}
  %r:3 = hybrid.linear_scan q(%q : tensor<9x4x16xf32>) k(%k : tensor<18x4x16xf32>) v(%v : tensor<18x4x8xf32>)
    {substeps = 2 : i64, materialise} -> o tensor<9x4x8xf32> state tensor<1x4x16x8xf32> mixer tensor<4x?xf32>
  return
}

// -----

func.func @causal_conv1d_c1_same_shape(%x: tensor<9x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 8], got 'tensor<9x4xf32>'}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<8x4xf32> -> tensor<9x4xf32>, tensor<1x3x8xf32>
  return
}

// -----

func.func @causal_conv1d_c2_some_tap(%x: tensor<9x8xf32>, %w: tensor<8x0xf32>) {
  // expected-error @+1 {{expected 'taps' to have at least one tap, got 0}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<8x0xf32> -> tensor<9x8xf32>, tensor<1x3x8xf32>
  return
}

// -----

func.func @causal_conv1d_c2_shape_of_taps(%x: tensor<9x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'taps' to have shape [8, n] or [9, 8, n], got 'tensor<4x8xf32>'}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<4x8xf32> -> tensor<9x8xf32>, tensor<1x3x8xf32>
  return
}

// -----

func.func @causal_conv1d_c3_shape_of_bias(%x: tensor<9x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{expected 'bias' to have shape [8], got 'tensor<4xf32>'}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<8x4xf32> bias(%b : tensor<4xf32>) ->
    tensor<9x8xf32>, tensor<1x3x8xf32>
  return
}

// -----

func.func @causal_conv1d_c4_shape_of_final_taps(%x: tensor<9x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{expected 'final_taps' to have shape [1, 3, 8], got 'tensor<1x4x8xf32>'}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<8x4xf32> -> tensor<9x8xf32>, tensor<1x4x8xf32>
  return
}

// -----

func.func @attention_c1_shape_of_query(%q: tensor<9x64xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'query' to have shape [?, n, n], got 'tensor<9x64xf32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x64xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> -> tensor<9x4x8xf32>,
    tensor<9x4xf32>
  return
}

// -----

func.func @attention_c2_keys_or_cache(%q: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected either 'key' and 'value' or 'cache', got no key, no value, no cache}}
  %o:2 = hybrid.attention %q : tensor<9x4x16xf32> -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c3_key_size(%q: tensor<9x4x16xf32>, %k: tensor<9x2x8xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'key' to have shape [9, n, 16], got 'tensor<9x2x8xf32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32> ->
    tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c4_kind_of_cache(%q: tensor<9x4x16xf32>, %c: !hybrid.cache<conv_taps, [8, 3], f32>) {
  // expected-error @+1 {{expected a cache of kind 'paged_kv', 'ring_kv' or 'latent_kv', got 'conv_taps'}}
  %o:2 = hybrid.attention %q : tensor<9x4x16xf32> cache(%c : !hybrid.cache<conv_taps, [8, 3], f32>) ->
    tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c4_key_size_of_cache(%q: tensor<9x4x16xf32>, %c: !hybrid.cache<latent_kv, [16, 8], f32>) {
  // expected-error @+1 {{expected the cache's key size to equal the query's (16), got 24}}
  %o:2 = hybrid.attention %q : tensor<9x4x16xf32> cache(%c : !hybrid.cache<latent_kv, [16, 8], f32>) ->
    tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c5_heads_divide(%q: tensor<9x4x16xf32>, %k: tensor<9x3x16xf32>, %v: tensor<9x3x8xf32>) {
  // expected-error @+1 {{expected the key heads to divide the 4 query heads, got 3}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x3x16xf32>, tensor<9x3x8xf32> ->
    tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c6_shape_of_o(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'o' to have shape [9, 4, 8], got 'tensor<9x4x16xf32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> ->
    tensor<9x4x16xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c6_shape_of_lse(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'lse' to have shape [9, 4], got 'tensor<9x2xf32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> ->
    tensor<9x4x8xf32>, tensor<9x2xf32>
  return
}

// -----

func.func @attention_c7_max_without_normalize(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected a result 'max' exactly with normalize = false, got none}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> {normalize = false}
    -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c8_offsets_of_a_cache(
    %q: tensor<9x4x16xf32>, %c: !hybrid.cache<paged_kv, [2, 16, 8], f32>, %f: tensor<?xi32>) {
  // expected-error @+1 {{expected no 'key_offsets' with 'cache', got some; a cache knows its lengths}}
  %o:2 = hybrid.attention %q : tensor<9x4x16xf32> cache(%c : !hybrid.cache<paged_kv, [2, 16, 8], f32>)
    key_offsets(%f : tensor<?xi32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c9_sink_logits_per_head(
    %q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{expected 'sink_logits' to have shape [4], got 'tensor<2xf32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> sink_logits(%s :
    tensor<2xf32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c10_heads_of_bias(
    %q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>, %b: tensor<9x3x9xf32>) {
  // expected-error @+1 {{expected the heads of 'bias' to divide the 4 query heads, got 3}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> bias(%b :
    tensor<9x3x9xf32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c11_window_is_positive(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'window' and 'dilation' to be positive, got 0 and 1}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> {window = 0 : i64}
    -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c11_dilation_needs_window(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'window' for a dilation of 2, got none}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> {dilation = 2 :
    i64} -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c11_sink_tokens(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'sink_tokens' and 'prefix' not to be negative, got -1 and 0}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> {sink_tokens = -1 :
    i64} -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c12_block_size(
    %q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>, %b: tensor<9x2x3xi32>) {
  // expected-error @+1 {{expected 'block_index' with a positive 'block_size', got an index and no size}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> block_index(%b :
    tensor<9x2x3xi32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c13_global_tokens(
    %q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>, %b: tensor<3x1xi32>) {
  // expected-error @+1 {{expected 'global_tokens' to have shape [?], got 'tensor<3x1xi32>'}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> global_tokens(%b :
    tensor<3x1xi32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c14_softcap(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'softcap' to be positive, got 0}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> {softcap = 0.0 :
    f64} -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c15_arguments_of_score_mod(%q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>) {
  // expected-error @+1 {{expected 'score_mod' to be one block (score, sequence, head, query position, key position) of types (float, index, index, index, index) that yields a score}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> score_mod {
  ^bb0(%s: f32):
    hybrid.yield %s : f32
  } -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @attention_c15_nothing_from_outside(
    %q: tensor<9x4x16xf32>, %k: tensor<9x2x16xf32>, %v: tensor<9x2x8xf32>, %x: f32) {
  // expected-error @+1 {{expected 'score_mod' to use only its arguments, got a use of a value from outside}}
  %o:2 = hybrid.attention %q, %k, %v : tensor<9x4x16xf32>, tensor<9x2x16xf32>, tensor<9x2x8xf32> score_mod {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    // expected-note @+1 {{used here}}
    hybrid.yield %x : f32
  } -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @yield_c1_one_score(%q: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected 'score_mod' to be one block (score, sequence, head, query position, key position) of types (float, index, index, index, index) that yields a score}}
  %o:2 = hybrid.attention %q, %q, %q : tensor<9x4x16xf32>, tensor<9x4x16xf32>, tensor<9x4x16xf32> score_mod {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    hybrid.yield
  } -> tensor<9x4x16xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @merge_c1_no_partial() {
  // expected-error @+1 {{expected at least one partial result, got none}}
  %o, %l = "hybrid.merge"() : () -> (tensor<9x4x8xf32>, tensor<9x4xf32>)
  return
}

// -----

func.func @merge_c2_shape_of_outputs(%p: tensor<9x4x4xf32>, %l: tensor<9x4xf32>) {
  // expected-error @+1 {{expected 'outputs' to have shape [9, 4, 8], got 'tensor<9x4x4xf32>'}}
  %o, %m = hybrid.merge (%p), (%l) : (tensor<9x4x4xf32>), (tensor<9x4xf32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @merge_c3_shape_of_lses(%p: tensor<9x4x8xf32>, %l: tensor<9x2xf32>) {
  // expected-error @+1 {{expected 'lses' to have shape [9, 4], got 'tensor<9x2xf32>'}}
  %o, %m = hybrid.merge (%p), (%l) : (tensor<9x4x8xf32>), (tensor<9x2xf32>) -> tensor<9x4x8xf32>, tensor<9x4xf32>
  return
}
