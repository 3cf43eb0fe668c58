// Kernels that the emulator's tests run; kernels.ptx is what nvcc makes of them (regenerate.sh). Each exercises one
// idea that a compiler expresses in PTX.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <mma.h>

namespace cg = cooperative_groups;

extern "C" __global__ void axpy(float a, const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] += a * x[i];
}

// Shuffles within warps, shared memory between them, an atomic between blocks.
extern "C" __global__ void sum(const float *x, float *result, int n) {
  __shared__ float partial[32];
  float value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    value += x[i];
  for (int offset = 16; offset; offset /= 2)
    value += __shfl_down_sync(~0u, value, offset);
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0)
    partial[warp] = value;
  __syncthreads();
  if (warp == 0) {
    value = lane < blockDim.x / 32 ? partial[lane] : 0;
    for (int offset = 16; offset; offset /= 2)
      value += __shfl_xor_sync(~0u, value, offset);
    if (lane == 0)
      atomicAdd(result, value);
  }
}

// Lanes leave a loop at different times.
extern "C" __global__ void collatz(const unsigned *start, int *steps) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned value = start[i];
  int count = 0;
  while (value != 1 && count < 1000) {
    if (value & 1)
      value = 3 * value + 1;
    else
      value /= 2;
    ++count;
  }
  steps[i] = count;
}

// A barrier inside of a loop whose trip count the data decides, the same for a block.
extern "C" __global__ void scan(const int *x, int *y, int n) {
  extern __shared__ int values[];
  int i = threadIdx.x;
  values[i] = x[blockIdx.x * n + i];
  __syncthreads();
  for (int step = 1; step < n; step *= 2) {
    int other = i >= step ? values[i - step] : 0;
    __syncthreads();
    values[i] += other;
    __syncthreads();
  }
  y[blockIdx.x * n + i] = values[i];
}

template <int T> __device__ void multiply(const float *a, const float *b, float *c, int n) {
  __shared__ float sa[T][T], sb[T][T + 1];
  int x = threadIdx.x, y = threadIdx.y;
  float total = 0;
  for (int k = 0; k < n; k += T) {
    sa[y][x] = a[(blockIdx.y * T + y) * n + k + x];
    sb[y][x] = b[(k + y) * n + blockIdx.x * T + x];
    __syncthreads();
#pragma unroll
    for (int j = 0; j < T; ++j)
      total += sa[y][j] * sb[j][x];
    __syncthreads();
  }
  c[(blockIdx.y * T + y) * n + blockIdx.x * T + x] = total;
}
extern "C" __global__ void tiled(const float *a, const float *b, float *c, int n) { multiply<16>(a, b, c, n); }

// Copies ahead of their use.
extern "C" __global__ void pipeline(const float4 *x, float4 *y, int n) {
  __shared__ float4 buffer[2][64];
  int t = threadIdx.x;
  __pipeline_memcpy_async(&buffer[0][t], &x[t], 16);
  __pipeline_commit();
  for (int i = 0; i < n; ++i) {
    if (i + 1 < n)
      __pipeline_memcpy_async(&buffer[(i + 1) & 1][t], &x[(i + 1) * 64 + t], 16);
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    float4 v = buffer[i & 1][63 - t];
    y[i * 64 + t] = make_float4(v.x * 2, v.y * 2, v.z * 2, v.w * 2);
    __syncthreads();
  }
}

extern "C" __global__ void atomics(int *i, unsigned *u, float *f, unsigned long long *l, half2 *h, double *d) {
  int t = threadIdx.x;
  atomicAdd(i, t);
  atomicMax(i + 1, t);
  atomicMin(u, (unsigned)t);
  atomicExch(u + 1, 7u);
  atomicCAS(u + 2, 0u, (unsigned)t + 1);
  atomicAnd(u + 3, ~(1u << t % 32));
  atomicOr(u + 4, 1u << t % 32);
  atomicXor(u + 5, t);
  atomicInc(u + 6, 100u);
  atomicAdd(f, 1.5f);
  atomicAdd(l, 1ull);
  atomicAdd(h, __floats2half2_rn(1.f, 2.f));
  atomicAdd(d, 0.25);
}

// A grid-wide barrier: every block must be alive at once.
extern "C" __global__ void neighbours(float *a, unsigned *count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  a[i] = i;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(count, 1u);
    while (*(volatile unsigned *)count < gridDim.x)
      __nanosleep(20);
    __threadfence();
  }
  __syncthreads();
  a[n + i] = a[(i + blockDim.x) % n];
}

