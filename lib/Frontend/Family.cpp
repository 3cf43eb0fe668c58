#include "Family.h"
#include "hybrid/Frontend/Frontend.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;
using llvm::StringRef;
using llvm::Twine;

static constexpr Family families[] = {
    {"bamba", readBamba},
    {"falcon_h1", readFalconH1},
    {"granitemoehybrid", readGraniteMoeHybrid},
    {"lfm2", readLfm2},
    {"llama", readLlama},
    {"mamba2", readMamba2},
    {"olmo_hybrid", readOlmoHybrid},
};

std::string mlir::hybrid::knownFamilies() {
  std::string names;
  for (const Family &family : families)
    names += (names.empty() ? "" : ", ") + family.modelType.str();
  return names;
}

void FamilyReader::frame(StringRef embedding, StringRef finalNorm, double eps, bool tied, double embeddingScale,
                         double logitScale) {
  spec.vocab = config.integer("vocab_size");
  spec.width = config.integer("hidden_size");
  spec.tied = tied;
  spec.finalNorm = {eps, tensorRecipe(finalNorm.str() + ".weight", logitScale)};
  // A tied embedding is the head as well, which must not see the factor.
  spec.embeddingScale = tied ? embeddingScale : 1;
  spec.embedding = tensorRecipe(embedding.str() + ".weight", tied ? 1 : embeddingScale);
  if (!tied)
    spec.head = tensorRecipe("lm_head.weight");
}

int64_t FamilyReader::numLayers() {
  constexpr int64_t maxLayers = 4096;
  int64_t layers = config.integer("num_hidden_layers");
  if (layers < 1 || layers > maxLayers) {
    config.fail("num_hidden_layers",
                "expected 'num_hidden_layers' from 1 to " + Twine(maxLayers) + ", got " + Twine(layers));
    return 0;
  }
  return layers;
}

std::vector<bool> FamilyReader::attentionLayers(StringRef key, const std::vector<std::string> &types) {
  std::vector<bool> attention;
  for (const std::string &type : types) {
    if (type == "attention" || type == "full_attention")
      attention.push_back(true);
    else if (type == "mamba" || type == "linear_attention" || type == "conv" || type == "short_conv")
      attention.push_back(false);
    else
      config.fail(key, "unknown layer type '" + type + "' in '" + key + "'");
  }
  if (int64_t(attention.size()) != numLayers())
    config.fail(key, "expected one entry of '" + key + "' per layer (" + Twine(numLayers()) + "), got " +
                         Twine(attention.size()));
  attention.resize(numLayers());
  return attention;
}

LinearSpec FamilyReader::linear(std::initializer_list<LayerRows> layers, bool bias) {
  LinearSpec linear;
  for (const LayerRows &layer : layers) {
    linear.weight.push_back({layer.layer + ".weight", 0, layer.rows, layer.inputScale * layer.outputScale, /*map=*/""});
    if (bias)
      linear.bias.push_back({layer.layer + ".bias", 0, layer.rows, layer.outputScale, /*map=*/""});
  }
  return linear;
}

Activation FamilyReader::activation(StringRef key) {
  std::string name = config.string(key, "silu");
  std::optional<Activation> activation = llvm::StringSwitch<std::optional<Activation>>(name)
                                             .Cases({"silu", "swish"}, Activation::silu)
                                             .Case("gelu", Activation::gelu)
                                             .Cases({"gelu_new", "gelu_pytorch_tanh"}, Activation::gelu_tanh)
                                             .Case("relu2", Activation::relu2)
                                             .Case("sigmoid", Activation::sigmoid)
                                             .Default(std::nullopt);
  if (!activation)
    config.fail(key, "unknown activation '" + name + "'; known are silu, swish, gelu, gelu_new, gelu_pytorch_tanh, " +
                         "relu2, sigmoid");
  return activation.value_or(Activation::silu);
}

static double yarnScale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

