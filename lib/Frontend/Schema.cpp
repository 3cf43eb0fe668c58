#include "Schema.h"
#include "hybrid/Frontend/Frontend.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
using namespace mlir::hybrid;
using llvm::StringRef;

// Sections in the order in which a reader meets them.
static constexpr SchemaKey keys[] = {
    {"model", "name", "string", "required", "the model's name", ""},
    {"model", "dtype", "bf16 | f16 | f32", "bf16", "how weights, results of kernels and KV caches are stored", "paper"},
    {"model", "vocab", "integer", "128256", "tokens in the vocabulary", "Llama 3.2's tokenizer"},
    {"model", "width", "integer", "required", "channels of the residual stream", ""},
    {"model", "tie_embeddings", "boolean", "true", "whether the head is the embedding", "paper"},
    {"model", "norm_eps", "number", "1e-5", "epsilon of every RMS norm", "Llama 3"},
    {"model", "embedding_scale", "number", "1", "factor on embedded tokens", ""},
    {"model", "logit_softcap", "number | none", "none", "logits become cap * tanh(logits / cap)", ""},
    {"model", "eos", "list of integers", "none", "tokens that end a generation", ""},
    {"model", "blocks", "mapping from names to blocks", "required", "the kinds of block", ""},
    {"model", "layers", "layers", "required", "which block each layer is", ""},

    {"layers", "pattern", "name | list of names", "required", "blocks of the layers, repeated as often as needed", ""},
    {"layers", "at", "mapping from names to lists of integers", "none",
     "layers, from 1, that are another block than the pattern says", ""},
    {"layers", "count", "integer", "= length of the pattern", "number of layers", ""},

    {"block", "mixer", "mapping with one mixer", "required", "what mixes tokens", ""},
    {"block", "ffn", "mapping with one network | none", "none", "the feed-forward network after the mixer", ""},
    {"block", "norm", "pre | post", "pre", "RMS norm of the input of mixer and network, or of their output", "paper"},

    {"ffn", "swiglu", "integer", "none", "silu(gate) * up of this width", ""},
    {"ffn", "geglu", "integer", "none", "gelu(gate) * up of this width, gelu by tanh", ""},
    {"ffn", "relu2", "integer", "none", "relu(up)^2 of this width", ""},
    {"ffn", "bias", "boolean", "false", "biases on the projections", "Llama 3"},

    {"mixer", "attention", "mapping", "none", "softmax attention with grouped keys and values", ""},
    {"mixer", "mamba2", "mapping", "none", "Mamba-2", ""},
    {"mixer", "gated_delta", "mapping", "none", "gated delta rule", ""},
    {"mixer", "short_conv", "mapping", "none", "gated short convolution, as in LFM2", ""},
    {"mixer", "parallel", "mapping of two or more mixers", "none", "mixers side by side on one input", ""},
    {"mixer", "fuse", "mapping", "= its own defaults", "how the outputs of parallel mixers are joined", ""},

    {"attention", "heads", "integer", "required", "query heads", ""},
    {"attention", "kv_heads", "integer", "= heads", "key and value heads", "Llama"},
    {"attention", "head_dim", "integer", "= width / heads", "channels of a query or key head", "Llama"},
    {"attention", "value_dim", "integer", "= head_dim", "channels of a value head", "Llama"},
    {"attention", "rope", "mapping | none", "= its own defaults", "rotary positions", "paper"},
    {"attention", "window", "integer | none", "none", "tokens that a query sees, itself included", "paper: 512"},
    {"attention", "sinks", "integer", "0", "first tokens that are seen from outside the window too", "paper: 64"},
    {"attention", "sink_logits", "boolean", "false", "a learned logit per head in the softmax", "gpt-oss"},
    {"attention", "qk_norm", "none | head | full", "none", "RMS norm of queries and keys, per head or over all", ""},
    {"attention", "scale", "number", "= 1 / sqrt(head_dim)", "factor on scores", ""},
    {"attention", "softcap", "number | none", "none", "scores become cap * tanh(scores / cap)", ""},
    {"attention", "bias", "boolean", "false", "biases on the projections", "Llama 3"},

    {"rope", "theta", "number", "5e5", "base of the frequencies; with a window the paper takes 1e4", "paper"},
    {"rope", "scaling", "llama3 | linear | yarn | none | mapping", "llama3", "how frequencies are stretched", "paper"},
    {"rope", "fraction", "number", "1", "part of each head that rotates", "Llama"},

    {"scaling", "type", "llama3 | linear | yarn | none", "llama3", "how frequencies are stretched", "paper"},
    {"scaling", "factor", "number", "32", "by how much at most", "paper"},
    {"scaling", "low", "number", "1", "llama3: turns in the original context below which all of it applies", "paper"},
    {"scaling", "high", "number", "4", "llama3: turns above which none of it applies", "paper"},
    {"scaling", "original", "integer", "8192", "the original context", "paper"},
    {"scaling", "beta_fast", "number", "32", "yarn: turns above which none of it applies", "YaRN"},
    {"scaling", "beta_slow", "number", "1", "yarn: turns below which all of it applies", "YaRN"},
    {"scaling", "attention_factor", "number", "= 0.1 ln(factor) + 1 with yarn, else 1", "factor on rotated vectors",
     "YaRN"},

    {"mamba2", "heads", "integer", "required", "state heads", ""},
    {"mamba2", "head_dim", "integer", "128", "channels of a head", "paper"},
    {"mamba2", "state", "integer", "128", "rows of a head's state", "paper"},
    {"mamba2", "groups", "integer", "1", "groups of heads that share B and C", "paper"},
    {"mamba2", "conv", "integer", "4", "width of the causal convolution", "paper"},
    {"mamba2", "norm", "gated | norm_first | none", "gated", "norm(y * silu(z)), norm(y) * silu(z), or y * silu(z)",
     "Mamba-2"},
    {"mamba2", "a_init", "two numbers", "[0.01, 2.0]", "decay rates at the start, uniform between these", "paper"},
    {"mamba2", "dt_init", "two numbers", "[0.001, 0.1]", "time steps at the start, log-uniform between these",
     "Mamba-2"},
    {"mamba2", "dt_limit", "two numbers", "[0, inf]", "time steps are clamped to these", "Mamba-2"},
    {"mamba2", "conv_bias", "boolean", "true", "bias of the convolution", "Mamba-2"},
    {"mamba2", "bias", "boolean", "false", "biases on the projections", "Mamba-2"},

    {"gated_delta", "heads", "integer", "required", "query and key heads", ""},
    {"gated_delta", "value_heads", "integer", "= heads", "value heads", "OLMo Hybrid"},
    {"gated_delta", "head_dim", "integer", "= 3/4 width / heads", "channels of a query or key head", "OLMo Hybrid"},
    {"gated_delta", "value_dim", "integer", "= 2 head_dim", "channels of a value head", "OLMo Hybrid"},
    {"gated_delta", "conv", "integer", "4", "width of the causal convolution of q, k and v", "OLMo Hybrid"},
    {"gated_delta", "negative_eigenvalues", "boolean", "true", "write strength up to 2 instead of 1", "OLMo Hybrid"},
    {"gated_delta", "a_init", "two numbers", "[0, 16]", "decay rates at the start, uniform between these",
     "OLMo Hybrid"},
    {"gated_delta", "dt_init", "two numbers", "[0.001, 0.1]", "time steps at the start, log-uniform between these",
     "OLMo Hybrid"},

    {"short_conv", "channels", "integer", "= width", "channels of the convolution", "LFM2"},
    {"short_conv", "conv", "integer", "3", "its width", "LFM2"},
    {"short_conv", "bias", "boolean", "false", "biases on projections and convolution", "LFM2"},

    {"parallel", "attention", "mapping", "none", "as in a mixer", ""},
    {"parallel", "mamba2", "mapping", "none", "as in a mixer", ""},
    {"parallel", "gated_delta", "mapping", "none", "as in a mixer", ""},
    {"parallel", "short_conv", "mapping", "none", "as in a mixer", ""},

    {"fuse", "op", "add | sub | concat", "sub", "sub: the mixer written first minus the others", "paper's best"},
    {"fuse", "norm", "group | none", "group", "an RMS norm of each mixer's output on its own", "paper's best"},
    {"fuse", "scaling", "none | vector | scalar", "none",
     "a learned factor per channel of each mixer, or one for the second mixer", "paper's best"},
    {"fuse", "value", "separate | shared", "separate", "shared: mamba2 reads attention's values", "paper's best"},
    {"fuse", "projection", "separate | joint", "separate", "an output projection each, or one after the join",
     "paper's best"},
};

