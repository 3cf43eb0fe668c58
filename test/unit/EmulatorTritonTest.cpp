// Triton's kernels give the numbers of f64 on the host and no reports, for each chip and schedule.
#include "test/unit/EmulatorForeign.h"
#include <algorithm>
#include <cstdio>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

struct Float8 {
  uint8_t bits = 0;
  operator double() const {
    int exponent = bits >> 3 & 15, mantissa = bits & 7;
    double magnitude = exponent ? std::ldexp(8 + mantissa, exponent - 10) : std::ldexp(mantissa, -9);
    return bits & 0x80 ? -magnitude : magnitude;
  }
};

class Triton : public EmulatorForeign {
protected:
  void load(const std::string &name) {
    EmulatorForeign::load("triton_" + name + ".sm_" + std::to_string(GetParam().chip));
    // The file says what a launch needs.
    ASSERT_EQ(std::sscanf(text.c_str(), "// warps %u shared %u scratch %u", &warps, &shared, &scratchBytes), 3);
  }

  /// Kernels have two parameters more: rooms in global memory, of which each block has its own.
  void run(Dim3 grid, Parameters parameters) {
    Buffer<uint8_t> scratch(engine, std::max<size_t>(scratchBytes * grid.count(), 256));
    parameters.add(scratch).add(scratch);
    EmulatorForeign::run(module->kernels()[0].name, grid, {32 * warps}, parameters, shared);
  }

  template <typename T> void fill(Buffer<T> &buffer, double scale = 1) {
    for (T &value : buffer)
      value = T(scale * draw());
  }

  template <typename In, typename Out>
  void multiply(const std::string &name, int m, int n, int k, uint32_t columns, double tolerance) {
    load(name);
    Buffer<In> a(engine, size_t(m) * k), b(engine, size_t(k) * n);
    Buffer<Out> c(engine, size_t(m) * n);
    fill(a);
    fill(b);
    run({uint32_t(m + 63) / 64, (uint32_t(n) + columns - 1) / columns},
        Parameters().add(a).add(b).add(c).add(m).add(n).add(k));
    expectNear(c, product(a, b, m, n, k), tolerance);
  }

  template <typename T> void attend(const std::string &name, bool causal, double tolerance) {
    load(name);
    constexpr int heads = 2, length = 192;
    Buffer<T> q(engine, heads * length * 64), k(engine, heads * length * 64), v(engine, heads * length * 64),
        o(engine, heads * length * 64);
    Buffer<float> logSums(engine, heads * length);
    for (Buffer<T> *buffer : {&q, &k, &v})
      fill(*buffer, 2);
    run({length / 64, heads}, Parameters().add(q).add(k).add(v).add(o).add(logSums).add(0.125f).add(length));
    std::vector<double> expectedSums;
    expectNear(o, attentionOf(q, k, v, heads, length, 64, 0.125, causal, &expectedSums), tolerance);
    expectNear(logSums, expectedSums, 1e-5);
  }

  /// Parameters of a tensor descriptor: the map, then its sizes and strides once more.
  void addDescriptor(Parameters &parameters, Buffer<Half> &buffer, int rows, int columns) {
    parameters
        .add(mapOf(buffer.address(), MapElement::F16, {uint64_t(columns), uint64_t(rows)}, {64, 64}, Swizzle::Bytes128),
             64)
        .add(rows)
        .add(columns)
        .add(int64_t(columns))
        .add(int64_t(1));
  }

  void multiplyTiles(const std::string &name) {
    load(name);
    constexpr int m = 192, n = 128, k = 320;
    Buffer<Half> a(engine, m * k), b(engine, k * n), c(engine, m * n);
    fill(a);
    fill(b);
    Parameters parameters;
    addDescriptor(parameters, a, m, k);
    addDescriptor(parameters, b, k, n);
    addDescriptor(parameters, c, m, n);
    run({m / 64, n / 64}, parameters.add(k));
    expectNear(c, product(a, b, m, n, k), 1e-3);
  }

