// What a variant's schedule comes to when a call's sizes are known: where every buffer lies, and every grid.
#ifndef HYBRID_RUNTIME_CORE_PLAN_H
#define HYBRID_RUNTIME_CORE_PLAN_H
#include "lib/Artifact/Artifact.h"
#include <array>
#include <span>
#include <vector>

namespace hybridrt {

constexpr size_t symbolCount = size_t(artifact::Symbol::MAX) + 1;

/// The sizes of a call. `symbols` are those of the artifact; its entry for tiles stays 0: tile lists have
/// their own.
struct CallSizes {
  std::array<int64_t, symbolCount> symbols{};
  int64_t longest = 0;
  int64_t pagesPerSequence = 0;
  int64_t operator[](artifact::Symbol symbol) const { return symbols[size_t(symbol)]; }
};

/// Tokens of a packed batch: sequence b has tokens [offsets[b], offsets[b + 1]), `lengths[b]` came before
/// them.
CallSizes sizesOf(std::span<const int32_t> offsets, std::span<const int32_t> lengths, int64_t rows);

/// The value of a polynomial; `tiles` stands for the symbol of that name. An Error if it is not a possible
/// size.
double evaluate(const artifact::PolynomialT *polynomial, const CallSizes &sizes, int64_t tiles);

/// Triples (sequence, first token, count) that cover the batch with tiles of at most `rows` tokens, none of
/// which crosses a sequence.
std::vector<int32_t> tileList(std::span<const int32_t> offsets, int64_t rows);
int64_t tileCount(std::span<const int32_t> offsets, int64_t rows);

/// Memory with a size, alive between two steps.
struct Lifetime {
  uint64_t size = 0;
  size_t first = 0, last = 0;
};
/// Places lifetimes so that those that meet do not overlap, largest first, each at the lowest place that is
/// free. Offsets are multiples of 64. Returns the size of the whole.
uint64_t placeBuffers(std::span<const Lifetime> lifetimes, std::span<uint64_t> offsets);

struct Plan {
  Plan(const artifact::VariantT &variant, const CallSizes &sizes, std::span<const int64_t> tileCounts);

  struct Launch {
    std::array<int64_t, 3> grid{1, 1, 1};
    int64_t blocks = 1;
    /// Where the launch's scalars and the sizes of its tensor views begin in `scalars` and `viewSizes`.
    size_t scalars = 0, views = 0;
  };
  std::vector<uint64_t> bufferOffsets;
  uint64_t arenaBytes = 0;
  std::vector<Launch> launches;
  std::vector<int64_t> scalars;
  std::vector<std::array<int64_t, 5>> viewSizes;
};

} // namespace hybridrt
#endif
