// Runs a launch: host threads take clusters, and within one, warps take turns.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_SCHEDULER_H
#define HYBRID_RUNTIME_EMULATOR_VM_SCHEDULER_H
#include "runtime/emulator/vm/State.h"

namespace hybridrt::emulator {

/// Runs all CTAs of the launch; fills in the report's counters, diagnostics and whether it completed.
void runLaunch(LaunchState &launch, LaunchReport &report);

} // namespace hybridrt::emulator
#endif
