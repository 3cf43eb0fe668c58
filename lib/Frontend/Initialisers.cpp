#include "Initialisers.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
using namespace mlir::hybrid;

/// {"init:name(a,b)"}.
static Recipe initialiser(llvm::StringRef name, llvm::ArrayRef<double> arguments, llvm::StringRef map = "") {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "init:" << name << "(";
  llvm::interleave(arguments, os, [&](double value) { os << llvm::format("%.9g", value); }, ",");
  os << ")";
  return {{text, 0, -1, 1, map.str()}};
}

Recipe mlir::hybrid::wantedBias() { return initialiser("const", {0}); }

Recipe mlir::hybrid::decayInitialiser(std::array<double, 2> rates) { return initialiser("a_log", rates, "neg_exp"); }

Recipe mlir::hybrid::timeStepInitialiser(std::array<double, 2> steps) {
  constexpr double floor = 1e-4;
  return initialiser("dt_bias", {steps[0], steps[1], floor});
}

namespace {
class Initialiser {
public:
  explicit Initialiser(ModelSpec &spec)
      : spec(spec), residualDeviation(0.02 / std::sqrt(2.0 * double(spec.blocks.size()))) {}

  void run() {
    set(spec.embedding, "normal", 0.02);
    if (!spec.tied)
      set(spec.head, "normal", 0.02);
    norm(spec.finalNorm);
    for (BlockSpec &block : spec.blocks) {
      norms(block.mixer.norm, block.mixer.postNorm);
      for (BranchSpec &branch : block.mixer.branches)
        std::visit([&](auto &mixer) { visit(mixer); }, branch);
      if (block.mixer.fuse)
        fuse(*block.mixer.fuse, block.mixer.branches.size());
      if (!block.ffn)
        continue;
      norms(block.ffn->norm, block.ffn->postNorm);
      linear(block.ffn->up, block.ffn->down);
    }
  }

private:
  void set(Recipe &recipe, llvm::StringRef name, double argument) {
    if (recipe.empty())
      recipe = initialiser(name, argument);
  }
  void norm(NormSpec &norm) { set(norm.weight, "const", 1); }
  void norms(std::optional<NormSpec> &pre, std::optional<NormSpec> &post) {
    for (std::optional<NormSpec> *each : {&pre, &post})
      if (*each)
        norm(**each);
  }
  void linear(LinearSpec &in, LinearSpec &out) {
    set(in.weight, "normal", 0.02);
    set(out.weight, "normal", residualDeviation);
  }
  /// Uniform within 1 / sqrt(width) of 0, taps and bias alike.
  void convolution(Recipe &taps, Recipe &bias, int64_t width) {
    double bound = 1 / std::sqrt(double(width));
    taps = initialiser("uniform", {-bound, bound});
    if (!bias.empty())
      bias = taps;
  }

  void visit(AttentionSpec &a) {
    linear(a.qkv, a.out);
    norm(a.qNorm);
    norm(a.kNorm);
    set(a.sinks, "const", 0);
  }
  void visit(Mamba2Spec &m) {
    linear(m.in, m.out);
    convolution(m.taps, m.convBias, m.conv);
    set(m.d, "const", 1);
    norm(m.outNorm);
  }
  void visit(GatedDeltaSpec &d) {
    linear(d.in, d.out);
    convolution(d.taps, d.convBias, d.conv);
    norm(d.outNorm);
  }
  void visit(ShortConvSpec &c) {
    linear(c.in, c.out);
    convolution(c.taps, c.convBias, c.conv);
  }
  void fuse(FuseSpec &fuse, size_t branches) {
    fuse.normWeights.assign(branches, initialiser("const", {1}));
    fuse.scales = fuse.normWeights;
    set(fuse.out.weight, "normal", residualDeviation);
  }

  ModelSpec &spec;
  double residualDeviation;
};
} // namespace

void mlir::hybrid::addInitialisers(ModelSpec &spec) { Initialiser(spec).run(); }
