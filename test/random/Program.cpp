// What a seed decides, in the order in which a model is read.
#include "Program.h"
#include "llvm/ADT/StringExtras.h"
#include <numeric>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

int64_t Branch::heads() const {
  switch (kind) {
  case Kind::attention:
    return attention.heads;
  case Kind::scan: {
    const ScanPlan &s = scan;
    int64_t heads = std::max({s.queryHeads, s.keyHeads, s.valueHeads});
    if (s.decay != Decay::none)
      heads = std::max(heads, s.decayHeads);
    if (s.writeScale)
      heads = std::max(heads, s.writeHeads);
    return heads;
  }
  default:
    return 1;
  }
}

int64_t Branch::outWidth() const {
  switch (kind) {
  case Kind::attention:
    return attention.heads * attention.valueSize;
  case Kind::scan:
    return heads() * scan.valueSize;
  case Kind::conv:
    return conv.channels;
  case Kind::ffn:
    return ffn.width;
  }
  llvm_unreachable("all kinds are listed above");
}

namespace {
class Maker {
public:
  Maker(uint64_t seed, const Profile &profile) : r(seed), profile(profile) {
    p.seed = seed;
    p.device = profile.device;
    p.dtype = profile.dtype;
  }

  Program make() {
    p.cpuLevel = r.chance(50) ? "x86-64-v3" : "x86-64-v1";
    p.threads = r.chance(25) ? 2 : 1;
    p.vocab = r.pick({11, 16, 17, 40, 64, 97, 130, 257});
    p.width = depth(r.pick({8, 16, 24, 31, 32, 37, 48, 64, 80, 96, 129}));
    p.tied = r.chance(30);
    p.normBeforeRows = r.chance(20);
    p.headBias = r.chance(10);
    if (r.chance(25))
      p.embeddingScale = r.pick({0.5, 3.0, 12.0});
    if (r.chance(20))
      p.softcap = r.pick({5.0, 30.0});
    if (r.chance(90))
      p.finalNorm = rowNorm();
    int64_t count = r.chance(6) ? 3 : r.chance(30) ? 2 : 1;
    if (slow())
      count = r.chance(20) ? 2 : 1;
    for (int64_t i = 0; i < count; ++i)
      p.blocks.push_back(block());
    p.sequences = r.between(1, slow() ? 3 : 5);
    p.longest = slow() ? r.pick({5, 12, 24}) : r.pick({3, 9, 17, 40, 70, 130});
    p.calls = r.between(2, slow() ? 4 : 8);
    int64_t entries = r.below(100);
    if (entries < 80)
      p.entries.push_back(entries < 30 ? "score" : "append");
    p.variants.push_back("bulk");
    for (const char *variant : {"decode", "short"})
      if (r.chance(40))
        p.variants.push_back(variant);
    return std::move(p);
  }

private:
  bool slow() const { return profile.device != "x86"; }
  /// Widths that products read: any on a CPU; on GPUs mostly such that their tiles fit.
  int64_t depth(int64_t width) {
    if (profile.device == "x86")
      return width;
    return std::max<int64_t>(16, width / 16 * 16);
  }

  NormKind normKind() { return r.chance(80) ? NormKind::rms : r.chance(60) ? NormKind::layer : NormKind::l2; }

  /// Of the residual stream.
  NormPlan rowNorm() {
    NormPlan n;
    n.kind = r.chance(85) ? NormKind::rms : NormKind::layer;
    n.weight = r.chance(85);
    n.bias = r.chance(n.kind == NormKind::layer ? 60 : 5);
    n.onePlus = n.weight && r.chance(20);
    n.eps = r.pick({1e-6, 1e-5, 1e-3});
    return n;
  }

  NormPlan headNorm() {
    NormPlan n;
    n.kind = normKind();
    n.weight = r.chance(70);
    n.onePlus = n.weight && r.chance(15);
    n.eps = r.pick({1e-6, 1e-5});
    return n;
  }

