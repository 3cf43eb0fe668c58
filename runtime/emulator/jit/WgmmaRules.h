// The register rules of wgmma, checked over all paths of a kernel: what running it once may not show.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_WGMMARULES_H
#define HYBRID_RUNTIME_EMULATOR_JIT_WGMMARULES_H
#include "runtime/emulator/jit/Code.h"

namespace hybridrt::emulator {

/// Violations, in the order of the text:
/// * a wgmma with no wgmma.fence before it, or with registers that were accessed since the last one;
/// * an access to a register of a wgmma that no wgmma.wait_group has completed.
std::vector<ProgramWarning> checkWgmmaRules(const Code &code);

} // namespace hybridrt::emulator
#endif
