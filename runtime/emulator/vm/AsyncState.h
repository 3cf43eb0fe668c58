// Work that a warp has issued and that is not done: it happens as late as the rules allow, so that what reads its
// results too early reads poison.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_ASYNCSTATE_H
#define HYBRID_RUNTIME_EMULATOR_VM_ASYNCSTATE_H
#include "runtime/emulator/vm/Access.h"
#include "runtime/emulator/vm/MemoryOps.h"

namespace hybridrt::emulator {

constexpr uint32_t poison = 0x7fffdead; ///< a NaN as f32 and as two halves

/// A warp's cp.async. Groups are counted per lane, as lanes may commit apart.
struct LaneCopy {
  uint32_t mask = 0, bytes = 0;
  uint64_t source[32];
  uint32_t to[32]; ///< in the CTA's own shared memory
  uint32_t group[32], leastGroup = 0;
  uint8_t count[32]; ///< bytes from the source; zeros fill the rest
};

/// A copy by the copy engine.
struct BulkCopy {
  enum Direction : uint32_t { ToShared, ToGlobal, ToCluster } direction = ToShared;
  bool tiled = false;
  TensorMap map;
  int32_t coordinate[5] = {};
  Cta *cta = nullptr;     ///< whose shared memory is read or written
  uint32_t offset = 0;    ///< there
  Cta *fromCta = nullptr; ///< of a copy from shared to shared memory
  uint32_t fromOffset = 0;
  uint64_t global = 0; ///< of a copy that is not tiled
  uint32_t bytes = 0;
  uint32_t reduction = 0; ///< 0 none; else add, min, max, inc, dec, and, or, xor
  MapElement element = MapElement::F32;
  Cta *barrierCta = nullptr;
  uint32_t barrier = 0;
  uint32_t line = 0;
  unsigned lane = 0;
  uint32_t group = 0; ///< of its lane
};

/// A wgmma of one warp: a quarter of the product's rows.
struct WgmmaOp {
  uint32_t n = 0, k = 0;
  MatrixType a = MatrixType::Half, b = MatrixType::Half;
  uint32_t flags = 0;
  const uint32_t *slots = nullptr;
  uint32_t slotCount = 0;
  uint64_t descriptorA = 0, descriptorB = 0;
  uint32_t fragments[4][32];
  bool keep = false, ran = false;
  uint32_t line = 0;
};

/// Accumulators of products under way, out of the register file.
struct WgmmaAccumulator {
  std::vector<uint32_t> values; ///< [register][lane]
  uint32_t users = 0;
};

struct AsyncQueues {
  std::deque<LaneCopy> copies;
  uint32_t copyCommits[32] = {};
  std::deque<std::shared_ptr<BulkCopy>> stores;
  uint32_t storeCommits[32] = {};
  std::vector<WgmmaOp> openProducts;
  std::deque<std::vector<WgmmaOp>> productGroups;
  std::map<uint32_t, WgmmaAccumulator> accumulators; ///< by the first slot
  uint32_t productCommits = 0;
  bool fencedProducts = false;
};

/// Completes what a lane's mbarrier arrival or the kernel's end waits for.
void finishCopies(Warp *warp, uint32_t lanes, uint32_t left);
/// Runs a copy; the destination may be read by those that waited for it.
void runBulkCopy(Warp *waiter, BulkCopy &copy);

Mbarrier *findMbarrier(Warp *warp, Cta &cta, uint32_t offset, uint32_t line, int lane);
/// An arrival of `count`; `warp`'s clock is what waiters learn.
void arriveAt(Warp *warp, Mbarrier &barrier, uint32_t count, uint32_t line, uint64_t address, int lane);
/// Completes the phase if nothing is missing.
void checkPhase(Cluster &cluster, Mbarrier &barrier);

} // namespace hybridrt::emulator
#endif
