// CUDA C++ by nvcc and clang gives the numbers of f64 on the host and no reports, for each chip and schedule.
#include "test/unit/EmulatorForeign.h"
#include <algorithm>
#include <bit>
#include <numeric>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

class Cuda : public EmulatorForeign {
protected:
  void load(const std::string &name) {
    EmulatorForeign::load(name + ".sm_" + std::to_string(GetParam().chip) + (GetParam().chip == 90 ? "a" : ""));
  }
};

TEST_P(Cuda, LastBlockAddsUp) {
  load("cuda");
  Buffer<float> x(engine, 4 * 3000);
  Buffer<double> partial(engine, 7), result(engine, 1);
  Buffer<uint32_t> done(engine, 1);
  double sum = 0;
  for (float &value : x)
    sum += value = float(draw());
  for (int launch = 0; launch < 2; ++launch) { // the counter is zero again at the end
    run("sumInOneLaunch", {7}, {256}, Parameters().add(x).add(partial).add(done).add(result).add(3000));
    EXPECT_NEAR(result[0], sum, 1e-9);
  }
}

TEST_P(Cuda, BlocksLookBack) {
  load("cuda");
  constexpr int n = 13 * 256 - 100;
  Buffer<int> x(engine, n), y(engine, n);
  Buffer<uint32_t> ticket(engine, 1);
  Buffer<uint64_t> status(engine, 13);
  for (int &value : x)
    value = int(100 * draw());
  run("scanByLookBack", {13}, {256}, Parameters().add(x).add(y).add(ticket).add(status).add(n));
  for (int i = 0, sum = 0; i < n; ++i)
    ASSERT_EQ(y[i], sum += x[i]) << i;
}

TEST_P(Cuda, HistogramAndCompaction) {
  load("cuda");
  constexpr int n = 5000;
  Buffer<uint8_t> bytes(engine, n);
  Buffer<uint32_t> counts(engine, 256);
  std::vector<uint32_t> expected(256);
  for (uint8_t &value : bytes)
    ++expected[value = uint8_t(100 + 100 * draw() * draw())];
  run("histogram", {5}, {128}, Parameters().add(bytes).add(counts).add(n));
  EXPECT_TRUE(std::equal(counts.begin(), counts.end(), expected.begin()));

  Buffer<int> x(engine, n), kept(engine, n), count(engine, 1);
  std::vector<int> positive;
  for (int &value : x)
    if ((value = int(1000 * draw())) > 0)
      positive.push_back(value);
  run("compact", {40}, {128}, Parameters().add(x).add(kept).add(count).add(n));
  ASSERT_EQ(size_t(count[0]), positive.size());
  std::sort(positive.begin(), positive.end());
  std::sort(kept.begin(), kept.begin() + count[0]);
  EXPECT_TRUE(std::equal(positive.begin(), positive.end(), kept.begin()));
}

TEST_P(Cuda, SortAndTranspose) {
  load("cuda");
  Buffer<float> x(engine, 3 * 512);
  for (float &value : x)
    value = float(draw());
  std::vector<float> expected(x.begin(), x.end());
  run("bitonicSort", {3}, {512}, Parameters().add(x));
  for (int b = 0; b < 3; ++b)
    std::sort(expected.begin() + b * 512, expected.begin() + (b + 1) * 512);
  EXPECT_TRUE(std::equal(x.begin(), x.end(), expected.begin()));

  constexpr int rows = 70, columns = 45;
  Buffer<float> a(engine, rows * columns), b(engine, rows * columns);
  std::iota(a.begin(), a.end(), 0.f);
  run("transpose", {2, 3}, {32, 8}, Parameters().add(a).add(b).add(rows).add(columns));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      ASSERT_EQ(b[j * rows + i], a[i * columns + j]);
}

