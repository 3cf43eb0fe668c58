// x86 kernels of each CPU level against the same kernels evaluated in f64.
#include "X86Harness.h"
using namespace mlir;
using namespace mlir::hybrid;

INSTANTIATE_TEST_SUITE_P(Levels, X86KernelTest, ::testing::Values(CpuLevel::v1, CpuLevel::v3, CpuLevel::v4), levelName);

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
    replace("WIDEN",
            wide ? "%z = arith.constant dense<0.0> : tensor<4x100xf32>\n%f = arith.addf %t, %z : tensor<4x100xf32>"
                 : "%f = arith.extf %t : tensor<4x100xT> to tensor<4x100xf32>");
    replace("NARROW", wide ? "%o = arith.negf %h : tensor<4x100xf32>"
                           : "%o = arith.truncf %h : tensor<4x100xf32> to tensor<4x100xT>");
    replace("xT>", "x" + std::string(type) + ">");
    check(source, {{7, 7}, {7}, {2, 1, 1}});
  }
}

// Every elementary function on the range that matters, against f64.
TEST_P(X86KernelTest, ElementaryFunctions) {
  const char *names[] = {"exp", "exp2", "expm1", "log",   "log2",  "log1p", "tanh", "erf",
                         "sin", "cos",  "sqrt",  "rsqrt", "floor", "ceil",  "absf"};
  for (std::string name : names) {
    bool positive = name[0] == 'l' || name.find("sqrt") != std::string::npos;
    Launch launch{{}};
    launch.tolerance = 4e-7;
    launch.data = [&](unsigned argument, HostValue &value) {
      for (size_t i = 0; argument == 0 && i < value.data.size(); ++i) {
        double x = (static_cast<double>(i) - 250) * 0.0625 * (i % 7 == 0 ? 0.01 : 1);
        value.data[i] = static_cast<float>(positive ? std::fabs(x) + 1e-6 : x);
      }
      if (argument == 0 && name[0] == 'e' && name != "erf")
        value.data[3] = -INFINITY, value.data[4] = -1000, value.data[5] = -95;
      if (argument == 0 && (name == "log" || name == "log2" || name == "log1p"))
        value.data[3] = 0, value.data[4] = INFINITY;
    };
    check("tile.kernel @k(%x: memref<500xf32>, %y: memref<500xf32> {tile.written}) {\n"
          "  %c0 = arith.constant 0 : index\n"
          "  %t = tile.load %x[%c0] : memref<500xf32> -> tensor<500xf32>\n"
          "  %u = math." +
              name +
              " %t : tensor<500xf32>\n"
              "  tile.store %u, %y[%c0] : tensor<500xf32>, memref<500xf32>\n"
              "  tile.return\n}",
          launch);
  }
}

TEST_P(X86KernelTest, NarrowFloatsKeepSpecialValues) {
  for (std::string type : {"bf16", "f16"}) {
    Launch launch{{}};
    launch.data = [](unsigned argument, HostValue &value) {
      const double special[] = {0,     -0.0, INFINITY, -INFINITY, NAN,          65504,
                                65520, 6e-5, 6e-8,     3e-8,      1.0009765625, -70000};
      for (size_t i = 0; argument == 0 && i < std::size(special); ++i)
        value.data[i] = static_cast<float>(special[i]);
    };
    check("tile.kernel @k(%x: memref<20xf32>, %y: memref<20x" + type +
              "> {tile.written}, %z: memref<20xf32> {tile.written}) {\n"
              "  %c0 = arith.constant 0 : index\n"
              "  %t = tile.load %x[%c0] : memref<20xf32> -> tensor<20xf32>\n"
              "  %u = arith.truncf %t : tensor<20xf32> to tensor<20x" +
              type +
              ">\n"
              "  tile.store %u, %y[%c0] : tensor<20x" +
              type + ">, memref<20x" + type +
              ">\n"
              "  %w = arith.extf %u : tensor<20x" +
              type +
              "> to tensor<20xf32>\n"
              "  tile.store %w, %z[%c0] : tensor<20xf32>, memref<20xf32>\n"
              "  tile.return\n}",
          launch);
  }
}

// Rows named by numbers, out of a table in panels; a table of constants; integers and masks.
TEST_P(X86KernelTest, GathersAndMasks) {
  check(R"mlir(
    tile.kernel @k(%e: memref<40x24xbf16> {tile.panel = 16}, %ids: memref<?xi32>, %y: memref<?x24xf32> {tile.written},
                   %n: index) {
      %c0 = arith.constant 0 : index
      %rows = tile.load %ids[%c0] valid(%n) : memref<?xi32> -> tensor<8xi32>
      %t = tile.gather %e[%rows, %c0] valid(%n) : memref<40x24xbf16>, tensor<8xi32> -> tensor<8x24xbf16>
      %f = arith.extf %t : tensor<8x24xbf16> to tensor<8x24xf32>
      %scale = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
      %sb = tile.broadcast %scale along 1 : tensor<8xf32> -> tensor<8x24xf32>
      %g = arith.mulf %f, %sb : tensor<8x24xf32>
      %i = tile.index 0 : tensor<8x24xi32>
      %j = tile.index 1 : tensor<8x24xi32>
      %three = arith.constant dense<3> : tensor<8x24xi32>
      %i3 = arith.muli %i, %three : tensor<8x24xi32>
      %lower = arith.cmpi sge, %i3, %j : tensor<8x24xi32>
      %neg = arith.negf %g : tensor<8x24xf32>
      %big = arith.cmpf ogt, %g, %neg : tensor<8x24xf32>
      %both = arith.andi %lower, %big : tensor<8x24xi1>
      %h = arith.select %both, %g, %neg : tensor<8x24xi1>, tensor<8x24xf32>
      tile.store %h, %y[%c0, %c0] valid(%n) : tensor<8x24xf32>, memref<?x24xf32>
      tile.return
    })mlir",
        {{7, 7}, {7}, {1, 1, 1}});
}

