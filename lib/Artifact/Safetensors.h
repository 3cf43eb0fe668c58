// The safetensors format: an 8-byte header size, a JSON header, the tensors' bytes.
#ifndef HYBRID_ARTIFACT_SAFETENSORS_H
#define HYBRID_ARTIFACT_SAFETENSORS_H
#include "lib/Artifact/File.h"
#include "lib/Artifact/Result.h"
#include <map>
#include <string>
#include <vector>

namespace hybridrt {

/// Element types that we compute with; `other` is any other that the format knows (its bytes are never looked
/// at).
enum class ElementType : uint8_t { f32, bf16, f16, i64, i32, other };
const char *nameOf(ElementType type);
size_t sizeOf(ElementType type);

/// A tensor in a mapped file.
struct TensorView {
  ElementType type = ElementType::other;
  /// As the header spells it, such as "BF16".
  std::string typeName;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t elements() const;
  /// "BF16 [768, 64]".
  std::string describe() const;
  /// Copies elements [begin, begin + count) of a floating-point tensor as f32.
  void readFloats(int64_t begin, int64_t count, float *out) const;
};

/// One file. Its header is checked completely by open(): sizes, types, shapes, and that the tensors cover the
/// data without gaps or overlaps.
class Safetensors {
public:
  static Result<Safetensors> open(const std::string &path);

  const std::map<std::string, TensorView> &tensors() const { return views; }
  /// Null if there is none of that name.
  const TensorView *find(const std::string &name) const;
  const std::string &path() const { return file.path(); }
  /// Hash of the header, the file's size and the time of its last change.
  uint64_t identity() const { return identityHash; }

private:
  explicit Safetensors(MappedFile file) : file(std::move(file)) {}
  void parse();
  MappedFile file;
  std::map<std::string, TensorView> views;
  uint64_t identityHash = 0;
};

/// Writes tensors whose data may be produced piece by piece: all shapes first, then the data in the same
/// order.
class SafetensorsWriter {
public:
  struct Tensor {
    std::string name;
    ElementType type;
    std::vector<int64_t> shape;
  };
  SafetensorsWriter(const std::string &path, std::vector<Tensor> tensors);
  /// The next bytes of the data section.
  void append(const void *data, size_t size);
  /// Renames the file into its place; an Error if bytes are missing.
  void commit();

private:
  FileWriter file;
  uint64_t missing = 0;
};

} // namespace hybridrt
#endif
