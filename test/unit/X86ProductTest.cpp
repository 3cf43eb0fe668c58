// Products of many shapes, operand forms and element types.
#include "X86Harness.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct Shape {
  int64_t m, n, k;
};
std::string replaced(std::string text, std::initializer_list<std::pair<std::string, std::string>> pairs) {
  for (auto &[from, to] : pairs)
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}
/// One product of a[M, K] and b, both loaded from plain memory, plus an accumulator.
std::string product(Shape s, bool transposeA, bool transposeB, const std::string &type, bool zeroAcc) {
  int64_t aRows = transposeA ? s.k : s.m, aColumns = transposeA ? s.m : s.k;
  int64_t bRows = transposeB ? s.n : s.k, bColumns = transposeB ? s.k : s.n;
  std::string flags =
      transposeA ? (transposeB ? "{transpose_a, transpose_b}" : "{transpose_a}") : (transposeB ? "{transpose_b}" : "");
  std::string acc = zeroAcc ? "arith.constant dense<0.0> : tensor<MxNxf32>"
                            : "tile.load %c[%c0, %c0] : memref<MxNxf32> -> tensor<MxNxf32>";
  return replaced(R"mlir(
    tile.kernel @k(%a: memref<ARxACxT>, %b: memref<BRxBCxT>, %c: memref<MxNxf32>, %d: memref<MxNxf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %ta = tile.load %a[%c0, %c0] : memref<ARxACxT> -> tensor<ARxACxT>
      %tb = tile.load %b[%c0, %c0] : memref<BRxBCxT> -> tensor<BRxBCxT>
      %tc = ACC
      %r = tile.dot %ta, %tb, %tc FLAGS : tensor<ARxACxT>, tensor<BRxBCxT> -> tensor<MxNxf32>
      tile.store %r, %d[%c0, %c0] : tensor<MxNxf32>, memref<MxNxf32>
      tile.return
    })mlir",
                  {{"FLAGS", flags},
                   {"ACC", acc},
                   {"ARxAC", std::to_string(aRows) + "x" + std::to_string(aColumns)},
                   {"BRxBC", std::to_string(bRows) + "x" + std::to_string(bColumns)},
                   {"MxN", std::to_string(s.m) + "x" + std::to_string(s.n)},
                   {"xT>", "x" + type + ">"}});
}
} // namespace

TEST_P(X86KernelTest, ProductsOfAllShapes) {
  const Shape shapes[] = {{1, 16, 1},  {1, 64, 96},  {1, 72, 36}, {2, 8, 5},    {3, 32, 17}, {6, 16, 8},
                          {7, 24, 33}, {16, 64, 64}, {13, 48, 4}, {36, 40, 20}, {64, 8, 72}, {5, 1, 3}};
  for (Shape s : shapes)
    for (int form = 0; form < 4; ++form)
      check(product(s, form & 1, form & 2, "f32", (s.m + form) % 2), {{}, {}, {1, 1, 1}, 1e-4});
}

TEST_P(X86KernelTest, ProductsOfNarrowFloats) {
  for (const char *type : {"bf16", "f16"})
    for (int form = 0; form < 4; ++form)
      check(product({9, 40, 24}, form & 1, form & 2, type, true), {{}, {}, {1, 1, 1}, 1e-4});
}

