// hybrid.linear_scan against the published recurrences, each written here as its own loop over tokens: the op's
// operands are what a front end would pass, the loops are what the papers print. Both are in f64.
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Register.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
constexpr int64_t T = 29, H = 4, K = 6, V = 5;
using Operands = std::vector<std::pair<std::string, HostValue>>;
using Matrix = std::vector<std::vector<double>>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(x)); }

HostValue map(HostValue x, double (*f)(double)) {
  for (double &value : x.data)
    value = f(value);
  return x;
}
HostValue product(HostValue x, const HostValue &y) {
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] *= y.data[i];
  return x;
}
HostValue scaled(HostValue x, double factor) {
  for (double &value : x.data)
    value *= factor;
  return x;
}
HostValue reshaped(HostValue x, ArrayRef<int64_t> shape) {
  x.shape.assign(shape.begin(), shape.end());
  return x;
}
/// Unit rows.
HostValue normalised(HostValue x) {
  int64_t n = x.shape.back();
  for (size_t begin = 0; begin < x.data.size(); begin += n) {
    double squares = 0;
    for (int64_t i = 0; i < n; ++i)
      squares += x.data[begin + i] * x.data[begin + i];
    for (int64_t i = 0; i < n; ++i)
      x.data[begin + i] /= std::sqrt(squares);
  }
  return x;
}
/// Rows [begin, end) of the first dim.
HostValue rows(const HostValue &x, int64_t begin, int64_t end) {
  SmallVector<int64_t> shape(x.shape);
  int64_t size = x.numElements() / shape[0];
  shape[0] = end - begin;
  HostValue y(shape);
  std::copy_n(x.data.begin() + begin * size, y.data.size(), y.data.begin());
  return y;
}
HostValue concat(HostValue x, const HostValue &y) {
  x.shape[0] += y.shape[0];
  x.data.insert(x.data.end(), y.data.begin(), y.data.end());
  return x;
}
double at(const HostValue &x, int64_t t, int64_t h) { return x.data[t * x.shape[1] + h]; }
double at(const HostValue &x, int64_t t, int64_t h, int64_t i) { return x.data[(t * x.shape[1] + h) * x.shape[2] + i]; }
/// r' S.
double dot(const Matrix &S, int64_t column, llvm::function_ref<double(int64_t)> r) {
  double sum = 0;
  for (size_t i = 0; i < S.size(); ++i)
    sum += r(i) * S[i][column];
  return sum;
}

struct ScanReferenceTest : ::testing::Test {
  ScanReferenceTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  HostValue normal(ArrayRef<int64_t> shape) {
    HostValue x(shape);
    std::normal_distribution<double> distribution;
    for (double &value : x.data)
      value = distribution(random);
    return x;
  }

