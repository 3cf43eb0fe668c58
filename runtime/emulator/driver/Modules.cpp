// Modules and libraries, their functions and variables, and the attributes of functions.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/Image.h"
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

using namespace hybridrt;
using namespace hybridrt::driver;
using emulator::Limits;

static constexpr int plainShared = 48 << 10;

static std::shared_ptr<ModuleObject> loadModule(const void *image) {
  std::string ptx = readImage(image);
  Result<std::shared_ptr<emulator::Module>> loaded = state().engine.load(ptx);
  if (!loaded)
    refuse(CUDA_ERROR_INVALID_PTX, loaded.error());
  auto module = std::make_shared<ModuleObject>();
  module->code = *loaded;
  for (const emulator::Kernel &kernel : module->code->kernels()) {
    auto function = std::make_shared<Function>();
    function->module = module;
    function->code = module->code;
    function->kernel = &kernel;
    function->mostDynamicShared = std::max(0, plainShared - int(kernel.staticShared));
    module->functions[kernel.name] = function;
    addObject<CUfunction>(function);
  }
  return module;
}

static void unloadModule(const void *handle) {
  auto module = findObject<ModuleObject>(handle);
  for (auto &[name, function] : module->functions)
    state().objects.erase(function.get());
  state().objects.erase(handle);
}

static std::string readName(const char *name) {
  std::string text;
  for (char c = 1; c;) {
    readCaller(&c, name + text.size(), 1, "the name");
    if (c)
      text += c;
    if (text.size() > 4096)
      refuseValue("expected a name of at most 4096 characters");
  }
  return text;
}

static CUfunction functionOf(const void *module, const char *name) {
  need(name, "name");
  auto &functions = findObject<ModuleObject>(module)->functions;
  std::string wanted = readName(name), all;
  auto found = functions.find(wanted);
  if (found != functions.end())
    return reinterpret_cast<CUfunction>(found->second.get());
  for (auto &[known, function] : functions)
    all += (all.empty() ? "'" : ", '") + known + "'";
  refuse(CUDA_ERROR_NOT_FOUND, "there is no kernel '", wanted, "'; the module has ", all.empty() ? "none" : all);
}

static void globalOf(const void *module, CUdeviceptr *address, size_t *bytes, const char *name) {
  need(name, "name");
  std::string wanted = readName(name);
  const emulator::Global *global = findObject<ModuleObject>(module)->code->global(wanted);
  if (!global)
    refuse(CUDA_ERROR_NOT_FOUND, "there is no variable '", wanted, "'");
  if (address)
    *address = global->address;
  if (bytes)
    *bytes = global->size;
}

static int attributeOf(const Function &function, CUfunction_attribute attribute) {
  const emulator::Kernel &kernel = *function.kernel;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: {
    uint64_t bound = kernel.requiredBlock.count() ? kernel.requiredBlock.count() : kernel.maxBlock.count();
    return int(bound ? std::min<uint64_t>(bound, Limits::threadsPerBlock) : Limits::threadsPerBlock);
  }
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    return int(kernel.staticShared);
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    return int(kernel.localBytes);
  case CU_FUNC_ATTRIBUTE_NUM_REGS: // as good as is known without an assembler
    return int(std::clamp<uint32_t>(kernel.registers, 16, 255));
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    return 90;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    return function.mostDynamicShared;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return function.carveout;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
    return kernel.explicitCluster;
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    return int(kernel.cluster.x);
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    return int(kernel.cluster.y);
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    return int(kernel.cluster.z);
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    return function.largeClusters;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
  case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    return 0;
  }
  refuseValue("expected an attribute of functions, got ", unsigned(attribute));
}

static void setAttribute(Function &function, CUfunction_attribute attribute, int value) {
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: {
    int most = int(Limits::sharedPerBlock) - int(function.kernel->staticShared);
    if (value < 0 || value > most)
      refuseValue("'", function.kernel->name, "': expected at most ", most, " bytes of dynamic shared memory beside ",
                  function.kernel->staticShared, " static ones, got ", value);
    function.mostDynamicShared = value;
    return;
  }
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    if (value < -1 || value > 100)
      refuseValue("expected a share of -1 to 100 percent, got ", value);
    function.carveout = value;
    return;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    function.largeClusters = value != 0;
    return;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    return;
  default:
    refuseValue("expected an attribute of functions that can be set, got ", unsigned(attribute));
  }
}

/// Writes the reason of a failed load where the caller asked for it.
static CUresult loadInto(const char *name, void **module, const void *image, unsigned count, CUjit_option *options,
                         void **values) {
  CUresult result = callInContext(name, [&] {
    need(module, "module");
    auto loaded = loadModule(image);
    *module = addObject<void *>(loaded);
  });
  char *log = nullptr;
  size_t room = 0;
  for (unsigned i = 0; options && values && i < count; ++i) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
      log = static_cast<char *>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      room = reinterpret_cast<size_t>(values[i]);
  }
  if (log && room) {
    std::strncpy(log, result == CUDA_SUCCESS ? "" : lastMessage(), room - 1);
    log[room - 1] = 0;
  }
  return result;
}

static std::string readFile(const char *path) {
  need(path, "path");
  std::string name = readName(path);
  std::ifstream in(name, std::ios::binary);
  if (!in)
    refuse(CUDA_ERROR_FILE_NOT_FOUND, "cannot open '", name, "'");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  text.resize(text.size() + 64); // an image ends with zeros
  return text;
}

