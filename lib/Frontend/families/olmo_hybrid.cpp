// OLMo Hybrid: gated delta rule layers normed before their mixer, attention layers normed after it.
#include "../Family.h"
using namespace mlir::hybrid;

static std::vector<bool> whereAttention(FamilyReader &reader) {
  Config &config = reader.config;
  if (config.has("layer_types"))
    return reader.attentionLayers("layer_types", config.strings("layer_types"));
  std::vector<bool> attention(reader.numLayers());
  for (size_t i = 3; i < attention.size(); i += 4)
    attention[i] = true;
  if (!attention.empty() && attention.size() < 4)
    attention.back() = true;
  return attention;
}

static GatedDeltaSpec readDims(FamilyReader &reader) {
  Config &config = reader.config;
  int64_t heads = config.integer("num_attention_heads");
  GatedDeltaSpec mixer;
  mixer.keyHeads = config.integer("linear_num_key_heads", heads);
  mixer.valueHeads = config.integer("linear_num_value_heads", heads);
  mixer.keyDim = config.integer(
      "linear_key_head_dim", int64_t(0.75 * double(reader.spec.width) / double(std::max<int64_t>(mixer.keyHeads, 1))));
  mixer.valueDim = config.integer("linear_value_head_dim", 2 * mixer.keyDim);
  mixer.conv = config.integer("linear_conv_kernel_dim", 4);
  mixer.betaScale = config.boolean("linear_allow_neg_eigval", true) ? 2 : 1;
  mixer.activation = reader.activation();
  mixer.outNorm.eps = 1e-5; // not the config's
  return mixer;
}

static void readWeights(FamilyReader &reader, GatedDeltaSpec &mixer, const std::string &prefix) {
  mixer.in = reader.linear({{prefix + ".q_proj", mixer.keyWidth()},
                            {prefix + ".k_proj", mixer.keyWidth()},
                            {prefix + ".v_proj", mixer.valueWidth()},
                            {prefix + ".g_proj", mixer.valueWidth()},
                            {prefix + ".a_proj", mixer.valueHeads},
                            {prefix + ".b_proj", mixer.valueHeads}},
                           /*bias=*/false);
  mixer.out = reader.linear({{prefix + ".o_proj"}}, /*bias=*/false);
  // One convolution over q, k and v. Checkpoints cut it into three tensors, and not always where q, k and v
  // meet.
  if (reader.weights.find(prefix + ".conv1d.weight"))
    mixer.taps = tensorRecipe(prefix + ".conv1d.weight");
  else
    mixer.taps = concatRecipes({tensorRecipe(prefix + ".q_conv1d.weight"), tensorRecipe(prefix + ".k_conv1d.weight"),
                                tensorRecipe(prefix + ".v_conv1d.weight")});
  mixer.dtBias = tensorRecipe(prefix + ".dt_bias");
  mixer.a = {{prefix + ".A_log", 0, -1, 1, "neg_exp"}};
  mixer.outNorm.weight = tensorRecipe(prefix + ".o_norm.weight");
}

void mlir::hybrid::readOlmoHybrid(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("rms_norm_eps", 1e-6);
  reader.frame("model.embed_tokens", "model.norm", eps, config.boolean("tie_word_embeddings", false));
  // Two names for each norm of a linear layer: the released checkpoints' and the code's own.
  auto normOf = [&](const std::string &layer, llvm::StringRef released, llvm::StringRef own) {
    std::string name = layer + "." + released.str();
    return reader.norm(reader.weights.find(name + ".weight") ? name : layer + "." + own.str(), eps);
  };
  std::vector<bool> isAttention = whereAttention(reader);
  for (size_t i = 0; i < isAttention.size(); ++i) {
    std::string layer = "model.layers." + std::to_string(i);
    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.ffn = reader.gatedFfn(layer + ".mlp.gate_proj", layer + ".mlp.up_proj", layer + ".mlp.down_proj",
                                config.integer("intermediate_size"), /*bias=*/false);
    block.ffn->activation = reader.activation();
    if (isAttention[i]) {
      AttentionSpec attention = reader.attention(layer + ".self_attn", config.boolean("attention_bias", false));
      attention.rope = reader.rope(attention.headDim);
      attention.qkNorm = QkNorm::full;
      attention.qNorm = reader.norm(layer + ".self_attn.q_norm", eps);
      attention.kNorm = reader.norm(layer + ".self_attn.k_norm", eps);
      block.mixer.branches = {std::move(attention)};
      // The code's own post_attention_layernorm is what releases may call feedforward_layer_norm.
      block.mixer.postNorm = normOf(layer, "feedforward_layer_norm", "post_attention_layernorm");
      block.ffn->postNorm = reader.norm(layer + ".post_feedforward_layernorm", eps);
    } else {
      GatedDeltaSpec mixer = readDims(reader);
      readWeights(reader, mixer, layer + ".linear_attn");
      block.mixer.branches = {std::move(mixer)};
      block.mixer.norm = normOf(layer, "attention_layer_norm", "input_layernorm");
      block.ffn->norm = normOf(layer, "feedforward_layer_norm", "post_attention_layernorm");
    }
  }
}
