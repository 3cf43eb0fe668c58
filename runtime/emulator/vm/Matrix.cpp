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

inline SharedPlace rowOf(Warp *w, uint64_t address, uint32_t line, int lane) {
  if (uint32_t offset = ownShared(w, address, 16, 16))
    return {w->cta, offset};
  return resolveShared(w, address, 16, 16, line, lane);
}

/// The rows of an 8x8 matrix of b16; a row's address comes from one lane.
void countRows(Warp *w, const uint64_t *address) {
  if (!w->launch->options.counts)
    return;
  countShared(w, 0xff, address, 16);
  --w->cta->counters.sharedRequests;
}

/// Eight 16-bit elements as f32.
template <MatrixType Type> inline __m256 widenEight(const uint32_t *words) {
  __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i *>(words));
  if constexpr (Type == MatrixType::Half)
    return _mm256_cvtph_ps(bits);
  else
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/// Rows of eight become columns.
inline void transposeEight(const __m256 *rows, float *to, unsigned stride) {
  __m256 a[8], b[8];
  for (unsigned i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (unsigned i = 0; i < 8; i += 4)
    for (unsigned k = 0; k < 2; ++k) {
      b[i + 2 * k] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0x44);
      b[i + 2 * k + 1] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0xEE);
    }
  for (unsigned k = 0; k < 4; ++k) {
    _mm256_storeu_ps(to + k * stride, _mm256_permute2f128_ps(b[k], b[k + 4], 0x20));
    _mm256_storeu_ps(to + (k + 4) * stride, _mm256_permute2f128_ps(b[k], b[k + 4], 0x31));
  }
}

/// Four lanes hold eight neighbours along K of one row, in order.
template <MatrixType Type>
void unpackHalves(const uint32_t *registers, unsigned count, bool isA, float *matrix, unsigned stride) {
  for (unsigned r = 0; r < count; ++r) {
    const uint32_t *words = registers + r * 32;
    if (isA) {
      for (unsigned group = 0; group < 8; ++group)
        _mm256_storeu_ps(matrix + (group + (r & 1) * 8) * stride + (r >> 1) * 8, widenEight<Type>(words + group * 4));
      continue;
    }
    __m256 rows[8];
    for (unsigned group = 0; group < 8; ++group)
      rows[group] = widenEight<Type>(words + group * 4);
    transposeEight(rows, matrix + r * 8 * stride, stride);
  }
}

/// Any type, an element at a time. B is transposed, so that a product's inner loop runs along columns.
void unpackElements(MatrixType type, const uint32_t *registers, unsigned count, bool isA, float *matrix,
                    unsigned stride) {
  unsigned bytes = elementBytes(type), perRegister = 4 / bytes;
  for (unsigned r = 0; r < count; ++r)
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint32_t value = registers[r * 32 + lane];
      unsigned k = (lane & 3) * perRegister + (isA ? r >> 1 : r) * 4 * perRegister;
      unsigned row = (lane >> 2) + (isA ? (r & 1) * 8 : 0);
      for (unsigned q = 0; q < perRegister; ++q) {
        float element = toFloat(type, bytes == 4 ? value : value >> (8 * bytes * q) & ((1u << 8 * bytes) - 1));
        (isA ? matrix[row * stride + k + q] : matrix[(k + q) * stride + row]) = element;
      }
    }
}

void unpack(MatrixType type, const uint32_t *registers, unsigned count, bool isA, float *matrix, unsigned stride) {
  if (type == MatrixType::Half)
    unpackHalves<MatrixType::Half>(registers, count, isA, matrix, stride);
  else if (type == MatrixType::Bfloat)
    unpackHalves<MatrixType::Bfloat>(registers, count, isA, matrix, stride);
  else
    unpackElements(type, registers, count, isA, matrix, stride);
}

/// Accumulators of f32: registers 2h and 2h + 1 hold even and odd columns of row group + 8h.
void gatherSums(const uint32_t *c, float *product) {
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned group = 0; group < 8; ++group) {
      __m128 even = _mm_loadu_ps(reinterpret_cast<const float *>(c + half * 64 + group * 4));
      __m128 odd = _mm_loadu_ps(reinterpret_cast<const float *>(c + half * 64 + 32 + group * 4));
      float *row = product + (group + 8 * half) * 8;
      _mm_storeu_ps(row, _mm_unpacklo_ps(even, odd));
      _mm_storeu_ps(row + 4, _mm_unpackhi_ps(even, odd));
    }
}

void scatterSums(const float *product, uint32_t *d) {
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned group = 0; group < 8; ++group) {
      const float *row = product + (group + 8 * half) * 8;
      __m128 low = _mm_loadu_ps(row), high = _mm_loadu_ps(row + 4);
      _mm_storeu_ps(reinterpret_cast<float *>(d + half * 64 + group * 4), _mm_shuffle_ps(low, high, 0x88));
      _mm_storeu_ps(reinterpret_cast<float *>(d + half * 64 + 32 + group * 4), _mm_shuffle_ps(low, high, 0xDD));
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
      SharedPlace place = rowOf(w, address[lane], line, int(lane));
      if (!place.cta)
        continue;
      if (w->launch->options.checks.has(Check::Shared))
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
      SharedPlace place = rowOf(w, address[lane], line, int(lane));
      if (!place.cta)
        continue;
      if (w->launch->options.checks.has(Check::Shared))
        checkSharedWrite(w, *place.cta, place.offset, 16, line, int(lane), false,
                         reinterpret_cast<const uint8_t *>(rows[r]));
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
  if (sum == 1)
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned r = 0; r < 2; ++r) {
        uint32_t value = c[r * 32 + lane];
        float *at = product + ((lane >> 2) + 8 * r) * 8 + 2 * (lane & 3);
        at[0] = _cvtsh_ss(uint16_t(value));
        at[1] = _cvtsh_ss(uint16_t(value >> 16));
      }
  else
    gatherSums(c, product);
  for (unsigned first = 0; first < 16; first += 8) { // eight rows at once, as each waits for its last sum
    __m256 total[8];
    for (unsigned r = 0; r < 8; ++r)
      total[r] = _mm256_load_ps(product + (first + r) * 8);
    for (unsigned k = 0; k < depth; ++k) {
      __m256 row = _mm256_load_ps(matrixB + k * 8);
      for (unsigned r = 0; r < 8; ++r)
        total[r] = _mm256_fmadd_ps(_mm256_set1_ps(matrixA[(first + r) * 64 + k]), row, total[r]);
    }
    for (unsigned r = 0; r < 8; ++r)
      _mm256_store_ps(product + (first + r) * 8, total[r]);
  }
  if (sum == 1)
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned r = 0; r < 2; ++r) {
        const float *at = product + ((lane >> 2) + 8 * r) * 8 + 2 * (lane & 3);
        d[r * 32 + lane] = uint32_t(_cvtss_sh(at[0], 0)) | uint32_t(_cvtss_sh(at[1], 0)) << 16;
      }
  else
    scatterSums(product, d);
}

} // extern "C"
