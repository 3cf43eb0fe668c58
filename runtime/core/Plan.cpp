#include "runtime/core/Plan.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace hybridrt;
using namespace hybridrt::artifact;

CallSizes hybridrt::sizesOf(std::span<const int32_t> offsets, std::span<const int32_t> lengths, int64_t rows) {
  CallSizes sizes;
  int64_t kvTokens = 0, pairs = 0, pages = 1;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    int64_t count = offsets[b + 1] - offsets[b], before = lengths[b];
    sizes.longest = std::max(sizes.longest, count);
    kvTokens += before + count;
    pairs += count * before + count * (count + 1) / 2;
    pages = std::max(pages, (before + count + 63) / 64);
  }
  auto set = [&](Symbol symbol, int64_t value) { sizes.symbols[size_t(symbol)] = value; };
  set(Symbol::tokens, offsets.back());
  set(Symbol::sequences, int64_t(offsets.size()) - 1);
  set(Symbol::kv_tokens, kvTokens);
  set(Symbol::pairs, pairs);
  set(Symbol::rows, rows);
  sizes.pagesPerSequence = pages;
  return sizes;
}

double hybridrt::evaluate(const PolynomialT *polynomial, const CallSizes &sizes, int64_t tiles) {
  double total = 0;
  if (!polynomial)
    return 0;
  for (auto &term : polynomial->terms) {
    double value = term->coefficient;
    for (size_t i = 0; i < term->exponents.size(); ++i)
      if (term->exponents[i] != 0)
        value *= std::pow(double(i == size_t(Symbol::tiles) ? tiles : sizes.symbols[i]), term->exponents[i]);
    total += value;
  }
  return total;
}

int64_t hybridrt::tileCount(std::span<const int32_t> offsets, int64_t rows) {
  int64_t count = 0;
  for (size_t b = 0; b + 1 < offsets.size(); ++b)
    count += (offsets[b + 1] - offsets[b] + rows - 1) / rows;
  return count;
}

std::vector<int32_t> hybridrt::tileList(std::span<const int32_t> offsets, int64_t rows) {
  std::vector<int32_t> list;
  list.reserve(3 * tileCount(offsets, rows));
  for (size_t b = 0; b + 1 < offsets.size(); ++b)
    for (int64_t start = offsets[b]; start < offsets[b + 1]; start += rows)
      list.insert(list.end(), {int32_t(b), int32_t(start), int32_t(std::min<int64_t>(rows, offsets[b + 1] - start))});
  return list;
}

uint64_t hybridrt::placeBuffers(std::span<const Lifetime> lifetimes, std::span<uint64_t> offsets) {
  std::vector<size_t> order(lifetimes.size()), placed;
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::pair(lifetimes[b].size, a) < std::pair(lifetimes[a].size, b); });
  uint64_t total = 0;
  auto aligned = [&](size_t i) { return (lifetimes[i].size + 63) / 64 * 64; };
  for (size_t i : order) {
    // Those already placed that live at the same time, by offset: the first gap between them that is wide
    // enough.
    uint64_t at = 0;
    for (size_t other : placed) {
      if (lifetimes[other].last < lifetimes[i].first || lifetimes[i].last < lifetimes[other].first)
        continue;
      if (offsets[other] >= at + aligned(i))
        break;
      at = std::max(at, offsets[other] + aligned(other));
    }
    offsets[i] = at;
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), i, [&](size_t a, size_t b) { return offsets[a] < offsets[b]; }),
        i);
    total = std::max(total, at + aligned(i));
  }
  return total;
}

/// ceil(size / divisor) * factor. Sizes are below 2^32 and factors below 2^48, so the product is checked.
static int64_t extent(Symbol symbol, int64_t divisor, int64_t factor, uint32_t list, const CallSizes &sizes,
                      std::span<const int64_t> tileCounts) {
  int64_t size = symbol == Symbol::tiles ? tileCounts[list] : sizes[symbol], value;
  if (__builtin_mul_overflow((size + divisor - 1) / divisor, factor, &value))
    fail("the call is too large: a grid of ", size, " / ", divisor, " * ", factor, " blocks");
  return value;
}

static int64_t extent(const ExtentT &e, const CallSizes &sizes, std::span<const int64_t> tileCounts) {
  return e.constant ? e.factor : extent(e.symbol, e.divisor, e.factor, e.list, sizes, tileCounts);
}

Plan::Plan(const VariantT &variant, const CallSizes &sizes, std::span<const int64_t> tileCounts) {
  int64_t mostTiles = 0;
  for (int64_t count : tileCounts)
    mostTiles = std::max(mostTiles, count);
  std::vector<Lifetime> lifetimes(variant.buffers.size());
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    const BufferT &buffer = *variant.buffers[i];
    double bytes = std::ceil(evaluate(buffer.elements.get(), sizes, mostTiles)) * double(sizeOf(buffer.dtype));
    if (!(bytes >= 0 && bytes < 0x1p48))
      fail("buffer '", buffer.name, "' of variant '", variant.name, "' has an impossible size of ", bytes, " bytes");
    lifetimes[i] = {uint64_t(bytes), variant.steps.size(), 0};
  }
  for (size_t s = 0; s < variant.steps.size(); ++s) {
    const StepT &step = *variant.steps[s];
    auto use = [&](const ArgT &arg) {
      if (arg.kind == ArgKind::buffer) {
        lifetimes[arg.index].first = std::min(lifetimes[arg.index].first, s);
        lifetimes[arg.index].last = s;
      }
    };
    for (auto &arg : step.args)
      use(*arg);
    Launch launch;
    launch.scalars = scalars.size();
    launch.views = viewSizes.size();
    for (auto &view : step.views) {
      use(*view->arg);
      std::array<int64_t, 5> &extents = viewSizes.emplace_back();
      for (size_t d = 0; d < view->sizes.size(); ++d)
        extents[d] = extent(*view->sizes[d], sizes, tileCounts);
    }
    for (size_t d = 0; d < step.grid.size(); ++d) {
      launch.grid[d] = extent(*step.grid[d], sizes, tileCounts);
      if (__builtin_mul_overflow(launch.blocks, launch.grid[d], &launch.blocks))
        fail("the call is too large for step ", s, " of variant '", variant.name, "'");
    }
    for (auto &scalar : step.scalars)
      scalars.push_back(scalar->kind == ScalarKind::constant ? scalar->value
                        : scalar->kind == ScalarKind::pages_per_sequence
                            ? sizes.pagesPerSequence
                            : extent(scalar->symbol, scalar->divisor, scalar->factor, scalar->list, sizes, tileCounts));
    launches.push_back(launch);
  }
  bufferOffsets.resize(lifetimes.size());
  arenaBytes = placeBuffers(lifetimes, bufferOffsets);
}