// A linear layer as the compiler writes it: a fused norm before, chunks of n, an epilogue, rows that run out.
TEST_P(X86KernelTest, LinearLayerReadsPanelsInPlace) {
  for (const char *type : {"f32", "bf16"})
    for (int64_t rows : {9, 1})
      for (int64_t tile : {1, 2, 8, 16}) {
        bool narrow = type[0] == 'b';
        std::string source = replaced(R"mlir(
    tile.kernel @k(%x: memref<?x80xT>, %w: memref<?x80xT> {tile.panel = 16}, %bias: memref<?xf32>,
                   %y: memref<?x128xT> {tile.written}, %rows: index) {
      %bx = tile.block_id x
      %by = tile.block_id y
      %c0 = arith.constant 0 : index
      %cm = arith.constant MT : index
      %c32 = arith.constant 32 : index
      %c64 = arith.constant 64 : index
      %r = arith.muli %bx, %cm : index
      %left = arith.subi %rows, %r : index
      %t = tile.load %x[%r, %c0] valid(%left) : memref<?x80xT> -> tensor<MTx80xT>
      WIDEN
      %s = arith.mulf %f, %f : tensor<MTx80xf32>
      %sum = tile.reduce <sum> %s along 1 : tensor<MTx80xf32> -> tensor<MTxf32>
      %one = arith.constant dense<1.0> : tensor<MTxf32>
      %e = arith.addf %sum, %one : tensor<MTxf32>
      %q = math.rsqrt %e : tensor<MTxf32>
      %qb = tile.broadcast %q along 1 : tensor<MTxf32> -> tensor<MTx32xf32>
      %n0 = arith.muli %by, %c64 : index
      %n1 = arith.addi %n0, %c64 : index
      scf.for %n = %n0 to %n1 step %c32 {
        %p = tile.load %w[%n, %c0] : memref<?x80xT> -> tensor<32x80xT>
        %zero = arith.constant dense<0.0> : tensor<MTx32xf32>
        %c = tile.dot %t, %p, %zero rows(%left) {transpose_b} : tensor<MTx80xT>, tensor<32x80xT> -> tensor<MTx32xf32>
        %scaled = arith.mulf %c, %qb : tensor<MTx32xf32>
        %bv = tile.load %bias[%n] : memref<?xf32> -> tensor<32xf32>
        %bb = tile.broadcast %bv along 0 : tensor<32xf32> -> tensor<MTx32xf32>
        %z = arith.addf %scaled, %bb : tensor<MTx32xf32>
        NARROW
        tile.store %o, %y[%r, %n] valid(%left) : tensor<MTx32xT>, memref<?x128xT>
      }
      tile.return
    })mlir",
                                      {{"WIDEN", narrow ? "%f = arith.extf %t : tensor<MTx80xT> to tensor<MTx80xf32>"
                                                        : "%f = arith.negf %t : tensor<MTx80xf32>"},
                                       {"NARROW", narrow ? "%o = arith.truncf %z : tensor<MTx32xf32> to tensor<MTx32xT>"
                                                         : "%o = arith.negf %z : tensor<MTx32xf32>"},
                                       {"MT", std::to_string(tile)},
                                       {"xT>", std::string("x") + type + ">"}});
        check(source, {{rows, 128, 128, rows}, {rows}, {(rows + tile - 1) / tile, 2, 1}, 1e-4});
      }
}

