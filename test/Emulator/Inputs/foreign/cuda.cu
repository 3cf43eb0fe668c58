// CUDA C++ as libraries write it, for sm_80 and up. regenerate.sh makes PTX of it, EmulatorForeignTest.cpp runs that.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T> __device__ T warpSum(T value) {
  for (int offset = 16; offset; offset /= 2)
    value += __shfl_xor_sync(~0u, value, offset);
  return value;
}

__device__ float warpMax(float value) {
  for (int offset = 16; offset; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(~0u, value, offset));
  return value;
}

// The block that ends last adds up what the others left: fences and an atomic, no second launch.
extern "C" __global__ void sumInOneLaunch(const float4 *x, volatile double *partial, unsigned *done, double *result, int n) {
  __shared__ double sums[8];
  __shared__ bool isLast;
  double sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    sum += double(x[i].x) + x[i].y + x[i].z + x[i].w;
  sum = warpSum(sum);
  if (threadIdx.x % 32 == 0)
    sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < blockDim.x / 32; ++i)
      sum += sums[i];
    partial[blockIdx.x] = sum;
    __threadfence();
    isLast = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!isLast || threadIdx.x >= 32)
    return;
  __threadfence();
  sum = 0;
  for (int i = threadIdx.x; i < gridDim.x; i += 32)
    sum += partial[i];
  sum = warpSum(sum);
  if (threadIdx.x == 0)
    *result = sum;
}

// A scan in one pass over blocks that take tickets and look back at those before them. A status holds a value and how
// far it reaches: 1 for the block alone, 2 for all up to it.
extern "C" __global__ void scanByLookBack(const int *x, int *y, unsigned *ticket, unsigned long long *status, int n) {
  __shared__ int sums[8], before;
  __shared__ unsigned tile;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (threadIdx.x == 0)
    tile = atomicAdd(ticket, 1u);
  __syncthreads();
  int i = tile * blockDim.x + threadIdx.x, value = i < n ? x[i] : 0;
  for (int offset = 1; offset < 32; offset *= 2) {
    int other = __shfl_up_sync(~0u, value, offset);
    value += lane >= offset ? other : 0;
  }
  if (lane == 31)
    sums[warp] = value;
  __syncthreads();
  int total = 0;
  for (int k = 0; k < blockDim.x / 32; ++k) {
    value += k < warp ? sums[k] : 0;
    total += sums[k];
  }
  if (threadIdx.x == 0) {
    auto publish = [&](unsigned reach, int amount) {
      unsigned long long word = (unsigned long long)reach << 32 | (unsigned)amount;
      asm volatile("st.release.gpu.global.u64 [%0], %1;" ::"l"(status + tile), "l"(word) : "memory");
    };
    publish(tile ? 1 : 2, total);
    int sum = 0;
    for (int k = int(tile) - 1; k >= 0; --k) {
      unsigned long long word;
      do
        asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(word) : "l"(status + k) : "memory");
      while (word >> 32 == 0);
      sum += int(word);
      if (word >> 32 == 2)
        break;
    }
    if (tile)
      publish(2, sum + total);
    before = sum;
  }
  __syncthreads();
  if (i < n)
    y[i] = value + before;
}

// Counts in shared memory, then in global memory.
extern "C" __global__ void histogram(const unsigned char *x, unsigned *counts, int n) {
  __shared__ unsigned local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&local[x[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    if (local[i])
      atomicAdd(&counts[i], local[i]);
}

// Keeps what is positive, in any order between warps: one atomic per warp.
extern "C" __global__ void compact(const int *x, int *kept, int *count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32;
  bool keep = i < n && x[i] > 0;
  unsigned votes = __ballot_sync(~0u, keep);
  int base = 0;
  if (lane == 0)
    base = atomicAdd(count, __popc(votes));
  base = __shfl_sync(~0u, base, 0);
  if (keep)
    kept[base + __popc(votes & ((1u << lane) - 1))] = x[i];
}

extern "C" __global__ void bitonicSort(float *x) {
  __shared__ float values[512];
  int t = threadIdx.x;
  values[t] = x[blockIdx.x * 512 + t];
  __syncthreads();
  for (int k = 2; k <= 512; k *= 2)
    for (int j = k / 2; j; j /= 2) {
      int other = t ^ j;
      if (other > t) {
        float a = values[t], b = values[other];
        if ((a > b) == !(t & k)) {
          values[t] = b;
          values[other] = a;
        }
      }
      __syncthreads();
    }
  x[blockIdx.x * 512 + t] = values[t];
}

extern "C" __global__ void transpose(const float *x, float *y, int rows, int columns) {
  __shared__ float tile[32][33];
  int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r + k < rows && c < columns)
      tile[threadIdx.y + k][threadIdx.x] = __ldg(&x[(r + k) * columns + c]);
  __syncthreads();
  c = blockIdx.y * 32 + threadIdx.x;
  r = blockIdx.x * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r + k < columns && c < rows)
      y[(r + k) * rows + c] = tile[threadIdx.x][threadIdx.y + k];
}

