// How addresses of the state spaces look as generic ones. A shared address is 32 bits: bits 24 and up hold the rank
// in the cluster plus one, 0 for the CTA's own.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_ADDRESSES_H
#define HYBRID_RUNTIME_EMULATOR_VM_ADDRESSES_H
#include <cstdint>

namespace hybridrt::emulator {

/// Also how translated code names a space to the helpers.
enum class Space : uint32_t { Generic, Global, Shared, Local, Parameter };

constexpr uint64_t windowBytes = uint64_t(1) << 40;
constexpr uint64_t sharedWindow = 0x0000700000000000, localWindow = sharedWindow + windowBytes,
                   parameterWindow = localWindow + windowBytes, codeWindow = parameterWindow + windowBytes;
/// The first address of shared memory; below it nothing is valid, so that a null pointer is found.
constexpr uint32_t sharedBase = 1024;
constexpr uint32_t rankShift = 24, offsetMask = (1u << rankShift) - 1;

/// Where the dynamically sized variables begin, aligned as swizzled tiles want it.
constexpr uint32_t dynamicSharedBase(uint32_t staticBytes) { return (sharedBase + staticBytes + 1023) / 1024 * 1024; }

constexpr Space spaceOf(uint64_t address) {
  return address - sharedWindow < windowBytes      ? Space::Shared
         : address - localWindow < windowBytes     ? Space::Local
         : address - parameterWindow < windowBytes ? Space::Parameter
                                                   : Space::Global;
}

} // namespace hybridrt::emulator
#endif
