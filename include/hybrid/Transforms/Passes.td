//===- Passes.td - Passes of lib/Transforms ----===//
#ifndef HYBRID_TRANSFORMS_PASSES_TD
#define HYBRID_TRANSFORMS_PASSES_TD
include "mlir/Pass/PassBase.td"

def DecomposeFusePass : Pass<"hybrid-decompose-fuse", "::mlir::ModuleOp"> {
  let summary = "Turn joins of branches, and residuals of norms, into norms, products and elementwise ops";
  let description = [{
    Before:
    ```mlir
    %y = hybrid.fuse sub(%a, %b : tensor<?x64xf32>, tensor<?x96xf32>)
           projections(%wa, %wb : tensor<32x64xf32>, tensor<32x96xf32>) -> tensor<?x32xf32>
    ```
    After: two `linalg.matmul` and an elementwise subtraction, which one kernel computes. A joint projection over a
    concatenation becomes the sum of products with runs of the matrix's columns.

    A norm with a residual becomes an addition and a norm.
  }];
  let dependentDialects = ["::mlir::hybrid::HybridDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}
def FoldScalesPass : Pass<"hybrid-fold-scales", "::mlir::ModuleOp"> {
  let summary = "Multiply factors of columns, such as norms' weights, into the matrices behind them";
  let description = [{
    Before:
    ```mlir
    ml_program.global @w ... {hybrid.recipe = [#hybrid.piece<source = "proj.weight">]}
    %n = hybrid.norm %x : tensor<?x4xf32> weight(%g : tensor<4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
    %y = linalg.matmul ... ins(%n, %w)
    ```
    After: the norm has no weight, and the recipe takes the weight's tensor:
    ```mlir
    #hybrid.piece<source = "proj.weight", column_folds = [#hybrid.fold<source = "norm.weight">]>
    ```
    The values of the matrix change before they are rounded to their storage, and so do the roundings.

    Factors stay, with a remark and the attribute `hybrid.unfolded`, where something else than products reads what they
    multiply, where their matrix serves something else too (a tied embedding), and where no recipe could take them.
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "Norms and scales whose factors went into matrices">];
  let dependentDialects = ["::mlir::hybrid::HybridDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::ml_program::MLProgramDialect", "::mlir::tensor::TensorDialect"];
}
def MergeProjectionsPass : Pass<"hybrid-merge-projections", "::mlir::ModuleOp"> {
  let summary = "Join products of one input into one product over concatenated rows";
  let description = [{
    Before: `%a = x @wa'`, `%b = x @wb'` with two parameters. After: `%ab = x @wab'` with one parameter, whose recipe and
    fields are those of both, and `tensor.extract_slice` of its columns for each former result. Parameters that nothing
    reads any more are dropped.

    Products stay apart when one matrix serves twice, or when a matrix has no recipe.
  }];
  let statistics = [Statistic<"numMerged", "num-merged", "Groups of products that became one">];
  let dependentDialects = ["::mlir::hybrid::HybridDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::ml_program::MLProgramDialect", "::mlir::tensor::TensorDialect"];
}
def VerifyModelFormPass : Pass<"hybrid-verify-model-form", "::mlir::ModuleOp"> {
  let summary = "Check that a module is in the model form";
  let description = [{
    Changes nothing; fails with an error at the first thing that passes after it could not rely on: module attributes,
    parameters with recipes, the signatures of entries, caches that come back in their places, and ops and types of the
    model form only. For example:
    ```mlir
    func.func @score(%ids: tensor<?xi64>) attributes {hybrid.entry} { ... }
    ```
    gives `model form: expected ids, positions, offsets and rows, each tensor<?xi32>, to come first`.
  }];
}

#endif
