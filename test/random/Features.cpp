// The table of what programs may have.
#include "Program.h"
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

template <class Test> static bool anyBranch(const Program &p, Test test) {
  for (const BlockPlan &block : p.blocks)
    for (const Branch &branch : block.branches)
      if (test(branch))
        return true;
  return false;
}
template <class Test> static bool anyBlock(const Program &p, Test test) { return llvm::any_of(p.blocks, test); }
template <class Change> static void eachBranch(Program &p, Change change) {
  for (BlockPlan &block : p.blocks)
    for (Branch &branch : block.branches)
      change(branch);
}
template <class Change> static void eachBlock(Program &p, Change change) {
  for (BlockPlan &block : p.blocks)
    change(block);
}

static bool isAttention(const Branch &b) { return b.kind == Branch::Kind::attention; }
static bool isScan(const Branch &b) { return b.kind == Branch::Kind::scan; }
template <class Test> static bool anyNorm(const Program &p, Test test) {
  if (p.finalNorm && test(*p.finalNorm))
    return true;
  for (const BlockPlan &block : p.blocks) {
    for (const auto &norm : {block.norm, block.postNorm})
      if (norm && test(*norm))
        return true;
    for (const Branch &b : block.branches)
      for (const auto &norm : {b.norm, isAttention(b) ? b.attention.headNorm : std::nullopt,
                               isAttention(b) ? b.attention.fullNorm : std::nullopt})
        if (norm && test(*norm))
          return true;
  }
  return false;
}
template <class Change> static void eachNorm(Program &p, Change change) {
  if (p.finalNorm)
    change(*p.finalNorm);
  for (BlockPlan &block : p.blocks) {
    for (auto *norm : {&block.norm, &block.postNorm})
      if (*norm)
        change(**norm);
    for (Branch &b : block.branches)
      for (auto *norm : {&b.norm, &b.attention.headNorm, &b.attention.fullNorm})
        if (*norm)
          change(**norm);
  }
}
static bool hasFuse(const BlockPlan &b) { return b.branches.size() > 1 && b.join.kind; }

#define BRANCH_HAS(test) [](const Program &p) { return anyBranch(p, [](const Branch &b) { return bool(test); }); }
#define BRANCH_SET(change) [](Program &p) { eachBranch(p, [](Branch &b) { change; }); }
#define BLOCK_HAS(test) [](const Program &p) { return anyBlock(p, [](const BlockPlan &b) { return bool(test); }); }
#define BLOCK_SET(change) [](Program &p) { eachBlock(p, [](BlockPlan &b) { change; }); }
#define NORM_HAS(test) [](const Program &p) { return anyNorm(p, [](const NormPlan &n) { return bool(test); }); }
#define NORM_SET(change) [](Program &p) { eachNorm(p, [](NormPlan &n) { change; }); }
#define MODEL_HAS(test) [](const Program &p) { return bool(test); }
#define MODEL_SET(change) [](Program &p) { change; }