  AttentionPlan attention() {
    AttentionPlan a;
    a.heads = r.pick({1, 2, 3, 4, 6});
    a.kvHeads = r.divisor(a.heads);
    a.keySize = r.pick({4, 8, 8, 16, 16, 20, 24, 32, 64, 72});
    a.valueSize = r.chance(60) ? a.keySize : r.pick({4, 8, 12, 16, 32, 40, 80});
    if (r.chance(10))
      a.keySize = r.pick({5, 7, 13}), a.valueSize = r.pick({3, 9, 15});
    if (slow())
      a.valueSize = std::max<int64_t>(16, a.valueSize / 16 * 16);
    if (r.chance(35)) {
      a.window = r.pick({1, 2, 7, 16, 33, 64});
      if (r.chance(35))
        a.sinks = r.pick({1, 4, 20});
    }
    if (r.chance(20))
      a.softcap = r.pick({2.0, 20.0});
    if (r.chance(20))
      a.scale = r.pick({0.1, 1.0});
    if (r.chance(60) && a.keySize >= 2) {
      RotaryPlan rope;
      rope.dim = r.chance(70) ? a.keySize / 2 * 2 : 2 * r.between(1, a.keySize / 2);
      rope.theta = r.pick({100.0, 1e4, 5e5});
      rope.scaling =
          r.pick({RopeScaling::none, RopeScaling::none, RopeScaling::linear, RopeScaling::llama3, RopeScaling::yarn});
      if (rope.scaling != RopeScaling::none)
        rope.factor = r.pick({2.0, 8.0});
      if (r.chance(20))
        rope.attentionFactor = 1.25;
      a.rotary = rope;
    }
    if (r.chance(25))
      a.headNorm = headNorm();
    else if (r.chance(12)) {
      a.fullNorm = headNorm();
      if (a.fullNorm->kind == NormKind::l2)
        a.fullNorm->kind = NormKind::rms;
    }
    a.separate = r.chance(40);
    a.bias = r.chance(25);
    a.valueNorm = r.chance(8);
    a.sharesKv = r.chance(15);
    a.sinkLogits = r.chance(1);
    return a;
  }

  ConvPlan convolution() {
    ConvPlan c;
    c.width = r.pick({2, 3, 4, 4, 5, 7});
    c.activation = r.pick({Activation::silu, Activation::silu, Activation::identity, Activation::gelu_tanh,
                           Activation::sigmoid, Activation::relu2, Activation::softplus});
    c.bias = r.chance(60);
    return c;
  }

  ScanPlan scan(bool besideAttention, const AttentionPlan &attention) {
    ScanPlan s;
    s.keySize = r.pick({4, 8, 12, 16, 16, 24, 32, 64, 72});
    s.valueSize = r.pick({4, 8, 12, 16, 16, 32, 40, 64, 80});
    if (r.chance(10))
      s.keySize = r.pick({1, 3, 7, 17}), s.valueSize = r.pick({1, 5, 9, 33});
    if (slow())
      s.valueSize = std::max<int64_t>(16, s.valueSize / 16 * 16);
    int64_t heads = r.pick({1, 2, 2, 3, 4, 6});
    for (int64_t *n : {&s.queryHeads, &s.keyHeads, &s.valueHeads, &s.decayHeads, &s.writeHeads})
      *n = r.chance(50) ? heads : r.divisor(heads);
    if (r.chance(70))
      s.keyHeads = s.queryHeads;
    s.decay = r.pick({Decay::none, Decay::constant, Decay::scalar, Decay::scalar, Decay::scalar});
    s.strength = r.pick({0.01, 0.3, 1.0, 8.0});
    s.tied = r.chance(35);
    s.eraseKey = s.tied && r.chance(30);
    s.writeScale = r.chance(75);
    s.writesStep = s.decay == Decay::scalar && s.writeHeads == s.decayHeads && r.chance(50);
    s.doubleWrite = r.chance(25);
    s.unitKeys = s.tied || r.chance(40);
    s.bonus = r.chance(50)   ? ScanPlan::Bonus::none
              : r.chance(60) ? ScanPlan::Bonus::perHead
                             : ScanPlan::Bonus::perToken;
    if (r.chance(70)) {
      s.conv = convolution();
      s.convParts = r.chance(70) ? 3 : r.chance(50) ? 2 : 1;
    }
    if (besideAttention && r.chance(30)) {
      s.sharesValues = true;
      s.valueHeads = attention.kvHeads;
      s.valueSize = attention.valueSize;
      for (int64_t *n : {&s.queryHeads, &s.keyHeads, &s.decayHeads, &s.writeHeads})
        *n = r.chance(50) ? attention.kvHeads : r.divisor(attention.kvHeads);
    }
    return s;
  }