  /// The op on operands given by their names in the assembly; results in order.
  SmallVector<HostValue> scan(const Operands &operands, StringRef attributes,
                              std::vector<std::string> resultKinds = {"o", "state"}) {
    auto typeOf = [](StringRef name, ArrayRef<int64_t> shape) {
      std::string type = "tensor<";
      for (int64_t size : shape)
        type += (size < 0 ? "?" : std::to_string(size)) + "x";
      return type + (name == "offsets" ? "i32>" : "f32>");
    };
    std::string arguments, uses;
    SmallVector<HostValue> values;
    int64_t heads = 1, keySize = 0, valueSize = 0, sequences = 1, order = attributes.contains("order = 2") ? 2 : 1;
    for (auto &[name, value] : operands) {
      std::string type = typeOf(name, value.shape);
      arguments += (arguments.empty() ? "%" : ", %") + name + ": " + type;
      uses += " " + name + "(%" + name + " : " + type + ")";
      values.push_back(value);
      if (name == "k")
        keySize = value.shape[2];
      if (name == "v")
        valueSize = value.shape[2];
      if (value.shape.size() == 3)
        heads = std::max(heads, value.shape[1]);
      if (name == "offsets")
        sequences = value.shape[0] - 1;
    }
    int64_t tokens = operands[0].second.shape[0];
    std::string results, types;
    for (const std::string &kind : resultKinds) {
      std::string type = kind == "o"       ? typeOf("o", {tokens, heads, valueSize})
                         : kind == "state" ? typeOf("state", {sequences, heads, order * keySize, valueSize})
                         : kind == "mixer" ? typeOf("mixer", {heads, -1})
                                           : typeOf("chunk_states", {-1, heads, order * keySize, valueSize});
      results += " " + kind + " " + type;
      types += (types.empty() ? "" : ", ") + type;
    }
    std::string count = resultKinds.size() > 1 ? ":" + std::to_string(resultKinds.size()) : "", list;
    for (size_t i = 0; i < resultKinds.size(); ++i)
      list += (i ? ", %r" : "%r") + (count.empty() ? std::string() : "#" + std::to_string(i));
    std::string text = "func.func @f(" + arguments + ") -> (" + types + ") { %r" + count + " = hybrid.linear_scan" +
                       uses + " {" + attributes.str() + "} ->" + results + " return " + list + " : " + types + " }";
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module) {
      ADD_FAILURE() << text;
      return {};
    }
    auto noParameters = [](StringRef) -> FailureOr<HostValue> { return failure(); };
    auto evaluated = evaluate(cast<func::FuncOp>(module->lookupSymbol("f")), values, noParameters);
    if (failed(evaluated)) {
      ADD_FAILURE() << text;
      return {};
    }
    return *evaluated;
  }

  /// A published recurrence: `step` changes the K x V state S of head h at token t and fills the head's output.
  using Step = llvm::function_ref<void(Matrix &S, int64_t t, int64_t h, double *o)>;
  HostValue loop(Step step, int64_t heads = H, int64_t keys = K, int64_t columns = V) {
    HostValue o(ArrayRef<int64_t>{T, heads, columns});
    for (int64_t h = 0; h < heads; ++h) {
      Matrix S(keys, std::vector<double>(columns, 0));
      for (int64_t t = 0; t < T; ++t)
        step(S, t, h, o.data.data() + (t * heads + h) * columns);
    }
    return o;
  }

  void expectSame(const HostValue &got, const HostValue &want) {
    ASSERT_EQ(got.shape, want.shape);
    double error = 0, largest = 0;
    for (size_t i = 0; i < want.data.size(); ++i) {
      ASSERT_TRUE(std::isfinite(got.data[i])) << i;
      error = std::max(error, std::abs(got.data[i] - want.data[i]));
      largest = std::max(largest, std::abs(want.data[i]));
    }
    EXPECT_GT(largest, 0.1); // two zeros are no agreement
    EXPECT_LE(error, 1e-12 * largest);
  }
  void expectScan(const Operands &operands, StringRef attributes, const HostValue &want) {
    SmallVector<HostValue> got = scan(operands, attributes);
    ASSERT_EQ(got.size(), 2u);
    expectSame(got[0], want);
  }

  MLIRContext context;
  std::mt19937_64 random{1};
  // What most recurrences below take.
  HostValue q = normal({T, H, K}), k = normalised(normal({T, H, K})), v = normal({T, H, V});
  HostValue q2 = normal({T, 2, K}), k2 = normalised(normal({T, 2, K}));
  HostValue alpha = map(normal({T, H}), [](double x) { return sigmoid(x + 2); }), beta = map(normal({T, H}), sigmoid);
  HostValue keyDecay = map(normal({T, H, K}), [](double x) { return std::exp(-0.3 * std::exp(x)); });
  HostValue logAlpha = map(alpha, std::log), logKeyDecay = map(keyDecay, std::log);
  HostValue g = reshaped(beta, {T, H, 1});
};

