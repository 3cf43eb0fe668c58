// ldmatrix, stmatrix and mma.sync.
#include "runtime/emulator/vm/Access.h"
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/MatrixElements.h"
#include "runtime/emulator/vm/SharedShadow.h"

using namespace hybridrt::emulator;

namespace {

void wholeWarp(Warp *w, uint32_t lanes, uint32_t line) {
  if (lanes != ~0u)
    diagnose(w, "a matrix instruction executed by some lanes of the warp only", line, 0, int(lowestLane(~lanes)));
}

/// The rows of an 8x8 matrix of b16; a row's address comes from one lane.
void countRows(Warp *w, const uint64_t *address) {
  if (!w->launch->options.counts)
    return;
  uint64_t rows[32];
  std::memcpy(rows, address, 8 * sizeof(uint64_t));
  countShared(w, 0xff, rows, 16);
  --w->cta->counters.sharedRequests;
}

template <MatrixType Type>
void unpack(const uint32_t *registers, unsigned count, bool isA, float *matrix, unsigned stride) {
  constexpr unsigned bytes = Type == MatrixType::Tf32                                 ? 4
                             : Type == MatrixType::Half || Type == MatrixType::Bfloat ? 2
                                                                                      : 1;
  constexpr unsigned perRegister = 4 / bytes;
  for (unsigned r = 0; r < count; ++r)
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned group = lane >> 2, member = lane & 3;
      uint32_t value = registers[r * 32 + lane];
      unsigned k = member * perRegister + (isA ? r >> 1 : r) * 4 * perRegister;
      unsigned row = group + (isA ? (r & 1) * 8 : 0);
      for (unsigned q = 0; q < perRegister; ++q) {
        uint32_t bits = bytes == 4 ? value : value >> (8 * bytes * q);
        float element = toFloat(Type, bytes == 2 ? bits & 0xffff : bytes == 1 ? bits & 0xff : bits);
        if (isA)
          matrix[row * stride + k + q] = element;
        else // transposed, so that a product's inner loop runs along columns
          matrix[(k + q) * stride + row] = element;
      }
    }
}

void unpack(MatrixType type, const uint32_t *registers, unsigned count, bool isA, float *matrix, unsigned stride) {
  switch (type) {
  case MatrixType::Half:
    return unpack<MatrixType::Half>(registers, count, isA, matrix, stride);
  case MatrixType::Bfloat:
    return unpack<MatrixType::Bfloat>(registers, count, isA, matrix, stride);
  case MatrixType::Tf32:
    return unpack<MatrixType::Tf32>(registers, count, isA, matrix, stride);
  case MatrixType::E4M3:
    return unpack<MatrixType::E4M3>(registers, count, isA, matrix, stride);
  case MatrixType::E5M2:
    return unpack<MatrixType::E5M2>(registers, count, isA, matrix, stride);
  case MatrixType::S8:
    return unpack<MatrixType::S8>(registers, count, isA, matrix, stride);
  default:
    return unpack<MatrixType::U8>(registers, count, isA, matrix, stride);
  }
}

/// Exact in integers: 8-bit products of 64 terms fit f32's integers, but the sum with C may not.
void multiplyIntegers(const float *a, const float *b, unsigned depth, const uint32_t *c, uint32_t *d) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned r = 0; r < 4; ++r) {
      unsigned row = (lane >> 2) + (r >> 1) * 8, column = 2 * (lane & 3) + (r & 1);
      uint32_t sum = c[r * 32 + lane];
      for (unsigned k = 0; k < depth; ++k)
        sum += uint32_t(int32_t(a[row * 64 + k]) * int32_t(b[k * 8 + column]));
      d[r * 32 + lane] = sum;
    }
}

} // namespace

