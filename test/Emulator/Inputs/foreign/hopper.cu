// What sm_90a adds: the copy engine, mbarriers, wgmma, clusters. Written as the architecture's own libraries do it.
#include <cooperative_groups.h>
#include <cuda_bf16.h>

struct alignas(64) Map {
  char opaque[128];
};

__device__ unsigned sharedAddress(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

__device__ void initBarrier(unsigned barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}
__device__ void expectBytes(unsigned barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ void arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ void arriveAt(unsigned barrier, int block) {
  asm volatile("{ .reg .b32 remote; mapa.shared::cluster.u32 remote, %0, %1;"
               "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote]; }" ::"r"(barrier),
               "r"(block)
               : "memory");
}
__device__ void waitFor(unsigned barrier, int parity) {
  asm volatile("{ .reg .pred done; AGAIN: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;"
               "@done bra DONE; bra AGAIN; DONE: }" ::"r"(barrier),
               "r"(parity)
               : "memory");
}
__device__ void fenceInit() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ void fenceAsync() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ void loadTile(unsigned to, const Map &map, int x, int y, unsigned barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::
                   "r"(to), "l"(&map), "r"(x), "r"(y), "r"(barrier)
               : "memory");
}
__device__ void loadTileForAll(unsigned to, const Map &map, int x, int y, unsigned barrier, unsigned short blocks) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
               "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(to),
               "l"(&map), "r"(x), "r"(y), "r"(barrier), "h"(blocks)
               : "memory");
}
__device__ void storeTile(const Map &map, int x, int y, unsigned from) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), "r"(x), "r"(y),
               "r"(from)
               : "memory");
}
__device__ void commitStores() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
__device__ void waitForStores() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }
__device__ void waitForReads() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }

/// Rows of 128 bytes in the 128-byte swizzle, eight of them 1024 bytes apart.
__device__ unsigned long long descriptor(unsigned address) {
  return (address & 0x3ffff) >> 4 | 1ull << 16 | 64ull << 32 | 1ull << 62;
}

#define FOUR(x, i) "+f"(x[i]), "+f"(x[i + 1]), "+f"(x[i + 2]), "+f"(x[i + 3])
__device__ void multiply(float (&d)[32], unsigned long long a, unsigned long long b, int keep) {
  asm volatile("{ .reg .pred keep; setp.ne.b32 keep, %34, 0;"
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
               "%32, %33, keep, 1, 1, 0, 0; }"
               : FOUR(d, 0), FOUR(d, 4), FOUR(d, 8), FOUR(d, 12), FOUR(d, 16), FOUR(d, 20), FOUR(d, 24), FOUR(d, 28)
               : "l"(a), "l"(b), "r"(keep));
}
__device__ void beginProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ void endProducts(float (&d)[32]) {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  asm volatile("wgmma.wait_group.sync.aligned 0;"
               : FOUR(d, 0), FOUR(d, 4), FOUR(d, 8), FOUR(d, 12), FOUR(d, 16), FOUR(d, 20), FOUR(d, 24), FOUR(d, 28)::"memory");
}

constexpr int stages = 3, stageBytes = 128 * 128 + 64 * 128, tileBytes = 128 * 64 * 2;

// C = A B^T by a producer warp and two groups of consumers, tile after tile through one ring. Blocks of a cluster work
// on tiles below each other: each loads a part of B for all.
template <int Blocks> __device__ void multiplyTiles(const Map &a, const Map &b, const Map &c, int m, int n, int k) {
  extern __shared__ __align__(1024) unsigned char room[];
  __shared__ alignas(8) unsigned long long barriers[2 * stages];
  unsigned ring = sharedAddress(room), output = ring + stages * stageBytes;
  unsigned full = sharedAddress(barriers), empty = full + 8 * stages;
  auto cluster = cooperative_groups::this_cluster();
  int rank = Blocks > 1 ? cluster.block_rank() : 0, group = threadIdx.x / 128;
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      initBarrier(full + 8 * i, 1);
      initBarrier(empty + 8 * i, 2 * Blocks);
    }
    fenceInit();
  }
  if (Blocks > 1)
    cluster.sync();
  else
    __syncthreads();
  int columns = n / 64, tiles = m / (128 * Blocks) * columns, steps = k / 64;
  int stage = 0, phase = 0;
  auto next = [&] {
    if (++stage == stages) {
      stage = 0;
      phase ^= 1;
    }
  };
  if (group == 2) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 256)
      for (int tile = blockIdx.x / Blocks; tile < tiles; tile += gridDim.x / Blocks)
        for (int step = 0; step < steps; ++step) {
          unsigned at = ring + stage * stageBytes, barrier = full + 8 * stage;
          waitFor(empty + 8 * stage, phase ^ 1);
          expectBytes(barrier, stageBytes);
          loadTile(at, a, step * 64, (tile / columns * Blocks + rank) * 128, barrier);
          if (Blocks > 1)
            loadTileForAll(at + 128 * 128 + rank * (64 / Blocks) * 128, b, step * 64,
                           tile % columns * 64 + rank * (64 / Blocks), barrier, (1 << Blocks) - 1);
          else
            loadTile(at + 128 * 128, b, step * 64, tile % columns * 64, barrier);
          next();
        }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    int t = threadIdx.x % 128;
    for (int tile = blockIdx.x / Blocks; tile < tiles; tile += gridDim.x / Blocks) {
      float sum[32];
      for (int step = 0; step < steps; ++step) {
        unsigned at = ring + stage * stageBytes;
        waitFor(full + 8 * stage, phase);
        unsigned long long da = descriptor(at + group * 64 * 128), db = descriptor(at + 128 * 128);
        beginProducts();
#pragma unroll
        for (int kk = 0; kk < 4; ++kk)
          multiply(sum, da + kk * 2, db + kk * 2, step + kk > 0);
        endProducts(sum);
        if (t < Blocks) {
          if (Blocks > 1)
            arriveAt(empty + 8 * stage, t);
          else
            arrive(empty + 8 * stage);
        }
        next();
      }
      // The output's tile is one per block: its halves belong to the groups.
      unsigned mine = output + group * (tileBytes / 2);
      if (t == 0)
        waitForReads();
      asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory");
      int row = t / 32 * 16 + t % 32 / 4;
#pragma unroll
      for (int j = 0; j < 16; ++j) {
        __nv_bfloat162 pair = __floats2bfloat162_rn(sum[j * 2], sum[j * 2 + 1]);
        int r = row + j % 2 * 8, q = j / 2 * 8 + t % 4 * 2;
        asm volatile("st.shared.b32 [%0], %1;" ::"r"(mine + r * 128 + (q * 2 ^ r % 8 * 16)), "r"(*(unsigned *)&pair)
                     : "memory");
      }
      fenceAsync();
      asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory");
      if (t == 0) {
        storeTile(c, tile % columns * 64, (tile / columns * Blocks + rank) * 128 + group * 64, mine);
        commitStores();
      }
    }
    if (t == 0)
      waitForStores();
  }
  if (Blocks > 1)
    cluster.sync(); // the others may still write into this block's memory
}

