// wgmma: products of a warp group. A group of products completes when all four warps have committed it; its shared
// memory is read and the sums are formed at the first wait, and each warp sees its registers change at its own.
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/MatrixElements.h"
#include "runtime/emulator/vm/SharedShadow.h"
#include "runtime/emulator/vm/Swizzled.h"

using namespace hybridrt::emulator;

namespace {

enum Flag : uint32_t { AInRegisters = 1, MajorA = 2, MajorB = 4, HalfSum = 8, NegateA = 16, NegateB = 32 };

/// A matrix in shared memory, as its descriptor says.
struct Descriptor {
  uint32_t base, leading, stride, pattern;

  explicit Descriptor(uint64_t bits)
      : base(uint32_t(bits & 0x3fff) << 4), leading(uint32_t(bits >> 16 & 0x3fff) << 4),
        stride(uint32_t(bits >> 32 & 0x3fff) << 4) {
    auto mode = uint32_t(bits >> 62);
    pattern = mode ? 4 - mode : 0;
  }

  /// The offset of an element: `mn` along M or N, `k` along K; `major`: M or N is contiguous.
  uint32_t at(uint32_t mn, uint32_t k, uint32_t bytes, bool major) const {
    uint32_t span = 16u << pattern, contiguous = (major ? mn : k) * bytes, other = major ? k : mn, offset;
    if (!major)
      offset =
          other / 8 * stride + other % 8 * span + (pattern ? contiguous : contiguous / 16 * leading + contiguous % 16);
    else if (pattern)
      offset = contiguous / span * leading + other / 8 * stride + other % 8 * span + contiguous % span;
    else
      offset = contiguous / 16 * stride + other / 8 * leading + other % 8 * 16 + contiguous % 16;
    return swizzled(base + offset, pattern);
  }
};

/// Calls `function` for each run of 16 bytes of shared memory that a warp's product reads; swizzles keep runs whole.
template <typename Function> void forEachRun(Warp *w, const WgmmaOp &op, Function function) {
  auto walk = [&](uint64_t bits, uint32_t begin, uint32_t end, uint32_t bytes, bool major) {
    Descriptor descriptor(bits);
    uint32_t perRun = 16 / bytes;
    for (uint32_t mn = begin; mn < end; mn += major ? perRun : 1)
      for (uint32_t k = 0; k < op.k; k += major ? 1 : perRun)
        function(descriptor.at(mn, k, bytes, major) & ~15u);
  };
  walk(op.descriptorB, 0, op.n, elementBytes(op.b), op.flags & MajorB);
  uint32_t first = 16 * (w->id & 3);
  if (!(op.flags & AInRegisters))
    walk(op.descriptorA, first, first + 16, elementBytes(op.a), op.flags & MajorA);
}

bool inBounds(const Cta &cta, uint32_t offset) { return offset >= sharedBase && offset + 16 <= cta.shared.size(); }

void beginReads(Warp *w, const WgmmaOp &op) {
  SharedReader reader{true, w->id / 4, w->async->productCommits + 1};
  forEachRun(w, op, [&](uint32_t offset) {
    if (!inBounds(*w->cta, offset)) {
      diagnose(w, "wgmma reads shared memory out of bounds", op.line, offset, 0);
      return;
    }
    checkSharedRead(w, *w->cta, offset, 16, op.line, 0, reader);
    addPendingReads(*w->cta, offset, 16, 1);
  });
}

void endReads(Warp *w, const WgmmaOp &op) {
  forEachRun(w, op, [&](uint32_t offset) {
    if (inBounds(*w->cta, offset))
      addPendingReads(*w->cta, offset, 16, -1);
  });
}

/// Elements of a run as f32; out of bounds they are NaN.
void readRun(const Cta &cta, uint32_t offset, MatrixType type, float *to) {
  uint32_t bytes = elementBytes(type), count = 16 / bytes;
  if (!inBounds(cta, offset)) {
    std::fill(to, to + count, NAN);
    return;
  }
  const uint8_t *from = &cta.shared[offset];
  if (bytes == 2) {
    __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
    __m256 values = type == MatrixType::Half
                        ? _mm256_cvtph_ps(halves)
                        : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
    _mm256_storeu_ps(to, values);
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, from + i * bytes, bytes);
    to[i] = toFloat(type, bits);
  }
}

