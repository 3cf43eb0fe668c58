// Hugging Face folders that are refused, and older spellings that are read as the new ones.
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// A copy of a fixture's model in a folder that is gone at the end of the test.
class ModelCopy {
public:
  explicit ModelCopy(StringRef family) {
    llvm::SmallString<128> name;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("model", name));
    path = name.str().str();
    std::string source = (HYBRID_SOURCE_DIR "/test/Inputs/oracle/" + family + "/").str();
    for (const char *file : {"config.json", "model.safetensors"})
      EXPECT_FALSE(llvm::sys::fs::copy_file(source + file, path + "/" + file));
  }
  ~ModelCopy() { llvm::sys::fs::remove_directories(path); }

  std::string read(StringRef file) const {
    auto buffer = llvm::MemoryBuffer::getFile(path + "/" + file.str());
    EXPECT_TRUE(bool(buffer)) << file.str();
    return buffer ? (*buffer)->getBuffer().str() : "";
  }
  void write(StringRef file, StringRef content) const {
    std::ofstream(path + "/" + file.str(), std::ios::binary) << content.str();
  }
  /// Replaces the only occurrence of `from`.
  void edit(StringRef file, StringRef from, StringRef to) const {
    std::string text = read(file);
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from.str();
    text.replace(at, from.size(), to);
    write(file, text);
  }
  /// The same within the header of the weights, whose size may change.
  void editHeader(StringRef from, StringRef to) const {
    edit("model.safetensors", from, to);
    std::string text = read("model.safetensors");
    uint64_t size = llvm::support::endian::read64le(text.data()) + to.size() - from.size();
    llvm::support::endian::write64le(text.data(), size);
    write("model.safetensors", text);
  }

  std::string path;
};

class HuggingFace : public testing::Test {
protected:
  HuggingFace() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }
  /// What importing fails with, the folder written as MODEL.
  std::string errorOf(const ModelCopy &model) {
    llvm::Expected<OwningOpRef<ModuleOp>> module = importModel(context, model.path);
    if (module)
      return "no error";
    std::string text = llvm::toString(module.takeError());
    for (size_t at; (at = text.find(model.path)) != std::string::npos;)
      text.replace(at, model.path.size(), "MODEL");
    return text;
  }
  std::string errorOfEdit(StringRef family, StringRef from, StringRef to) {
    ModelCopy model(family);
    model.edit("config.json", from, to);
    return errorOf(model);
  }
  MLIRContext context;
};

