// config.json of Hugging Face folders: whatever the bytes, they are an error, or a model whose IR verifies.
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
  // Weights of the right form and nothing that a model asks for: the last step, comparing shapes, runs and fails.
  static const std::string weights = [] {
    std::string header = R"({"model.embed_tokens.weight":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}})";
    uint64_t length = header.size();
    std::string bytes = std::string(reinterpret_cast<const char *>(&length), sizeof length) + header + "\0\0";
    bytes.resize(sizeof length + header.size() + 2);
    return folder.write("model.safetensors", bytes.data(), bytes.size());
  }();
  folder.write("config.json", data, size);
  llvm::Expected<ModelSpec> spec = readHuggingFace(folder.path());
  if (!spec)
    llvm::consumeError(spec.takeError());
  else if (spec->blocks.size() <= mostBlocks)
    llvm::consumeError(importModel(contexts.next(), folder.path()).takeError());
  return 0;
}
