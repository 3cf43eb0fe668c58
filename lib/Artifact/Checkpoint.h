// A model's weights: one safetensors file, or a folder of them.
#ifndef HYBRID_ARTIFACT_CHECKPOINT_H
#define HYBRID_ARTIFACT_CHECKPOINT_H
#include "lib/Artifact/Safetensors.h"

namespace hybridrt {

class Checkpoint {
public:
  /// `path` is a safetensors file, or a folder with model.safetensors or, for shards,
  /// model.safetensors.index.json.
  static Result<Checkpoint> open(const std::string &path);

  /// Null if there is none of that name.
  const TensorView *find(const std::string &name) const;
  /// The file that holds a tensor; the path given to open() if there is no such tensor.
  const std::string &fileOf(const std::string &name) const;
  /// All tensors of all files by name.
  const std::map<std::string, const TensorView *> &tensors() const { return index; }
  const std::string &path() const { return where; }
  /// Names this content without reading it: headers, sizes, times of change.
  uint64_t identity() const;

private:
  Checkpoint() = default;
  void addFile(const std::string &path);
  std::string where;
  /// Views point into the files, whose nodes do not move.
  std::map<std::string, Safetensors> files;
  std::map<std::string, const TensorView *> index;
};

} // namespace hybridrt
#endif
