// YAML descriptions: places and types of values are checked against the table in Schema.cpp, then the numbers
// against each other, and each parameter gets an initialiser.
#include "Initialisers.h"
#include "Json.h"
#include "Schema.h"
#include "Yaml.h"
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;
using llvm::StringRef;
using llvm::Twine;

namespace {
/// A number range of a recipe, such as the decay rates at the start.
using Pair = std::array<double, 2>;

/// The first error of a reading; after it, values are defaults and nothing more is reported.
class Errors {
public:
  explicit Errors(StringRef path) : path(path) {}
  void fail(TextPosition position, const Twine &message) {
    if (text.empty())
      text = formatTextError(path.str(), {position, message.str()});
  }
  bool any() const { return !text.empty(); }
  llvm::Error take() const { return textError(text); }

private:
  StringRef path;
  std::string text;
};

/// A mapping that is read by the rows of one section of the schema.
class Section {
public:
  Section(Errors &errors, StringRef name, const YamlNode &node) : errors(errors), name(name), node(node) {
    if (node.kind != YamlNode::Kind::mapping) {
      errors.fail(node.position, "expected a mapping for '" + name + "', got " + node.describe());
      return;
    }
    for (const YamlEntry &entry : node.entries)
      if (!findSchemaKey(name, entry.key))
        errors.fail(entry.position, "unknown key '" + entry.key + "' in '" + name + "'" + suggest(entry.key, known()));
  }

  /// The value of `key`; null if it is absent, which for a required key is an error.
  const YamlNode *get(StringRef key) const {
    const SchemaKey *row = findSchemaKey(name, key);
    assert(row && "the reader asks for keys of the schema only");
    if (const YamlEntry *entry = node.find(key)) {
      if (entry->value.kind != YamlNode::Kind::null)
        return &entry->value;
      errors.fail(entry->position, "expected " + row->type + " for '" + key + "', got nothing");
    } else if (row->byDefault == "required") {
      errors.fail(node.position, "expected key '" + key + "' in '" + name + "' (" + row->type + ")");
    }
    return nullptr;
  }
  bool has(StringRef key) const { return node.find(key) != nullptr; }
  TextPosition at(StringRef key) const {
    const YamlEntry *entry = node.find(key);
    return entry ? entry->position : node.position;
  }

  int64_t integer(StringRef key, std::optional<int64_t> derived = std::nullopt) const {
    if (const YamlNode *value = get(key))
      return toInteger(key, *value);
    int64_t parsed = 1;
    if (!derived)
      (void)findSchemaKey(name, key)->byDefault.getAsInteger(10, parsed);
    return derived.value_or(parsed);
  }
  double number(StringRef key, std::optional<double> derived = std::nullopt) const {
    if (const YamlNode *value = get(key))
      return toNumber(key, *value);
    double parsed = 1;
    if (!derived)
      (void)findSchemaKey(name, key)->byDefault.getAsDouble(parsed);
    return derived.value_or(parsed);
  }
  /// Nothing for "none", which is also the default.
  std::optional<double> optionalNumber(StringRef key) const {
    const YamlNode *value = get(key);
    if (!value || value->text == "none")
      return std::nullopt;
    return toNumber(key, *value);
  }
  std::optional<int64_t> optionalInteger(StringRef key) const {
    const YamlNode *value = get(key);
    if (!value || value->text == "none")
      return std::nullopt;
    return toInteger(key, *value);
  }
  bool boolean(StringRef key) const {
    const YamlNode *value = get(key);
    StringRef text = value ? StringRef(value->text) : StringRef(findSchemaKey(name, key)->byDefault);
    if (text != "true" && text != "false")
      errors.fail(value->position, "expected true or false for '" + key + "', got " + value->describe());
    return text == "true";
  }
  std::string string(StringRef key) const {
    const YamlNode *value = get(key);
    if (!value)
      return "";
    if (value->kind != YamlNode::Kind::scalar || value->text.empty())
      errors.fail(value->position, "expected a string for '" + key + "', got " + value->describe());
    return value->text;
  }
  /// One of the words that the key's type lists ("a | b | c").
  std::string word(StringRef key) const {
    const SchemaKey *row = findSchemaKey(name, key);
    const YamlNode *value = get(key);
    if (!value)
      return row->byDefault.str();
    SmallVector<StringRef> words;
    StringRef(row->type).split(words, " | ");
    if (value->kind != YamlNode::Kind::scalar || !llvm::is_contained(words, StringRef(value->text)))
      errors.fail(value->position,
                  "expected " + llvm::join(words, ", ") + " for '" + key + "', got " + value->describe());
    return value->text;
  }
  Pair pair(StringRef key, Pair byDefault) const {
    const YamlNode *value = get(key);
    if (!value)
      return byDefault;
    if (value->kind != YamlNode::Kind::sequence || value->items.size() != 2) {
      errors.fail(value->position, "expected two numbers for '" + key + "', got " + value->describe());
      return byDefault;
    }
    return {toNumber(key, value->items[0], /*finite=*/false), toNumber(key, value->items[1], /*finite=*/false)};
  }

