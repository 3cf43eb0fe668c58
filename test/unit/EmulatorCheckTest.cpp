// Each check finds a planted fault, and is silent about the same kernel mended. A case's text holds both: lines that
// begin with "-" are the mended kernel's alone, those with "+" the faulty one's.
#include "test/unit/EmulatorHarness.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

struct CheckCase {
  const char *name;
  const char *body;
  const char *expected; ///< part of the diagnostic
  uint32_t threads = 64, blocks = 1, cluster = 1;
  uint64_t turns = 0;
};

// %d holds a buffer of 4096 bytes, %t the thread, %b the block, %o is 4 times the thread; sm is 4 KiB of shared memory.
const CheckCase cases[] = {
    {"SharedRaceReadAfterWrite", R"(
  st.shared.u32 [%s], %t;
- bar.sync 0;
  ld.shared.u32 %x, [%r];
  st.global.u32 [%g], %x;)",
     "race in shared memory: read after an unsynchronised write"},
    {"SharedRaceWriteAfterRead", R"(
  st.shared.u32 [%s], %t;
  bar.sync 0;
  ld.shared.u32 %x, [%r];
- bar.sync 0;
  st.shared.u32 [%s], %x;)",
     "race in shared memory: write after an unsynchronised read"},
    {"SharedRaceWriteAfterWrite", R"(
+ st.shared.u32 [sm], %t;
- setp.eq.u32 %p, %t, 0;
- @%p st.shared.u32 [sm], %t;)",
     "race in shared memory: write after an unsynchronised write"},
    {"SharedWritesOfDifferentValues", R"(
  shr.u32 %x, %t, 5;
- mov.u32 %x, 7;
  st.shared.u32 [sm], %x;)",
     "race in shared memory: write after an unsynchronised write"},
    {"GlobalWritesOfDifferentValues", R"(
+ add.u32 %x, %b, 7;
- mov.u32 %x, 7;
  st.global.u32 [%d], %x;)",
     "race in global memory: write after an unsynchronised write", 64, 2},
    {"UninitialisedShared", R"(
- st.shared.u32 [%s], %t;
  ld.shared.u32 %x, [%s];
  st.global.u32 [%g], %x;)",
     "read of uninitialised shared memory"},
    {"SharedOutOfBounds", R"(
- st.shared.u32 [%s], %t;
+ st.shared.u32 [%s+8192], %t;)",
     "shared memory access of 4 bytes out of bounds"},
    {"GlobalOutOfBounds", R"(
- st.global.u32 [%g], %t;
+ st.global.u32 [%g+4096], %t;)",
     "global memory access of 4 bytes out of bounds"},
    {"LocalOutOfBounds", R"(
  .local .b32 l[4];
  mov.u64 %y, l;
- st.local.u32 [%y+12], %t;
+ st.local.u32 [%y+16], %t;)",
     "local memory access of 4 bytes out of bounds"},
    {"Misaligned", R"(
- ld.global.v2.u32 {%x, %z}, [%d];
+ ld.global.v2.u32 {%x, %z}, [%d+4];)",
     "memory access not aligned to 8 bytes"},
    {"NullPointer", R"(
- ld.global.u32 %x, [%d];
+ mov.u64 %y, 0;
+ ld.global.u32 %x, [%y];)",
     "global memory access of 4 bytes out of bounds"},
    {"AsyncCopyNotWaitedFor", R"(
  cp.async.ca.shared.global [%s], [%g], 4;
  cp.async.commit_group;
- cp.async.wait_group 0;
+ cp.async.wait_group 1;
  ld.shared.u32 %x, [%s];
  st.global.u32 [%g], %x;)",
     "read of the destination of an asynchronous copy that has not been waited for"},
    {"AsyncCopyOfOtherThreads", R"(
  cp.async.ca.shared.global [%s], [%g], 4;
  cp.async.commit_group;
  cp.async.wait_group 0;
- bar.sync 0;
  ld.shared.u32 %x, [%r];)",
     "race in shared memory"},
    {"DivergentBarrier", R"(
  setp.lt.u32 %p, %t, 40;
+ @!%p bra END;
  bar.sync 0;
+ END:)",
     "threads exit while others of their warp wait at a barrier"},
    {"BarrierLacksWarps", R"(
  setp.lt.u32 %p, %t, 32;
+ @!%p bra END;
  bar.sync 0;
+ END:)",
     "threads exit while others of their block wait at a barrier"},
    {"BarrierCounts", R"(
  setp.lt.u32 %p, %t, 32;
  @%p bra A;
- bar.sync 1, 64;
+ bar.sync 1, 32;
+ bar.sync 1, 64;
  bra END;
A:
  bar.sync 1, 64;
END:)",
     "a barrier is used with different numbers of threads"},
    {"ShuffleFromInactiveLane", R"(
  setp.lt.u32 %p, %t, 16;
+ @!%p bra END;
  shfl.sync.bfly.b32 %x, %t, 16, 31, -1;
+ END:)",
     "the member mask names lanes that do not execute this"},
    {"Trap", R"(
+ setp.eq.u32 %p, %t, 3;
+ @%p trap;)",
     "trap"},
    {"MbarrierWithoutInit", R"(
  setp.eq.u32 %p, %t, 0;
- @%p mbarrier.init.shared.b64 [sm], 64;
  bar.sync 0;
  mbarrier.arrive.shared.b64 %y, [sm];)",
     "mbarrier used before mbarrier.init"},
    {"MbarrierInitUnordered", R"(
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared.b64 [sm], 64;
- bar.sync 0;
  mbarrier.arrive.shared.b64 %y, [sm];)",
     "mbarrier used without synchronisation with its mbarrier.init"},
    {"MbarrierOverflow", R"(
  setp.eq.u32 %p, %t, 0;
- @%p mbarrier.init.shared.b64 [sm], 192;
+ @%p mbarrier.init.shared.b64 [sm], 191;
  bar.sync 0;
  mbarrier.arrive.shared.b64 %y, [sm], 3;)",
     "more arrivals at an mbarrier than its count"},
    {"MbarrierWaitIgnored", R"(
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared.b64 [sm], 64;
  bar.sync 0;
  st.shared.u32 [%s+64], %t;
  mbarrier.arrive.shared.b64 %y, [sm];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %q, [sm], 0;
- @!%q bra WAIT;
  ld.shared.u32 %x, [%r+64];)",
     "race in shared memory: read after an unsynchronised write"},
    {"MbarrierDeadlock", R"(
  setp.eq.u32 %p, %t, 0;
- @%p mbarrier.init.shared.b64 [sm], 64;
+ @%p mbarrier.init.shared.b64 [sm], 65;
  bar.sync 0;
  mbarrier.arrive.shared.b64 %y, [sm];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %q, [sm], 0;
  @!%q bra WAIT;)",
     "deadlock or livelock", 64, 1, 1, 64},
    {"Livelock", R"(
  ld.global.u32 %x, [%d];
LOOP:
- setp.ne.u32 %p, %x, 0;
+ setp.eq.u32 %p, %x, 0;
  @%p bra LOOP;)",
     "deadlock or livelock", 64, 1, 1, 64},
    {"GlobalRaceBetweenBlocks", R"(
  setp.eq.u32 %p, %b, 0;
  @%p st.global.u32 [%g], %t;
- @%p bra END;
- ret;
+ @!%p ld.global.u32 %x, [%g];
END:)",
     "race in global memory", 64, 2},
    {"GlobalRaceWithinBlock", R"(
  st.global.u32 [%g], %t;
- bar.sync 0;
  mov.u64 %y, 252;
  cvt.u64.u32 %w, %o;
  sub.u64 %y, %y, %w;
  add.u64 %y, %y, %d;
  ld.global.u32 %x, [%y];)",
     "race in global memory: read after an unsynchronised write"},
    {"GuessWithoutComparison", R"(
  ld.global.u32 %x, [%d];
- atom.global.cas.b32 %x, [%d], %x, %t;
+ atom.global.exch.b32 %x, [%d], %t;)",
     "race in global memory: read after an unsynchronised write"},
    {"FlagWithoutFence", R"(
  setp.eq.u32 %p, %b, 0;
  @!%p bra WAIT;
  st.global.u32 [%g+512], %t;
  bar.sync 0;
  setp.eq.u32 %q, %t, 0;
- @%q membar.gl;
  @%q st.volatile.global.u32 [%d], 1;
  ret;
WAIT:
  ld.volatile.global.u32 %x, [%d];
  setp.eq.u32 %q, %x, 0;
  @%q bra WAIT;
  ld.global.u32 %x, [%g+512];)",
     "race in global memory: read after an unsynchronised write", 64, 2},
    {"BulkStoreWithoutProxyFence", R"(
  st.shared.u32 [%s], %t;
- fence.proxy.async;
  bar.sync 0;
  setp.eq.u32 %p, %t, 0;
  @!%p bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%d], [sm], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
