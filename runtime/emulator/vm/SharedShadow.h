// Happens-before and initialisation of shared memory, word by word.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_SHAREDSHADOW_H
#define HYBRID_RUNTIME_EMULATOR_VM_SHAREDSHADOW_H
#include "runtime/emulator/vm/State.h"

namespace hybridrt::emulator {

/// Who reads: a warp through the generic proxy, or the asynchronous proxy on its behalf.
struct SharedReader {
  bool async = false;
  uint32_t group = ~0u;    ///< wgmma: the warp group's place in the CTA ...
  uint32_t groupClock = 0; ///< ... and the number of its group of products
};

/// Offsets are within `cta`'s shared memory and in bounds.
void checkSharedRead(Warp *warp, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane,
                     const SharedReader &reader = {});
/// `isStrong`: an atomic or volatile access. `values`, where given, is what will be written: words that hold it already
/// do not race, as compilers have several warps write what they all know.
void checkSharedWrite(Warp *warp, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane,
                      bool isStrong = false, const uint8_t *values = nullptr);
/// An asynchronous copy into shared memory begins: what is there now must not be touched any more.
void beginAsyncWrite(Warp *warp, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane);
/// ... and ends: `writer` and its clock are those that wait for it.
void endAsyncWrite(Cta &cta, uint32_t offset, uint32_t bytes, uint32_t writer, uint32_t clock, bool asyncProxy);
/// Asynchronous reads under way.
void addPendingReads(Cta &cta, uint32_t offset, uint32_t bytes, int delta);
/// Records that `clockIndex` has read, without checks.
void recordWarpRead(Warp *warp, Cta &cta, uint32_t offset, uint32_t bytes);

} // namespace hybridrt::emulator
#endif