TEST_P(Cuda, BlocksMeetAgainAndAgain) {
  load("cuda");
  constexpr int n = 6 * 64, steps = 9;
  Buffer<float> a(engine, n), b(engine, n);
  Buffer<uint32_t> arrived(engine, 1);
  for (int i = 0; i < n; ++i)
    a[i] = b[i] = float(draw());
  std::vector<double> from(a.begin(), a.end()), to(from);
  run("jacobi", {6}, {64}, Parameters().add(a).add(b).add(arrived).add(n).add(steps));
  for (int step = 0; step < steps; ++step) {
    for (int i = 1; i < n - 1; ++i)
      to[i] = 0.25 * from[i - 1] + 0.5 * from[i] + 0.25 * from[i + 1];
    std::swap(from, to);
  }
  expectNear(b, from, 1e-6);
}

TEST_P(Cuda, SoftmaxOfRows) {
  load("cuda");
  constexpr int rows = 5, n = 333;
  Buffer<Half> x(engine, rows * n), y(engine, rows * n);
  std::vector<double> expected;
  for (Half &value : x)
    value = 4 * draw();
  run("softmaxRows", {rows}, {128}, Parameters().add(x).add(y).add(n));
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int i = 0; i < n; ++i)
      sum += std::exp(double(x[r * n + i]));
    for (int i = 0; i < n; ++i)
      expected.push_back(std::exp(double(x[r * n + i])) / sum);
  }
  expectNear(y, expected, 1e-3);
}

TEST_P(Cuda, WideArithmetic) {
  load("cuda");
  Buffer<int64_t> x(engine, 64), y(engine, 64 * 8);
  Buffer<double> d(engine, 64), e(engine, 64 * 4);
  Buffer<Half> h(engine, 128), k(engine, 128);
  Buffer<Bfloat> b(engine, 128), c(engine, 128);
  for (int i = 0; i < 64; ++i) {
    x[i] = int64_t(draw() * std::ldexp(1., i));
    d[i] = 5 * draw();
  }
  for (int i = 0; i < 128; ++i) {
    h[i] = 2 * draw();
    b[i] = 2 * draw();
  }
  run("arithmetic", {1}, {64}, Parameters().add(x).add(y).add(d).add(e).add(h).add(k).add(b).add(c));
  for (int t = 0; t < 64; ++t) {
    int64_t a = x[t], m = x[(t + 1) % 64] | 1;
    auto u = uint64_t(a);
    EXPECT_EQ(y[t * 8], a / m);
    EXPECT_EQ(y[t * 8 + 1], a % m);
    EXPECT_EQ(uint64_t(y[t * 8 + 2]), u / 10);
    EXPECT_EQ(y[t * 8 + 3], int64_t((__int128(a) * m) >> 64));
    EXPECT_EQ(y[t * 8 + 4], std::countl_zero(u) + 100 * std::popcount(u) + 10000 * (u ? std::countr_zero(u) + 1 : 0));
    uint64_t reversed = 0;
    for (int i = 0; i < 64; ++i)
      reversed |= (u >> i & 1) << (63 - i);
    EXPECT_EQ(uint64_t(y[t * 8 + 5]), reversed);
    EXPECT_EQ(uint32_t(y[t * 8 + 6]), uint32_t(u >> t % 32));
    double v = d[t];
    double expected[] = {std::pow(std::fabs(v) + 0.5, 1.25), 1 / std::sqrt(std::fabs(v) + 1) + std::cbrt(v),
                         std::sin(v * 1e3) + std::atan2(v, 2.)};
    for (int i = 0; i < 3; ++i)
      EXPECT_NEAR(e[t * 4 + i], expected[i], 1e-13 * std::max(1., std::fabs(expected[i]))) << i << " of " << v;
    double toZero = float(v);
    if (std::fabs(toZero) > std::fabs(v))
      toZero = std::nextafter(float(v), 0.f);
    EXPECT_NEAR(e[t * 4 + 3], toZero + std::nearbyint(v) + std::fmod(v, 0.3) + std::lgamma(std::fabs(v) + 2), 1e-12);
    for (int q = 2 * t; q < 2 * t + 2; ++q) {
      Half sum = double(h[q]) * double(h[q]) + 0.5, inverse = 1 / double(h[q]);
      EXPECT_EQ(double(k[q]), std::max(double(sum), double(inverse)));
      Bfloat doubled = 2 * double(b[q]);
      EXPECT_EQ(double(c[q]), double(Bfloat(double(doubled) * (q % 2 ? 3 : 0.5))));
    }
  }
}