extern "C" {

void emu_loadMatrix(Warp *w, uint32_t lanes, uint32_t matrices, uint32_t transposed, const uint64_t *address,
                    uint32_t *d, uint32_t line) {
  if (!lanes)
    return;
  wholeWarp(w, lanes, line);
  for (uint32_t m = 0; m < matrices; ++m) {
    uint16_t rows[8][8] = {};
    for (unsigned r = 0; r < 8; ++r) {
      unsigned lane = m * 8 + r;
      SharedPlace place = resolveShared(w, address[lane], 16, 16, line, int(lane));
      if (!place.cta)
        continue;
      if (w->launch->options.check)
        checkSharedRead(w, *place.cta, place.offset, 16, line, int(lane));
      std::memcpy(rows[r], &place.cta->shared[place.offset], 16);
    }
    uint32_t *result = d + m * 32;
    if (!transposed) {
      std::memcpy(result, rows, sizeof(rows));
    } else {
      for (unsigned lane = 0; lane < 32; ++lane) {
        unsigned r = lane >> 2, c = (lane & 3) * 2;
        result[lane] = rows[c][r] | uint32_t(rows[c + 1][r]) << 16;
      }
    }
    countRows(w, address + m * 8);
  }
  ++w->cta->counters.sharedRequests;
}

void emu_storeMatrix(Warp *w, uint32_t lanes, uint32_t matrices, uint32_t transposed, const uint64_t *address,
                     const uint32_t *s, uint32_t line) {
  if (!lanes)
    return;
  wholeWarp(w, lanes, line);
  ++w->cta->cluster->progress;
  for (uint32_t m = 0; m < matrices; ++m) {
    uint16_t rows[8][8];
    const uint32_t *source = s + m * 32;
    if (!transposed)
      std::memcpy(rows, source, sizeof(rows));
    else
      for (unsigned lane = 0; lane < 32; ++lane) {
        unsigned r = lane >> 2, c = (lane & 3) * 2;
        rows[c][r] = uint16_t(source[lane]);
        rows[c + 1][r] = uint16_t(source[lane] >> 16);
      }
    for (unsigned r = 0; r < 8; ++r) {
      unsigned lane = m * 8 + r;
      SharedPlace place = resolveShared(w, address[lane], 16, 16, line, int(lane));
      if (!place.cta)
        continue;
      if (w->launch->options.check)
        checkSharedWrite(w, *place.cta, place.offset, 16, line, int(lane));
      std::memcpy(&place.cta->shared[place.offset], rows[r], 16);
    }
    countRows(w, address + m * 8);
  }
  ++w->cta->counters.sharedRequests;
}

/// Transposes an 8x8 matrix of b16 that is spread over the warp.
void emu_moveMatrix(Warp *w, uint32_t lanes, const uint32_t *s, uint32_t *d, uint32_t line) {
  wholeWarp(w, lanes, line);
  uint16_t rows[8][8];
  std::memcpy(rows, s, sizeof(rows));
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned r = lane >> 2, c = (lane & 3) * 2;
    d[lane] = rows[c][r] | uint32_t(rows[c + 1][r]) << 16;
  }
}

/// m16n8k<depth>; sum: 0 f32, 1 f16, 2 s32. Operands are [register][lane].
void emu_mma(Warp *w, uint32_t lanes, uint32_t typeA, uint32_t typeB, uint32_t depth, uint32_t sum, const uint32_t *a,
             const uint32_t *b, const uint32_t *c, uint32_t *d, uint32_t line) {
  if (!lanes)
    return;
  wholeWarp(w, lanes, line);
  alignas(32) float matrixA[16 * 64], matrixB[64 * 8], product[16 * 8];
  auto types = std::pair(MatrixType(typeA), MatrixType(typeB));
  unsigned bytes = elementBytes(types.first);
  unpack(types.first, a, 16 * depth * bytes / 128, true, matrixA, 64);
  unpack(types.second, b, 8 * depth * bytes / 128, false, matrixB, 8);
  w->cta->counters.tensorFlops += uint64_t(2) * 16 * 8 * depth;
  if (sum == 2)
    return multiplyIntegers(matrixA, matrixB, depth, c, d);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane >> 2, column = 2 * (lane & 3);
    if (sum == 1)
      for (unsigned r = 0; r < 2; ++r) {
        uint32_t value = c[r * 32 + lane];
        product[(group + 8 * r) * 8 + column] = _cvtsh_ss(uint16_t(value));
        product[(group + 8 * r) * 8 + column + 1] = _cvtsh_ss(uint16_t(value >> 16));
      }
    else
      for (unsigned r = 0; r < 4; ++r)
        std::memcpy(&product[(group + (r >> 1) * 8) * 8 + column + (r & 1)], &c[r * 32 + lane], 4);
  }
  for (unsigned row = 0; row < 16; ++row) {
    __m256 total = _mm256_load_ps(product + row * 8);
    for (unsigned k = 0; k < depth; ++k)
      total = _mm256_fmadd_ps(_mm256_set1_ps(matrixA[row * 64 + k]), _mm256_load_ps(matrixB + k * 8), total);
    _mm256_store_ps(product + row * 8, total);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane >> 2, column = 2 * (lane & 3);
    if (sum == 1)
      for (unsigned r = 0; r < 2; ++r)
        d[r * 32 + lane] = uint32_t(_cvtss_sh(product[(group + 8 * r) * 8 + column], 0)) |
                           uint32_t(_cvtss_sh(product[(group + 8 * r) * 8 + column + 1], 0)) << 16;
    else
      for (unsigned r = 0; r < 4; ++r)
        std::memcpy(&d[r * 32 + lane], &product[(group + (r >> 1) * 8) * 8 + column + (r & 1)], 4);
  }
}

} // extern "C"
