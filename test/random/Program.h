// A random model as plain data: what a seed decides, what a reducer takes away, and what a run counts.
#ifndef HYBRID_TEST_RANDOM_PROGRAM_H
#define HYBRID_TEST_RANDOM_PROGRAM_H
#include "Random.h"
#include "dialects/Hybrid/Hybrid.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::hybrid::randomtest {

struct NormPlan {
  NormKind kind = NormKind::rms;
  int64_t groups = 1;
  bool weight = true, bias = false, onePlus = false;
  double eps = 1e-5;
};

struct RotaryPlan {
  int64_t dim = 0;
  double theta = 10000, factor = 1, attentionFactor = 1;
  RopeScaling scaling = RopeScaling::none;
};

/// What a branch hands on is gated by a projection of its input, alone or inside a norm.
enum class Gate { none, glu, gateFirst, normFirst };

struct AttentionPlan {
  int64_t heads = 1, kvHeads = 1, keySize = 8, valueSize = 8;
  std::optional<int64_t> window;
  int64_t sinks = 0;
  std::optional<double> softcap, scale;
  std::optional<RotaryPlan> rotary;
  /// Of queries and keys: of each head, or of all heads together.
  std::optional<NormPlan> headNorm, fullNorm;
  /// Three products rather than one.
  bool separate = false;
  bool bias = false, valueNorm = false, sinkLogits = false;
  /// Reads keys and values of the last attention with the same shapes, if there is one.
  bool sharesKv = false;
};

struct ConvPlan {
  int64_t width = 4;
  Activation activation = Activation::silu;
  bool bias = true;
};

struct ScanPlan {
  int64_t keySize = 8, valueSize = 8;
  int64_t queryHeads = 1, keyHeads = 1, valueHeads = 1, decayHeads = 1, writeHeads = 1;
  Decay decay = Decay::scalar;
  /// log decay = -strength * softplus(..), or constant around -strength.
  double strength = 1;
  /// An erase key has the keys' heads.
  bool tied = false, eraseKey = false, writeScale = true, writesStep = false, doubleWrite = false;
  enum class Bonus { none, perHead, perToken } bonus = Bonus::none;
  /// Over queries, keys and values, over keys and values, or over values alone.
  std::optional<ConvPlan> conv;
  int convParts = 3;
  bool unitKeys = true;
  /// Values of the attention beside it.
  bool sharesValues = false;
};

struct ShortConvPlan {
  int64_t channels = 8;
  ConvPlan conv;
  bool gateBefore = true, gateAfter = true;
};

struct FfnPlan {
  int64_t width = 16;
  Activation activation = Activation::silu;
  bool gated = true, separate = false, bias = false;
  std::optional<double> clamp;
};

struct Branch {
  enum class Kind { attention, scan, conv, ffn } kind = Kind::ffn;
  AttentionPlan attention;
  ScanPlan scan;
  ShortConvPlan conv;
  FfnPlan ffn;
  /// Of what the branch hands on.
  Gate gate = Gate::none;
  Activation gateActivation = Activation::silu;
  std::optional<NormPlan> norm;
  /// Whether that norm looks at heads [T, H, D] or at their concatenation.
  bool normOfHeads = false;
  bool outBias = false;

  int64_t heads() const;
  int64_t outWidth() const;
};

struct Join {
  /// Absent: each branch has a product of its own and they are added to the residual one after another.
  std::optional<FuseKind> kind;
  bool norm = false, joint = false;
  int64_t normGroups = 1;
  enum class Scales { none, perColumn, perBranch } scales = Scales::none;
  bool factors = false;
};

struct BlockPlan {
  std::vector<Branch> branches;
  std::optional<NormPlan> norm, postNorm;
  Join join;
  /// The residual add happens inside the next norm.
  bool residualInNorm = false;
  double residualScale = 1;
  /// A factor per channel, or one per token made from the input.
  bool layerScale = false, tokenGate = false;
};

struct Program {
  uint64_t seed = 0;
  std::string dtype = "f32", device = "x86", cpuLevel = "x86-64-v3";
  int64_t vocab = 32, width = 16;
  bool tied = false, normBeforeRows = false, headBias = false;
  double embeddingScale = 1;
  std::optional<double> softcap;
  std::optional<NormPlan> finalNorm;
  std::vector<BlockPlan> blocks;
  /// What is scored and appended (Session.h).
  int64_t sequences = 2, longest = 20, calls = 4;
  /// What is compiled of it: both are many kernels.
  std::vector<std::string> entries, variants;
  unsigned threads = 1;
};

/// What a device asks of the sizes.
struct Profile {
  std::string device = "x86", dtype = "f32";
};

Program makeProgram(uint64_t seed, const Profile &profile);

/// Makes plans agree that a change has put at odds, such as a norm's groups with a new width.
void settle(Program &program);

/// One line that says what it is.
std::string summary(const Program &program);

/// Something a program may have: counted by runs, taken away by `--without` and by the reducer.
struct Feature {
  const char *name;
  bool (*has)(const Program &);
  /// Null: it cannot be taken away.
  void (*remove)(Program &);
};
const std::vector<Feature> &features();

} // namespace mlir::hybrid::randomtest
#endif