TEST_P(Cuda, NarrowArithmetic) {
  load("cuda");
  Buffer<float> x(engine, 64), y(engine, 64 * 8);
  Buffer<Half> h(engine, 64), k(engine, 64 * 4);
  Buffer<Bfloat> b(engine, 64), c(engine, 64 * 4);
  Buffer<int16_t> s(engine, 64), r(engine, 64 * 4);
  for (int i = 0; i < 64; ++i) {
    x[i] = float(3 * draw());
    h[i] = i % 8 ? 2 * draw() : 1;
    b[i] = 2 * draw();
    s[i] = int16_t(30000 * draw());
  }
  run("narrow", {1}, {64}, Parameters().add(x).add(h).add(b).add(s).add(y).add(k).add(c).add(r));
  for (int t = 0; t < 64; ++t) {
    double half = h[t], v = x[t], bf = b[t];
    EXPECT_EQ(double(k[t * 4]), double(Half(half + double(Half(half * double(Half(v)))))));
    EXPECT_NEAR(k[t * 4 + 1], std::exp(half), std::exp(half) * 0x1p-10);
    EXPECT_EQ(double(k[t * 4 + 2]), double(Half(half * half + 0.25)));
    EXPECT_EQ(double(k[t * 4 + 3]), half == 1 ? -1 : std::fabs(half));
    EXPECT_EQ(double(c[t * 4]), double(Bfloat(bf + double(Bfloat(v)))));
    EXPECT_EQ(double(c[t * 4 + 1]), double(Bfloat(bf * bf + bf)));
    double toZero = fromBFloat16(uint16_t(std::bit_cast<uint32_t>(x[t]) >> 16));
    EXPECT_EQ(double(c[t * 4 + 2]), double(Bfloat(bf - toZero)));
    EXPECT_EQ(double(c[t * 4 + 3]), std::max(bf, double(Bfloat(v))));
    int other = s[63 - t];
    EXPECT_EQ(r[t * 4], int16_t(s[t] * other));
    EXPECT_EQ(uint16_t(r[t * 4 + 1]), uint32_t(uint16_t(s[t])) * uint16_t(other) >> 16);
    EXPECT_EQ(r[t * 4 + 2], s[t] - other > 0 ? s[t] % 7 : s[t] / 3);
    EXPECT_EQ(r[t * 4 + 3], int(std::floor(half)) + int(std::fabs(half)));
    double size = std::fabs(v);
    double expected[] = {std::floor(v) + 2 * std::round(v) + 4 * std::nearbyint(v) + 8 * std::trunc(v) +
                             16 * std::ceil(v),
                         v / 3 + std::sqrt(size) + 1 / std::sqrt(size + 1),
                         v + 1e-3 + v * 1.1 - (v * v + 0.3),
                         std::trunc(std::fabs(double(float(v * 1e6)))) + std::trunc(v * 1e12) + std::nearbyint(size),
                         std::tanh(v) + std::sin(v) * std::cos(v) + std::pow(size + 1, 1.5) + std::log10(size + 1),
                         1 / std::sqrt(size + 0.5) + std::cbrt(v) + std::hypot(v, 2) + std::fmod(v, double(0.7f)),
                         2 * std::clamp(v, -1., 1.) - std::min(std::clamp(v, -1., 1.), 0.) + std::copysign(2, v) +
                             8 * v + std::ilogb(v)};
    for (int i = 0; i < 7; ++i)
      EXPECT_NEAR(y[t * 8 + i], expected[i], 2e-6 * std::max(1., std::fabs(expected[i]))) << i << " of " << v;
  }
}

