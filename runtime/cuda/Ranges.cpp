#include "runtime/cuda/Ranges.h"
#include <dlfcn.h>

using namespace hybridrt::cuda;

namespace {
struct Library {
  int (*push)(const char *) = nullptr;
  int (*pop)() = nullptr;

  Library() {
    void *library = dlopen("libnvToolsExt.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return;
    auto *foundPush = reinterpret_cast<int (*)(const char *)>(dlsym(library, "nvtxRangePushA"));
    auto *foundPop = reinterpret_cast<int (*)()>(dlsym(library, "nvtxRangePop"));
    if (foundPush && foundPop) {
      push = foundPush;
      pop = foundPop;
    }
  }
};
} // namespace

static const Library &library() {
  static Library found;
  return found;
}

NamedRange::NamedRange(const char *name) {
  if (library().push)
    library().push(name);
}

NamedRange::~NamedRange() {
  if (library().pop)
    library().pop();
}