TEST_F(ScanReferenceTest, Mamba2WithTwoGroupsAndSkip) {
  HostValue dt = map(normal({T, H}), softplus), A = map(normal({H}), [](double x) { return -std::exp(x); });
  HostValue D = normal({H}), B = normal({T, 2, K}), C = normal({T, 2, K}), logDecay = dt;
  for (int64_t i = 0; i < T * H; ++i)
    logDecay.data[i] *= A.data[i % H];
  expectScan(
      {{"q", C}, {"k", B}, {"v", v}, {"log_decay", logDecay}, {"write_scale", reshaped(dt, {T, H, 1})}, {"bonus", D}},
      "decay = #hybrid.decay<scalar>", loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
        for (int64_t j = 0; j < V; ++j) {
          for (int64_t i = 0; i < K; ++i)
            S[i][j] = std::exp(at(dt, t, h) * A.data[h]) * S[i][j] + at(dt, t, h) * at(B, t, h / 2, i) * at(v, t, h, j);
          o[j] = dot(S, j, [&](int64_t i) { return at(C, t, h / 2, i); }) + D.data[h] * at(v, t, h, j);
        }
      }));
}

TEST_F(ScanReferenceTest, Mamba2SurvivesAStepOfZero) {
  HostValue dt = map(normal({T, H}), softplus), logDecay = scaled(dt, -1);
  std::fill_n(dt.data.begin() + 5 * H, H, 0.0);
  std::fill_n(logDecay.data.begin() + 5 * H, H, -INFINITY); // and a decay of exactly 0
  SmallVector<HostValue> r =
      scan({{"q", q}, {"k", k}, {"v", v}, {"log_decay", logDecay}, {"write_scale", reshaped(dt, {T, H, 1})}},
           "decay = #hybrid.decay<scalar>");
  for (double x : r[0].data)
    EXPECT_TRUE(std::isfinite(x));
}

