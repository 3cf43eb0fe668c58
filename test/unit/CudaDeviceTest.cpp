// The CUDA device of the runtime, on the emulator: memory, launches, and graphs that follow their parameters.
#include "runtime/core/Devices.h"
#include "runtime/x86/Cpu.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace hybridrt;
using namespace hybridrt::artifact;

namespace {
// add(amount, data): data[block] += amount, one thread a block. The size comes first, as it may in ours.
const char *const source = R"(.version 7.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 amount, .param .u64 data)
.reqntid 32, 1, 1
{
  .reg .pred %p<2>;
  .reg .b32 %r<3>;
  .reg .b64 %rd<7>;
  mov.u32 %r1, %tid.x;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra done;
  ld.param.u64 %rd1, [amount];
  ld.param.u64 %rd2, [data];
  mov.u32 %r2, %ctaid.x;
  mul.wide.u32 %rd3, %r2, 8;
  add.s64 %rd4, %rd2, %rd3;
  ld.global.u64 %rd5, [%rd4];
  add.s64 %rd6, %rd5, %rd1;
  st.global.u64 [%rd4], %rd6;
done:
  ret;
}
)";

// scale(in, amount, out): a box of 32 floats of `in` per block, times `amount` and the blocks of a cluster.
const char *const boxes = R"(.version 8.0
.target sm_90a
.address_size 64
.visible .entry scale(.param .align 64 .b8 in[128], .param .u64 amount, .param .align 64 .b8 out[128])
.reqntid 32, 1, 1
{
  .reg .pred %p<3>;
  .reg .b32 %r<10>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<6>;
  .shared .align 128 .b8 tile[128];
  .shared .align 8 .b8 full[8];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  shl.b32 %r2, %r2, 5;
  mov.u32 %r3, tile;
  mov.u32 %r4, full;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra wait;
  mbarrier.init.shared.b64 [%r4], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 128;
  mov.b64 %rd1, in;
  cvta.param.u64 %rd2, %rd1;
  cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%r3], [%rd2, {%r2}], [%r4];
wait:
  bar.sync 0;
again:
  mbarrier.try_wait.parity.shared.b64 %p2, [%r4], 0;
  @!%p2 bra again;
  shl.b32 %r5, %r1, 2;
  add.u32 %r6, %r3, %r5;
  ld.shared.f32 %f1, [%r6];
  ld.param.u64 %rd3, [amount];
  cvt.u32.u64 %r7, %rd3;
  mov.u32 %r8, %cluster_nctaid.x;
  mul.lo.u32 %r9, %r7, %r8;
  cvt.rn.f32.u32 %f2, %r9;
  mul.f32 %f3, %f1, %f2;
  st.shared.f32 [%r6], %f3;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @%p1 bra done;
  mov.b64 %rd4, out;
  cvta.param.u64 %rd5, %rd4;
  cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%rd5, {%r2}], [%r3];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
done:
  ret;
}
)";

class CudaDeviceTest : public testing::Test {
protected:
  void SetUp() override {
    program.target = "sm_80";
    program.modules.push_back(std::make_unique<ModuleT>());
    program.modules[0]->level = "ptx";
    program.modules[0]->code.assign(source, source + std::strlen(source));
    program.kernels.push_back(std::make_unique<KernelT>());
    program.kernels[0]->symbol = "add";
    program.kernels[0]->threads = 32;
    program.kernels[0]->scalar_places = {0};
  }

  void load() {
    device = openDevice("emulator", "", 0, pool);
    std::vector<std::string> notes;
    device->load(program, notes);
    data = Block(device->budget(), "the test's data");
    data.reserve(64);
    buffer = data.data();
  }
  Launch add(const int64_t &amount, int64_t blocks = 1) {
    return {0, {blocks, 1, 1}, blocks, {&buffer, 1}, {&amount, 1}, "a layer", {}};
  }
  int64_t read(size_t index = 0) {
    int64_t value;
    device->memory().read(&value, data.data() + 8 * index, 8);
    return value;
  }

  ThreadPool pool{1, availableCpus()};
  ProgramT program;
  std::unique_ptr<Device> device;
  Block data;
  void *buffer = nullptr;
};

TEST_F(CudaDeviceTest, RunsAgainWithOtherSizes) {
  load();
  EXPECT_EQ(device->code(), "sm_80");
  EXPECT_FALSE(device->memory().isHost());
  int64_t amounts[] = {1, 10}, expected = 0, second = 0;
  // The first run launches, the second makes a graph, later ones update it.
  for (int run = 0; run < 6; ++run) {
    amounts[1] = 10 + run;
    int64_t blocks = run < 4 ? 1 : 2;
    Launch launches[] = {add(amounts[0]), add(amounts[1], blocks)};
    device->run(&program, launches, {});
    expected += amounts[0] + amounts[1];
    second += blocks == 2 ? amounts[1] : 0;
    EXPECT_EQ(read(), expected) << "run " << run;
    EXPECT_EQ(read(1), second) << "run " << run;
  }
  // Without blocks a launch is left out: another graph.
  for (int run = 0; run < 3; ++run) {
    Launch launches[] = {add(amounts[0], 0), add(amounts[1])};
    device->run(&program, launches, {});
    expected += amounts[1];
    EXPECT_EQ(read(), expected);
  }
}

