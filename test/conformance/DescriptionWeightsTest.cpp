// Weights for a model that was described, not imported: a checkpoint calls its tensors by the canonical names, whatever
// the compiler merged and folded on the way. The tools' logits, from packing them and from the packed copy, against
// the evaluator's on the model as it was imported.
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Register.h"
#include "lib/Artifact/Safetensors.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "test/unit/Fixture.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <fstream>
#include <random>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct Case {
  const char *name, *fuse, *tied;
  /// What bf16 costs this model when nothing is folded into its matrices: the rms error of its logits over their rms.
  double bf16;
};

constexpr const char *kModel = R"(
name: tiny
vocab: 40
width: 32
blocks:
  both:
    mixer:
      parallel:
        attention: {heads: 2, kv_heads: 1, head_dim: 16, qk_norm: head, bias: true, rope: {theta: 1e4, scaling: none}}
        mamba2: {heads: 2, head_dim: 16, state: 16, conv: 4, groups: 1}
)";

class DescriptionWeights : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "description_" + GetParam().name;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/model.yaml")
        << kModel << "      fuse: " << GetParam().fuse << "\n    ffn: {swiglu: 48}\n"
        << "layers: {pattern: both, count: 2}\ntie_embeddings: " << GetParam().tied << "\n";
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    llvm::Expected<OwningOpRef<ModuleOp>> imported = importModel(context, folder + "/model.yaml");
    ASSERT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
    module = std::move(*imported);
    makeWeights();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// One tensor per parameter, of its name: random, those of norms around 1.
  void makeWeights() {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<hybridrt::SafetensorsWriter::Tensor> tensors;
    std::vector<std::vector<float>> data;
    for (auto global : module->getOps<ml_program::GlobalOp>()) {
      auto shape = cast<RankedTensorType>(global.getType()).getShape();
      std::string name = global.getSymName().str();
      bool factor = StringRef(name).contains("norm") || StringRef(name).contains("scale");
      HostValue &value = weights[name] = HostValue(shape);
      std::vector<float> &values = data.emplace_back();
      for (double &v : value.data) {
        values.push_back(factor ? 1 + 0.4f * normal(random) : 0.3f * normal(random));
        v = values.back();
      }
      tensors.push_back({name, hybridrt::ElementType::f32, {shape.begin(), shape.end()}});
    }
    hybridrt::SafetensorsWriter writer(folder + "/model.safetensors", tensors);
    for (auto &values : data)
      writer.append(values.data(), values.size() * sizeof(float));
    writer.commit();
  }

  /// What the evaluator computes from those weights, in f64 and without any pass.
  std::vector<double> expected() {
    HostValue tokens(ArrayRef<int64_t>{kSequences * kLength}), positions = tokens, rows = tokens,
                                                               offsets(ArrayRef<int64_t>{kSequences + 1});
    for (int64_t i = 0; i < kSequences * kLength; ++i) {
      tokens.data[i] = double(id(i));
      positions.data[i] = double(i % kLength);
      rows.data[i] = double(i);
    }
    for (int64_t s = 0; s <= kSequences; ++s)
      offsets.data[s] = double(s * kLength);
    auto results =
        evaluate(module->lookupSymbol<func::FuncOp>("score"), {tokens, positions, offsets, rows},
                 [&](StringRef name) -> FailureOr<HostValue> { return fixture::applyRecipe(*module, name, weights); });
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? (*results)[0].data : std::vector<double>();
  }

  static int64_t id(int64_t i) { return (i * 7 + i / kLength) % 40; }

  void command(const std::string &text) {
    std::string whole = "XDG_CACHE_HOME=" + folder + "/cache " + text + " > " + folder + "/log 2>&1";
    ASSERT_EQ(std::system(whole.c_str()), 0) << whole << "\n" << std::ifstream(folder + "/log").rdbuf();
  }

  std::string bytes(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  /// Compiles, runs with a cold and a warm cache, and returns the logits.
  std::vector<float> run(const std::string &dtype) {
    hybridrt::SafetensorsWriter ids(folder + "/ids.safetensors",
                                    {{"input_ids", hybridrt::ElementType::i64, {kSequences, kLength}}});
    for (int64_t i = 0; i < kSequences * kLength; ++i) {
      int64_t token = id(i);
      ids.append(&token, sizeof token);
    }
    ids.commit();
    std::string artifact = folder + "/" + dtype + ".hyb";
    command(HYBRID_COMPILER " --entries=score --dtype=" + dtype + " " + folder + "/model.yaml -o " + artifact);
    std::string run = HYBRID_RUN " " + artifact + " --weights " + folder + " --input-ids " + folder +
                      "/ids.safetensors --logits " + folder + "/";
    command(run + "cold.safetensors");
    int packed = 0;
    for (const auto &file : std::filesystem::recursive_directory_iterator(folder + "/cache"))
      packed += file.path().extension() == ".pack";
    EXPECT_GE(packed, 1);
    command(run + "warm.safetensors");
    EXPECT_EQ(bytes(folder + "/cold.safetensors"), bytes(folder + "/warm.safetensors"));
    auto file = hybridrt::Safetensors::open(folder + "/warm.safetensors");
    EXPECT_TRUE(bool(file));
    if (!file)
      return {};
    const hybridrt::TensorView *view = file->find("logits");
    std::vector<float> logits(view->elements());
    view->readFloats(0, view->elements(), logits.data());
    return logits;
  }

  static constexpr int64_t kSequences = 2, kLength = 21;
  std::string folder;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  fixture::Tensors weights;
};

TEST_P(DescriptionWeights, LogitsAreTheEvaluators) {
  std::vector<double> wanted = expected();
  double squares = 0;
  for (double v : wanted)
    squares += v * v;
  double deviation = std::sqrt(squares / double(wanted.size()));
  ASSERT_GT(deviation, 0.5);
  // Folding may change which roundings a model has, but must not make them worse than the storage does anyway.
  for (auto [dtype, limit] : {std::pair("f32", 1e-5), {"bf16", 1.25 * GetParam().bf16}}) {
    std::vector<float> logits = run(dtype);
    ASSERT_EQ(logits.size(), wanted.size());
    double error = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      error += (logits[i] - wanted[i]) * (logits[i] - wanted[i]);
    EXPECT_LE(std::sqrt(error / double(logits.size())), limit * deviation) << dtype;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Fuses, DescriptionWeights,
    testing::Values(Case{"difference", "{op: sub, norm: group, scaling: none, projection: separate}", "false", 0.0199},
                    Case{"scaled", "{op: add, norm: group, scaling: vector, projection: separate}", "true", 0.0176},
                    Case{"concat", "{op: concat, norm: group, scaling: vector, projection: joint}", "false", 0.0199},
                    Case{"scalar", "{op: sub, norm: none, scaling: scalar, projection: joint}", "true", 0.0427}),
    [](const auto &info) { return std::string(info.param.name); });
} // namespace
