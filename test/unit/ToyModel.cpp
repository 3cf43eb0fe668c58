#include "ToyModel.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Safetensors.h"
#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace hybridrt;
using namespace hybridrt::artifact;

// x[t] = embedding[ids[t]]; pages hold x; a[t] = sum of all x up to t, read back from the pages;
// state = state / 2 + x[t]; logits = head (a + state).
static const char *source = R"(
typedef long long i64; typedef int i32;
enum { W = 3, V = 11, PAGE = 64 };
void embed(void **b, const i64 *s, i64 x, i64 y, i64 z, void *scratch) {
  const i32 *ids = b[0], *tile = (const i32 *)b[3] + 3 * x; const float *table = b[1]; float *out = b[2];
  for (i64 t = tile[1]; t < tile[1] + tile[2]; ++t)
    for (int w = 0; w < W; ++w) out[t * W + w] = table[ids[t] * W + w];
}
void put(void **b, const i64 *s, i64 x, i64 y, i64 z, void *scratch) {
  const float *in = b[0]; float *keys = b[1], *values = b[2];
  const i32 *table = b[3], *positions = b[4], *tile = (const i32 *)b[5] + 3 * x;
  for (i64 t = tile[1]; t < tile[1] + tile[2]; ++t) {
    i64 row = (i64)table[tile[0] * s[0] + positions[t] / PAGE] * PAGE + positions[t] % PAGE;
    keys[row] = 1;
    for (int w = 0; w < W; ++w) values[row * W + w] = in[t * W + w];
  }
}
void mix(void **b, const i64 *s, i64 x, i64 y, i64 z, void *scratch) {
  float *in = b[0], *keys = b[1], *values = b[2], *state = b[3], *out = b[10];
  const i32 *table = b[4], *positions = b[5], *offsets = b[6], *reads = b[7], *writes = b[8], *lengths = b[9];
  float *now = scratch;
  if (positions[offsets[x]] != lengths[x]) return;
  for (int w = 0; w < W; ++w) now[w] = state[reads[x] * W + w];
  for (i64 t = offsets[x]; t < offsets[x + 1]; ++t)
    for (int w = 0; w < W; ++w) {
      float sum = 0;
      for (i64 p = 0; p <= positions[t]; ++p) {
        i64 row = (i64)table[x * s[0] + p / PAGE] * PAGE + p % PAGE;
        sum += keys[row] * values[row * W + w];
      }
      now[w] = now[w] / 2 + in[t * W + w];
      out[t * W + w] = sum + now[w];
    }
  for (int w = 0; w < W; ++w) state[writes[x] * W + w] = now[w];
}
void whole(void **b, const i64 *s, i64 x, i64 y, i64 z, void *scratch) {
  float *in = b[0], *out = b[1]; const i32 *offsets = b[2];
  float sum[W] = {0}, now[W] = {0};
  for (i64 t = offsets[x]; t < offsets[x + 1]; ++t)
    for (int w = 0; w < W; ++w) {
      sum[w] += in[t * W + w];
      now[w] = now[w] / 2 + in[t * W + w];
      out[t * W + w] = sum[w] + now[w];
    }
}
void head(void **b, const i64 *s, i64 x, i64 y, i64 z, void *scratch) {
  const float *in = b[0], *panels = b[1]; const i32 *rows = b[2]; float *logits = b[3];
  float sum = 0;
  for (int w = 0; w < W; ++w) sum += in[rows[y] * W + w] * panels[w * 16 + x];
  logits[y * V + x] = sum;
}
)";

static std::vector<uint8_t> compileKernels() {
  char folder[] = "/tmp/hybrid-toy-XXXXXX";
  std::string base = mkdtemp(folder);
  std::ofstream(base + "/k.c") << source;
  std::string command =
      std::string(HYBRID_CLANG) + " -shared -fPIC -O1 -nostdlib -o " + base + "/k.so " + base + "/k.c";
  if (std::system(command.c_str()) != 0)
    fail("cannot compile the toy's kernels: ", command);
  MappedFile file = MappedFile::open(base + "/k.so").get();
  const auto *bytes = reinterpret_cast<const uint8_t *>(file.bytes().data());
  std::vector<uint8_t> code(bytes, bytes + file.bytes().size());
  for (const char *name : {"/k.c", "/k.so"})
    unlink((base + name).c_str());
  rmdir(base.c_str());
  return code;
}

template <typename T> static T &add(std::vector<std::unique_ptr<T>> &list) {
  return *list.emplace_back(std::make_unique<T>());
}

static void addCache(ArtifactT &a, const char *name, CacheKind kind, std::vector<int64_t> dims) {
  CacheT &cache = add(a.caches);
  cache.name = name;
  cache.kind = kind;
  cache.dims = std::move(dims);
}

static void addParam(ProgramT &program, const char *name, ParamLayout layout, const char *piece) {
  ParamT &param = add(program.params);
  param.name = name;
  param.shape = {toyVocab, toyWidth};
  param.layout = layout;
  add(param.pieces).source = piece;
}

struct ToyArg {
  ArgKind kind;
  uint32_t index = 0, part = 0;
};

static StepT &addStep(VariantT &variant, uint32_t kernel, const char *label, std::vector<ToyArg> args) {
  StepT &step = add(variant.steps);
  step.kernel = kernel;
  step.label = label;
  for (const ToyArg &arg : args) {
    ArgT &out = add(step.args);
    out.kind = arg.kind;
    out.index = arg.index;
    out.part = arg.part;
  }
  return step;
}

