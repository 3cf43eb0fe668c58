//===- AttentionOps.td - Softmax attention and rotary positions -----------------===//
#ifndef HYBRID_ATTENTION_OPS_TD
#define HYBRID_ATTENTION_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_AttentionOp : Hybrid_TensorOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "Softmax attention with its log-sum-exp, over given keys and values or over a cache";
  let description = [{
    For each query and head, over the keys j that it sees:

        s_j = scale q . k_j           softcap: s = cap tanh(s / cap); then - alibi (i - j) + bias; then `score_mod`
        m   = max(s_j, z)             z: the head's `sink_logits`, or absent
        o   = sum e^(s_j - m) v_j / (sum e^(s_j - m) + e^(z - m))
        lse = m + log(sum e^(s_j - m) + e^(z - m))

    Without `normalize` the results are the numerator, the denominator (in the place of `lse`) and m. A query that sees
    nothing has o = 0 and lse = -inf. Query head h reads key head floor(h * Hk / Hq). `scale` defaults to 1 / sqrt(Dk).

    The queries of a sequence are its last tokens: query number n of a sequence with Q queries and S keys is at position
    i = S - Q + n. Keys come from `key` and `value`, whose sequences start at `key_offsets` (default `query_offsets`), or
    from a cache. The key at position j is seen if

        j < prefix, or  (not causal or j <= i) and (j is selected)

    where j is selected if nothing selects, or at least one of these does: `window` w with `dilation` d: |i - j| < w d and
    d divides i - j; `sink_tokens` n: j < n; `global_tokens`: i or j is in the list; `block_index`: floor(j / block_size)
    is in the query's list (negative entries are none). A ring cache hides what it has forgotten.

    `score_mod` is a block (score, sequence, head, i, j) that yields another score.

    Constraints:
    - (C1) `query` is [tokens, Hq, Dk], Hq and Dk static.
    - (C2) either `key` and `value`, or `cache`.
    - (C3) `key` is [keys, Hk, Dk], `value` [keys, Hk, Dv], static but for the first dim.
    - (C4) `cache` is of kind `paged_kv`, `ring_kv` or `latent_kv`, and its key size is Dk.
    - (C5) Hk divides Hq.
    - (C6) `o` is [tokens, Hq, Dv], `lse` [tokens, Hq].
    - (C7) `max`, [tokens, Hq], is a result exactly with normalize = false.
    - (C8) `key_offsets` come with `key`, not with `cache`.
    - (C9) `sink_logits` and `alibi` are [Hq].
    - (C10) `bias` is [tokens, Hb, n], n at least the longest sequence's keys; Hb divides Hq.
    - (C11) `window` and `dilation` are positive, a dilation above 1 needs a window, `sink_tokens` and `prefix` are not
      negative.
    - (C12) `block_index`, [tokens, Hb, n], and a positive `block_size` come together; Hb divides Hq.
    - (C13) `global_tokens` has rank 1.
    - (C14) `softcap` is positive.
    - (C15) `score_mod` is one block (float, index, index, index, index) that yields a value of its first argument's type
      and uses nothing from outside.

    Precision: scores, statistics and sums in f32 whatever the operands' types.

    Example:
    ```mlir
    func.func @grouped(%q: tensor<?x8x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %offsets: tensor<?xi32>,
                       %kv: !hybrid.cache<paged_kv, [2, 64, 64], f32>)
        -> (tensor<?x8x64xf32>, !hybrid.cache<paged_kv, [2, 64, 64], f32>) {
      %next = hybrid.cache.append %kv(%k, %v : tensor<?x2x64xf32>, tensor<?x2x64xf32>) offsets(%offsets : tensor<?xi32>)
        : !hybrid.cache<paged_kv, [2, 64, 64], f32>
      %o, %lse = hybrid.attention %q : tensor<?x8x64xf32> cache(%next : !hybrid.cache<paged_kv, [2, 64, 64], f32>)
        query_offsets(%offsets : tensor<?xi32>) {causal, window = 1024 : i64, softcap = 50.0 : f64}
        score_mod {
        ^bb0(%s: f32, %sequence: index, %head: index, %i: index, %j: index):
          %two = arith.constant 2.0 : f32
          %t = arith.mulf %s, %two : f32
          hybrid.yield %t : f32
        } -> tensor<?x8x64xf32>, tensor<?x8xf32>
      return %o, %next : tensor<?x8x64xf32>, !hybrid.cache<paged_kv, [2, 64, 64], f32>
    }
    ```
  }];
  let arguments = (ins Hybrid_FloatTensor:$query, Optional<Hybrid_FloatTensor>:$key,
    Optional<Hybrid_FloatTensor>:$value, Optional<Hybrid_CacheType>:$cache,
    Optional<Hybrid_Offsets>:$query_offsets, Optional<Hybrid_Offsets>:$key_offsets,
    Optional<Hybrid_FloatTensor>:$sink_logits, Optional<Hybrid_FloatTensor>:$bias,
    Optional<Hybrid_FloatTensor>:$alibi, Optional<Hybrid_IntTensor>:$global_tokens,
    Optional<Hybrid_IntTensor>:$block_index,
    OptionalAttr<F64Attr>:$scale, UnitAttr:$causal, OptionalAttr<I64Attr>:$window,
    DefaultValuedAttr<I64Attr, "1">:$dilation, DefaultValuedAttr<I64Attr, "0">:$sink_tokens,
    DefaultValuedAttr<I64Attr, "0">:$prefix, OptionalAttr<I64Attr>:$block_size, OptionalAttr<F64Attr>:$softcap,
    DefaultValuedAttr<BoolAttr, "true">:$normalize);
  let results = (outs Hybrid_FloatTensor:$o, Hybrid_FloatTensor:$lse, Optional<Hybrid_FloatTensor>:$max);
  let regions = (region AnyRegion:$score_mod);
  let assemblyFormat = [{
    $query (`,` $key^ `,` $value)? `:` type($query) (`,` type($key)^ `,` type($value))?
    oilist(`cache` `(` $cache `:` type($cache) `)` | `query_offsets` `(` $query_offsets `:` type($query_offsets) `)`
      | `key_offsets` `(` $key_offsets `:` type($key_offsets) `)`
      | `sink_logits` `(` $sink_logits `:` type($sink_logits) `)` | `bias` `(` $bias `:` type($bias) `)`
      | `alibi` `(` $alibi `:` type($alibi) `)` | `global_tokens` `(` $global_tokens `:` type($global_tokens) `)`
      | `block_index` `(` $block_index `:` type($block_index) `)`)
    attr-dict (`score_mod` $score_mod^)? `->` type($o) `,` type($lse) (`,` type($max)^)?
  }];
  let extraClassDeclaration = [{
    int64_t getQueryHeads();
    int64_t getKeyHeads();
    int64_t getKeySize();
    int64_t getValueSize();
    /// The factor on q.k: the attribute, or 1 / sqrt(key size).
    double getScaleOrDefault();
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_YieldOp : Hybrid_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["AttentionOp"]>]> {
  let summary = "End of a region: the values that it gives";
  let description = [{
    Ends the `score_mod` of an attention with the new score.

    Constraints:
    - (C1) the values are what the enclosing op asks for; it checks them.

    Example:
    ```mlir
    func.func @halve(%q: tensor<4x1x8xf32>, %k: tensor<4x1x8xf32>) -> tensor<4x1x8xf32> {
      %o, %lse = hybrid.attention %q, %k, %k : tensor<4x1x8xf32>, tensor<4x1x8xf32>, tensor<4x1x8xf32> score_mod {
      ^bb0(%s: f32, %sequence: index, %head: index, %i: index, %j: index):
        %half = arith.constant 0.5 : f32
        %t = arith.mulf %s, %half : f32
        hybrid.yield %t : f32
      } -> tensor<4x1x8xf32>, tensor<4x1xf32>
      return %o : tensor<4x1x8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Hybrid_MergeOp : Hybrid_TensorOp<"merge", [SameVariadicOperandSize]> {
  let summary = "Merge partial attention results by their log-sum-exp";
  let description = [{
    The attention over all keys from attentions over parts of them:

        lse = log sum over p of e^(lse_p)        o = sum over p of e^(lse_p - lse) o_p

    Split keys, rings, selected blocks and normalisers shared by branches all end in this op. It is associative and
    commutative: a merge of merges is one merge. Where every lse is -inf, o is 0.

    Constraints:
    - (C1) at least one partial result.
    - (C2) `o` and every one of `outputs` is [tokens, H, D], H and D static.
    - (C3) `lse` and every one of `lses` is [tokens, H].

    Precision: weights and sums in f32.

    Example:
    ```mlir
    func.func @split(%a: tensor<?x8x64xf32>, %b: tensor<?x8x64xf32>, %la: tensor<?x8xf32>, %lb: tensor<?x8xf32>)
        -> tensor<?x8x64xf32> {
      %o, %lse = hybrid.merge (%a, %b), (%la, %lb)
        : (tensor<?x8x64xf32>, tensor<?x8x64xf32>), (tensor<?x8xf32>, tensor<?x8xf32>)
        -> tensor<?x8x64xf32>, tensor<?x8xf32>
      return %o : tensor<?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Hybrid_FloatTensor>:$outputs, Variadic<Hybrid_FloatTensor>:$lses);
  let results = (outs Hybrid_FloatTensor:$o, Hybrid_FloatTensor:$lse);
  let assemblyFormat = [{
    `(` $outputs `)` `,` `(` $lses `)` attr-dict `:` `(` type($outputs) `)` `,` `(` type($lses) `)` `->` type($o) `,` type($lse)
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_RotaryOp : Hybrid_TensorOp<"rotary", [AttrSizedOperandSegments]> {
  let summary = "Rotate pairs of channels by position or by a given angle";
  let description = [{
    The first r = `rotary_dim` channels (default: all) of each head form r / 2 pairs, channels (i, i + r / 2), or
    (2 i, 2 i + 1) with `interleave`; the others pass. Pair i turns by the angle

        position * f_i, f_i = theta^(-2 i / r) after scaling,   or   angles[t, i], angles[t, h, i]

    and by `attention_factor` grows: (a, b) -> factor (a cos - b sin, b cos + a sin). Scaling of f:

    * `linear`: f / factor.
    * `llama3`: with turns n = original_context f / 2 pi, f where n >= high_freq_factor, f / factor where
      n <= low_freq_factor, between them the mix that is linear in n.
    * `yarn`: f for pairs that turn more than beta_fast times over original_context, f / factor for those that turn less
      than beta_slow times, between them the mix that is linear in i, its ends rounded outwards.

    Constraints:
    - (C1) `x` and `y` are [tokens, H, D], H and D static.
    - (C2) either `positions` or `angles`.
    - (C3) `positions` is [tokens].
    - (C4) `rotary_dim` is even, at least 2 and at most D.
    - (C5) `angles` is [tokens, r / 2] or [tokens, H, r / 2], and has no scaling.
    - (C6) `theta` is above 1, `factor` and `original_context` are positive, `high_freq_factor` is above
      `low_freq_factor` (llama3), `beta_fast` above `beta_slow` above 0 (yarn).

    Precision: angles in f32 from positions up to 2^24; frequencies are computed once in f64.

    Example:
    ```mlir
    func.func @llama(%q: tensor<?x8x64xf32>, %positions: tensor<?xi32>) -> tensor<?x8x64xf32> {
      %r = hybrid.rotary %q : tensor<?x8x64xf32> positions(%positions : tensor<?xi32>)
        {theta = 5.0e5 : f64, scaling = #hybrid.rope_scaling<llama3>, factor = 8.0 : f64} -> tensor<?x8x64xf32>
      return %r : tensor<?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Hybrid_FloatTensor:$x, Optional<Hybrid_IntTensor>:$positions,
    Optional<Hybrid_FloatTensor>:$angles,
    DefaultValuedAttr<F64Attr, "10000.0">:$theta, OptionalAttr<I64Attr>:$rotary_dim, UnitAttr:$interleave,
    DefaultValuedAttr<Hybrid_RopeScalingAttr, "RopeScaling::none">:$scaling,
    DefaultValuedAttr<F64Attr, "1.0">:$factor, DefaultValuedAttr<F64Attr, "1.0">:$low_freq_factor,
    DefaultValuedAttr<F64Attr, "4.0">:$high_freq_factor, DefaultValuedAttr<I64Attr, "8192">:$original_context,
    DefaultValuedAttr<F64Attr, "32.0">:$beta_fast, DefaultValuedAttr<F64Attr, "1.0">:$beta_slow,
    DefaultValuedAttr<F64Attr, "1.0">:$attention_factor);
  let results = (outs Hybrid_FloatTensor:$y);
  let assemblyFormat = [{
    $x `:` type($x) oilist(`positions` `(` $positions `:` type($positions) `)` | `angles` `(` $angles `:` type($angles) `)`)
    attr-dict `->` type($y)
  }];
  let extraClassDeclaration = [{
    /// Channels that rotate: the attribute, or the whole head.
    int64_t getRotaryDimOrDefault();
    /// Angle per position of each rotated pair, scaling included; rotary dim / 2 entries.
    ::llvm::SmallVector<double> getFrequencies();
  }];
}
#endif
