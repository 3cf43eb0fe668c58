// YAML descriptions: what is read, what is refused and with which words, and the numbers of the summary.
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "hybrid/Frontend/Summary.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
const std::string models = HYBRID_SOURCE_DIR "/examples/models/";

/// A file of this content that is gone at the end of the test.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef content) {
    llvm::SmallString<128> name;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("description", "yaml", name));
    path = name.str().str();
    std::ofstream(path) << content.str();
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  std::string path;
};

/// What reading `text` fails with, without the file's name.
std::string errorOf(StringRef text) {
  TemporaryFile file(text);
  llvm::Expected<ModelSpec> spec = readDescription(file.path);
  if (spec)
    return "no error";
  std::string message = llvm::toString(spec.takeError());
  return StringRef(message).starts_with(file.path) ? message.substr(file.path.size() + 1) : message;
}

/// A description whose one block is `block`.
std::string withBlock(StringRef block) {
  return ("name: x\nwidth: 64\nblocks:\n  a: " + block + "\nlayers: {pattern: a, count: 2}\n").str();
}

TEST(Description, UnknownKeysPointAndSuggest) {
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 4, kvheads: 2}}}")),
            "4:37: error: unknown key 'kvheads' in 'attention', did you mean 'kv_heads'?");
  EXPECT_EQ(errorOf(withBlock("{mixer: {atention: {heads: 4}}}")),
            "4:15: error: unknown key 'atention' in 'mixer', did you mean 'attention'?");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 4}}, ffn: {perceptron: 4}}")),
            "4:45: error: unknown key 'perceptron' in 'ffn'; expected one of swiglu, geglu, relu2, bias");
  EXPECT_EQ(errorOf("name: x\nwidth: 64\nblocks: {ssm: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: smm}\n"),
            "4:19: error: unknown block 'smm', did you mean 'ssm'?");
}

TEST(Description, WrongTypes) {
  EXPECT_EQ(errorOf("name: x\nwidth: sixty\nblocks: {}\nlayers: []\n"),
            "2:8: error: expected an integer for 'width', got 'sixty'");
  EXPECT_EQ(errorOf("name: x\nwidth: 99999999999999999999\nblocks: {}\nlayers: []\n"),
            "2:8: error: expected an integer for 'width', got '99999999999999999999'");
  EXPECT_EQ(errorOf("name: x\nwidth: 64\ntie_embeddings: maybe\nblocks: {}\nlayers: []\n"),
            "3:17: error: expected true or false for 'tie_embeddings', got 'maybe'");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: [1, 2]}}")),
            "4:27: error: expected a mapping for 'attention', got a list");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 4, rope: {scaling: lama3}}}}")),
            "4:53: error: expected llama3, linear, yarn, none for 'type', got 'lama3'");
  EXPECT_EQ(errorOf(withBlock("{mixer: {mamba2: {heads: 4, dt_limit: 3}}}")),
            "4:44: error: expected two numbers for 'dt_limit', got '3'");
  EXPECT_EQ(errorOf(""), "1:1: error: expected a mapping for 'model', got nothing");
  EXPECT_EQ(errorOf("width: 64\nblocks: {}\nlayers: []\n"), "1:1: error: expected key 'name' in 'model' (string)");
}

TEST(Description, DimsThatDoNotFit) {
  EXPECT_EQ(errorOf("name: x\nwidth: -64\nblocks: {}\nlayers: []\n"),
            "2:8: error: expected a positive 'width', got -64");
  EXPECT_EQ(errorOf(withBlock("{mixer: {mamba2: {heads: 0}}}")),
            "4:31: error: expected 'heads' from 1 to 16384, got 0");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 4, kv_heads: 3}}}")),
            "4:47: error: expected 'kv_heads' (3) to divide 'heads' (4)");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 5}}}")),
            "4:27: error: expected 'heads' (5) to divide 'width' (64) where 'head_dim' is not given");
  EXPECT_EQ(errorOf(withBlock("{mixer: {attention: {heads: 4, head_dim: 15}}}")),
            "4:47: error: expected an even number of rotary channels from 2 to 'head_dim' (15), got 15");
  EXPECT_EQ(
      errorOf(withBlock("{mixer: {parallel: {attention: {heads: 4}, mamba2: {heads: 4}}, fuse: {projection: joint}}}")),
      "4:89: error: expected branches of one width before a joint projection, got 64 and 512; use "
      "'projection: "
      "separate'");
  EXPECT_EQ(errorOf("name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: a, "
                    "count: 1000000}\n"),
            "4:29: error: expected 'count' from 1 to 4096, got 1000000");
  EXPECT_EQ(errorOf("name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: a, "
                    "at: {a: [3]}, count: 2}\n"),
            "4:31: error: expected a layer from 1 to 2, got 3");
}

