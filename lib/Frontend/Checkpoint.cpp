#include "Checkpoint.h"
#include "Json.h"
#include "dialects/Hybrid/Hybrid.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

static std::string inFolder(StringRef folder, StringRef file) {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

const CheckpointTensor *Checkpoint::find(StringRef name) const {
  auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

static int64_t bytesPerElement(StringRef dtype) {
  return llvm::StringSwitch<int64_t>(dtype)
      .Cases({"F64", "I64", "U64"}, 8)
      .Cases({"F32", "I32", "U32"}, 4)
      .Cases({"F16", "BF16", "I16", "U16"}, 2)
      .Cases({"F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"}, 1)
      .Default(0);
}

/// A tensor's entry of a header: {"dtype": .., "shape": [..], "data_offsets": [begin, end]}.
static Error readTensor(const llvm::json::Value &value, uint64_t dataBytes, CheckpointTensor &tensor,
                        std::pair<uint64_t, uint64_t> &range) {
  const llvm::json::Object *entry = value.getAsObject();
  const llvm::json::Array *shape = entry ? entry->getArray("shape") : nullptr;
  const llvm::json::Array *offsets = entry ? entry->getArray("data_offsets") : nullptr;
  std::optional<StringRef> dtype = entry ? entry->getString("dtype") : std::nullopt;
  if (!shape || !offsets || offsets->size() != 2 || !dtype)
    return textError("expected 'dtype', 'shape' and two 'data_offsets'");
  tensor.dtype = dtype->str();
  uint64_t bytes = bytesPerElement(*dtype);
  if (bytes == 0)
    return textError("unknown dtype '" + *dtype + "'");
  for (const llvm::json::Value &dim : *shape) {
    std::optional<int64_t> size = dim.getAsInteger();
    if (!size || *size < 0)
      return textError("expected dims that are not negative");
    tensor.shape.push_back(*size);
    if (__builtin_mul_overflow(bytes, uint64_t(*size), &bytes))
      return textError("expected a size that fits in 64 bits");
  }
  std::optional<int64_t> begin = (*offsets)[0].getAsInteger(), end = (*offsets)[1].getAsInteger();
  if (!begin || !end || *begin < 0 || *end < *begin || uint64_t(*end) > dataBytes)
    return textError("expected 'data_offsets' within the file's " + Twine(dataBytes) + " bytes of data");
  if (uint64_t(*end - *begin) != bytes)
    return textError("expected " + Twine(bytes) + " bytes for its dtype and shape, got " +
                     Twine(*end - *begin));
  range = {*begin, *end};
  return Error::success();
}

Error Checkpoint::addFile(const std::string &path) {
  auto fail = [&](const Twine &message) { return textError(path + ": error: " + message); };
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    return fail("expected a readable safetensors file");
  uint64_t fileBytes = file.tellg();
  char sizeBytes[8];
  file.seekg(0);
  if (fileBytes < 8 || !file.read(sizeBytes, 8))
    return fail("expected a safetensors file, got " + Twine(fileBytes) + " bytes");
  uint64_t headerBytes = llvm::support::endian::read64le(sizeBytes);
  constexpr uint64_t maxHeader = 100u << 20;
  if (headerBytes > maxHeader || headerBytes > fileBytes - 8)
    return fail("expected a safetensors header within the file's " + Twine(fileBytes) +
                " bytes, got one of " + Twine(headerBytes) + ": truncated, or not safetensors");
  std::string header(headerBytes, '\0');
  if (!file.read(header.data(), headerBytes))
    return fail("expected a readable safetensors header");
  TextLimits limits;
  limits.maxBytes = maxHeader;
  if (std::optional<TextError> error = scanText(header, TextFormat::json, limits))
    return fail("safetensors header: " + error->message);
  Expected<llvm::json::Value> value = llvm::json::parse(header);
  if (!value)
    return fail("expected JSON in the safetensors header: " + llvm::toString(value.takeError()));
  const llvm::json::Object *entries = value->getAsObject();
  if (!entries)
    return fail("expected a JSON object in the safetensors header");

  uint64_t dataBytes = fileBytes - 8 - headerBytes;
  SmallVector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto &[name, entry] : *entries) {
    if (name == "__metadata__")
      continue;
    CheckpointTensor tensor;
    tensor.file = path;
    if (Error error = readTensor(entry, dataBytes, tensor, ranges.emplace_back()))
      return fail("tensor '" + StringRef(name) + "': " + llvm::toString(std::move(error)));
    if (!tensors.try_emplace(StringRef(name), std::move(tensor)).second)
      return fail("tensor '" + StringRef(name) + "' is in '" + find(StringRef(name))->file + "' as well");
  }
  llvm::sort(ranges);
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second)
      return fail("expected tensors that do not overlap, got two at byte " + Twine(ranges[i].first) +
                  " of the data");
  return Error::success();
}

