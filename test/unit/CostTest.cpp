// Costs as polynomials over the sizes of a call, with the numbers worked out by hand.
#include "dialects/Hybrid/Costs.h"
#include "hybrid/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct CostTest : ::testing::Test {
  CostTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  /// The cost of the function's ops together, "flops; bytes".
  std::string costOf(StringRef text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return "does not parse";
    Cost sum;
    module->walk([&](Operation *op) {
      if (isa<func::FuncOp, func::ReturnOp, ModuleOp>(op) || !isa<func::FuncOp>(op->getParentOp()))
        return;
      Cost cost = getOperationCost(op);
      sum.flops += cost.flops;
      sum.bytes += cost.bytes;
    });
    return sum.flops.str() + "; " + sum.bytes.str();
  }
  MLIRContext context;
};

// [T, 8] by [16, 8]: 2 * 8 * 16 per token; the matrix is read once, and the result's init counts with the result.
TEST_F(CostTest, MatrixProducts) {
  EXPECT_EQ(costOf(R"(
    #a = affine_map<(t, n, k) -> (t, k)>
    #b = affine_map<(t, n, k) -> (n, k)>
    #c = affine_map<(t, n, k) -> (t, n)>
    func.func @f(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %init: tensor<?x16xf32>) -> tensor<?x16xf32> {
      %y = linalg.matmul indexing_maps = [#a, #b, #c] ins(%x, %w : tensor<?x8xf32>, tensor<16x8xf32>)
        outs(%init : tensor<?x16xf32>) -> tensor<?x16xf32>
      return %y : tensor<?x16xf32>
    })"),
            "256*tokens; 96*tokens + 512");
}

// Causal attention costs its pairs: 4 heads * (2 * 8 + 2 * 8 + 2). q, o and lse per token, k and v per key.
TEST_F(CostTest, CausalAttentionCostsItsPairs) {
  EXPECT_EQ(costOf(R"(
    func.func @f(%q: tensor<?x4x8xf32>, %kv: !hybrid.cache<paged_kv, [2, 8, 8], bf16>, %o: tensor<2xi32>)
        -> tensor<?x4x8xf32> {
      %y, %l = hybrid.attention %q : tensor<?x4x8xf32> cache(%kv : !hybrid.cache<paged_kv, [2, 8, 8], bf16>)
        {causal} -> tensor<?x4x8xf32>, tensor<?x4xf32>
      return %y : tensor<?x4x8xf32>
    })"),
            "136*pairs; 272*tokens + 64*kv_tokens");
}

// A scan of scalar decay: write 2 K V, decay K V + K, read 2 K V, per head. States count per sequence.
TEST_F(CostTest, ScansCostTheirSteps) {
  EXPECT_EQ(costOf(R"(
    func.func @f(%q: tensor<?x2x8xf32>, %v: tensor<?x2x4xf32>, %d: tensor<?x2xf32>) -> tensor<?x2x4xf32> {
      %o, %S = hybrid.linear_scan q(%q : tensor<?x2x8xf32>) k(%q : tensor<?x2x8xf32>) v(%v : tensor<?x2x4xf32>)
        log_decay(%d : tensor<?x2xf32>) {decay = #hybrid.decay<scalar>}
        -> o tensor<?x2x4xf32> state tensor<?x2x8x4xf32>
      return %o : tensor<?x2x4xf32>
    })"),
            "336*tokens; 200*tokens + 256*sequences");
}

// After the wanted rows are gathered, the dynamic dim counts rows; embeddings are read for the tokens alone.
TEST_F(CostTest, GatheredRowsCountAsRows) {
  EXPECT_EQ(costOf(R"(
    func.func @f(%ids: tensor<?xi32>, %p: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>,
                 %x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {hybrid.entry} {
      %c0 = arith.constant 0 : index
      %t = tensor.dim %rows, %c0 : tensor<?xi32>
      %i = tensor.expand_shape %rows [[0, 1]] output_shape [%t, 1] : tensor<?xi32> into tensor<?x1xi32>
      %g = tensor.gather %x[%i] gather_dims([0]) : (tensor<?x8xf32>, tensor<?x1xi32>) -> tensor<?x8xf32>
      %n = hybrid.norm %g : tensor<?x8xf32> {eps = 0.0 : f64} -> tensor<?x8xf32>
      return %n : tensor<?x8xf32>
    })"),
            "24*rows; 132*rows");
}

// Two branches of 8 and 4 by matrices of 16 rows: 2 * 16 * 12; norms three operations per element.
TEST_F(CostTest, FuseIsOneProduct) {
  EXPECT_EQ(costOf(R"(
    func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %a: tensor<16x8xf32>, %b: tensor<16x4xf32>)
        -> tensor<?x16xf32> {
      %r = hybrid.fuse <concat>(%x, %y : tensor<?x8xf32>, tensor<?x4xf32>)
        projections(%a, %b : tensor<16x8xf32>, tensor<16x4xf32>) {norm} -> tensor<?x16xf32>
      return %r : tensor<?x16xf32>
    })"),
            "420*tokens; 112*tokens + 768");
}
} // namespace