std::optional<RopeSpec> FamilyReader::rope(int64_t headDim, double defaultTheta, double defaultFraction) {
  StringRef key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  std::unique_ptr<Config> outerRope = config.object(key), innerRope;
  if (outerRope && outerRope->has("full_attention"))
    innerRope = outerRope->object("full_attention");
  Config *rope = innerRope ? innerRope.get() : outerRope.get();
  llvm::scope_exit takeFailures([&] {
    for (Config *inner : {innerRope.get(), outerRope.get()})
      if (inner)
        config.takeFailure(*inner);
  });
  // An explicit null is the way to say that there are no positions.
  const llvm::json::Value *own = rope ? rope->get("rope_theta") : nullptr;
  const llvm::json::Value *outer = own ? own : config.get("rope_theta");
  if (outer && outer->kind() == llvm::json::Value::Null)
    return std::nullopt;

  RopeSpec result;
  result.theta = own ? rope->number("rope_theta") : config.number("rope_theta", defaultTheta);
  double fraction = config.number("partial_rotary_factor", defaultFraction);
  std::string type = "default";
  if (rope) {
    fraction = rope->number("partial_rotary_factor", fraction);
    type = rope->string("rope_type", rope->string("type", "default"));
  }
  if (!(fraction > 0 && fraction <= 1))
    config.fail(key, "expected 'partial_rotary_factor' in (0, 1], got " + llvm::formatv("{0}", fraction).str());
  result.rotaryDim = int64_t(headDim * fraction);
  if (type == "default")
    return result;

  int64_t trained = config.integer("max_position_embeddings", 8192);
  result.originalContext =
      config.integer("original_max_position_embeddings", rope->integer("original_max_position_embeddings", trained));
  if (type == "linear") {
    result.scaling = RopeScaling::linear;
    result.factor = rope->number("factor");
  } else if (type == "llama3") {
    result.scaling = RopeScaling::llama3;
    result.factor = rope->number("factor");
    result.lowFreqFactor = rope->number("low_freq_factor");
    result.highFreqFactor = rope->number("high_freq_factor");
  } else if (type == "yarn") {
    result.scaling = RopeScaling::yarn;
    result.factor = rope->number("factor", double(trained) / double(std::max<int64_t>(result.originalContext, 1)));
    result.betaFast = rope->number("beta_fast", 32);
    result.betaSlow = rope->number("beta_slow", 1);
    double mscale = rope->number("mscale", 0), allDim = rope->number("mscale_all_dim", 0);
    double scale = mscale != 0 && allDim != 0 ? yarnScale(result.factor, mscale) / yarnScale(result.factor, allDim)
                                              : yarnScale(result.factor, 1);
    result.attentionFactor = rope->number("attention_factor", scale);
    if (!rope->boolean("truncate", true))
      config.fail(key, "expected 'truncate' to be true: YaRN with an exact correction range is not supported");
  } else {
    config.fail(key, "unknown rotary scaling '" + type + "'; known are default, linear, llama3, yarn");
  }
  return result;
}

AttentionSpec FamilyReader::attention(const std::string &prefix, bool bias, StringRef outName, AttentionScales scales) {
  AttentionSpec attention;
  attention.heads = config.integer("num_attention_heads");
  attention.kvHeads = config.integer("num_key_value_heads", attention.heads);
  if (!config.has("head_dim") && attention.heads > 0 && spec.width % attention.heads != 0)
    config.fail("num_attention_heads", "expected 'num_attention_heads' (" + Twine(attention.heads) +
                                           ") to divide 'hidden_size' (" + Twine(spec.width) + ")");
  attention.headDim = config.integer("head_dim", attention.heads > 0 ? spec.width / attention.heads : 1);
  attention.valueDim = attention.headDim;
  attention.qkv = linear({{prefix + ".q_proj", attention.qWidth(), scales.input},
                          {prefix + ".k_proj", attention.kWidth(), scales.input, scales.key},
                          {prefix + ".v_proj", attention.vWidth(), scales.input}},
                         bias);
  attention.out = linear({{prefix + "." + outName.str(), -1, 1, scales.output}}, bias);
  return attention;
}

FfnSpec FamilyReader::gatedFfn(const std::string &gate, const std::string &up, const std::string &down, int64_t width,
                               bool bias, double gateScale, double outScale) {
  FfnSpec ffn;
  ffn.name = "swiglu";
  ffn.width = width;
  ffn.up = linear({{gate, width, 1, gateScale}, {up, width}}, bias);
  ffn.down = linear({{down, -1, 1, outScale}}, bias);
  return ffn;
}

int64_t FamilyReader::expanded(StringRef key) {
  double width = config.number(key, 2) * double(spec.width);
  if (width >= 1 && width <= double(1 << 30))
    return int64_t(width);
  config.fail(key, "expected '" + key + "' times 'hidden_size' from 1 to 2^30");
  return 1;
}

Mamba2Spec FamilyReader::mamba2Dims(int64_t inner) {
  Mamba2Spec mixer;
  mixer.heads = config.integer("mamba_n_heads", 128);
  mixer.state = config.integer("mamba_d_state", 256);
  mixer.groups = config.integer("mamba_n_groups", 1);
  mixer.conv = config.integer("mamba_d_conv", 4);
  mixer.activation = activation();
  const llvm::json::Value *headDim = config.get("mamba_d_head");
  bool isAuto = !config.has("mamba_d_head") || headDim->getAsString() == StringRef("auto");
  if (mixer.heads > 0 && inner % mixer.heads != 0)
    config.fail("mamba_n_heads", "expected 'mamba_n_heads' (" + Twine(mixer.heads) + ") to divide the mixer's width (" +
                                     Twine(inner) + ")");
  mixer.headDim = isAuto ? (mixer.heads > 0 ? inner / mixer.heads : 1) : config.integer("mamba_d_head");
  if (mixer.heads * mixer.headDim != inner)
    config.fail("mamba_d_head", "expected 'mamba_d_head' (" + Twine(mixer.headDim) + ") times 'mamba_n_heads' (" +
                                    Twine(mixer.heads) + ") to be the mixer's width (" + Twine(inner) + ")");
  timeStepLimit(mixer);
  return mixer;
}

