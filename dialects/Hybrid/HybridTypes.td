//===- HybridTypes.td - Cache types ---------------------------------------------===//
#ifndef HYBRID_TYPES_TD
#define HYBRID_TYPES_TD
include "dialects/Hybrid/HybridAttrs.td"

def Hybrid_CacheType : TypeDef<Hybrid_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "What one layer keeps between calls, for every sequence";
  let description = [{
    | kind | dims | content per sequence |
    |---|---|---|
    | paged_kv | heads, key, value | all past keys and values, in pages |
    | ring_kv | heads, key, value, window, pinned | the last `window` tokens and the first `pinned` ones |
    | latent_kv | latent, rope | a compressed row per token |
    | conv_taps | channels, taps | the last `taps` inputs of a causal convolution of width taps + 1 |
    | scan_state | heads, key (times the scan's order), value | the recurrent state |
    | memory_vector | width | one vector |
  }];
  let parameters = (ins EnumParameter<Hybrid_CacheKind>:$kind, ArrayRefParameter<"int64_t">:$dims,
                        "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $kind `,` `[` $dims `]` `,` $elementType `>`";
  let genVerifyDecl = 1;
}
#endif
