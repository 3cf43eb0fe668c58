// What every front end produces: a model as a list of blocks, with a recipe for each parameter. It knows no
// checkpoint format and no description syntax; `buildModelForm` turns it into IR.
//
// Sizes count elements: heads, channels, tokens, rows of a state. Matrices are [out, in], so a merged projection has
// its parts one after another as rows; taps are [channels, width]. `findMisfit` says what does not fit together.
#ifndef HYBRID_FRONTEND_MODELSPEC_H
#define HYBRID_FRONTEND_MODELSPEC_H
#include "dialects/Hybrid/Hybrid.h"
#include "hybrid/Support/TextScan.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mlir::hybrid {

/// One run of rows of a parameter; the fields are those of `#hybrid.piece`.
struct PieceSpec {
  std::string source;
  int64_t begin = 0, end = -1;
  double scale = 1;
  /// "", "neg_exp" or "one_plus".
  std::string map;
};

/// The pieces of one parameter, in order. Empty: the model has no such parameter.
using Recipe = std::vector<PieceSpec>;

/// A whole checkpoint tensor, times `scale`.
inline Recipe tensorRecipe(std::string source, double scale = 1) { return {{std::move(source), 0, -1, scale, ""}}; }
/// The recipes one after another.
Recipe concatRecipes(std::initializer_list<Recipe> parts);

/// A matrix [out, in] and an optional bias [out].
struct LinearSpec {
  Recipe weight, bias;
};

/// x / sqrt(mean(x^2) + eps) * weight[width]: an RMS norm (Zhang and Sennrich, 2019).
struct NormSpec {
  double eps = 1e-5;
  Recipe weight;
};

/// Rotary positions (Su et al., 2021), halves rotated as in GPT-NeoX, and how their frequencies are stretched: by
/// `factor` alone (linear), by wavelength (llama3, as in Llama 3.1), or by parts (yarn, Peng et al., 2023).
struct RopeSpec {
  double theta = 10000;
  /// Channels of each head that rotate.
  int64_t rotaryDim = 0;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1, lowFreqFactor = 1, highFreqFactor = 4;
  int64_t originalContext = 8192;
  double betaFast = 32, betaSlow = 1, attentionFactor = 1;
};

enum class QkNorm {
  none,
  /// Each head on its own, before rotary.
  head,
  /// Over all heads at once, before they are split.
  full,
};

/// Softmax attention with grouped keys and values (Ainslie et al., 2023).
struct AttentionSpec {
  int64_t heads = 0, kvHeads = 0, headDim = 0, valueDim = 0;
  std::optional<RopeSpec> rope;
  /// Tokens that a query sees, itself included, and the first tokens that it sees besides.
  std::optional<int64_t> window;
  int64_t sinkTokens = 0;
  /// Scores are scale q . k, by default 1 / sqrt(headDim), then softcap tanh(score / softcap).
  std::optional<double> scale, softcap;
  QkNorm qkNorm = QkNorm::none;
  bool sinkLogits = false;
  NormSpec qNorm, kNorm;
  /// Rows: queries, keys, values.
  LinearSpec qkv, out;
  Recipe sinks;

  int64_t qWidth() const { return heads * headDim; }
  int64_t kWidth() const { return kvHeads * headDim; }
  int64_t vWidth() const { return kvHeads * valueDim; }
  int64_t outWidth() const { return heads * valueDim; }
};

enum class GatedNorm {
  /// y * silu(z), no norm.
  none,
  /// norm(y * silu(z)).
  gateFirst,
  /// norm(y) * silu(z).
  normFirst,
};

/// Mamba-2 (Dao and Gu, 2024): per head a state [state, headDim] that decays by exp(dt a), dt = softplus(.. + dtBias)
/// clamped to [dtMin, dtMax].
struct Mamba2Spec {
  int64_t heads = 0, headDim = 0, state = 0, groups = 1, conv = 4;
  double dtMin = 0, dtMax = std::numeric_limits<double>::infinity();
  /// If not 0, there are no rows x: the values are those of the attention beside this mixer, so many heads of
  /// them.
  int64_t sharedValueHeads = 0;
  /// Of the convolution.
  Activation activation = Activation::silu;
  GatedNorm norm = GatedNorm::gateFirst;
  NormSpec outNorm;
  /// Rows: z, x, B, C, dt.
  LinearSpec in, out;
  Recipe taps, convBias, dtBias, a, d;

