#include "Fixture.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/JSON.h"
#include <cmath>
#include <cstring>
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;

template <typename T> static T load(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

fixture::Tensors fixture::readTensors(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.size() < 8)
    return {};
  uint64_t headerBytes = load<uint64_t>(bytes.data());
  const char *data = bytes.data() + 8 + headerBytes;
  llvm::json::Value header = llvm::cantFail(llvm::json::parse(StringRef(bytes).substr(8, headerBytes)));
  Tensors tensors;
  for (const auto &[name, entry] : *header.getAsObject()) {
    if (name == "__metadata__")
      continue;
    const llvm::json::Object &tensor = *entry.getAsObject();
    HostValue value;
    for (const llvm::json::Value &dim : *tensor.getArray("shape"))
      value.shape.push_back(*dim.getAsInteger());
    StringRef dtype = *tensor.getString("dtype");
    const char *at = data + *(*tensor.getArray("data_offsets"))[0].getAsInteger();
    for (int64_t i = 0; i < value.numElements(); ++i) {
      if (dtype == "F32")
        value.data.push_back(load<float>(at + 4 * i));
      else if (dtype == "I64")
        value.data.push_back(double(load<int64_t>(at + 8 * i)));
      else
        value.data.push_back(llvm::bit_cast<float>(uint32_t(load<uint16_t>(at + 2 * i)) << 16));
    }
    tensors[StringRef(name).str()] = std::move(value);
  }
  return tensors;
}

/// The map of a piece or a fold.
static double apply(StringAttr map, double value) {
  if (!map)
    return value;
  return map == "neg_exp" ? -std::exp(value) : 1 + value;
}

/// The tensor of a piece or a fold; an initialiser's is called by the parameter that it was written for.
static const HostValue &tensorOf(StringRef source, StringRef owner, const fixture::Tensors &tensors) {
  auto [initialiser, moved] = source.split('@');
  StringRef name = !initialiser.starts_with("init:") ? source : moved.empty() ? owner : moved;
  return tensors.at(name.str());
}

HostValue fixture::applyRecipe(ModuleOp module, StringRef name, const Tensors &tensors) {
  auto global = module.lookupSymbol<ml_program::GlobalOp>(name);
  HostValue value(cast<RankedTensorType>(global.getType()).getShape());
  int64_t columns = value.numElements() / value.shape[0];
  auto out = value.data.begin();
  for (auto piece : global->getAttrOfType<ArrayAttr>("hybrid.recipe").getAsRange<PieceAttr>()) {
    const HostValue &tensor = tensorOf(piece.getSource(), name, tensors);
    int64_t end = piece.getEnd() < 0 ? tensor.shape[0] : piece.getEnd();
    double scale = piece.getScale() ? piece.getScale().getValueAsDouble() : 1;
    std::vector<double> factors(columns, scale);
    if (piece.getColumnFolds())
      for (auto fold : piece.getColumnFolds().getAsRange<FoldAttr>()) {
        const std::vector<double> &weight = tensorOf(fold.getSource(), name, tensors).data;
        int64_t last = fold.getEnd() < 0 ? columns : fold.getEnd();
        for (int64_t c = fold.getBegin(); c < last; ++c)
          factors[c] *= apply(fold.getMap(), weight[(c - fold.getBegin()) % weight.size()]);
      }
    for (int64_t i = piece.getBegin() * columns; i < end * columns; ++i)
      *out++ = factors[i % columns] * apply(piece.getMap(), tensor.data[i]);
  }
  return value;
}
