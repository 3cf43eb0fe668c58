// GPU kernels, thread by thread through their layouts, against the same kernels evaluated tile by tile.
#include "hybrid/Reference/LayoutEvaluator.h"
#include "hybrid/Register.h"
#include "hybrid/Target/NVPTX.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct Case {
  const char *input, *kernel;
  int64_t rows; // of buffers that do not state them
  std::vector<int64_t> scalars;
  std::array<int64_t, 3> grid;
};

class LayoutEvaluation : public ::testing::TestWithParam<Case> {
protected:
  LayoutEvaluation() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// Buffers of a kernel with the same random contents for one seed.
  static std::vector<HostValue> randomBuffers(tile::KernelOp kernel, int64_t rows) {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<HostValue> buffers;
    for (Type type : kernel.getArgumentTypes()) {
      auto memory = dyn_cast<MemRefType>(type);
      if (!memory)
        continue;
      SmallVector<int64_t> shape(memory.getShape());
      for (int64_t &d : shape)
        d = ShapedType::isDynamic(d) ? rows : d;
      HostValue buffer(shape);
      for (double &x : buffer.data)
        x = memory.getElementType().isInteger(32) ? double(random() % rows)
                                                  : roundTo(memory.getElementType(), uniform(random));
      buffers.push_back(std::move(buffer));
    }
    return buffers;
  }

  static SmallVector<HostValue *> pointers(std::vector<HostValue> &buffers) {
    SmallVector<HostValue *> result;
    for (HostValue &b : buffers)
      result.push_back(&b);
    return result;
  }

  /// How far apart the two evaluations of a kernel are, relative to 1 + the value.
  static double distance(const std::vector<HostValue> &a, const std::vector<HostValue> &b) {
    double most = 0;
    for (auto [x, y] : llvm::zip(a, b))
      for (auto [p, q] : llvm::zip(x.data, y.data))
        most = std::max(most, std::isnan(p) != std::isnan(q) ? INFINITY
                              : std::isnan(p)                ? 0
                                                             : std::fabs(p - q) / (1 + std::fabs(q)));
    return most;
  }

  MLIRContext context;
};
} // namespace

