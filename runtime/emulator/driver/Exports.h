// Declares what the runtime calls just as it calls it: a definition with other parameters does not compile.
#ifndef HYBRID_RUNTIME_EMULATOR_DRIVER_EXPORTS_H
#define HYBRID_RUNTIME_EMULATOR_DRIVER_EXPORTS_H
#include "runtime/cuda/DriverApi.h"
#include "runtime/cuda/EmulatorApi.h"

namespace hybridrt::cuda {
#define HYBRID_DECLARE(name, parameters) extern "C" CUresult name parameters;
HYBRID_CUDA_FUNCTIONS(HYBRID_DECLARE)
#undef HYBRID_DECLARE
#define HYBRID_DECLARE(name, result, parameters) extern "C" result name parameters;
HYBRID_EMULATOR_FUNCTIONS(HYBRID_DECLARE)
#undef HYBRID_DECLARE
} // namespace hybridrt::cuda
#endif
