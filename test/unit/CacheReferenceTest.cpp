// A sequence cut into appends gives what it gives whole, for every kind of cache that the references keep.
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Register.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct CacheReferenceTest : ::testing::Test {
  CacheReferenceTest() {
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
  SmallVector<HostValue> run(StringRef text, ArrayRef<HostValue> arguments) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    auto noParameters = [](StringRef) -> FailureOr<HostValue> { return failure(); };
    if (module)
      if (auto results = evaluate(cast<func::FuncOp>(module->lookupSymbol("f")), arguments, noParameters);
          succeeded(results))
        return *results;
    ADD_FAILURE() << text.str();
    return {};
  }
  static HostValue rows(const HostValue &x, int64_t begin, int64_t end) {
    SmallVector<int64_t> shape(x.shape);
    int64_t size = x.numElements() / shape[0];
    shape[0] = end - begin;
    HostValue y(shape);
    std::copy_n(x.data.begin() + begin * size, y.data.size(), y.data.begin());
    return y;
  }
  static HostValue offsets(std::vector<double> values) {
    HostValue x(ArrayRef<int64_t>{int64_t(values.size())});
    x.data = std::move(values);
    return x;
  }
  /// Rows [begin, end) of `want` against all rows of `got`.
  static void expectRows(const HostValue &got, const HostValue &want, int64_t begin, int64_t end) {
    HostValue part = rows(want, begin, end);
    ASSERT_EQ(got.shape, part.shape);
    for (size_t i = 0; i < part.data.size(); ++i)
      ASSERT_NEAR(got.data[i], part.data[i], 1e-13) << i;
  }
  CacheType cacheType(StringRef text) { return cast<CacheType>(parseType(text, &context)); }

  MLIRContext context;
  std::mt19937_64 random{7};
};

// Keys and values in pages, appended 5, 1 and 3 tokens at a time.
TEST_F(CacheReferenceTest, PagedAttentionInThreeAppends) {
  HostValue q = normal({9, 4, 6}), k = normal({9, 2, 6}), v = normal({9, 2, 5});
  HostValue whole = run(R"(func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x2x6xf32>, %v: tensor<9x2x5xf32>)
      -> tensor<9x4x5xf32> {
    %o, %l = hybrid.attention %q, %k, %v : tensor<9x4x6xf32>, tensor<9x2x6xf32>, tensor<9x2x5xf32> {causal}
      -> tensor<9x4x5xf32>, tensor<9x4xf32>
    return %o : tensor<9x4x5xf32>
  })",
                        {q, k, v})[0];
  HostValue cache = makeEmptyCache(cacheType("!hybrid.cache<paged_kv, [2, 6, 5], f32>"), 1);
  for (auto [begin, end] : {std::pair(0, 5), {5, 6}, {6, 9}}) {
    SmallVector<HostValue> r =
        run(R"(func.func @f(%q: tensor<?x4x6xf32>, %k: tensor<?x2x6xf32>, %v: tensor<?x2x5xf32>,
        %offsets: tensor<?xi32>, %cache: !hybrid.cache<paged_kv, [2, 6, 5], f32>)
        -> (tensor<?x4x5xf32>, !hybrid.cache<paged_kv, [2, 6, 5], f32>) {
      %next = hybrid.cache.append %cache(%k, %v : tensor<?x2x6xf32>, tensor<?x2x5xf32>) offsets(%offsets : tensor<?xi32>)
        : !hybrid.cache<paged_kv, [2, 6, 5], f32>
      %o, %l = hybrid.attention %q : tensor<?x4x6xf32> cache(%next : !hybrid.cache<paged_kv, [2, 6, 5], f32>)
        query_offsets(%offsets : tensor<?xi32>) {causal} -> tensor<?x4x5xf32>, tensor<?x4xf32>
      return %o, %next : tensor<?x4x5xf32>, !hybrid.cache<paged_kv, [2, 6, 5], f32>
    })",
            {rows(q, begin, end), rows(k, begin, end), rows(v, begin, end), offsets({0, double(end - begin)}), cache});
    ASSERT_EQ(r.size(), 2u);
    expectRows(r[0], whole, begin, end);
    cache = r[1];
  }
  EXPECT_EQ(cache.sequences[0][0].shape[0], 9);
}

// Two sequences in one call keep apart: each gets what it gets alone.
TEST_F(CacheReferenceTest, SequencesOfOneCallKeepApart) {
  HostValue k = normal({5, 1, 4});
  HostValue cache = makeEmptyCache(cacheType("!hybrid.cache<paged_kv, [1, 4, 4], f32>"), 2);
  HostValue next = run(R"(func.func @f(%k: tensor<5x1x4xf32>, %o: tensor<3xi32>,
      %cache: !hybrid.cache<paged_kv, [1, 4, 4], f32>) -> !hybrid.cache<paged_kv, [1, 4, 4], f32> {
    %next = hybrid.cache.append %cache(%k, %k : tensor<5x1x4xf32>, tensor<5x1x4xf32>) offsets(%o : tensor<3xi32>)
      : !hybrid.cache<paged_kv, [1, 4, 4], f32>
    return %next : !hybrid.cache<paged_kv, [1, 4, 4], f32>
  })",
                       {k, offsets({0, 2, 5}), cache})[0];
  expectRows(next.sequences[0][0], k, 0, 2);
  expectRows(next.sequences[1][1], k, 2, 5);
  EXPECT_EQ(cache.sequences[0][0].shape[0], 0) << "a cache is a value: the one before stays as it was";
}