TEST_F(CudaDeviceTest, MeasuresLaunches) {
  load();
  int64_t amount = 3;
  Launch launches[] = {add(amount), add(amount, 0)};
  LaunchCost costs[2];
  device->run(&program, launches, costs);
  EXPECT_EQ(read(), 3);
  ASSERT_FALSE(costs[0].counts.empty());
  EXPECT_STREQ(costs[0].counts[0].name, "warp instructions");
  EXPECT_GT(costs[0].counts[0].value, 5u);
  EXPECT_TRUE(costs[1].counts.empty()) << "nothing ran";
}

TEST_F(CudaDeviceTest, MemoryGrowsWithWhatItHolds) {
  load();
  std::vector<uint8_t> written(9 << 20), back(written.size());
  for (size_t i = 0; i < written.size(); ++i)
    written[i] = uint8_t(i * 7 + i / 1000);
  Block block(device->budget(), "a test");
  block.reserve(written.size());
  device->memory().write(block.data(), written.data(), written.size());
  block.reserve(12 << 20);
  device->memory().copy(block.data() + (10 << 20), block.data() + 1, 1 << 20);
  device->memory().read(back.data(), block.data(), back.size());
  EXPECT_EQ(back, written);
  back.resize(2 << 20);
  device->memory().read(back.data(), block.data() + (10 << 20), back.size());
  EXPECT_TRUE(std::equal(back.begin(), back.begin() + (1 << 20), written.begin() + 1));
  EXPECT_EQ(std::count(back.begin() + (1 << 20), back.end(), 0), 1 << 20) << "new memory is zero";
  EXPECT_THROW(block.reserve(uint64_t(1) << 50), Error);
  EXPECT_EQ(block.size(), 12u << 20);
}

TEST_F(CudaDeviceTest, RefusesWhatNoGpuRuns) {
  load();
  int64_t amount = 1;
  Launch launch = add(amount);
  launch.grid = {1, 70000, 1};
  launch.blocks = 70000;
  try {
    device->run(&program, {&launch, 1}, {});
    ADD_FAILURE() << "it ran";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "the call is too large for a GPU: 'a layer' needs 70000 blocks along dimension 1, "
                               "expected at most 65535");
  }
  program.kernels[0]->shared_bytes = 1 << 20;
  std::vector<std::string> notes;
  EXPECT_THROW(device->load(program, notes), Error);
  program.kernels[0]->shared_bytes = 0;
  program.kernels[0]->symbol = "sub";
  try {
    device->load(program, notes);
    ADD_FAILURE() << "it was found";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "kernel 'sub': CUDA_ERROR_NOT_FOUND: cuModuleGetFunction: there is no kernel 'sub'; the "
                               "module has 'add'");
  }
}

TEST_F(CudaDeviceTest, ABadLaunchNamesTheLayerAndTheLine) {
  load();
  int64_t amount = 1;
  buffer = reinterpret_cast<void *>(64);
  Launch launch = add(amount);
  try {
    device->run(&program, {&launch, 1}, {});
    ADD_FAILURE() << "it ran";
  } catch (const Error &error) {
    std::string text = error.what();
    EXPECT_NE(text.find("running 'a layer': CUDA_ERROR_LAUNCH_FAILED"), std::string::npos) << text;
    EXPECT_NE(text.find("add: PTX line"), std::string::npos) << text;
  }
}

TEST_F(CudaDeviceTest, PassesTensorViewsAndClusters) {
  program.target = "sm_90a";
  program.modules[0]->code.assign(boxes, boxes + std::strlen(boxes));
  program.kernels[0]->symbol = "scale";
  program.kernels[0]->scalar_places = {1};
  program.kernels[0]->view_places = {0, 2};
  program.kernels[0]->cluster = {2, 1, 1};
  device = openDevice("emulator", "", 0, pool);
  std::vector<std::string> notes;
  device->load(program, notes);
  data = Block(device->budget(), "the test's data");
  data.reserve(1024);
  float numbers[256], found[256];
  for (int i = 0; i < 256; ++i)
    numbers[i] = float(i + 1);
  device->memory().write(data.data(), numbers, sizeof numbers);
  // The second half gets the first half's boxes. Beyond `size` elements nothing is read or written.
  BoxViewT view;
  view.sizes.emplace_back(std::make_unique<ExtentT>());
  view.box = {32};
  auto run = [&](int64_t size, int64_t amount, int64_t blocks) {
    LaunchView views[] = {{&view, data.data(), {size}}, {&view, data.data() + 512, {size}}};
    Launch launch{0, {blocks, 1, 1}, blocks, {}, {&amount, 1}, "boxes", views};
    device->run(&program, {&launch, 1}, {});
    device->memory().read(found, data.data(), sizeof found);
  };
  int64_t size[] = {72, 72, 72, 100, 100}, blocks[] = {4, 4, 4, 4, 2};
  // A launch, a graph, its updates; the grid's last change leaves what was there.
  for (int i = 0; i < 5; ++i) {
    run(size[i], 1 + i, blocks[i]);
    for (int j = 0; j < 128; ++j) {
      int last = j < 32 * blocks[i] ? i : i - 1;
      EXPECT_EQ(found[128 + j], j < size[i] ? float(2 * (1 + last) * (j + 1)) : float(129 + j)) << i << ", " << j;
    }
  }
  try {
    run(72, 1, 3);
    ADD_FAILURE() << "it ran";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "'boxes': expected whole clusters of 2 blocks along dimension 0, got 3 blocks");
  }
  view.box = {33};
  try {
    run(72, 1, 4);
    ADD_FAILURE() << "it ran";
  } catch (const Error &error) {
    std::string text = error.what();
    EXPECT_NE(text.find("describing a tensor of 'boxes' to the copy engine: CUDA_ERROR_INVALID_VALUE"),
              std::string::npos)
        << text;
  }
}
} // namespace
