// Mamba-2: one mixer per layer and no feed-forward network.
#include "../Family.h"
using namespace mlir::hybrid;

void mlir::hybrid::readMamba2(FamilyReader &reader) {
  Config &config = reader.config;
  double eps = config.number("layer_norm_epsilon", 1e-5);
  // Checkpoints converted early have the name of the original code.
  llvm::StringRef embedding =
      reader.weights.find("backbone.embedding.weight") ? "backbone.embedding" : "backbone.embeddings";
  reader.frame(embedding, "backbone.norm_f", eps, config.boolean("tie_word_embeddings", false));

  Mamba2Spec dims;
  dims.heads = config.integer("num_heads", 128);
  dims.headDim = config.integer("head_dim", 64);
  dims.state = config.integer("state_size", 128);
  dims.groups = config.integer("n_groups", 8);
  dims.conv = config.integer("conv_kernel", 4);
  dims.activation = reader.activation();
  dims.outNorm.eps = eps;
  reader.timeStepLimit(dims);
  int64_t inner = reader.expanded("expand");
  if (dims.heads * dims.headDim != inner)
    config.fail("num_heads", "expected 'num_heads' (" + llvm::Twine(dims.heads) + ") times 'head_dim' (" +
                                 llvm::Twine(dims.headDim) + ") to be 'expand' times 'hidden_size' (" +
                                 llvm::Twine(inner) + ")");
  bool bias = config.boolean("use_bias", false), convBias = config.boolean("use_conv_bias", true);
  int64_t layers = reader.numLayers();
  for (int64_t i = 0; i < layers; ++i) {
    std::string layer = "backbone.layers." + std::to_string(i);
    Mamba2Spec mixer = dims;
    reader.mamba2Weights(mixer, layer + ".mixer", bias, bias, convBias);
    BlockSpec &block = reader.spec.blocks.emplace_back();
    block.mixer.branches = {std::move(mixer)};
    block.mixer.norm = reader.norm(layer + ".norm", eps);
  }
}
