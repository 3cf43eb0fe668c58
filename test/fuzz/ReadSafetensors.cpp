// Safetensors files: whatever the bytes, they are an error, or tensors whose every element can be read.
#include "lib/Artifact/Safetensors.h"
#include "InputFile.h"

using namespace hybridrt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const hybridfuzz::InputFolder folder;
  Result<Safetensors> file = Safetensors::open(folder.write("model.safetensors", data, size));
  if (!file)
    return 0;
  for (const auto &[name, view] : file->tensors()) {
    (void)view.describe();
    std::vector<float> values(view.elements());
    (void)capture([&] { view.readFloats(0, view.elements(), values.data()); });
  }
  return 0;
}