Expected<Checkpoint> Checkpoint::open(StringRef folder) {
  Checkpoint checkpoint;
  std::string single = inFolder(folder, "model.safetensors"), index = single + ".index.json";
  if (llvm::sys::fs::exists(index)) {
    checkpoint.description = index;
    Expected<JsonFile> json = readJsonObject(index);
    if (!json)
      return json.takeError();
    const llvm::json::Object *map = json->object.getObject("weight_map");
    if (!map)
      return json->errorAt("weight_map", "expected 'weight_map', an object from tensors to files");
    llvm::StringSet<> files;
    for (const auto &[name, file] : *map) {
      std::optional<StringRef> fileName = file.getAsString();
      if (!fileName || llvm::sys::path::filename(*fileName) != *fileName)
        return json->errorAt(StringRef(name), "expected the name of a file in the same folder");
      if (files.insert(*fileName).second)
        if (Error error = checkpoint.addFile(inFolder(folder, *fileName)))
          return error;
    }
    for (const auto &[name, file] : *map)
      if (!checkpoint.has(StringRef(name)))
        return json->errorAt(StringRef(name), "expected tensor '" + StringRef(name) + "' in '" +
                                                  *file.getAsString() + "', which does not hold it");
    return checkpoint;
  }
  checkpoint.description = single;
  if (!llvm::sys::fs::exists(single))
    return textError(folder +
                     ": error: expected weights: neither model.safetensors nor model.safetensors.index.json "
                     "is there");
  if (Error error = checkpoint.addFile(single))
    return error;
  return checkpoint;
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(dim);
  return text + "]";
}

/// A tensor as its rows, the way pieces read it: a vector has rows of one column.
static std::pair<int64_t, int64_t> rowsAndColumns(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return {1, 1};
  int64_t columns = 1;
  for (int64_t dim : shape.drop_front())
    columns *= dim;
  return {shape.front(), columns};
}

Error mlir::hybrid::checkParameters(ModuleOp module, const Checkpoint &checkpoint) {
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe");
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!recipe || !type)
      continue;
    auto [rows, columns] = rowsAndColumns(type.getShape());
    int64_t found = 0;
    std::string sources;
    llvm::MapVector<StringRef, int64_t> taken;
    for (auto piece : recipe.getAsRange<PieceAttr>()) {
      if (piece.getSource().starts_with("init:"))
        return Error::success();
      auto fail = [&](StringRef file, const Twine &message) {
        return textError(file + ": error: tensor '" + piece.getSource() + "': " + message +
                         " (for parameter '" + global.getSymName() + "')");
      };
      const CheckpointTensor *tensor = checkpoint.find(piece.getSource());
      if (!tensor)
        return fail(checkpoint.describe(), "expected it in the checkpoint, found no tensor of that name");
      if (tensor->dtype != "F32" && tensor->dtype != "BF16" && tensor->dtype != "F16")
        return fail(tensor->file, "expected dtype F32, BF16 or F16, found " + tensor->dtype);
      auto [tensorRows, tensorColumns] = rowsAndColumns(tensor->shape);
      if (tensorColumns != columns)
        return fail(tensor->file, "expected " + Twine(columns) + " elements per row, found shape " +
                                      shapeText(tensor->shape));
      int64_t end = piece.getEnd() < 0 ? tensorRows : piece.getEnd();
      if (end > tensorRows)
        return fail(tensor->file,
                    "expected at least " + Twine(end) + " rows, found shape " + shapeText(tensor->shape));
      found += end - piece.getBegin();
      taken[piece.getSource()] += end - piece.getBegin();
      sources += (sources.empty() ? "'" : " + '") + piece.getSource().str() + "' " + shapeText(tensor->shape);
    }
    for (auto [source, count] : taken) {
      const CheckpointTensor &tensor = *checkpoint.find(source);
      if (count != rowsAndColumns(tensor.shape).first)
        return textError(tensor.file + ": error: tensor '" + source + "': expected " + Twine(count) +
                         " rows, found shape " + shapeText(tensor.shape) + " (for parameter '" +
                         global.getSymName() + "')");
    }
    if (found != rows)
      return textError(checkpoint.describe() + ": error: parameter '" + global.getSymName() + "': expected " +
                       Twine(rows) + " rows, found " + Twine(found) + " in " + sources);
  }
  return Error::success();
}