void FamilyReader::timeStepLimit(Mamba2Spec &mixer) {
  std::vector<double> limit = config.numbers("time_step_limit");
  if (limit.empty())
    return;
  if (limit.size() != 2)
    return config.fail("time_step_limit", "expected two numbers for 'time_step_limit', got " + Twine(limit.size()));
  mixer.dtMin = limit[0];
  mixer.dtMax = limit[1];
}

void FamilyReader::mamba2Weights(Mamba2Spec &mixer, const std::string &prefix, bool inBias, bool outBias, bool convBias,
                                 const Mamba2Scales &scales) {
  int64_t bc = mixer.groups * mixer.state;
  int64_t rows[] = {mixer.inner(), mixer.inner(), bc, bc, mixer.heads};
  int64_t begin = 0;
  for (auto [count, scale] : llvm::zip_equal(rows, scales.segments)) {
    mixer.in.weight.push_back({prefix + ".in_proj.weight", begin, begin + count, scales.input * scale, ""});
    if (inBias)
      mixer.in.bias.push_back({prefix + ".in_proj.bias", begin, begin + count, scale, ""});
    begin += count;
  }
  bool uniform = llvm::all_of(scales.segments, [&](double s) { return s == scales.segments.front(); });
  for (Recipe *recipe : {&mixer.in.weight, &mixer.in.bias})
    if (uniform && !recipe->empty()) {
      recipe->resize(1);
      recipe->front().end = -1;
    }
  mixer.out = linear({{prefix + ".out_proj", -1, 1, scales.output}}, outBias);
  mixer.taps = tensorRecipe(prefix + ".conv1d.weight");
  if (convBias)
    mixer.convBias = tensorRecipe(prefix + ".conv1d.bias");
  mixer.dtBias = tensorRecipe(prefix + ".dt_bias");
  mixer.a = {{prefix + ".A_log", 0, -1, 1, "neg_exp"}};
  mixer.d = tensorRecipe(prefix + ".D");
  if (mixer.norm != GatedNorm::none)
    mixer.outNorm.weight = tensorRecipe(prefix + ".norm.weight");
}

static std::string inFolder(StringRef folder, StringRef file) {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

/// The dtype that most of a checkpoint is stored in, which is its embedding's.
static std::string checkpointDtype(const ModelSpec &spec, const hybridrt::Checkpoint &weights) {
  const hybridrt::TensorView *tensor = spec.embedding.empty() ? nullptr : weights.find(spec.embedding.front().source);
  if (tensor && tensor->type == hybridrt::ElementType::bf16)
    return "bf16";
  return tensor && tensor->type == hybridrt::ElementType::f16 ? "f16" : "f32";
}

/// generation_config.json says when generation stops, and where it does not, config.json.
static llvm::Error readEos(StringRef folder, Config &config, ModelSpec &spec) {
  spec.eos = config.tokens("eos_token_id");
  std::string path = inFolder(folder, "generation_config.json");
  if (!llvm::sys::fs::exists(path))
    return llvm::Error::success();
  llvm::Expected<JsonFile> file = readJsonObject(path);
  if (!file)
    return file.takeError();
  Config generation(std::move(*file));
  if (generation.has("eos_token_id"))
    spec.eos = generation.tokens("eos_token_id");
  return generation.takeError();
}

/// The folder's own name, also for ".", "..", and with a slash behind it.
static std::string folderName(StringRef folder) {
  SmallString<256> path(folder);
  if (llvm::sys::fs::make_absolute(path))
    return folder.str();
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  return llvm::sys::path::filename(path).str();
}

llvm::Expected<ModelSpec> mlir::hybrid::readHuggingFace(StringRef folder) {
  llvm::Expected<JsonFile> file = readJsonObject(inFolder(folder, "config.json"));
  if (!file)
    return file.takeError();
  Config config(std::move(*file));
  std::string type = config.string("model_type", "");
  const Family *family = llvm::find_if(families, [&](const Family &f) { return f.modelType == type; });
  if (family == std::end(families)) {
    config.fail("model_type", type.empty() ? Twine("expected key 'model_type'; known families are ") + knownFamilies()
                                           : "unknown family '" + type + "'; known are " + knownFamilies());
    return config.takeError();
  }
  if (config.has("quantization_config"))
    config.fail("quantization_config", "quantised checkpoints are not supported; expected F32, BF16 or F16 weights");
  hybridrt::Result<hybridrt::Checkpoint> weights = hybridrt::Checkpoint::open(folder.str());
  if (!weights)
    return textError(folder + ": error: " + weights.error());

  ModelSpec spec;
  spec.family = type;
  spec.name = folderName(folder);
  FamilyReader reader(config, *weights, spec);
  family->read(reader);
  spec.dtype = checkpointDtype(spec, *weights);
  if (llvm::Error error = readEos(folder, config, spec))
    return error;
  if (config.failed())
    return config.takeError();
  return spec;
}
