// Runs PTX that other compilers made (test/Emulator/Inputs/foreign): for several chips, under several schedules.
#ifndef HYBRID_TEST_UNIT_EMULATORFOREIGN_H
#define HYBRID_TEST_UNIT_EMULATORFOREIGN_H
#include "lib/Artifact/Float.h"
#include "test/unit/EmulatorHarness.h"
#include <cmath>

namespace hybridrt::emulator {

struct Setting {
  unsigned chip;
  uint64_t seed;
  unsigned threads;
};

class EmulatorForeign : public testing::TestWithParam<Setting> {
protected:
  void load(const std::string &name) {
    std::string file = name + ".ptx";
    text = readTestFile("Emulator/Inputs/foreign/" + file);
    auto loaded = engine.load(text, file);
    ASSERT_TRUE(bool(loaded)) << loaded.error();
    module = *loaded;
  }

  /// Runs a kernel, which must end without a report.
  void run(const std::string &kernel, Dim3 grid, Dim3 block, const Parameters &parameters, uint32_t shared = 0,
           Dim3 cluster = {}) {
    LaunchOptions options;
    options.seed = GetParam().seed;
    options.threads = GetParam().threads;
    LaunchReport report = launch(engine, *module, kernel, grid, block, parameters, options, shared, cluster);
    EXPECT_EQ(textOf(report), "");
    EXPECT_TRUE(report.completed);
  }

  /// Numbers from -1 to 1, the same on every machine.
  double draw() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return double(int64_t(state) >> 11) / double(int64_t(1) << 52);
  }

  std::string text;
  Engine engine;
  std::shared_ptr<Module> module;
  uint64_t state = 1;
};

/// How elements of a type are made and read.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  Half(double value) : bits(toFloat16(float(value))) {}
  operator double() const { return fromFloat16(bits); }
};
struct Bfloat {
  uint16_t bits = 0;
  Bfloat() = default;
  Bfloat(double value) : bits(toBFloat16(float(value))) {}
  operator double() const { return fromBFloat16(bits); }
};

/// Each number is as near as `tolerance` times the largest one that is expected.
template <typename T>
void expectNear(Buffer<T> &got, const std::vector<double> &expected, double tolerance, size_t first = 0) {
  double scale = 0, worst = 0;
  size_t at = 0;
  for (double value : expected)
    scale = std::max(scale, std::fabs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    double error = std::fabs(double(got[first + i]) - expected[i]);
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
  }
  EXPECT_LE(worst, tolerance * scale) << "at " << at << ": expected " << expected[at] << ", got "
                                      << double(got[first + at]);
}

/// A (m x k) times B, which is k x n, or n x k where `transposed`.
template <typename A, typename B>
std::vector<double> product(Buffer<A> &a, Buffer<B> &b, int m, int n, int k, bool transposed = false) {
  std::vector<double> result(size_t(m) * n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l)
        sum += double(a[size_t(i) * k + l]) * double(b[transposed ? size_t(j) * k + l : size_t(l) * n + j]);
      result[size_t(i) * n + j] = sum;
    }
  return result;
}

/// softmax(scale Q K^T) V of several heads; `weights`, where given, gets the logarithms of the sums to base 2.
template <typename T>
std::vector<double> attentionOf(Buffer<T> &q, Buffer<T> &k, Buffer<T> &v, int heads, int length, int size, double scale,
                                bool causal, std::vector<double> *logSums = nullptr) {
  std::vector<double> result(size_t(heads) * length * size);
  for (int h = 0; h < heads; ++h)
    for (int i = 0; i < length; ++i) {
      size_t base = size_t(h) * length * size, row = base + size_t(i) * size;
      int keys = causal ? i + 1 : length;
      std::vector<double> score(keys);
      double most = -INFINITY, sum = 0;
      for (int j = 0; j < keys; ++j) {
        for (int d = 0; d < size; ++d)
          score[j] += scale * double(q[row + d]) * double(k[base + size_t(j) * size + d]);
        most = std::max(most, score[j]);
      }
      for (double &s : score)
        sum += s = std::exp(s - most);
      for (int j = 0; j < keys; ++j)
        for (int d = 0; d < size; ++d)
          result[row + d] += score[j] / sum * double(v[base + size_t(j) * size + d]);
      if (logSums)
        logSums->push_back((most + std::log(sum)) / std::log(2.));
    }
  return result;
}

/// A tensor map over rows of `columns` elements.
inline std::array<uint8_t, 128> mapOf(uint64_t address, MapElement element, std::vector<uint64_t> sizes,
                                      std::vector<uint32_t> box, Swizzle swizzle) {
  TensorMap map;
  map.address = address;
  map.rank = uint32_t(sizes.size());
  map.element = element;
  uint64_t stride = map.elementBytes();
  for (size_t i = 0; i < sizes.size(); ++i) {
    map.size[i] = sizes[i];
    map.box[i] = box[i];
    stride *= sizes[i];
    if (i + 1 < sizes.size())
      map.stride[i] = stride;
  }
  map.swizzle = swizzle;
  Status status = map.verify();
  EXPECT_TRUE(bool(status)) << status.error();
  return map.encode();
}

inline std::string settingName(const testing::TestParamInfo<Setting> &info) {
  return "sm" + std::to_string(info.param.chip) + "seed" + std::to_string(info.param.seed);
}

} // namespace hybridrt::emulator
#endif
