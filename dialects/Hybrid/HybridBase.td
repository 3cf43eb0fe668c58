//===- HybridBase.td - The dialect, shared constraints and the op base class ----===//
#ifndef HYBRID_BASE_TD
#define HYBRID_BASE_TD
include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Hybrid/HybridInterfaces.td"

def Hybrid_Dialect : Dialect {
  let name = "hybrid";
  let cppNamespace = "::mlir::hybrid";
  let summary = "Tensor-level ops of hybrid language models";
  let description = [{
    Attention, linear recurrences, their caches and the ops that join them, on packed tokens. Ordinary elementwise
    work, matrix products and reductions stay in `linalg`, `arith`, `math` and `tensor`.

    Tokens are packed: a tensor's first dim `T` holds the tokens of all sequences of a call, one after another. An
    operand `offsets : tensor<?xi32>` of B + 1 entries says where each sequence starts; without it there is one
    sequence. Widths, heads and state sizes are static.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 0;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def Hybrid_FloatTensor : RankedTensorOf<[AnyFloat]>;
def Hybrid_IntTensor : RankedTensorOf<[I32, I64]>;
def Hybrid_Offsets : 1DTensorOf<[I32]>;

class Hybrid_Op<string mnemonic, list<Trait> traits = []> : Op<Hybrid_Dialect, mnemonic, traits>;

/// An op on tensors with a meaning: it owes a cost, a reference in f64 and a gradient.
class Hybrid_TensorOp<string mnemonic, list<Trait> traits = []>
    : Hybrid_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Hybrid_CostOpInterface>], traits)> {
  let hasVerifier = 1;
}
#endif
