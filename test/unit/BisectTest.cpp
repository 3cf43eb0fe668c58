// --bisect with devices that are right, that compute one kernel wrongly, and that run whole calls wrongly.
#include "hybrid/Driver/Bisect.h"
#include "hybrid/Register.h"
#include "mlir/Pass/Pass.h"
#include "gtest/gtest.h"
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class Bisect : public testing::Test {
protected:
  Bisect() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    options.input = testing::TempDir() + "bisect.yaml";
    options.entries = {"score"};
    std::ofstream(options.input) << "name: one\nvocab: 24\nwidth: 16\n"
                                    "blocks:\n  a: {mixer: {attention: {heads: 1, head_dim: 16}}, ffn: {swiglu: 16}}\n"
                                    "layers: [a]\n";
    weights.initialiser = [](const std::string &, const std::string &parameter) {
      size_t at = std::hash<std::string>()(parameter) % 100;
      return [at](uint64_t element) { return 0.3f * std::sin(float(at + 1) * float(element % 1009 + 1)); };
    };
    bisectOptions.sequences = {{1, 7, 5, 2}, {3}};
    bisectOptions.devices = [this](hybridrt::artifact::ArtifactT &) -> llvm::Expected<std::vector<BisectDevice>> {
      return std::vector{device};
    };
    device.target = "x86-64";
    device.kernelsName = "code";
    device.callsName = "runtime";
  }

  const BisectForm *find(const BisectReport &report, StringRef name) {
    for (const BisectForm &form : report.forms)
      if (form.name == name)
        return &form;
    return nullptr;
  }

  MLIRContext context;
  CompileOptions options;
  BisectWeights weights;
  BisectOptions bisectOptions;
  BisectDevice device;
};

TEST_F(Bisect, SoundCodeAgrees) {
  device.runKernel = evaluateTileGrid;
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  EXPECT_EQ(report->firstDifference(), nullptr) << report->text();
  const BisectForm *code = find(*report, "x86-64: code");
  ASSERT_TRUE(code) << report->text();
  EXPECT_EQ(code->status, BisectForm::Status::agrees);
  EXPECT_EQ(code->error, 0);
}

TEST_F(Bisect, WrongKernelIsNamed) {
  device.runKernel = [](tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) {
    LogicalResult result = evaluateTileGrid(kernel, launch, grid);
    if (kernel.getSymName() == "swiglu_product_0")
      launch.buffers[0]->data[5] += 0.25; // the one that it writes
    return result;
  };
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  const BisectForm *first = report->firstDifference();
  ASSERT_TRUE(first) << report->text();
  EXPECT_EQ(first->name, "x86-64: code");
  ASSERT_TRUE(first->difference);
  EXPECT_EQ(first->difference->kernel, "swiglu_product_0");
  EXPECT_TRUE(StringRef(first->difference->layer).starts_with("blocks.1.ffn")) << report->text();
  EXPECT_EQ(first->difference->column, 5);
  EXPECT_EQ(first->difference->sequence, 0);
  EXPECT_NEAR(first->difference->found - first->difference->expected, 0.25, 1e-12);
}

TEST_F(Bisect, WrongCallIsNamed) {
  device.runCalls = [](ArrayRef<BisectCall> calls) -> llvm::Expected<std::vector<std::vector<float>>> {
    std::vector<std::vector<float>> logits;
    for (const BisectCall &call : calls)
      logits.emplace_back(call.ids.size() * 24, 1e3f);
    return logits;
  };
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  const BisectForm *first = report->firstDifference();
  ASSERT_TRUE(first) << report->text();
  EXPECT_EQ(first->name, "x86-64: runtime");
  ASSERT_TRUE(first->difference);
  EXPECT_EQ(first->difference->value, "logits");
  EXPECT_EQ(first->difference->found, 1e3);
}

TEST_F(Bisect, WhatFailsIsInTheReport) {
  device.runCalls = [](ArrayRef<BisectCall>) -> llvm::Expected<std::vector<std::vector<float>>> {
    return llvm::createStringError("no such device");
  };
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  ASSERT_TRUE(report->firstDifference());
  EXPECT_EQ(report->firstDifference()->message, "no such device");
}

/// A pass that fails and does not say why.
struct SilentPass : PassWrapper<SilentPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SilentPass)
  StringRef getArgument() const override { return "test-silent"; }
  void runOnOperation() override { signalPassFailure(); }
};

TEST_F(Bisect, SilentFailuresAreNamed) {
  device.runKernel = [](tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>) { return failure(); };
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  ASSERT_TRUE(report->firstDifference());
  EXPECT_EQ(report->firstDifference()->name, "x86-64: code");
  EXPECT_TRUE(StringRef(report->firstDifference()->message).ends_with("evaluating it failed")) << report->text();

  static PassRegistration<SilentPass> registration;
  device.runKernel = evaluateTileGrid;
  options.blockPasses = "test-silent";
  report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  ASSERT_TRUE(report->firstDifference());
  EXPECT_EQ(report->firstDifference()->name, "compiling the artifact");
  EXPECT_EQ(report->firstDifference()->message, "the block passes failed");
  EXPECT_EQ(llvm::toString(compileToArtifact(context, options).takeError()), "the block passes failed");
  options.modelPasses = "test-silent";
  EXPECT_EQ(llvm::toString(compileToModelForm(context, options).takeError()), "the graph passes failed");
}

TEST_F(Bisect, LacksATensor) {
  options.input = HYBRID_SOURCE_DIR "/test/Inputs/oracle/lfm2";
  llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  ASSERT_TRUE(report->firstDifference());
  EXPECT_EQ(report->firstDifference()->message, "--bisect: parameter 'embedding' is made from tensor "
                                                "'model.embed_tokens.weight', so this model needs --weights");
}
} // namespace