TEST_P(Cuda, Contention) {
  load("cuda");
  constexpr int n = 4 * 96;
  Buffer<uint32_t> u(engine, 4);
  Buffer<int64_t> s(engine, 4);
  Buffer<Half> h(engine, 2);
  Buffer<Bfloat> b(engine, 2);
  Buffer<double> d(engine, 1);
  u[1] = ~0u;
  run("contend", {4}, {96}, Parameters().add(u).add(s).add(h).add(b).add(d));
  uint32_t most = 0, down = 0;
  int64_t bits = 0;
  for (uint32_t t = 0; t < n; ++t) {
    most = std::max(most, t * 7 % 1000);
    down = down == 0 || down > 50 ? 50 : down - 1;
    bits ^= int64_t(1ull << t % 64);
  }
  EXPECT_EQ(u[0], most);
  EXPECT_EQ(u[1], 1u << 31);
  EXPECT_EQ(u[2], down);
  EXPECT_EQ(u[3], uint32_t(-3 * n));
  EXPECT_EQ(s[0], n - 1 - 100);
  EXPECT_EQ(s[1], -100);
  EXPECT_EQ(s[2], n * (n - 1) / 2);
  EXPECT_EQ(s[3], bits);
  EXPECT_EQ(double(h[0]), n);
  EXPECT_EQ(double(h[1]), 2 * n);
  EXPECT_EQ(double(b[0]), 256); // where adding one to a bfloat16 ends
  EXPECT_EQ(double(b[1]), -256);
  EXPECT_EQ(d[0], n / 2.);
}

TEST_P(Cuda, PipelinedProduct) {
  load("tensor");
  constexpr int m = 128, n = 128, k = 320;
  Buffer<Bfloat> a(engine, m * k), b(engine, k * n);
  Buffer<float> c(engine, m * n);
  for (Bfloat &value : a)
    value = draw();
  for (Bfloat &value : b)
    value = draw();
  run("matmulPipelined", {n / 64, m / 64}, {128}, Parameters().add(a).add(b).add(c).add(m).add(n).add(k),
      3 * 2 * 64 * 64 * 2);
  expectNear(c, product(a, b, m, n, k), 1e-6);
}

TEST_P(Cuda, CausalAttention) {
  load("tensor");
  constexpr int heads = 2, length = 192;
  Buffer<Half> q(engine, heads * length * 64), k(engine, heads * length * 64), v(engine, heads * length * 64),
      o(engine, heads * length * 64);
  for (Buffer<Half> *buffer : {&q, &k, &v})
    for (Half &value : *buffer)
      value = 2 * draw();
  float scale = 0.125f * 1.44269504f;
  run("attention", {length / 64, heads}, {128}, Parameters().add(q).add(k).add(v).add(o).add(length).add(scale));
  expectNear(o, attentionOf(q, k, v, heads, length, 64, 0.125, true), 1e-3);
}

TEST_P(Cuda, ProductOfBytes) {
  load("tensor");
  Buffer<int8_t> a(engine, 16 * 32);
  Buffer<uint8_t> b(engine, 8 * 32);
  Buffer<int> c(engine, 16 * 8);
  for (int8_t &value : a)
    value = int8_t(128 * draw());
  for (uint8_t &value : b)
    value = uint8_t(127 + 127 * draw());
  run("multiplyBytes", {1}, {32}, Parameters().add(a).add(b).add(c));
  std::vector<double> expected = product(a, b, 16, 8, 32, true);
  for (int i = 0; i < 16 * 8; ++i)
    ASSERT_EQ(c[i], expected[i]) << i;
}

