// CUDA as clang compiles it without NVIDIA's headers: attributes and builtins alone.
#define GLOBAL extern "C" __attribute__((global))
#define SHARED __attribute__((shared)) static
#define DEVICE static __attribute__((device))

DEVICE int thread() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE int index() { return block() * __nvvm_read_ptx_sreg_ntid_x() + thread(); }

typedef float float4 __attribute__((ext_vector_type(4)));
typedef _Float16 half2 __attribute__((ext_vector_type(2)));

// Vector loads, and a tail of single elements.
GLOBAL void axpy(float a, const float *x, float *y, int n) {
  int i = index() * 4;
  if (i + 4 <= n) {
    float4 v = *(const float4 *)(x + i), w = *(const float4 *)(y + i);
    *(float4 *)(y + i) = a * v + w;
  } else {
    for (; i < n; ++i)
      y[i] += a * x[i];
  }
}

// Shuffles, shared memory, a barrier, an atomic of f64.
GLOBAL void dot(const double *x, const double *y, double *result, int n) {
  SHARED double partial[32];
  double sum = 0;
  for (int i = index(); i < n; i += __nvvm_read_ptx_sreg_nctaid_x() * __nvvm_read_ptx_sreg_ntid_x())
    sum = __builtin_fma(x[i], y[i], sum);
  for (int offset = 16; offset; offset /= 2) {
    union {
      double whole;
      int half[2];
    } word = {sum};
    for (int &half : word.half)
      half = __nvvm_shfl_sync_bfly_i32(~0u, half, offset, 31);
    sum += word.whole;
  }
  if (thread() % 32 == 0)
    partial[thread() / 32] = sum;
  __syncthreads();
  if (thread() == 0) {
    sum = 0;
    for (int k = 0; k < __nvvm_read_ptx_sreg_ntid_x() / 32; ++k)
      sum += partial[k];
    __nvvm_atom_add_gen_d(result, sum);
  }
}

// Scan by warps, then over the warps of the block.
GLOBAL void scan(const int *x, int *y) {
  SHARED int sums[32];
  int t = thread(), lane = t % 32, value = x[index()];
  for (int offset = 1; offset < 32; offset *= 2) {
    int other = __nvvm_shfl_sync_up_i32(~0u, value, offset, 0);
    if (lane >= offset)
      value += other;
  }
  if (lane == 31)
    sums[t / 32] = value;
  __syncthreads();
  for (int k = 0; k < t / 32; ++k)
    value += sums[k];
  y[index()] = value;
}

// A tiled product with a tile that every thread transposes for its neighbours.
GLOBAL void matmul(const float *a, const float *b, float *c, int n) {
  SHARED float sa[16][16], sb[16][17];
  int x = thread(), y = __nvvm_read_ptx_sreg_tid_y();
  int column = block() * 16 + x, row = __nvvm_read_ptx_sreg_ctaid_y() * 16 + y;
  float sum = 0;
  for (int k = 0; k < n; k += 16) {
    sa[y][x] = row < n && k + x < n ? a[row * n + k + x] : 0;
    sb[x][y] = column < n && k + y < n ? b[(k + y) * n + column] : 0;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < 16; ++j)
      sum += sa[y][j] * sb[x][j];
    __syncthreads();
  }
  if (row < n && column < n)
    c[row * n + column] = sum;
}

// Tensor cores through builtins whose fragments are opaque: 16 x 16 x 16 halves.
GLOBAL void fragments(const _Float16 *a, const _Float16 *b, float *c, int n) {
  float sum[8] = {};
  for (int k = 0; k < n; k += 16) {
    int ra[8], rb[8];
    __hmma_m16n16k16_ld_a(ra, (const int *)(a + block() * 16 * n + k), n, 0);
    __hmma_m16n16k16_ld_b(rb, (const int *)(b + k * n + __nvvm_read_ptx_sreg_ctaid_y() * 16), n, 0);
    __hmma_m16n16k16_mma_f32f32(sum, ra, rb, sum, 0, 0);
  }
  __hmma_m16n16k16_st_c_f32(c + block() * 16 * n + __nvvm_read_ptx_sreg_ctaid_y() * 16, sum, n, 0);
}

DEVICE __attribute__((noinline)) int steps(unsigned long long value) {
  int count = 0;
  for (; value != 1; ++count)
    value = value % 2 ? 3 * value + 1 : value / 2;
  return count;
}

// A function, a table on the stack, a switch, halves and 64-bit division.
GLOBAL void mixed(const int *x, int *y, half2 *h) {
  int t = thread(), table[16];
  for (int i = 0; i < 16; ++i)
    table[(i * 7 + t) % 16] = i * i;
  int value = steps(x[t] + 1) + table[x[t] % 16];
  switch (x[t] % 8) {
  case 0: value = -value; break;
  case 1: value ^= 0x55; break;
  case 2: value <<= 3; break;
  case 3: value = (int)(1000000000007ll / (value + 1)); break;
  case 5: value = __builtin_popcount(value) + __builtin_clz(value | 1); break;
  case 6: value = (int)((float)value * 0.37f); break;
  }
  y[t] = value;
  h[t] = h[t] * h[t] + (half2)(_Float16)0.25f;
}

// A lock of the whole device that one thread of each block takes in turn.
GLOBAL void ticketLock(int *next, volatile int *serving, volatile int *values) {
  if (thread() == 0) {
    int mine = __nvvm_atom_add_gen_i(next, 1);
    while (*serving != mine)
      ;
    __nvvm_membar_gl();
    values[mine] = mine ? values[mine - 1] + mine : 0;
    __nvvm_membar_gl();
    *serving = mine + 1;
  }
}
