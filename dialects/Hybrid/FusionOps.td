//===- FusionOps.td - Norms, gates, fusion of branches, loss --------------------===//
#ifndef HYBRID_FUSION_OPS_TD
#define HYBRID_FUSION_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_NormOp : Hybrid_TensorOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "Normalise the last dim, in groups, with an optional gate and residual";
  let arguments = (ins Hybrid_FloatTensor:$x, Optional<Hybrid_FloatTensor>:$weight,
    Optional<Hybrid_FloatTensor>:$bias, Optional<Hybrid_FloatTensor>:$gate, Optional<Hybrid_FloatTensor>:$residual,
    DefaultValuedAttr<Hybrid_NormKindAttr, "NormKind::rms">:$kind, F64Attr:$eps,
    DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$one_plus,
    DefaultValuedAttr<Hybrid_GateOrderAttr, "GateOrder::gate_first">:$gate_order,
    DefaultValuedAttr<Hybrid_ActivationAttr, "Activation::silu">:$gate_activation);
  let results = (outs Hybrid_FloatTensor:$y, Optional<Hybrid_FloatTensor>:$sum);
  let assemblyFormat = [{
    $x `:` type($x) oilist(`weight` `(` $weight `:` type($weight) `)` | `bias` `(` $bias `:` type($bias) `)`
      | `gate` `(` $gate `:` type($gate) `)` | `residual` `(` $residual `:` type($residual) `)`)
    attr-dict `->` type($y) (`,` type($sum)^)?
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_GluOp : Hybrid_TensorOp<"glu"> {
  let summary = "Gated linear unit: activation(gate) times up";
  let arguments = (ins Hybrid_FloatTensor:$gate, Optional<Hybrid_FloatTensor>:$up,
    DefaultValuedAttr<Hybrid_ActivationAttr, "Activation::silu">:$activation, OptionalAttr<F64Attr>:$clamp);
  let results = (outs Hybrid_FloatTensor:$y);
  let assemblyFormat = [{
    $gate (`,` $up^)? attr-dict `:` type($gate) (`,` type($up)^)? `->` type($y)
  }];
}

def Hybrid_FuseOp : Hybrid_TensorOp<"fuse", [AttrSizedOperandSegments]> {
  let summary = "Join parallel branches: norm, scale, combine and project them";
  let arguments = (ins Variadic<Hybrid_FloatTensor>:$branches, Variadic<Hybrid_FloatTensor>:$norm_weights,
    Variadic<Hybrid_FloatTensor>:$scales, Variadic<Hybrid_FloatTensor>:$projections,
    Optional<Hybrid_FloatTensor>:$gate, Variadic<Hybrid_FloatTensor>:$normalisers,
    Hybrid_FuseKindAttr:$kind, UnitAttr:$norm, DefaultValuedAttr<I64Attr, "1">:$norm_groups,
    DefaultValuedAttr<F64Attr, "1.0e-5">:$eps);
  let results = (outs Hybrid_FloatTensor:$y);
  let assemblyFormat = [{
    $kind `(` $branches `:` type($branches) `)`
    oilist(`norm_weights` `(` $norm_weights `:` type($norm_weights) `)` | `scales` `(` $scales `:` type($scales) `)`
      | `projections` `(` $projections `:` type($projections) `)` | `gate` `(` $gate `:` type($gate) `)`
      | `normalisers` `(` $normalisers `:` type($normalisers) `)`)
    attr-dict `->` type($y)
  }];
  let hasCanonicalizer = 1;
}

def Hybrid_CrossEntropyOp : Hybrid_TensorOp<"cross_entropy"> {
  let summary = "Projection onto the vocabulary and cross-entropy in one, logits never materialised";
  let arguments = (ins Hybrid_FloatTensor:$x, Hybrid_FloatTensor:$projection, Hybrid_IntTensor:$targets,
    Optional<Hybrid_FloatTensor>:$teacher, OptionalAttr<F64Attr>:$softcap,
    DefaultValuedAttr<F64Attr, "0.0">:$z_loss, DefaultValuedAttr<I64Attr, "-100">:$ignore_index);
  let results = (outs Hybrid_FloatTensor:$loss, Hybrid_FloatTensor:$lse);
  let assemblyFormat = [{
    $x `,` $projection `,` $targets `:` type($x) `,` type($projection) `,` type($targets)
    (`teacher` `(` $teacher^ `:` type($teacher) `)`)? attr-dict `->` type($loss) `,` type($lse)
  }];
}
#endif
