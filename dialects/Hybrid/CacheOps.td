//===- CacheOps.td - The one way into a cache, and the view of it ---------------===//
#ifndef HYBRID_CACHE_OPS_TD
#define HYBRID_CACHE_OPS_TD
include "dialects/Hybrid/HybridTypes.td"

def Hybrid_CacheAppendOp : Hybrid_Op<"cache.append",
    [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<Hybrid_CostOpInterface>,
     AllTypesMatch<["cache", "result"]>]> {
  let summary = "Append the tokens of a call to a cache, or set the state that they lead to";
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
  let arguments = (ins Hybrid_CacheType:$cache);
  let results = (outs Hybrid_FloatTensor:$view);
  let assemblyFormat = "$cache attr-dict `:` type($cache) `->` type($view)";
  let hasVerifier = 1;
}
#endif