  unsigned warps = 0, shared = 0, scratchBytes = 0;
};

TEST_P(Triton, Softmax) {
  load("softmax");
  constexpr int rows = 6, n = 781, stride = 800;
  Buffer<float> x(engine, rows * stride), y(engine, rows * stride);
  fill(x, 5);
  run({rows}, Parameters().add(x).add(y).add(stride).add(n));
  std::vector<double> expected(rows * stride);
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int i = 0; i < n; ++i)
      sum += std::exp(double(x[r * stride + i]));
    for (int i = 0; i < n; ++i)
      expected[r * stride + i] = std::exp(double(x[r * stride + i])) / sum;
  }
  expectNear(y, expected, 1e-6);
}

TEST_P(Triton, LayerNorm) {
  load("layer_norm");
  constexpr int rows = 4, n = 1300;
  Buffer<Half> x(engine, rows * n), y(engine, rows * n), weight(engine, n), bias(engine, n);
  fill(x, 3);
  fill(weight);
  fill(bias);
  run({rows}, Parameters().add(x).add(y).add(weight).add(bias).add(n).add(1e-5f));
  std::vector<double> expected;
  for (int r = 0; r < rows; ++r) {
    double mean = 0, variance = 0;
    for (int i = 0; i < n; ++i)
      mean += double(x[r * n + i]) / n;
    for (int i = 0; i < n; ++i)
      variance += std::pow(double(x[r * n + i]) - mean, 2) / n;
    for (int i = 0; i < n; ++i)
      expected.push_back((double(x[r * n + i]) - mean) / std::sqrt(variance + 1e-5) * double(weight[i]) +
                         double(bias[i]));
  }
  expectNear(y, expected, 1e-3);
}

TEST_P(Triton, ProductOfHalves) { multiply<Half, Half>("matmul_f16", 112, 144, 176, 64, 1e-3); }
TEST_P(Triton, ProductOfBfloats) { multiply<Bfloat, Bfloat>("matmul_bf16", 112, 144, 176, 128, 4e-3); }
TEST_P(Triton, ProductByTf32) { multiply<float, float>("matmul_f32", 112, 144, 176, 128, 1e-3); }

TEST_P(Triton, SplitProduct) {
  load("matmul_split");
  constexpr int m = 320, n = 96, k = 256;
  Buffer<Bfloat> a(engine, m * k), b(engine, k * n);
  Buffer<float> c(engine, m * n);
  fill(a);
  fill(b);
  run({m / 64 * n / 32, 4}, Parameters().add(a).add(b).add(c).add(m).add(n).add(k));
  expectNear(c, product(a, b, m, n, k), 1e-6);
}

TEST_P(Triton, Attention) { attend<Half>("attention_f16", false, 1e-3); }
TEST_P(Triton, CausalAttention) { attend<Bfloat>("attention_causal", true, 8e-3); }

TEST_P(Triton, GatedScan) {
  load("gated_scan");
  constexpr int rows = 5, n = 500;
  Buffer<float> x(engine, rows * n), gate(engine, rows * n), y(engine, rows * n);
  fill(x);
  fill(gate, 4);
  run({rows}, Parameters().add(x).add(gate).add(y).add(n));
  std::vector<double> expected;
  for (int r = 0; r < rows; ++r) {
    double state = 0;
    for (int i = r * n; i < (r + 1) * n; ++i) {
      double g = 1 / (1 + std::exp(-double(gate[i])));
      expected.push_back(state = g * state + (1 - g) * double(x[i]));
    }
  }
  expectNear(y, expected, 1e-6);
}

/// Philox4x32-10 with a key and a counter of one word, as Triton draws numbers.
double philox(uint32_t key, uint32_t counter) {
  uint32_t c[4] = {counter, 0, 0, 0}, k[2] = {key, 0};
  for (int round = 0; round < 10; ++round) {
    uint64_t even = uint64_t(0xd2511f53) * c[0], odd = uint64_t(0xcd9e8d57) * c[2];
    uint32_t next[4] = {uint32_t(odd >> 32) ^ c[1] ^ k[0], uint32_t(odd), uint32_t(even >> 32) ^ c[3] ^ k[1],
                        uint32_t(even)};
    std::copy(next, next + 4, c);
    k[0] += 0x9e3779b9;
    k[1] += 0xbb67ae85;
  }
  auto value = int32_t(c[0]);
  return double(value < 0 ? -value - 1 : value) * 4.6566127342e-10;
}