  int64_t inner() const { return heads * headDim; }
  int64_t ownValueWidth() const { return sharedValueHeads ? 0 : inner(); }
  int64_t convChannels() const { return ownValueWidth() + 2 * groups * state; }
};

/// The gated delta rule (Yang et al., 2024): per value head a state [keyDim, valueDim] that decays, and whose value
/// under a key is replaced rather than added to; keys and queries have length 1.
struct GatedDeltaSpec {
  int64_t keyHeads = 0, valueHeads = 0, keyDim = 0, valueDim = 0, conv = 4;
  /// 2 where negative eigenvalues are allowed.
  double betaScale = 1;
  double l2Eps = 1e-6;
  Activation activation = Activation::silu;
  NormSpec outNorm;
  /// Rows: q, k, v, gate, a, b.
  LinearSpec in, out;
  Recipe taps, convBias, dtBias, a;

  int64_t keyWidth() const { return keyHeads * keyDim; }
  int64_t valueWidth() const { return valueHeads * valueDim; }
  int64_t convChannels() const { return 2 * keyWidth() + valueWidth(); }
};

/// The gated short convolution of LFM2: C * conv(B * x).
struct ShortConvSpec {
  int64_t channels = 0, conv = 3;
  /// Rows: B, C, x.
  LinearSpec in, out;
  Recipe taps, convBias;
};

using BranchSpec = std::variant<AttentionSpec, Mamba2Spec, GatedDeltaSpec, ShortConvSpec>;

/// The word that descriptions and parameter names use.
llvm::StringRef mixerName(const BranchSpec &branch);
/// Channels that the mixer hands to its output projection.
int64_t mixerOutWidth(const BranchSpec &branch);
LinearSpec &mixerOut(BranchSpec &branch);
const LinearSpec &mixerOut(const BranchSpec &branch);

enum class FuseScaling { none, vector, scalar };

/// How parallel branches are joined.
struct FuseSpec {
  FuseKind op = FuseKind::add;
  /// An RMS norm of each branch on its own.
  bool norm = false;
  double eps = 1e-5;
  FuseScaling scaling = FuseScaling::none;
  /// One projection for all branches rather than one each.
  bool joint = false;
  /// Per branch, in its order; `scales` has one entry per branch (vector) or one for the second (scalar).
  std::vector<Recipe> normWeights, scales;
  /// The joint projection.
  LinearSpec out;
};

struct MixerSpec {
  /// One branch, or several that run side by side.
  std::vector<BranchSpec> branches;
  std::optional<FuseSpec> fuse;
  /// Norm of the mixer's input, and of its output before the residual add.
  std::optional<NormSpec> norm, postNorm;
};

/// A feed-forward network: down (activation(gate) * up), or without the gate.
struct FfnSpec {
  /// The word that descriptions and parameter names use, such as "swiglu".
  llvm::StringRef name;
  Activation activation = Activation::silu;
  /// activation(gate) * up rather than activation(up).
  bool gated = true;
  int64_t width = 0;
  /// Rows: gate (if gated), up.
  LinearSpec up, down;
  std::optional<NormSpec> norm, postNorm;
};

struct BlockSpec {
  MixerSpec mixer;
  std::optional<FfnSpec> ffn;
};

struct ModelSpec {
  std::string name, family;
  /// "f32", "bf16" or "f16".
  std::string dtype = "f32";
  int64_t vocab = 0, width = 0;
  bool tied = false;
  double embeddingScale = 1;
  std::optional<double> logitSoftcap;
  std::vector<int64_t> eos;
  std::vector<BlockSpec> blocks;
  NormSpec finalNorm;
  Recipe embedding, head;
  /// The description, and where in it each block is described; empty where there is none.
  std::string file;
  std::vector<TextPosition> places;
};

struct Misfit {
  /// The block's number from 1, or 0 for the model itself.
  int64_t block = 0;
  /// The key of a description that is to blame.
  std::string key;
  std::string message;
};

/// The first way in which the numbers do not fit together, such as heads that KV heads do not divide; nothing
/// if they do.
std::optional<Misfit> findMisfit(const ModelSpec &spec);

} // namespace mlir::hybrid
#endif
