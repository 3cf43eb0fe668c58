// Granite 4 hybrid, dense: Mamba-2 and attention layers with factors on embedding, residuals, scores and
// logits.
#include "../Family.h"
using namespace mlir::hybrid;

void mlir::hybrid::readGraniteMoeHybrid(FamilyReader &reader) {
  Config &config = reader.config;
  if (int64_t experts = config.integer("num_local_experts", 8); experts != 0)
    return config.fail("num_local_experts", "expected 'num_local_experts' to be 0, got " + llvm::Twine(experts) +
                                                ": mixtures of experts are not supported, only dense models");
  double eps = config.number("rms_norm_eps", 1e-6);
  double logitDivisor = config.number("logits_scaling", 1);
  if (logitDivisor == 0)
    return config.fail("logits_scaling", "expected 'logits_scaling' other than 0");
  reader.frame("model.embed_tokens", "model.norm", eps, config.boolean("tie_word_embeddings", false),
               config.number("embedding_multiplier", 1), 1 / logitDivisor);
  llvm::StringRef key = config.has("layer_types") ? "layer_types" : "layers_block_type";
  std::vector<bool> isAttention(reader.numLayers());
  if (config.has(key))
    isAttention = reader.attentionLayers(key, config.strings(key));

  bool rotary = config.string("position_embedding_type", "") == "rope";
  bool attentionBias = config.boolean("attention_bias", false);
  bool projBias = config.boolean("mamba_proj_bias", false), convBias = config.boolean("mamba_conv_bias", true);
  double residual = config.number("residual_multiplier", 1);
  int64_t inner = reader.expanded("mamba_expand");
  for (size_t i = 0; i < isAttention.size(); ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.norm = reader.norm(layer + ".input_layernorm", eps);
    if (isAttention[i]) {
      AttentionSpec attention =
          reader.attention(layer + ".self_attn", attentionBias, "o_proj", {1, 1, /*output=*/residual});
      attention.scale = config.number("attention_multiplier", 1);
      if (rotary)
        attention.rope = reader.rope(attention.headDim);
      block.mixer.branches = {std::move(attention)};
    } else {
      Mamba2Spec mixer = reader.mamba2Dims(inner);
      mixer.outNorm.eps = eps;
      Mamba2Scales scales;
      scales.output = residual;
      reader.mamba2Weights(mixer, layer + ".mamba", projBias, projBias, convBias, scales);
      block.mixer.branches = {std::move(mixer)};
    }
    // The checkpoint has gate and up in one matrix already.
    FfnSpec ffn;
    ffn.name = "swiglu";
    ffn.activation = reader.activation();
    ffn.width = config.integer("shared_intermediate_size", 1024);
    ffn.up = reader.linear({{layer + ".shared_mlp.input_linear"}}, /*bias=*/false);
    ffn.down = reader.linear({{layer + ".shared_mlp.output_linear", -1, 1, residual}}, /*bias=*/false);
    ffn.norm = reader.norm(layer + ".post_attention_layernorm", eps);
    block.ffn = std::move(ffn);
  }
}
