// The engine's face: it ties memory, loading and launching together.
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Ranges.h"

namespace hybridrt::emulator {

struct Engine::State {
  RangeTable ranges;
};

Engine::Engine() : state(std::make_unique<State>()) {}
Engine::~Engine() = default;

Result<uint64_t> Engine::allocate(uint64_t bytes) { return state->ranges.allocate(bytes); }
Status Engine::release(uint64_t address) { return state->ranges.release(address); }
Status Engine::registerRange(uint64_t address, uint64_t bytes) { return state->ranges.add(address, bytes); }
Status Engine::unregisterRange(uint64_t address) { return state->ranges.remove(address); }
std::optional<Range> Engine::rangeOf(uint64_t address) const { return state->ranges.snapshot()->find(address, 1); }

Result<std::shared_ptr<Module>> Engine::load(std::string_view, const std::string &name) {
  return Result<std::shared_ptr<Module>>::failure(name + ": loading PTX is not supported yet");
}

Result<LaunchReport> Engine::launch(const Module &, std::string_view kernel, const Launch &, const LaunchOptions &) {
  return Result<LaunchReport>::failure("launching '" + std::string(kernel) + "' is not supported yet");
}

} // namespace hybridrt::emulator