// A ring of 3 tokens that pins 1 is attention with a window of 3 and one sink token.
TEST_F(CacheReferenceTest, RingsForget) {
  HostValue k = normal({8, 1, 4});
  HostValue want = run(R"(func.func @f(%k: tensor<8x1x4xf32>) -> tensor<8x1x4xf32> {
    %o, %l = hybrid.attention %k, %k, %k : tensor<8x1x4xf32>, tensor<8x1x4xf32>, tensor<8x1x4xf32>
      {causal, window = 3 : i64, sink_tokens = 1 : i64} -> tensor<8x1x4xf32>, tensor<8x1xf32>
    return %o : tensor<8x1x4xf32>
  })",
                       {k})[0];
  HostValue got = run(R"(func.func @f(%k: tensor<8x1x4xf32>, %c: !hybrid.cache<ring_kv, [1, 4, 4, 3, 1], f32>)
      -> tensor<8x1x4xf32> {
    %n = hybrid.cache.append %c(%k, %k : tensor<8x1x4xf32>, tensor<8x1x4xf32>) : !hybrid.cache<ring_kv, [1, 4, 4, 3, 1], f32>
    %o, %l = hybrid.attention %k : tensor<8x1x4xf32> cache(%n : !hybrid.cache<ring_kv, [1, 4, 4, 3, 1], f32>) {causal}
      -> tensor<8x1x4xf32>, tensor<8x1xf32>
    return %o : tensor<8x1x4xf32>
  })",
                      {k, makeEmptyCache(cacheType("!hybrid.cache<ring_kv, [1, 4, 4, 3, 1], f32>"), 1)})[0];
  expectRows(got, want, 0, 8);
}

// A latent row is key (with its rotary part) and value of one head.
TEST_F(CacheReferenceTest, LatentRowsAreKeyAndValue) {
  HostValue q = normal({6, 2, 5}), latent = normal({6, 3}), rope = normal({6, 2});
  HostValue want = run(R"(func.func @f(%q: tensor<6x2x5xf32>, %c: tensor<6x3xf32>, %r: tensor<6x2xf32>)
      -> tensor<6x2x3xf32> {
    %row = tensor.concat dim(1) %c, %r : (tensor<6x3xf32>, tensor<6x2xf32>) -> tensor<6x5xf32>
    %k = tensor.expand_shape %row [[0], [1, 2]] output_shape [6, 1, 5] : tensor<6x5xf32> into tensor<6x1x5xf32>
    %v = tensor.expand_shape %c [[0], [1, 2]] output_shape [6, 1, 3] : tensor<6x3xf32> into tensor<6x1x3xf32>
    %o, %l = hybrid.attention %q, %k, %v : tensor<6x2x5xf32>, tensor<6x1x5xf32>, tensor<6x1x3xf32> {causal}
      -> tensor<6x2x3xf32>, tensor<6x2xf32>
    return %o : tensor<6x2x3xf32>
  })",
                       {q, latent, rope})[0];
  HostValue got = run(R"(func.func @f(%q: tensor<6x2x5xf32>, %c: tensor<6x3xf32>, %r: tensor<6x2xf32>,
      %cache: !hybrid.cache<latent_kv, [3, 2], f32>) -> tensor<6x2x3xf32> {
    %n = hybrid.cache.append %cache(%c, %r : tensor<6x3xf32>, tensor<6x2xf32>) : !hybrid.cache<latent_kv, [3, 2], f32>
    %o, %l = hybrid.attention %q : tensor<6x2x5xf32> cache(%n : !hybrid.cache<latent_kv, [3, 2], f32>) {causal}
      -> tensor<6x2x3xf32>, tensor<6x2xf32>
    return %o : tensor<6x2x3xf32>
  })",
                      {q, latent, rope, makeEmptyCache(cacheType("!hybrid.cache<latent_kv, [3, 2], f32>"), 1)})[0];
  expectRows(got, want, 0, 6);
}