/// Rows [first, first + rows) of M or N, as to[k * strideK + (mn - first) * strideM].
void readMatrix(const Cta &cta, uint64_t bits, MatrixType type, bool major, uint32_t first, uint32_t rows,
                uint32_t depth, float *to, uint32_t strideM, uint32_t strideK) {
  Descriptor descriptor(bits);
  uint32_t bytes = elementBytes(type), perRun = 16 / bytes;
  float run[16];
  for (uint32_t mn = 0; mn < rows; mn += major ? perRun : 1)
    for (uint32_t k = 0; k < depth; k += major ? 1 : perRun) {
      readRun(cta, descriptor.at(first + mn, k, bytes, major), type, run);
      for (uint32_t i = 0; i < perRun; ++i)
        to[(k + (major ? 0 : i)) * strideK + (mn + (major ? i : 0)) * strideM] = run[i];
    }
}

void readA(Warp *w, const WgmmaOp &op, float *a) {
  uint32_t bytes = elementBytes(op.a), perRegister = 4 / bytes;
  if (op.flags & AInRegisters) {
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned q = 0; q < perRegister; ++q) {
          unsigned row = (lane >> 2) + (r & 1) * 8, k = (lane & 3) * perRegister + (r >> 1) * 4 * perRegister + q;
          uint32_t bits = op.fragments[r][lane] >> (bytes == 4 ? 0 : 8 * bytes * q);
          a[row * op.k + k] = toFloat(op.a, bytes == 2 ? bits & 0xffff : bytes == 1 ? bits & 0xff : bits);
        }
    return;
  }
  readMatrix(*w->cta, op.descriptorA, op.a, op.flags & MajorA, 16 * (w->id & 3), 16, op.k, a, op.k, 1);
}

float &accumulator(std::vector<uint32_t> &values, uint32_t row, uint32_t column) {
  uint32_t reg = column / 8 * 4 + (row >> 3) * 2 + (column & 1), lane = (row & 7) * 4 + column % 8 / 2;
  return reinterpret_cast<float *>(values.data())[reg * 32 + lane];
}

uint16_t *halfAccumulator(std::vector<uint32_t> &values, uint32_t row, uint32_t column) {
  uint32_t reg = column / 8 * 2 + (row >> 3), lane = (row & 7) * 4 + column % 8 / 2;
  return reinterpret_cast<uint16_t *>(&values[reg * 32 + lane]) + (column & 1);
}

/// B as f32, [k][n]: the four warps of a group read the same.
struct SharedB {
  uint64_t descriptor = 0;
  uint32_t line = 0;
  std::vector<float> values;

  const float *get(Warp *w, const WgmmaOp &op) {
    if (values.empty() || descriptor != op.descriptorB || line != op.line) {
      values.resize(size_t(op.k) * op.n);
      readMatrix(*w->cta, op.descriptorB, op.b, op.flags & MajorB, 0, op.n, op.k, values.data(), 1, op.n);
      descriptor = op.descriptorB;
      line = op.line;
    }
    return values.data();
  }
};

/// Rows of sums to and from the registers' layout.
void readRow(std::vector<uint32_t> &values, bool half, uint32_t row, uint32_t columns, float *to) {
  for (uint32_t n = 0; n < columns; ++n)
    to[n] = half ? _cvtsh_ss(*halfAccumulator(values, row, n)) : accumulator(values, row, n);
}

void writeRow(std::vector<uint32_t> &values, bool half, uint32_t row, uint32_t columns, const float *from) {
  for (uint32_t n = 0; n < columns; ++n)
    if (half)
      *halfAccumulator(values, row, n) = _cvtss_sh(from[n], 0);
    else
      accumulator(values, row, n) = from[n];
}

