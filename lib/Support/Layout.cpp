#include "hybrid/Support/Layout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
using namespace mlir::hybrid;
using llvm::ArrayRef;
using llvm::SmallVector;

/// The largest power of two that divides `n` and is at most `limit`.
static int64_t powerDivisor(int64_t n, int64_t limit) {
  int64_t p = 1;
  while (2 * p <= limit && n % (2 * p) == 0)
    p *= 2;
  return p;
}

static SmallVector<Digit, 4> normalised(ArrayRef<Digit> digits) {
  SmallVector<Digit, 4> result;
  for (Digit d : digits) {
    if (d.extent == 1)
      continue;
    if (d.axis < 0)
      d.stride = 0;
    if (!result.empty()) {
      Digit &last = result.back();
      if (last.axis == d.axis && (d.axis < 0 || d.stride == last.stride * last.extent)) {
        last.extent *= d.extent;
        continue;
      }
    }
    result.push_back(d);
  }
  return result;
}

Layout::Layout(unsigned rank, ArrayRef<Digit> registers, ArrayRef<Digit> lanes, ArrayRef<Digit> warps)
    : rank(rank), registers(normalised(registers)), lanes(normalised(lanes)), warps(normalised(warps)) {}

Layout Layout::blocked(ArrayRef<int64_t> shape, int64_t vector, int64_t warps) {
  int inner = shape.size() - 1;
  int64_t rows = inner ? shape[0] : 1, columns = shape[inner];
  // A vector never reaches past the columns; lanes go along them while they last, then down the rows, then
  // copy.
  int64_t v = powerDivisor(columns, vector);
  int64_t pieces = columns / v;
  int64_t across = inner ? powerDivisor(pieces, kLanes) : std::min<int64_t>(kLanes, llvm::PowerOf2Ceil(pieces));
  int64_t down = std::min<int64_t>(kLanes / across, llvm::PowerOf2Ceil(rows));
  int64_t copies = kLanes / across / down;
  int64_t warpsDown = std::min<int64_t>(warps, llvm::PowerOf2Ceil(llvm::divideCeil(rows, down)));
  int64_t left = llvm::divideCeil(pieces, across);
  // Long rows are shared by warps; a vector is copied to all of them, as most vectors are small.
  int64_t warpsAcross = inner ? powerDivisor(left, warps / warpsDown) : 1;
  int64_t warpCopies = warps / warpsDown / warpsAcross;
  left /= warpsAcross;
  int64_t below = llvm::divideCeil(rows, down * warpsDown);
  return Layout(shape.size(), {{v, inner, 1}, {left, inner, v * across}, {below, 0, down}},
                {{across, inner, v}, {down, 0, 1}, {copies, -1, 0}},
                {{warpsDown, 0, down * below}, {warpsAcross, inner, v * across * left}, {warpCopies, -1, 0}});
}

Layout Layout::accumulator(ArrayRef<int64_t> shape, int64_t down, int64_t across, int64_t warps) {
  int64_t m = shape[0] / down, n = shape[1] / across;
  return Layout(2, {{2, 1, 1}, {2, 0, 8}, {n / 8, 1, 8}, {m / 16, 0, 16}}, {{4, 1, 2}, {8, 0, 1}},
                {{down, 0, m}, {across, 1, n}, {warps / down / across, -1, 0}});
}

Layout Layout::operandA(ArrayRef<int64_t> shape, int64_t down, int64_t warps) {
  int64_t m = shape[0] / down;
  return Layout(2, {{2, 1, 1}, {2, 0, 8}, {2, 1, 8}, {shape[1] / 16, 1, 16}, {m / 16, 0, 16}}, {{4, 1, 2}, {8, 0, 1}},
                {{down, 0, m}, {warps / down, -1, 0}});
}

Layout Layout::operandB(ArrayRef<int64_t> shape, int64_t down, int64_t across, int64_t warps) {
  int64_t n = shape[1] / across;
  return Layout(2, {{2, 0, 1}, {2, 0, 8}, {shape[0] / 16, 0, 16}, {n / 8, 1, 8}}, {{4, 0, 2}, {8, 1, 1}},
                {{down, -1, 0}, {across, 1, n}, {warps / down / across, -1, 0}});
}