TEST(Description, LayersByPatternListAndPlace) {
  auto mixersOf = [](StringRef layers) {
    TemporaryFile file(("name: x\nwidth: 64\nblocks:\n  m: {mixer: {mamba2: {heads: 2}}}\n"
                        "  a: {mixer: {attention: {heads: 2}}}\nlayers: " +
                        layers + "\n")
                           .str());
    llvm::Expected<ModelSpec> spec = readDescription(file.path);
    EXPECT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
    std::string kinds;
    for (const BlockSpec &block : spec->blocks)
      kinds += mixerName(block.mixer.branches[0]).front();
    return kinds;
  };
  EXPECT_EQ(mixersOf("[m, a, m]"), "mam");
  EXPECT_EQ(mixersOf("{pattern: [m, m, a], count: 7}"), "mmammam");
  EXPECT_EQ(mixersOf("{pattern: [m, a]}"), "ma");
  EXPECT_EQ(mixersOf("{pattern: m, at: {a: [1, 4]}, count: 4}"), "amma");
}

TEST(Description, HostileTexts) {
  EXPECT_EQ(errorOf("name: " + std::string(100000, '[')), "1:70: error: expected nesting of at most 64 levels");
  std::string dashes;
  for (int i = 0; i < 1000; ++i)
    dashes += "- ";
  EXPECT_EQ(errorOf(dashes + "x"), "1:2001: error: expected nesting of at most 64 levels");
  EXPECT_EQ(errorOf("name: &a x\nwidth: *a\n"), "1:10: error: anchors and aliases are not supported");
  EXPECT_EQ(errorOf("name: x\nname: y\n"), "2:1: error: key 'name' occurs twice");
  EXPECT_EQ(errorOf(StringRef("name: \0x\n", 9)), "1:7: error: unexpected NUL byte in text");
  EXPECT_NE(errorOf("name: {a: [}\n").find("error: "), std::string::npos);
  std::string large((16u << 20) + 1, ' ');
  EXPECT_EQ(errorOf(large), " error: expected at most 16777216 bytes, got 16777217");
}

struct Case {
  const char *text, *expected;
};

const Case refusedBlocks[] = {
    {"{mixer: {attention: {heads: 4}}, ffn: {swiglu: 64, geglu: 64}}",
     "4:57: error: expected one feed-forward network, got 'swiglu' and 'geglu'"},
    {"{mixer: {attention: {heads: 4}}, ffn: {bias: true}}", "4:45: error: expected swiglu, geglu or relu2 in 'ffn'"},
    {"{mixer: {attention: {heads: 4}, fuse: {op: add}}}", "4:38: error: expected 'fuse' beside 'parallel' only"},
    {"{mixer: {attention: {heads: 4}, mamba2: {heads: 4}}}",
     "4:15: error: expected one mixer, got 2; mixers side by side go into 'parallel'"},
    {"{mixer: {}}", "4:15: error: expected one mixer, got 0; mixers side by side go into 'parallel'"},
    {"{mixer: {parallel: {attention: {heads: 4}}}}", "4:26: error: expected two or more mixers in 'parallel', got 1"},
    {"{mixer: {attention: {heads: 4, rope: {fraction: 2}}}}", "4:44: error: expected 'fraction' above 0 and at most 1"},
    {"{mixer: {mamba2: {heads: 4, a_init: [2, 1]}}}", "4:34: error: expected 'a_init' with 0 <= low < high"},
    {"{mixer: {mamba2: {heads: 4, dt_init: [0, 1]}}}", "4:34: error: expected 'dt_init' with 0 < low < high"},
    {"{mixer: {mamba2: {heads: 4, dt_limit: [2, 1]}}}", "4:45: error: expected time step limits with 0 <= low < high"},
    {"{mixer: {mamba2: {heads: 4, conv: 1}}}", "4:40: error: expected 'conv' from 2 to 64, got 1"},
    {"{mixer: {attention: {heads: 4, sinks: -1}}}", "4:44: error: expected 'sinks' from 0 to 4194304, got -1"},
    {"{mixer: {attention: {heads: 4, rope: {theta: 0}}}}", "4:51: error: expected a rotary theta above 1, got 0"},
    {"{mixer: {attention: {heads: 4, rope: {scaling: {type: linear, factor: 0}}}}}",
     "4:76: error: expected a positive rotary factor, got 0"},
    {"{mixer: {attention: {heads: 4, rope: {scaling: {type: llama3, original: 0}}}}}",
     "4:78: error: expected a positive original context of the rotary scaling, got 0"},
    {"{mixer: {parallel: {attention: {heads: 4}, mamba2: {heads: 4}}, fuse: {op: concat, projection: separate}}}",
     "4:101: error: expected 'projection: joint' with 'op: concat', as concatenated branches have one projection; 'op: "
     "add' with 'projection: separate' is the same function"},
    {"{mixer: {parallel: {mamba2: {heads: 4}, attention: {heads: 4}}, fuse: {value: shared, projection: separate}}}",
     "4:84: error: expected 'attention' before 'mamba2' with 'value: shared'"},
    {"{mixer: {parallel: {attention: {heads: 4}, mamba2: {heads: 4, head_dim: 32}}, fuse: {value: shared, projection: "
     "separate}}}",
     "4:98: error: expected 'value_dim' of attention (16) to equal 'head_dim' of mamba2 (32) with 'value: shared'"},
    {"{mixer: {attention: {heads: 4, softcap: -1}}}", "4:46: error: expected a positive 'softcap', got -1"},
    {"{mixer: {attention: {heads: 4, scale: nan}}}", "4:44: error: expected a number for 'scale', got 'nan'"},
    {"{mixer: {attention: {heads: 4, window: 0}}}", "4:45: error: expected 'window' from 1 to 2147483648, got 0"},
    {"{mixer: {attention: {heads: 4, rope: {theta: .inf}}}}", "4:51: error: expected a number for 'theta', got '.inf'"},
    {"{mixer: {attention: {heads: 4, rope: {scaling: {type: llama3, low: 9, high: 4}}}}}",
     "4:82: error: expected a high frequency factor above the low one, got 4 and 9"},
    {"{mixer: {attention: {heads: 4, rope: {scaling: {type: yarn, beta_fast: 1}}}}}",
     "4:77: error: expected 'beta_fast' above 'beta_slow' above 0, got 1 and 1"},
};