// A barrier of the whole grid, again and again; volatile waits, fences on both sides.
__device__ void syncGrid(unsigned *arrived, unsigned round) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(arrived, 1u);
    while (*(volatile unsigned *)arrived < round * gridDim.x)
      __nanosleep(32);
    __threadfence();
  }
  __syncthreads();
}

extern "C" __global__ void jacobi(float *a, float *b, unsigned *arrived, int n, int steps) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  for (int step = 0; step < steps; ++step) {
    if (i > 0 && i < n - 1)
      b[i] = 0.25f * a[i - 1] + 0.5f * a[i] + 0.25f * a[i + 1];
    syncGrid(arrived, step + 1);
    float *swap = a;
    a = b;
    b = swap;
  }
}

// Rows of any length: the running maximum and sum of each thread, joined at the end.
extern "C" __global__ void softmaxRows(const __half *x, __half *y, int n) {
  __shared__ float maxima[4], sums[4];
  const __half *row = x + blockIdx.x * n;
  float maximum = -INFINITY, sum = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float value = __half2float(row[i]), next = fmaxf(maximum, value);
    sum = sum * __expf(maximum - next) + __expf(value - next);
    maximum = next;
  }
  float most = warpMax(maximum);
  sum = warpSum(maximum == -INFINITY ? 0.f : sum * __expf(maximum - most));
  if (threadIdx.x % 32 == 0) {
    maxima[threadIdx.x / 32] = most;
    sums[threadIdx.x / 32] = sum;
  }
  __syncthreads();
  most = fmaxf(fmaxf(maxima[0], maxima[1]), fmaxf(maxima[2], maxima[3]));
  sum = 0;
  for (int k = 0; k < 4; ++k)
    sum += sums[k] * __expf(maxima[k] - most);
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    y[blockIdx.x * n + i] = __float2half(__expf(__half2float(row[i]) - most) / sum);
}

// Chains of divisions, 64-bit products, bit tricks and narrow floats.
extern "C" __global__ void arithmetic(const long long *x, long long *y, const double *d, double *e, const __half2 *h,
                                      __half2 *k, const __nv_bfloat162 *b, __nv_bfloat162 *c) {
  int t = threadIdx.x;
  long long a = x[t], m = x[(t + 1) % 64] | 1;
  y[t * 8 + 0] = a / m;
  y[t * 8 + 1] = a % m;
  y[t * 8 + 2] = (unsigned long long)a / 10;
  y[t * 8 + 3] = __mul64hi(a, m);
  y[t * 8 + 4] = __clzll(a) + 100 * __popcll(a) + 10000 * __ffsll(a);
  y[t * 8 + 5] = __brevll(a);
  y[t * 8 + 6] = __funnelshift_r((unsigned)a, (unsigned)(a >> 32), t);
  y[t * 8 + 7] = __byte_perm((unsigned)a, (unsigned)m, 0x2175) + __sad((int)a, (int)m, 3u) + __dp4a((int)a, (int)m, 7);
  e[t * 4 + 0] = pow(fabs(d[t]) + 0.5, 1.25);
  e[t * 4 + 1] = rsqrt(fabs(d[t]) + 1) + cbrt(d[t]);
  e[t * 4 + 2] = sin(d[t] * 1e3) + atan2(d[t], 2.0);
  e[t * 4 + 3] = (double)__double2float_rz(d[t]) + __double2int_rn(d[t]) + fmod(d[t], 0.3) + lgamma(fabs(d[t]) + 2);
  k[t] = __hmax2(__hfma2(h[t], h[t], __float2half2_rn(0.5f)), h2rcp(h[t]));
  c[t] = __hmul2(__hadd2(b[t], b[t]), __floats2bfloat162_rn(0.5f, 3.f));
}

