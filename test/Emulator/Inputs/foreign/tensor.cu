// Tensor cores by inline PTX, for sm_80 and up: mma.sync fed by ldmatrix and cp.async.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

__device__ unsigned sharedAddress(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

__device__ void copyAsync(void *shared, const void *global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(shared)), "l"(global) : "memory");
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ void waitFor() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

template <bool Transposed> __device__ void loadMatrices(unsigned (&r)[4], const void *p) {
  if (Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(sharedAddress(p)));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(sharedAddress(p)));
}

__device__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, __half) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, __nv_bfloat16) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Where eight elements lie in a tile of rows of 64: chunks of 16 bytes change places by the row.
__device__ int swizzled(int row, int column) { return row * 64 + ((column / 8 ^ row % 8) * 8 | column % 8); }

// C = A B, with A by rows and B by rows: tiles of 64 x 64 x 64, three stages, four warps of 32 x 32.
extern "C" __global__ void __launch_bounds__(128)
    matmulPipelined(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c, int m, int n, int k) {
  extern __shared__ __align__(128) __nv_bfloat16 stages[]; // 3 x (A, B)
  constexpr int tile = 64 * 64;
  int t = threadIdx.x, warp = t / 32, lane = t % 32;
  int row = blockIdx.y * 64, column = blockIdx.x * 64, steps = k / 64;
  auto load = [&](int step) {
    if (step < steps) {
      __nv_bfloat16 *sa = stages + step % 3 * 2 * tile, *sb = sa + tile;
      for (int i = t; i < tile / 8; i += 128) {
        int r = i / 8, q = i % 8 * 8;
        copyAsync(sa + swizzled(r, q), a + (row + r) * k + step * 64 + q);
        copyAsync(sb + swizzled(r, q), b + (step * 64 + r) * n + column + q);
      }
    }
    commit();
  };
  float sum[2][4][4] = {};
  load(0);
  load(1);
  for (int step = 0; step < steps; ++step) {
    waitFor<1>();
    __syncthreads();
    load(step + 2);
    const __nv_bfloat16 *sa = stages + step % 3 * 2 * tile, *sb = sa + tile;
#pragma unroll
    for (int kk = 0; kk < 64; kk += 16) {
      unsigned ra[2][4], rb[2][4];
      for (int i = 0; i < 2; ++i)
        loadMatrices<false>(ra[i], sa + swizzled(warp / 2 * 32 + i * 16 + lane % 16, kk + lane / 16 * 8));
      for (int j = 0; j < 2; ++j)
        loadMatrices<true>(rb[j], sb + swizzled(kk + lane % 16, warp % 2 * 32 + j * 16 + lane / 16 * 8));
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j)
          multiply(sum[i][j], ra[i], rb[j / 2][j % 2 * 2], rb[j / 2][j % 2 * 2 + 1], __nv_bfloat16());
    }
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int half = 0; half < 2; ++half) {
        int r = row + warp / 2 * 32 + i * 16 + half * 8 + lane / 4, q = column + warp % 2 * 32 + j * 8 + lane % 4 * 2;
        *(float2 *)(c + r * n + q) = make_float2(sum[i][j][half * 2], sum[i][j][half * 2 + 1]);
      }
}

