// Polynomials over the sizes of a call. Costs and buffer sizes are such polynomials: tokens x kv_tokens is not affine,
// and ragged attention costs the sum of its query-key pairs, so affine expressions cannot say them.
#ifndef HYBRID_SUPPORT_POLYNOMIAL_H
#define HYBRID_SUPPORT_POLYNOMIAL_H
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mlir::hybrid {

/// The sizes of a call. `pairs` is the number of (query, key) pairs that a causal attention looks at, over all
/// sequences; `tiles` the length of a dispatch's tile list; `rows` the number of tokens whose logits are wanted.
enum class Symbol : uint8_t { tokens, sequences, kv_tokens, pairs, tiles, rows };
constexpr unsigned numSymbols = 6;
const char *symbolName(Symbol symbol);

/// The value of each symbol in one call.
using SymbolValues = std::array<double, numSymbols>;

/// A sum of monomials with real coefficients. Zero coefficients are never stored.
class Polynomial {
public:
  /// Exponent of each symbol.
  using Monomial = std::array<uint8_t, numSymbols>;

  Polynomial() = default;
  Polynomial(double constant);
  Polynomial(Symbol symbol);

  Polynomial &operator+=(const Polynomial &other);
  Polynomial &operator*=(const Polynomial &other);
  friend Polynomial operator+(Polynomial a, const Polynomial &b) { return a += b; }
  friend Polynomial operator*(Polynomial a, const Polynomial &b) { return a *= b; }
  bool operator==(const Polynomial &other) const = default;

  bool isZero() const { return terms.empty(); }
  double evaluate(const SymbolValues &values) const;
  /// Highest degree first, for example "2*tokens*kv_tokens + 768*tokens + 4".
  std::string str() const;
  /// The inverse of str(); none when the text is not a polynomial.
  static std::optional<Polynomial> parse(std::string_view text);
  const std::map<Monomial, double> &getTerms() const { return terms; }

private:
  std::map<Monomial, double> terms;
};

/// What an op or a dispatch costs. A multiply-add is two FLOPs, an exponential one.
struct Cost {
  Polynomial flops;
  /// Least bytes moved: each operand read once, each result written once.
  Polynomial bytes;
};

} // namespace mlir::hybrid
#endif
