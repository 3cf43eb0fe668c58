//===- CacheOps.td - The one way into a cache, and the view of it ---------------===//
#ifndef HYBRID_CACHE_OPS_TD
#define HYBRID_CACHE_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_CacheAppendOp : Hybrid_Op<"cache.append",
    [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<Hybrid_CostOpInterface>,
     AllTypesMatch<["cache", "result"]>]> {
  let summary = "Append the tokens of a call to a cache, or set the state that they lead to";
  let description = [{
    Key-value kinds grow: sequence b gets the rows offsets[b] to offsets[b + 1] of the values. The other kinds hold one
    state per sequence, and the value is the state after the call's tokens: row b replaces what sequence b had; offsets
    then say which tokens led there, for the replay after a rollback. A cache is a value: the one before stays as it was.

    | kind | values |
    |---|---|
    | paged_kv, ring_kv | keys [tokens, heads, key], values [tokens, heads, value] |
    | latent_kv | [tokens, latent], [tokens, rope] |
    | conv_taps | [sequences, taps, channels], oldest first |
    | scan_state | [sequences, heads, key, value] |
    | memory_vector | [sequences, width] |

    Constraints:
    - (C1) two values for key-value kinds, one for the others.
    - (C2) the values have the shapes above, static but for the first dim.

    Precision: values are rounded to the cache's element type.

    Example:
    ```mlir
    func.func @keep(%cache: !hybrid.cache<conv_taps, [64, 3], bf16>, %taps: tensor<?x3x64xf32>, %offsets: tensor<?xi32>)
        -> !hybrid.cache<conv_taps, [64, 3], bf16> {
      %next = hybrid.cache.append %cache(%taps : tensor<?x3x64xf32>) offsets(%offsets : tensor<?xi32>)
        : !hybrid.cache<conv_taps, [64, 3], bf16>
      return %next : !hybrid.cache<conv_taps, [64, 3], bf16>
    }
    ```
  }];
  let arguments = (ins Hybrid_CacheType:$cache, Variadic<Hybrid_FloatTensor>:$values, Optional<Hybrid_Offsets>:$offsets);
  let results = (outs Hybrid_CacheType:$result);
  let assemblyFormat = [{
    $cache `(` $values `:` type($values) `)` (`offsets` `(` $offsets^ `:` type($offsets) `)`)? attr-dict `:` type($cache)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hybrid_CacheViewOp : Hybrid_Op<"cache.view", [Pure, DeclareOpInterfaceMethods<Hybrid_CostOpInterface>]> {
  let summary = "The taps, state or vector that a cache holds, one row per sequence";
  let description = [{
    The content of a cache that holds one state per sequence, in the layout that `hybrid.cache.append` takes. Keys and
    values have no view: `hybrid.attention` reads them in their pages.

    Constraints:
    - (C1) the cache is of kind `conv_taps`, `scan_state` or `memory_vector`.
    - (C2) `view` is [sequences, taps, channels], [sequences, heads, key, value] or [sequences, width].

    Precision: exact.

    Example:
    ```mlir
    func.func @state(%cache: !hybrid.cache<scan_state, [8, 64, 32], f32>) -> tensor<?x8x64x32xf32> {
      %Z = hybrid.cache.view %cache : !hybrid.cache<scan_state, [8, 64, 32], f32> -> tensor<?x8x64x32xf32>
      return %Z : tensor<?x8x64x32xf32>
    }
    ```
  }];
  let arguments = (ins Hybrid_CacheType:$cache);
  let results = (outs Hybrid_FloatTensor:$view);
  let assemblyFormat = "$cache attr-dict `:` type($cache) `->` type($view)";
  let hasVerifier = 1;
}
#endif
