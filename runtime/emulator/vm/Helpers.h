// The functions that translated code calls, by name.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_HELPERS_H
#define HYBRID_RUNTIME_EMULATOR_VM_HELPERS_H
#include <span>

namespace hybridrt::emulator {

struct Helper {
  const char *name;
  void *address;
};
std::span<const Helper> helpers();

} // namespace hybridrt::emulator
#endif
