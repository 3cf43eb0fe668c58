// Files as the project reads and writes them: mapped read-only, and written beside their place and renamed
// into it, so that nobody ever sees half a file.
#ifndef HYBRID_ARTIFACT_FILE_H
#define HYBRID_ARTIFACT_FILE_H
#include "lib/Artifact/Result.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace hybridrt {

/// A whole file, mapped read-only. Its pages are shared between processes and read when touched.
class MappedFile {
public:
  static Result<MappedFile> open(const std::string &path);
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data, size}; }
  const std::string &path() const { return name; }
  /// When the file was last changed, in nanoseconds.
  int64_t modified() const { return modifiedAt; }

private:
  MappedFile() = default;
  std::string name;
  const std::byte *data = nullptr;
  size_t size = 0;
  int64_t modifiedAt = 0;
};

/// A name that removeTemporaries() removes while this object lives.
class TemporaryName {
public:
  TemporaryName() = default;
  explicit TemporaryName(const std::string &path);
  TemporaryName(TemporaryName &&other) noexcept : slot(std::exchange(other.slot, -1)) {}
  TemporaryName &operator=(TemporaryName &&other) noexcept {
    std::swap(slot, other.slot);
    return *this;
  }
  ~TemporaryName();

private:
  int slot = -1;
};

/// Removes what has a TemporaryName, such as the file of every FileWriter that is not committed. A signal handler may
/// call it to leave nothing partial behind.
void removeTemporaries();

/// A file under construction. It has a name of its own until commit() renames it; destroyed before that, it is removed.
/// What is there already and is no file, such as /dev/null or a pipe, is written in its place.
class FileWriter {
public:
  explicit FileWriter(const std::string &path);
  ~FileWriter();
  FileWriter(const FileWriter &) = delete;
  FileWriter &operator=(const FileWriter &) = delete;

  void write(const void *data, size_t size);
  /// Writes at a place of the file, for threads that fill it together.
  void writeAt(const void *data, size_t size, uint64_t offset);
  void resize(uint64_t size);
  void commit();

private:
  std::string path, temporary; // the second is empty where the first is no file
  TemporaryName name;
  int descriptor = -1;
};

/// Writes a whole file.
void writeFile(const std::string &path, const void *data, size_t size);

} // namespace hybridrt
#endif
