#include "lib/Artifact/File.h"
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hybridrt;

Result<MappedFile> MappedFile::open(const std::string &path) {
  return capture([&] {
    int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
      fail("cannot open '", path, "': ", std::strerror(errno));
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(descriptor);
      fail("expected '", path, "' to be a file, found ", S_ISDIR(info.st_mode) ? "a folder" : "a device or a pipe");
    }
    MappedFile file;
    file.name = path;
    file.size = info.st_size;
    file.modifiedAt = int64_t(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec;
    if (file.size > 0) {
      void *address = mmap(nullptr, file.size, PROT_READ, MAP_SHARED, descriptor, 0);
      if (address == MAP_FAILED) {
        int error = errno;
        file.size = 0;
        close(descriptor);
        fail("cannot map '", path, "': ", std::strerror(error));
      }
      file.data = static_cast<const std::byte *>(address);
    }
    close(descriptor);
    return file;
  });
}

MappedFile::MappedFile(MappedFile &&other) noexcept { *this = std::move(other); }

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(name, other.name);
  std::swap(data, other.data);
  std::swap(size, other.size);
  std::swap(modifiedAt, other.modifiedAt);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<std::byte *>(data), size);
}

namespace {
/// Names of unfinished files, in storage that a signal handler can walk.
struct Temporary {
  std::atomic<bool> taken{false};
  std::atomic<bool> live{false};
  char path[4096];
};
std::array<Temporary, 64> temporaries;
} // namespace

void hybridrt::removeTemporaries() {
  for (Temporary &t : temporaries)
    if (t.live.load())
      unlink(t.path);
}

TemporaryName::TemporaryName(const std::string &path) {
  for (size_t i = 0; i < temporaries.size() && slot < 0; ++i)
    if (path.size() < sizeof(Temporary::path) && !temporaries[i].taken.exchange(true))
      slot = int(i);
  if (slot < 0)
    return;
  std::strcpy(temporaries[slot].path, path.c_str());
  temporaries[slot].live = true;
}

TemporaryName::~TemporaryName() {
  if (slot < 0)
    return;
  temporaries[slot].live = false;
  temporaries[slot].taken = false;
}

/// Whether a path leads to something that a rename would destroy.
static bool isDevice(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

FileWriter::FileWriter(const std::string &path) : path(path) {
  static std::atomic<unsigned> count{0};
  if (isDevice(path)) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    temporary = concat(path, ".tmp.", getpid(), ".", count++);
    name = TemporaryName(temporary);
    descriptor = ::open(temporary.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  }
  if (descriptor < 0)
    fail("cannot write '", path, "': ", std::strerror(errno));
}

FileWriter::~FileWriter() {
  if (descriptor < 0)
    return;
  close(descriptor);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

void FileWriter::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      fail("cannot write '", path, "': ", std::strerror(errno));
    next += written;
    size -= written;
  }
}

void FileWriter::writeAt(const void *data, size_t size, uint64_t offset) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t written = pwrite(descriptor, next, size, offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      fail("cannot write '", path, "': ", std::strerror(errno));
    next += written;
    size -= written;
    offset += written;
  }
}

void FileWriter::resize(uint64_t size) {
  if (temporary.empty())
    return;
  // Reserves the room, so that a full disk is an error here and not a bus error later.
  if (int error = posix_fallocate(descriptor, 0, size); error != 0 && size > 0)
    fail("cannot reserve ", size, " bytes for '", path, "': ", std::strerror(error));
}

void FileWriter::commit() {
  int closed = close(descriptor);
  descriptor = -1;
  if (closed == 0 && (temporary.empty() || std::rename(temporary.c_str(), path.c_str()) == 0))
    return;
  int error = errno;
  if (!temporary.empty())
    unlink(temporary.c_str());
  fail("cannot write '", path, "': ", std::strerror(error));
}

void hybridrt::writeFile(const std::string &path, const void *data, size_t size) {
  FileWriter writer(path);
  writer.write(data, size);
  writer.commit();
}