TEST_F(HuggingFace, ConfigsThatAreRefused) {
  EXPECT_EQ(errorOfEdit("llama", "\"model_type\": \"llama\"", "\"model_type\": \"gpt2\""),
            "MODEL/config.json:17:3: error: unknown family 'gpt2'; known are bamba, falcon_h1, "
            "granitemoehybrid, lfm2, "
            "llama, mamba2, olmo_hybrid");
  EXPECT_EQ(errorOfEdit("llama", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"mish\""),
            "MODEL/config.json:11:3: error: unknown activation 'mish'; known are silu, swish, gelu, gelu_new, "
            "gelu_pytorch_tanh, relu2, sigmoid");
  EXPECT_EQ(errorOfEdit("llama", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"),
            "MODEL/config.json: error: layer 1: expected 'kv_heads' (3) to divide 'heads' (4)");
  EXPECT_EQ(errorOfEdit("llama", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 1000000"),
            "MODEL/config.json:19:3: error: expected 'num_hidden_layers' from 1 to 4096, got 1000000");
  EXPECT_EQ(errorOfEdit("llama", "\"hidden_size\": 64", "\"hidden_size\": \"wide\""),
            "MODEL/config.json:12:3: error: expected an integer for 'hidden_size'");
  EXPECT_EQ(errorOfEdit("llama", "\"rope_type\": \"default\"", "\"rope_type\": \"longrope\""),
            "MODEL/config.json:24:3: error: unknown rotary scaling 'longrope'; known are default, linear, "
            "llama3, yarn");
  EXPECT_EQ(errorOfEdit("granitehybrid_dense", "\"num_local_experts\": 0", "\"num_local_experts\": 8"),
            "MODEL/config.json:39:3: error: expected 'num_local_experts' to be 0, got 8: mixtures of experts "
            "are not "
            "supported, only dense models");
  EXPECT_EQ(errorOfEdit("llama", "\"hidden_size\": 64,", "\"hidden_size\": 64"),
            "MODEL/config.json:13:3: error: expected JSON: Expected , or } after object property");
}

TEST_F(HuggingFace, WeightsThatAreRefused) {
  ModelCopy missing("llama");
  llvm::sys::fs::remove(missing.path + "/model.safetensors");
  EXPECT_EQ(errorOf(missing), "MODEL: error: no weights in 'MODEL': expected model.safetensors or "
                              "model.safetensors.index.json");
  ModelCopy empty("llama");
  empty.write("model.safetensors", "");
  EXPECT_NE(errorOf(empty).find("MODEL/model.safetensors"), std::string::npos);
  ModelCopy truncated("llama");
  truncated.write("model.safetensors", StringRef(truncated.read("model.safetensors")).drop_back(100));
  EXPECT_NE(errorOf(truncated).find("MODEL/model.safetensors"), std::string::npos);
  ModelCopy absurd("llama");
  absurd.write("model.safetensors", std::string(8, '\xff') + "{}");
  EXPECT_NE(errorOf(absurd).find("MODEL/model.safetensors"), std::string::npos);

  ModelCopy renamed("llama");
  renamed.editHeader("model.layers.2.mlp.up_proj.weight", "model.layers.2.mlp.UP_proj.weight");
  EXPECT_EQ(errorOf(renamed), "MODEL: error: tensor 'model.layers.2.mlp.up_proj.weight': expected it in "
                              "the checkpoint, found no tensor of that name (for parameter "
                              "'blocks.3.ffn.swiglu.gate_up')");
  ModelCopy integers("llama");
  integers.editHeader("\"model.norm.weight\":{\"dtype\":\"F32\"", "\"model.norm.weight\":{\"dtype\":\"I32\"");
  EXPECT_EQ(errorOf(integers),
            "MODEL/model.safetensors: error: tensor 'model.norm.weight': expected dtype F32, BF16 or "
            "F16, found I32 (for parameter 'final_norm')");
}

TEST_F(HuggingFace, ShapesThatDoNotFit) {
  EXPECT_EQ(errorOfEdit("llama", "\"intermediate_size\": 160", "\"intermediate_size\": 128"),
            "MODEL/model.safetensors: error: tensor 'model.layers.0.mlp.gate_proj.weight': expected 128 "
            "rows, found F32 [160, 64]"
            " (for parameter 'blocks.1.ffn.swiglu.gate_up')");
  EXPECT_EQ(errorOfEdit("llama", "\"vocab_size\": 96", "\"vocab_size\": 97"),
            "MODEL: error: parameter 'embedding': expected 97 rows, found 96 in "
            "'model.embed_tokens.weight' F32 [96, 64]");
  EXPECT_EQ(errorOfEdit("mamba2", "\"state_size\": 32", "\"state_size\": 16"),
            "MODEL: error: parameter 'blocks.1.mixer.mamba2.in': expected 324 rows, found 388 in "
            "'backbone.layers.0.mixer.in_proj.weight' F32 [388, 64]");
}

// Weights in several files, which an index names.
TEST_F(HuggingFace, Shards) {
  ModelCopy model("llama");
  std::string index, weights = model.read("model.safetensors");
  for (StringRef rest = weights; rest.contains("\"dtype\"");) {
    auto [name, after] = rest.split("\":{\"dtype\"");
    index += ((index.empty() ? "\"" : ", \"") + name.rsplit('"').second + "\": \"shard-1.safetensors\"").str();
    rest = after;
  }
  ASSERT_FALSE(llvm::sys::fs::rename(model.path + "/model.safetensors", model.path + "/shard-1.safetensors"));
  model.write("model.safetensors.index.json", "{\"weight_map\": {" + index + "}}");
  EXPECT_EQ(errorOf(model), "no error");
  model.edit("model.safetensors.index.json", "\"shard-1.safetensors\"", "\"../shard-1.safetensors\"");
  EXPECT_NE(errorOf(model).find("expected the name of a file in the same folder"), std::string::npos);
}

// Files of before transformers 5: rope_theta outside, bare infinities, layer types under another name.
TEST_F(HuggingFace, OlderSpellings) {
  ModelCopy llama("llama");
  llama.edit("config.json", "\"rope_parameters\": {\n    \"rope_theta\": 10000.0,\n    \"rope_type\": \"default\"\n  }",
             "\"rope_theta\": 123.0, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0}");
  llvm::Expected<ModelSpec> spec = readHuggingFace(llama.path);
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  const auto &attention = std::get<AttentionSpec>(spec->blocks[0].mixer.branches[0]);
  EXPECT_EQ(attention.rope->theta, 123);
  EXPECT_EQ(attention.rope->scaling, RopeScaling::linear);
  EXPECT_EQ(attention.rope->factor, 2);

  ModelCopy granite("granitehybrid_dense");
  granite.edit("config.json", "{\n      \"__float__\": \"Infinity\"\n    }", "Infinity");
  granite.edit("config.json", "\"layer_types\"", "\"layers_block_type\"");
  for (int i = 0; i < 3; ++i)
    granite.edit("config.json", "\"linear_attention\"", "\"mamba\"");
  EXPECT_EQ(errorOf(granite), "no error");
}

TEST_F(HuggingFace, NameOfTheFolder) {
  for (StringRef suffix : {"", "/", "/.", "/../llama"}) {
    llvm::Expected<ModelSpec> spec = readHuggingFace((HYBRID_SOURCE_DIR "/test/Inputs/oracle/llama" + suffix).str());
    ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
    EXPECT_EQ(spec->name, "llama");
  }
}

TEST_F(HuggingFace, EndOfSequenceTokens) {
  ModelCopy model("llama");
  model.edit("config.json", "\"eos_token_id\": null", "\"eos_token_id\": 7");
  llvm::Expected<ModelSpec> spec = readHuggingFace(model.path);
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_EQ(spec->eos, std::vector<int64_t>({7}));
  model.write("generation_config.json", "{\"eos_token_id\": [3, 5]}");
  spec = readHuggingFace(model.path);
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_EQ(spec->eos, std::vector<int64_t>({3, 5}));
}
} // namespace