/// Columns of a row stay in registers over the whole depth.
void multiplyRow(const float *a, const float *b, uint32_t depth, uint32_t columns, float sign, float *row) {
  uint32_t n = 0;
  for (; n + 32 <= columns; n += 32) {
    __m256 sums[4];
    for (unsigned i = 0; i < 4; ++i)
      sums[i] = _mm256_load_ps(row + n + 8 * i);
    for (uint32_t k = 0; k < depth; ++k) {
      __m256 factor = _mm256_set1_ps(a[k] * sign);
      for (unsigned i = 0; i < 4; ++i)
        sums[i] = _mm256_fmadd_ps(factor, _mm256_loadu_ps(b + k * columns + n + 8 * i), sums[i]);
    }
    for (unsigned i = 0; i < 4; ++i)
      _mm256_store_ps(row + n + 8 * i, sums[i]);
  }
  for (; n < columns; n += 8) {
    __m256 sum = _mm256_load_ps(row + n);
    for (uint32_t k = 0; k < depth; ++k)
      sum = _mm256_fmadd_ps(_mm256_set1_ps(a[k] * sign), _mm256_loadu_ps(b + k * columns + n), sum);
    _mm256_store_ps(row + n, sum);
  }
}

void multiply(Warp *w, WgmmaOp &op, SharedB &sharedB) {
  float a[16 * 32];
  readA(w, op, a);
  const float *b = sharedB.get(w, op);
  float sign = bool(op.flags & NegateA) != bool(op.flags & NegateB) ? -1.f : 1.f;
  std::vector<uint32_t> &values = w->async->accumulators[op.slots[0]].values;
  alignas(32) float row[256];
  for (uint32_t m = 0; m < 16; ++m) {
    if (op.keep)
      readRow(values, op.flags & HalfSum, m, op.n, row);
    else
      std::fill(row, row + op.n, 0.f);
    multiplyRow(a + m * op.k, b, op.k, op.n, sign, row);
    writeRow(values, op.flags & HalfSum, m, op.n, row);
  }
  w->cta->counters.tensorFlops += uint64_t(2) * 16 * op.n * op.k;
}

/// Runs the members' products of groups before `until`, product by product, as the four share B.
void runGroups(Cta &cta, uint32_t first, uint32_t end, uint32_t until) {
  SharedB sharedB;
  uint32_t oldest = until;
  for (uint32_t k = first; k < end; ++k) {
    AsyncQueues &queues = *cta.warps[k]->async;
    oldest = std::min(oldest, queues.productCommits - uint32_t(queues.productGroups.size()));
  }
  for (uint32_t group = oldest; group < until; ++group)
    for (size_t i = 0;; ++i) {
      bool any = false;
      for (uint32_t k = first; k < end; ++k) {
        Warp *member = cta.warps[k].get();
        AsyncQueues &queues = *member->async;
        uint32_t begin = queues.productCommits - uint32_t(queues.productGroups.size());
        if (group < begin)
          continue;
        auto &products = queues.productGroups[group - begin];
        if (i >= products.size())
          continue;
        any = true;
        if (products[i].ran)
          continue;
        products[i].ran = true;
        multiply(member, products[i], sharedB);
        if (cta.launch->options.checks.has(Check::Shared))
          endReads(member, products[i]);
      }
      if (!any)
        break;
    }
}

void converged(Warp *w, uint32_t lanes, uint32_t line) {
  if (lanes != ~0u)
    diagnose(w, "wgmma executed by some lanes of the warp only", line, 0, int(lowestLane(~lanes)));
}

/// The four warps must have issued the same products.
void compareGroups(Warp *first, Warp *other, uint32_t until, uint32_t line) {
  AsyncQueues &a = *first->async, &b = *other->async;
  uint32_t beginA = a.productCommits - uint32_t(a.productGroups.size()),
           beginB = b.productCommits - uint32_t(b.productGroups.size());
  for (uint32_t g = std::max(beginA, beginB); g < until; ++g) {
    auto &x = a.productGroups[g - beginA], &y = b.productGroups[g - beginB];
    bool same = x.size() == y.size();
    for (size_t i = 0; same && i < x.size(); ++i)
      same = x[i].line == y[i].line && x[i].descriptorA == y[i].descriptorA && x[i].descriptorB == y[i].descriptorB &&
             x[i].keep == y[i].keep;
    if (!same)
      diagnose(other, "the warps of a warp group issue different products", x.empty() ? line : x[0].line, 0, 0);
  }
}

} // namespace