// Attention over blocks of keys: three tiles carried by the loop, masked with positions.
TEST_P(X86KernelTest, FlashAttention) {
  check(R"mlir(
    tile.kernel @k(%q: memref<?x24xf32>, %k: memref<?x24xf32>, %v: memref<?x40xf32>, %o: memref<?x40xf32> {tile.written},
                   %rows: index, %keys: index) {
      %bx = tile.block_id x
      %c0 = arith.constant 0 : index
      %c8 = arith.constant 8 : index
      %c16 = arith.constant 16 : index
      %r = arith.muli %bx, %c8 : index
      %left = arith.subi %rows, %r : index
      %qt = tile.load %q[%r, %c0] valid(%left) : memref<?x24xf32> -> tensor<8x24xf32>
      %m0 = arith.constant dense<0xFF800000> : tensor<8xf32>
      %l0 = arith.constant dense<0.0> : tensor<8xf32>
      %a0 = arith.constant dense<0.0> : tensor<8x40xf32>
      %ninf = arith.constant dense<0xFF800000> : tensor<8x16xf32>
      %zero = arith.constant dense<0.0> : tensor<8x16xf32>
      %scale = arith.constant dense<0.25> : tensor<8x16xf32>
      %ri = arith.index_cast %r : index to i32
      %off = tensor.splat %ri : tensor<8x16xi32>
      %i0 = tile.index 0 : tensor<8x16xi32>
      %i = arith.addi %i0, %off : tensor<8x16xi32>
      %j0 = tile.index 1 : tensor<8x16xi32>
      %res:3 = scf.for %s = %c0 to %keys step %c16 iter_args(%a = %a0, %m = %m0, %l = %l0)
          -> (tensor<8x40xf32>, tensor<8xf32>, tensor<8xf32>) {
        %kleft = arith.subi %keys, %s : index
        %kt = tile.load %k[%s, %c0] valid(%kleft) : memref<?x24xf32> -> tensor<16x24xf32>
        %vt = tile.load %v[%s, %c0] valid(%kleft) : memref<?x40xf32> -> tensor<16x40xf32>
        %d = tile.dot %qt, %kt, %zero rows(%left) {transpose_b} : tensor<8x24xf32>, tensor<16x24xf32> -> tensor<8x16xf32>
        %ds = arith.mulf %d, %scale : tensor<8x16xf32>
        %si = arith.index_cast %s : index to i32
        %sj = tensor.splat %si : tensor<8x16xi32>
        %j = arith.addi %j0, %sj : tensor<8x16xi32>
        %causal = arith.cmpi sle, %j, %i : tensor<8x16xi32>
        %x = arith.select %causal, %ds, %ninf : tensor<8x16xi1>, tensor<8x16xf32>
        %mx = tile.reduce <max> %x along 1 : tensor<8x16xf32> -> tensor<8xf32>
        %mn = arith.maximumf %m, %mx : tensor<8xf32>
        %mnb = tile.broadcast %mn along 1 : tensor<8xf32> -> tensor<8x16xf32>
        %xs = arith.subf %x, %mnb : tensor<8x16xf32>
        %p = math.exp %xs : tensor<8x16xf32>
        %dm = arith.subf %m, %mn : tensor<8xf32>
        %alpha = math.exp %dm : tensor<8xf32>
        %ls = arith.mulf %l, %alpha : tensor<8xf32>
        %sum = tile.reduce <sum> %p along 1 : tensor<8x16xf32> -> tensor<8xf32>
        %ln = arith.addf %ls, %sum : tensor<8xf32>
        %ab = tile.broadcast %alpha along 1 : tensor<8xf32> -> tensor<8x40xf32>
        %as = arith.mulf %a, %ab : tensor<8x40xf32>
        %an = tile.dot %p, %vt, %as rows(%left) : tensor<8x16xf32>, tensor<16x40xf32> -> tensor<8x40xf32>
        scf.yield %an, %mn, %ln : tensor<8x40xf32>, tensor<8xf32>, tensor<8xf32>
      }
      %lb = tile.broadcast %res#2 along 1 : tensor<8xf32> -> tensor<8x40xf32>
      %y = arith.divf %res#0, %lb : tensor<8x40xf32>
      tile.store %y, %o[%r, %c0] valid(%left) : tensor<8x40xf32>, memref<?x40xf32>
      tile.return
    })mlir",
        {{21, 21, 21, 21}, {21, 21}, {3, 1, 1}, 1e-4});
}

