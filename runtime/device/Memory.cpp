#include "runtime/device/Memory.h"
#include "lib/Artifact/Result.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <utility>

using namespace hybridrt;

std::string hybridrt::formatBytes(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
  return text;
}

/// The number in a file of the cgroup's file system; `missing` if it is not there or says "max".
static uint64_t readNumber(const char *path, uint64_t missing) {
  std::ifstream in(path);
  uint64_t value;
  return in >> value ? value : missing;
}

uint64_t hybridrt::availableMemory() {
  uint64_t available = UINT64_MAX;
  std::ifstream in("/proc/meminfo");
  std::string name;
  uint64_t value;
  for (std::string rest; in >> name >> value; std::getline(in, rest))
    if (name == "MemAvailable:")
      available = value * 1024;
  static constexpr const char *cgroups[][2] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
  for (auto &[limitFile, usedFile] : cgroups) {
    uint64_t limit = readNumber(limitFile, UINT64_MAX), used = readNumber(usedFile, 0);
    if (limit != UINT64_MAX)
      available = std::min(available, limit > used ? limit - used : 0);
  }
  return available;
}

namespace {
class HostMemory : public MemorySpace {
public:
  bool isHost() const override { return true; }
  uint64_t available() const override { return availableMemory(); }

  std::byte *allocate(uint64_t bytes) override {
    return checked(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
  }
  std::byte *grow(std::byte *old, uint64_t from, uint64_t to) override {
    return checked(mremap(old, from, to, MREMAP_MAYMOVE), to); // which moves pages, and copies nothing
  }
  void release(std::byte *address, uint64_t bytes) override { munmap(address, bytes); }

  void write(std::byte *to, const void *from, uint64_t bytes) override { std::memcpy(to, from, bytes); }
  void read(void *to, const std::byte *from, uint64_t bytes) override { std::memcpy(to, from, bytes); }
  void copy(std::byte *to, const std::byte *from, uint64_t bytes) override { std::memcpy(to, from, bytes); }

private:
  static std::byte *checked(void *address, uint64_t bytes) {
    if (address == MAP_FAILED)
      fail("expected ", formatBytes(double(bytes)), " of memory, and the system refuses: ", std::strerror(errno));
    // Large pages save most of the TLB misses of a stream through weights or activations.
    if (bytes >= (uint64_t(2) << 20))
      madvise(address, bytes, MADV_HUGEPAGE);
    return static_cast<std::byte *>(address);
  }
};
} // namespace

MemorySpace &hybridrt::hostMemory() {
  static HostMemory memory;
  return memory;
}

MemoryBudget::MemoryBudget(uint64_t limit, MemorySpace &space)
    : memory(space), limit(limit), atFirst(space.available()) {}

void MemoryBudget::check(uint64_t bytes, const std::string &what) const {
  uint64_t most = limit == 0 ? atFirst : limit, there = most > used ? most - used : 0;
  if (limit == 0)
    there = std::min(there, memory.available());
  if (bytes > there)
    fail(what, " needs ", formatBytes(double(bytes)), " more ", memory.isHost() ? "" : "GPU ", "memory, but only ",
         formatBytes(double(there)), " is left",
         limit ? concat(" within the limit of ", formatBytes(double(limit))) : std::string());
}

void MemoryBudget::take(uint64_t bytes, const std::string &what) {
  check(bytes, what);
  used += bytes;
}

Block &Block::operator=(Block &&other) noexcept {
  std::swap(budget, other.budget);
  std::swap(what, other.what);
  std::swap(address, other.address);
  std::swap(bytes, other.bytes);
  return *this;
}

void Block::clear() {
  if (!address)
    return;
  budget->space().release(address, bytes);
  budget->release(bytes);
  address = nullptr;
  bytes = 0;
}

void Block::reserve(uint64_t size) {
  constexpr uint64_t page = 4096;
  size = (size + page - 1) / page * page;
  if (size <= bytes)
    return;
  budget->take(size - bytes, what);
  try {
    address = address ? budget->space().grow(address, bytes, size) : budget->space().allocate(size);
  } catch (const Error &e) {
    budget->release(size - bytes);
    fail(what, ": ", e.what());
  }
  bytes = size;
}

void Block::replace(uint64_t size) {
  if (size > bytes)
    clear();
  reserve(size);
}