END:)",
     "without fence.proxy.async between"},
    {"BulkStoreNotWaitedFor", R"(
  st.shared.u32 [%s], %t;
  fence.proxy.async;
  bar.sync 0;
  setp.eq.u32 %p, %t, 0;
  @!%p bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%d], [sm], 256;
  cp.async.bulk.commit_group;
- cp.async.bulk.wait_group.read 0;
END:)",
     "the kernel ends before a bulk store has read shared memory"},
    {"BulkStoreSourceOverwritten", R"(
  st.shared.u32 [%s], %t;
  fence.proxy.async;
  bar.sync 0;
  setp.eq.u32 %p, %t, 0;
  @!%p bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%d], [sm], 256;
  cp.async.bulk.commit_group;
- cp.async.bulk.wait_group.read 0;
  st.shared.u32 [%s], %t;
+ cp.async.bulk.wait_group.read 0;
END:)",
     "write to shared memory that wgmma or a bulk store still reads"},
    {"BulkLoadNotWaitedFor", R"(
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared.b64 [sm], 1;
  bar.sync 0;
  @%p mbarrier.arrive.expect_tx.shared.b64 %y, [sm], 256;
  @%p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [sm+256], [%d], 256, [sm];
- WAIT:
- mbarrier.try_wait.parity.shared.b64 %q, [sm], 0;
- @!%q bra WAIT;
  ld.shared.u32 %x, [%s+256];)",
     "read of the destination of an asynchronous copy that has not been waited for"},
    {"ExpectedBytes", R"(
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared.b64 [sm], 1;
  bar.sync 0;
- @%p mbarrier.arrive.expect_tx.shared.b64 %y, [sm], 256;
+ @%p mbarrier.arrive.expect_tx.shared.b64 %y, [sm], 512;
  @%p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [sm+256], [%d], 256, [sm];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %q, [sm], 0;
  @!%q bra WAIT;)",
     "deadlock or livelock", 64, 1, 1, 64},
    {"ClusterBarrierMissing", R"(
  st.shared.u32 [%s], %t;
- barrier.cluster.arrive;
- barrier.cluster.wait;
  mapa.shared::cluster.u32 %x, %s, 1;
  ld.shared::cluster.u32 %z, [%x];
- barrier.cluster.arrive;
- barrier.cluster.wait;)",
     "memory", 64, 2, 2},
    {"WgmmaReadBeforeItsWait", R"(
@WGMMA
  wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %w, %w, %p, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
- wgmma.wait_group.sync.aligned 0;
  st.global.f32 [%g], %f1;
+ wgmma.wait_group.sync.aligned 0;)",
     "access to a register of an unfinished wgmma", 128},
    {"WgmmaWithoutFence", R"(
@WGMMA
- wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %w, %w, %p, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;)",
     "wgmma that some path reaches without a wgmma.fence", 128},
    {"WgmmaAccumulatorTouchedAfterFence", R"(
@WGMMA
+ wgmma.fence.sync.aligned;
  mov.f32 %f2, 0f00000000;
- wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %w, %w, %p, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;)",
     "wgmma with registers that were accessed since the last wgmma.fence", 128},
    {"WgmmaNotWaitedFor", R"(
@WGMMA
  wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %w, %w, %p, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
- wgmma.wait_group.sync.aligned 0;)",
     "the kernel ends while wgmma products are under way", 128},
    {"WgmmaOperandsNotFenced", R"(
@WGMMA
+ st.shared.u32 [%s], %t;
+ bar.sync 0;
  wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %w, %w, %p, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;)",
     "without fence.proxy.async between", 128},
    {"SharedAtomicsUnordered", R"(
  setp.eq.u32 %p, %t, 0;
  @%p st.shared.u32 [sm], 0;
- bar.sync 0;
  atom.shared.add.u32 %x, [sm], 1;)",
     "shared memory"},
};

