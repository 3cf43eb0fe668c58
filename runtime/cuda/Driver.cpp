#include "runtime/cuda/Driver.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace hybridrt;
using namespace hybridrt::cuda;

std::string cuda::versionText(int version) { return concat(version / 1000, ".", version % 1000 / 10); }

Driver::Driver(const std::vector<std::string> &libraries, const std::string &advice) {
  open(libraries, advice);
  try {
    resolve();
  } catch (...) {
    dlclose(library);
    throw;
  }
}

Driver::~Driver() { dlclose(library); }

void Driver::open(const std::vector<std::string> &libraries, const std::string &advice) {
  std::string reasons;
  for (const std::string &name : libraries) {
    library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library) {
      file = name;
      return;
    }
    reasons += concat(reasons.empty() ? "" : "; ", dlerror());
  }
  fail("no CUDA driver: ", reasons, "; ", advice);
}

template <typename Function> static void find(void *library, const char *name, Function *&function) {
  function = reinterpret_cast<Function *>(dlsym(library, name));
}

void Driver::resolve() {
  // The version first: an old driver lacks functions because it is old.
  find(library, "cuDriverGetVersion", cuDriverGetVersion);
  if (!cuDriverGetVersion)
    fail("'", file, "' is no CUDA driver: it lacks cuDriverGetVersion");
  if (CUresult result = cuDriverGetVersion(&versionNumber); result != CUDA_SUCCESS)
    fail("the CUDA driver '", file, "' does not tell its version: error ", int(result));
  if (versionNumber < leastDriverVersion)
    fail("expected a CUDA driver of version ", versionText(leastDriverVersion), " or later, found '", file,
         "' of version ", versionText(versionNumber), "; install a newer driver");
#define HYBRID_RESOLVE(name, ...)                                                                                      \
  find(library, #name, name);                                                                                          \
  if (!name)                                                                                                           \
    fail("the CUDA driver '", file, "' of version ", versionText(versionNumber), " lacks the function " #name);
  HYBRID_CUDA_FUNCTIONS(HYBRID_RESOLVE)
#undef HYBRID_RESOLVE
#define HYBRID_RESOLVE(name, ...) find(library, #name, name);
  HYBRID_EMULATOR_FUNCTIONS(HYBRID_RESOLVE)
#undef HYBRID_RESOLVE
}

std::string Driver::describe(CUresult result) const {
  const char *name = nullptr, *text = nullptr;
  if (cuGetErrorName(result, &name) != CUDA_SUCCESS || !name)
    return concat("CUDA error ", int(result));
  std::string description = name;
  const char *message = isEmulator() ? hybridEmulatorMessage() : nullptr;
  if (message && *message)
    return concat(description, ": ", message);
  if (cuGetErrorString(result, &text) == CUDA_SUCCESS && text)
    description += concat(" (", text, ")");
  return description;
}

void Driver::check(CUresult result, const std::string &doing) const {
  if (result != CUDA_SUCCESS)
    fail(doing, ": ", describe(result));
}

std::shared_ptr<const Driver> Driver::ofMachine() {
  std::vector<std::string> libraries = {"libcuda.so.1", "libcuda.so"};
  if (const char *chosen = std::getenv("HYBRID_CUDA_DRIVER"); chosen && *chosen)
    libraries = {chosen};
  return std::make_shared<Driver>(libraries,
                                  "install NVIDIA's driver, or use the device 'emulator', which needs no GPU");
}

std::shared_ptr<const Driver> Driver::ofEmulator() {
  Dl_info here;
  std::string folder;
  if (dladdr(reinterpret_cast<void *>(&versionText), &here) && here.dli_fname)
    folder = here.dli_fname;
  folder.resize(folder.rfind('/') == std::string::npos ? 0 : folder.rfind('/') + 1);
  return std::make_shared<Driver>(std::vector{folder + HYBRID_EMULATOR_LIBRARY},
                                  "the emulator is expected beside the runtime library: install or build it");
}