// Arithmetic of 16 bits, conversions with every rounding, fast functions.
extern "C" __global__ void narrow(const float *x, const __half *h, const __nv_bfloat16 *b, const short *s, float *y,
                                  __half *k, __nv_bfloat16 *c, short *r) {
  int t = threadIdx.x;
  float v = x[t];
  if (v != v)
    __trap();
  k[t * 4 + 0] = __hadd(h[t], __hmul(h[t], __float2half(v)));
  k[t * 4 + 1] = hexp(h[t]);
  k[t * 4 + 2] = __hfma(h[t], h[t], __float2half(0.25f));
  k[t * 4 + 3] = __heq(h[t], __float2half(1.f)) ? __hneg(h[t]) : __habs(h[t]);
  c[t * 4 + 0] = __hadd(b[t], __float2bfloat16(v));
  c[t * 4 + 1] = __hfma(b[t], b[t], b[t]);
  c[t * 4 + 2] = __hsub(b[t], __float2bfloat16_rz(v));
  c[t * 4 + 3] = __hmax(b[t], __float2bfloat16(v));
  r[t * 4 + 0] = s[t] * s[63 - t];
  r[t * 4 + 1] = (unsigned)(unsigned short)s[t] * (unsigned short)s[63 - t] >> 16;
  r[t * 4 + 2] = s[t] - s[63 - t] > 0 ? s[t] % 7 : s[t] / 3;
  r[t * 4 + 3] = __half2short_rd(h[t]) + __half2ushort_rz(__habs(h[t]));
  y[t * 8 + 0] = floorf(v) + 2 * roundf(v) + 4 * rintf(v) + 8 * truncf(v) + 16 * ceilf(v);
  y[t * 8 + 1] = __fdividef(v, 3.f) + __fsqrt_rn(fabsf(v)) + __frsqrt_rn(fabsf(v) + 1);
  y[t * 8 + 2] = __fadd_rz(v, 1e-3f) + __fmul_ru(v, 1.1f) - __fmaf_rd(v, v, 0.3f);
  y[t * 8 + 3] = (float)(unsigned)fabsf(v * 1e6f) + (float)(long long)(v * 1e12f) + __float2uint_rn(fabsf(v));
  y[t * 8 + 4] = tanhf(v) + __sinf(v) * __cosf(v) + __powf(fabsf(v) + 1, 1.5f) + __log10f(fabsf(v) + 1);
  y[t * 8 + 5] = rsqrtf(fabsf(v) + 0.5f) + cbrtf(v) + hypotf(v, 2.f) + fmodf(v, 0.7f);
  y[t * 8 + 6] = fminf(fmaxf(v, -1.f), 1.f) + __saturatef(v) + copysignf(2.f, v) + ldexpf(v, 3) + (float)ilogbf(v);
  y[t * 8 + 7] = (float)(__brev(__float_as_uint(v)) >> 8) + (float)__ffs(__float_as_int(v)) + (float)__clz(__float_as_int(v));
}

// Atomics of every kind of operand, on words that all blocks share.
extern "C" __global__ void contend(unsigned *u, long long *s, __half2 *h, __nv_bfloat162 *b, double *d) {
  unsigned t = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned old = u[0], assumed;
  do { // a maximum by compare and swap
    assumed = old;
    old = atomicCAS(u, assumed, max(assumed, t * 7 % 1000));
  } while (old != assumed);
  atomicMax(s, (long long)t - 100);
  atomicMin(s + 1, (long long)t - 100);
  atomicAdd((unsigned long long *)s + 2, (unsigned long long)t);
  atomicXor((unsigned long long *)s + 3, 1ull << t % 64);
  atomicAnd(u + 1, ~(1u << t % 31));
  atomicDec(u + 2, 50u);
  atomicAdd(h, __floats2half2_rn(1.f, 2.f));
  atomicAdd(b, __floats2bfloat162_rn(1.f, -1.f));
  atomicAdd(d, 0.5);
  atomicSub((int *)u + 3, 3);
}
