// The engine's face: it ties memory, loading and launching together, and refuses what a device would.
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Ranges.h"
#include "runtime/emulator/jit/Jit.h"
#include "runtime/emulator/ptx/Parser.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/Scheduler.h"
#include <chrono>
#include <cstring>

namespace hybridrt::emulator {

namespace {

/// Of a module, so that a short text does not fill the host's memory with zeros.
constexpr uint64_t mostVariableBytes = uint64_t(1) << 30;

double millisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

Dim3 dimOf(const std::array<uint32_t, 3> &values) { return {values[0], values[1], values[2]}; }

class LoadedModule : public Module {
public:
  LoadedModule(std::unique_ptr<Ptx> ptx, std::shared_ptr<RangeTable> ranges)
      : ptx(std::move(ptx)), ranges(std::move(ranges)), targetName(this->ptx->target) {}

  ~LoadedModule() override {
    for (const emulator::Global &global : globalList)
      if (global.address)
        (void)ranges->release(global.address);
  }

  const std::vector<Kernel> &kernels() const override { return kernelList; }
  const std::vector<emulator::Global> &globals() const override { return globalList; }
  const std::string &target() const override { return targetName; }
  const std::string &text() const override { return ptx->text; }

  void prepare() {
    for (const Function &function : ptx->functions)
      if (function.isEntry && function.isDefined)
        kernelList.push_back(describeKernel(function));
    for (const GlobalVariable &variable : ptx->globals)
      place(variable);
    for (size_t i = 0; i < ptx->globals.size(); ++i)
      relocate(ptx->globals[i], globalList[i]);
  }

  const Program &program(const std::string &name, unsigned optimize) const {
    std::lock_guard lock(mutex);
    auto &program = programs[{name, optimize}];
    if (!program)
      program = compileProgram(*ptx, *ptx->find(name), optimize);
    return *program;
  }

  std::vector<uint64_t> globalAddresses() const {
    std::vector<uint64_t> addresses;
    for (const emulator::Global &global : globalList)
      addresses.push_back(global.address);
    addresses.push_back(0); // never empty
    return addresses;
  }

private:
  Kernel describeKernel(const Function &function) const {
    Kernel kernel;
    kernel.name = std::string(function.name);
    for (const Variable &parameter : function.parameters)
      kernel.parameters.push_back(
          {std::string(parameter.name), uint32_t(parameter.offset), uint32_t(parameter.size), parameter.alignment});
    kernel.parameterBytes = function.parameterBytes;
    kernel.staticShared = layoutShared(*ptx, function).bytes;
    kernel.localBytes = function.localBytes;
    for (const Register &reg : function.registers)
      kernel.registers += reg.bits == 1 ? 0 : (reg.bits + 31) / 32;
    kernel.maxBlock = dimOf(function.maxBlock);
    kernel.requiredBlock = dimOf(function.requiredBlock);
    kernel.cluster = dimOf(function.cluster);
    kernel.explicitCluster = function.explicitCluster;
    return kernel;
  }

  void place(const GlobalVariable &variable) {
    emulator::Global global{std::string(variable.variable.name), 0, variable.variable.size};
    if (!variable.isExternal && global.size) {
      if (global.size > mostVariableBytes - variableBytes)
        fail(ptx->name, ": expected at most ", mostVariableBytes, " bytes of variables in a module, got ", global.size,
             " in '", global.name, "' and ", variableBytes, " before it");
      variableBytes += global.size;
      global.address = ranges->allocate(global.size).get();
      auto *memory = reinterpret_cast<uint8_t *>(global.address);
      std::memset(memory, 0, global.size);
      std::copy_n(variable.bytes.begin(), std::min<size_t>(variable.bytes.size(), global.size), memory);
    }
    globalList.push_back(std::move(global));
  }

  void relocate(const GlobalVariable &variable, const emulator::Global &placed) {
    for (const Relocation &relocation : variable.relocations) {
      const emulator::Global *target = global(relocation.symbol);
      if (!target)
        fail(ptx->name, ": '", placed.name, "' is initialised with the address of '", std::string(relocation.symbol),
             "', which is no variable of this module");
      uint64_t address = target->address + uint64_t(relocation.addend);
      std::memcpy(reinterpret_cast<uint8_t *>(placed.address) + relocation.at, &address, sizeof(address));
    }
  }

