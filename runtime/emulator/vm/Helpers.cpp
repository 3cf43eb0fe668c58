// Only addresses are taken here; the signatures stand beside the definitions and in the emit functions.
#include "runtime/emulator/vm/Helpers.h"

#define HELPERS(X)                                                                                                     \
  X(assert)                                                                                                            \
  X(atomic)                                                                                                            \
  X(barrier)                                                                                                           \
  X(barrierVote)                                                                                                       \
  X(branch) X(branchTable) X(bulkCommit) X(bulkCopy) X(bulkWait) X(call) X(clock) X(clusterArrive) X(clusterWait)      \
      X(convergent) X(copyArrive) X(copyAsync) X(copyCommit) X(copyWait) X(cos) X(ex2) X(exit) X(fence) X(fromInteger) \
          X(jump) X(lg2) X(load) X(loadMatrix) X(match) X(mbarrierArrive) X(mbarrierInit) X(mbarrierInval)             \
              X(mbarrierTest) X(members) X(mma) X(moveMatrix) X(narrow) X(printf) X(reduce) X(return) X(rounded)       \
                  X(shuffle) X(sin) X(store) X(storeMatrix) X(tanh) X(tensorCopy) X(trap) X(truncate) X(uniform)       \
                      X(warpBarrier) X(wgmma) X(wgmmaCommit) X(wgmmaFence) X(wgmmaWait) X(widen8) X(yield)

#define DECLARE(name) extern "C" void emu_##name();
HELPERS(DECLARE)
#undef DECLARE

std::span<const hybridrt::emulator::Helper> hybridrt::emulator::helpers() {
#define ROW(name) {"emu_" #name, reinterpret_cast<void *>(&emu_##name)},
  static const Helper table[] = {HELPERS(ROW)};
#undef ROW
  return table;
}