Layout Layout::multiplyAdd(ArrayRef<int64_t> shape, int64_t warps) {
  // Eight lanes across and four down, four neighbouring columns each: a lane reuses each value of `a` over
  // its columns, and each value of `b` over its rows.
  int64_t v = powerDivisor(shape[1], 4);
  int64_t across = powerDivisor(shape[1] / v, 8),
          down = std::min<int64_t>(kLanes / across, llvm::PowerOf2Ceil(shape[0]));
  int64_t copies = kLanes / across / down;
  int64_t warpsDown = std::min<int64_t>(warps, llvm::PowerOf2Ceil(llvm::divideCeil(shape[0], down)));
  int64_t left = shape[1] / v / across;
  int64_t warpsAcross = powerDivisor(left, warps / warpsDown);
  left /= warpsAcross;
  int64_t below = llvm::divideCeil(shape[0], down * warpsDown);
  return Layout(
      2, {{v, 1, 1}, {left, 1, v * across}, {below, 0, down}}, {{across, 1, v}, {down, 0, 1}, {copies, -1, 0}},
      {{warpsDown, 0, down * below}, {warpsAcross, 1, v * across * left}, {warps / warpsDown / warpsAcross, -1, 0}});
}

int64_t Layout::size(ArrayRef<Digit> digits) {
  int64_t n = 1;
  for (const Digit &d : digits)
    n *= d.extent;
  return n;
}

Coordinate Layout::offset(ArrayRef<Digit> digits, int64_t number) {
  Coordinate c = {0, 0};
  for (const Digit &d : digits) {
    if (d.axis >= 0)
      c[d.axis] += number % d.extent * d.stride;
    number /= d.extent;
  }
  return c;
}

Coordinate Layout::at(int64_t warp, int64_t lane, int64_t reg) const {
  Coordinate w = offset(warps, warp), l = offset(lanes, lane), r = offset(registers, reg);
  return {w[0] + l[0] + r[0], w[1] + l[1] + r[1]};
}

int64_t Layout::threadMax(int axis) const {
  int64_t most = 0;
  for (ArrayRef<Digit> digits : {ArrayRef<Digit>(lanes), ArrayRef<Digit>(warps)})
    for (const Digit &d : digits)
      if (d.axis == axis)
        most += (d.extent - 1) * d.stride;
  return most;
}

int64_t Layout::extent(int axis) const {
  int64_t most = threadMax(axis);
  for (const Digit &d : registers)
    if (d.axis == axis)
      most += (d.extent - 1) * d.stride;
  return most + 1;
}

int64_t Layout::contiguous(int axis) const {
  return !registers.empty() && registers[0].axis == axis && registers[0].stride == 1 ? registers[0].extent : 1;
}

Layout Layout::slice(int axis) const {
  auto keep = [&](ArrayRef<Digit> digits, bool drop) {
    SmallVector<Digit> kept;
    for (Digit d : digits) {
      bool gone = d.axis == axis;
      if (gone && drop)
        continue;
      d.axis = gone || d.axis < 0 ? -1 : 0;
      kept.push_back(d);
    }
    return kept;
  };
  return Layout(1, keep(registers, true), keep(lanes, false), keep(warps, false));
}

int64_t Layout::sliceRegister(int axis, int64_t reg) const {
  int64_t result = 0, weight = 1;
  for (const Digit &d : registers) {
    if (d.axis != axis) {
      result += reg % d.extent * weight;
      weight *= d.extent;
    }
    reg /= d.extent;
  }
  return result;
}

Layout Layout::transposed() const {
  auto swap = [](ArrayRef<Digit> digits) {
    SmallVector<Digit> swapped(digits);
    for (Digit &d : swapped)
      if (d.axis >= 0)
        d.axis = 1 - d.axis;
    return swapped;
  };
  return Layout(rank, swap(registers), swap(lanes), swap(warps));
}

