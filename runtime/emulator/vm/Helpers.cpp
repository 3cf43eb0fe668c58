// Only addresses are taken here; the signatures stand beside the definitions and in the emit functions.
#include "runtime/emulator/vm/Helpers.h"

#define HELPER(name) extern "C" void emu_##name();
#include "runtime/emulator/vm/Helpers.def"
#undef HELPER

std::span<const hybridrt::emulator::Helper> hybridrt::emulator::helpers() {
#define HELPER(name) {"emu_" #name, reinterpret_cast<void *>(&emu_##name)},
  static const Helper table[] = {
#include "runtime/emulator/vm/Helpers.def"
  };
#undef HELPER
  return table;
}
