// Llama: grouped-query attention and SwiGLU in every layer.
#include "../Family.h"
using namespace mlir::hybrid;

void mlir::hybrid::readLlama(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("rms_norm_eps", 1e-6);
  reader.frame("model.embed_tokens", "model.norm", eps, config.boolean("tie_word_embeddings", false));
  int64_t layers = reader.numLayers();
  for (int64_t i = 0; i < layers; ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    AttentionSpec attention = reader.attention(layer + ".self_attn", config.boolean("attention_bias", false));
    attention.rope = reader.rope(attention.headDim);
    FfnSpec ffn = reader.gatedFfn(layer + ".mlp.gate_proj", layer + ".mlp.up_proj", layer + ".mlp.down_proj",
                                  config.integer("intermediate_size"), config.boolean("mlp_bias", false));
    ffn.activation = reader.activation();
    ffn.norm = reader.norm(layer + ".post_attention_layernorm", eps);

    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.branches = {attention};
    block.mixer.norm = reader.norm(layer + ".input_layernorm", eps);
    block.ffn = std::move(ffn);
  }
}
