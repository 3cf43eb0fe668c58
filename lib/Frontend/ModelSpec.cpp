#include "hybrid/Frontend/ModelSpec.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
using namespace mlir;
using namespace mlir::hybrid;
using llvm::Twine;

Recipe mlir::hybrid::concatRecipes(std::initializer_list<Recipe> parts) {
  Recipe all;
  for (const Recipe &part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

StringRef mlir::hybrid::mixerName(const BranchSpec &branch) {
  static constexpr StringRef names[] = {"attention", "mamba2", "gated_delta", "short_conv"};
  return names[branch.index()];
}

namespace {
struct OutWidth {
  int64_t operator()(const AttentionSpec &a) const { return a.outWidth(); }
  int64_t operator()(const Mamba2Spec &m) const { return m.inner(); }
  int64_t operator()(const GatedDeltaSpec &d) const { return d.valueWidth(); }
  int64_t operator()(const ShortConvSpec &c) const { return c.channels; }
};
} // namespace

int64_t mlir::hybrid::mixerOutWidth(const BranchSpec &branch) { return std::visit(OutWidth(), branch); }
LinearSpec &mlir::hybrid::mixerOut(BranchSpec &branch) {
  return std::visit([](auto &mixer) -> LinearSpec & { return mixer.out; }, branch);
}
const LinearSpec &mlir::hybrid::mixerOut(const BranchSpec &branch) {
  return std::visit([](const auto &mixer) -> const LinearSpec & { return mixer.out; }, branch);
}

namespace {
/// Collects the first misfit; later checks are skipped once there is one, so that they may rely on earlier
/// ones.
class FitCheck {
public:
  std::optional<Misfit> misfit;
  int64_t block = 0;

  void require(bool holds, StringRef key, const Twine &message) {
    if (!misfit && !holds)
      misfit = Misfit{block, key.str(), message.str()};
  }
  void size(StringRef key, int64_t value, int64_t limit = maxDim) {
    require(value >= 1 && value <= limit, key,
            "expected '" + key + "' from 1 to " + Twine(limit) + ", got " + Twine(value));
  }
  void positive(StringRef key, std::optional<double> value) {
    require(!value || *value > 0, key, "expected a positive '" + key + "', got " + number(value.value_or(0)));
  }
  static std::string number(double value) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%g", value);
    return text;
  }
  void divides(StringRef key, int64_t divisor, StringRef name, int64_t value) {
    require(!misfit && value % divisor == 0, key,
            "expected '" + key + "' (" + Twine(divisor) + ") to divide '" + name + "' (" + Twine(value) + ")");
  }

  void operator()(const AttentionSpec &a) {
    size("heads", a.heads, maxHeads);
    size("kv_heads", a.kvHeads, maxHeads);
    size("head_dim", a.headDim, maxHeadDim);
    size("value_dim", a.valueDim, maxHeadDim);
    divides("kv_heads", a.kvHeads, "heads", a.heads);
    if (a.window)
      size("window", *a.window, int64_t(1) << 31);
    require(a.sinkTokens >= 0 && a.sinkTokens <= maxDim, "sinks",
            "expected 'sinks' from 0 to " + Twine(maxDim) + ", got " + Twine(a.sinkTokens));
    positive("softcap", a.softcap);
    if (!a.rope)
      return;
    require(a.rope->rotaryDim >= 2 && a.rope->rotaryDim % 2 == 0 && a.rope->rotaryDim <= a.headDim, "head_dim",
            "expected an even number of rotary channels from 2 to 'head_dim' (" + Twine(a.headDim) + "), got " +
                Twine(a.rope->rotaryDim));
    require(a.rope->theta > 1, "theta", "expected a rotary theta above 1, got " + number(a.rope->theta));
    require(a.rope->factor > 0, "factor", "expected a positive rotary factor, got " + number(a.rope->factor));
    require(a.rope->originalContext > 0, "original",
            "expected a positive original context of the rotary scaling, got " + Twine(a.rope->originalContext));
    require(a.rope->scaling != RopeScaling::llama3 || a.rope->highFreqFactor > a.rope->lowFreqFactor, "high",
            "expected a high frequency factor above the low one, got " + number(a.rope->highFreqFactor) + " and " +
                number(a.rope->lowFreqFactor));
    require(a.rope->scaling != RopeScaling::yarn || (a.rope->betaFast > a.rope->betaSlow && a.rope->betaSlow > 0),
            "beta_fast",
            "expected 'beta_fast' above 'beta_slow' above 0, got " + number(a.rope->betaFast) + " and " +
                number(a.rope->betaSlow));
  }
  void operator()(const Mamba2Spec &m) {
    size("heads", m.heads, maxHeads);
    size("head_dim", m.headDim, maxHeadDim);
    size("state", m.state, maxHeadDim);
    size("groups", m.groups, maxHeads);
    convolution(m.conv);
    divides("groups", m.groups, "heads", m.heads);
    require(m.dtMin >= 0 && m.dtMax > m.dtMin, "dt_limit", "expected time step limits with 0 <= low < high");
  }
  void operator()(const GatedDeltaSpec &d) {
    size("heads", d.keyHeads, maxHeads);
    size("value_heads", d.valueHeads, maxHeads);
    size("head_dim", d.keyDim, maxHeadDim);
    size("value_dim", d.valueDim, maxHeadDim);
    convolution(d.conv);
    divides("heads", d.keyHeads, "value_heads", d.valueHeads);
  }
  void operator()(const ShortConvSpec &c) {
    size("channels", c.channels);
    convolution(c.conv);
  }

  void fuse(const MixerSpec &mixer) {
    if (mixer.branches.size() == 1 || misfit)
      return;
    const FuseSpec &fuse = *mixer.fuse;
    require(fuse.op != FuseKind::concat || fuse.joint, "projection",
            "expected 'projection: joint' with 'op: concat', as concatenated branches have one projection; "
            "'op: add' "
            "with 'projection: separate' is the same function");
    int64_t width = mixerOutWidth(mixer.branches[0]);
    for (const BranchSpec &branch : mixer.branches)
      require(!fuse.joint || fuse.op == FuseKind::concat || mixerOutWidth(branch) == width, "projection",
              "expected branches of one width before a joint projection, got " + Twine(width) + " and " +
                  Twine(mixerOutWidth(branch)) + "; use 'projection: separate'");
    shareValue(mixer);
  }

  static constexpr int64_t maxDim = int64_t(1) << 22, maxHeads = 1 << 14, maxHeadDim = 1 << 14;

private:
  void convolution(int64_t width) {
    require(width >= 2 && width <= 64, "conv", "expected 'conv' from 2 to 64, got " + Twine(width));
  }

  /// A Mamba-2 mixer that reads attention's values needs them before it and in its own head size.
  void shareValue(const MixerSpec &mixer) {
    const AttentionSpec *attention = nullptr;
    for (const BranchSpec &branch : mixer.branches) {
      if (auto *a = std::get_if<AttentionSpec>(&branch))
        attention = a;
      auto *mamba = std::get_if<Mamba2Spec>(&branch);
      if (!mamba || !mamba->sharedValueHeads)
        continue;
      require(attention, "value", "expected 'attention' before 'mamba2' with 'value: shared'");
      if (misfit)
        return;
      require(attention->valueDim == mamba->headDim, "value",
              "expected 'value_dim' of attention (" + Twine(attention->valueDim) + ") to equal 'head_dim' of mamba2 (" +
                  Twine(mamba->headDim) + ") with 'value: shared'");
      divides("kv_heads", attention->kvHeads, "heads of mamba2", mamba->heads);
    }
  }
};
} // namespace

std::optional<Misfit> mlir::hybrid::findMisfit(const ModelSpec &spec) {
  constexpr int64_t maxLayers = 4096;
  FitCheck check;
  check.size("vocab", spec.vocab, int64_t(1) << 31);
  check.size("width", spec.width);
  check.size("count", spec.blocks.size(), maxLayers);
  check.require(spec.finalNorm.eps >= 0 && spec.finalNorm.eps < 1, "norm_eps",
                "expected an epsilon of the norms from 0 to below 1, got " + FitCheck::number(spec.finalNorm.eps));
  check.positive("logit_softcap", spec.logitSoftcap);
  for (const BlockSpec &block : spec.blocks) {
    if (check.misfit)
      break;
    ++check.block;
    for (const BranchSpec &branch : block.mixer.branches)
      std::visit([&](const auto &mixer) { check(mixer); }, branch);
    check.fuse(block.mixer);
    if (block.ffn)
      check.size(block.ffn->name, block.ffn->width);
  }
  return check.misfit;
}