extern "C" __global__ void __launch_bounds__(384)
    matmulRing(const __grid_constant__ Map a, const __grid_constant__ Map b, const __grid_constant__ Map c, int m, int n,
               int k) {
  multiplyTiles<1>(a, b, c, m, n, k);
}

extern "C" __global__ void __launch_bounds__(384) __cluster_dims__(2, 1, 1)
    matmulMulticast(const __grid_constant__ Map a, const __grid_constant__ Map b, const __grid_constant__ Map c, int m,
                    int n, int k) {
  multiplyTiles<2>(a, b, c, m, n, k);
}

// y += sum over the first dimension of x: tiles of a tensor of three dimensions, added in place by the copy engine.
extern "C" __global__ void addSlices(const __grid_constant__ Map x, const __grid_constant__ Map y, int slices) {
  __shared__ alignas(128) float tile[2][16 * 32];
  __shared__ alignas(8) unsigned long long barriers[2];
  unsigned barrier = sharedAddress(barriers);
  if (threadIdx.x == 0) {
    initBarrier(barrier, 1);
    initBarrier(barrier + 8, 1);
    fenceInit();
    auto load = [&](int slice) {
      unsigned at = barrier + slice % 2 * 8;
      expectBytes(at, sizeof(tile[0]));
      asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                   "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(sharedAddress(tile[slice % 2])),
                   "l"(&x), "r"(blockIdx.x * 32), "r"(blockIdx.y * 16), "r"(slice), "r"(at)
                   : "memory");
    };
    load(0);
    for (int slice = 0; slice < slices; ++slice) {
      if (slice + 1 < slices) {
        waitForReads(); // of the tile that is loaded into next
        load(slice + 1);
      }
      waitFor(barrier + slice % 2 * 8, slice / 2 & 1);
      asm volatile("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&y),
                   "r"(blockIdx.x * 32), "r"(blockIdx.y * 16), "r"(sharedAddress(tile[slice % 2]))
                   : "memory");
      commitStores();
    }
    waitForStores();
  }
}

// A ring of bulk copies without tensor maps; results are added to y by the copy engine.
extern "C" __global__ void scaleAndAdd(const float *x, float *y, int chunks) {
  __shared__ alignas(128) float in[4][256], out[256];
  __shared__ alignas(8) unsigned long long barriers[4];
  unsigned barrier = sharedAddress(barriers);
  int t = threadIdx.x;
  auto load = [&](int chunk) {
    expectBytes(barrier + chunk % 4 * 8, 1024);
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 1024, [%2];" ::"r"(
                     sharedAddress(in[chunk % 4])),
                 "l"(x + (blockIdx.x * chunks + chunk) * 256), "r"(barrier + chunk % 4 * 8)
                 : "memory");
  };
  if (t == 0) {
    for (int i = 0; i < 4; ++i)
      initBarrier(barrier + i * 8, 1);
    fenceInit();
    for (int chunk = 0; chunk < 3 && chunk < chunks; ++chunk)
      load(chunk);
  }
  __syncthreads();
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (t == 0 && chunk + 3 < chunks)
      load(chunk + 3); // everyone has left it at the last barrier
    waitFor(barrier + chunk % 4 * 8, chunk / 4 & 1);
    out[t] = in[chunk % 4][255 - t] * 0.5f;
    fenceAsync();
    __syncthreads();
    if (t == 0) {
      asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], 1024;" ::"l"(
                       y + (blockIdx.x * chunks + chunk) * 256),
                   "r"(sharedAddress(out))
                   : "memory");
      commitStores();
      waitForReads();
    }
    __syncthreads();
  }
  if (t == 0)
    waitForStores();
}

// Bins spread over the blocks of a cluster: atomics on the shared memory of others.
extern "C" __global__ void __cluster_dims__(4, 1, 1) clusterHistogram(const unsigned char *x, unsigned *counts, int n) {
  __shared__ unsigned bins[64];
  auto cluster = cooperative_groups::this_cluster();
  for (int i = threadIdx.x; i < 64; i += blockDim.x)
    bins[i] = 0;
  cluster.sync();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(cluster.map_shared_rank(bins, x[i] / 64) + x[i] % 64, 1u);
  cluster.sync();
  for (int i = threadIdx.x; i < 64; i += blockDim.x)
    atomicAdd(&counts[cluster.block_rank() * 64 + i], bins[i]);
}
