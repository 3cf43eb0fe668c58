#include "hybrid/Support/Polynomial.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace mlir::hybrid {

const char *symbolName(Symbol symbol) {
  static const char *const names[] = {"tokens", "sequences", "kv_tokens", "pairs", "tiles", "rows"};
  return names[static_cast<unsigned>(symbol)];
}

Polynomial::Polynomial(double constant) {
  if (constant != 0)
    terms[Monomial{}] = constant;
}

Polynomial::Polynomial(Symbol symbol) {
  Monomial m{};
  m[static_cast<unsigned>(symbol)] = 1;
  terms[m] = 1;
}

Polynomial &Polynomial::operator+=(const Polynomial &other) {
  for (const auto &[m, c] : std::map(other.terms))
    if (double &sum = terms[m]; (sum += c) == 0)
      terms.erase(m);
  return *this;
}

Polynomial &Polynomial::operator*=(const Polynomial &other) {
  std::map<Monomial, double> product;
  for (const auto &[a, ca] : terms)
    for (const auto &[b, cb] : other.terms) {
      Monomial m;
      for (unsigned i = 0; i < numSymbols; ++i)
        m[i] = a[i] + b[i];
      if (double &sum = product[m]; (sum += ca * cb) == 0)
        product.erase(m);
    }
  terms = std::move(product);
  return *this;
}

double Polynomial::evaluate(const SymbolValues &values) const {
  double sum = 0;
  for (const auto &[m, c] : terms) {
    double product = c;
    for (unsigned i = 0; i < numSymbols; ++i)
      product *= std::pow(values[i], m[i]);
    sum += product;
  }
  return sum;
}

std::string Polynomial::str() const {
  std::vector<std::pair<Monomial, double>> sorted(terms.begin(), terms.end());
  auto degree = [](const Monomial &m) { return std::accumulate(m.begin(), m.end(), 0); };
  std::sort(sorted.begin(), sorted.end(), [&](auto &a, auto &b) {
    return degree(a.first) != degree(b.first) ? degree(a.first) > degree(b.first) : a.first > b.first;
  });
  std::string text;
  for (const auto &[m, c] : sorted) {
    char number[32];
    std::snprintf(number, sizeof number, "%.12g", c);
    std::string term = c == 1 && degree(m) > 0 ? "" : number;
    for (unsigned i = 0; i < numSymbols; ++i)
      for (unsigned e = 0; e < m[i]; ++e)
        term += (term.empty() ? "" : "*") + std::string(symbolName(static_cast<Symbol>(i)));
    text += (text.empty() ? "" : " + ") + term;
  }
  return text.empty() ? "0" : text;
}

std::optional<Polynomial> Polynomial::parse(std::string_view text) {
  Polynomial sum;
  while (true) {
    size_t end = text.find(" + ");
    std::string_view term = text.substr(0, end);
    Polynomial product(1);
    while (true) {
      size_t star = term.find('*');
      std::string factor(term.substr(0, star));
      char *rest = nullptr;
      double number = std::strtod(factor.c_str(), &rest);
      if (!factor.empty() && *rest == 0) {
        product *= Polynomial(number);
      } else {
        unsigned i = 0;
        while (i < numSymbols && factor != symbolName(static_cast<Symbol>(i)))
          ++i;
        if (i == numSymbols)
          return std::nullopt;
        product *= Polynomial(static_cast<Symbol>(i));
      }
      if (star == term.npos)
        break;
      term.remove_prefix(star + 1);
    }
    sum += product;
    if (end == text.npos)
      return sum;
    text.remove_prefix(end + 3);
  }
}

} // namespace mlir::hybrid