extern "C" {

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return loadInto("cuModuleLoadData", reinterpret_cast<void **>(module), image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options, void **values) {
  return loadInto("cuModuleLoadDataEx", reinterpret_cast<void **>(module), image, count, options, values);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) { return cuModuleLoadData(module, image); }

CUresult cuModuleLoad(CUmodule *module, const char *path) {
  return callInContext("cuModuleLoad", [&] {
    need(module, "module");
    std::string text = readFile(path);
    *module = addObject<CUmodule>(loadModule(text.data()));
  });
}

CUresult cuModuleUnload(CUmodule module) {
  return callInContext("cuModuleUnload", [&] { unloadModule(module); });
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  return callInContext("cuModuleGetFunction", [&] {
    need(function, "function");
    *function = functionOf(module, name);
  });
}

CUresult cuModuleGetFunctionCount(unsigned *count, CUmodule module) {
  return callInContext("cuModuleGetFunctionCount", [&] {
    need(count, "count");
    *count = unsigned(findObject<ModuleObject>(module)->functions.size());
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module, const char *name) {
  return callInContext("cuModuleGetGlobal", [&] { globalOf(module, address, bytes, name); });
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *image, CUjit_option *options, void **values, unsigned count,
                           CUlibraryOption *libraryOptions, void **libraryValues, unsigned libraryCount) {
  return loadInto("cuLibraryLoadData", reinterpret_cast<void **>(library), image, count, options, values);
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, CUjit_option *options, void **values,
                               unsigned count, CUlibraryOption *libraryOptions, void **libraryValues,
                               unsigned libraryCount) {
  return cuModuleLoad(reinterpret_cast<CUmodule *>(library), path);
}

CUresult cuLibraryUnload(CUlibrary library) {
  return callInitialised("cuLibraryUnload", [&] { unloadModule(library); });
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
  return callInitialised("cuLibraryGetKernel", [&] {
    need(kernel, "kernel");
    *kernel = reinterpret_cast<CUkernel>(functionOf(library, name));
  });
}

CUresult cuLibraryGetKernelCount(unsigned *count, CUlibrary library) {
  return callInitialised("cuLibraryGetKernelCount", [&] {
    need(count, "count");
    *count = unsigned(findObject<ModuleObject>(library)->functions.size());
  });
}

CUresult cuLibraryEnumerateKernels(CUkernel *kernels, unsigned count, CUlibrary library) {
  return callInitialised("cuLibraryEnumerateKernels", [&] {
    need(kernels, "kernels");
    unsigned i = 0;
    for (auto &[name, function] : findObject<ModuleObject>(library)->functions)
      if (i < count)
        kernels[i++] = reinterpret_cast<CUkernel>(function.get());
  });
}

CUresult cuLibraryGetModule(CUmodule *module, CUlibrary library) {
  return callInContext("cuLibraryGetModule", [&] {
    need(module, "module");
    findObject<ModuleObject>(library);
    *module = reinterpret_cast<CUmodule>(library);
  });
}

CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name) {
  return callInContext("cuLibraryGetGlobal", [&] { globalOf(library, address, bytes, name); });
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  return callInContext("cuKernelGetFunction", [&] {
    need(function, "function");
    findObject<Function>(kernel);
    *function = reinterpret_cast<CUfunction>(kernel);
  });
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function) {
  return callInContext("cuFuncGetAttribute", [&] {
    need(value, "value");
    *value = attributeOf(*findObject<Function>(function), attribute);
  });
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return callInContext("cuFuncSetAttribute", [&] { setAttribute(*findObject<Function>(function), attribute, value); });
}

CUresult cuKernelGetAttribute(int *value, CUfunction_attribute attribute, CUkernel kernel, CUdevice device) {
  return cuFuncGetAttribute(value, attribute, reinterpret_cast<CUfunction>(kernel));
}

CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel, CUdevice device) {
  return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attribute, value);
}

CUresult cuFuncSetCacheConfig(CUfunction function, unsigned config) {
  return callInContext("cuFuncSetCacheConfig", [&] { findObject<Function>(function); });
}

CUresult cuFuncGetModule(CUmodule *module, CUfunction function) {
  return callInContext("cuFuncGetModule", [&] {
    need(module, "module");
    *module = reinterpret_cast<CUmodule>(findObject<Function>(function)->module.lock().get());
  });
}

CUresult cuFuncGetName(const char **name, CUfunction function) {
  return callInContext("cuFuncGetName", [&] {
    need(name, "name");
    *name = findObject<Function>(function)->kernel->name.c_str();
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads, size_t shared) {
  return callInContext("cuOccupancyMaxActiveBlocksPerMultiprocessor", [&] {
    need(blocks, "blocks");
    auto function = findObject<Function>(handle);
    if (threads < 1 || threads > int(Limits::threadsPerBlock))
      refuseValue("expected blocks of 1 to ", Limits::threadsPerBlock, " threads, got ", threads);
    uint64_t bytes = shared + function->kernel->staticShared + 1024;
    *blocks = int(std::min<uint64_t>({2048u / unsigned(threads), (Limits::sharedPerBlock + 1024) / bytes, 32u}));
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction function, int threads,
                                                              size_t shared, unsigned flags) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared);
}

CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction function, const CUlaunchConfig *config) {
  return callInContext("cuOccupancyMaxActiveClusters", [&] {
    need(clusters, "clusters");
    findObject<Function>(function);
    *clusters = 16;
  });
}

} // extern "C"
