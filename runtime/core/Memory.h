// Memory: how much there is, and blocks of it that grow.
#ifndef HYBRID_RUNTIME_CORE_MEMORY_H
#define HYBRID_RUNTIME_CORE_MEMORY_H
#include <cstddef>
#include <cstdint>
#include <string>

namespace hybridrt {

/// "1.5 GiB".
std::string formatBytes(double bytes);

/// What all parts of one model may take together, and have taken.
class MemoryBudget {
public:
  /// `limit` 0: what the machine and the cgroup have left.
  explicit MemoryBudget(uint64_t limit = 0);
  /// Throws an Error that says how much `what` needs and how much there is, unless there is enough.
  void check(uint64_t bytes, const std::string &what) const;
  /// Checks and counts.
  void take(uint64_t bytes, const std::string &what);
  void release(uint64_t bytes) { used -= bytes; }
  uint64_t taken() const { return used; }

private:
  uint64_t limit, used = 0;
  /// What there was at first: memory that was taken but not yet touched still counts as available to the
  /// system.
  uint64_t atFirst;
};

/// What the machine can still give: MemAvailable, and what the cgroup allows.
uint64_t availableMemory();

/// Zero-initialised, page-aligned memory that can grow. Growing may move it and copies nothing.
class Block {
public:
  Block() = default;
  Block(MemoryBudget &budget, std::string what) : budget(&budget), what(std::move(what)) {}
  Block(Block &&other) noexcept { *this = static_cast<Block &&>(other); }
  Block &operator=(Block &&other) noexcept;
  ~Block();

  /// Grows to at least `size` bytes.
  void reserve(uint64_t size);
  std::byte *data() const { return address; }
  uint64_t size() const { return bytes; }

private:
  MemoryBudget *budget = nullptr;
  std::string what;
  std::byte *address = nullptr;
  uint64_t bytes = 0;
};

} // namespace hybridrt
#endif