/// What precedes a product: 4 KiB of zeros that the asynchronous proxy may read, a descriptor in %w, false in %p.
const char wgmmaPrologue[] = R"(
  .reg .f32 %f<5>;
  mad.lo.u32 %x, %t, 12, %s;
  st.shared.v4.u32 [%x], {0, 0, 0, 0};
  st.shared.v4.u32 [%x+2048], {0, 0, 0, 0};
  fence.proxy.async.shared::cta;
  bar.sync 0;
  mov.u32 %x, sm;
  shr.u32 %x, %x, 4;
  cvt.u64.u32 %w, %x;
  or.b64 %w, %w, 0x1000080000;
  setp.ne.u32 %p, 0, 0;
)";

std::string textOf(const CheckCase &check, bool faulty) {
  std::stringstream lines(check.body);
  std::string body, line;
  while (std::getline(lines, line)) {
    if (line.starts_with("+") || line.starts_with("-")) {
      if (line.starts_with("+") != faulty)
        continue;
      line[0] = ' ';
    }
    body += line == "@WGMMA" ? wgmmaPrologue : line + "\n";
  }
  return R"(.version 8.0
.target sm_90a
.address_size 64
.shared .align 128 .b8 sm[4096];
.visible .entry k(.param .u64 p)
{
  .reg .b64 %d, %g, %y, %w;
  .reg .b32 %t, %b, %o, %s, %r, %x, %z;
  .reg .pred %p, %q;
  ld.param.u64 %d, [p];
  mov.u32 %t, %tid.x;
  mov.u32 %b, %ctaid.x;
  shl.b32 %o, %t, 2;
  mad.wide.u32 %g, %t, 4, %d;
  mov.u32 %s, sm;
  add.u32 %s, %s, %o;
  mov.u32 %r, sm;
  add.u32 %r, %r, 252;
  sub.u32 %r, %r, %o;
)" + body +
         "\n  ret;\n}\n";
}

LaunchReport run(const CheckCase &check, bool faulty, uint64_t seed) {
  Engine engine;
  auto module = engine.load(textOf(check, faulty), check.name);
  EXPECT_TRUE(bool(module)) << module.error();
  if (!module)
    return {};
  Buffer<uint32_t> data(engine, 1024);
  LaunchOptions options;
  options.seed = seed;
  options.threads = 1;
  options.maxTurns = check.turns;
  return launch(engine, **module, "k", {check.blocks}, {check.threads}, Parameters().add(data), options, 0,
                {check.cluster});
}

class EmulatorCheck : public testing::TestWithParam<CheckCase> {};

TEST_P(EmulatorCheck, FindsTheFault) {
  EXPECT_NE(textOf(run(GetParam(), true, 0)).find(GetParam().expected), std::string::npos)
      << textOf(run(GetParam(), true, 0));
}

TEST_P(EmulatorCheck, IsSilentWhenMended) {
  for (uint64_t seed : {0, 1, 2})
    EXPECT_EQ(textOf(run(GetParam(), false, seed)), "") << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(All, EmulatorCheck, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
