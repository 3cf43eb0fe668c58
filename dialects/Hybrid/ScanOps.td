//===- ScanOps.td - Recurrences and convolutions over tokens --------------------===//
#ifndef HYBRID_SCAN_OPS_TD
#define HYBRID_SCAN_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_LinearScanOp : Hybrid_TensorOp<"linear_scan", [AttrSizedOperandSegments, AttrSizedResultSegments]> {
  let summary = "Matrix-state recurrence over tokens: Mamba-2, gated delta rule, RWKV-7 and their kin";
  let description = [{
    With H state heads, every head keeps a state Z of order * K rows and V columns and goes one step per row of `k`:

        Z_t = (G_t (x) Diag(d_t)) Z_{t-1} + a_t (b_t' Z_{t-1}) + (g_t (x) k_t) v_t'
        o_t = (e0 (x) q_t)' Z_t + bonus_t v_t

    | symbol | operand | default |
    |---|---|---|
    | d | exp of `log_decay`; decay `key_value`: d[i, j] = exp(rate[t, j] rate_matrix[i, j]) | 1 |
    | g | `write_scale` | 1 |
    | G | `mix`: G00, G01, G11 of an upper triangle | 1 |
    | a, b | rank `untied`: `untied_write`, `untied_read` | no term |
    | a, b | rank `tied`: -(g (x) k) and `erase_key` (default k), times d unless erase is `undecayed` | |

    e0 is the first unit vector of R^order. H is the largest number of heads of all operands; head h of H reads head
    floor(h * n / H) of an operand with n heads, and nothing is expanded in memory. A sequence starts from its row of
    `initial_state`, or from zero, and ends in its row of `final_state`. With read `pre`, o_t reads Z_{t-1}. With
    n `substeps`, n rows of k, v, g, d, e, a, b and G make one token; q, o and bonus have one row per token, o is read
    after the last step (`pre`: before the first) and the bonus sees the last v.

    `chunk_states` are the states before tokens 0, chunk, 2 chunk .. of each sequence. `mixer` holds, per head and per
    sequence, the pairs (t, s), s <= t, in that order: what o_t takes of v_s.

    | recurrence | decay | rank | order | operands |
    |---|---|---|---|---|
    | linear attention, RetNet, Lightning | none, const | none | 1 | |
    | Mamba-2 | scalar | none | 1 | q = C, k = B, v = x, g = dt, log decay = dt A, bonus = D |
    | GLA, HGRN2 | key | none | 1 | |
    | Mamba-1, RG-LRU | key_value | none | 1 | v = dt x, rate = dt; RG-LRU: K = 1 |
    | DeltaNet, Gated DeltaNet | none, scalar | tied | 1 | g = beta |
    | Comba, KDA, GDN-2 | scalar, key | tied | 1 | e = p; e = k; e = gate k |
    | RWKV-7 | key | untied | 1 | a = kk a, b = -kk |
    | MDN, Titans | none | tied, undecayed | 2 | momentum in the lower half of Z |

    Constraints:
    - (C1) `k` is [steps, Hk, K] and `v` [steps, Hv, V]; all dims but the first are static.
    - (C2) `q` and `o` are given unless `state_only`, and absent with it.
    - (C3) `q` is [tokens, Hq, K], `o` [tokens, H, V], and steps = tokens * `substeps`.
    - (C4) the number of heads of every operand divides H.
    - (C5) `log_decay` is [heads] for decay `const`, [steps, heads] for `scalar`, [steps, heads, K] for `key`, and absent
      for `none` and `key_value`.
    - (C6) `rate` is [steps, V] and `rate_matrix` [K, V] for decay `key_value`, which needs rank `none`, order 1 and one
      head; both are absent for other decays.
    - (C7) `write_scale` is [steps, heads, order].
    - (C8) `erase_key` is [steps, heads, K] and needs rank `tied`.
    - (C9) `untied_write` and `untied_read` are [steps, heads, order * K], exactly with rank `untied`.
    - (C10) `order` is 1 or 2, and `mix`, [steps, heads, 3], is given exactly with order 2.
    - (C11) erase `undecayed` needs rank `tied`.
    - (C12) `bonus` is [H] or [tokens, H] and needs outputs.
    - (C13) `initial_state` and `final_state` are [sequences, H, order * K, V]; one sequence without `offsets`.
    - (C14) `substeps` and `chunk` are positive.
    - (C15) `chunk_states` is [chunks, H, order * K, V] and needs `chunk`.
    - (C16) `mixer` is [H, pairs], exactly with `materialise`; it needs outputs, one substep and a decay other than
      `key_value`.

    Precision: the state, decays and sums are f32 whatever the operands' types. A log decay of -inf is a decay of 0:
    lowerings sum logs of one sign and never take differences of prefixes.

    Example:
    ```mlir
    func.func @mamba2(%C: tensor<?x1x64xf32>, %B: tensor<?x1x64xf32>, %x: tensor<?x8x32xf32>, %dtA: tensor<?x8xf32>,
                      %dt: tensor<?x8x1xf32>, %D: tensor<8xf32>, %Z0: tensor<?x8x64x32xf32>, %offsets: tensor<?xi32>)
        -> (tensor<?x8x32xf32>, tensor<?x8x64x32xf32>) {
      %y, %Z = hybrid.linear_scan q(%C : tensor<?x1x64xf32>) k(%B : tensor<?x1x64xf32>) v(%x : tensor<?x8x32xf32>)
        log_decay(%dtA : tensor<?x8xf32>) write_scale(%dt : tensor<?x8x1xf32>) bonus(%D : tensor<8xf32>)
        initial_state(%Z0 : tensor<?x8x64x32xf32>) offsets(%offsets : tensor<?xi32>)
        {decay = #hybrid.decay<scalar>} -> o tensor<?x8x32xf32> state tensor<?x8x64x32xf32>
      return %y, %Z : tensor<?x8x32xf32>, tensor<?x8x64x32xf32>
    }
    ```
  }];
  let arguments = (ins
    Optional<Hybrid_FloatTensor>:$q, Hybrid_FloatTensor:$k, Hybrid_FloatTensor:$v,
    Optional<Hybrid_FloatTensor>:$log_decay, Optional<Hybrid_FloatTensor>:$rate,
    Optional<Hybrid_FloatTensor>:$rate_matrix, Optional<Hybrid_FloatTensor>:$write_scale,
    Optional<Hybrid_FloatTensor>:$erase_key, Optional<Hybrid_FloatTensor>:$untied_write,
    Optional<Hybrid_FloatTensor>:$untied_read, Optional<Hybrid_FloatTensor>:$mix,
    Optional<Hybrid_FloatTensor>:$bonus, Optional<Hybrid_FloatTensor>:$initial_state,
    Optional<Hybrid_Offsets>:$offsets,
    DefaultValuedAttr<Hybrid_DecayAttr, "Decay::none">:$decay,
    DefaultValuedAttr<Hybrid_RankAttr, "Rank::zero">:$rank,
    DefaultValuedAttr<Hybrid_EraseAttr, "Erase::decayed">:$erase,
    DefaultValuedAttr<Hybrid_ReadAttr, "Read::post">:$read,
    DefaultValuedAttr<I64Attr, "1">:$order, DefaultValuedAttr<I64Attr, "1">:$substeps,
    OptionalAttr<I64Attr>:$chunk, UnitAttr:$materialise, UnitAttr:$state_only);
  let results = (outs Optional<Hybrid_FloatTensor>:$o, Hybrid_FloatTensor:$final_state,
                      Optional<Hybrid_FloatTensor>:$chunk_states, Optional<Hybrid_FloatTensor>:$mixer);
  let assemblyFormat = [{
    (`q` `(` $q^ `:` type($q) `)`)? `k` `(` $k `:` type($k) `)` `v` `(` $v `:` type($v) `)`
    oilist(`log_decay` `(` $log_decay `:` type($log_decay) `)` | `rate` `(` $rate `:` type($rate) `)`
      | `rate_matrix` `(` $rate_matrix `:` type($rate_matrix) `)`
      | `write_scale` `(` $write_scale `:` type($write_scale) `)`
      | `erase_key` `(` $erase_key `:` type($erase_key) `)`
      | `untied_write` `(` $untied_write `:` type($untied_write) `)`
      | `untied_read` `(` $untied_read `:` type($untied_read) `)` | `mix` `(` $mix `:` type($mix) `)`
      | `bonus` `(` $bonus `:` type($bonus) `)`
      | `initial_state` `(` $initial_state `:` type($initial_state) `)`
      | `offsets` `(` $offsets `:` type($offsets) `)`)
    attr-dict `->` (`o` type($o)^)? `state` type($final_state)
    (`chunk_states` type($chunk_states)^)? (`mixer` type($mixer)^)?
  }];
  let extraClassDeclaration = [{
    /// State heads: the largest of all head counts that occur.
    int64_t getStateHeads();
    int64_t getKeySize();
    int64_t getValueSize();
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_CausalConv1dOp : Hybrid_TensorOp<"causal_conv1d", [AttrSizedOperandSegments]> {
  let summary = "Depthwise convolution over past tokens of each sequence";
  let description = [{
    y[t, c] = act(bias[c] + sum over w of taps[c, w] x[t - W + 1 + w, c]). Inputs before a sequence's start are its row
    of `initial_taps`, oldest first, or zero; `final_taps` are the last W - 1 inputs, those of before included where the
    sequence is shorter. Taps may differ per token.

    Constraints:
    - (C1) `x` and `y` are [tokens, C], C static.
    - (C2) `taps` is [C, W] or [tokens, C, W], W at least 1.
    - (C3) `bias` is [C].
    - (C4) `initial_taps` and `final_taps` are [sequences, W - 1, C]; one sequence without `offsets`.

    Precision: sums in f32 whatever the operands' types.

    Example:
    ```mlir
    func.func @conv(%x: tensor<?x64xf32>, %taps: tensor<64x4xf32>, %bias: tensor<64xf32>, %past: tensor<?x3x64xf32>,
                    %offsets: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x3x64xf32>) {
      %y, %last = hybrid.causal_conv1d %x, %taps : tensor<?x64xf32>, tensor<64x4xf32> bias(%bias : tensor<64xf32>)
        initial_taps(%past : tensor<?x3x64xf32>) offsets(%offsets : tensor<?xi32>)
        {activation = #hybrid.act<silu>} -> tensor<?x64xf32>, tensor<?x3x64xf32>
      return %y, %last : tensor<?x64xf32>, tensor<?x3x64xf32>
    }
    ```
  }];
  let arguments = (ins Hybrid_FloatTensor:$x, Hybrid_FloatTensor:$taps, Optional<Hybrid_FloatTensor>:$bias,
    Optional<Hybrid_FloatTensor>:$initial_taps, Optional<Hybrid_Offsets>:$offsets,
    DefaultValuedAttr<Hybrid_ActivationAttr, "Activation::identity">:$activation);
  let results = (outs Hybrid_FloatTensor:$y, Hybrid_FloatTensor:$final_taps);
  let assemblyFormat = [{
    $x `,` $taps `:` type($x) `,` type($taps)
    oilist(`bias` `(` $bias `:` type($bias) `)` | `initial_taps` `(` $initial_taps `:` type($initial_taps) `)`
      | `offsets` `(` $offsets `:` type($offsets) `)`)
    attr-dict `->` type($y) `,` type($final_taps)
  }];
  let hasCanonicalizer = 1;
}
#endif
