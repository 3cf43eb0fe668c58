// Hugging Face folders that are refused, and older spellings that are read as the new ones.
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
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
  EXPECT_EQ(errorOf(empty), "MODEL: error: 'MODEL/model.safetensors' is empty; expected a safetensors file");
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
  EXPECT_EQ(
      errorOfEdit("llama", "\"num_attention_heads\": 4", "\"num_attention_heads\": 8"),
      "MODEL/model.safetensors: error: tensor 'model.layers.0.self_attn.q_proj.weight': expected at least 256 rows, "
      "found F32 [128, 64] (for parameter 'blocks.1.mixer.attention.qkv')");
  ModelCopy turned("llama");
  turned.editHeader("\"model.layers.0.mlp.gate_proj.weight\":{\"dtype\":\"F32\",\"shape\":[160,64]",
                    "\"model.layers.0.mlp.gate_proj.weight\":{\"dtype\":\"F32\",\"shape\":[64,160]");
  EXPECT_EQ(errorOf(turned),
            "MODEL/model.safetensors: error: tensor 'model.layers.0.mlp.gate_proj.weight': expected 64 "
            "elements per row, found F32 [64, 160] (for parameter 'blocks.1.ffn.swiglu.gate_up')");
  EXPECT_EQ(errorOfEdit("llama", "\"vocab_size\": 96", "\"vocab_size\": 97"),
            "MODEL: error: parameter 'embedding': expected 97 rows, found 96 in "
            "'model.embed_tokens.weight' F32 [96, 64]");
  EXPECT_EQ(errorOfEdit("mamba2", "\"state_size\": 32", "\"state_size\": 16"),
            "MODEL: error: parameter 'blocks.1.mixer.mamba2.in': expected 324 rows, found 388 in "
            "'backbone.layers.0.mixer.in_proj.weight' F32 [388, 64]");
}

/// config.json of the oracle's model of a family, with `key` (which may be of an inner object) set to `value`.
struct ConfigCase {
  const char *family, *key, *value, *expected;
};

const ConfigCase refusedConfigs[] = {
    {"llama", "model_type", "null",
     "expected key 'model_type'; known families are bamba, falcon_h1, granitemoehybrid, "
     "lfm2, llama, mamba2, olmo_hybrid"},
    {"llama", "quantization_config", "{}",
     "quantised checkpoints are not supported; expected F32, BF16 or F16 weights"},
    {"llama", "hidden_size", "null", "expected key 'hidden_size', an integer, found none"},
    {"llama", "rms_norm_eps", "\"small\"", "expected a number for 'rms_norm_eps'"},
    {"llama", "tie_word_embeddings", "1", "expected true or false for 'tie_word_embeddings'"},
    {"llama", "hidden_act", "5", "expected a string for 'hidden_act'"},
    {"llama", "eos_token_id", "[\"a\"]", "expected token numbers for 'eos_token_id'"},
    {"llama", "eos_token_id", "\"a\"", "expected a token number or a list of them for 'eos_token_id'"},
    {"llama", "rope_parameters", "5", "expected an object for 'rope_parameters'"},
    {"llama", "rope_parameters", "{\"rope_theta\": \"x\"}", "expected a number for 'rope_theta'"},
    {"llama", "rope_parameters", "{\"rope_type\": \"linear\"}", "expected key 'factor', a number, found none"},
    {"llama", "rope_parameters", "{\"partial_rotary_factor\": 2}",
     "expected 'partial_rotary_factor' in (0, 1], got 2.00"},
    {"llama", "rope_parameters", "{\"rope_type\": \"yarn\", \"factor\": 2, \"truncate\": false}",
     "expected 'truncate' to be true: YaRN with an exact correction range is not supported"},
    {"llama", "rope_parameters", "{\"rope_theta\": 0.5}", "layer 1: expected a rotary theta above 1, got 0.5"},
    {"bamba", "num_attention_heads", "7", "expected 'num_attention_heads' (7) to divide 'hidden_size' (64)"},
    {"bamba", "attn_layer_indices", "[9]", "expected layer indices from 0 to 5 - 1"},
    {"bamba", "attn_layer_indices", "5", "expected a list of numbers for 'attn_layer_indices'"},
    {"bamba", "attn_layer_indices", "[\"x\"]", "expected a list of numbers for 'attn_layer_indices'"},
    {"bamba", "mamba_expand", "0", "expected 'mamba_expand' times 'hidden_size' from 1 to 2^30"},
    {"bamba", "mamba_n_heads", "7", "expected 'mamba_n_heads' (7) to divide the mixer's width (128)"},
    {"bamba", "mamba_d_head", "7",
     "expected 'mamba_d_head' (7) times 'mamba_n_heads' (4) to be the mixer's width (128)"},
    {"bamba", "time_step_limit", "[1]", "expected two numbers for 'time_step_limit', got 1"},
    {"granitehybrid_dense", "layer_types", "[\"odd\"]", "unknown layer type 'odd' in 'layer_types'"},
    {"granitehybrid_dense", "layer_types", "[\"mamba\"]", "expected one entry of 'layer_types' per layer (5), got 1"},
    {"granitehybrid_dense", "layer_types", "5", "expected a list of strings for 'layer_types'"},
    {"granitehybrid_dense", "layer_types", "[5]", "expected a list of strings for 'layer_types'"},
    {"granitehybrid_dense", "logits_scaling", "0", "expected 'logits_scaling' other than 0"},
    {"lfm2", "block_multiple_of", "0", "expected a positive multiplier and 'block_multiple_of'"},
    {"lfm2", "full_attn_idxs", "[9]", "expected layer indices below 5"},
    {"mamba2", "num_heads", "7",
     "expected 'num_heads' (7) times 'head_dim' (32) to be 'expand' times 'hidden_size' (128)"},
};