// Arguments that a loop permutes: each is wanted after another is overwritten.
TEST_P(X86KernelTest, LoopsPermuteTheirArguments) {
  check(R"mlir(
    tile.kernel @k(%x: memref<4x20xf32>, %y: memref<8x20xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %a0 = tile.load %x[%c0, %c0] : memref<4x20xf32> -> tensor<4x20xf32>
      %b0 = arith.negf %a0 : tensor<4x20xf32>
      %one = arith.constant 1.0 : f32
      %r:3 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %a0, %b = %b0, %s = %one) -> (tensor<4x20xf32>, tensor<4x20xf32>, f32) {
        %t = arith.addf %s, %s : f32
        %ts = tensor.splat %t : tensor<4x20xf32>
        %c = arith.addf %a, %ts : tensor<4x20xf32>
        scf.yield %b, %c, %t : tensor<4x20xf32>, tensor<4x20xf32>, f32
      }
      tile.store %r#0, %y[%c0, %c0] : tensor<4x20xf32>, memref<8x20xf32>
      tile.store %r#1, %y[%c4, %c0] : tensor<4x20xf32>, memref<8x20xf32>
      tile.return
    })mlir",
        {{}, {3}, {1, 1, 1}});
}

// A buffer that is read and written: loads see what was there before, or after, as the order says.
TEST_P(X86KernelTest, StoresDoNotReachEarlierLoads) {
  check(R"mlir(
    tile.kernel @k(%x: memref<8x20xf32> {tile.written}, %y: memref<?xf32> {tile.written}, %n: index, %m: index) {
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %a = tile.load %x[%c0, %c0] : memref<8x20xf32> -> tensor<4x20xf32>
      %b = tile.load %x[%c4, %c0] : memref<8x20xf32> -> tensor<4x20xf32>
      %s = arith.addf %a, %b : tensor<4x20xf32>
      tile.store %s, %x[%c0, %c0] : tensor<4x20xf32>, memref<8x20xf32>
      %c = tile.load %x[%c0, %c0] : memref<8x20xf32> -> tensor<4x20xf32>
      %d = arith.mulf %c, %b : tensor<4x20xf32>
      %e = arith.subf %d, %a : tensor<4x20xf32>
      tile.store %e, %x[%c4, %c0] from(%n) valid(%m) : tensor<4x20xf32>, memref<8x20xf32>
      %v = tile.reduce <max> %e along 0 : tensor<4x20xf32> -> tensor<20xf32>
      tile.store %v, %y[%m] from(%n) valid(%m) : tensor<20xf32>, memref<?xf32>
      tile.return
    })mlir",
        {{24}, {1, 3}, {1, 1, 1}});
}

TEST_P(X86KernelTest, BranchesYieldTilesAndScalars) {
  for (int64_t n : {0, 5})
    check(R"mlir(
    tile.kernel @k(%x: memref<4x20xf32>, %p: memref<8xi32>, %y: memref<4x20xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %a = tile.load %x[%c0, %c0] : memref<4x20xf32> -> tensor<4x20xf32>
      %i = memref.load %p[%n] : memref<8xi32>
      %f = arith.sitofp %i : i32 to f32
      %c = arith.cmpi sgt, %n, %c2 : index
      %r:2 = scf.if %c -> (tensor<4x20xf32>, f32) {
        %e = math.exp %a : tensor<4x20xf32>
        %g = math.exp %f : f32
        scf.yield %e, %g : tensor<4x20xf32>, f32
      } else {
        scf.yield %a, %f : tensor<4x20xf32>, f32
      }
      %s = tensor.splat %r#1 : tensor<4x20xf32>
      %o = arith.addf %r#0, %s : tensor<4x20xf32>
      tile.store %o, %y[%c0, %c0] : tensor<4x20xf32>, memref<4x20xf32>
      tile.return
    })mlir",
          {{}, {n}, {1, 1, 1}, 2e-5});
}

TEST_P(X86KernelTest, UnknownOpsAreRefused) {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  auto module = parseSourceString<ModuleOp>(R"mlir(
    tile.kernel @k(%x: memref<4xf32>, %y: memref<4xf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %a = tile.load %x[%c0] : memref<4xf32> -> tensor<4xf32>
      %b = math.powf %a, %a : tensor<4xf32>
      tile.store %b, %y[%c0] : tensor<4xf32>, memref<4xf32>
      tile.return
    })mlir",
                                            &context);
  EXPECT_TRUE(failed(compileX86(*module, GetParam())));
}