// Each block waits for the one after it.
extern "C" __global__ void chain(unsigned *flags, float *value) {
  int b = blockIdx.x, last = gridDim.x - 1;
  if (threadIdx.x)
    return;
  if (b < last)
    while (atomicAdd(flags + b + 1, 0u) == 0)
      __nanosleep(10);
  __threadfence();
  value[b] = b == last ? 1.f : value[b + 1] * 2;
  __threadfence();
  atomicExch(flags + b, 1u);
}

// A producer warp and a consumer warp with a ring of two stages.
extern "C" __global__ void ring(const float *x, float *y, int n) {
  __shared__ float buffer[2][32];
  __shared__ alignas(8) unsigned long long full[2], empty[2];
  unsigned f = (unsigned)__cvta_generic_to_shared(full), e = (unsigned)__cvta_generic_to_shared(empty);
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (threadIdx.x == 0)
    for (int i = 0; i < 2; ++i) {
      asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(f + 8 * i));
      asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(e + 8 * i));
    }
  __syncthreads();
  for (int i = 0; i < n; ++i) {
    int stage = i & 1, phase = i >> 1 & 1;
    unsigned wait = warp == 0 ? e + 8 * stage : f + 8 * stage, signal = warp == 0 ? f + 8 * stage : e + 8 * stage;
    asm volatile("{ .reg .pred p; WAIT: mbarrier.try_wait.parity.shared.b64 p, [%0], %1; @!p bra WAIT; }" ::"r"(wait),
                 "r"(warp == 0 ? phase ^ 1 : phase)
                 : "memory");
    if (warp == 0)
      buffer[stage][lane] = x[i * 32 + lane];
    else
      y[i * 32 + lane] = buffer[stage][31 - lane];
    asm volatile("{ .reg .b64 s; mbarrier.arrive.shared.b64 s, [%0]; }" ::"r"(signal) : "memory");
  }
}

__device__ __noinline__ float choose(float a, float b) {
  if (b > 3)
    return a * b;
  return a - b;
}
__constant__ float table[8] = {1, 2, 3, 4, 5, 6, 7, 8};

// A call, a constant table, local memory and a branch table.
extern "C" __global__ void calls(float *o, int shift) {
  int t = threadIdx.x;
  float local[8];
  for (int i = 0; i < 8; ++i)
    local[i] = choose(table[i], t);
  float result = local[(t + shift) & 7];
  switch (t & 7) {
  case 0: result += 1; break;
  case 1: result *= 5; break;
  case 2: result -= 3; break;
  case 3: result = -result; break;
  case 4: result += 77; break;
  case 5: result = 0; break;
  }
  o[t] = result;
}

extern "C" __global__ void votes(unsigned *o) {
  int t = threadIdx.x;
  o[t * 8 + 0] = __ballot_sync(~0u, t & 3);
  o[t * 8 + 1] = __any_sync(~0u, t == 40) + 2 * __all_sync(~0u, t < 32);
  o[t * 8 + 2] = __match_any_sync(~0u, t & 3);
  o[t * 8 + 3] = __reduce_add_sync(~0u, t);
  o[t * 8 + 4] = __reduce_max_sync(~0u, t ^ 21);
  o[t * 8 + 5] = __syncthreads_count(t % 3 == 0);
  o[t * 8 + 6] = __syncthreads_or(t == 5);
  o[t * 8 + 7] = __activemask();
}

// Library functions, which are long stretches of PTX.
extern "C" __global__ void math(const float *x, float *y) {
  int t = threadIdx.x;
  float v = x[t];
  y[t * 8 + 0] = expf(v);
  y[t * 8 + 1] = logf(v + 3);
  y[t * 8 + 2] = sinf(v);
  y[t * 8 + 3] = tanhf(v);
  y[t * 8 + 4] = powf(v + 3, 1.7f);
  y[t * 8 + 5] = erff(v);
  y[t * 8 + 6] = v / 7.f;
  y[t * 8 + 7] = (float)(exp((double)v) + sqrt((double)v + 3));
}

// Tensor cores: one warp, 16 x 8 x 16, fragments loaded by ldmatrix.
extern "C" __global__ void fragments(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c) {
  __shared__ alignas(16) __nv_bfloat16 sa[16 * 16], sb[8 * 16];
  int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32)
    sa[i] = a[i];
  for (int i = lane; i < 128; i += 32)
    sb[i] = b[i];
  __syncthreads();
  unsigned ra[4], rb[2];
  unsigned pa = (unsigned)__cvta_generic_to_shared(sa + lane % 16 * 16 + lane / 16 * 8);
  unsigned pb = (unsigned)__cvta_generic_to_shared(sb + lane % 8 * 16 + lane / 8 % 2 * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3])
               : "r"(pa));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(rb[0]), "=r"(rb[1]) : "r"(pb));
  float d[4] = {0, 0, 0, 0};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]));
  int row = lane / 4, column = lane % 4 * 2;
  c[row * 8 + column] = d[0];
  c[row * 8 + column + 1] = d[1];
  c[(row + 8) * 8 + column] = d[2];
  c[(row + 8) * 8 + column + 1] = d[3];
}

