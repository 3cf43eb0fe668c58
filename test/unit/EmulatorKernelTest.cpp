// Kernels written in CUDA C++ and compiled by nvcc give right numbers and no reports, whatever the schedule and the
// number of host threads.
#include "lib/Artifact/Float.h"
#include "test/unit/EmulatorHarness.h"
#include <cmath>
#include <numeric>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

/// Seed of the schedule, and host threads.
class EmulatorKernel : public testing::TestWithParam<std::pair<uint64_t, unsigned>> {
protected:
  void SetUp() override {
    auto loaded = engine.load(readTestFile("Emulator/Inputs/kernels.ptx"), "kernels.ptx");
    ASSERT_TRUE(bool(loaded)) << loaded.error();
    module = *loaded;
    options.seed = GetParam().first;
    options.threads = GetParam().second;
  }

  Counters run(const std::string &kernel, Dim3 grid, Dim3 block, const Parameters &parameters, uint32_t shared = 0,
               Dim3 cluster = {}) {
    LaunchReport report = launch(engine, *module, kernel, grid, block, parameters, options, shared, cluster);
    EXPECT_EQ(textOf(report), "");
    EXPECT_TRUE(report.completed);
    return report.counters;
  }

  Engine engine;
  std::shared_ptr<Module> module;
  LaunchOptions options;
};

TEST_P(EmulatorKernel, Axpy) {
  Buffer<float> x(engine, 1000), y(engine, 1000, 1.f);
  std::iota(x.begin(), x.end(), 0.f);
  Counters counters = run("axpy", {8}, {128}, Parameters().add(2.f).add(x).add(y).add(1000));
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(y[i], 1 + 2.f * float(i));
  EXPECT_EQ(counters.globalLoadBytes, 8000u);
  EXPECT_EQ(counters.globalStoreBytes, 4000u);
  EXPECT_EQ(counters.globalSectors, 3 * 125u); // every sector whole, and once
}

TEST_P(EmulatorKernel, Sum) {
  Buffer<float> x(engine, 5000), result(engine, 1);
  std::iota(x.begin(), x.end(), 0.f);
  run("sum", {4}, {256}, Parameters().add(x).add(result).add(5000));
  EXPECT_NEAR(result[0], 4999. * 2500., 20.);
}

TEST_P(EmulatorKernel, Collatz) {
  Buffer<uint32_t> start(engine, 256);
  Buffer<int> steps(engine, 256);
  std::iota(start.begin(), start.end(), 1);
  run("collatz", {2}, {128}, Parameters().add(start).add(steps));
  for (uint32_t i = 0; i < 256; ++i) {
    int count = 0;
    for (uint32_t v = i + 1; v != 1; v = v & 1 ? 3 * v + 1 : v / 2)
      ++count;
    ASSERT_EQ(steps[i], count) << i + 1;
  }
}

TEST_P(EmulatorKernel, ScanInDynamicSharedMemory) {
  Buffer<int> x(engine, 3 * 256), y(engine, 3 * 256);
  for (int i = 0; i < 3 * 256; ++i)
    x[i] = i % 7;
  run("scan", {3}, {256}, Parameters().add(x).add(y).add(256), 1024);
  for (int b = 0; b < 3; ++b)
    for (int i = 0, total = 0; i < 256; ++i)
      ASSERT_EQ(y[b * 256 + i], total += x[b * 256 + i]);
}

TEST_P(EmulatorKernel, TiledProduct) {
  constexpr int n = 48;
  Buffer<float> a(engine, n * n), b(engine, n * n), c(engine, n * n);
  for (int i = 0; i < n * n; ++i) {
    a[i] = float(i % 5);
    b[i] = float(i % 7);
  }
  run("tiled", {3, 3}, {16, 16}, Parameters().add(a).add(b).add(c).add(n));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      float total = 0;
      for (int k = 0; k < n; ++k)
        total += a[i * n + k] * b[k * n + j];
      ASSERT_EQ(c[i * n + j], total);
    }
}

TEST_P(EmulatorKernel, AsyncPipeline) {
  Buffer<float> x(engine, 6 * 256), y(engine, 6 * 256);
  std::iota(x.begin(), x.end(), 0.f);
  Counters counters = run("pipeline", {1}, {64}, Parameters().add(x).add(y).add(6));
  for (int i = 0; i < 6; ++i)
    for (int t = 0; t < 256; ++t)
      ASSERT_EQ(y[i * 256 + t], 2 * x[i * 256 + (63 - t / 4) * 4 + t % 4]);
  EXPECT_EQ(counters.asyncBytes, 6u * 64 * 16);
}

