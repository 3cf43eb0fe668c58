// What the engine accepts and refuses, and that results do not depend on host threads and schedules.
#include "test/unit/EmulatorHarness.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

const char header[] = ".version 8.0\n.target sm_90a\n.address_size 64\n";

std::string loadError(const std::string &text) {
  Engine engine;
  auto module = engine.load(text, "t.ptx");
  return module ? "" : module.error();
}

// Errors name the place, what was expected and what is there.
TEST(EmulatorLoad, MalformedTextIsAnError) {
  EXPECT_EQ(loadError("hello"), "t.ptx:1:1: expected a directive, got 'hello'");
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n  add.s32 %r1 %r2;\n}"),
            "t.ptx:5:15: expected ',' or ';' after an operand, got '%r2'");
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n  bra NOWHERE;\n}"),
            "t.ptx:5:3: expected a label of this function, got 'NOWHERE'");
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n  @%p ret;\n}"),
            "t.ptx:5:4: expected a predicate register, got '%p'");
  EXPECT_EQ(loadError(std::string(header) + ".entry k() {\n"),
            "t.ptx:5:1: expected '}' at the function's end, got the end of the text");
  EXPECT_EQ(loadError(std::string(header) + ".entry k(.param .u64 p"),
            "t.ptx:4:23: expected ')', got the end of the text");
  EXPECT_EQ(loadError(std::string(header) + ".global .align 3 .b32 x;"),
            "t.ptx:4:16: expected an alignment that is a power of two up to 2^20, got 3");
  EXPECT_EQ(loadError(std::string(header) + ".global .b8 x[1048576];\n.global .b8 y[1099511627776];"),
            "t.ptx: expected at most 1073741824 bytes of variables in a module, got 1099511627776 in 'y' and 1048576 "
            "before it");
  EXPECT_EQ(loadError(std::string(header) + ".extern .global .b64 x = {x};"),
            "t.ptx:4:24: expected no initial value of an external variable, got '='");
  EXPECT_EQ(loadError("/* no end"), "t.ptx:1:1: expected '*/' after this comment's beginning");
  EXPECT_EQ(loadError(std::string(header) + ".entry k() { ret; } .entry k() { ret; }"),
            "t.ptx:4:28: expected one definition of 'k', got a second");
}

// Every prefix of a kernel is refused or loaded; none is a crash.
TEST(EmulatorLoad, TruncatedTextNeverCrashes) {
  std::string text = readTestFile("Emulator/Inputs/kernels.ptx");
  size_t loaded = 0;
  for (size_t length = 0; length < text.size(); length += 97)
    loaded += loadError(text.substr(0, length)).empty();
  EXPECT_LT(loaded, text.size() / 97 / 2);
}

TEST(EmulatorLoad, DescribesKernelsAndGlobals) {
  Engine engine;
  auto module = engine.load(std::string(header) + R"(
.global .align 8 .b32 table[3] = {1, 2, -3};
.const .align 8 .u64 pointer = table;
.shared .align 16 .b8 a[40];
.shared .align 128 .b8 b[8];
.visible .entry k(.param .u32 x, .param .align 64 .b8 map[128], .param .u64 y)
.reqntid 32, 2
.reqnctapercluster 2
{
  .reg .b32 %r<3>;
  ld.shared.u32 %r1, [a];
  ld.shared.u32 %r2, [b];
  ret;
}
.visible .entry other() .maxntid 128 { ret; })");
  ASSERT_TRUE(bool(module)) << module.error();
  const Kernel *kernel = (*module)->kernel("k");
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->parameterBytes, 200u);
  EXPECT_EQ(kernel->parameters[1].offset, 64u);
  EXPECT_EQ(kernel->parameters[2].offset, 192u);
  EXPECT_EQ(kernel->staticShared, 136u);
  EXPECT_EQ(kernel->requiredBlock, (Dim3{32, 2, 1}));
  EXPECT_EQ(kernel->cluster, (Dim3{2, 1, 1}));
  EXPECT_EQ((*module)->kernel("other")->staticShared, 0u); // what it does not name, it does not have
  EXPECT_EQ((*module)->kernel("other")->maxBlock, (Dim3{128, 1, 1}));
  const Global *table = (*module)->global("table");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size, 12u);
  EXPECT_EQ(reinterpret_cast<int32_t *>(table->address)[2], -3);
  EXPECT_EQ(*reinterpret_cast<uint64_t *>((*module)->global("pointer")->address), table->address);
}

