// Lanes of one warp at different places.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_DIVERGENCE_H
#define HYBRID_RUNTIME_EMULATOR_VM_DIVERGENCE_H
#include "runtime/emulator/vm/State.h"

namespace hybridrt::emulator {

/// Before a block runs for some lanes only: keeps the registers that it writes. After: gives them back to the others.
void enterBlock(Warp *warp, uint32_t block);
void leaveBlock(Warp *warp);
/// Chooses the lanes that run next; the block, or a Stop.
uint32_t pickLanes(Warp *warp);
/// Lets lanes run that are not those which wait, where waiting lanes might wait for them.
void pickOthers(Warp *warp);

} // namespace hybridrt::emulator
#endif
