//===- HybridAttrs.td - Enums and attributes of the dialect ---------------------===//
#ifndef HYBRID_ATTRS_TD
#define HYBRID_ATTRS_TD
include "dialects/Hybrid/HybridBase.td"

class Hybrid_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::hybrid";
  let genSpecializedAttr = 0;
}
class Hybrid_EnumAttr<EnumAttrInfo e, string m> : EnumAttr<Hybrid_Dialect, e, m> {
  let assemblyFormat = "`<` $value `>`";
}

def Hybrid_Decay : Hybrid_Enum<"Decay", "How a scan's state decays", [
  I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"constant", 1, "const">, I32EnumAttrCase<"scalar", 2>,
  I32EnumAttrCase<"key", 3>, I32EnumAttrCase<"key_value", 4>]>;
def Hybrid_DecayAttr : Hybrid_EnumAttr<Hybrid_Decay, "decay">;

def Hybrid_Rank : Hybrid_Enum<"Rank", "The rank-one correction of a scan's transition", [
  I32EnumAttrCase<"zero", 0, "none">, I32EnumAttrCase<"tied", 1>, I32EnumAttrCase<"untied", 2>]>;
def Hybrid_RankAttr : Hybrid_EnumAttr<Hybrid_Rank, "rank">;

def Hybrid_Erase : Hybrid_Enum<"Erase", "Whether the erase key sees the decayed state", [
  I32EnumAttrCase<"decayed", 0>, I32EnumAttrCase<"undecayed", 1>]>;
def Hybrid_EraseAttr : Hybrid_EnumAttr<Hybrid_Erase, "erase">;

def Hybrid_Read : Hybrid_Enum<"Read", "Whether a token reads after or before its own write", [
  I32EnumAttrCase<"post", 0>, I32EnumAttrCase<"pre", 1>]>;
def Hybrid_ReadAttr : Hybrid_EnumAttr<Hybrid_Read, "read">;

def Hybrid_Activation : Hybrid_Enum<"Activation", "An elementwise activation", [
  I32EnumAttrCase<"identity", 0>, I32EnumAttrCase<"silu", 1>, I32EnumAttrCase<"gelu", 2>,
  I32EnumAttrCase<"gelu_tanh", 3>, I32EnumAttrCase<"relu2", 4>, I32EnumAttrCase<"sigmoid", 5>,
  I32EnumAttrCase<"softplus", 6>]>;
def Hybrid_ActivationAttr : Hybrid_EnumAttr<Hybrid_Activation, "act">;

def Hybrid_NormKind : Hybrid_Enum<"NormKind", "What a norm subtracts and divides by", [
  I32EnumAttrCase<"rms", 0>, I32EnumAttrCase<"layer", 1>, I32EnumAttrCase<"l2", 2>]>;
def Hybrid_NormKindAttr : Hybrid_EnumAttr<Hybrid_NormKind, "norm_kind">;

def Hybrid_GateOrder : Hybrid_Enum<"GateOrder", "Where a norm's gate is applied", [
  I32EnumAttrCase<"gate_first", 0>, I32EnumAttrCase<"norm_first", 1>]>;
def Hybrid_GateOrderAttr : Hybrid_EnumAttr<Hybrid_GateOrder, "gate_order">;

def Hybrid_RopeScaling : Hybrid_Enum<"RopeScaling", "How rotary frequencies are stretched", [
  I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"linear", 1>, I32EnumAttrCase<"llama3", 2>,
  I32EnumAttrCase<"yarn", 3>]>;
def Hybrid_RopeScalingAttr : Hybrid_EnumAttr<Hybrid_RopeScaling, "rope_scaling">;

def Hybrid_FuseOpKind : Hybrid_Enum<"FuseKind", "How parallel branches are joined", [
  I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"sub", 1>, I32EnumAttrCase<"concat", 2>, I32EnumAttrCase<"lerp", 3>,
  I32EnumAttrCase<"gate", 4>, I32EnumAttrCase<"mean", 5>, I32EnumAttrCase<"normaliser", 6>]>;
def Hybrid_FuseKindAttr : Hybrid_EnumAttr<Hybrid_FuseOpKind, "fuse_kind">;