std::string launchError(const std::string &body, const Launch &config, const std::string &signature = "") {
  Engine engine;
  auto module = engine.load(
      header + std::string(".visible .entry k(") + signature + ") { .reg .b32 %r<4>; " + body + " ret; }", "t.ptx");
  EXPECT_TRUE(bool(module)) << module.error();
  auto report = engine.launch(**module, "k", config);
  return report ? "" : report.error();
}

TEST(EmulatorLaunch, RefusesWhatADeviceWould) {
  EXPECT_EQ(launchError("", {{0, 1, 1}, {32}, {}}),
            "launch of 'k': expected a grid of 1 to (2^31 - 1, 65535, 65535) blocks, got (0, 1, 1)");
  EXPECT_EQ(launchError("", {{1}, {1025}, {}}),
            "launch of 'k': expected a block of 1 to 1024 threads, got (1025, 1, 1)");
  EXPECT_EQ(launchError("", {{1}, {32}, {}, 1 << 20}),
            "launch of 'k': expected at most 232448 bytes of shared memory, got 0 static and 1048576 dynamic ones");
  EXPECT_EQ(launchError("", {{3}, {32}, {2}}),
            "launch of 'k': expected a cluster of 1 to 16 blocks that divides the grid (3, 1, 1), got (2, 1, 1)");
  EXPECT_EQ(launchError("", {{1}, {32}, {}}, ".param .u64 p"), "launch of 'k': expected 8 bytes of parameters, got 0");
}

TEST(EmulatorLaunch, NamesWhatIsNotSupported) {
  EXPECT_EQ(launchError("frobnicate.b32 %r1, %r2;", {{1}, {32}, {}}),
            "t.ptx:4:40: not supported: frobnicate.b32 at line 4");
  EXPECT_EQ(launchError("addc.u32 %r1, %r1, %r2;", {{1}, {32}, {}}),
            "t.ptx:4:40: not supported: addc.u32 at line 4: a carry that no instruction before it in its block leaves");
  EXPECT_EQ(launchError("add.s32 %r1, %r2;", {{1}, {32}, {}}), "t.ptx:4:40: 'add.s32': expected 3 operands, got 2");
  EXPECT_EQ(launchError("add.s32 5, %r1, %r2;", {{1}, {32}, {}}), "t.ptx:4:40: 'add.s32': expected a register");
  EXPECT_EQ(launchError("mov.u32 %r1, nothing;", {{1}, {32}, {}}),
            "t.ptx:4:40: 'mov.u32': expected a variable or a register, got 'nothing'");
}

TEST(EmulatorMemory, KnowsItsRanges) {
  Engine engine;
  uint64_t address = *engine.allocate(100);
  EXPECT_EQ(address % 256, 0u);
  ASSERT_TRUE(engine.rangeOf(address + 99));
  EXPECT_EQ(engine.rangeOf(address + 99)->end, address + 100);
  EXPECT_FALSE(engine.rangeOf(address + 100));
  EXPECT_FALSE(engine.registerRange(address + 8, 8));
  EXPECT_FALSE(engine.release(address + 8));
  EXPECT_TRUE(bool(engine.release(address)));
  EXPECT_FALSE(engine.rangeOf(address));
  int mine[4];
  auto own = reinterpret_cast<uint64_t>(mine);
  EXPECT_TRUE(bool(engine.registerRange(own, sizeof(mine))));
  EXPECT_TRUE(engine.rangeOf(own + 8));
  EXPECT_TRUE(bool(engine.unregisterRange(own)));
}

