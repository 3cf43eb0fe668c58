// What the emulator exports beside the driver API. A driver library that lacks these is NVIDIA's.
#ifndef HYBRID_RUNTIME_CUDA_EMULATORAPI_H
#define HYBRID_RUNTIME_CUDA_EMULATORAPI_H

namespace hybridrt::cuda {

struct EmulatorCount {
  const char *name; ///< such as "global sectors"; lives as long as the library
  unsigned long long value;
};

/// X(symbol, result, parameters).
/// hybridEmulatorMessage: what the last failed call of this thread was about; empty if none failed.
/// hybridEmulatorTakeCounts: what launches have counted since the last call; fills at most `capacity` entries and
/// returns how many there are.
#define HYBRID_EMULATOR_FUNCTIONS(X)                                                                                   \
  X(hybridEmulatorMessage, const char *, ())                                                                           \
  X(hybridEmulatorTakeCounts, unsigned, (EmulatorCount * counts, unsigned capacity))

} // namespace hybridrt::cuda
#endif
