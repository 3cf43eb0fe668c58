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

// -----

func.func @rotary_c1_same_shape(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 4, 16], got 'tensor<9x4x8xf32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) -> tensor<9x4x8xf32>
  return
}

// -----

func.func @rotary_c2_positions_or_angles(%x: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected either 'positions' or 'angles', got neither}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c3_shape_of_positions(%x: tensor<9x4x16xf32>, %p: tensor<8xi32>) {
  // expected-error @+1 {{expected 'positions' to have shape [9], got 'tensor<8xi32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<8xi32>) -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c4_rotary_dim(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'rotary_dim' to be even and between 2 and 16, got 32}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {rotary_dim = 32 : i64} ->
    tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c5_shape_of_angles(%x: tensor<9x4x16xf32>, %p: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'angles' to have shape [9, 8] or [9, 4, 8], got 'tensor<9x16xf32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> angles(%p : tensor<9x16xf32>) -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c5_angles_have_no_scaling(%x: tensor<9x4x16xf32>, %p: tensor<9x8xf32>) {
  // expected-error @+1 {{expected scaling 'none' with 'angles', got 'linear'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> angles(%p : tensor<9x8xf32>) {scaling = #hybrid.rope_scaling<linear>}
    -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_theta(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'theta' above 1, 'factor' and 'original_context' above 0, got 0.000000e+00, 1.000000e+00 and 8192}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {theta = 0.0 : f64} -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_llama3(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'high_freq_factor' above 'low_freq_factor' (4.000000e+00), got 4.000000e+00}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {scaling = #hybrid.rope_scaling<llama3>,
    low_freq_factor = 4.0 : f64} -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_yarn(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'beta_fast' above 'beta_slow' above 0, got 1.000000e+00 and 1.000000e+00}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {scaling = #hybrid.rope_scaling<yarn>,
    beta_fast = 1.0 : f64} -> tensor<9x4x16xf32>
  return
}

// -----

func.func @norm_c1_same_shape(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64} -> tensor<9x8xf32>
  return
}

// -----

func.func @norm_c2_shape_of_weight(%x: tensor<9x16xf32>, %w: tensor<9xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [16], got 'tensor<9xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> weight(%w : tensor<9xf32>) {eps = 0.0 : f64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c3_shape_of_gate(%x: tensor<9x16xf32>, %w: tensor<9x1xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 16], got 'tensor<9x1xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> gate(%w : tensor<9x1xf32>) {eps = 0.0 : f64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c4_sum_needs_residual(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'residual' for the result 'sum', got none}}
  %y:2 = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64} -> tensor<9x16xf32>, tensor<9x16xf32>
  return
}

// -----

func.func @norm_c5_groups(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'groups' to divide the last dim (16), got 3}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64, groups = 3 : i64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c6_eps(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'eps' not to be negative, got -1.000000e+00}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = -1.0 : f64} -> tensor<9x16xf32>
  return
}

// -----

func.func @glu_c1_same_shape(%g: tensor<9x8xf32>, %u: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'up' to have shape [9, 8], got 'tensor<9x16xf32>'}}
  %y = hybrid.glu %g, %u : tensor<9x8xf32>, tensor<9x16xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @glu_c2_two_halves(%g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.glu %g : tensor<9x8xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @glu_c3_clamp(%g: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'clamp' to be positive, got -1.000000e+00}}
  %y = hybrid.glu %g {clamp = -1.0 : f64} : tensor<9x16xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c1_two_branches(%b0: tensor<9x8xf32>, %g: tensor<9x1xf32>) {
  // expected-error @+1 {{expected two branches for kind 'lerp', got 1}}
  %y = hybrid.fuse <lerp>(%b0 : tensor<9x8xf32>) gate(%g : tensor<9x1xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c1_a_branch() {
  // expected-error @+1 {{expected at least one branch, got 0}}
  %y = "hybrid.fuse"() {kind = #hybrid.fuse_kind<add>, operandSegmentSizes = array<i32: 0, 0, 0, 0, 0, 0>}
    : () -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c2_rank_of_branches(%b0: tensor<9x8xf32>, %b1: tensor<9x2x4xf32>) {
  // expected-error @+1 {{expected 'branches' to have shape [9, n], got 'tensor<9x2x4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x2x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c3_norm_weights(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{expected none or 2 'norm_weights', got 1}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) norm_weights(%w : tensor<8xf32>) {norm} ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c3_weights_need_norm(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{expected no 'norm_weights' without 'norm', got 2}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) norm_weights(%w, %w : tensor<8xf32>,
    tensor<8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c4_shape_of_scales(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{expected 'scales' to have shape [8] or [1], got 'tensor<4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) scales(%w, %w : tensor<4xf32>, tensor<4xf32>)
    -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c4_factors(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected none or 2 'factors', got 1}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) {factors = array<f64: 1.0>} -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c5_shape_of_projections(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{expected 'projections' to have shape [n, 8], got 'tensor<8x4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) projections(%w, %w : tensor<8x4xf32>,
    tensor<8x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c5_joint_projection(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @+1 {{expected 'projections' to have shape [n, 16], got 'tensor<8x8xf32>'}}
  %y = hybrid.fuse <concat>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) projections(%w : tensor<8x8xf32>) ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c6_one_width(%b0: tensor<9x8xf32>, %b1: tensor<9x4xf32>) {
  // expected-error @+1 {{expected branches of one width (8), got 4}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c7_gate(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' exactly for kinds 'lerp' and 'gate', got none for 'gate'}}
  %y = hybrid.fuse <gate>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c7_shape_of_gate(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 2], got 'tensor<9x8xf32>'}}
  %y = hybrid.fuse <gate>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) gate(%g : tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c8_normalisers(%b0: tensor<9x2x4xf32>, %b1: tensor<9x2x4xf32>) {
  // expected-error @+1 {{expected one of 'normalisers' per branch and no projection exactly for kind 'normaliser', got 0 and 0 for 'normaliser'}}
  %y = hybrid.fuse <normaliser>(%b0, %b1 : tensor<9x2x4xf32>, tensor<9x2x4xf32>) -> tensor<9x2x4xf32>
  return
}

// -----

func.func @fuse_c9_norm_groups(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'norm_groups' to divide each branch's width (8), got 3}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) {norm, norm_groups = 3 : i64} ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c10_shape_of_y(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.fuse <concat>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @cross_entropy_c1_shape_of_projection(%x: tensor<9x8xf32>, %p: tensor<8x50xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'projection' to have shape [n, 8], got 'tensor<8x50xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<8x50xf32>, tensor<9xi32> -> tensor<9xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c2_shape_of_targets(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<8xi32>) {
  // expected-error @+1 {{expected 'targets' to have shape [9], got 'tensor<8xi32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<8xi32> -> tensor<9xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c3_shape_of_teacher(
    %x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>, %l: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'teacher' to have shape [9, 50], got 'tensor<9x8xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> teacher(%l :
    tensor<9x8xf32>) -> tensor<9xf32>, tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c4_shape_of_loss(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'loss' to have shape [9], got 'tensor<9x1xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> -> tensor<9x1xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c5_softcap(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'softcap' to be positive, got 0}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> {softcap = 0.0 : f64} ->
    tensor<9xf32>, tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c5_z_loss(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'z_loss' not to be negative, got -1.000000e+00}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> {z_loss = -1.0 : f64} ->
    tensor<9xf32>, tensor<9xf32>
  return
}

// -----

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
