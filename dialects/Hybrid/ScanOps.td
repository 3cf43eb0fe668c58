//===- ScanOps.td - Recurrences and convolutions over tokens --------------------===//
#ifndef HYBRID_SCAN_OPS_TD
#define HYBRID_SCAN_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_LinearScanOp : Hybrid_TensorOp<"linear_scan", [AttrSizedOperandSegments, AttrSizedResultSegments]> {
  let summary = "Matrix-state recurrence over tokens: Mamba-2, gated delta rule, RWKV-7 and their kin";
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
}
#endif
