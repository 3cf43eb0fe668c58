// Addresses to host memory, with bounds; used by every helper that touches memory.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_ACCESS_H
#define HYBRID_RUNTIME_EMULATOR_VM_ACCESS_H
#include "runtime/emulator/vm/State.h"

namespace hybridrt::emulator {

struct SharedPlace {
  Cta *cta = nullptr; ///< null: out of bounds
  uint32_t offset = 0;
};

/// A shared address, own or of another CTA of the cluster, as a window-relative or generic address.
SharedPlace findShared(Warp *warp, uint64_t address, uint32_t bytes);
/// The same with a diagnostic where it is out of bounds or not aligned.
SharedPlace resolveShared(Warp *warp, uint64_t address, uint32_t bytes, uint32_t alignment, uint32_t line, int lane);
/// The offset of an own shared address that is in bounds and aligned; 0 where the slow path must look.
inline uint32_t ownShared(Warp *warp, uint64_t address, uint32_t bytes, uint32_t alignment) {
  auto offset = uint32_t(address);
  return offset >= sharedBase && uint64_t(offset) + bytes <= warp->cta->shared.size() && !(offset & (alignment - 1))
             ? offset
             : 0;
}
/// Whether [address, address + bytes) lies in one range of global memory.
bool inGlobal(Warp *warp, uint64_t address, uint64_t bytes);
/// The same with a diagnostic.
bool resolveGlobal(Warp *warp, uint64_t address, uint64_t bytes, uint32_t line, int lane);

/// Counters of a warp's access; bytes are per lane.
void countGlobal(Warp *warp, uint32_t mask, const uint64_t *address, uint32_t bytes, bool isLoad);
void countShared(Warp *warp, uint32_t mask, const uint64_t *address, uint32_t bytes);

/// Whether all lanes are active and their addresses equal (1) or `bytes` apart in order (2); else 0.
int accessPattern(uint32_t mask, const uint64_t *address, uint32_t bytes);

} // namespace hybridrt::emulator
#endif