TEST_P(Cuda, ClangReductions) {
  load("clang");
  constexpr int n = 1003;
  Buffer<float> x(engine, n), y(engine, n, 1.f);
  std::iota(x.begin(), x.end(), 0.f);
  run("axpy", {2}, {128}, Parameters().add(2.f).add(x).add(y).add(n));
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(y[i], 1 + 2.f * float(i));

  Buffer<double> a(engine, n), b(engine, n), result(engine, 1);
  double sum = 0;
  for (int i = 0; i < n; ++i)
    sum += (a[i] = draw()) * (b[i] = draw());
  run("dot", {3}, {160}, Parameters().add(a).add(b).add(result).add(n));
  EXPECT_NEAR(result[0], sum, 1e-12);

  Buffer<int> from(engine, 3 * 128), to(engine, 3 * 128);
  std::iota(from.begin(), from.end(), -100);
  run("scan", {3}, {128}, Parameters().add(from).add(to));
  for (int i = 0, total = 0; i < 3 * 128; ++i)
    ASSERT_EQ(to[i], total = (i % 128 ? total : 0) + from[i]);
}

TEST_P(Cuda, ClangProducts) {
  load("clang");
  constexpr int n = 41;
  Buffer<float> a(engine, n * n), b(engine, n * n), c(engine, n * n);
  for (int i = 0; i < n * n; ++i) {
    a[i] = float(draw());
    b[i] = float(draw());
  }
  run("matmul", {3, 3}, {16, 16}, Parameters().add(a).add(b).add(c).add(n));
  expectNear(c, product(a, b, n, n, n), 1e-6);

  constexpr int k = 48;
  Buffer<Half> ha(engine, k * k), hb(engine, k * k);
  Buffer<float> hc(engine, k * k);
  for (int i = 0; i < k * k; ++i) {
    ha[i] = draw();
    hb[i] = draw();
  }
  run("fragments", {3, 3}, {32}, Parameters().add(ha).add(hb).add(hc).add(k));
  expectNear(hc, product(ha, hb, k, k, k), 1e-6);
}

TEST_P(Cuda, ClangMixed) {
  load("clang");
  Buffer<int> x(engine, 64), y(engine, 64);
  Buffer<Half> h(engine, 128);
  std::vector<double> before;
  for (int i = 0; i < 64; ++i)
    x[i] = int(500 + 499 * draw());
  for (Half &value : h)
    before.push_back(value = 2 * draw());
  run("mixed", {1}, {64}, Parameters().add(x).add(y).add(h));
  for (int t = 0; t < 64; ++t) {
    int table[16], value = 0;
    for (int i = 0; i < 16; ++i)
      table[(i * 7 + t) % 16] = i * i;
    for (uint64_t v = uint64_t(x[t]) + 1; v != 1; ++value)
      v = v % 2 ? 3 * v + 1 : v / 2;
    value += table[x[t] % 16];
    switch (x[t] % 8) {
    case 0:
      value = -value;
      break;
    case 1:
      value ^= 0x55;
      break;
    case 2:
      value <<= 3;
      break;
    case 3:
      value = int(1000000000007ll / (value + 1));
      break;
    case 5:
      value = std::popcount(unsigned(value)) + std::countl_zero(unsigned(value) | 1);
      break;
    case 6:
      value = int(float(value) * 0.37f);
      break;
    }
    EXPECT_EQ(y[t], value) << t;
  }
  for (int i = 0; i < 128; ++i)
    EXPECT_NEAR(h[i], before[i] * before[i] + 0.25, 0x1p-8) << i;
}

TEST_P(Cuda, ClangLock) {
  load("clang");
  Buffer<int> next(engine, 1), serving(engine, 1), values(engine, 11);
  run("ticketLock", {11}, {32}, Parameters().add(next).add(serving).add(values));
  for (int i = 0; i < 11; ++i)
    ASSERT_EQ(values[i], i * (i + 1) / 2);
}