// Causal attention for one head of 64: four warps of 16 queries, keys in tiles of 64, softmax as it goes. Scores stay in
// registers and become the left operand of the second product.
extern "C" __global__ void __launch_bounds__(128)
    attention(const __half *q, const __half *k, const __half *v, __half *o, int length, float scale) {
  __shared__ __align__(128) __half sq[64 * 64], sk[64 * 64], sv[64 * 64];
  int t = threadIdx.x, warp = t / 32, lane = t % 32, first = blockIdx.x * 64;
  long base = (long)blockIdx.y * length * 64;
  auto load = [&](__half *to, const __half *from) {
    for (int i = t; i < 512; i += 128)
      copyAsync(to + swizzled(i / 8, i % 8 * 8), from + i * 8);
  };
  load(sq, q + base + first * 64);
  float sum[8][4] = {}, maximum[2] = {-INFINITY, -INFINITY}, total[2] = {};
  for (int key = 0; key <= first; key += 64) {
    load(sk, k + base + key * 64);
    commit();
    load(sv, v + base + key * 64);
    commit();
    waitFor<1>();
    __syncthreads();
    float score[8][4] = {};
    for (int kk = 0; kk < 64; kk += 16) {
      unsigned ra[4];
      loadMatrices<false>(ra, sq + swizzled(warp * 16 + lane % 16, kk + lane / 16 * 8));
      for (int j = 0; j < 4; ++j) {
        unsigned rb[4];
        loadMatrices<false>(rb, sk + swizzled(j * 16 + lane % 8 + lane / 16 * 8, kk + lane / 8 % 2 * 8));
        multiply(score[j * 2], ra, rb[0], rb[1], __half());
        multiply(score[j * 2 + 1], ra, rb[2], rb[3], __half());
      }
    }
    float factor[2];
    for (int half = 0; half < 2; ++half) {
      int row = first + warp * 16 + half * 8 + lane / 4;
      float most = maximum[half];
      for (int j = 0; j < 8; ++j)
        for (int e = 0; e < 2; ++e) {
          float &s = score[j][half * 2 + e];
          s = key + j * 8 + lane % 4 * 2 + e <= row ? s * scale : -INFINITY;
          most = fmaxf(most, s);
        }
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
      factor[half] = exp2f(maximum[half] - most);
      maximum[half] = most;
      total[half] *= factor[half];
      for (int j = 0; j < 8; ++j)
        for (int e = 0; e < 2; ++e)
          total[half] += score[j][half * 2 + e] = exp2f(score[j][half * 2 + e] - most);
    }
    for (int j = 0; j < 8; ++j)
      for (int e = 0; e < 4; ++e)
        sum[j][e] *= factor[e / 2];
    waitFor<0>();
    __syncthreads();
    for (int kk = 0; kk < 4; ++kk) {
      unsigned ra[4];
      for (int e = 0; e < 4; ++e) {
        const float *pair = &score[kk * 2 + e / 2][e % 2 * 2];
        __half2 packed = __floats2half2_rn(pair[0], pair[1]);
        ra[e] = *(unsigned *)&packed;
      }
      for (int j = 0; j < 4; ++j) {
        unsigned rb[4];
        loadMatrices<true>(rb, sv + swizzled(kk * 16 + lane % 16, j * 16 + lane / 16 * 8));
        multiply(sum[j * 2], ra, rb[0], rb[1], __half());
        multiply(sum[j * 2 + 1], ra, rb[2], rb[3], __half());
      }
    }
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    total[half] += __shfl_xor_sync(~0u, total[half], 1);
    total[half] += __shfl_xor_sync(~0u, total[half], 2);
    int row = first + warp * 16 + half * 8 + lane / 4;
    for (int j = 0; j < 8; ++j)
      *(__half2 *)(o + base + row * 64 + j * 8 + lane % 4 * 2) =
          __floats2half2_rn(sum[j][half * 2] / total[half], sum[j][half * 2 + 1] / total[half]);
  }
}

// Bytes: m16n8k32 with sums of 32 bits. A by rows, B by columns.
extern "C" __global__ void multiplyBytes(const signed char *a, const unsigned char *b, int *c) {
  int lane = threadIdx.x, row = lane / 4, at = lane % 4 * 4;
  auto word = [](const void *p) { return *(const unsigned *)p; };
  unsigned ra[4] = {word(a + row * 32 + at), word(a + (row + 8) * 32 + at), word(a + row * 32 + at + 16),
                    word(a + (row + 8) * 32 + at + 16)};
  unsigned rb[2] = {word(b + row * 32 + at), word(b + row * 32 + at + 16)};
  int d[4];
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%10, %10, %10, %10};"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]), "r"(0));
  for (int e = 0; e < 4; ++e)
    c[(row + e / 2 * 8) * 8 + lane % 4 * 2 + e % 2] = d[e];
}