  int64_t toInteger(StringRef key, const YamlNode &value) const {
    int64_t result = 1;
    if (value.kind != YamlNode::Kind::scalar || value.quoted || StringRef(value.text).getAsInteger(10, result))
      errors.fail(value.position, "expected an integer for '" + key + "', got " + value.describe());
    return result;
  }
  double toNumber(StringRef key, const YamlNode &value, bool finite = true) const {
    double result = 1;
    bool plain = value.kind == YamlNode::Kind::scalar && !value.quoted;
    if (plain && !finite && (value.text == "inf" || value.text == ".inf"))
      return std::numeric_limits<double>::infinity();
    if (!plain || StringRef(value.text).getAsDouble(result) || !std::isfinite(result)) {
      errors.fail(value.position, "expected a number for '" + key + "', got " + value.describe());
      return 1;
    }
    return result;
  }

  SmallVector<StringRef> known() const {
    SmallVector<StringRef> names;
    for (const SchemaKey &row : schemaKeys())
      if (row.section == name)
        names.push_back(row.key);
    return names;
  }

  Errors &errors;
  StringRef name;
  const YamlNode &node;
};

class DescriptionReader {
public:
  DescriptionReader(StringRef path, const YamlNode &root) : errors(path), root(root) { spec.file = path.str(); }

  llvm::Expected<ModelSpec> run() {
    Section model(errors, "model", root);
    spec.family = "description";
    spec.name = model.string("name");
    spec.dtype = model.word("dtype");
    spec.vocab = model.integer("vocab");
    spec.width = model.integer("width");
    spec.tied = model.boolean("tie_embeddings");
    spec.embeddingScale = model.number("embedding_scale");
    spec.logitSoftcap = model.optionalNumber("logit_softcap");
    eps = spec.finalNorm.eps = model.number("norm_eps");
    if (const YamlNode *eos = model.get("eos")) {
      if (eos->kind != YamlNode::Kind::sequence)
        errors.fail(eos->position, "expected a list of token numbers for 'eos', got " + eos->describe());
      for (const YamlNode &token : eos->items)
        spec.eos.push_back(model.toInteger("eos", token));
    }
    if (!errors.any())
      checkSizes(model);
    const YamlNode *blocks = model.get("blocks"), *layers = model.get("layers");
    if (errors.any())
      return errors.take();
    if (blocks->kind != YamlNode::Kind::mapping || blocks->entries.empty())
      errors.fail(blocks->position, "expected a mapping from names to blocks, got " + blocks->describe());
    for (const YamlEntry &entry : blocks->entries)
      kinds[entry.key] = {readBlock(entry.value), &entry};
    if (!errors.any())
      readLayers(*layers);
    if (errors.any())
      return errors.take();
    if (std::optional<Misfit> misfit = findMisfit(spec)) {
      errors.fail(placeOf(*misfit), misfit->message);
      return errors.take();
    }
    addInitialisers(spec);
    return std::move(spec);
  }

private:
  struct BlockKind {
    BlockSpec spec;
    const YamlEntry *entry = nullptr;
  };