TEST_P(LayoutEvaluation, AgreesWithTheTiles) {
  const Case &c = GetParam();
  std::string path = std::string(HYBRID_SOURCE_DIR "/test/NVPTX/Inputs/") + c.input + ".mlir";
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  ASSERT_TRUE(module);
  OwningOpRef<ModuleOp> lowered = module->clone();
  PassManager pm(&context, ModuleOp::getOperationName());
  buildNVPTXTileForm(pm);
  ASSERT_TRUE(succeeded(pm.run(*lowered)));
  auto kernel = module->lookupSymbol<tile::KernelOp>(c.kernel),
       threads = lowered->lookupSymbol<tile::KernelOp>(c.kernel);
  ASSERT_TRUE(kernel && threads);
  auto expected = randomBuffers(kernel, c.rows), got = randomBuffers(kernel, c.rows), before = got;
  ASSERT_TRUE(succeeded(evaluateTileGrid(kernel, {pointers(expected), c.scalars}, c.grid)));
  ASSERT_TRUE(succeeded(evaluateLayoutGrid(threads, {pointers(got), c.scalars}, c.grid)));
  EXPECT_GT(distance(expected, before), 0.1) << "the kernel changes nothing";
  // Sums in another order may round the other way once: a step of bf16.
  bool narrows = false;
  kernel.walk([&](arith::TruncFOp) { narrows = true; });
  EXPECT_LT(distance(got, expected), narrows ? 1.0 / 128 : 1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, LayoutEvaluation,
    ::testing::Values(Case{"rms-norm", "rms_norm", 10, {10}, {3, 1, 1}},
                      Case{"gemm-bf16", "gemm", 150, {150}, {2, 2, 1}}, Case{"gemm-f16", "gemm", 70, {70}, {2, 2, 1}},
                      Case{"gemm-f32", "gemm", 70, {70}, {2, 2, 1}}, Case{"gemm-decode", "gemm", 7, {7}, {1, 2, 1}},
                      Case{"attention", "attention", 200, {150, 200, 50}, {3, 1, 1}},
                      Case{"scan", "scan", 150, {150}, {1, 1, 1}}, Case{"parts", "halo", 150, {150}, {3, 1, 1}},
                      Case{"parts", "sums", 5, {}, {1, 1, 1}}, Case{"parts", "gather", 40, {37}, {3, 1, 1}},
                      Case{"parts", "solve", 1, {}, {1, 1, 1}}, Case{"parts", "products", 72, {}, {1, 1, 1}},
                      Case{"parts", "functions", 1, {}, {1, 1, 1}}),
    [](const auto &info) {
      std::string name = std::string(info.param.input) + "_" + info.param.kernel;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

/// One warp multiplies a tile by itself, with layouts written by hand so that they can be wrong.
class HandWritten : public LayoutEvaluation {
protected:
  /// The distance of x x' + x x from what it is, with a product from shared memory and one from registers.
  double run(StringRef accumulator, StringRef fragments, StringRef shared) {
    std::string plain = R"(
      tile.kernel @k(%x: memref<16x16xbf16>, %y: memref<16x16xf32> {tile.written}) attributes {tile.warps = 1 : i64} {
        %c0 = arith.constant 0 : index
        %zero = arith.constant dense<0.0> : tensor<16x16xf32ACC>
        %a = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16FRAG>
        %b = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16SHARED>
        %d = tile.dot %b, %b, %zero {transpose_b} : tensor<16x16xbf16SHARED>, tensor<16x16xbf16SHARED> -> tensor<16x16xf32ACC>
        %e = tile.dot %a, %b, %d : tensor<16x16xbf16FRAG>, tensor<16x16xbf16SHARED> -> tensor<16x16xf32ACC>
        tile.store %e, %y[%c0, %c0] : tensor<16x16xf32ACC>, memref<16x16xf32>
        tile.return
      })";
    auto with = [&](StringRef acc, StringRef frag, StringRef bytes) {
      std::string text = plain;
      for (auto [name, value] : {std::pair<StringRef, StringRef>("ACC", acc), {"FRAG", frag}, {"SHARED", bytes}})
        for (size_t at; (at = text.find(name.str())) != std::string::npos;)
          text.replace(at, name.size(), value.empty() ? "" : (", #tile." + value).str());
      return parseSourceString<ModuleOp>(text, &context);
    };
    OwningOpRef<ModuleOp> reference = with("", "", ""), module = with(accumulator, fragments, shared);
    if (!reference || !module)
      return -1;
    auto kernel = *reference->getOps<tile::KernelOp>().begin(), threads = *module->getOps<tile::KernelOp>().begin();
    auto expected = randomBuffers(kernel, 1), got = randomBuffers(kernel, 1);
    EXPECT_TRUE(succeeded(evaluateTileGrid(kernel, {pointers(expected), {}}, {1, 1, 1})));
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
    if (failed(evaluateLayoutGrid(threads, {pointers(got), {}}, {1, 1, 1})))
      return INFINITY;
    return distance(got, expected);
  }
  static constexpr const char *kAcc = "layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>";
};

TEST_F(HandWritten, RightLayoutsGiveRightNumbers) {
  EXPECT_LT(run(kAcc, kAcc, "shared<pitch = 32, mask = 1, shift = 2>"), 1e-9);
  EXPECT_LT(run(kAcc, kAcc, "shared<pitch = 48, mask = 0, shift = 0>"), 1e-9);
}

TEST_F(HandWritten, WrongFragmentsGiveWrongNumbers) {
  // Rows and columns of registers exchanged; lanes in another order.
  EXPECT_GT(run(kAcc, "layout<registers = [2:1:1, 2:1:8, 2:0:8], lanes = [4:1:2, 8:0:1], warps = []>",
                "shared<pitch = 32, mask = 1, shift = 2>"),
            0.1);
  EXPECT_GT(run(kAcc, "layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [8:0:1, 4:1:2], warps = []>",
                "shared<pitch = 32, mask = 1, shift = 2>"),
            0.1);
}

TEST_F(HandWritten, OverlappingRowsGiveWrongNumbers) {
  double far = run(kAcc, kAcc, "shared<pitch = 16, mask = 0, shift = 0>");
  EXPECT_TRUE(far > 0.1) << far;
}

TEST_F(HandWritten, SaysWhatItCannotRun) {
  auto errorOf = [&](StringRef body, int64_t number = 0, bool given = true) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        ("#v = #tile.layout<registers = [], lanes = [32:0:1], warps = []>\n"
         "#t = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>\n"
         "#s = #tile.shared<pitch = 32, mask = 0, shift = 0>\n"
         "tile.kernel @k(%x: memref<16x16xbf16>, %n: index) attributes {tile.warps = 1 : i64} {\n"
         "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n" +
         body + "\ntile.return\n}")
            .str(),
        &context);
    EXPECT_TRUE(module) << body.str();
    auto kernel = *module->getOps<tile::KernelOp>().begin();
    auto buffers = randomBuffers(kernel, 1);
    std::string message = "no error";
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
    (void)evaluateLayoutGrid(kernel, {given ? pointers(buffers) : SmallVector<HostValue *>(), {number}}, {1, 1, 1});
    return message;
  };
  EXPECT_EQ(errorOf("", 0, false), "expected a buffer for argument 0, got only 0");
  EXPECT_EQ(errorOf("scf.for %i = %c0 to %c1 step %n {}"), "expected a positive step, got 0");
  EXPECT_EQ(errorOf("%t = tile.load %x[%n, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #t>", 1),
            "'tile.load' op reaches element (16, 0) of a buffer of 16 x 16");
  EXPECT_EQ(errorOf("%r = tile.buffer : tensor<2x16x16xbf16, #s>\n"
                    "tile.copy_async %x[%c0, %c0] into %r[%n] : memref<16x16xbf16> -> tensor<2x16x16xbf16, #s>",
                    5),
            "expected a slot below 2, got 5");
  EXPECT_EQ(
      errorOf("%z = arith.constant dense<0.0> : tensor<16x16xf32, #t>\n"
              "%d = tile.dot %z, %z, %z : tensor<16x16xf32, #t>, tensor<16x16xf32, #t> -> tensor<16x16xf32, #t>"),
      "expected operands in shared memory, got 'tensor<16x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], "
      "lanes = [4:1:2, 8:0:1], warps = []>>' and 'tensor<16x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, "
      "2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>'");
  std::string numbers = "0.0";
  for (int i = 1; i < 32; ++i)
    numbers += ", " + std::to_string(i) + ".0";
  EXPECT_EQ(errorOf("%c = arith.constant dense<[" + numbers + "]> : tensor<32xf32, #v>"),
            "expected one value for all elements");
  EXPECT_EQ(errorOf("%e = memref.load %x[%c0, %n] : memref<16x16xbf16>", 300),
            "'memref.load' op reaches element 300 of 256");
  EXPECT_EQ(errorOf("scf.execute_region { scf.yield }"), "'scf.execute_region' op has no meaning in a kernel");
}
