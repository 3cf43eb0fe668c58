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
    return {0, {blocks, 1, 1}, blocks, {&buffer, 1}, {&amount, 1}, "a layer"};
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
    EXPECT_NE(std::string(error.what()).find("there is no kernel 'sub'; the module has 'add'"), std::string::npos)
        << error.what();
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
} // namespace