// Taps and state go through a cache and come back: a convolution and a scan in two appends are the ones in one.
TEST_F(CacheReferenceTest, RecurrentStatesCarryOver) {
  HostValue x = normal({9, 4}), w = normal({4, 3});
  StringRef step = R"(func.func @f(%x: tensor<?x4xf32>, %w: tensor<4x3xf32>, %o: tensor<?xi32>,
      %c: !hybrid.cache<conv_taps, [4, 2], f32>, %s: !hybrid.cache<scan_state, [2, 2, 2], f32>)
      -> (tensor<?x2x2xf32>, !hybrid.cache<conv_taps, [4, 2], f32>, !hybrid.cache<scan_state, [2, 2, 2], f32>) {
    %taps = hybrid.cache.view %c : !hybrid.cache<conv_taps, [4, 2], f32> -> tensor<?x2x4xf32>
    %y, %last = hybrid.causal_conv1d %x, %w : tensor<?x4xf32>, tensor<4x3xf32> initial_taps(%taps : tensor<?x2x4xf32>)
      offsets(%o : tensor<?xi32>) {activation = #hybrid.act<silu>} -> tensor<?x4xf32>, tensor<?x2x4xf32>
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %h = tensor.expand_shape %y [[0], [1, 2]] output_shape [%t, 2, 2] : tensor<?x4xf32> into tensor<?x2x2xf32>
    %Z = hybrid.cache.view %s : !hybrid.cache<scan_state, [2, 2, 2], f32> -> tensor<?x2x2x2xf32>
    %r, %S = hybrid.linear_scan q(%h : tensor<?x2x2xf32>) k(%h : tensor<?x2x2xf32>) v(%h : tensor<?x2x2xf32>)
      initial_state(%Z : tensor<?x2x2x2xf32>) offsets(%o : tensor<?xi32>) -> o tensor<?x2x2xf32> state tensor<?x2x2x2xf32>
    %cn = hybrid.cache.append %c(%last : tensor<?x2x4xf32>) offsets(%o : tensor<?xi32>) : !hybrid.cache<conv_taps, [4, 2], f32>
    %sn = hybrid.cache.append %s(%S : tensor<?x2x2x2xf32>) offsets(%o : tensor<?xi32>) : !hybrid.cache<scan_state, [2, 2, 2], f32>
    return %r, %cn, %sn : tensor<?x2x2xf32>, !hybrid.cache<conv_taps, [4, 2], f32>, !hybrid.cache<scan_state, [2, 2, 2], f32>
  })";
  HostValue taps = makeEmptyCache(cacheType("!hybrid.cache<conv_taps, [4, 2], f32>"), 1);
  HostValue state = makeEmptyCache(cacheType("!hybrid.cache<scan_state, [2, 2, 2], f32>"), 1);
  HostValue whole = run(step, {x, w, offsets({0, 9}), taps, state})[0];
  for (auto [begin, end] : {std::pair(0, 1), {1, 7}, {7, 9}}) {
    SmallVector<HostValue> r = run(step, {rows(x, begin, end), w, offsets({0, double(end - begin)}), taps, state});
    ASSERT_EQ(r.size(), 3u);
    expectRows(r[0], whole, begin, end);
    taps = r[1];
    state = r[2];
  }
}

// What cannot be is an error of the op, not a crash: offsets of another batch, arguments of another shape.
TEST_F(CacheReferenceTest, MisfitsAreErrors) {
  StringRef text = R"(func.func @f(%k: tensor<?x1x4xf32>, %o: tensor<?xi32>,
      %cache: !hybrid.cache<paged_kv, [1, 4, 4], f32>) -> !hybrid.cache<paged_kv, [1, 4, 4], f32> {
    %next = hybrid.cache.append %cache(%k, %k : tensor<?x1x4xf32>, tensor<?x1x4xf32>) offsets(%o : tensor<?xi32>)
      : !hybrid.cache<paged_kv, [1, 4, 4], f32>
    return %next : !hybrid.cache<paged_kv, [1, 4, 4], f32>
  })";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  auto f = cast<func::FuncOp>(module->lookupSymbol("f"));
  auto noParameters = [](StringRef) -> FailureOr<HostValue> { return failure(); };
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  HostValue k = normal({5, 1, 4}), cache = makeEmptyCache(cacheType("!hybrid.cache<paged_kv, [1, 4, 4], f32>"), 1);
  EXPECT_TRUE(failed(evaluate(f, {k, offsets({0, 2, 5}), cache}, noParameters)));
  EXPECT_EQ(message, "reference: expected the offsets to list 1 sequences, got 2");
  EXPECT_TRUE(failed(evaluate(f, {k, offsets({0, 4}), cache}, noParameters)));
  EXPECT_NE(message.find("expected offsets from 0 to 5"), std::string::npos) << message;
  EXPECT_TRUE(failed(evaluate(f, {normal({5, 4}), offsets({0, 5}), cache}, noParameters)));
  EXPECT_NE(message.find("expected argument 0 to be"), std::string::npos) << message;
}

TEST_F(CacheReferenceTest, WhatACallerGivesIsChecked) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
    ml_program.global private @w(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
    func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
      %w = ml_program.global_load_const @w : tensor<2xf32>
      return %w : tensor<2xf32>
    })",
                                                             &context);
  auto f = cast<func::FuncOp>(module->lookupSymbol("f"));
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  auto three = [](StringRef) -> FailureOr<HostValue> { return HostValue(ArrayRef<int64_t>{3}); };
  EXPECT_TRUE(failed(evaluate(f, {}, three)));
  EXPECT_EQ(message, "reference: expected 1 arguments, got 0");
  EXPECT_TRUE(failed(evaluate(f, {normal({2})}, three)));
  EXPECT_EQ(message, "reference: expected parameter 'w' to be 'tensor<2xf32>', got a tensor of shape [3]");
}
} // namespace
