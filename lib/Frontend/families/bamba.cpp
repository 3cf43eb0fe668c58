// Bamba: Mamba-2 layers with some attention layers between them, half of each head rotating; SwiGLU
// everywhere.
#include "../Family.h"
using namespace mlir::hybrid;

/// `attn_layer_indices` says where attention is; configs of other tools list a type per layer.
static std::vector<bool> whereAttention(FamilyReader &reader) {
  Config &config = reader.config;
  if (!config.has("attn_layer_indices"))
    for (llvm::StringRef key : {"layers_block_type", "layer_types"})
      if (config.has(key))
        return reader.attentionLayers(key, config.strings(key));
  std::vector<bool> attention(reader.numLayers());
  for (double index : config.numbers("attn_layer_indices")) {
    if (!(index >= 0 && index < attention.size())) {
      config.fail("attn_layer_indices", "expected layer indices from 0 to " + llvm::Twine(attention.size()) + " - 1");
      continue;
    }
    attention[size_t(index)] = true;
  }
  return attention;
}

void mlir::hybrid::readBamba(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("rms_norm_eps", 1e-5);
  reader.frame("model.embed_tokens", "model.final_layernorm", eps, config.boolean("tie_word_embeddings", false));
  int64_t inner = reader.expanded("mamba_expand");
  bool projBias = config.boolean("mamba_proj_bias", false), convBias = config.boolean("mamba_conv_bias", true);
  std::vector<bool> isAttention = whereAttention(reader);
  for (size_t i = 0; i < isAttention.size(); ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.norm = reader.norm(layer + ".input_layernorm", eps);
    if (isAttention[i]) {
      AttentionSpec attention = reader.attention(layer + ".self_attn", config.boolean("attention_bias", false));
      attention.rope = reader.rope(attention.headDim, 10000, 0.5);
      block.mixer.branches = {std::move(attention)};
    } else {
      Mamba2Spec mixer = reader.mamba2Dims(inner);
      mixer.outNorm.eps = eps;
      reader.mamba2Weights(mixer, layer + ".mamba", projBias, projBias, convBias);
      block.mixer.branches = {std::move(mixer)};
    }
    block.ffn = reader.gatedFfn(layer + ".feed_forward.gate_proj", layer + ".feed_forward.up_proj",
                                layer + ".feed_forward.down_proj", config.integer("intermediate_size"),
                                config.boolean("mlp_bias", false));
    block.ffn->activation = reader.activation();
    block.ffn->norm = reader.norm(layer + ".pre_ff_layernorm", eps);
  }
}
