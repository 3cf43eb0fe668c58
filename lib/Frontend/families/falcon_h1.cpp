// Falcon-H1: attention and Mamba-2 side by side in every layer, with a factor on nearly every projection. All
// factors are linear in a weight, so they are part of its recipe.
#include "../Family.h"
using namespace mlir::hybrid;

/// A list of factors of fixed length, all 1 by default.
static std::vector<double> factors(Config &config, llvm::StringRef key, size_t count) {
  std::vector<double> values = config.numbers(key);
  if (values.empty())
    return std::vector<double>(count, 1);
  if (values.size() != count)
    config.fail(key,
                "expected " + llvm::Twine(count) + " numbers for '" + key + "', got " + llvm::Twine(values.size()));
  values.resize(count, 1);
  return values;
}

void mlir::hybrid::readFalconH1(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("rms_norm_eps", 1e-5);
  reader.frame("model.embed_tokens", "model.final_layernorm", eps, config.boolean("tie_word_embeddings", false),
               config.number("embedding_multiplier", 1), config.number("lm_head_multiplier", 1));
  // An explicit null means that the width follows from the model's.
  bool derived = config.get("mamba_d_ssm") && !config.has("mamba_d_ssm");
  int64_t inner = derived ? reader.expanded("mamba_expand") : config.integer("mamba_d_ssm", 1024);
  AttentionScales attentionScales{config.number("attention_in_multiplier", 1), config.number("key_multiplier", 1),
                                  config.number("attention_out_multiplier", 1)};
  Mamba2Scales mambaScales{config.number("ssm_in_multiplier", 1), config.number("ssm_out_multiplier", 1),
                           factors(config, "ssm_multipliers", 5)};
  std::vector<double> ffnScales = factors(config, "mlp_multipliers", 2);

  int64_t layers = reader.numLayers();
  for (int64_t i = 0; i < layers; ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    AttentionSpec attention =
        reader.attention(layer + ".self_attn", config.boolean("attention_bias", false), "o_proj", attentionScales);
    attention.rope = reader.rope(attention.headDim);

    Mamba2Spec mamba = reader.mamba2Dims(inner);
    mamba.outNorm.eps = eps;
    if (!config.boolean("mamba_rms_norm", false))
      mamba.norm = GatedNorm::none;
    else
      mamba.norm = config.boolean("mamba_norm_before_gate", true) ? GatedNorm::normFirst : GatedNorm::gateFirst;
    reader.mamba2Weights(mamba, layer + ".mamba", config.boolean("mamba_proj_bias", false),
                         config.boolean("projectors_bias", false), config.boolean("mamba_conv_bias", true),
                         mambaScales);

    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.norm = reader.norm(layer + ".input_layernorm", eps);
    block.mixer.branches = {std::move(attention), std::move(mamba)};
    block.mixer.fuse = FuseSpec();
    block.ffn = reader.gatedFfn(layer + ".feed_forward.gate_proj", layer + ".feed_forward.up_proj",
                                layer + ".feed_forward.down_proj", config.integer("intermediate_size"),
                                config.boolean("mlp_bias", false), ffnScales[0], ffnScales[1]);
    block.ffn->activation = reader.activation();
    block.ffn->norm = reader.norm(layer + ".pre_ff_layernorm", eps);
  }
}
