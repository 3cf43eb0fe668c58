#include "runtime/x86/X86Device.h"
#include <algorithm>
#include <chrono>

using namespace hybridrt;
using namespace hybridrt::artifact;

void X86Device::load(const ProgramT &program, std::vector<std::string> &notes) {
  native.emplace(program, level);
  for (auto &kernel : program.kernels) {
    if (!kernel->view_places.empty())
      fail("kernel '", kernel->symbol, "' expects tensor views: only GPUs have them");
    scratchBytes = std::max<uint64_t>(scratchBytes, kernel->scratch_bytes);
  }
  // A page apart, so that threads share no cache line and do not fight over the same sets.
  scratchBytes = (scratchBytes + 4095) / 4096 * 4096 + 64;
  scratch.reserve(scratchBytes * pool.size());
}

namespace {
/// One launch, as the threads see it.
struct LaunchContext {
  KernelFunction function;
  void *const *buffers;
  const int64_t *scalars;
  int64_t x, y;
  std::byte *scratch;
  uint64_t scratchBytes;

  static void run(void *opaque, int64_t begin, int64_t end, unsigned thread) {
    auto &launch = *static_cast<LaunchContext *>(opaque);
    void *scratch = launch.scratch + thread * launch.scratchBytes;
    for (int64_t block = begin; block < end; ++block)
      launch.function(launch.buffers, launch.scalars, block % launch.x, block / launch.x % launch.y,
                      block / launch.x / launch.y, scratch);
  }
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
} // namespace

void X86Device::run(const void *, std::span<const Launch> launches, std::span<LaunchCost> costs) {
  ThreadPool::Pinned pinned(pool);
  for (size_t i = 0; i < launches.size(); ++i) {
    const Launch &launch = launches[i];
    LaunchContext context{native->kernels()[launch.kernel],
                          launch.buffers.data(),
                          launch.scalars.data(),
                          launch.grid[0],
                          launch.grid[1],
                          scratch.data(),
                          scratchBytes};
    double start = costs.empty() ? 0 : now();
    pool.run(launch.blocks, LaunchContext::run, &context);
    if (!costs.empty())
      costs[i].seconds = now() - start;
  }
}
