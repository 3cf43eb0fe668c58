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
    | ring_kv | heads, key, value, window, pinned | what a query at i sees: keys at j > i - window, and at j < pinned |
    | latent_kv | latent, rope | a compressed row per token: one head of key size latent + rope, of value size latent |
    | conv_taps | channels, taps | the last `taps` inputs of a causal convolution of width taps + 1 |
    | scan_state | heads, key (times the scan's order), value | the recurrent state |
    | memory_vector | width | one vector |
    - (C1) `dims` has the entries that the table names for `kind`, all positive; but `pinned` may be 0.
    - (C2) `elementType` is a float type.
  }];
  let parameters = (ins EnumParameter<Hybrid_CacheKind>:$kind, ArrayRefParameter<"int64_t">:$dims,
                        "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $kind `,` `[` $dims `]` `,` $elementType `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether it grows with every token; the other kinds hold one state per sequence.
    bool isKeyValue() const { return getKind() <= CacheKind::latent_kv; }
    /// As attention sees it; only for key-value kinds.
    int64_t getHeads() const { return getKind() == CacheKind::latent_kv ? 1 : getDims()[0]; }
    int64_t getKeySize() const {
      return getKind() == CacheKind::latent_kv ? getDims()[0] + getDims()[1] : getDims()[1];
    }
    int64_t getValueSize() const { return getKind() == CacheKind::latent_kv ? getDims()[0] : getDims()[2]; }
    /// The shape per sequence of what cache.view gives; empty for key-value kinds.
    ::llvm::SmallVector<int64_t> getViewShape() const;
  }];
}
#endif