TEST_P(Triton, Functions) {
  load("functions");
  constexpr int n = 256;
  Buffer<float> x(engine, n), y(engine, 6 * n);
  Buffer<int> index(engine, n), counts(engine, 32);
  fill(x, 3);
  for (int &value : index)
    value = int(5000 + 5000 * draw());
  run({1}, Parameters().add(x).add(y).add(index).add(counts).add(n));
  std::vector<double> function, sorted(x.begin(), x.end()), sum, draws, integers;
  double total = 0;
  std::vector<int> expected(32);
  for (int i = 0; i < n; ++i) {
    double v = x[i];
    function.push_back(std::sin(double(x[i] * 100)) + std::erf(v) + std::log(v * v + 1) + 1 / std::sqrt(v * v + 2) +
                       std::floor(double(x[i] * 10)) + std::ceil(double(x[i] * 5)));
    sum.push_back(total += v);
    draws.push_back(philox(3, uint32_t(i)));
    integers.push_back(double(uint64_t(index[i]) * 0x9e3779b9 >> 32) + index[i] / 7 + index[i] % 5);
    ++expected[index[i] % 7];
    expected[8 + index[i] % 2] = std::max(expected[8 + index[i] % 2], index[i]);
    ++expected[16 + index[i] % 16];
  }
  expected[10] = 5;
  expected[11] = 77;
  std::sort(sorted.begin(), sorted.end());
  auto most = std::max_element(x.begin(), x.end()) - x.begin();
  expectNear(y, function, 1e-6);
  expectNear(y, sorted, 0, n);
  expectNear(y, sum, 1e-6, 2 * n);
  expectNear(y, std::vector<double>(n, double(most) + sorted[0]), 1e-6, 3 * n);
  expectNear(y, draws, 1e-6, 4 * n);
  expectNear(y, integers, 1e-6, 5 * n);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(counts[i], expected[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(Schedules, Triton,
                         testing::Values(Setting{80, 0, 1}, Setting{80, 8, 2}, Setting{90, 0, 2}, Setting{90, 9, 1}),
                         settingName);

/// What Triton makes for sm_90 alone.
class TritonHopper : public Triton {};

TEST_P(TritonHopper, ProductOfFloat8) {
  load("matmul_f8");
  constexpr int m = 112, n = 144, k = 192;
  Buffer<Float8> a(engine, m * k), b(engine, k * n);
  Buffer<Half> c(engine, m * n);
  for (Buffer<Float8> *buffer : {&a, &b})
    for (Float8 &value : *buffer)
      value.bits = uint8_t(127 + 127 * draw()) & 0xb7; // up to 1.875
  run({2, 2}, Parameters().add(a).add(b).add(c).add(m).add(n).add(k));
  expectNear(c, product(a, b, m, n, k), 1e-3);
}

TEST_P(TritonHopper, TensorDescriptors) { multiplyTiles("matmul_tma"); }
TEST_P(TritonHopper, SpecializedWarps) { multiplyTiles("matmul_specialized"); }

TEST_P(TritonHopper, DescriptorsOfItsOwn) {
  load("matmul_descriptors");
  constexpr int m = 192, n = 128, k = 192;
  Buffer<Half> a(engine, m * k), b(engine, k * n), c(engine, m * n);
  fill(a);
  fill(b);
  run({4}, Parameters().add(a).add(b).add(c).add(m).add(n).add(k));
  expectNear(c, product(a, b, m, n, k), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Schedules, TritonHopper, testing::Values(Setting{90, 0, 1}, Setting{90, 10, 2}), settingName);

} // namespace
