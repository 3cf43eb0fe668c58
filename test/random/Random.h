// Numbers that one seed decides, the same on every machine and with every standard library.
#ifndef HYBRID_TEST_RANDOM_RANDOM_H
#define HYBRID_TEST_RANDOM_RANDOM_H
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <string_view>

namespace mlir::hybrid::randomtest {

class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  /// A stream of its own for each name below a seed, so that what one part draws moves no other.
  Random(uint64_t seed, std::string_view name) : state(seed ^ 0x9e3779b97f4a7c15ull) {
    for (char c : name)
      state = (next() ^ uint64_t(static_cast<unsigned char>(c))) * 0x100000001b3ull;
  }

  /// SplitMix64.
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// 0 to count - 1.
  int64_t below(int64_t count) { return static_cast<int64_t>(next() % uint64_t(count)); }
  /// Both ends included.
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool chance(int percent) { return below(100) < percent; }
  template <class T> T pick(std::initializer_list<T> from) { return from.begin()[below(int64_t(from.size()))]; }
  /// [0, 1).
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() {
    double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  /// One of the divisors of `number`.
  int64_t divisor(int64_t number) {
    int64_t chosen = 1, seen = 0;
    for (int64_t d = 1; d <= number; ++d)
      if (number % d == 0 && below(++seen) == 0)
        chosen = d;
    return chosen;
  }

private:
  uint64_t state;
};

} // namespace mlir::hybrid::randomtest
#endif
