// libFuzzer's entry to the emulator's PTX parser: whatever the bytes, it returns a module or an error.
#include "runtime/emulator/ptx/Parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)hybridrt::emulator::parsePtx({reinterpret_cast<const char *>(data), size}, "fuzz");
  return 0;
}