const std::vector<Feature> &randomtest::features() {
  static const std::vector<Feature> table = {
      {"attention", BRANCH_HAS(isAttention(b)), nullptr},
      {"scan", BRANCH_HAS(isScan(b)), nullptr},
      {"short-conv", BRANCH_HAS(b.kind == Branch::Kind::conv), nullptr},
      {"ffn", BRANCH_HAS(b.kind == Branch::Kind::ffn), nullptr},
      {"parallel", BLOCK_HAS(b.branches.size() > 1), BLOCK_SET(b.branches.resize(1))},
      // Attention.
      {"grouped-heads", BRANCH_HAS(isAttention(b) && b.attention.kvHeads < b.attention.heads),
       BRANCH_SET(b.attention.kvHeads = b.attention.heads)},
      {"value-size", BRANCH_HAS(isAttention(b) && b.attention.keySize != b.attention.valueSize),
       BRANCH_SET(b.attention.keySize = b.attention.valueSize)},
      {"window", BRANCH_HAS(isAttention(b) && b.attention.window),
       BRANCH_SET(b.attention.window.reset(); b.attention.sinks = 0)},
      {"sink-tokens", BRANCH_HAS(isAttention(b) && b.attention.sinks), BRANCH_SET(b.attention.sinks = 0)},
      {"attention-softcap", BRANCH_HAS(isAttention(b) && b.attention.softcap), BRANCH_SET(b.attention.softcap.reset())},
      {"attention-scale", BRANCH_HAS(isAttention(b) && b.attention.scale), BRANCH_SET(b.attention.scale.reset())},
      {"sink-logits", BRANCH_HAS(isAttention(b) && b.attention.sinkLogits), BRANCH_SET(b.attention.sinkLogits = false)},
      {"rotary", BRANCH_HAS(isAttention(b) && b.attention.rotary), BRANCH_SET(b.attention.rotary.reset())},
      {"rotary-part", BRANCH_HAS(isAttention(b) && b.attention.rotary && b.attention.rotary->dim < b.attention.keySize),
       nullptr},
      {"rotary-scaling",
       BRANCH_HAS(isAttention(b) && b.attention.rotary && b.attention.rotary->scaling != RopeScaling::none),
       BRANCH_SET(if (b.attention.rotary) b.attention.rotary->scaling = RopeScaling::none)},
      {"head-norm", BRANCH_HAS(isAttention(b) && b.attention.headNorm), BRANCH_SET(b.attention.headNorm.reset())},
      {"full-norm", BRANCH_HAS(isAttention(b) && b.attention.fullNorm), BRANCH_SET(b.attention.fullNorm.reset())},
      {"value-norm", BRANCH_HAS(isAttention(b) && b.attention.valueNorm), BRANCH_SET(b.attention.valueNorm = false)},
      {"separate-qkv", BRANCH_HAS(isAttention(b) && b.attention.separate), BRANCH_SET(b.attention.separate = false)},
      {"shared-kv", BRANCH_HAS(isAttention(b) && b.attention.sharesKv), BRANCH_SET(b.attention.sharesKv = false)},
      // Scans and convolutions.
      {"decay-none", BRANCH_HAS(isScan(b) && b.scan.decay == Decay::none), nullptr},
      {"decay-const", BRANCH_HAS(isScan(b) && b.scan.decay == Decay::constant), nullptr},
      {"decay-scalar", BRANCH_HAS(isScan(b) && b.scan.decay == Decay::scalar), BRANCH_SET(b.scan.decay = Decay::none)},
      {"strong-decay", BRANCH_HAS(isScan(b) && b.scan.decay != Decay::none && b.scan.strength > 1),
       BRANCH_SET(b.scan.strength = std::min(b.scan.strength, 1.0))},
      {"weak-decay", BRANCH_HAS(isScan(b) && b.scan.decay != Decay::none && b.scan.strength < 0.1), nullptr},
      {"tied", BRANCH_HAS(isScan(b) && b.scan.tied), BRANCH_SET(b.scan.tied = b.scan.eraseKey = false)},
      {"erase-key", BRANCH_HAS(isScan(b) && b.scan.eraseKey), BRANCH_SET(b.scan.eraseKey = false)},
      {"write-scale", BRANCH_HAS(isScan(b) && b.scan.writeScale), BRANCH_SET(b.scan.writeScale = false)},
      {"bonus", BRANCH_HAS(isScan(b) && b.scan.bonus == ScanPlan::Bonus::perHead),
       BRANCH_SET(b.scan.bonus = ScanPlan::Bonus::none)},
      {"token-bonus", BRANCH_HAS(isScan(b) && b.scan.bonus == ScanPlan::Bonus::perToken),
       BRANCH_SET(b.scan.bonus = ScanPlan::Bonus::none)},
      {"scan-conv", BRANCH_HAS(isScan(b) && b.scan.conv), BRANCH_SET(b.scan.conv.reset())},
      {"unit-keys", BRANCH_HAS(isScan(b) && b.scan.unitKeys), nullptr},
      {"mixed-heads",
       BRANCH_HAS(isScan(b) &&
                  (b.scan.queryHeads < b.heads() || b.scan.keyHeads < b.heads() || b.scan.valueHeads < b.heads())),
       nullptr},
      {"shared-values", BRANCH_HAS(isScan(b) && b.scan.sharesValues), BRANCH_SET(b.scan.sharesValues = false)},
      // Networks.
      {"glu-two-operands", BRANCH_HAS(b.kind == Branch::Kind::ffn && b.ffn.separate),
       BRANCH_SET(b.ffn.separate = false)},
      {"glu-clamp", BRANCH_HAS(b.kind == Branch::Kind::ffn && b.ffn.clamp), BRANCH_SET(b.ffn.clamp.reset())},
      {"bias", BRANCH_HAS(b.outBias || b.attention.bias || b.ffn.bias),
       BRANCH_SET(b.outBias = b.attention.bias = b.ffn.bias = false)},
      // Norms and gates.
      {"gated-output", BRANCH_HAS(b.gate == Gate::glu), BRANCH_SET(if (b.gate == Gate::glu) b.gate = Gate::none)},
      {"gate-first", BRANCH_HAS(b.gate == Gate::gateFirst),
       BRANCH_SET(if (b.gate == Gate::gateFirst) b.gate = Gate::none)},
      {"norm-first", BRANCH_HAS(b.gate == Gate::normFirst),
       BRANCH_SET(if (b.gate == Gate::normFirst) b.gate = Gate::none)},
      {"branch-norm", BRANCH_HAS(b.norm), BRANCH_SET(b.norm.reset(); b.gate = Gate::none)},
      {"grouped-norm", NORM_HAS(n.groups > 1), NORM_SET(n.groups = 1)},
      {"layer-norm", NORM_HAS(n.kind == NormKind::layer), NORM_SET(n.kind = NormKind::rms)},
      {"l2-norm", NORM_HAS(n.kind == NormKind::l2), nullptr},
      {"norm-bias", NORM_HAS(n.bias), NORM_SET(n.bias = false)},
      {"one-plus", NORM_HAS(n.onePlus), NORM_SET(n.onePlus = false)},
      {"bare-norm", NORM_HAS(!n.weight), nullptr},
      {"post-norm", BLOCK_HAS(b.postNorm), BLOCK_SET(b.postNorm.reset())},
      {"no-norm", BLOCK_HAS(!b.norm), nullptr},
      {"residual-in-norm", BLOCK_HAS(b.residualInNorm), BLOCK_SET(b.residualInNorm = false)},
      {"residual-scale", BLOCK_HAS(b.residualScale != 1), BLOCK_SET(b.residualScale = 1)},
      {"layer-scale", BLOCK_HAS(b.layerScale), BLOCK_SET(b.layerScale = false)},
      {"token-gate", BLOCK_HAS(b.tokenGate), BLOCK_SET(b.tokenGate = false)},
      // Joins.
      {"fuse-add", BLOCK_HAS(hasFuse(b) && *b.join.kind == FuseKind::add), BLOCK_SET(b.join.kind.reset())},
      {"fuse-sub", BLOCK_HAS(hasFuse(b) && *b.join.kind == FuseKind::sub), BLOCK_SET(b.join.kind.reset())},
      {"fuse-mean", BLOCK_HAS(hasFuse(b) && *b.join.kind == FuseKind::mean), BLOCK_SET(b.join.kind.reset())},
      {"fuse-concat", BLOCK_HAS(hasFuse(b) && *b.join.kind == FuseKind::concat), BLOCK_SET(b.join.kind.reset())},
      {"fuse-lerp", BLOCK_HAS(hasFuse(b) && *b.join.kind == FuseKind::lerp), BLOCK_SET(b.join.kind.reset())},
      {"fuse-norm", BLOCK_HAS(hasFuse(b) && b.join.norm), BLOCK_SET(b.join.norm = false)},
      {"fuse-scales", BLOCK_HAS(hasFuse(b) && b.join.scales != Join::Scales::none),
       BLOCK_SET(b.join.scales = Join::Scales::none)},
      {"fuse-factors", BLOCK_HAS(hasFuse(b) && b.join.factors), BLOCK_SET(b.join.factors = false)},
      {"joint-projection", BLOCK_HAS(hasFuse(b) && b.join.joint), BLOCK_SET(b.join.joint = false)},
      {"added-branches", BLOCK_HAS(b.branches.size() > 1 && !b.join.kind), nullptr},
      // The model.
      {"tied-head", MODEL_HAS(p.tied), MODEL_SET(p.tied = false)},
      {"head-bias", MODEL_HAS(p.headBias), MODEL_SET(p.headBias = false)},
      {"embedding-scale", MODEL_HAS(p.embeddingScale != 1), MODEL_SET(p.embeddingScale = 1)},
      {"logit-softcap", MODEL_HAS(p.softcap), MODEL_SET(p.softcap.reset())},
      {"final-norm", MODEL_HAS(p.finalNorm), MODEL_SET(p.finalNorm.reset())},
      {"norm-before-rows", MODEL_HAS(p.normBeforeRows), MODEL_SET(p.normBeforeRows = false)},
      {"odd-width", MODEL_HAS(p.width % 8), nullptr},
      {"batch", MODEL_HAS(p.sequences > 1), MODEL_SET(p.sequences = 1)},
      {"long", MODEL_HAS(p.longest > 64), MODEL_SET(p.longest = 20)},
      {"score", MODEL_HAS(p.entries.empty() || p.entries[0] == "score"), MODEL_SET(p.entries = {"append"})},
      {"append", MODEL_HAS(p.entries.empty() || p.entries[0] == "append"), MODEL_SET(p.entries = {"score"})},
      {"decode-variant", MODEL_HAS(llvm::is_contained(p.variants, "decode")),
       MODEL_SET(llvm::erase(p.variants, "decode"))},
      {"short-variant", MODEL_HAS(llvm::is_contained(p.variants, "short")),
       MODEL_SET(llvm::erase(p.variants, "short"))},
      {"two-threads", MODEL_HAS(p.threads > 1), MODEL_SET(p.threads = 1)},
  };
  return table;
}