TEST_F(ScanReferenceTest, GatedDeltaNetWithMoreValueHeads) {
  expectScan({{"q", q2}, {"k", k2}, {"v", v}, {"log_decay", logAlpha}, {"write_scale", g}},
             "decay = #hybrid.decay<scalar>, rank = #hybrid.rank<tied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] *= at(alpha, t, h);
                 double u = at(v, t, h, j) - dot(S, j, [&](int64_t i) { return at(k2, t, h / 2, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] += at(k2, t, h / 2, i) * at(beta, t, h) * u;
                 o[j] = dot(S, j, [&](int64_t i) { return at(q2, t, h / 2, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, DeltaNetWithNegativeEigenvalues) {
  expectScan({{"q", q2}, {"k", k2}, {"v", v}, {"write_scale", scaled(g, 2)}}, "rank = #hybrid.rank<tied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 double u = at(v, t, h, j) - dot(S, j, [&](int64_t i) { return at(k2, t, h / 2, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] += at(k2, t, h / 2, i) * 2 * at(beta, t, h) * u;
                 o[j] = dot(S, j, [&](int64_t i) { return at(q2, t, h / 2, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, CombaErasesWithItsOwnKey) {
  HostValue p = normalised(normal({T, 2, K}));
  expectScan({{"q", q2}, {"k", k2}, {"v", v}, {"log_decay", logAlpha}, {"write_scale", g}, {"erase_key", p}},
             "decay = #hybrid.decay<scalar>, rank = #hybrid.rank<tied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] *= at(alpha, t, h);
                 double u = at(v, t, h, j) - dot(S, j, [&](int64_t i) { return at(p, t, h / 2, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] += at(k2, t, h / 2, i) * at(beta, t, h) * u;
                 o[j] = dot(S, j, [&](int64_t i) { return at(q2, t, h / 2, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, KimiDeltaAttention) {
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"log_decay", logKeyDecay}, {"write_scale", g}},
             "decay = #hybrid.decay<key>, rank = #hybrid.rank<tied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] *= at(keyDecay, t, h, i);
                 double u = at(v, t, h, j) - dot(S, j, [&](int64_t i) { return at(k, t, h, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] += at(k, t, h, i) * at(beta, t, h) * u;
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, GatedDeltaNet2) {
  HostValue eraseGate = map(normal({T, H, K}), sigmoid), writeGate = map(normal({T, H, V}), sigmoid);
  expectScan({{"q", q},
              {"k", k},
              {"v", product(writeGate, v)},
              {"log_decay", logKeyDecay},
              {"erase_key", product(eraseGate, k)}},
             "decay = #hybrid.decay<key>, rank = #hybrid.rank<tied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] *= at(keyDecay, t, h, i);
                 double erased = dot(S, j, [&](int64_t i) { return at(eraseGate, t, h, i) * at(k, t, h, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] += at(k, t, h, i) * (at(writeGate, t, h, j) * at(v, t, h, j) - erased);
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, GatedLinearAttention) {
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"log_decay", logKeyDecay}}, "decay = #hybrid.decay<key>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] = at(keyDecay, t, h, i) * S[i][j] + at(k, t, h, i) * at(v, t, h, j);
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, LightningAndRetNet) {
  HostValue logDecay = map(normal({H}), [](double x) { return -std::exp(x); });
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"log_decay", logDecay}}, "decay = #hybrid.decay<const>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] = std::exp(logDecay.data[h]) * S[i][j] + at(k, t, h, i) * at(v, t, h, j);
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, RWKV7) {
  HostValue kappa = normalised(normal({T, H, K})), rate = map(normal({T, H, K}), sigmoid), key = normal({T, H, K});
  expectScan({{"q", q},
              {"k", key},
              {"v", v},
              {"log_decay", logKeyDecay},
              {"untied_write", product(kappa, rate)},
              {"untied_read", scaled(kappa, -1)}},
             "decay = #hybrid.decay<key>, rank = #hybrid.rank<untied>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 double removed = dot(S, j, [&](int64_t i) { return at(kappa, t, h, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] = at(keyDecay, t, h, i) * S[i][j] - at(kappa, t, h, i) * at(rate, t, h, i) * removed +
                             at(key, t, h, i) * at(v, t, h, j);
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
               }
             }));
}

TEST_F(ScanReferenceTest, MomentumDeltaNet) {
  HostValue mu = map(normal({T, H}), sigmoid), eta = map(normal({T, H}), [](double x) { return 1 + std::tanh(x); });
  HostValue p = normal({T, H, K}), mix(ArrayRef<int64_t>{T, H, 3}), scale(ArrayRef<int64_t>{T, H, 2});
  for (int64_t i = 0; i < T * H; ++i) {
    mix.data[3 * i] = alpha.data[i];
    mix.data[3 * i + 1] = -beta.data[i] * mu.data[i];
    mix.data[3 * i + 2] = mu.data[i];
    scale.data[2 * i] = beta.data[i] * eta.data[i];
    scale.data[2 * i + 1] = -eta.data[i];
  }
  // Rows of the momentum M lie below those of S.
  HostValue want = loop(
      [&](Matrix &SM, int64_t t, int64_t h, double *o) {
        for (int64_t j = 0; j < V; ++j) {
          double error = -at(v, t, h, j);
          for (int64_t i = 0; i < K; ++i)
            error += at(p, t, h, i) * SM[i][j];
          o[j] = 0;
          for (int64_t i = 0; i < K; ++i) {
            SM[K + i][j] = at(mu, t, h) * SM[K + i][j] + at(eta, t, h) * at(k, t, h, i) * error;
            SM[i][j] = at(alpha, t, h) * SM[i][j] - at(beta, t, h) * SM[K + i][j];
            o[j] += at(q, t, h, i) * SM[i][j];
          }
        }
      },
      H, 2 * K);
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"write_scale", scale}, {"erase_key", p}, {"mix", mix}},
             "rank = #hybrid.rank<tied>, erase = #hybrid.erase<undecayed>, order = 2", want);
}

TEST_F(ScanReferenceTest, TitansMatrixMemory) {
  HostValue theta = map(normal({T, H}), sigmoid), eta = map(normal({T, H}), sigmoid);
  HostValue forget = map(normal({T, H}), sigmoid), mix(ArrayRef<int64_t>{T, H, 3}), scale(ArrayRef<int64_t>{T, H, 2});
  for (int64_t i = 0; i < T * H; ++i) {
    mix.data[3 * i] = 1 - forget.data[i];
    mix.data[3 * i + 1] = mix.data[3 * i + 2] = eta.data[i];
    scale.data[2 * i] = scale.data[2 * i + 1] = theta.data[i];
  }
  HostValue want = loop(
      [&](Matrix &MS, int64_t t, int64_t h, double *o) {
        for (int64_t j = 0; j < V; ++j) {
          double error = -at(v, t, h, j);
          for (int64_t i = 0; i < K; ++i)
            error += at(k, t, h, i) * MS[i][j];
          o[j] = 0;
          for (int64_t i = 0; i < K; ++i) {
            MS[K + i][j] = at(eta, t, h) * MS[K + i][j] - at(theta, t, h) * at(k, t, h, i) * error;
            MS[i][j] = (1 - at(forget, t, h)) * MS[i][j] + MS[K + i][j];
            o[j] += at(q, t, h, i) * MS[i][j];
          }
        }
      },
      H, 2 * K);
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"write_scale", scale}, {"erase_key", k}, {"mix", mix}},
             "rank = #hybrid.rank<tied>, erase = #hybrid.erase<undecayed>, order = 2", want);
}

TEST_F(ScanReferenceTest, Mamba1) {
  HostValue dt = map(normal({T, V}), softplus), A = map(normal({K, V}), [](double x) { return -std::exp(x); });
  HostValue B = normal({T, 1, K}), C = normal({T, 1, K}), x = normal({T, 1, V});
  expectScan({{"q", C}, {"k", B}, {"v", product(x, dt)}, {"rate", dt}, {"rate_matrix", A}},
             "decay = #hybrid.decay<key_value>",
             loop(
                 [&](Matrix &S, int64_t t, int64_t, double *o) {
                   for (int64_t p = 0; p < V; ++p) {
                     for (int64_t n = 0; n < K; ++n)
                       S[n][p] = std::exp(at(dt, t, p) * at(A, n, p)) * S[n][p] +
                                 at(dt, t, p) * at(B, t, 0, n) * at(x, t, 0, p);
                     o[p] = dot(S, p, [&](int64_t n) { return at(C, t, 0, n); });
                   }
                 },
                 1));
}

TEST_F(ScanReferenceTest, RGLRU) {
  HostValue logA = map(normal({T, V}), [](double x) { return -std::exp(x); }), x = normal({T, 1, V});
  HostValue one(ArrayRef<int64_t>{T, 1, 1}), ones(ArrayRef<int64_t>{1, V});
  std::fill(one.data.begin(), one.data.end(), 1);
  std::fill(ones.data.begin(), ones.data.end(), 1);
  expectScan({{"q", one}, {"k", one}, {"v", x}, {"rate", logA}, {"rate_matrix", ones}},
             "decay = #hybrid.decay<key_value>",
             loop(
                 [&](Matrix &S, int64_t t, int64_t, double *o) {
                   for (int64_t p = 0; p < V; ++p)
                     o[p] = S[0][p] = std::exp(at(logA, t, p)) * S[0][p] + at(x, t, 0, p);
                 },
                 1, 1));
}

/// Mamba-3's trapezoid rule: a token's write is finished by the next one. A call closes its last token without that
/// share, and the next call first adds it to the state that it starts from.
TEST_F(ScanReferenceTest, Mamba3InTwoAppends) {
  HostValue logDecay = map(normal({T, H}), [](double x) { return -std::exp(x); }), dt = map(normal({T, H}), softplus);
  HostValue lambda = map(normal({T, H}), sigmoid);
  HostValue want = loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
    double decay = std::exp(at(logDecay, t, h)), l = at(lambda, t, h);
    for (int64_t j = 0; j < V; ++j) {
      for (int64_t i = 0; i < K; ++i) {
        double past = t ? at(k, t - 1, h, i) * at(v, t - 1, h, j) : 0;
        S[i][j] = decay * S[i][j] + (1 - l) * at(dt, t, h) * decay * past +
                  l * at(dt, t, h) * at(k, t, h, i) * at(v, t, h, j);
      }
      o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
    }
  });
  HostValue state(ArrayRef<int64_t>{1, H, K, V}), got;
  for (auto [begin, end] : {std::pair<int64_t, int64_t>(0, 11), std::pair<int64_t, int64_t>(11, T)}) {
    HostValue scale(ArrayRef<int64_t>{end - begin, H, 1}), bonus(ArrayRef<int64_t>{end - begin, H});
    for (int64_t t = begin; t < end; ++t)
      for (int64_t h = 0; h < H; ++h) {
        double next = t + 1 < end ? (1 - at(lambda, t + 1, h)) * at(dt, t + 1, h) : 0, qk = 0;
        for (int64_t i = 0; i < K; ++i)
          qk += at(q, t, h, i) * at(k, t, h, i);
        scale.data[(t - begin) * H + h] = at(lambda, t, h) * at(dt, t, h) + next;
        bonus.data[(t - begin) * H + h] = -next * qk;
      }
    for (int64_t h = 0; begin && h < H; ++h)
      for (int64_t i = 0; i < K; ++i)
        for (int64_t j = 0; j < V; ++j)
          state.data[(h * K + i) * V + j] +=
              (1 - at(lambda, begin, h)) * at(dt, begin, h) * at(k, begin - 1, h, i) * at(v, begin - 1, h, j);
    SmallVector<HostValue> r = scan({{"q", rows(q, begin, end)},
                                     {"k", rows(k, begin, end)},
                                     {"v", rows(v, begin, end)},
                                     {"log_decay", rows(logDecay, begin, end)},
                                     {"write_scale", scale},
                                     {"bonus", bonus},
                                     {"initial_state", state}},
                                    "decay = #hybrid.decay<scalar>");
    ASSERT_EQ(r.size(), 2u);
    got = begin ? concat(got, r[0]) : r[0];
    state = r[1];
  }
  expectSame(got, want);
}

// Three sequences in one call are three calls, and states at chunk boundaries are the states that calls cut there end
// in.
TEST_F(ScanReferenceTest, RaggedBatchesAndChunkStates) {
  HostValue offsets(ArrayRef<int64_t>{4});
  offsets.data = {0, 9, 9, double(T)};
  StringRef attributes = "decay = #hybrid.decay<scalar>, rank = #hybrid.rank<tied>, chunk = 8";
  auto operands = [&](int64_t begin, int64_t end) {
    return Operands{{"q", rows(q, begin, end)},
                    {"k", rows(k, begin, end)},
                    {"v", rows(v, begin, end)},
                    {"log_decay", rows(logAlpha, begin, end)},
                    {"write_scale", rows(g, begin, end)}};
  };
  Operands all = operands(0, T);
  all.push_back({"offsets", offsets});
  SmallVector<HostValue> packed = scan(all, attributes, {"o", "state", "chunk_states"});
  SmallVector<HostValue> first = scan(operands(0, 9), attributes), last = scan(operands(9, T), attributes);
  expectSame(packed[0], concat(first[0], last[0]));
  expectSame(packed[1], concat(concat(first[1], HostValue(first[1].shape)), last[1]));
  // Chunks: 0, 8 of the first sequence, none of the empty one, 0, 8, 16 of the last.
  ASSERT_EQ(packed[2].shape[0], 5);
  HostValue zero(first[1].shape);
  HostValue want = concat(
      concat(concat(concat(zero, scan(operands(0, 8), attributes)[1]), zero), scan(operands(9, 17), attributes)[1]),
      scan(operands(9, 25), attributes)[1]);
  expectSame(packed[2], want);
}

// The mixer times the values is the output, whatever reads first, with the bonus on its diagonal.
TEST_F(ScanReferenceTest, MixerTimesValuesIsTheOutput) {
  for (StringRef read : {"post", "pre"}) {
    SmallVector<HostValue> r = scan(
        {{"q", q}, {"k", k}, {"v", v}, {"log_decay", logAlpha}, {"write_scale", g}, {"bonus", normal({T, H})}},
        ("decay = #hybrid.decay<scalar>, rank = #hybrid.rank<tied>, materialise, read = #hybrid.read<" + read + ">")
            .str(),
        {"o", "state", "mixer"});
    HostValue o(r[0].shape);
    ASSERT_EQ(r[2].shape[1], T * (T + 1) / 2);
    for (int64_t h = 0; h < H; ++h)
      for (int64_t t = 0; t < T; ++t)
        for (int64_t s = 0; s <= t; ++s)
          for (int64_t j = 0; j < V; ++j)
            o.data[(t * H + h) * V + j] += at(r[2], h, t * (t + 1) / 2 + s) * at(v, s, h, j);
    expectSame(r[0], o);
  }
}

// n steps per token, read after the last (DeltaProduct): the same recurrence over n T tokens, every n-th output kept.
TEST_F(ScanReferenceTest, SubstepsReadTheLastOne) {
  constexpr int64_t n = 3;
  HostValue keys = normalised(normal({n * T, H, K})), values = normal({n * T, H, V});
  HostValue scale = map(normal({n * T, H, 1}), sigmoid), queries(ArrayRef<int64_t>{n * T, H, K});
  for (int64_t t = 0; t < T; ++t)
    std::copy_n(q.data.begin() + t * H * K, H * K, queries.data.begin() + (t * n + n - 1) * H * K);
  SmallVector<HostValue> got =
      scan({{"q", q}, {"k", keys}, {"v", values}, {"write_scale", scale}}, "rank = #hybrid.rank<tied>, substeps = 3");
  SmallVector<HostValue> all =
      scan({{"q", queries}, {"k", keys}, {"v", values}, {"write_scale", scale}}, "rank = #hybrid.rank<tied>");
  HostValue want(got[0].shape);
  for (int64_t t = 0; t < T; ++t)
    std::copy_n(all[0].data.begin() + (t * n + n - 1) * H * V, H * V, want.data.begin() + t * H * V);
  expectSame(got[0], want);
  expectSame(got[1], all[1]);
}

// Without outputs the state is the same.
TEST_F(ScanReferenceTest, StateOnlyKeepsTheState) {
  SmallVector<HostValue> with = scan({{"q", q}, {"k", k}, {"v", v}}, ""),
                         without = scan({{"k", k}, {"v", v}}, "state_only", {"state"});
  ASSERT_EQ(without.size(), 1u);
  expectSame(without[0], with[1]);
}

// Reading before the write gives the previous token's state.
TEST_F(ScanReferenceTest, ReadBeforeTheWrite) {
  expectScan({{"q", q}, {"k", k}, {"v", v}, {"log_decay", logAlpha}},
             "decay = #hybrid.decay<scalar>, read = #hybrid.read<pre>",
             loop([&](Matrix &S, int64_t t, int64_t h, double *o) {
               for (int64_t j = 0; j < V; ++j) {
                 o[j] = dot(S, j, [&](int64_t i) { return at(q, t, h, i); });
                 for (int64_t i = 0; i < K; ++i)
                   S[i][j] = at(alpha, t, h) * S[i][j] + at(k, t, h, i) * at(v, t, h, j);
               }
             }));
}
} // namespace
