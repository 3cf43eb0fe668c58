#include "X86Harness.h"
using namespace mlir;
using namespace mlir::hybrid;

INSTANTIATE_TEST_SUITE_P(Levels, X86KernelTest, ::testing::Values(CpuLevel::v1, CpuLevel::v3, CpuLevel::v4),
                         levelName);

TEST_P(X86KernelTest, ElementwiseOnValidRows) {
  check(R"mlir(
    tile.kernel @k(%x: memref<?x72xf32>, %y: memref<?x72xf32> {tile.written}, %rows: index) {
      %b = tile.block_id x
      %c8 = arith.constant 8 : index
      %c0 = arith.constant 0 : index
      %r = arith.muli %b, %c8 : index
      %left = arith.subi %rows, %r : index
      %t = tile.load %x[%r, %c0] valid(%left) : memref<?x72xf32> -> tensor<8x72xf32>
      %two = arith.constant dense<2.0> : tensor<8x72xf32>
      %u = arith.mulf %t, %two : tensor<8x72xf32>
      tile.store %u, %y[%r, %c0] valid(%left) : tensor<8x72xf32>, memref<?x72xf32>
      tile.return
    })mlir",
        {{13, 13}, {13}, {2, 1, 1}});
}

TEST_P(X86KernelTest, NormalisesRows) {
  for (const char *type : {"f32", "bf16", "f16"}) {
    std::string source = R"mlir(
    tile.kernel @k(%x: memref<?x100xT>, %w: memref<100xf32>, %y: memref<?x100xT> {tile.written}, %rows: index) {
      %b = tile.block_id x
      %c4 = arith.constant 4 : index
      %c0 = arith.constant 0 : index
      %r = arith.muli %b, %c4 : index
      %left = arith.subi %rows, %r : index
      %t = tile.load %x[%r, %c0] valid(%left) : memref<?x100xT> -> tensor<4x100xT>
      WIDEN
      %s = arith.mulf %f, %f : tensor<4x100xf32>
      %sum = tile.reduce <sum> %s along 1 : tensor<4x100xf32> -> tensor<4xf32>
      %n = arith.constant dense<100.0> : tensor<4xf32>
      %eps = arith.constant dense<1.0e-5> : tensor<4xf32>
      %mean = arith.divf %sum, %n : tensor<4xf32>
      %e = arith.addf %mean, %eps : tensor<4xf32>
      %q = math.rsqrt %e : tensor<4xf32>
      %qb = tile.broadcast %q along 1 : tensor<4xf32> -> tensor<4x100xf32>
      %wv = tile.load %w[%c0] : memref<100xf32> -> tensor<100xf32>
      %wb = tile.broadcast %wv along 0 : tensor<100xf32> -> tensor<4x100xf32>
      %g = arith.mulf %f, %qb : tensor<4x100xf32>
      %h = arith.mulf %g, %wb : tensor<4x100xf32>
      NARROW
      tile.store %o, %y[%r, %c0] valid(%left) : tensor<4x100xT>, memref<?x100xT>
      tile.return
    })mlir";
    auto replace = [&](const std::string &from, const std::string &to) {
      for (size_t at; (at = source.find(from)) != std::string::npos;)
        source.replace(at, from.size(), to);
    };
    bool wide = std::string(type) == "f32";
    replace(
        "WIDEN",
        wide
            ? "%z = arith.constant dense<0.0> : tensor<4x100xf32>\n%f = arith.addf %t, %z : tensor<4x100xf32>"
            : "%f = arith.extf %t : tensor<4x100xT> to tensor<4x100xf32>");
    replace("NARROW", wide ? "%o = arith.negf %h : tensor<4x100xf32>"
                           : "%o = arith.truncf %h : tensor<4x100xf32> to tensor<4x100xT>");
    replace("xT>", "x" + std::string(type) + ">");
    check(source, {{7, 7}, {7}, {2, 1, 1}});
  }
}