const Case refusedTexts[] = {
    {"name: [x]\nwidth: 64\nblocks: {}\nlayers: []\n", "1:8: error: expected a string for 'name', got a list"},
    {"name: x\nwidth: 64\nnorm_eps: small\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: [a]\n",
     "3:11: error: expected a number for 'norm_eps', got 'small'"},
    {"name: x\nwidth: 64\nnorm_eps: 2\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: [a]\n",
     "3:11: error: expected an epsilon of the norms from 0 to below 1, got 2"},
    {"name: x\nwidth: 64\neos: 5\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: [a]\n",
     "3:6: error: expected a list of token numbers for 'eos', got '5'"},
    {"name: x\nwidth:\nblocks: {}\nlayers: []\n", "2:1: error: expected integer for 'width', got nothing"},
    {"name: x\nwidth: 64\nblocks: [a]\nlayers: [a]\n",
     "3:10: error: expected a mapping from names to blocks, got a list"},
    {"name: x\nwidth: 64\nblocks: {}\nlayers: [a]\n",
     "3:10: error: expected a mapping from names to blocks, got a mapping"},
    {"name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: [], count: 2}\n",
     "4:20: error: expected at least one block in 'pattern'"},
    {"name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: a, at: [1], count: 2}\n",
     "4:27: error: expected a mapping from block names to layer numbers, got a list"},
    {"name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: {pattern: a, at: {a: 1}, count: 2}\n",
     "4:30: error: expected a list of layer numbers, got '1'"},
    {"name: x\nwidth: 64\nblocks: {a: {mixer: {mamba2: {heads: 2}}}}\nlayers: [[a]]\n",
     "4:11: error: expected the name of a block, got a list"},
    {"---\nname: x\n---\nname: y\n", "1:1: error: expected one YAML document, got several"},
    {"name: !!str x\n", "1:13: error: tags are not supported"},
    {"? [a]\n: x\n", "1:4: error: expected a key, got a list"},
    {": x\n", "1:1: error: Unexpected token. Expected Key or Block End"},
};

TEST(Description, EveryMessage) {
  for (auto [text, expected] : refusedBlocks)
    EXPECT_EQ(errorOf(withBlock(text)), expected) << text;
  for (auto [text, expected] : refusedTexts)
    EXPECT_EQ(errorOf(text), expected) << text;
}

class Examples : public testing::Test {
protected:
  Examples() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }
  OwningOpRef<ModuleOp> import(const std::string &path) {
    llvm::Expected<OwningOpRef<ModuleOp>> module = importModel(context, path);
    EXPECT_TRUE(bool(module)) << llvm::toString(module.takeError());
    return module ? std::move(*module) : OwningOpRef<ModuleOp>();
  }
  ModelSummary summaryOf(const std::string &name) { return computeSummary(*import(models + name + ".yaml")); }
  MLIRContext context;
};

