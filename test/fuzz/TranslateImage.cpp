// What programs pass to the driver as a module, PTX or a fatbin: whatever the bytes, they are an error, or a module
// whose kernels all become LLVM IR that verifies. What comes after that is LLVM.
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/driver/Image.h"
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/jit/WgmmaRules.h"
#include "runtime/emulator/ptx/Parser.h"
#include <cstring>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>
#include <sys/mman.h>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {
/// Bytes that end where memory does, as no length is passed to a driver.
class BytesAtTheEnd {
public:
  BytesAtTheEnd(const uint8_t *data, size_t size) {
    room = (size + page - 1) / page * page;
    begin = static_cast<uint8_t *>(mmap(nullptr, room + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (begin == MAP_FAILED || (room && mprotect(begin, room, PROT_READ | PROT_WRITE)))
      std::abort();
    first = begin + room - size;
    std::copy_n(data, size, first);
  }
  ~BytesAtTheEnd() { munmap(begin, room + page); }
  BytesAtTheEnd(const BytesAtTheEnd &) = delete;
  const void *get() const { return first; }

private:
  static constexpr size_t page = 4096;
  size_t room;
  uint8_t *begin, *first;
};
} // namespace

static void translate(const Ptx &ptx, const Function &kernel) {
  Code code = buildCode(ptx, kernel);
  (void)describe(code);
  (void)checkWgmmaRules(code);
  llvm::LLVMContext context;
  llvm::Module module("kernel", context);
  Translator(code, module).run();
  if (llvm::verifyModule(module, &llvm::errs()))
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // PTX ends with a zero, which no seed has; a fatbin says how long it is.
  std::vector<uint8_t> bytes(data, data + size);
  bytes.push_back(0);
  BytesAtTheEnd image(bytes.data(), bytes.size());
  Result<std::string> text = capture([&] { return driver::readImage(image.get()); });
  if (!text)
    return 0;
  static Engine engine;
  if (!engine.load(*text, "fuzz"))
    return 0;
  std::unique_ptr<Ptx> ptx = parsePtx(*text, "fuzz").get();
  for (const Function &function : ptx->functions)
    if (function.isEntry && function.isDefined)
      (void)capture([&] { translate(*ptx, function); });
  return 0;
}