// A chunk of a recurrence: segment sums, a state carried in place and read as a panel, its update by a
// transposed a.
TEST_P(X86KernelTest, StateScan) {
  check(R"mlir(
    tile.kernel @k(%c: memref<?x24xf32>, %b: memref<?x24xf32>, %x: memref<?x32xf32>, %ld: memref<?x3xf32>,
                   %z: memref<24x32xf32> {tile.written}, %y: memref<?x32xf32> {tile.written}, %rows: index) {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %c8 = arith.constant 8 : index
      %z0 = tile.load %z[%c0, %c0] : memref<24x32xf32> -> tensor<24x32xf32>
      %zero = arith.constant dense<0.0> : tensor<8x8xf32>
      %zeroy = arith.constant dense<0.0> : tensor<8x32xf32>
      %zf = scf.for %t = %c0 to %rows step %c8 iter_args(%s = %z0) -> (tensor<24x32xf32>) {
        %left = arith.subi %rows, %t : index
        %ct = tile.load %c[%t, %c0] valid(%left) : memref<?x24xf32> -> tensor<8x24xf32>
        %bt = tile.load %b[%t, %c0] valid(%left) : memref<?x24xf32> -> tensor<8x24xf32>
        %xt = tile.load %x[%t, %c0] valid(%left) : memref<?x32xf32> -> tensor<8x32xf32>
        %raw = tile.load %ld[%t, %c2] valid(%left) : memref<?x3xf32> -> tensor<8xf32>
        %abs = math.absf %raw : tensor<8xf32>
        %g = arith.negf %abs : tensor<8xf32>
        %seg = tile.segment_sum %g : tensor<8xf32> -> tensor<8x8xf32>
        %decay = math.exp %seg : tensor<8x8xf32>
        %cb = tile.dot %ct, %bt, %zero rows(%left) {transpose_b} : tensor<8x24xf32>, tensor<8x24xf32> -> tensor<8x8xf32>
        %m = arith.mulf %cb, %decay : tensor<8x8xf32>
        %before = tile.prefix_sum %g : tensor<8xf32>
        %eb = math.exp %before : tensor<8xf32>
        %ebb = tile.broadcast %eb along 1 : tensor<8xf32> -> tensor<8x32xf32>
        %cs = tile.dot %ct, %s, %zeroy : tensor<8x24xf32>, tensor<24x32xf32> -> tensor<8x32xf32>
        %css = arith.mulf %cs, %ebb : tensor<8x32xf32>
        %yt = tile.dot %m, %xt, %css rows(%left) : tensor<8x8xf32>, tensor<8x32xf32> -> tensor<8x32xf32>
        tile.store %yt, %y[%t, %c0] valid(%left) : tensor<8x32xf32>, memref<?x32xf32>
        %after = tile.prefix_sum %g {suffix} : tensor<8xf32>
        %ea = math.exp %after : tensor<8xf32>
        %eab = tile.broadcast %ea along 1 : tensor<8xf32> -> tensor<8x32xf32>
        %xs = arith.mulf %xt, %eab : tensor<8x32xf32>
        %c7 = arith.constant 7 : index
        %total = tensor.extract %eb[%c7] : tensor<8xf32>
        %tb = tensor.splat %total : tensor<24x32xf32>
        %sd = arith.mulf %s, %tb : tensor<24x32xf32>
        %sn = tile.dot %bt, %xs, %sd {transpose_a} : tensor<8x24xf32>, tensor<8x32xf32> -> tensor<24x32xf32>
        scf.yield %sn : tensor<24x32xf32>
      }
      tile.store %zf, %z[%c0, %c0] : tensor<24x32xf32>, memref<24x32xf32>
      tile.return
    })mlir",
        {{21, 21, 21, 21, 21}, {21}, {1, 1, 1}, 1e-4});
}

TEST_P(X86KernelTest, TransposesSolvesAndReductionsOfColumns) {
  check(R"mlir(
    tile.kernel @k(%x: memref<20x20xf32>, %r: memref<20x72xf32>, %y: memref<20x72xf32> {tile.written},
                   %t: memref<72x20xf32> {tile.written}, %s: memref<72xf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %l = tile.load %x[%c0, %c0] : memref<20x20xf32> -> tensor<20x20xf32>
      %rhs = tile.load %r[%c0, %c0] columns(70) : memref<20x72xf32> -> tensor<20x72xf32>
      %z = tile.solve %l, %rhs : tensor<20x20xf32>, tensor<20x72xf32>
      tile.store %z, %y[%c0, %c0] columns(71) : tensor<20x72xf32>, memref<20x72xf32>
      %q = tile.transpose %rhs : tensor<20x72xf32> -> tensor<72x20xf32>
      tile.store %q, %t[%c0, %c0] : tensor<72x20xf32>, memref<72x20xf32>
      %m = tile.reduce <max> %z along 0 : tensor<20x72xf32> -> tensor<72xf32>
      %n = tile.reduce <sum> %rhs along 0 : tensor<20x72xf32> -> tensor<72xf32>
      %o = arith.addf %m, %n : tensor<72xf32>
      tile.store %o, %s[%c0] : tensor<72xf32>, memref<72xf32>
      tile.return
    })mlir",
        {{}, {}, {1, 1, 1}, 1e-3});
}
