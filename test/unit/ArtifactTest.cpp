// Artifacts: what is written reads back, whatever is damaged is refused with the place of the damage.
#include "lib/Artifact/Artifact.h"
#include "lib/Artifact/Hash.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace hybridrt;
using namespace hybridrt::artifact;

namespace {
ArtifactT small() {
  ArtifactT a;
  a.model = "small";
  a.vocab = 16;
  a.width = 8;
  auto &cache = *a.caches.emplace_back(std::make_unique<CacheT>());
  cache.name = "blocks.1.mixer.kv";
  cache.dims = {2, 8, 8};
  auto &program = *a.programs.emplace_back(std::make_unique<ProgramT>());
  program.target = "x86-64";
  auto &module = *program.modules.emplace_back(std::make_unique<ModuleT>());
  module.level = "x86-64-v1";
  module.code = {1, 2, 3};
  auto &param = *program.params.emplace_back(std::make_unique<ParamT>());
  param.name = "embedding";
  param.shape = {17, 8};
  param.layout = ParamLayout::panels;
  param.pieces.emplace_back(std::make_unique<PieceT>())->source = "model.embed_tokens.weight";
  auto &kernel = *program.kernels.emplace_back(std::make_unique<KernelT>());
  kernel.symbol = "k0";
  auto &entry = *program.entries.emplace_back(std::make_unique<EntryT>());
  entry.name = "score";
  auto &variant = *entry.variants.emplace_back(std::make_unique<VariantT>());
  variant.name = "bulk";
  variant.tile_lists = {16};
  auto &buffer = *variant.buffers.emplace_back(std::make_unique<BufferT>());
  buffer.elements = std::make_unique<PolynomialT>();
  auto &term = *buffer.elements->terms.emplace_back(std::make_unique<TermT>());
  term.coefficient = 8;
  term.exponents = {1};
  auto &step = *variant.steps.emplace_back(std::make_unique<StepT>());
  step.label = "embedding";
  auto &extent = *step.grid.emplace_back(std::make_unique<ExtentT>());
  extent.symbol = Symbol::tiles;
  for (ArgKind kind : {ArgKind::ids, ArgKind::param, ArgKind::buffer, ArgKind::tile_list, ArgKind::cache})
    step.args.emplace_back(std::make_unique<ArgT>())->kind = kind;
  step.scalars.emplace_back(std::make_unique<ScalarT>())->kind = ScalarKind::constant;
  // An [8, 16] buffer, its rows as many as the call's tokens.
  auto &view = *step.views.emplace_back(std::make_unique<BoxViewT>());
  view.arg = std::make_unique<ArgT>();
  for (int d = 0; d < 2; ++d)
    view.sizes.emplace_back(std::make_unique<ExtentT>());
  view.sizes[0]->constant = true;
  view.sizes[0]->factor = 16;
  view.strides = {64};
  view.box = {16, 8};
  kernel.view_places = {6};
  return a;
}

KernelT &firstKernel(ArtifactT &a) { return *a.programs[0]->kernels[0]; }
StepT &firstStep(ArtifactT &a) { return *a.programs[0]->entries[0]->variants[0]->steps[0]; }
BoxViewT &firstView(ArtifactT &a) { return *firstStep(a).views[0]; }

TermT &firstTerm(ArtifactT &a) { return *a.programs[0]->entries[0]->variants[0]->buffers[0]->elements->terms[0]; }

class ArtifactTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/hybrid-artifact-XXXXXX";
    close(mkstemp(name));
    path = name;
  }
  void TearDown() override { unlink(path.c_str()); }
  std::string bytes() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path;
};
} // namespace

