// Tensor maps that kernels write themselves, a field at a time.
#ifndef HYBRID_RUNTIME_EMULATOR_TENSORMAPFIELDS_H
#define HYBRID_RUNTIME_EMULATOR_TENSORMAPFIELDS_H
#include <cstdint>

namespace hybridrt::emulator {

/// The fields of tensormap.replace.
enum class MapField : uint32_t { Address, Rank, Box, Size, Stride, ElementStride, Element, Interleave, Swizzle, Fill };

/// Replaces a field of the 128 bytes at `map`, which may be all zeros before; `ordinal` is the dimension.
void replaceField(void *map, MapField field, uint32_t ordinal, uint64_t value);

} // namespace hybridrt::emulator
#endif