TEST_P(EmulatorKernel, Atomics) {
  Buffer<int> i(engine, 2, -1);
  Buffer<uint32_t> u(engine, 7, ~0u);
  u[2] = u[4] = u[5] = u[6] = 0;
  Buffer<float> f(engine, 1);
  Buffer<uint64_t> l(engine, 1);
  Buffer<uint32_t> h(engine, 1);
  Buffer<double> d(engine, 1);
  run("atomics", {2}, {64}, Parameters().add(i).add(u).add(f).add(l).add(h).add(d));
  EXPECT_EQ(i[0], -1 + 2 * 2016);
  EXPECT_EQ(i[1], 63);
  EXPECT_EQ(u[0], 0u);
  EXPECT_EQ(u[1], 7u);
  EXPECT_NE(u[2], 0u);
  EXPECT_EQ(u[3], 0u);
  EXPECT_EQ(u[4], ~0u);
  EXPECT_EQ(u[5], 0u);
  EXPECT_EQ(u[6], 128u % 101);
  EXPECT_EQ(f[0], 192.f);
  EXPECT_EQ(l[0], 128u);
  EXPECT_EQ(fromFloat16(uint16_t(h[0])), 128.f);
  EXPECT_EQ(fromFloat16(uint16_t(h[0] >> 16)), 256.f);
  EXPECT_EQ(d[0], 32.);
}

TEST_P(EmulatorKernel, GridWideBarrier) {
  Buffer<float> a(engine, 2 * 5 * 64);
  Buffer<uint32_t> count(engine, 1);
  run("neighbours", {5}, {64}, Parameters().add(a).add(count).add(5 * 64));
  for (int i = 0; i < 320; ++i)
    ASSERT_EQ(a[320 + i], float((i + 64) % 320));
}

TEST_P(EmulatorKernel, BlocksWaitForLaterBlocks) {
  Buffer<uint32_t> flags(engine, 9);
  Buffer<float> value(engine, 9);
  run("chain", {9}, {32}, Parameters().add(flags).add(value));
  EXPECT_EQ(value[0], 256.f);
}

// Lanes of one warp contend for a lock: those that spin must not keep its holder from giving it back.
TEST_P(EmulatorKernel, SpinLockWithinAWarp) {
  auto locked = engine.load(R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 p)
{
  .reg .b64 %d;
  .reg .b32 %x;
  .reg .pred %p;
  ld.param.u64 %d, [p];
LOCK:
  atom.global.cas.b32 %x, [%d], 0, 1;
  setp.ne.u32 %p, %x, 0;
  @%p bra LOCK;
  membar.gl;
  ld.volatile.global.u32 %x, [%d+4];
  add.u32 %x, %x, 1;
  st.volatile.global.u32 [%d+4], %x;
  membar.gl;
  atom.global.exch.b32 %x, [%d], 0;
  ret;
})");
  ASSERT_TRUE(bool(locked)) << locked.error();
  module = *locked;
  Buffer<uint32_t> data(engine, 2);
  run("k", {1}, {32}, Parameters().add(data));
  EXPECT_EQ(data[1], 32u);
}

TEST_P(EmulatorKernel, ProducerAndConsumer) {
  Buffer<float> x(engine, 20 * 32), y(engine, 20 * 32);
  std::iota(x.begin(), x.end(), 0.f);
  run("ring", {1}, {64}, Parameters().add(x).add(y).add(20));
  for (int i = 0; i < 20 * 32; ++i)
    ASSERT_EQ(y[i], x[i / 32 * 32 + 31 - i % 32]);
}

TEST_P(EmulatorKernel, CallsAndTables) {
  Buffer<float> o(engine, 64);
  run("calls", {1}, {64}, Parameters().add(o).add(3));
  for (int t = 0; t < 64; ++t) {
    float entry = float((t + 3) % 8 + 1), r = t > 3 ? entry * float(t) : entry - float(t);
    switch (t & 7) {
    case 0:
      r += 1;
      break;
    case 1:
      r *= 5;
      break;
    case 2:
      r -= 3;
      break;
    case 3:
      r = -r;
      break;
    case 4:
      r += 77;
      break;
    case 5:
      r = 0;
      break;
    }
    ASSERT_EQ(o[t], r) << t;
  }
}

TEST_P(EmulatorKernel, Votes) {
  Buffer<uint32_t> o(engine, 64 * 8);
  run("votes", {1}, {64}, Parameters().add(o));
  for (uint32_t t = 0; t < 64; ++t) {
    const uint32_t *row = &o[t * 8];
    uint32_t first = t / 32 * 32;
    EXPECT_EQ(row[0], 0xeeeeeeeeu);
    EXPECT_EQ(row[1], t < 32 ? 2u : 1u);
    EXPECT_EQ(row[2], 0x11111111u << t % 4);
    EXPECT_EQ(row[3], 32 * first + 496);
    EXPECT_EQ(row[4], first + 31);
    EXPECT_EQ(row[5], 22u);
    EXPECT_NE(row[6], 0u);
    EXPECT_EQ(row[7], ~0u);
  }
}

