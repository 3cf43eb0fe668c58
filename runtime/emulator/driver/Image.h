// From what a program passes as a module to the PTX in it: PTX itself, or the containers that nvcc makes.
#ifndef HYBRID_RUNTIME_EMULATOR_DRIVER_IMAGE_H
#define HYBRID_RUNTIME_EMULATOR_DRIVER_IMAGE_H
#include "runtime/emulator/driver/State.h"
#include <span>

namespace hybridrt::driver {

/// The PTX at an address of the caller, which may be anything; refuses what has none.
std::string readImage(const void *image);

/// Decodes one LZ4 block; refuses damaged ones.
std::string decodeLz4(std::span<const uint8_t> block, size_t size);

} // namespace hybridrt::driver
#endif