static void addGrid(StepT &step, Symbol symbol, int64_t constant = 0) {
  ExtentT &extent = add(step.grid);
  extent.symbol = symbol;
  extent.constant = constant != 0;
  extent.factor = constant ? constant : 1;
}

static void addVariant(EntryT &entry, const char *name, int64_t longest) {
  bool caches = entry.name == "append";
  VariantT &variant = add(entry.variants);
  variant.name = name;
  variant.max_longest = longest;
  variant.tile_lists = {4};
  for (const char *buffer : {"x", "y"}) {
    BufferT &b = add(variant.buffers);
    b.name = buffer;
    b.elements = std::make_unique<PolynomialT>();
    TermT &term = add(b.elements->terms);
    term.coefficient = toyWidth;
    term.exponents = {1};
  }
  using K = ArgKind;
  addGrid(addStep(variant, 0, "embedding", {{K::ids}, {K::param, 0}, {K::buffer, 0}, {K::tile_list}}), Symbol::tiles);
  if (caches) {
    StepT &put =
        addStep(variant, 1, "blocks.1.put",
                {{K::buffer, 0}, {K::cache, 0, 0}, {K::cache, 0, 1}, {K::page_table}, {K::positions}, {K::tile_list}});
    addGrid(put, Symbol::tiles);
    add(put.scalars).kind = ScalarKind::pages_per_sequence;
    StepT &mix = addStep(variant, 2, "blocks.1.mix",
                         {{K::buffer, 0},
                          {K::cache, 0, 0},
                          {K::cache, 0, 1},
                          {K::cache, 1},
                          {K::page_table},
                          {K::positions},
                          {K::offsets},
                          {K::read_slots},
                          {K::write_slots},
                          {K::lengths},
                          {K::buffer, 1}});
    addGrid(mix, Symbol::sequences);
    add(mix.scalars).kind = ScalarKind::pages_per_sequence;
  } else {
    addGrid(addStep(variant, 3, "blocks.1.whole", {{K::buffer, 0}, {K::buffer, 1}, {K::offsets}}), Symbol::sequences);
  }
  StepT &head = addStep(variant, 4, "head", {{K::buffer, 1}, {K::param, 1}, {K::rows}, {K::logits}});
  addGrid(head, Symbol::tokens, toyVocab);
  addGrid(head, Symbol::rows);
  head.flops = std::make_unique<PolynomialT>();
  TermT &term = add(head.flops->terms);
  term.coefficient = 2 * toyWidth * toyVocab;
  term.exponents = {0, 0, 0, 0, 0, 1};
}

static ArtifactT make(const char *embedding, const char *head) {
  ArtifactT a;
  a.model = "toy";
  a.family = "toy";
  a.vocab = toyVocab;
  a.width = toyWidth;
  a.eos = {10};
  addCache(a, "blocks.1.kv", CacheKind::paged_kv, {1, 1, toyWidth});
  addCache(a, "blocks.1.state", CacheKind::scan_state, {1, 1, toyWidth});
  ProgramT &program = add(a.programs);
  program.target = "x86-64";
  ModuleT &module = add(program.modules);
  module.level = "x86-64-v1";
  module.code = compileKernels();
  addParam(program, "embedding", ParamLayout::rows, embedding);
  addParam(program, "head", ParamLayout::panels, head);
  for (const char *symbol : {"embed", "put", "mix", "whole", "head"}) {
    KernelT &kernel = add(program.kernels);
    kernel.symbol = symbol;
    kernel.scratch_bytes = toyWidth * 4;
  }
  EntryT &score = add(program.entries);
  score.name = "score";
  addVariant(score, "bulk", 0);
  EntryT &append = add(program.entries);
  append.name = "append";
  addVariant(append, "decode", 1);
  addVariant(append, "short", 16);
  addVariant(append, "bulk", 0);
  return a;
}

ArtifactT hybridrt::makeToy() { return make("embed.weight", "head.weight"); }
ArtifactT hybridrt::makeToyDescription() { return make("init:normal(1)", "init:normal(0.5)"); }

/// Small integers and halves: sums are exact in any order.
static std::vector<float> toyWeights(int salt) {
  std::vector<float> values(toyVocab * toyWidth);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(int(i * 7 + salt) % 13 - 6) / 4;
  return values;
}

void hybridrt::writeToyWeights(const std::string &folder) {
  SafetensorsWriter writer(folder + "/model.safetensors", {{"embed.weight", ElementType::f32, {toyVocab, toyWidth}},
                                                           {"head.weight", ElementType::f32, {toyVocab, toyWidth}}});
  for (int salt : {1, 5})
    writer.append(toyWeights(salt).data(), toyVocab * toyWidth * 4);
  writer.commit();
}

std::vector<float> hybridrt::toyLogits(const std::vector<int32_t> &ids) {
  std::vector<float> embedding = toyWeights(1), head = toyWeights(5), logits;
  float sum[toyWidth] = {}, state[toyWidth] = {};
  for (int32_t id : ids) {
    for (int w = 0; w < toyWidth; ++w) {
      sum[w] += embedding[id * toyWidth + w];
      state[w] = state[w] / 2 + embedding[id * toyWidth + w];
    }
    for (int v = 0; v < toyVocab; ++v) {
      float logit = 0;
      for (int w = 0; w < toyWidth; ++w)
        logit += (sum[w] + state[w]) * head[v * toyWidth + w];
      logits.push_back(logit);
    }
  }
  return logits;
}
