// Deletes, changes and moves each synchronisation of kernels in turn. A mutant that changes numbers under some schedule
// must not stay silent; that is what the checks are for.
#include "lib/Artifact/Float.h"
#include "test/unit/EmulatorHarness.h"
#include "test/unit/PtxMutants.h"
#include <functional>
#include <numeric>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

/// Runs a kernel; whether its numbers are right, or nothing where the launch was refused.
struct Subject {
  const char *kernel;
  size_t mutants; ///< at least so many synchronisations are found
  std::function<bool(Engine &, const Module &, const LaunchOptions &, std::string &reports)> run;
};

bool launchInto(Engine &engine, const Module &module, const char *kernel, Dim3 grid, Dim3 block,
                const Parameters &parameters, const LaunchOptions &options, std::string &reports, uint32_t shared = 0,
                Dim3 cluster = {}) {
  Launch config{grid, block, cluster, shared, parameters.bytes.data(), parameters.bytes.size()};
  auto report = engine.launch(module, kernel, config, options);
  reports = report ? textOf(*report) : report.error();
  return bool(report);
}

bool runScan(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<int> x(engine, 256, 1), y(engine, 256);
  launchInto(engine, module, "scan", {1}, {256}, Parameters().add(x).add(y).add(256), options, reports, 1024);
  for (int i = 0; i < 256; ++i)
    if (y[i] != i + 1)
      return false;
  return true;
}

bool runTiled(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<float> a(engine, 32 * 32), b(engine, 32 * 32), c(engine, 32 * 32);
  for (int i = 0; i < 32 * 32; ++i) {
    a[i] = float(i % 13);
    b[i] = float(i % 11);
  }
  launchInto(engine, module, "tiled", {2, 2}, {16, 16}, Parameters().add(a).add(b).add(c).add(32), options, reports);
  for (int i = 0; i < 32; ++i)
    for (int j = 0; j < 32; ++j) {
      float total = 0;
      for (int k = 0; k < 32; ++k)
        total += a[i * 32 + k] * b[k * 32 + j];
      if (c[i * 32 + j] != total)
        return false;
    }
  return true;
}

bool runPipeline(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<float> x(engine, 6 * 256), y(engine, 6 * 256);
  std::iota(x.begin(), x.end(), 1.f);
  launchInto(engine, module, "pipeline", {1}, {64}, Parameters().add(x).add(y).add(6), options, reports);
  for (int i = 0; i < 6 * 256; ++i)
    if (y[i] != 2 * x[i / 256 * 256 + (63 - i % 256 / 4) * 4 + i % 4])
      return false;
  return true;
}

bool runRing(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<float> x(engine, 20 * 32), y(engine, 20 * 32);
  std::iota(x.begin(), x.end(), 1.f);
  launchInto(engine, module, "ring", {1}, {64}, Parameters().add(x).add(y).add(20), options, reports);
  for (int i = 0; i < 20 * 32; ++i)
    if (y[i] != x[i / 32 * 32 + 31 - i % 32])
      return false;
  return true;
}

bool runExchange(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<float> x(engine, 4 * 64), y(engine, 4 * 64);
  std::iota(x.begin(), x.end(), 1.f);
  launchInto(engine, module, "exchange", {4}, {64}, Parameters().add(x).add(y), options, reports, 0, {2});
  for (int i = 0; i < 256; ++i)
    if (y[i] != x[(i / 64 ^ 1) * 64 + 63 - i % 64])
      return false;
  return true;
}

bool runTiles(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<float> x(engine, 64 * 32), y(engine, 64 * 32);
  std::iota(x.begin(), x.end(), 1.f);
  auto mapOf = [&](uint64_t address) {
    TensorMap map;
    map.address = address;
    map.rank = 2;
    map.size = {64, 32};
    map.stride = {256};
    map.box = {32, 16};
    return map.encode();
  };
  launchInto(engine, module, "tiles", {2, 2}, {64},
             Parameters().add(mapOf(x.address()), 64).add(mapOf(y.address()), 64), options, reports);
  for (int i = 0; i < 64 * 32; ++i)
    if (y[i] != 2 * x[i])
      return false;
  return true;
}

bool runProduct(Engine &engine, const Module &module, const LaunchOptions &options, std::string &reports) {
  Buffer<uint16_t> a(engine, 64 * 16), b(engine, 8 * 16);
  Buffer<float> c(engine, 64 * 8);
  for (int i = 0; i < 64 * 16; ++i)
    a[i] = toFloat16(float(i % 11 - 5));
  for (int i = 0; i < 8 * 16; ++i)
    b[i] = toFloat16(float(i % 13 - 6));
  launchInto(engine, module, "product", {1}, {128}, Parameters().add(a).add(b).add(c), options, reports);
  for (int i = 0; i < 64; ++i)
    for (int j = 0; j < 8; ++j) {
      float total = 0;
      for (int k = 0; k < 16; ++k)
        total += fromFloat16(a[i * 16 + k]) * fromFloat16(b[j * 16 + k]);
      if (c[i * 8 + j] != total)
        return false;
    }
  return true;
}

const Subject subjects[] = {{"scan", 3, runScan},      {"tiled", 2, runTiled},       {"pipeline", 5, runPipeline},
                            {"ring", 6, runRing},      {"exchange", 2, runExchange}, {"tiles", 5, runTiles},
                            {"product", 5, runProduct}};

class EmulatorMutation : public testing::TestWithParam<Subject> {};

TEST_P(EmulatorMutation, NoWrongMutantIsSilent) {
  const Subject &subject = GetParam();
  std::string text = readTestFile("Emulator/Inputs/kernels.ptx");
  auto mutants = mutantsOf(text, subject.kernel);
  EXPECT_GE(mutants.size(), subject.mutants);
  size_t reported = 0;
  for (const auto &[mutant, what] : mutants) {
    Engine engine;
    auto module = engine.load(mutant);
    ASSERT_TRUE(bool(module)) << module.error();
    bool isReported = false, isWrong = false;
    for (uint64_t seed = 0; seed < 3 && !isReported; ++seed) {
      LaunchOptions options;
      options.seed = seed;
      options.threads = 1;
      options.maxTurns = 64;
      std::string reports;
      isWrong |= !subject.run(engine, **module, options, reports);
      isReported |= !reports.empty();
    }
    reported += isReported;
    EXPECT_FALSE(isWrong && !isReported) << what;
  }
  EXPECT_GE(reported, mutants.size() / 2);
}

INSTANTIATE_TEST_SUITE_P(All, EmulatorMutation, testing::ValuesIn(subjects),
                         [](const auto &info) { return std::string(info.param.kernel); });

} // namespace