  /// Width and vocabulary come first: other defaults follow from them.
  void checkSizes(const Section &model) {
    for (auto [key, value] : {std::pair<StringRef, int64_t>("vocab", spec.vocab), {"width", spec.width}})
      if (value < 1)
        errors.fail(model.get(key) ? model.get(key)->position : root.position,
                    "expected a positive '" + key + "', got " + Twine(value));
  }

  /// The key to blame within the layer's block, or the block.
  TextPosition placeOf(const Misfit &misfit) const {
    if (misfit.block == 0)
      return root.find(misfit.key) ? root.find(misfit.key)->value.position : root.position;
    const YamlEntry *block = kinds.lookup(layerKinds[misfit.block - 1]).entry;
    const YamlNode *found = search(block->value, misfit.key);
    return found ? found->position : block->position;
  }
  static const YamlNode *search(const YamlNode &node, StringRef key) {
    if (const YamlEntry *entry = node.find(key))
      return &entry->value;
    for (const YamlEntry &entry : node.entries)
      if (const YamlNode *found = search(entry.value, key))
        return found;
    return nullptr;
  }

  void readLayers(const YamlNode &node) {
    std::vector<std::string> pattern;
    int64_t count = 0;
    if (node.kind == YamlNode::Kind::sequence) {
      pattern = names(node);
      count = pattern.size();
    } else {
      Section layers(errors, "layers", node);
      const YamlNode *patternNode = layers.get("pattern");
      if (errors.any())
        return;
      pattern = names(*patternNode);
      count = layers.integer("count", pattern.size());
      constexpr int64_t maxLayers = 4096;
      if (count < 1 || count > maxLayers)
        return errors.fail(layers.get("count") ? layers.get("count")->position : node.position,
                           "expected 'count' from 1 to " + Twine(maxLayers) + ", got " + Twine(count));
      if (pattern.empty())
        return errors.fail(patternNode->position, "expected at least one block in 'pattern'");
      for (int64_t i = 0; i < count; ++i)
        layerKinds.push_back(pattern[i % pattern.size()]);
      if (const YamlNode *at = layers.get("at"))
        readPlaces(layers, *at);
    }
    if (node.kind == YamlNode::Kind::sequence)
      layerKinds = pattern;
    for (const std::string &kind : layerKinds) {
      BlockKind block = kinds.lookup(kind);
      spec.blocks.push_back(block.spec);
      spec.places.push_back(block.entry ? block.entry->position : root.position);
    }
  }

  void readPlaces(const Section &layers, const YamlNode &at) {
    if (at.kind != YamlNode::Kind::mapping)
      return errors.fail(at.position, "expected a mapping from block names to layer numbers, got " + at.describe());
    for (const YamlEntry &entry : at.entries) {
      checkName(entry.key, entry.position);
      if (entry.value.kind != YamlNode::Kind::sequence)
        errors.fail(entry.value.position, "expected a list of layer numbers, got " + entry.value.describe());
      for (const YamlNode &item : entry.value.items) {
        int64_t layer = layers.toInteger(entry.key, item);
        if (layer >= 1 && layer <= int64_t(layerKinds.size()))
          layerKinds[layer - 1] = entry.key;
        else
          errors.fail(item.position,
                      "expected a layer from 1 to " + Twine(layerKinds.size()) + ", got " + Twine(layer));
      }
    }
  }

  /// Block names: one, or a list.
  std::vector<std::string> names(const YamlNode &node) {
    std::vector<std::string> result;
    auto add = [&](const YamlNode &item) {
      if (item.kind != YamlNode::Kind::scalar)
        return errors.fail(item.position, "expected the name of a block, got " + item.describe());
      checkName(item.text, item.position);
      result.push_back(item.text);
    };
    if (node.kind == YamlNode::Kind::sequence)
      llvm::for_each(node.items, add);
    else
      add(node);
    return result;
  }

