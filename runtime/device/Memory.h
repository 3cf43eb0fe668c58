// Memory of the host or of a device: how much there is, and blocks of it that grow.
#ifndef HYBRID_RUNTIME_DEVICE_MEMORY_H
#define HYBRID_RUNTIME_DEVICE_MEMORY_H
#include <cstddef>
#include <cstdint>
#include <string>

namespace hybridrt {

/// "1.5 GiB".
std::string formatBytes(double bytes);

/// What the machine can still give: MemAvailable, and what the cgroup allows.
uint64_t availableMemory();

/// Where blocks come from. Addresses are those that kernels take; only a host space's may be followed here.
class MemorySpace {
public:
  virtual ~MemorySpace() = default;
  /// Whether the host reads and writes it through pointers.
  virtual bool isHost() const = 0;
  virtual uint64_t available() const = 0;

  /// Zeroed bytes, aligned to 256 at least. An Error if there are not so many.
  virtual std::byte *allocate(uint64_t bytes) = 0;
  /// A larger stretch that begins with what the smaller one holds; the rest is zeroed. The old one is gone,
  /// unless an Error says that there is none.
  virtual std::byte *grow(std::byte *old, uint64_t from, uint64_t to) = 0;
  virtual void release(std::byte *address, uint64_t bytes) = 0;

  /// From and to the host, and within the space. The host's memory is free again on return.
  virtual void write(std::byte *to, const void *from, uint64_t bytes) = 0;
  virtual void read(void *to, const std::byte *from, uint64_t bytes) = 0;
  virtual void copy(std::byte *to, const std::byte *from, uint64_t bytes) = 0;
};

MemorySpace &hostMemory();

/// What all parts of one model may take together of a space, and have taken.
class MemoryBudget {
public:
  /// `limit` 0: what the space has left.
  explicit MemoryBudget(uint64_t limit = 0, MemorySpace &space = hostMemory());
  /// Throws an Error that says how much `what` needs and how much there is, unless there is enough.
  void check(uint64_t bytes, const std::string &what) const;
  /// Checks and counts.
  void take(uint64_t bytes, const std::string &what);
  void release(uint64_t bytes) { used -= bytes; }
  uint64_t taken() const { return used; }
  MemorySpace &space() const { return memory; }

private:
  MemorySpace &memory;
  uint64_t limit, used = 0;
  /// What there was at first: memory that was taken but not yet touched still counts as available to the
  /// system.
  uint64_t atFirst;
};

/// Zero-initialised, page-aligned memory that can grow.
class Block {
public:
  Block() = default;
  Block(MemoryBudget &budget, std::string what) : budget(&budget), what(std::move(what)) {}
  Block(Block &&other) noexcept { *this = static_cast<Block &&>(other); }
  Block &operator=(Block &&other) noexcept;
  ~Block() { clear(); }

  /// Grows to at least `size` bytes. What it holds stays, but may move.
  void reserve(uint64_t size);
  /// The same for a block whose contents are no longer wanted.
  void replace(uint64_t size);
  std::byte *data() const { return address; }
  uint64_t size() const { return bytes; }

private:
  void clear();
  MemoryBudget *budget = nullptr;
  std::string what;
  std::byte *address = nullptr;
  uint64_t bytes = 0;
};

} // namespace hybridrt
#endif