// Shared memory of the other block of a cluster.
extern "C" __global__ void __cluster_dims__(2, 1, 1) exchange(const float *x, float *y) {
  __shared__ float values[64];
  cg::cluster_group cluster = cg::this_cluster();
  int t = threadIdx.x, i = blockIdx.x * 64 + t;
  values[t] = x[i];
  cluster.sync();
  float *other = cluster.map_shared_rank(values, cluster.block_rank() ^ 1);
  y[i] = other[63 - t];
  cluster.sync();
}

struct alignas(64) Map {
  char opaque[128];
};

// The copy engine, both ways: a tile of 16 x 32 floats, doubled.
extern "C" __global__ void tiles(const __grid_constant__ Map in, const __grid_constant__ Map out) {
  __shared__ alignas(128) float tile[16 * 32];
  __shared__ alignas(8) unsigned long long bar;
  unsigned s = (unsigned)__cvta_generic_to_shared(tile), m = (unsigned)__cvta_generic_to_shared(&bar);
  int x = blockIdx.x * 32, y = blockIdx.y * 16, t = threadIdx.x;
  if (t == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(m));
    asm volatile("fence.mbarrier_init.release.cluster;");
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], 2048;" ::"r"(m));
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::
                     "r"(s), "l"(&in), "r"(x), "r"(y), "r"(m)
                 : "memory");
  }
  __syncthreads();
  asm volatile("{ .reg .pred p; WAIT: mbarrier.try_wait.parity.shared.b64 p, [%0], 0; @!p bra WAIT; }" ::"r"(m) : "memory");
  for (int i = t; i < 512; i += 64)
    tile[i] *= 2;
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  if (t == 0) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&out), "r"(x), "r"(y),
                 "r"(s)
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;");
    asm volatile("cp.async.bulk.wait_group 0;");
  }
}

// wgmma: 64 x 8 x 16 of halves, no swizzle, both operands from shared memory.
extern "C" __global__ void product(const half *a, const half *b, float *c) {
  __shared__ alignas(128) half sa[64 * 16], sb[8 * 16];
  int t = threadIdx.x;
  // Without a swizzle, 8 x 8 blocks of 128 bytes: K-neighbours first.
  for (int i = t; i < 64 * 16; i += 128)
    sa[i / 16 / 8 * 128 + i % 16 / 8 * 64 + i / 16 % 8 * 8 + i % 8] = a[i];
  sb[t / 16 / 8 * 128 + t % 16 / 8 * 64 + t / 16 % 8 * 8 + t % 8] = b[t];
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  auto descriptor = [](const void *p) {
    unsigned long long base = (unsigned)__cvta_generic_to_shared(p);
    return (base & 0x3ffff) >> 4 | (128ull >> 4) << 16 | (256ull >> 4) << 32;
  };
  float d[4];
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
  asm volatile("{ .reg .pred p; setp.ne.b32 p, 0, 0;"
               "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0, %1, %2, %3}, %4, %5, p, 1, 1, 0, 0; }"
               : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
               : "l"(descriptor(sa)), "l"(descriptor(sb)));
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  asm volatile("wgmma.wait_group.sync.aligned 0;" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])::"memory");
  int row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
  c[row * 8 + column] = d[0];
  c[row * 8 + column + 1] = d[1];
  c[(row + 8) * 8 + column] = d[2];
  c[(row + 8) * 8 + column + 1] = d[3];
}

// Fragments whose layout is the device's own affair.
extern "C" __global__ void opaque(const half *a, const half *b, float *c, int n) {
  using namespace nvcuda;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 0.f);
  for (int k = 0; k < n; k += 16) {
    wmma::load_matrix_sync(fa, a + blockIdx.x * 16 * n + k, n);
    wmma::load_matrix_sync(fb, b + blockIdx.y * 16 * n + k, n);
    wmma::mma_sync(fc, fa, fb, fc);
  }
  for (int i = 0; i < fc.num_elements; ++i)
    fc.x[i] *= 2;
  wmma::store_matrix_sync(c + blockIdx.x * 16 * n + blockIdx.y * 16, fc, n, wmma::mem_row_major);
}