  std::unique_ptr<Ptx> ptx;
  std::shared_ptr<RangeTable> ranges;
  std::string targetName;
  std::vector<Kernel> kernelList;
  std::vector<emulator::Global> globalList;
  uint64_t variableBytes = 0;
  mutable std::mutex mutex;
  mutable std::map<std::pair<std::string, unsigned>, std::unique_ptr<Program>> programs;
};

std::string text(const Dim3 &dim) { return concat("(", dim.x, ", ", dim.y, ", ", dim.z, ")"); }

/// Throws what is wrong with a launch.
void verifyLaunch(const Kernel &kernel, const Launch &launch) {
  std::string name = "launch of '" + kernel.name + "': ";
  uint64_t threads = launch.block.count();
  if (!launch.grid.count() || launch.grid.x > 0x7fffffff || launch.grid.y > 65535 || launch.grid.z > 65535)
    fail(name, "expected a grid of 1 to (2^31 - 1, 65535, 65535) blocks, got ", text(launch.grid));
  if (!threads || threads > Limits::threadsPerBlock || launch.block.z > 64)
    fail(name, "expected a block of 1 to ", Limits::threadsPerBlock, " threads, got ", text(launch.block));
  if (kernel.requiredBlock.x && !(kernel.requiredBlock == launch.block))
    fail(name, "expected a block of ", text(kernel.requiredBlock), " threads (.reqntid), got ", text(launch.block));
  if (kernel.maxBlock.x && threads > kernel.maxBlock.count())
    fail(name, "expected a block of at most ", kernel.maxBlock.count(), " threads (.maxntid), got ", threads);
  uint64_t shared = uint64_t(kernel.staticShared) + launch.dynamicShared;
  if (shared > Limits::sharedPerBlock)
    fail(name, "expected at most ", Limits::sharedPerBlock, " bytes of shared memory, got ", kernel.staticShared,
         " static and ", launch.dynamicShared, " dynamic ones");
  if (launch.parameterBytes < kernel.parameterBytes || (kernel.parameterBytes && !launch.parameters))
    fail(name, "expected ", kernel.parameterBytes, " bytes of parameters, got ",
         launch.parameters ? launch.parameterBytes : 0);
  const Dim3 &cluster = launch.cluster;
  if (!cluster.count() || cluster.count() > Limits::clusterBlocks || launch.grid.x % cluster.x ||
      launch.grid.y % cluster.y || launch.grid.z % cluster.z)
    fail(name, "expected a cluster of 1 to ", Limits::clusterBlocks, " blocks that divides the grid ",
         text(launch.grid), ", got ", text(cluster));
  if (kernel.cluster.x && !(kernel.cluster == cluster))
    fail(name, "expected a cluster of ", text(kernel.cluster), " blocks (.reqnctapercluster), got ", text(cluster));
}

} // namespace

static LaunchObserver *launchObserver = nullptr;

void observeLaunches(LaunchObserver *observer) { launchObserver = observer; }

struct Engine::State {
  std::shared_ptr<RangeTable> ranges = std::make_shared<RangeTable>();
};

Engine::Engine() : state(std::make_unique<State>()) {}
Engine::~Engine() = default;

Result<uint64_t> Engine::allocate(uint64_t bytes) { return state->ranges->allocate(bytes); }
Status Engine::release(uint64_t address) { return state->ranges->release(address); }
Status Engine::registerRange(uint64_t address, uint64_t bytes) { return state->ranges->add(address, bytes); }
Status Engine::unregisterRange(uint64_t address) { return state->ranges->remove(address); }
std::optional<Range> Engine::rangeOf(uint64_t address) const { return state->ranges->snapshot()->find(address, 1); }

Result<std::shared_ptr<Module>> Engine::load(std::string_view ptx, const std::string &name) {
  return capture([&]() -> std::shared_ptr<Module> {
    auto module = std::make_shared<LoadedModule>(parsePtx(ptx, name).get(), state->ranges);
    module->prepare();
    return module;
  });
}

static const LoadedModule &loadedModule(const Module &module, std::string_view kernel) {
  auto *loaded = dynamic_cast<const LoadedModule *>(&module);
  if (!loaded)
    fail("expected a module that this engine loaded");
  if (!module.kernel(kernel))
    fail("expected a kernel of the module, got '", std::string(kernel), "'");
  return *loaded;
}

Status Engine::translate(const Module &module, std::string_view kernel, unsigned optimize) {
  return capture([&] { loadedModule(module, kernel).program(std::string(kernel), optimize); });
}

Result<LaunchReport> Engine::launch(const Module &module, std::string_view kernelName, const Launch &launch,
                                    const LaunchOptions &options) {
  return capture([&] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      fail("the emulator needs a CPU with AVX2, FMA and F16C");
    const LoadedModule &loaded = loadedModule(module, kernelName);
    const Kernel *kernel = module.kernel(kernelName);
    verifyLaunch(*kernel, launch);
    if (launchObserver)
      launchObserver->launching(*this, module, kernelName, launch);
    LaunchReport report;
    auto begin = std::chrono::steady_clock::now();
    LaunchState running;
    running.program = &loaded.program(kernel->name, options.optimize);
    report.translateMilliseconds = millisecondsSince(begin);
    begin = std::chrono::steady_clock::now();
    running.config = launch;
    running.options = options;
    running.ranges = state->ranges->snapshot();
    running.globals = loaded.globalAddresses();
    auto *parameters = static_cast<const uint8_t *>(launch.parameters);
    if (parameters)
      running.parameters.assign(parameters, parameters + kernel->parameterBytes);
    running.parameters.resize(kernel->parameterBytes + 16); // translated code may load whole words
    running.sharedBytes = dynamicSharedBase(kernel->staticShared) + launch.dynamicShared;
    runLaunch(running, report);
    report.runMilliseconds = millisecondsSince(begin);
    return report;
  });
}

} // namespace hybridrt::emulator