  void checkName(StringRef name, TextPosition position) {
    SmallVector<StringRef> known;
    for (const auto &[kind, block] : kinds)
      known.push_back(kind);
    if (!llvm::is_contained(known, name))
      errors.fail(position, "unknown block '" + name + "'" + suggest(name, known));
  }

  NormSpec norm() const { return {eps, {}}; }

  BlockSpec readBlock(const YamlNode &node) {
    BlockSpec block;
    Section section(errors, "block", node);
    bool post = section.word("norm") == "post";
    if (const YamlNode *mixer = section.get("mixer"))
      block.mixer = readMixer(*mixer);
    if (const YamlNode *ffn = section.get("ffn"); ffn && ffn->text != "none")
      block.ffn = readFfn(*ffn);
    (post ? block.mixer.postNorm : block.mixer.norm) = norm();
    if (block.ffn)
      (post ? block.ffn->postNorm : block.ffn->norm) = norm();
    return block;
  }

  FfnSpec readFfn(const YamlNode &node) {
    FfnSpec ffn;
    Section section(errors, "ffn", node);
    for (StringRef name : {"swiglu", "geglu", "relu2"}) {
      if (!section.has(name))
        continue;
      if (!ffn.name.empty())
        errors.fail(section.at(name), "expected one feed-forward network, got '" + ffn.name + "' and '" + name + "'");
      ffn.name = name;
      ffn.width = section.integer(name);
    }
    if (ffn.name.empty())
      errors.fail(node.position, "expected swiglu, geglu or relu2 in 'ffn'");
    ffn.activation = llvm::StringSwitch<Activation>(ffn.name)
                         .Case("geglu", Activation::gelu_tanh)
                         .Case("relu2", Activation::relu2)
                         .Default(Activation::silu);
    ffn.gated = ffn.name != "relu2";
    if (section.boolean("bias"))
      ffn.up.bias = ffn.down.bias = wantedBias();
    return ffn;
  }

  MixerSpec readMixer(const YamlNode &node) {
    MixerSpec mixer;
    Section section(errors, "mixer", node);
    if (errors.any())
      return mixer;
    const YamlNode *parallel = section.get("parallel"), *fuse = section.get("fuse");
    if (!parallel && fuse)
      errors.fail(section.at("fuse"), "expected 'fuse' beside 'parallel' only");
    size_t mixers = node.entries.size() - (fuse != nullptr);
    if (mixers != 1)
      errors.fail(node.position,
                  "expected one mixer, got " + Twine(mixers) + "; mixers side by side go into 'parallel'");
    if (errors.any())
      return mixer;
    if (!parallel) {
      addBranch(mixer, node.entries.front());
      return mixer;
    }
    Section branches(errors, "parallel", *parallel);
    if (errors.any())
      return mixer;
    for (const YamlEntry &branch : parallel->entries)
      addBranch(mixer, branch);
    if (mixer.branches.size() < 2)
      errors.fail(parallel->position, "expected two or more mixers in 'parallel', got " + Twine(mixer.branches.size()));
    readFuse(fuse ? *fuse : emptyMapping(), mixer);
    return mixer;
  }

  /// What a section reads that is not there: its defaults.
  static const YamlNode &emptyMapping() {
    static const YamlNode node = [] {
      YamlNode empty;
      empty.kind = YamlNode::Kind::mapping;
      return empty;
    }();
    return node;
  }

  void addBranch(MixerSpec &mixer, const YamlEntry &entry) {
    if (entry.key == "attention")
      mixer.branches.push_back(readAttention(entry.value));
    else if (entry.key == "mamba2")
      mixer.branches.push_back(readMamba2(entry.value));
    else if (entry.key == "gated_delta")
      mixer.branches.push_back(readGatedDelta(entry.value));
    else if (entry.key == "short_conv")
      mixer.branches.push_back(readShortConv(entry.value));
  }