llvm::ArrayRef<SchemaKey> mlir::hybrid::schemaKeys() { return keys; }

const SchemaKey *mlir::hybrid::findSchemaKey(StringRef section, StringRef key) {
  auto *it = llvm::find_if(keys, [&](const SchemaKey &k) { return k.section == section && k.key == key; });
  return it == std::end(keys) ? nullptr : it;
}

std::string mlir::hybrid::suggest(StringRef word, llvm::ArrayRef<StringRef> candidates) {
  StringRef best;
  unsigned bestDistance = std::max<unsigned>(2, word.size() / 3) + 1;
  for (StringRef candidate : candidates) {
    unsigned distance = word.edit_distance(candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (!best.empty())
    return ", did you mean '" + best.str() + "'?";
  return "; expected one of " + llvm::join(candidates, ", ");
}

std::string mlir::hybrid::schemaMarkdown() {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "# Keys of a model description\n\n"
        "Generated from the table that the reader uses (lib/Frontend/Schema.cpp).\n";
  StringRef section;
  for (const SchemaKey &key : keys) {
    if (key.section != section) {
      section = key.section;
      os << "\n## " << section << "\n\n| key | type | default | meaning | default's origin |\n|---|---|---|---|---|\n";
    }
    std::string type = key.type.str();
    for (size_t at = 0; (at = type.find('|', at)) != std::string::npos; at += 2)
      type.insert(at, "\\");
    os << "| `" << key.key << "` | " << type << " | " << key.byDefault << " | " << key.meaning << " | " << key.origin
       << " |\n";
  }
  return text;
}
