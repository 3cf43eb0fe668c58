//===- Passes.td - Passes of lib/Reference ----===//
#ifndef HYBRID_REFERENCE_PASSES_TD
#define HYBRID_REFERENCE_PASSES_TD
include "mlir/Pass/PassBase.td"

def EvaluatePass : Pass<"hybrid-evaluate", "::mlir::ModuleOp"> {
  let summary = "Print the results of functions without arguments, computed by the f64 reference";
  let description = [{
    Each public function that takes no argument is evaluated and its results are printed to standard output, one line
    each: the function's name, the result's number, its shape and its elements. The IR does not change.

    ```mlir
    func.func @twice() -> tensor<2xf32> {
      %x = arith.constant dense<[1.0, 2.5]> : tensor<2xf32>
      %y = arith.addf %x, %x : tensor<2xf32>
      return %y : tensor<2xf32>
    }
    ```

    prints `twice 0: [2] 2 5`.
  }];
  let options = [Option<"digits", "digits", "int", /*default=*/"6", "Significant digits of each number">];
}
#endif