  Branch branch(Branch::Kind kind, bool besideAttention, const AttentionPlan &beside) {
    Branch b;
    b.kind = kind;
    switch (kind) {
    case Branch::Kind::attention:
      b.attention = attention();
      break;
    case Branch::Kind::scan:
      b.scan = scan(besideAttention, beside);
      break;
    case Branch::Kind::conv:
      b.conv.channels = depth(r.pick({8, 15, 16, 24, 33, 48, 64, 130}));
      b.conv.conv = convolution();
      b.conv.gateBefore = r.chance(60);
      b.conv.gateAfter = r.chance(60);
      break;
    case Branch::Kind::ffn:
      b.ffn.width = depth(r.pick({8, 16, 33, 48, 64, 100, 160}));
      b.ffn.activation = r.pick({Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu2,
                                 Activation::sigmoid, Activation::identity, Activation::softplus});
      b.ffn.gated = r.chance(70);
      b.ffn.separate = b.ffn.gated && r.chance(30);
      b.ffn.bias = r.chance(20);
      if (b.ffn.gated && r.chance(15))
        b.ffn.clamp = r.pick({0.5, 7.0});
      break;
    }
    b.outBias = r.chance(20);
    bool recurrent = kind == Branch::Kind::scan;
    if (kind == Branch::Kind::attention || recurrent) {
      if (r.chance(recurrent ? 50 : 10)) {
        b.norm = headNorm();
        b.normOfHeads = r.chance(50);
        if (!b.normOfHeads && r.chance(40))
          b.norm->groups = b.heads(); // each divides the width
      }
      if (r.chance(recurrent ? 60 : 20)) {
        b.gate = !b.norm ? Gate::glu : r.pick({Gate::glu, Gate::gateFirst, Gate::normFirst});
        b.gateActivation = r.pick({Activation::silu, Activation::silu, Activation::sigmoid, Activation::identity});
      }
    }
    return b;
  }

  BlockPlan block() {
    BlockPlan b;
    int64_t count = r.chance(60) ? 1 : r.chance(85) ? 2 : 3;
    const AttentionPlan *beside = nullptr;
    for (int64_t i = 0; i < count; ++i) {
      int64_t which = r.below(100);
      Branch::Kind kind = which < 36   ? Branch::Kind::attention
                          : which < 70 ? Branch::Kind::scan
                          : which < 82 ? Branch::Kind::conv
                                       : Branch::Kind::ffn;
      b.branches.push_back(branch(kind, beside, beside ? *beside : AttentionPlan()));
      beside = nullptr;
      for (const Branch &each : b.branches)
        if (each.kind == Branch::Kind::attention)
          beside = &each.attention;
    }
    if (r.chance(85))
      b.norm = rowNorm();
    if (r.chance(20))
      b.postNorm = rowNorm();
    if (count > 1 && r.chance(75))
      b.join = join(b.branches);
    b.residualInNorm = r.chance(12);
    if (r.chance(15))
      b.residualScale = r.pick({0.25, 1.5});
    b.layerScale = r.chance(10);
    b.tokenGate = r.chance(8);
    return b;
  }

  Join join(std::vector<Branch> &branches) {
    Join j;
    bool equal = true;
    int64_t common = 0;
    for (const Branch &b : branches) {
      equal &= b.outWidth() == branches[0].outWidth();
      common = std::gcd(common, b.outWidth());
    }
    j.kind = r.pick({FuseKind::add, FuseKind::sub, FuseKind::mean, FuseKind::concat, FuseKind::concat});
    if (r.chance(1) && branches.size() == 2)
      j.kind = FuseKind::lerp;
    j.joint = j.kind == FuseKind::concat ? r.chance(60) : equal && r.chance(50);
    j.norm = r.chance(60);
    if (j.norm && r.chance(20))
      j.normGroups = r.divisor(common);
    j.scales = r.chance(50) ? Join::Scales::none : r.chance(60) ? Join::Scales::perColumn : Join::Scales::perBranch;
    j.factors = r.chance(20);
    return j;
  }

  Random r;
  const Profile &profile;
  Program p;
};
} // namespace

/// The attention whose values a scan at `place` may read.
static const AttentionPlan *attentionBefore(const BlockPlan &block, size_t place) {
  const AttentionPlan *found = nullptr;
  for (size_t i = 0; i < place; ++i)
    if (block.branches[i].kind == Branch::Kind::attention)
      found = &block.branches[i].attention;
  return found;
}