TEST_F(Examples, AllAreReadAndAtMostFortyLines) {
  for (const char *kind : {"transformer", "mamba2", "inter", "intra"})
    for (const char *size : {"100m", "350m", "1b", "3b"}) {
      std::string path = models + kind + "-" + size + ".yaml";
      EXPECT_TRUE(import(path)) << path;
      auto buffer = llvm::MemoryBuffer::getFile(path);
      ASSERT_TRUE(bool(buffer)) << path;
      EXPECT_LE((*buffer)->getBuffer().count('\n'), 40u) << path;
    }
}

// Parameters in 1e9, as the paper prints them.
TEST_F(Examples, ParametersMatchThePaper) {
  const std::pair<const char *, double> expected[] = {
      {"transformer-100m", 0.096}, {"transformer-350m", 0.352}, {"transformer-1b", 0.973}, {"transformer-3b", 2.775},
      {"mamba2-100m", 0.096},      {"mamba2-350m", 0.368},      {"mamba2-1b", 0.989},      {"mamba2-3b", 2.810}};
  for (auto [name, billions] : expected)
    EXPECT_NEAR(summaryOf(name).parameters.paper / 1e9, billions, 0.0006) << name;
}

TEST_F(Examples, TrainingFlopsMatchThePaper) {
  const std::pair<const char *, double> expected[] = {
      {"transformer-1b", 4.46e20}, {"mamba2-1b", 3.67e20}, {"inter-1b", 3.67e20}, {"transformer-350m", 1.89e20}};
  for (auto [name, flops] : expected)
    EXPECT_NEAR(summaryOf(name).trainingFlops.paper * 60e9 / 8192, flops, 0.005e20) << name;
}

TEST_F(Examples, CachesMatchThePaper) {
  const std::pair<const char *, double> expected[] = {{"transformer-1b", 256}, {"mamba2-1b", 13.43},
                                                      {"inter-1b", 43.4},      {"transformer-350m", 224},
                                                      {"mamba2-350m", 8.53},   {"intra-1b", 37.5}};
  for (auto [name, mebibytes] : expected)
    EXPECT_NEAR(summaryOf(name).cacheBytes().paper / (1 << 20), mebibytes, 0.05) << name;
}

// Three full layers among sliding windows of 512 with 64 sinks: 62.6 MiB.
TEST_F(Examples, SlidingWindowCacheMatchesThePaper) {
  TemporaryFile file("name: swa\nwidth: 2048\nblocks:\n"
                     "  full: {mixer: {attention: {heads: 32, kv_heads: 8}}, ffn: {swiglu: 8192}}\n"
                     "  window:\n"
                     "    mixer: {attention: {heads: 32, kv_heads: 8, window: 512, sinks: 64, rope: {theta: 1e4, "
                     "scaling: none}}}\n"
                     "    ffn: {swiglu: 8192}\n"
                     "layers: {pattern: window, at: {full: [5, 9, 13]}, count: 16}\n");
  EXPECT_NEAR(computeSummary(*import(file.path)).cacheBytes().paper / (1 << 20), 62.6, 0.05);
}

// Every mixer, every way to join, in one model that passes the verifiers.
TEST_F(Examples, EveryKeyHasAMeaning) {
  TemporaryFile file(R"(
name: everything
dtype: f16
width: 64
vocab: 100
tie_embeddings: false
norm_eps: 1e-6
embedding_scale: 8
logit_softcap: 30
eos: [1, 2]
blocks:
  shared:
    mixer:
      parallel: {attention: {heads: 4, kv_heads: 2, value_dim: 32, bias: true}, mamba2: {heads: 4, head_dim: 32, norm: none}}
      fuse: {op: concat, projection: joint, scaling: scalar, value: shared}
    ffn: {relu2: 96, bias: true}
  added:
    norm: post
    mixer:
      parallel: {mamba2: {heads: 2, head_dim: 32, groups: 2, dt_limit: [0.001, 0.1], bias: true}, gated_delta: {heads: 2, head_dim: 16}}
      fuse: {op: add, norm: none, scaling: vector}
    ffn: {geglu: 96}
  conv: {mixer: {short_conv: {bias: true}}}
  window:
    mixer: {attention: {heads: 4, window: 8, sinks: 2, sink_logits: true, qk_norm: head, softcap: 20, scale: 0.1, rope: {scaling: {type: yarn, factor: 4}, fraction: 0.5}}}
    ffn: none
layers: [shared, added, conv, window]
)");
  OwningOpRef<ModuleOp> module = import(file.path);
  ASSERT_TRUE(module);
  EXPECT_EQ(computeSummary(*module).layers, 4);
}

TEST(Schema, DocumentIsCurrent) {
  auto buffer = llvm::MemoryBuffer::getFile(HYBRID_SOURCE_DIR "/docs/model-schema.md");
  ASSERT_TRUE(bool(buffer));
  EXPECT_EQ((*buffer)->getBuffer().str(), schemaMarkdown());
}
} // namespace
