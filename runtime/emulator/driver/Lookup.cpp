// Names of errors and of functions: how programs that load the driver at run time find their way.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/State.h"
#include <dlfcn.h>

using namespace hybridrt;
using namespace hybridrt::driver;

namespace {
struct ErrorText {
  CUresult code;
  const char *name, *text;
};
#define HYBRID_ERROR(name, text) {name, #name, text}
constexpr ErrorText errorTexts[] = {
    HYBRID_ERROR(CUDA_SUCCESS, "no error"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
    HYBRID_ERROR(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
    HYBRID_ERROR(CUDA_ERROR_NOT_INITIALIZED, "the driver is not initialised"),
    HYBRID_ERROR(CUDA_ERROR_NO_DEVICE, "no device"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_DEVICE, "no such device"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_IMAGE, "the module's image is damaged"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_CONTEXT, "no context is current, or an invalid one"),
    HYBRID_ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU, "the module has no code for this device"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_PTX, "the PTX is invalid"),
    HYBRID_ERROR(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the PTX is of a later version"),
    HYBRID_ERROR(CUDA_ERROR_FILE_NOT_FOUND, "no such file"),
    HYBRID_ERROR(CUDA_ERROR_OPERATING_SYSTEM, "the operating system refused"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_HANDLE, "invalid handle"),
    HYBRID_ERROR(CUDA_ERROR_ILLEGAL_STATE, "the object is not in a state for this"),
    HYBRID_ERROR(CUDA_ERROR_NOT_FOUND, "no such name"),
    HYBRID_ERROR(CUDA_ERROR_NOT_READY, "not completed yet"),
    HYBRID_ERROR(CUDA_ERROR_ILLEGAL_ADDRESS, "a kernel accessed an illegal address"),
    HYBRID_ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "a launch needs more than the device has"),
    HYBRID_ERROR(CUDA_ERROR_LAUNCH_TIMEOUT, "a launch took too long"),
    HYBRID_ERROR(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "the primary context is active"),
    HYBRID_ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context is destroyed"),
    HYBRID_ERROR(CUDA_ERROR_ASSERT, "a kernel's assertion failed"),
    HYBRID_ERROR(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "the memory is registered already"),
    HYBRID_ERROR(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "the memory is not registered"),
    HYBRID_ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION, "a kernel ran an illegal instruction"),
    HYBRID_ERROR(CUDA_ERROR_MISALIGNED_ADDRESS, "a kernel accessed a misaligned address"),
    HYBRID_ERROR(CUDA_ERROR_LAUNCH_FAILED, "a launch failed"),
    HYBRID_ERROR(CUDA_ERROR_NOT_PERMITTED, "not permitted"),
    HYBRID_ERROR(CUDA_ERROR_NOT_SUPPORTED, "not supported"),
    HYBRID_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "not possible while a stream is captured"),
    HYBRID_ERROR(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture is no longer valid"),
    HYBRID_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in another stream"),
    HYBRID_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "a stream of the capture was not joined"),
    HYBRID_ERROR(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the default stream depends on a capture"),
    HYBRID_ERROR(CUDA_ERROR_CAPTURED_EVENT, "the event is part of a capture"),
    HYBRID_ERROR(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "the executable graph cannot be updated so"),
    HYBRID_ERROR(CUDA_ERROR_INVALID_CLUSTER_SIZE, "invalid size of a cluster"),
    HYBRID_ERROR(CUDA_ERROR_UNKNOWN, "unknown error"),
};
#undef HYBRID_ERROR
} // namespace

static CUresult errorText(const char *function, CUresult error, const char **text, const char *ErrorText::*member) {
  return call(function, [&] {
    need(text, "text");
    *text = nullptr;
    for (const ErrorText &known : errorTexts)
      if (known.code == error)
        *text = known.*member;
    if (!*text)
      refuseValue("expected an error code, got ", unsigned(error));
  });
}

/// The newest function of a name whose parameters a program of CUDA version `version` knows.
static void *findFunction(const std::string &name, int version) {
  static void *const self = [] {
    Dl_info here;
    return dladdr(reinterpret_cast<void *>(&findFunction), &here) ? dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                                                                  : nullptr;
  }();
  if (!self || !name.starts_with("cu"))
    return nullptr;
  const struct {
    const char *suffix;
    int since;
  } versions[] = {{"_v4", 12050}, {"_v2", 3020}, {"", 0}};
  for (auto &[suffix, since] : versions)
    if (version >= since)
      if (void *function = dlsym(self, (name + suffix).c_str()))
        return function;
  return nullptr;
}

extern "C" {

CUresult cuGetErrorName(CUresult error, const char **text) {
  return errorText("cuGetErrorName", error, text, &ErrorText::name);
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  return errorText("cuGetErrorString", error, text, &ErrorText::text);
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                             CUdriverProcAddressQueryResult *status) {
  return call("cuGetProcAddress", [&] {
    need(symbol, "symbol");
    need(function, "function");
    *function = findFunction(symbol, version);
    if (status)
      *status = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    if (!*function)
      refuse(CUDA_ERROR_NOT_FOUND, "the emulator has no function '", symbol, "'");
  });
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}

CUresult cuGetExportTable(const void **table, const CUuuid *id) {
  return call("cuGetExportTable", [] { refuse(CUDA_ERROR_NOT_FOUND, "the emulator has no private tables"); });
}

CUresult cuProfilerStart() {
  return callInContext("cuProfilerStart", [] {});
}

CUresult cuProfilerStop() {
  return callInContext("cuProfilerStop", [] {});
}

} // extern "C"
