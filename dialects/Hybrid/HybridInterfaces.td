//===- HybridInterfaces.td - What an op owes: cost, reference, gradient ---------===//
#ifndef HYBRID_INTERFACES_TD
#define HYBRID_INTERFACES_TD
include "mlir/IR/OpBase.td"

def Hybrid_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::mlir::hybrid";
  let description = [{
    FLOPs and least bytes moved, as polynomials over the call's symbols {tokens, sequences, kv_tokens, pairs, tiles}.
    A multiply-add is two FLOPs; an exponential is one.
  }];
  let methods = [InterfaceMethod<"The op's cost.", "::mlir::hybrid::Cost", "getCost">];
}

def Hybrid_ReferenceOpInterface : OpInterface<"ReferenceOpInterface"> {
  let cppNamespace = "::mlir::hybrid";
  let description = [{
    The op's executable meaning in f64: slow, obvious, and the judge of every lowering. Implemented by external models
    in lib/Reference.
  }];
  let methods = [InterfaceMethod<
    "Computes the results from the operands, one pointer per operand that the op has (as in Operation::getOperands).",
    "::llvm::LogicalResult", "evaluate",
    (ins "::llvm::ArrayRef<const ::mlir::hybrid::HostValue *>":$operands,
         "::llvm::SmallVectorImpl<::mlir::hybrid::HostValue> &":$results)>];
}

def Hybrid_GradientOpInterface : OpInterface<"GradientOpInterface"> {
  let cppNamespace = "::mlir::hybrid";
  let description = [{
    Reverse-mode differentiation at tensor level. Declared here so that ops can promise it; implementations come with
    training.
  }];
  let methods = [InterfaceMethod<
    "Builds the gradients of the operands from the gradients of the results; an empty value means zero.",
    "::llvm::LogicalResult", "buildGradient",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGradients,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$operandGradients)>];
}
#endif