INSTANTIATE_TEST_SUITE_P(Schedules, Cuda,
                         testing::Values(Setting{80, 0, 1}, Setting{80, 3, 2}, Setting{90, 0, 2}, Setting{90, 4, 1}),
                         settingName);

/// What only sm_90a has.
class Hopper : public EmulatorForeign {
protected:
  void SetUp() override { load("hopper.sm_90a"); }

  void multiply(const std::string &kernel, uint32_t blocks, Dim3 cluster, uint32_t partOfB) {
    constexpr int m = 512, n = 128, k = 256;
    Buffer<Bfloat> a(engine, m * k), b(engine, n * k), c(engine, m * n);
    for (Bfloat &value : a)
      value = draw();
    for (Bfloat &value : b)
      value = draw();
    auto map = [](Buffer<Bfloat> &buffer, uint64_t columns, uint64_t rows, uint32_t box) {
      return mapOf(buffer.address(), MapElement::BF16, {columns, rows}, {64, box}, Swizzle::Bytes128);
    };
    run(kernel, {blocks}, {384},
        Parameters()
            .add(map(a, k, m, 128), 64)
            .add(map(b, k, n, partOfB), 64)
            .add(map(c, n, m, 64), 64)
            .add(m)
            .add(n)
            .add(k),
        3 * (128 * 128 + 64 * 128) + 128 * 128, cluster);
    expectNear(c, product(a, b, m, n, k, true), 4e-3);
  }
};

TEST_P(Hopper, RingOfTiles) { multiply("matmulRing", 3, {}, 64); }

TEST_P(Hopper, MulticastRing) { multiply("matmulMulticast", 4, {2}, 32); }

TEST_P(Hopper, CopyEngineAdds) {
  constexpr int width = 72, height = 40, slices = 5;
  Buffer<float> x(engine, slices * width * height), y(engine, width * height, 1.f);
  std::vector<double> expected(width * height, 1.);
  for (int i = 0; i < slices * width * height; ++i)
    expected[i % (width * height)] += x[i] = float(draw());
  run("addSlices", {3, 3}, {32},
      Parameters()
          .add(mapOf(x.address(), MapElement::F32, {width, height, slices}, {32, 16, 1}, Swizzle::None), 64)
          .add(mapOf(y.address(), MapElement::F32, {width, height}, {32, 16}, Swizzle::None), 64)
          .add(slices));
  expectNear(y, expected, 1e-6);
}

TEST_P(Hopper, BulkRing) {
  constexpr int blocks = 2, chunks = 11;
  Buffer<float> x(engine, blocks * chunks * 256), y(engine, blocks * chunks * 256, 2.f);
  std::iota(x.begin(), x.end(), 0.f);
  run("scaleAndAdd", {blocks}, {256}, Parameters().add(x).add(y).add(chunks));
  for (int i = 0; i < blocks * chunks * 256; ++i)
    ASSERT_EQ(y[i], 2 + 0.5f * x[i / 256 * 256 + 255 - i % 256]);
}

TEST_P(Hopper, BinsAcrossACluster) {
  constexpr int n = 3000;
  Buffer<uint8_t> bytes(engine, n);
  Buffer<uint32_t> counts(engine, 256);
  std::vector<uint32_t> expected(256);
  for (uint8_t &value : bytes)
    ++expected[value = uint8_t(127 + 127 * draw())];
  run("clusterHistogram", {8}, {96}, Parameters().add(bytes).add(counts).add(n), 0, {4});
  EXPECT_TRUE(std::equal(counts.begin(), counts.end(), expected.begin()));
}

INSTANTIATE_TEST_SUITE_P(Schedules, Hopper, testing::Values(Setting{90, 0, 1}, Setting{90, 5, 2}, Setting{90, 6, 1}),
                         settingName);

} // namespace
