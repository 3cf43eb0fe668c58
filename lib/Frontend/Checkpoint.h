// The tensors of a Hugging Face folder: which there are, of which type and shape, in which file. No weights
// are read.
#ifndef HYBRID_LIB_FRONTEND_CHECKPOINT_H
#define HYBRID_LIB_FRONTEND_CHECKPOINT_H
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir {
class ModuleOp;
}
namespace mlir::hybrid {

struct CheckpointTensor {
  /// As safetensors spells it: "F32", "BF16", ...
  std::string dtype;
  llvm::SmallVector<int64_t> shape;
  std::string file;
};

class Checkpoint {
public:
  /// Reads the headers of `model.safetensors`, or of the files that `model.safetensors.index.json` lists.
  static llvm::Expected<Checkpoint> open(llvm::StringRef folder);

  /// Null if there is no such tensor.
  const CheckpointTensor *find(llvm::StringRef name) const;
  bool has(llvm::StringRef name) const { return find(name); }
  /// The files, for messages.
  llvm::StringRef describe() const { return description; }

private:
  llvm::Error addFile(const std::string &path);

  llvm::StringMap<CheckpointTensor> tensors;
  std::string description;
};

/// Checks every piece of every parameter of the model form against the checkpoint: that the tensor exists,
/// has a float type that can be read, and has the rows and columns that the parameter needs.
llvm::Error checkParameters(ModuleOp module, const Checkpoint &checkpoint);

} // namespace mlir::hybrid
#endif
