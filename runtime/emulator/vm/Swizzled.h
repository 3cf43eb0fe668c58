// Shared-memory swizzles: bits 4 to 6 of an address are exchanged by bits 7 to 9 of the same address.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_SWIZZLED_H
#define HYBRID_RUNTIME_EMULATOR_VM_SWIZZLED_H
#include <cstdint>

namespace hybridrt::emulator {

/// `pattern`: 0 none, 1 to 3 for spans of 32, 64 and 128 bytes.
inline uint32_t swizzled(uint32_t address, uint32_t pattern) {
  return address ^ ((address >> 7 & ((1u << pattern) - 1)) << 4);
}

} // namespace hybridrt::emulator
#endif