TEST_F(ArtifactTest, RoundTrip) {
  ArtifactT a = small();
  Status written = writeArtifact(a, path);
  ASSERT_TRUE(written) << written.error();
  Result<ArtifactT> back = readArtifact(path);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->model, "small");
  EXPECT_EQ(back->programs[0]->modules[0]->code, (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(back->programs[0]->modules[0]->hash, hashBytes("\1\2\3", 3));
  EXPECT_EQ(firstStep(*back).args.size(), 5u);
  EXPECT_EQ(back->programs[0]->params[0]->pieces[0]->end, -1);
  EXPECT_EQ(storedElements(*back->programs[0]->params[0]), 32 * 8);
}

TEST_F(ArtifactTest, EveryTruncationIsAnError) {
  ArtifactT a = small();
  ASSERT_TRUE(writeArtifact(a, path));
  std::string whole = bytes();
  // Up to 7 bytes at the end only align the file's size.
  for (size_t size = 0; size + 7 < whole.size(); ++size)
    EXPECT_FALSE(readArtifact(whole.data(), size, "cut")) << size;
}

TEST_F(ArtifactTest, NoDamagedByteCrashesTheReader) {
  ArtifactT a = small();
  ASSERT_TRUE(writeArtifact(a, path));
  std::string whole = bytes();
  size_t refused = 0;
  for (size_t i = 0; i < whole.size(); ++i)
    for (unsigned char c : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = char(c);
      refused += !readArtifact(damaged.data(), damaged.size(), "damaged");
    }
  EXPECT_GT(refused, whole.size());
}

TEST_F(ArtifactTest, WhatIsNoneIsNamed) {
  EXPECT_EQ(readArtifact("hello, world", 12, "hello.hyb").error(),
            "expected 'hello.hyb' to be an artifact (.hyb, identifier HYB1), found 12 bytes of something else");
  ArtifactT a = small();
  ASSERT_TRUE(writeArtifact(a, path));
  EXPECT_EQ(readArtifact(bytes().data(), 40, "cut.hyb").error(),
            "artifact 'cut.hyb' is damaged: its 40 bytes do not verify; compile it again");
  a.version_major = 9;
  flatbuffers::FlatBufferBuilder builder;
  FinishArtifactBuffer(builder, CreateArtifact(builder, &a));
  EXPECT_EQ(readArtifact(builder.GetBufferPointer(), builder.GetSize(), "other.hyb").error(),
            "artifact 'other.hyb' has version 9.0, this runtime reads 3.x; compile the model again with this version's "
            "hybridc");
}

TEST_F(ArtifactTest, ChangedCodeIsRefused) {
  ArtifactT a = small();
  ASSERT_TRUE(writeArtifact(a, path));
  a.programs[0]->modules[0]->code[1] ^= 4;
  flatbuffers::FlatBufferBuilder builder;
  FinishArtifactBuffer(builder, CreateArtifact(builder, &a));
  EXPECT_EQ(readArtifact(builder.GetBufferPointer(), builder.GetSize(), "changed.hyb").error(),
            "artifact 'changed.hyb' is damaged: programs[0].modules[0]: code of 'x86-64-v1' does not match its hash");
}

TEST_F(ArtifactTest, MessagesTellThePlace) {
  const struct {
    const char *message;
    std::function<void(ArtifactT &)> damage;
  } cases[] = {
      {"programs[0].entries[0].variants[0].steps[0]: kernel 7 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).kernel = 7; }},
      {"programs[0].entries[0].variants[0].steps[0].args[1]: param 1 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).args[1]->index = 1; }},
      {"programs[0].entries[0].variants[0].steps[0].args[2]: buffer 9 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).args[2]->index = 9; }},
      {"programs[0].entries[0].variants[0].steps[0].args[3]: tile list 1 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).args[3]->index = 1; }},
      {"programs[0].entries[0].variants[0].steps[0].args[4]: cache 3 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).args[4]->index = 3; }},
      {"programs[0].entries[0].variants[0].steps[0].args[4]: cache part 2 of 2 does not exist",
       [](ArtifactT &a) { firstStep(a).args[4]->part = 2; }},
      {"programs[0].entries[0].variants[0].steps[0].args[0]: 'kind' is 99, expected at most 12",
       [](ArtifactT &a) { firstStep(a).args[0]->kind = ArgKind(99); }},
      {"programs[0].entries[0].variants[0].steps[0].grid[0]: impossible extent: divisor 0, factor 1",
       [](ArtifactT &a) { firstStep(a).grid[0]->divisor = 0; }},
      {"programs[0].entries[0].variants[0].steps[0].grid[0]: tile list 2 of 1 does not exist",
       [](ArtifactT &a) { firstStep(a).grid[0]->list = 2; }},
      {"programs[0].entries[0].variants[0].steps[0]: expected at most 3 grid extents, got 4",
       [](ArtifactT &a) { firstStep(a).grid.resize(4); }},
      {"programs[0].entries[0].variants[0].steps[0].scalars[0]: impossible divisor 0",
       [](ArtifactT &a) { firstStep(a).scalars[0]->divisor = 0; }},
      {"programs[0].entries[0].variants[0].steps[0].scalars[0]: impossible factor 9223372036854775807",
       [](ArtifactT &a) { firstStep(a).scalars[0]->factor = INT64_MAX; }},
      {"programs[0].entries[0].variants[0].steps[0]: expected 2 scalars among parameters up to 9, got 1 among 7 "
       "parameters",
       [](ArtifactT &a) { firstKernel(a).scalar_places = {1, 9}; }},
      {"programs[0].entries[0].variants[0].steps[0]: expected 1 tensor views among parameters up to 7, got 1 among 7 "
       "parameters",
       [](ArtifactT &a) { firstKernel(a).view_places = {7}; }},
      {"programs[0].entries[0].variants[0].steps[0]: expected no tensor views, got 1",
       [](ArtifactT &a) { firstKernel(a).view_places.clear(); }},
      {"programs[0].kernels[0]: expected ascending 'view_places', got 6 before 5",
       [](ArtifactT &a) { firstKernel(a).view_places = {6, 5}; }},
      {"programs[0].kernels[0]: expected 3 extents of a 'cluster', got 2",
       [](ArtifactT &a) { firstKernel(a).cluster = {2, 1}; }},
      {"programs[0].kernels[0]: expected a 'cluster' of 1 to 8 blocks, got 4 x 4 x 1",
       [](ArtifactT &a) { firstKernel(a).cluster = {4, 4, 1}; }},
      {"programs[0].kernels[0]: expected a 'cluster' of 1 to 8 blocks, got 4 x 0 x 1",
       [](ArtifactT &a) { firstKernel(a).cluster = {4, 0, 1}; }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: buffer 9 of 1 does not exist",
       [](ArtifactT &a) { firstView(a).arg->index = 9; }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: expected an 'arg'",
       [](ArtifactT &a) { firstView(a).arg = nullptr; }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: expected 1 to 5 sizes of a tensor view, got 0",
       [](ArtifactT &a) { firstView(a).sizes.clear(); }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: expected 1 strides and a box of 2 extents, got 0 and 2",
       [](ArtifactT &a) { firstView(a).strides.clear(); }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: expected strides of multiples of 16 bytes below 2^40, "
       "got 24",
       [](ArtifactT &a) { firstView(a).strides = {24}; }},
      {"programs[0].entries[0].variants[0].steps[0].views[0]: expected a box of extents from 1 to 256, got 257",
       [](ArtifactT &a) { firstView(a).box[0] = 257; }},
      {"programs[0].entries[0].variants[0].steps[0].views[0].sizes[1]: impossible extent: divisor 0, factor 1",
       [](ArtifactT &a) { firstView(a).sizes[1]->divisor = 0; }},
      {"caches[0]: expected 3 dims of a paged_kv cache, got 2", [](ArtifactT &a) { a.caches[0]->dims.pop_back(); }},
      {": expected distinct names in 'caches', found 'blocks.1.mixer.kv' twice",
       [](ArtifactT &a) { a.caches.push_back(std::make_unique<CacheT>(*a.caches[0])); }},
      {"programs[0].params[0]('embedding'): 'shape' has an impossible extent -1",
       [](ArtifactT &a) { a.programs[0]->params[0]->shape[1] = -1; }},
      {"programs[0].params[0]('embedding'): expected a matrix for panels, got rank 1",
       [](ArtifactT &a) { a.programs[0]->params[0]->shape = {17}; }},
      {"programs[0].params[0]('embedding'): expected at least one piece",
       [](ArtifactT &a) { a.programs[0]->params[0]->pieces.clear(); }},
      {"programs[0].params[0]('embedding').pieces[0]: expected a source",
       [](ArtifactT &a) { a.programs[0]->params[0]->pieces[0]->source = ""; }},
      {"programs[0].params[0]('embedding').pieces[0]: impossible rows [5, 3)",
       [](ArtifactT &a) {
         a.programs[0]->params[0]->pieces[0]->begin = 5;
         a.programs[0]->params[0]->pieces[0]->end = 3;
       }},
      {"programs[0].params[0]('embedding').pieces[0]: unknown map 'cube', expected 'neg_exp' or 'one_plus'",
       [](ArtifactT &a) { a.programs[0]->params[0]->pieces[0]->map = "cube"; }},
      {"programs[0].params[0]('embedding').fields[0]: impossible 'rows' 0",
       [](ArtifactT &a) { a.programs[0]->params[0]->fields.emplace_back(std::make_unique<FieldT>()); }},
      {"programs[0].params[0]('embedding'): fields have 3 rows, the parameter 17",
       [](ArtifactT &a) { a.programs[0]->params[0]->fields.emplace_back(std::make_unique<FieldT>())->rows = 3; }},
      {"programs[0].modules[0]: expected an object, found none",
       [](ArtifactT &a) { a.programs[0]->modules[0] = nullptr; }},
      {"programs[0]: expected at least one module of code", [](ArtifactT &a) { a.programs[0]->modules.clear(); }},
      {"programs[0].kernels[0]: expected a symbol", [](ArtifactT &a) { a.programs[0]->kernels[0]->symbol = ""; }},
      {"programs[0].kernels[0]: impossible 'scratch_bytes' 9223372036854775808",
       [](ArtifactT &a) { a.programs[0]->kernels[0]->scratch_bytes = uint64_t(1) << 63; }},
      {"programs[0].kernels[0]: expected ascending 'scalar_places', got 3 before 3",
       [](ArtifactT &a) { a.programs[0]->kernels[0]->scalar_places = {3, 3}; }},
      {"programs[0].entries[0]: expected at least one variant of 'score'",
       [](ArtifactT &a) { a.programs[0]->entries[0]->variants.clear(); }},
      {"programs[0].entries[0].variants[0]: expected limits of at least 0",
       [](ArtifactT &a) { a.programs[0]->entries[0]->variants[0]->max_tokens = -1; }},
      {"programs[0].entries[0].variants[0]: impossible rows per tile 0",
       [](ArtifactT &a) { a.programs[0]->entries[0]->variants[0]->tile_lists[0] = 0; }},
      {"programs[0].entries[0].variants[0].buffers[0].elements.terms[0]: expected a finite coefficient",
       [](ArtifactT &a) { firstTerm(a).coefficient = INFINITY; }},
      {"programs[0].entries[0].variants[0].buffers[0].elements.terms[0]: expected at most 6 exponents, got 99",
       [](ArtifactT &a) { firstTerm(a).exponents.resize(99); }},
      {": expected a positive 'vocab', got -5", [](ArtifactT &a) { a.vocab = -5; }},
      {": expected at least one program", [](ArtifactT &a) { a.programs.clear(); }},
  };
  for (auto &[message, damage] : cases) {
    ArtifactT a = small();
    damage(a);
    EXPECT_EQ(writeArtifact(a, path).error(), message);
  }
}

TEST(HashTest, EveryBitCounts) {
  std::string text(75, 'x');
  uint64_t hash = hashText(text);
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string other = text;
    other[bit / 8] ^= char(1 << bit % 8);
    EXPECT_NE(hashText(other), hash) << bit;
  }
  EXPECT_NE(hashText(text + '\0'), hash);
  EXPECT_NE(hashText(text, 1), hash);
}