bool Layout::covers(ArrayRef<int64_t> shape) const {
  if (shape.size() != rank || rank < 1 || rank > 2 || size(lanes) != kLanes || !llvm::isPowerOf2_64(numWarps()))
    return false;
  for (int axis = 0; axis < int(rank); ++axis) {
    SmallVector<Digit> chain;
    for (ArrayRef<Digit> digits : {ArrayRef<Digit>(registers), ArrayRef<Digit>(lanes), ArrayRef<Digit>(warps)})
      llvm::copy_if(digits, std::back_inserter(chain), [&](const Digit &d) { return d.axis == axis; });
    llvm::sort(chain, [](const Digit &a, const Digit &b) { return a.stride < b.stride; });
    int64_t stride = 1;
    for (const Digit &d : chain) {
      if (d.stride != stride || d.extent < 1)
        return false;
      stride *= d.extent;
    }
    if (stride < shape[axis])
      return false;
  }
  return llvm::all_of(registers, [&](const Digit &d) { return d.axis >= 0 && d.axis < int(rank); });
}

std::optional<SmallVector<unsigned>> Layout::registerMap(const Layout &to) const {
  if (rank != to.rank || numWarps() != to.numWarps())
    return std::nullopt;
  int64_t columns = std::max(extent(1), to.extent(1)), rows = std::max(extent(0), to.extent(0));
  SmallVector<int> holder(rows * columns, -1); // of each element, in the thread at hand
  SmallVector<unsigned> map(to.numRegisters());
  int64_t mine = numRegisters();
  for (int64_t warp = 0; warp < numWarps(); ++warp)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      for (int64_t r = 0; r < mine; ++r) {
        Coordinate c = at(warp, lane, r);
        holder[c[0] * columns + c[1]] = r;
      }
      for (int64_t r = 0; r < int64_t(map.size()); ++r) {
        Coordinate c = to.at(warp, lane, r);
        int source = holder[c[0] * columns + c[1]];
        if (source < 0 || (warp + lane > 0 && map[r] != unsigned(source)))
          return std::nullopt;
        map[r] = source;
      }
      for (int64_t r = 0; r < mine; ++r) {
        Coordinate c = at(warp, lane, r);
        holder[c[0] * columns + c[1]] = -1;
      }
    }
  return map;
}

llvm::hash_code mlir::hybrid::hash_value(const Layout &layout) {
  llvm::hash_code hash = llvm::hash_value(layout.getRank());
  for (ArrayRef<Digit> digits : {layout.getRegisters(), layout.getLanes(), layout.getWarps()}) {
    hash = llvm::hash_combine(hash, digits.size());
    for (const Digit &d : digits)
      hash = llvm::hash_combine(hash, d.extent, d.axis, d.stride);
  }
  return hash;
}

SharedLayout SharedLayout::choose(ArrayRef<int64_t> shape, int64_t elementBytes) {
  int64_t bytes = llvm::alignTo(shape.back() * elementBytes, 16);
  if (shape.size() == 1)
    return {bytes, 0, 0};
  // A line of all 32 banks is 128 bytes: shorter rows share one, and the rows of a line keep their order.
  if (bytes % 128 == 0)
    return {bytes, 7, 0};
  if (bytes == 64)
    return {bytes, 3, 1};
  if (bytes == 32)
    return {bytes, 1, 2};
  return {bytes / 16 % 2 ? bytes : bytes + 16, 0, 0};
}

int64_t SharedLayout::offset(Coordinate at, int64_t elementBytes) const {
  int64_t byte = at[1] * elementBytes;
  return at[0] * pitch + (byte ^ (((at[0] >> shift) & mask) << 4));
}

int64_t SharedLayout::bytes(ArrayRef<int64_t> shape) const {
  return llvm::alignTo((shape.size() == 1 ? 1 : shape[0]) * pitch, 128);
}

Layout mlir::hybrid::matrixLanes(MatrixOperand operand, bool transposed) {
  // Fragments, from the PTX ISA: the registers of A run over rows first (rows 0-7 and 8-15, then the next 8
  // of k), those of B over k first. ldmatrix without .trans takes rows of the stored matrix whose columns are
  // k.
  if (operand == MatrixOperand::A)
    return transposed ? Layout(2, {}, {{8, 0, 1}, {2, 1, 8}, {2, 0, 8}}, {}) // stored [K, M], .trans
                      : Layout(2, {}, {{16, 0, 1}, {2, 1, 8}}, {});          // stored [M, K]
  return transposed ? Layout(2, {}, {{8, 0, 1}, {2, 1, 8}, {2, 0, 8}}, {})   // stored [N, K]
                    : Layout(2, {}, {{16, 0, 1}, {2, 1, 8}}, {});            // stored [K, N], .trans
}
