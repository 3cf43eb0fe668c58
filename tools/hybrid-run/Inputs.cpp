#include "tools/hybrid-run/Inputs.h"
#include "lib/Artifact/Safetensors.h"
#include <algorithm>
#include <cstring>

using namespace hybridrt;

static std::vector<int64_t> readIntegers(const Safetensors &file, const std::string &name) {
  const TensorView &tensor = *file.find(name);
  if (tensor.type != ElementType::i64 && tensor.type != ElementType::i32)
    fail("'", file.path(), "': '", name, "': expected integers (I64 or I32), found ", tensor.describe());
  std::vector<int64_t> values(tensor.elements());
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == ElementType::i64) {
      std::memcpy(&values[i], tensor.bytes.data() + 8 * i, 8);
    } else {
      int32_t value;
      std::memcpy(&value, tensor.bytes.data() + 4 * i, 4);
      values[i] = value;
    }
  }
  return values;
}

int64_t Inputs::longest() const {
  int64_t most = 0;
  for (size_t b = 0; b < count(); ++b)
    most = std::max(most, length(b));
  return most;
}

Inputs readInputs(const std::string &path, int64_t vocab) {
  Safetensors file = Safetensors::open(path).get();
  const TensorView *tensor = file.find("input_ids");
  if (!tensor)
    fail("'", path, "': expected a tensor 'input_ids'");
  std::vector<int64_t> ids = readIntegers(file, "input_ids");
  Inputs inputs;
  inputs.shape = tensor->shape;
  if (ids.empty() || ids.size() > INT32_MAX)
    fail("'", path, "': expected between 1 and ", INT32_MAX, " tokens in 'input_ids', found ", ids.size());
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= vocab)
      fail("'", path, "': input_ids[", i, "] is ", ids[i], ", expected a token of the vocabulary, 0 to ", vocab - 1);
  inputs.ids.assign(ids.begin(), ids.end());
  bool ragged = file.find("offsets");
  if (inputs.shape.size() == 2 && !ragged) {
    for (int64_t b = 0; b <= inputs.shape[0]; ++b)
      inputs.offsets.push_back(int32_t(b * inputs.shape[1]));
  } else if (inputs.shape.size() == 1 && ragged) {
    std::vector<int64_t> offsets = readIntegers(file, "offsets");
    if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != int64_t(ids.size()))
      fail("'", path, "': expected 'offsets' to go from 0 to the number of tokens, ", ids.size());
    for (size_t b = 0; b + 1 < offsets.size(); ++b)
      if (offsets[b + 1] <= offsets[b] || offsets[b + 1] > int64_t(ids.size()))
        fail("'", path, "': expected ascending 'offsets', but sequence ", b, " goes from ", offsets[b], " to ",
             offsets[b + 1]);
    inputs.offsets.assign(offsets.begin(), offsets.end());
  } else {
    fail("'", path, "': expected 'input_ids' [B, S], or 'input_ids' [T] with 'offsets' [B + 1], found 'input_ids' of ",
         inputs.shape.size(), " dimensions ", ragged ? "with" : "without", " 'offsets'");
  }
  return inputs;
}

std::vector<int64_t> completeChunks(const std::vector<int64_t> &chunks, int64_t length) {
  std::vector<int64_t> result;
  int64_t at = 0;
  for (int64_t chunk : chunks) {
    if (chunk <= 0)
      fail("--chunks: expected positive sizes, got ", chunk);
    if (chunk > length - at)
      fail("--chunks: ", at, " + ", chunk, " tokens are more than the ", length, " of the input");
    at += chunk;
    result.push_back(chunk);
  }
  if (at < length)
    result.push_back(length - at);
  return result;
}
