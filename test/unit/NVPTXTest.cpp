// Kernels of test/NVPTX/Inputs to PTX, and with ptxas and a disassembler to machine code.
#include "hybrid/Target/NVPTX.h"
#include "dialects/Tile/Tile.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class NVPTX : public ::testing::TestWithParam<std::tuple<const char *, const char *>> {
protected:
  NVPTX() : context(registry()) {}

  static DialectRegistry registry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  FailureOr<NVPTXModule> compile(StringRef input, StringRef chip) {
    std::string path = (HYBRID_SOURCE_DIR "/test/NVPTX/Inputs/" + input + ".mlir").str();
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
    if (!module)
      return failure();
    return compileNVPTX(*module, chip);
  }

  MLIRContext context;
};

class Code : public NVPTX {};
} // namespace

TEST_P(NVPTX, CompilesWithoutSpills) {
  auto [input, chip] = GetParam();
  FailureOr<NVPTXModule> module = compile(input, chip);
  ASSERT_TRUE(succeeded(module));
  EXPECT_EQ(module->chip, chip);
  EXPECT_NE(module->ptx.find(StringRef(chip) == "sm_80" ? ".version 7.0" : ".version 8.0"), std::string::npos);
  ASSERT_FALSE(module->kernels.empty());
  for (const NVPTXKernel &kernel : module->kernels) {
    EXPECT_NE(module->ptx.find(".visible .entry " + kernel.name + "("), std::string::npos);
    EXPECT_NE(module->ptx.find(".reqntid " + std::to_string(kernel.threads)), std::string::npos);
  }
  if (!findPtxas())
    GTEST_SKIP() << "ptxas not found";
  EXPECT_FALSE(module->cubin.empty());
  for (const NVPTXKernel &kernel : module->kernels) {
    EXPECT_GT(kernel.registers, 0) << kernel.name;
    EXPECT_EQ(kernel.spillBytes, 0) << kernel.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, NVPTX,
                         ::testing::Combine(::testing::Values("rms-norm", "gemm-bf16", "gemm-f16", "gemm-f32",
                                                              "gemm-decode", "attention", "scan", "scan-short",
                                                              "parts"),
                                            ::testing::Values("sm_80", "sm_90a")));

TEST_P(Code, UsesMatrixUnitAndAsyncCopies) {
  auto [input, chip] = GetParam();
  FailureOr<NVPTXModule> module = compile(input, chip);
  ASSERT_TRUE(succeeded(module));
  for (StringRef instruction :
       {"mma.sync.aligned.m16n8k16", "ldmatrix.sync.aligned.m8n8.x4", "cp.async.cg.shared.global"})
    EXPECT_NE(module->ptx.find(instruction.str()), std::string::npos) << instruction.str();
  if (module->cubin.empty())
    GTEST_SKIP() << "ptxas not found";
  llvm::Expected<std::string> code = disassemble(*module);
  if (!code)
    GTEST_SKIP() << llvm::toString(code.takeError());
  for (StringRef instruction : {"HMMA.16816.F32", "LDSM.16", "LDGSTS.E"})
    EXPECT_NE(code->find(instruction.str()), std::string::npos) << instruction.str();
}

INSTANTIATE_TEST_SUITE_P(Products, Code,
                         ::testing::Combine(::testing::Values("gemm-bf16", "gemm-f16", "attention", "scan"),
                                            ::testing::Values("sm_80", "sm_90a")));

TEST_F(NVPTX, RefusesUnknownChips) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
  EXPECT_TRUE(failed(compileNVPTX(*module, "sm_70")));
  EXPECT_EQ(message, "expected a GPU of sm_80 or sm_90a, got 'sm_70'");
}

TEST_F(NVPTX, DisassemblesWhatWasAssembled) {
  EXPECT_EQ(llvm::toString(disassemble(NVPTXModule()).takeError()),
            "expected a cubin to disassemble; none was made because ptxas was not found");
}

TEST_F(NVPTX, LoadsFewerIterationsAheadWhereSharedMemoryEnds) {
  FailureOr<NVPTXModule> small = compile("deep-loads", "sm_80"), large = compile("deep-loads", "sm_90a");
  ASSERT_TRUE(succeeded(small) && succeeded(large));
  EXPECT_LE(small->kernels[0].sharedBytes, 166912u);
  EXPECT_GT(large->kernels[0].sharedBytes, 166912u);
}

TEST_F(NVPTX, RefusesTilesThatDoNotFitSharedMemory) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
    tile.kernel @big(%x: memref<512x256xbf16>, %y: memref<512x512xf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %zero = arith.constant dense<0.0> : tensor<512x512xf32>
      %t = tile.load %x[%c0, %c0] : memref<512x256xbf16> -> tensor<512x256xbf16>
      %d = tile.dot %t, %t, %zero {transpose_b} : tensor<512x256xbf16>, tensor<512x256xbf16> -> tensor<512x512xf32>
      tile.store %d, %y[%c0, %c0] : tensor<512x512xf32>, memref<512x512xf32>
      tile.return
    })",
                                                             &context);
  ASSERT_TRUE(module);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
  EXPECT_TRUE(failed(compileNVPTX(*module, "sm_80")));
  EXPECT_EQ(message, "expected kernel 'big' to need at most 166912 bytes of shared memory on sm_80, got 262144; use "
                     "smaller tiles");
}