TEST_F(HuggingFace, EveryMessageOfConfigs) {
  for (auto [family, key, value, expected] : refusedConfigs) {
    ModelCopy model(family);
    llvm::json::Value config = llvm::cantFail(llvm::json::parse(model.read("config.json")));
    (*config.getAsObject())[key] = llvm::cantFail(llvm::json::parse(value));
    if (StringRef(key) == "full_attn_idxs")
      config.getAsObject()->erase("layer_types");
    if (StringRef(key) == "block_multiple_of")
      (*config.getAsObject())["block_auto_adjust_ff_dim"] = true;
    model.write("config.json", llvm::formatv("{0}", config).str());
    // In one line, so the column alone says the place.
    std::string error = errorOf(model);
    EXPECT_TRUE(StringRef(error).starts_with("MODEL/config.json:")) << error;
    EXPECT_EQ(StringRef(error).split(": error: ").second, expected) << family << " " << key << " " << value;
  }
}

TEST_F(HuggingFace, FilesThatAreNone) {
  ImportOptions options;
  options.dtype = "fp8";
  llvm::Expected<OwningOpRef<ModuleOp>> module = importModel(context, "model", options);
  EXPECT_EQ(llvm::toString(module.takeError()), "expected dtype f32, bf16 or f16, got 'fp8'");
  ModelCopy folder("llama");
  llvm::sys::fs::remove(folder.path + "/config.json");
  EXPECT_EQ(errorOf(folder), "MODEL/config.json: error: expected a readable file: No such file or directory");
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder.path + "/config.json"));
  EXPECT_EQ(errorOf(folder), "MODEL/config.json: error: expected a regular file");
  ModelCopy list("llama");
  list.write("config.json", "[]");
  EXPECT_EQ(errorOf(list), "MODEL/config.json: error: expected a JSON object");
  ModelCopy large("llama");
  large.write("config.json", std::string((16u << 20) + 1, ' '));
  EXPECT_EQ(errorOf(large), "MODEL/config.json: error: expected at most 16777216 bytes, got 16777217");
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
  {
    ModelCopy large("llama");
    llvm::sys::fs::remove(large.path + "/model.safetensors");
    large.write("model.safetensors.index.json", std::string((64u << 20) + 1, ' '));
    EXPECT_EQ(errorOf(large), "MODEL: error: MODEL/model.safetensors.index.json: expected at most 67108864 bytes of "
                              "JSON, found 67108865");
  }
  model.edit("model.safetensors.index.json", "\"shard-1.safetensors\"", "\"../shard-1.safetensors\"");
  EXPECT_NE(errorOf(model).find("expected the name of a file in the same folder, found \"../shard-1.safetensors\""),
            std::string::npos);
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
