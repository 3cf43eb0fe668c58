// Writing safetensors: the header first, then the tensors as they come; the file has its name once all are there.
#include "lib/Artifact/Safetensors.h"
#include <nlohmann/json.hpp>

using namespace hybridrt;

SafetensorsWriter::SafetensorsWriter(const std::string &path, std::vector<Tensor> tensors) : file(path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const Tensor &tensor : tensors) {
    uint64_t size = sizeOf(tensor.type);
    for (int64_t dim : tensor.shape)
      size *= dim;
    header[tensor.name] = {
        {"dtype", nameOf(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {missing, missing + size}}};
    missing += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // aligns the data
  uint64_t length = text.size();
  file.write(&length, 8);
  file.write(text.data(), text.size());
}

void SafetensorsWriter::append(const void *data, size_t size) {
  if (size > missing)
    fail("more data than the tensors' shapes hold");
  file.write(data, size);
  missing -= size;
}

void SafetensorsWriter::commit() {
  if (missing != 0)
    fail(missing, " bytes of the tensors' data were never written");
  file.commit();
}
