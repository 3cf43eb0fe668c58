// What a mapping file of a Hugging Face family writes with. A family is one file in families/ that turns
// config.json and the checkpoint's tensor names into a ModelSpec, and one line in the table of Family.cpp.
#ifndef HYBRID_LIB_FRONTEND_FAMILY_H
#define HYBRID_LIB_FRONTEND_FAMILY_H
#include "Config.h"
#include "lib/Artifact/Checkpoint.h"

namespace mlir::hybrid {

/// Rows of a projection that come from one linear layer of the checkpoint ("<layer>.weight" and
/// "<layer>.bias"). A factor on the layer's input scales its weight only, one on its output scales both.
struct LayerRows {
  std::string layer;
  /// -1: all of them, when nothing is merged with them.
  int64_t rows = -1;
  double inputScale = 1, outputScale = 1;
};

/// Factors on the input of a Mamba-2 mixer, on the segments z, x, B, C, dt of its projection, and on its
/// output.
struct Mamba2Scales {
  double input = 1, output = 1;
  std::vector<double> segments = {1, 1, 1, 1, 1};
};

/// Factors on the input, the keys and the output of attention.
struct AttentionScales {
  double input = 1, key = 1, output = 1;
};

class FamilyReader {
public:
  FamilyReader(Config &config, const hybridrt::Checkpoint &weights, ModelSpec &spec)
      : config(config), weights(weights), spec(spec) {}

  Config &config;
  const hybridrt::Checkpoint &weights;
  ModelSpec &spec;

  /// vocab, width, eps of the final norm, tied or separate head, and factors on embedding and logits, folded
  /// where that is exact: a factor on the logits into the final norm's weight.
  void frame(llvm::StringRef embedding, llvm::StringRef finalNorm, double eps, bool tied, double embeddingScale = 1,
             double logitScale = 1);

  /// num_hidden_layers, bounded so that a loop over it ends.
  int64_t numLayers();
  /// Per layer, whether it is attention. `types` are the config's words, which differ between versions.
  std::vector<bool> attentionLayers(llvm::StringRef key, const std::vector<std::string> &types);

  LinearSpec linear(std::initializer_list<LayerRows> layers, bool bias);
  NormSpec norm(const std::string &name, double eps) { return {eps, tensorRecipe(name + ".weight")}; }
  /// The activation of `key`, silu by default.
  Activation activation(llvm::StringRef key = "hidden_act");

  /// Rotary positions as the config has them, in `rope_parameters` or in the keys before that; none where
  /// theta is null.
  std::optional<RopeSpec> rope(int64_t headDim, double defaultTheta = 10000, double defaultFraction = 1);

  /// Grouped-query attention with q_proj, k_proj, v_proj and `outName` under `prefix`.
  AttentionSpec attention(const std::string &prefix, bool bias, llvm::StringRef outName = "o_proj",
                          AttentionScales scales = {});
  /// gate, up and down projections.
  FfnSpec gatedFfn(const std::string &gate, const std::string &up, const std::string &down, int64_t width, bool bias,
                   double gateScale = 1, double outScale = 1);

  /// hidden_size times the factor behind `key`, 2 by default.
  int64_t expanded(llvm::StringRef key);
  /// The dims that bamba and its kin spell mamba_n_heads, mamba_d_head, ...
  Mamba2Spec mamba2Dims(int64_t inner);
  /// Recipes of a mixer whose dims are set, under `prefix`.
  void mamba2Weights(Mamba2Spec &mixer, const std::string &prefix, bool inBias, bool outBias, bool convBias,
                     const Mamba2Scales &scales = {});
  /// time_step_limit.
  void timeStepLimit(Mamba2Spec &mixer);
};

struct Family {
  llvm::StringRef modelType;
  void (*read)(FamilyReader &);
};

void readBamba(FamilyReader &);
void readFalconH1(FamilyReader &);
void readGraniteMoeHybrid(FamilyReader &);
void readLfm2(FamilyReader &);
void readLlama(FamilyReader &);
void readMamba2(FamilyReader &);
void readOlmoHybrid(FamilyReader &);

} // namespace mlir::hybrid
#endif
