//===- AttentionOps.td - Softmax attention and rotary positions -----------------===//
#ifndef HYBRID_ATTENTION_OPS_TD
#define HYBRID_ATTENTION_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_AttentionOp : Hybrid_TensorOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "Softmax attention with its log-sum-exp, over given keys and values or over a cache";
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

def Hybrid_MergeOp : Hybrid_TensorOp<"merge", [SameVariadicOperandSize]> {
  let summary = "Merge partial attention results by their log-sum-exp";
  let arguments = (ins Variadic<Hybrid_FloatTensor>:$outputs, Variadic<Hybrid_FloatTensor>:$lses);
  let results = (outs Hybrid_FloatTensor:$o, Hybrid_FloatTensor:$lse);
  let assemblyFormat = [{
    `(` $outputs `)` `,` `(` $lses `)` attr-dict `:` `(` type($outputs) `)` `,` `(` type($lses) `)` `->` type($o) `,` type($lse)
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_RotaryOp : Hybrid_TensorOp<"rotary", [AttrSizedOperandSegments]> {
  let summary = "Rotate pairs of channels by position or by a given angle";
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
