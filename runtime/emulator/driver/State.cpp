#include "runtime/emulator/driver/State.h"
#include <cerrno>
#include <cstring>
#include <sys/uio.h>
#include <unistd.h>

using namespace hybridrt;
using namespace hybridrt::driver;

State &driver::state() {
  // Never destroyed: programs call the driver from destructors of their own.
  static State &state = *new State;
  return state;
}

std::vector<std::shared_ptr<Context>> &driver::contextStack() {
  static thread_local std::vector<std::shared_ptr<Context>> stack;
  return stack;
}

std::shared_ptr<Context> driver::currentContext() {
  auto &stack = contextStack();
  if (stack.empty() || !stack.back())
    refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a current context, and this thread has none");
  if (!state().objects.contains(stack.back().get()))
    refuse(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the thread's context is destroyed");
  return stack.back();
}

std::shared_ptr<Stream> driver::findStream(CUstream handle) {
  if (!handle || handle == legacyStream() || handle == perThreadStream())
    return state().defaultStream;
  return findObject<Stream>(handle);
}

void driver::checkDevice(CUdevice device) {
  if (device != 0)
    refuse(CUDA_ERROR_INVALID_DEVICE, "expected device 0, the only one, got ", device);
}

bool driver::isDeviceMemory(uint64_t address, uint64_t bytes) {
  std::optional<emulator::Range> range = state().engine.rangeOf(address);
  return range && bytes <= range->end - address;
}

/// The kernel checks addresses for us; where it may not, they are taken on trust.
static void transfer(const void *local, const void *remote, uint64_t bytes, bool toRemote, const char *what) {
  for (uint64_t at = 0; at < bytes;) {
    iovec here{const_cast<char *>(static_cast<const char *>(local)) + at, bytes - at};
    iovec there{const_cast<char *>(static_cast<const char *>(remote)) + at, bytes - at};
    ssize_t done = toRemote ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                            : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (done < 0 && (errno == EPERM || errno == ENOSYS)) {
      if (toRemote)
        std::memcpy(there.iov_base, here.iov_base, bytes - at);
      else
        std::memcpy(here.iov_base, there.iov_base, bytes - at);
      return;
    }
    if (done <= 0)
      refuseValue("expected ", bytes, " bytes of memory for ", what, ", got address ", uint64_t(remote));
    at += uint64_t(done);
  }
}

void driver::readCaller(void *to, const void *from, uint64_t bytes, const char *what) {
  if (!from && bytes)
    refuseValue("expected a pointer for ", what, ", got NULL");
  transfer(to, from, bytes, false, what);
}

void driver::writeCaller(void *to, const void *from, uint64_t bytes, const char *what) {
  if (!to && bytes)
    refuseValue("expected a pointer for ", what, ", got NULL");
  transfer(from, to, bytes, true, what);
}