TEST_P(EmulatorKernel, LibraryFunctions) {
  Buffer<float> x(engine, 64), y(engine, 64 * 8);
  for (int t = 0; t < 64; ++t)
    x[t] = float(t - 20) / 10;
  run("math", {1}, {64}, Parameters().add(x).add(y));
  for (int t = 0; t < 64; ++t) {
    double v = x[t];
    double expected[] = {std::exp(v),          std::log(v + 3), std::sin(v), std::tanh(v),
                         std::pow(v + 3, 1.7), std::erf(v),     v / 7,       std::exp(v) + std::sqrt(v + 3)};
    for (int k = 0; k < 8; ++k)
      EXPECT_NEAR(y[t * 8 + k], expected[k], 2e-6 * std::max(1., std::fabs(expected[k]))) << k << " of " << v;
  }
}

TEST_P(EmulatorKernel, TensorCoreFragments) {
  Buffer<uint16_t> a(engine, 256), b(engine, 128);
  Buffer<float> c(engine, 128);
  for (int i = 0; i < 256; ++i)
    a[i] = toBFloat16(float(i % 11 - 5));
  for (int i = 0; i < 128; ++i)
    b[i] = toBFloat16(float(i % 13 - 6));
  Counters counters = run("fragments", {1}, {32}, Parameters().add(a).add(b).add(c));
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      float total = 0;
      for (int k = 0; k < 16; ++k)
        total += fromBFloat16(a[i * 16 + k]) * fromBFloat16(b[j * 16 + k]);
      ASSERT_EQ(c[i * 8 + j], total);
    }
  EXPECT_EQ(counters.tensorFlops, 2u * 16 * 8 * 16);
}

TEST_P(EmulatorKernel, OpaqueFragments) {
  constexpr int n = 32;
  Buffer<uint16_t> a(engine, n * n), b(engine, n * n);
  Buffer<float> c(engine, n * n);
  for (int i = 0; i < n * n; ++i) {
    a[i] = toFloat16(float(i % 11 - 5));
    b[i] = toFloat16(float(i % 13 - 6));
  }
  run("opaque", {2, 2}, {32}, Parameters().add(a).add(b).add(c).add(n));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      float total = 0;
      for (int k = 0; k < n; ++k)
        total += fromFloat16(a[i * n + k]) * fromFloat16(b[j * n + k]);
      ASSERT_EQ(c[i * n + j], 2 * total) << i << ", " << j;
    }
}

TEST_P(EmulatorKernel, ClusterMemory) {
  Buffer<float> x(engine, 4 * 64), y(engine, 4 * 64);
  std::iota(x.begin(), x.end(), 0.f);
  run("exchange", {4}, {64}, Parameters().add(x).add(y), 0, {2});
  for (int i = 0; i < 256; ++i)
    ASSERT_EQ(y[i], float((i / 64 ^ 1) * 64 + 63 - i % 64));
}

TEST_P(EmulatorKernel, TensorCopies) {
  constexpr int width = 72, height = 40; // boxes reach beyond both
  Buffer<float> x(engine, width * height), y(engine, width * height);
  std::iota(x.begin(), x.end(), 0.f);
  auto mapOf = [&](uint64_t address) {
    TensorMap map;
    map.address = address;
    map.rank = 2;
    map.size = {width, height};
    map.stride = {width * 4};
    map.box = {32, 16};
    EXPECT_TRUE(bool(map.verify()));
    return map.encode();
  };
  Counters counters = run("tiles", {3, 3}, {64}, Parameters().add(mapOf(x.address()), 64).add(mapOf(y.address()), 64));
  for (int i = 0; i < width * height; ++i)
    ASSERT_EQ(y[i], 2.f * float(i));
  EXPECT_EQ(counters.bulkBytes, 2u * 9 * 2048);
}

TEST_P(EmulatorKernel, WarpGroupProduct) {
  Buffer<uint16_t> a(engine, 64 * 16), b(engine, 8 * 16);
  Buffer<float> c(engine, 64 * 8);
  for (int i = 0; i < 64 * 16; ++i)
    a[i] = toFloat16(float(i % 11 - 5));
  for (int i = 0; i < 8 * 16; ++i)
    b[i] = toFloat16(float(i % 13 - 6));
  run("product", {1}, {128}, Parameters().add(a).add(b).add(c));
  for (int i = 0; i < 64; ++i)
    for (int j = 0; j < 8; ++j) {
      float total = 0;
      for (int k = 0; k < 16; ++k)
        total += fromFloat16(a[i * 16 + k]) * fromFloat16(b[j * 16 + k]);
      ASSERT_EQ(c[i * 8 + j], total) << i << ", " << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Schedules, EmulatorKernel,
                         testing::Values(std::pair(uint64_t(0), 1u), std::pair(uint64_t(1), 1u),
                                         std::pair(uint64_t(2), 2u)),
                         [](const auto &info) {
                           return "seed" + std::to_string(info.param.first) + "threads" +
                                  std::to_string(info.param.second);
                         });

} // namespace