  void readFuse(const YamlNode &node, MixerSpec &mixer) {
    Section section(errors, "fuse", node);
    FuseSpec fuse;
    fuse.op = llvm::StringSwitch<FuseKind>(section.word("op"))
                  .Case("add", FuseKind::add)
                  .Case("concat", FuseKind::concat)
                  .Default(FuseKind::sub);
    fuse.norm = section.word("norm") == "group";
    fuse.eps = eps;
    fuse.scaling = llvm::StringSwitch<FuseScaling>(section.word("scaling"))
                       .Case("vector", FuseScaling::vector)
                       .Case("scalar", FuseScaling::scalar)
                       .Default(FuseScaling::none);
    fuse.joint = section.word("projection") == "joint";
    if (section.word("value") == "shared") {
      AttentionSpec *attention = nullptr;
      for (BranchSpec &branch : mixer.branches) {
        if (auto *a = std::get_if<AttentionSpec>(&branch))
          attention = a;
        if (auto *mamba = std::get_if<Mamba2Spec>(&branch))
          mamba->sharedValueHeads = attention ? attention->kvHeads : 1;
      }
    }
    mixer.fuse = std::move(fuse);
  }

  AttentionSpec readAttention(const YamlNode &node) {
    AttentionSpec a;
    Section section(errors, "attention", node);
    a.heads = section.integer("heads");
    a.kvHeads = section.integer("kv_heads", a.heads);
    if (!section.has("head_dim") && a.heads > 0 && spec.width % a.heads != 0)
      errors.fail(section.at("heads"), "expected 'heads' (" + Twine(a.heads) + ") to divide 'width' (" +
                                           Twine(spec.width) + ") where 'head_dim' is not given");
    a.headDim = section.integer("head_dim", a.heads > 0 ? spec.width / a.heads : 1);
    a.valueDim = section.integer("value_dim", a.headDim);
    a.window = section.optionalInteger("window");
    a.sinkTokens = section.integer("sinks");
    a.sinkLogits = section.boolean("sink_logits");
    if (section.has("scale"))
      a.scale = section.number("scale");
    a.softcap = section.optionalNumber("softcap");
    a.qkNorm = llvm::StringSwitch<QkNorm>(section.word("qk_norm"))
                   .Case("head", QkNorm::head)
                   .Case("full", QkNorm::full)
                   .Default(QkNorm::none);
    a.qNorm = a.kNorm = norm();
    if (section.boolean("bias"))
      a.qkv.bias = a.out.bias = wantedBias();
    const YamlNode *rope = section.get("rope");
    if (!rope || rope->text != "none")
      a.rope = readRope(rope, a.headDim);
    return a;
  }

  RopeSpec readRope(const YamlNode *node, int64_t headDim) {
    Section section(errors, "rope", node ? *node : emptyMapping());
    RopeSpec rope;
    rope.theta = section.number("theta");
    double fraction = section.number("fraction");
    if (!(fraction > 0 && fraction <= 1))
      errors.fail(section.at("fraction"), "expected 'fraction' above 0 and at most 1");
    rope.rotaryDim = int64_t(double(headDim) * std::min(fraction, 1.0));
    const YamlNode *scaling = section.get("scaling");
    YamlNode typeOnly;
    if (!scaling || scaling->kind == YamlNode::Kind::scalar) {
      // A word is short for a mapping that has only the type.
      typeOnly.kind = YamlNode::Kind::mapping;
      if (scaling)
        typeOnly.position = scaling->position;
      if (scaling)
        typeOnly.entries.push_back({"type", scaling->position, *scaling});
    }
    Section keys(errors, "scaling", typeOnly.kind == YamlNode::Kind::mapping ? typeOnly : *scaling);
    rope.scaling = llvm::StringSwitch<RopeScaling>(keys.word("type"))
                       .Case("none", RopeScaling::none)
                       .Case("linear", RopeScaling::linear)
                       .Case("yarn", RopeScaling::yarn)
                       .Default(RopeScaling::llama3);
    if (rope.scaling == RopeScaling::none)
      return rope;
    rope.factor = keys.number("factor");
    rope.lowFreqFactor = keys.number("low");
    rope.highFreqFactor = keys.number("high");
    rope.originalContext = keys.integer("original");
    rope.betaFast = keys.number("beta_fast");
    rope.betaSlow = keys.number("beta_slow");
    bool yarn = rope.scaling == RopeScaling::yarn;
    rope.attentionFactor =
        keys.number("attention_factor", yarn && rope.factor > 1 ? 0.1 * std::log(rope.factor) + 1 : 1);
    return rope;
  }

