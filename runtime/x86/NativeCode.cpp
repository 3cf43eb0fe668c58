#include "runtime/x86/NativeCode.h"
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace hybridrt;
using namespace hybridrt::artifact;

/// The module to load, or null. Levels that this runtime does not know are newer than it, and not for it.
static const ModuleT *choose(const ProgramT &program, CpuLevel most) {
  const ModuleT *best = nullptr;
  int bestLevel = 0;
  for (auto &module : program.modules)
    for (CpuLevel level : {CpuLevel::v1, CpuLevel::v3, CpuLevel::v4})
      if (module->level == nameOf(level) && level <= most && int(level) > bestLevel) {
        best = module.get();
        bestLevel = int(level);
      }
  return best;
}

NativeCode::NativeCode(const ProgramT &program, CpuLevel level) {
  const ModuleT *module = choose(program, level);
  if (!module) {
    std::string levels;
    for (auto &m : program.modules)
      levels += " " + m->level;
    fail("the artifact has no code for ", nameOf(level), " or lower, only for", levels);
  }
  levelName = module->level;
  // The descriptor stays open while the library is loaded: the loader knows libraries by path, and a second
  // one under the same number would be taken for the first.
  descriptor = memfd_create("hybrid-kernels", MFD_CLOEXEC);
  if (descriptor < 0)
    fail("cannot make a memory file for the kernels: ", std::strerror(errno));
  const uint8_t *next = module->code.data();
  for (size_t rest = module->code.size(); rest > 0;) {
    ssize_t written = write(descriptor, next, rest);
    if (written <= 0) {
      close(descriptor);
      fail("cannot store ", module->code.size(), " bytes of kernels in memory: ", std::strerror(errno));
    }
    next += written;
    rest -= written;
  }
  library = dlopen(concat("/proc/self/fd/", descriptor).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::string reason = dlerror();
    close(descriptor);
    fail("cannot load the kernels for ", levelName, ": ", reason);
  }
  for (auto &kernel : program.kernels) {
    void *symbol = dlsym(library, kernel->symbol.c_str());
    if (!symbol) {
      dlclose(library);
      close(descriptor);
      fail("the artifact's code for ", levelName, " lacks the kernel '", kernel->symbol, "'");
    }
    functions.push_back(reinterpret_cast<KernelFunction>(symbol));
  }
}

NativeCode::~NativeCode() {
  dlclose(library);
  close(descriptor);
}