extern "C" {

void emu_wgmma(Warp *w, uint32_t lanes, uint32_t n, uint32_t k, uint32_t a, uint32_t b, uint32_t flags,
               const uint32_t *slots, uint32_t slotCount, uint64_t descriptorA, uint64_t descriptorB,
               const uint32_t *fragments, uint32_t keep, uint32_t line) {
  converged(w, lanes, line);
  if (!w->async->fencedProducts)
    diagnose(w, "wgmma without a wgmma.fence before it", line, 0, 0);
  WgmmaOp &op = w->async->openProducts.emplace_back();
  op.n = n;
  op.k = k;
  op.a = MatrixType(a);
  op.b = MatrixType(b);
  op.flags = flags;
  op.slots = slots;
  op.slotCount = slotCount;
  op.descriptorA = descriptorA;
  op.descriptorB = descriptorB;
  op.keep = keep;
  op.line = line;
  if (flags & AInRegisters)
    std::memcpy(op.fragments, fragments, sizeof(op.fragments));
  WgmmaAccumulator &accumulator = w->async->accumulators[slots[0]];
  if (accumulator.users++ == 0) {
    accumulator.values.resize(size_t(slotCount) * 32);
    for (uint32_t r = 0; r < slotCount; ++r) {
      auto *reg = reinterpret_cast<uint32_t *>(w->registers + slots[r]);
      std::memcpy(&accumulator.values[r * 32], reg, 128);
      std::fill(reg, reg + 32, poison);
    }
  }
  if (w->launch->options.checks.has(Check::Shared))
    beginReads(w, op);
}

void emu_wgmmaFence(Warp *w, uint32_t lanes, uint32_t line) {
  converged(w, lanes, line);
  w->async->fencedProducts = true;
}

void emu_wgmmaCommit(Warp *w, uint32_t lanes, uint32_t line) {
  converged(w, lanes, line);
  AsyncQueues &queues = *w->async;
  queues.productGroups.push_back(std::move(queues.openProducts));
  queues.openProducts.clear();
  ++queues.productCommits;
  ++w->cta->cluster->progress;
}

/// 0: the other warps of the group have not committed yet.
uint32_t emu_wgmmaWait(Warp *w, uint32_t lanes, uint32_t left, uint32_t line) {
  converged(w, lanes, line);
  AsyncQueues &queues = *w->async;
  if (queues.productGroups.size() <= left)
    return 1;
  uint32_t until = queues.productCommits - left, first = w->id & ~3u;
  Cta &cta = *w->cta;
  if (first + 4 > cta.warpCount())
    diagnose(w, "wgmma in a warp group of fewer than four warps", line, 0, 0);
  uint32_t end = std::min(first + 4, cta.warpCount());
  for (uint32_t k = first; k < end; ++k)
    if (cta.warps[k]->async->productCommits < until)
      return 0;
  for (uint32_t k = first + 1; k < end; ++k)
    compareGroups(cta.warps[first].get(), cta.warps[k].get(), until, line);
  runGroups(cta, first, end, until);
  while (queues.productGroups.size() > left) {
    for (WgmmaOp &op : queues.productGroups.front()) {
      WgmmaAccumulator &accumulator = queues.accumulators[op.slots[0]];
      if (--accumulator.users == 0)
        for (uint32_t r = 0; r < op.slotCount; ++r)
          std::memcpy(w->registers + op.slots[r], &accumulator.values[r * 32], 128);
    }
    queues.productGroups.pop_front();
  }
  uint32_t &reads = w->clock[cta.groupReader(w->id)];
  reads = std::max(reads, until);
  ++cta.cluster->progress;
  return 1;
}

} // extern "C"