  Mamba2Spec readMamba2(const YamlNode &node) {
    Mamba2Spec m;
    Section section(errors, "mamba2", node);
    m.heads = section.integer("heads");
    m.headDim = section.integer("head_dim");
    m.state = section.integer("state");
    m.groups = section.integer("groups");
    m.conv = section.integer("conv");
    m.norm = llvm::StringSwitch<GatedNorm>(section.word("norm"))
                 .Case("none", GatedNorm::none)
                 .Case("norm_first", GatedNorm::normFirst)
                 .Default(GatedNorm::gateFirst);
    m.outNorm = norm();
    Pair limit = section.pair("dt_limit", {0, std::numeric_limits<double>::infinity()});
    m.dtMin = limit[0];
    m.dtMax = limit[1];
    m.a = decayInitialiser(readRates(section, {0.01, 2.0}));
    m.dtBias = timeStepInitialiser(readSteps(section));
    if (section.boolean("conv_bias"))
      m.convBias = wantedBias();
    if (section.boolean("bias"))
      m.in.bias = m.out.bias = wantedBias();
    return m;
  }

  Pair readRates(const Section &section, Pair byDefault) {
    Pair rates = section.pair("a_init", byDefault);
    if (!(rates[0] >= 0 && rates[1] > rates[0] && std::isfinite(rates[1])))
      errors.fail(section.at("a_init"), "expected 'a_init' with 0 <= low < high");
    return rates;
  }
  Pair readSteps(const Section &section) {
    Pair steps = section.pair("dt_init", {0.001, 0.1});
    if (!(steps[0] > 0 && steps[1] > steps[0] && std::isfinite(steps[1])))
      errors.fail(section.at("dt_init"), "expected 'dt_init' with 0 < low < high");
    return steps;
  }

  GatedDeltaSpec readGatedDelta(const YamlNode &node) {
    GatedDeltaSpec d;
    Section section(errors, "gated_delta", node);
    d.keyHeads = section.integer("heads");
    d.valueHeads = section.integer("value_heads", d.keyHeads);
    d.keyDim = section.integer("head_dim", d.keyHeads > 0 ? spec.width * 3 / 4 / d.keyHeads : 1);
    d.valueDim = section.integer("value_dim", 2 * d.keyDim);
    d.conv = section.integer("conv");
    d.betaScale = section.boolean("negative_eigenvalues") ? 2 : 1;
    d.outNorm = norm();
    d.a = decayInitialiser(readRates(section, {0, 16}));
    d.dtBias = timeStepInitialiser(readSteps(section));
    return d;
  }

  ShortConvSpec readShortConv(const YamlNode &node) {
    ShortConvSpec c;
    Section section(errors, "short_conv", node);
    c.channels = section.integer("channels", spec.width);
    c.conv = section.integer("conv");
    if (section.boolean("bias"))
      c.in.bias = c.out.bias = c.convBias = wantedBias();
    return c;
  }

  Errors errors;
  const YamlNode &root;
  ModelSpec spec;
  double eps = 1e-5;
  llvm::MapVector<StringRef, BlockKind> kinds;
  std::vector<std::string> layerKinds;
};
} // namespace

llvm::Expected<ModelSpec> mlir::hybrid::readDescription(StringRef path) {
  llvm::Expected<std::string> text = readTextFile(path);
  if (!text)
    return text.takeError();
  if (std::optional<TextError> error = scanText(*text, TextFormat::yaml))
    return textError(formatTextError(path.str(), *error));
  llvm::Expected<YamlNode> root = parseYaml(path, *text);
  if (!root)
    return root.takeError();
  return DescriptionReader(path, *root).run();
}
