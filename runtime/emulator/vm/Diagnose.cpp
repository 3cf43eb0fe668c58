// How checks report: the first place of each finding, and how often it happened.
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/State.h"
#include <cstdio>

using namespace hybridrt::emulator;

// Here, where the members' types are whole.
Warp::Warp() : async(std::make_unique<AsyncQueues>()) {}
Warp::~Warp() = default;
Cluster::Cluster() : sharedSync(std::make_unique<SyncTable>()) {}
Cluster::~Cluster() = default;
LaunchState::LaunchState() = default;
LaunchState::~LaunchState() = default;

uint32_t Cta::groupReader(uint32_t warp) const {
  return uint32_t(cluster->ctas.size()) * cluster->warpsPerCta + rank * cluster->groupsPerCta + warp / 4;
}

void hybridrt::emulator::diagnose(Warp *w, const char *what, uint32_t line, uint64_t address, int lane) {
  diagnose(w, std::string(what), line, address, lane);
}

void hybridrt::emulator::diagnose(Warp *w, const std::string &what, uint32_t line, uint64_t address, int lane) {
  LaunchState &launch = *w->launch;
  std::lock_guard lock(launch.mutex);
  auto [known, isNew] = launch.known.try_emplace({line, what}, launch.diagnostics.size());
  if (!isNew) {
    ++launch.diagnostics[known->second].occurrences;
    return;
  }
  Diagnostic diagnostic;
  diagnostic.message = what;
  if (address) {
    char text[32];
    std::snprintf(text, sizeof(text), " at 0x%llx", static_cast<unsigned long long>(address));
    diagnostic.message += text;
  }
  diagnostic.kernel = launch.program->kernel;
  diagnostic.line = line;
  if (line && launch.program->locate)
    diagnostic.location = launch.program->locate(line);
  diagnostic.block = w->cta->place;
  diagnostic.warp = w->id;
  diagnostic.lane = uint32_t(lane);
  diagnostic.address = address;
  diagnostic.occurrences = 1;
  launch.diagnostics.push_back(std::move(diagnostic));
}
