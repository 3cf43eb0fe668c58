//===- FusionOps.td - Norms, gates, fusion of branches, loss --------------------===//
#ifndef HYBRID_FUSION_OPS_TD
#define HYBRID_FUSION_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_NormOp : Hybrid_TensorOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "Normalise the last dim, in groups, with an optional gate and residual";
  let description = [{
    z = x + residual, which is also the result `sum`; with `gate_first`, z *= act(gate). Each of `groups` equal runs of
    the last dim is normalised by itself, n its length:

        rms:   z / sqrt(sum z^2 / n + eps)
        layer: (z - mean) / sqrt(variance + eps)
        l2:    z / sqrt(sum z^2 + eps)

    then y = z * weight + bias, weight + 1 with `one_plus`; with `norm_first`, y *= act(gate).

    Constraints:
    - (C1) `x` and `y` have the same shape, static but for the first dim; a vector is static.
    - (C2) `weight` and `bias` have the shape of x's last dims: [D], or [H, D] for x [tokens, H, D].
    - (C3) `gate` and `residual` have x's shape.
    - (C4) `sum` has x's shape and needs `residual`.
    - (C5) `groups` is positive and divides the last dim.
    - (C6) `eps` is not negative.

    Precision: statistics in f32 whatever the operands' types.

    Example:
    ```mlir
    func.func @gated(%y: tensor<?x512xf32>, %z: tensor<?x512xf32>, %w: tensor<512xf32>) -> tensor<?x512xf32> {
      %n = hybrid.norm %y : tensor<?x512xf32> weight(%w : tensor<512xf32>) gate(%z : tensor<?x512xf32>)
        {eps = 1.0e-5 : f64, groups = 8 : i64} -> tensor<?x512xf32>
      return %n : tensor<?x512xf32>
    }
    ```
  }];
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
  let description = [{
    y = act(min(gate, clamp)) * min(max(up, -clamp), clamp). Without `up`, the first half of gate's columns is the gate
    and the second half is up. The two-operand form also is gated attention (sigmoid) and the product of two tensors
    (identity).

    Constraints:
    - (C1) `gate`, `up` and `y` have the same shape, the last dim static.
    - (C2) without `up`, the last dim of `gate` is twice that of `y`.
    - (C3) `clamp` is positive.

    Precision: computed in f32.

    Example:
    ```mlir
    func.func @swiglu(%gate_up: tensor<?x512xf32>) -> tensor<?x256xf32> {
      %y = hybrid.glu %gate_up : tensor<?x512xf32> -> tensor<?x256xf32>
      return %y : tensor<?x256xf32>
    }
    ```
  }];
  let arguments = (ins Hybrid_FloatTensor:$gate, Optional<Hybrid_FloatTensor>:$up,
    DefaultValuedAttr<Hybrid_ActivationAttr, "Activation::silu">:$activation, OptionalAttr<F64Attr>:$clamp);
  let results = (outs Hybrid_FloatTensor:$y);
  let assemblyFormat = [{
    $gate (`,` $up^)? attr-dict `:` type($gate) (`,` type($up)^)? `->` type($y)
  }];
}

