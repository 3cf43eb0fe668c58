// How every function of the driver interface runs: one at a time, and whatever goes wrong becomes an error code and
// a message.
#ifndef HYBRID_RUNTIME_EMULATOR_DRIVER_CALL_H
#define HYBRID_RUNTIME_EMULATOR_DRIVER_CALL_H
#include "lib/Artifact/Result.h"
#include "runtime/cuda/DriverApi.h"
#include <functional>

namespace hybridrt::driver {
using namespace cuda;

/// Ends a call with an error code.
class Refusal : public Error {
public:
  Refusal(CUresult code, const std::string &message) : Error(message), code(code) {}
  const CUresult code;
};

template <typename... Parts> [[noreturn]] void refuse(CUresult code, const Parts &...parts) {
  throw Refusal(code, concat(parts...));
}
/// The same with CUDA_ERROR_INVALID_VALUE.
template <typename... Parts> [[noreturn]] void refuseValue(const Parts &...parts) {
  refuse(CUDA_ERROR_INVALID_VALUE, parts...);
}

/// Runs the body of the function `name` under the driver's lock. What it throws is the result; the message stays with
/// the thread.
CUresult call(const char *name, const std::function<void()> &body);
/// The same for functions that need cuInit, or that and a current context.
CUresult callInitialised(const char *name, const std::function<void()> &body);
CUresult callInContext(const char *name, const std::function<void()> &body);

/// Lets other threads in while it lives: around kernels and the caller's own functions.
class Unlocked {
public:
  Unlocked();
  ~Unlocked();
  Unlocked(const Unlocked &) = delete;
};

/// Refuses null pointers.
template <typename Pointer> void need(Pointer *pointer, const char *what) {
  if (!pointer)
    refuseValue("expected a pointer for '", what, "', got NULL");
}

/// What the last failed call of this thread was about.
const char *lastMessage();

} // namespace hybridrt::driver
#endif
