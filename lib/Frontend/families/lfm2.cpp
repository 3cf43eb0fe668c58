// LFM2: gated short convolutions with some attention layers between them, queries and keys normed per head.
#include "../Family.h"
using namespace mlir::hybrid;

/// The FFN's width is derived from the config's unless it says that it is final.
static int64_t ffnWidth(Config &config) {
  int64_t width = config.integer(config.has("block_ff_dim") ? "block_ff_dim" : "intermediate_size", 12288);
  if (!config.boolean("block_auto_adjust_ff_dim", true))
    return width;
  width = int64_t(2 * width / 3.0);
  const llvm::json::Value *multiplier = config.get("block_ffn_dim_multiplier");
  if (multiplier && !config.has("block_ffn_dim_multiplier"))
    return width;
  double scaled = config.number("block_ffn_dim_multiplier", 1) * double(width);
  int64_t multiple = config.integer("block_multiple_of", 256);
  if (multiple < 1 || !(scaled >= 1 && scaled <= double(1 << 30))) {
    config.fail("block_ffn_dim_multiplier", "expected a positive multiplier and 'block_multiple_of'");
    return width;
  }
  width = int64_t(scaled);
  return (width + multiple - 1) / multiple * multiple;
}

static std::vector<bool> whereAttention(FamilyReader &reader) {
  Config &config = reader.config;
  if (config.has("layer_types"))
    return reader.attentionLayers("layer_types", config.strings("layer_types"));
  std::vector<bool> attention(reader.numLayers(), !config.has("full_attn_idxs"));
  for (double index : config.numbers("full_attn_idxs")) {
    if (index >= 0 && index < attention.size())
      attention[size_t(index)] = true;
    else
      config.fail("full_attn_idxs", "expected layer indices below " + llvm::Twine(attention.size()));
  }
  return attention;
}

void mlir::hybrid::readLfm2(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("norm_eps", 1e-5);
  bool tied = config.boolean("tie_embedding", config.boolean("tie_word_embeddings", true));
  reader.frame("model.embed_tokens", "model.embedding_norm", eps, tied);
  bool convBias = config.boolean("conv_bias", false);
  std::vector<bool> isAttention = whereAttention(reader);
  for (size_t i = 0; i < isAttention.size(); ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.norm = reader.norm(layer + ".operator_norm", eps);
    if (isAttention[i]) {
      AttentionSpec attention = reader.attention(layer + ".self_attn", /*bias=*/false, "out_proj");
      attention.rope = reader.rope(attention.headDim, 1000000);
      attention.qkNorm = QkNorm::head;
      attention.qNorm = reader.norm(layer + ".self_attn.q_layernorm", eps);
      attention.kNorm = reader.norm(layer + ".self_attn.k_layernorm", eps);
      block.mixer.branches = {std::move(attention)};
    } else {
      ShortConvSpec mixer;
      mixer.channels = reader.spec.width;
      mixer.conv = config.integer("conv_L_cache", 3);
      mixer.in = reader.linear({{layer + ".conv.in_proj"}}, convBias);
      mixer.out = reader.linear({{layer + ".conv.out_proj"}}, convBias);
      mixer.taps = tensorRecipe(layer + ".conv.conv.weight");
      if (convBias)
        mixer.convBias = tensorRecipe(layer + ".conv.conv.bias");
      block.mixer.branches = {std::move(mixer)};
    }
    std::string ffn = layer + ".feed_forward";
    block.ffn = reader.gatedFfn(ffn + ".w1", ffn + ".w3", ffn + ".w2", ffnWidth(config), /*bias=*/false);
    block.ffn->norm = reader.norm(layer + ".ffn_norm", eps);
  }
}