def Hybrid_FuseOp : Hybrid_TensorOp<"fuse", [AttrSizedOperandSegments]> {
  let summary = "Join parallel branches: norm, scale, combine and project them";
  let description = [{
    Branch i becomes c_i = factor_i * scale_i * norm_weight_i * rms(b_i): the norm runs over each of `norm_groups` equal
    runs of columns and only with `norm`; what is absent is 1. Then, W_i being `projections`:

        add, sub, mean:  y = c_0 W_0' +- c_1 W_1' ..     one W per branch
                         y = (c_0 +- c_1 ..) W'          one W for all; none: no product
        concat:          y = [c_0, c_1, ..] W'           W given whole, or as one block of columns per branch
        lerp:            y = gate c_0 W_0' + (1 - gate) c_1 W_1'
        gate:            y = sum over i of gate[t, i] c_i W_i'
        normaliser:      y = sum of numerators / sum of `normalisers`, 0 where that is 0

    (lerp and gate take W as add does). As the norm comes before the projection, concat + joint W, add + separate W and
    sub + separate W are one class of functions, and so have one form: **canonicalisation turns add, sub and mean with
    separate projections into concat with the same projections as blocks of columns, signs and shares as `factors`**,

        norm(x) A' - norm(y) B' = [norm(x), -norm(y)] [A, B]'

    which is one matrix product over the concatenated branches (`isOneProduct`). Matrices stay as they are: a target reads
    the blocks one after another, or stores them side by side. Constant scales become factors.

    Constraints:
    - (C1) at least one branch, two for kind `lerp`.
    - (C2) branches are [tokens, width]; for kind `normaliser` [tokens, H, width].
    - (C3) `norm_weights`, only with `norm`: none, or one [width] per branch.
    - (C4) `scales`: none, or one [width] or [1] per branch; `factors`: none, or one per branch.
    - (C5) `projections`: none, one [n, joined width] for all, or one [n, width] per branch.
    - (C6) what is added has one width; so have the rows of separate projections.
    - (C7) `gate` is [tokens, y's width] or [tokens, 1] for `lerp`, [tokens, branches] for `gate`, absent otherwise.
    - (C8) `normalisers`, one [tokens, H] per branch, and no projections exactly for kind `normaliser`.
    - (C9) `norm_groups` is positive and, with `norm`, divides each width; `eps` is not negative.
    - (C10) `y` is [tokens, width of the outcome], or [tokens, H, width].

    Precision: norms and sums in f32.

    Example:
    ```mlir
    func.func @intra(%attention: tensor<?x512xf32>, %ssm: tensor<?x768xf32>, %na: tensor<512xf32>, %ns: tensor<768xf32>,
                     %wa: tensor<256x512xf32>, %ws: tensor<256x768xf32>) -> tensor<?x256xf32> {
      %y = hybrid.fuse <sub>(%attention, %ssm : tensor<?x512xf32>, tensor<?x768xf32>)
        norm_weights(%na, %ns : tensor<512xf32>, tensor<768xf32>)
        projections(%wa, %ws : tensor<256x512xf32>, tensor<256x768xf32>) {norm} -> tensor<?x256xf32>
      return %y : tensor<?x256xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Hybrid_FloatTensor>:$branches, Variadic<Hybrid_FloatTensor>:$norm_weights,
    Variadic<Hybrid_FloatTensor>:$scales, Variadic<Hybrid_FloatTensor>:$projections,
    Optional<Hybrid_FloatTensor>:$gate, Variadic<Hybrid_FloatTensor>:$normalisers,
    Hybrid_FuseKindAttr:$kind, UnitAttr:$norm, DefaultValuedAttr<I64Attr, "1">:$norm_groups,
    DefaultValuedAttr<F64Attr, "1.0e-5">:$eps, OptionalAttr<DenseF64ArrayAttr>:$factors);
  let results = (outs Hybrid_FloatTensor:$y);
  let extraClassDeclaration = [{
    /// Whether the op is one matrix product over the concatenated branches, its matrix whole or in blocks of columns.
    bool isOneProduct();
    /// One factor per branch.
    ::llvm::SmallVector<double> getFactorsOrOnes();
  }];
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
  let description = [{
    l = x projection', with softcap: l = cap tanh(l / cap); lse_t = log sum over v of e^(l[t, v]).

        loss_t = lse_t - l[t, target]  + z_loss lse_t^2
        loss_t = KL(softmax(teacher_t) || softmax(l_t)) + z_loss lse_t^2     with `teacher`, logits

    A token whose target is `ignore_index` has loss 0.

    Constraints:
    - (C1) `x` is [tokens, D], `projection` [vocabulary, D], static but for tokens.
    - (C2) `targets` is [tokens].
    - (C3) `teacher` is [tokens, vocabulary].
    - (C4) `loss` and `lse` are [tokens].
    - (C5) `softcap` is positive, `z_loss` is not negative.

    Precision: logits and sums in f32.

    Example:
    ```mlir
    func.func @loss(%x: tensor<?x256xf32>, %head: tensor<1000x256xf32>, %targets: tensor<?xi32>) -> tensor<?xf32> {
      %loss, %lse = hybrid.cross_entropy %x, %head, %targets : tensor<?x256xf32>, tensor<1000x256xf32>, tensor<?xi32>
        {z_loss = 1.0e-4 : f64} -> tensor<?xf32>, tensor<?xf32>
      return %loss : tensor<?xf32>
    }
    ```
  }];
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
