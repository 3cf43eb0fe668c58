#include "runtime/cuda/Kernels.h"
#include "runtime/device/Memory.h"

using namespace hybridrt;
using namespace hybridrt::artifact;
using namespace hybridrt::cuda;

/// Up to here a launch may ask for dynamic shared memory without further ado.
static constexpr int plainShared = 48 << 10;

static const ModuleT *moduleOf(const ProgramT &program, const char *level) {
  for (auto &module : program.modules)
    if (module->level == level)
      return module.get();
  return nullptr;
}

Kernels::Kernels(const Context &context, const ProgramT &program, std::vector<std::string> &notes)
    : context(context), driver(*context.driver) {
  Context::Current current(context);
  load(program, notes);
  try {
    int mostShared = context.attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    for (auto &kernel : program.kernels)
      handles.push_back(prepare(*kernel, mostShared));
  } catch (...) {
    driver.cuModuleUnload(module);
    throw;
  }
}

Kernels::~Kernels() {
  Context::Current current(context);
  driver.cuModuleUnload(module);
}

void Kernels::load(const ProgramT &program, std::vector<std::string> &notes) {
  const ModuleT *cubin = moduleOf(program, "cubin"), *ptx = moduleOf(program, "ptx");
  codeName = program.target;
  if (driver.isEmulator()) { // which runs PTX alone
    if (!ptx)
      fail("the artifact has no PTX for ", program.target, ", and the emulator runs nothing else");
    return loadPTX(*ptx);
  }
  std::string reason = "the artifact has no machine code";
  if (cubin) {
    CUresult result = driver.cuModuleLoadDataEx(&module, cubin->code.data(), 0, nullptr, nullptr);
    if (result == CUDA_SUCCESS)
      return;
    reason = driver.describe(result);
    if (!ptx)
      fail("the driver of version ", versionText(driver.version()), " does not take the code for ", program.target,
           ": ", reason, "; the artifact has no PTX to fall back on");
  } else if (!ptx) {
    fail("the artifact has neither machine code nor PTX for ", program.target);
  }
  loadPTX(*ptx);
  notes.push_back(concat("the driver compiles the kernels' PTX for ", context.deviceName(), ": ", reason));
  codeName += " PTX";
}

void Kernels::loadPTX(const ModuleT &ptx) {
  std::string text(ptx.code.begin(), ptx.code.end()); // the driver reads up to the zero behind it
  char log[2048] = {};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  CUresult result = driver.cuModuleLoadDataEx(&module, text.c_str(), 2, options, values);
  if (result != CUDA_SUCCESS)
    fail("the driver of version ", versionText(driver.version()), " does not take the kernels' PTX for ", codeName,
         ": ", driver.describe(result), *log && !driver.isEmulator() ? concat("\n", log) : std::string());
}

KernelHandle Kernels::prepare(const KernelT &kernel, int mostShared) const {
  KernelHandle handle{nullptr, &kernel, {}};
  const std::string where = concat("kernel '", kernel.symbol, "'");
  context.check(driver.cuModuleGetFunction(&handle.function, module, kernel.symbol.c_str()), where);
  auto attribute = [&](CUfunction_attribute name) {
    int value = 0;
    context.check(driver.cuFuncGetAttribute(&value, name, handle.function), where);
    return value;
  };
  int threads = attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  if (kernel.threads == 0 || int64_t(kernel.threads) > threads)
    fail(where, ": expected 1 to ", threads, " threads per block on ", context.deviceName(), ", the artifact says ",
         kernel.threads);
  int64_t shared = int64_t(attribute(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)) + kernel.shared_bytes;
  if (shared > mostShared)
    fail(where, " needs ", formatBytes(double(shared)), " of shared memory, ", context.deviceName(), " has ",
         formatBytes(mostShared), "; compile the model for another target");
  if (shared > plainShared)
    context.check(driver.cuFuncSetAttribute(handle.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                            int(kernel.shared_bytes)),
                  where);
  if (!kernel.cluster.empty()) {
    handle.cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    handle.cluster.value.clusterDim = {kernel.cluster[0], kernel.cluster[1], kernel.cluster[2]};
  }
  return handle;
}