def Hybrid_CacheKind : Hybrid_Enum<"CacheKind", "What a cache holds per sequence", [
  I32EnumAttrCase<"paged_kv", 0>, I32EnumAttrCase<"ring_kv", 1>, I32EnumAttrCase<"latent_kv", 2>,
  I32EnumAttrCase<"conv_taps", 3>, I32EnumAttrCase<"scan_state", 4>, I32EnumAttrCase<"memory_vector", 5>]>;

class Hybrid_Attr<string name, string mnem> : AttrDef<Hybrid_Dialect, name> {
  let mnemonic = mnem;
}

def Hybrid_FoldAttr : Hybrid_Attr<"Fold", "fold"> {
  let summary = "Factors of a run of a matrix's columns, taken from a checkpoint tensor";
  let description = [{
    Multiplies columns [begin, end) of a piece (end = -1: to the last one) by map(source), whose elements repeat as
    often as there are columns: one for each column, the same few for every head, or one for all. `source` and `map` are
    as in a piece.

    Constraints:
    - (C1) `source` is not empty.
    - (C2) `begin` is not negative, and `end` is -1 or beyond it.
    - (C3) `map` is absent, "neg_exp" or "one_plus".
  }];
  let parameters = (ins StringRefParameter<"checkpoint tensor or initialiser">:$source,
    DefaultValuedParameter<"int64_t", "0">:$begin, DefaultValuedParameter<"int64_t", "-1">:$end,
    DefaultValuedParameter<"::mlir::StringAttr", "::mlir::StringAttr()">:$map);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Hybrid_PieceAttr : Hybrid_Attr<"Piece", "piece"> {
  let summary = "One run of rows of a parameter, as taken from a checkpoint tensor";
  let description = [{
    A parameter is the concatenation of its pieces along dim 0. A piece takes rows [begin, end) of the checkpoint
    tensor `source` after flattening it to [rows, columns] (end = -1: all of them; a vector counts as [n, 1] rows),
    optionally transposed first, and computes, in f32, once:

        value = map(source) * scale * product over `column_folds` of their factor for the column

    `map` is absent (identity), "neg_exp" (-exp x) or "one_plus" (1 + x).
    A source that starts with "init:" takes no checkpoint tensor but an initialiser: "init:normal(0.02)",
    "init:const(1)", "init:uniform(a,b)", "init:log_uniform(a,b)", "init:dt_bias(min,max,floor)", "init:a_log(min,max)".
    Behind an `@` stands the parameter that the front end initialised so, where passes moved its rows elsewhere
    ("init:normal(0.02)@blocks.1.mixer.attention.qkv"): rows, draws and the tensor of a checkpoint are those of that
    name.

    Constraints:
    - (C1) `source` is not empty.
    - (C2) `begin` is not negative, and `end` is -1 or beyond it.
    - (C3) `map` is absent, "neg_exp" or "one_plus".
    - (C4) `column_folds` are `#hybrid.fold`s.
  }];
  let parameters = (ins StringRefParameter<"checkpoint tensor or initialiser">:$source,
    DefaultValuedParameter<"int64_t", "0">:$begin, DefaultValuedParameter<"int64_t", "-1">:$end,
    DefaultValuedParameter<"bool", "false">:$transpose,
    DefaultValuedParameter<"::mlir::FloatAttr", "::mlir::FloatAttr()">:$scale,
    DefaultValuedParameter<"::mlir::StringAttr", "::mlir::StringAttr()">:$map,
    DefaultValuedParameter<"::mlir::ArrayAttr", "::mlir::ArrayAttr()">:$column_folds);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The source as it is written where passes have moved the rows of the parameter `owner` elsewhere.
    static std::string named(::llvm::StringRef source, ::llvm::StringRef owner);
  }];
}

def Hybrid_FieldAttr : Hybrid_Attr<"Field", "field"> {
  let summary = "A named run of rows of a parameter that is a typed concatenation, such as q in [q, k, v]";
  let description = [{
    Constraints:
    - (C1) `name` is not empty.
    - (C2) `rows` is positive.
  }];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$rows);
  let assemblyFormat = "`<` $name `,` $rows `>`";
  let genVerifyDecl = 1;
}
#endif
