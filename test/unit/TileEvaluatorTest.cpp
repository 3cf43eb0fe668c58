// Kernels of the tile dialect in f64: masks, dead rows, scans, roundings, and accesses outside of a buffer.
#include "hybrid/Reference/TileEvaluator.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class TileEvaluator : public ::testing::Test {
protected:
  TileEvaluator() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }
  /// Runs the one kernel of `source` on a grid of one block.
  LogicalResult run(StringRef source, ArrayRef<HostValue *> buffers, ArrayRef<int64_t> scalars) {
    module = parseSourceString<ModuleOp>(source, &context);
    EXPECT_TRUE(module);
    auto kernel = *module->getOps<tile::KernelOp>().begin();
    return evaluateTileGrid(kernel, {buffers, scalars}, {1, 1, 1});
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

HostValue counting(ArrayRef<int64_t> shape) {
  HostValue v(shape);
  for (size_t i = 0; i < v.data.size(); ++i)
    v.data[i] = i + 1;
  return v;
}
} // namespace

TEST_F(TileEvaluator, LoadsZeroWhereNotValidAndStoresOnlyTheValid) {
  HostValue x = counting({3, 2}), y({4, 2});
  y.data.assign(8, 7);
  ASSERT_TRUE(succeeded(run(R"mlir(
    tile.kernel @k(%x: memref<?x2xf32>, %y: memref<?x2xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %t = tile.load %x[%c0, %c0] from(%c1) valid(%n) columns(1) : memref<?x2xf32> -> tensor<4x2xf32>
      tile.store %t, %y[%c0, %c0] valid(%n) : tensor<4x2xf32>, memref<?x2xf32>
      tile.return
    })mlir",
                            {&x, &y}, {3})));
  EXPECT_EQ(y.data, (std::vector<double>{0, 0, 3, 0, 5, 0, 7, 7}));
}

TEST_F(TileEvaluator, DeadRowsOfAProductAreNaN) {
  HostValue x = counting({2, 2}), y({2, 2});
  ASSERT_TRUE(succeeded(run(R"mlir(
    tile.kernel @k(%x: memref<?x2xf32>, %y: memref<?x2xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %acc = arith.constant dense<1.0> : tensor<2x2xf32>
      %t = tile.load %x[%c0, %c0] : memref<?x2xf32> -> tensor<2x2xf32>
      %d = tile.dot %t, %t, %acc rows(%n) {transpose_b} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
      tile.store %d, %y[%c0, %c0] : tensor<2x2xf32>, memref<?x2xf32>
      tile.return
    })mlir",
                            {&x, &y}, {1})));
  EXPECT_EQ(y.data[0], 6);
  EXPECT_EQ(y.data[1], 12);
  EXPECT_TRUE(std::isnan(y.data[2]));
}

TEST_F(TileEvaluator, ScansAndSolves) {
  HostValue x = counting({3}), y({3, 3}), z({3});
  ASSERT_TRUE(succeeded(run(R"mlir(
    tile.kernel @k(%x: memref<?xf32>, %y: memref<?x3xf32> {tile.written}, %z: memref<?xf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %v = tile.load %x[%c0] : memref<?xf32> -> tensor<3xf32>
      %s = tile.segment_sum %v : tensor<3xf32> -> tensor<3x3xf32>
      %l = math.exp %s : tensor<3x3xf32>
      %i = tile.broadcast %v along 1 : tensor<3xf32> -> tensor<3x3xf32>
      %q = tile.solve %i, %l : tensor<3x3xf32>, tensor<3x3xf32>
      tile.store %q, %y[%c0, %c0] : tensor<3x3xf32>, memref<?x3xf32>
      %p = tile.prefix_sum %v {suffix} : tensor<3xf32>
      tile.store %p, %z[%c0] : tensor<3xf32>, memref<?xf32>
      tile.return
    })mlir",
                            {&x, &y, &z}, {})));
  EXPECT_EQ(z.data, (std::vector<double>{5, 3, 0}));
  EXPECT_EQ(y.data[1], 0);
  EXPECT_DOUBLE_EQ(y.data[3], std::exp(2) - 2);
}

TEST_F(TileEvaluator, ReachingOutsideIsAnError) {
  HostValue x = counting({3, 2});
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  EXPECT_TRUE(failed(run(R"mlir(
    tile.kernel @k(%x: memref<?x2xf32>) {
      %c0 = arith.constant 0 : index
      %t = tile.load %x[%c0, %c0] : memref<?x2xf32> -> tensor<4x2xf32>
      tile.return
    })mlir",
                         {&x}, {})));
}

TEST_F(TileEvaluator, SaysWhatItCannotRun) {
  HostValue x = counting({3, 2});
  auto errorOf = [&](StringRef body, ArrayRef<HostValue *> buffers, ArrayRef<int64_t> scalars) {
    std::string message = "no error";
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
    (void)run((Twine("tile.kernel @k(%x: memref<?x2xf32>, %n: index) {\n%c0 = arith.constant 0 : index\n") +
               "%c1 = arith.constant 1 : index\n" + body + "\ntile.return\n}")
                  .str(),
              buffers, scalars);
    return message;
  };
  EXPECT_EQ(errorOf("", {}, {}), "expected a buffer for argument 0, got only 0");
  EXPECT_EQ(errorOf("", {&x}, {}), "expected a number for argument 1, got only 0");
  EXPECT_EQ(errorOf("scf.for %i = %c0 to %c1 step %n {}", {&x}, {0}), "expected a positive step, got 0");
  EXPECT_EQ(errorOf("%t = tile.load %x[%c0, %n] : memref<?x2xf32> -> tensor<3x2xf32>", {&x}, {1}),
            "'tile.load' op reaches element (0, 2) of a buffer of 3 x 2");
  EXPECT_EQ(errorOf("%q = arith.divsi %c1, %n : index", {&x}, {0}), "'arith.divsi' op divides by zero");
  EXPECT_EQ(errorOf("%t = tensor.empty() : tensor<4xf32>", {&x}, {0}), "'tensor.empty' op has no meaning in a kernel");
  EXPECT_EQ(errorOf("scf.execute_region { scf.yield }", {&x}, {0}),
            "'scf.execute_region' op has no meaning in a kernel");
}

TEST_F(TileEvaluator, NarrowFloatsRoundToNearestEven) {
  Type bf16 = BFloat16Type::get(&context);
  EXPECT_EQ(roundTo(bf16, 1 + 1.0 / 256), 1);
  EXPECT_EQ(roundTo(bf16, 1 + 3.0 / 256), 1 + 4.0 / 256);
}
