// Polynomials over the sizes of a call: arithmetic, and the text that artifacts and reports carry.
#include "hybrid/Support/Polynomial.h"
#include "gtest/gtest.h"
using namespace mlir::hybrid;

TEST(Polynomial, PrintsHighestDegreeFirst) {
  Polynomial t(Symbol::tokens), kv(Symbol::kv_tokens);
  EXPECT_EQ((t * kv * 2 + t * 768 + 4).str(), "2*tokens*kv_tokens + 768*tokens + 4");
  EXPECT_EQ(Polynomial().str(), "0");
}

TEST(Polynomial, ZeroTermsVanish) {
  Polynomial t(Symbol::tokens);
  EXPECT_TRUE((t + t * -1).isZero());
  EXPECT_EQ((t + 1) * (t + -1), t * t + -1);
}

TEST(Polynomial, Evaluates) {
  SymbolValues v{};
  v[static_cast<unsigned>(Symbol::tokens)] = 3;
  v[static_cast<unsigned>(Symbol::pairs)] = 10;
  EXPECT_EQ((Polynomial(Symbol::tokens) * Symbol::tokens + Polynomial(Symbol::pairs) * 2).evaluate(v), 29);
}

TEST(Polynomial, ParsesWhatItPrints) {
  Polynomial p = Polynomial(Symbol::tokens) * Symbol::kv_tokens * 2 + Polynomial(Symbol::rows) * -1.5 + 4;
  EXPECT_EQ(Polynomial::parse(p.str()), p);
  EXPECT_EQ(Polynomial::parse("0"), Polynomial());
  EXPECT_EQ(Polynomial::parse("2*tokns"), std::nullopt);
  EXPECT_EQ(Polynomial::parse(""), std::nullopt);
}