static void settleScan(ScanPlan &s, const AttentionPlan *beside) {
  s.sharesValues &= beside && beside->kvHeads == s.valueHeads && beside->valueSize == s.valueSize;
  s.eraseKey &= s.tied;
  s.writesStep &= s.decay == Decay::scalar && s.writeHeads == s.decayHeads;
  int64_t heads = 1;
  for (int64_t n : {s.queryHeads, s.keyHeads, s.valueHeads, s.decayHeads, s.writeHeads})
    heads = std::max(heads, n);
  for (int64_t *n : {&s.queryHeads, &s.keyHeads, &s.decayHeads, &s.writeHeads})
    *n = std::gcd(*n, heads);
  if (heads % s.valueHeads)
    s.sharesValues = false, s.valueHeads = std::gcd(s.valueHeads, heads);
}

void randomtest::settle(Program &p) {
  for (BlockPlan &block : p.blocks) {
    int64_t common = 0;
    bool equal = true;
    for (auto [i, b] : llvm::enumerate(block.branches)) {
      if (b.kind == Branch::Kind::scan) {
        settleScan(b.scan, attentionBefore(block, i));
        // Counts that do not occur in the op have no say in how many heads there are.
        for (int64_t *n :
             {&b.scan.queryHeads, &b.scan.keyHeads, &b.scan.valueHeads, &b.scan.decayHeads, &b.scan.writeHeads})
          *n = std::gcd(*n, b.heads());
        if (b.scan.sharesValues && b.scan.valueHeads != attentionBefore(block, i)->kvHeads)
          b.scan.sharesValues = false;
      }
      AttentionPlan &a = b.attention;
      a.kvHeads = std::gcd(a.kvHeads, a.heads);
      if (a.rotary)
        a.rotary->dim = std::min(a.rotary->dim, a.keySize / 2 * 2);
      if (!b.norm && b.gate != Gate::none)
        b.gate = Gate::glu;
      if (b.norm && (b.normOfHeads || b.outWidth() % b.norm->groups))
        b.norm->groups = 1;
      equal &= b.outWidth() == block.branches[0].outWidth();
      common = std::gcd(common, b.outWidth());
    }
    if (common % block.join.normGroups)
      block.join.normGroups = 1;
    if (block.join.joint && block.join.kind != FuseKind::concat && !equal)
      block.join.joint = false;
  }
}

Program randomtest::makeProgram(uint64_t seed, const Profile &profile) {
  Program program = Maker(seed, profile).make();
  settle(program);
  return program;
}

static std::string describe(const Branch &b) {
  auto number = [](int64_t n) { return std::to_string(n); };
  std::string text;
  switch (b.kind) {
  case Branch::Kind::attention: {
    const AttentionPlan &a = b.attention;
    text =
        "attention " + number(a.heads) + "/" + number(a.kvHeads) + "x" + number(a.keySize) + "," + number(a.valueSize);
    break;
  }
  case Branch::Kind::scan: {
    const ScanPlan &s = b.scan;
    text = (s.tied ? "tied scan " : "scan ") + number(b.heads()) + "x" + number(s.keySize) + "," + number(s.valueSize) +
           " q" + number(s.queryHeads) + " k" + number(s.keyHeads) + " v" + number(s.valueHeads) + " " +
           stringifyDecay(s.decay).str();
    break;
  }
  case Branch::Kind::conv:
    text = "conv " + number(b.conv.channels) + "x" + number(b.conv.conv.width);
    break;
  case Branch::Kind::ffn:
    text = "ffn " + number(b.ffn.width) + " " + stringifyActivation(b.ffn.activation).str();
    break;
  }
  return text;
}

std::string randomtest::summary(const Program &p) {
  std::string text = p.device + " " + (p.device == "x86" ? p.cpuLevel + " " : "") + p.dtype + ", vocab " +
                     std::to_string(p.vocab) + ", width " + std::to_string(p.width) + ":";
  for (const BlockPlan &b : p.blocks) {
    SmallVector<std::string> parts;
    for (const Branch &branch : b.branches)
      parts.push_back(describe(branch));
    text += " [" + llvm::join(parts, " | ") +
            (b.branches.size() > 1 ? (" by " + (b.join.kind ? stringifyFuseKind(*b.join.kind) : "adding")).str() : "") +
            "]";
  }
  text += "; " + std::to_string(p.sequences) + " sequences of up to " + std::to_string(p.longest) + " tokens, " +
          std::to_string(p.calls) + " calls; with";
  for (const Feature &f : features())
    if (f.has(p))
      text += std::string(" ") + f.name;
  return text;
}
