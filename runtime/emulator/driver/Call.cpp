#include "runtime/emulator/driver/Call.h"
#include "runtime/emulator/driver/State.h"
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

using namespace hybridrt;
using namespace hybridrt::driver;

static std::mutex driverLock;
static thread_local std::string message;

const char *driver::lastMessage() { return message.c_str(); }

static CUresult failed(CUresult code, const char *name, const char *what) {
  message = concat(name, ": ", what);
  static const bool verbose = std::getenv("HYBRID_EMULATOR_VERBOSE") != nullptr;
  if (verbose)
    std::fprintf(stderr, "emulator: %s\n", message.c_str());
  return code;
}

CUresult driver::call(const char *name, const std::function<void()> &body) {
  std::lock_guard lock(driverLock);
  try {
    body();
    return CUDA_SUCCESS;
  } catch (const Refusal &refusal) {
    return failed(refusal.code, name, refusal.what());
  } catch (const std::bad_alloc &) {
    return failed(CUDA_ERROR_OUT_OF_MEMORY, name, "the host's memory is full");
  } catch (const std::exception &error) {
    return failed(CUDA_ERROR_UNKNOWN, name, error.what());
  }
}

CUresult driver::callInitialised(const char *name, const std::function<void()> &body) {
  return call(name, [&] {
    if (!state().initialised)
      refuse(CUDA_ERROR_NOT_INITIALIZED, "expected cuInit before this call");
    body();
  });
}

CUresult driver::callInContext(const char *name, const std::function<void()> &body) {
  return callInitialised(name, [&] {
    currentContext();
    body();
  });
}

Unlocked::Unlocked() { driverLock.unlock(); }
Unlocked::~Unlocked() { driverLock.lock(); }
