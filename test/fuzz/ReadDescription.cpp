// YAML descriptions: whatever the bytes, they are an error, or a model whose IR verifies.
#include "FreshContext.h"
#include "InputFile.h"
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/ModelSpec.h"

using namespace mlir::hybrid;

/// Building more layers of the same kinds takes time and finds nothing.
static constexpr size_t mostBlocks = 8;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const hybridfuzz::InputFolder folder;
  static hybridfuzz::FreshContext contexts;
  std::string path = folder.write("model.yaml", data, size);
  llvm::Expected<ModelSpec> spec = readDescription(path);
  if (!spec)
    llvm::consumeError(spec.takeError());
  else if (spec->blocks.size() <= mostBlocks)
    llvm::consumeError(importModel(contexts.next(), path).takeError());
  return 0;
}