TEST(EmulatorTensorMap, RoundTripsAndRefuses) {
  TensorMap map;
  map.address = 4096;
  map.rank = 2;
  map.element = MapElement::BF16;
  map.size = {64, 100};
  map.stride = {128};
  map.box = {64, 8};
  map.swizzle = Swizzle::Bytes128;
  EXPECT_TRUE(bool(map.verify()));
  auto decoded = TensorMap::decode(map.encode().data());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->size[1], 100u);
  EXPECT_EQ(decoded->box[1], 8u);
  EXPECT_EQ(decoded->swizzle, Swizzle::Bytes128);
  map.box[0] = 128;
  EXPECT_EQ(map.verify().error(), "expected an inner box of at most 128 bytes, the swizzle's span, got 256");
  uint8_t zeros[128] = {};
  EXPECT_FALSE(TensorMap::decode(zeros));
}

// A kernel writes a map field by field in shared memory, publishes it and loads through it.
TEST(EmulatorTensorMap, KernelsMakeTheirOwn) {
  Engine engine;
  auto module = engine.load(std::string(header) + R"(
.shared .align 128 .b8 map[128];
.shared .align 128 .b8 tile[256];
.shared .align 8 .b64 bar;
.visible .entry k(.param .u64 from, .param .u64 published, .param .u64 to)
{
  .reg .b64 %a, %m, %t, %y;
  .reg .b32 %i, %s, %x;
  .reg .pred %p, %q;
  ld.param.u64 %a, [from];
  ld.param.u64 %m, [published];
  ld.param.u64 %t, [to];
  mov.u32 %i, %tid.x;
  setp.eq.u32 %p, %i, 0;
  shl.b32 %s, %i, 2;
  mov.u32 %x, map;
  add.u32 %x, %x, %s;
  st.shared.u32 [%x], 0;
  bar.warp.sync -1;
  @%p tensormap.replace.tile.global_address.shared::cta.b1024.b64 [map], %a;
  @%p tensormap.replace.tile.rank.shared::cta.b1024.b32 [map], 1;
  @%p tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [map], 0, 8;
  @%p tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [map], 1, 4;
  @%p tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [map], 0, 16;
  @%p tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [map], 1, 8;
  @%p tensormap.replace.tile.global_stride.shared::cta.b1024.b64 [map], 0, 64;
  @%p tensormap.replace.tile.element_stride.shared::cta.b1024.b32 [map], 0, 1;
  @%p tensormap.replace.tile.element_stride.shared::cta.b1024.b32 [map], 1, 1;
  @%p tensormap.replace.tile.elemtype.shared::cta.b1024.b32 [map], 7;
  @%p tensormap.replace.tile.swizzle_mode.shared::cta.b1024.b32 [map], 0;
  @%p tensormap.replace.tile.fill_mode.shared::cta.b1024.b32 [map], 0;
  bar.warp.sync -1;
  tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%m], [map], 128;
  fence.proxy.tensormap::generic.acquire.gpu [%m], 128;
  @%p mbarrier.init.shared.b64 [bar], 1;
  bar.warp.sync -1;
  bar.sync 0;
  @%p mbarrier.arrive.expect_tx.shared.b64 %y, [bar], 128;
  @%p cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [tile], [%m, {8, 2}], [bar];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %q, [bar], 0;
  @!%q bra WAIT;
  mov.u32 %x, tile;
  add.u32 %x, %x, %s;
  ld.shared.u32 %x, [%x];
  mad.wide.u32 %t, %i, 4, %t;
  st.global.u32 [%t], %x;
  ret;
})");
  ASSERT_TRUE(bool(module)) << module.error();
  Buffer<float> from(engine, 16 * 8), to(engine, 32);
  Buffer<uint8_t> published(engine, 128);
  for (int i = 0; i < 16 * 8; ++i)
    from[i] = float(i);
  LaunchReport report = launch(engine, **module, "k", {}, {32}, Parameters().add(from).add(published).add(to));
  EXPECT_EQ(textOf(report), "");
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(to[i], float((2 + i / 8) * 16 + 8 + i % 8));
}

} // namespace
