// The emulator's engine: it loads PTX, and runs its kernels on the host's memory. The driver interface and the tool
// hybrid-ptx-run stand on this header; nothing here names CUDA or LLVM.
//
// Device memory is host memory: an address is a pointer. The engine knows every range that a kernel may touch, so
// that an access outside of all of them is a diagnostic and not a crash.
#ifndef HYBRID_RUNTIME_EMULATOR_ENGINE_H
#define HYBRID_RUNTIME_EMULATOR_ENGINE_H
#include "lib/Artifact/Result.h"
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  /// At most 2^64 - 1, which no limit allows.
  uint64_t count() const {
    uint64_t area = uint64_t(x) * y, volume;
    return __builtin_mul_overflow(area, z, &volume) ? UINT64_MAX : volume;
  }
  bool operator==(const Dim3 &) const = default;
};

/// Where a parameter lies in a kernel's parameter buffer, in bytes.
struct Parameter {
  std::string name;
  uint32_t offset = 0, size = 0, alignment = 1;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
  uint32_t staticShared = 0;   ///< bytes of the statically sized shared variables that it may use
  uint32_t localBytes = 0;     ///< bytes of local memory per thread
  uint32_t registers = 0;      ///< 32-bit registers that the PTX declares; what ptxas would allot is not known
  Dim3 maxBlock{0, 0, 0};      ///< .maxntid; zeros where the PTX has none
  Dim3 requiredBlock{0, 0, 0}; ///< .reqntid
  Dim3 cluster{0, 0, 0};       ///< .reqnctapercluster
  bool explicitCluster = false;
};

/// A module-level variable in the global or constant space.
struct Global {
  std::string name;
  uint64_t address = 0;
  uint64_t size = 0;
};

/// Loaded PTX. Kernels are translated at their first launch.
class Module {
public:
  virtual ~Module() = default;
  virtual const std::vector<Kernel> &kernels() const = 0;
  virtual const std::vector<Global> &globals() const = 0;
  /// The architecture that the PTX names, such as "sm_90a".
  virtual const std::string &target() const = 0;
  /// The PTX.
  virtual const std::string &text() const = 0;

  const Kernel *kernel(std::string_view name) const {
    for (const Kernel &kernel : kernels())
      if (kernel.name == name)
        return &kernel;
    return nullptr;
  }
  const Global *global(std::string_view name) const {
    for (const Global &global : globals())
      if (global.name == name)
        return &global;
    return nullptr;
  }
};

/// What is wrong with a kernel, as a user reads it.
struct Diagnostic {
  std::string message;  ///< what, with addresses and values
  std::string kernel;   ///< its name
  uint32_t line = 0;    ///< of the PTX text; 0 where no instruction is to blame
  std::string location; ///< file:line:column of the .loc before the instruction, empty where there is none
  Dim3 block{0, 0, 0};  ///< of the first occurrence
  uint32_t warp = 0, lane = 0;
  uint64_t address = 0;
  uint64_t occurrences = 0;

  /// One line: kernel, PTX line, location, message, place of the first occurrence.
  std::string text() const;
};

/// What a launch did. Instructions count warps unless the name says threads.
struct Counters {
  uint64_t warpInstructions = 0, threadInstructions = 0;
  uint64_t globalRequests = 0; ///< warp-level loads and stores of global memory
  uint64_t globalSectors = 0;  ///< 32-byte sectors that these touched
  uint64_t globalLoadBytes = 0, globalStoreBytes = 0;
  uint64_t sharedRequests = 0;
  uint64_t sharedWavefronts = 0; ///< passes that bank conflicts make of them; equal to the requests at best
  uint64_t tensorFlops = 0;
  uint64_t asyncBytes = 0; ///< cp.async
  uint64_t bulkBytes = 0;  ///< TMA and bulk copies
  uint64_t barriers = 0, atomics = 0;
  uint64_t arithmetic = 0; ///< integer and logic
  uint64_t floatingPoint = 0, special = 0, conversions = 0, moves = 0;
  uint64_t branches = 0, memory = 0, tensor = 0, synchronisation = 0, exchanges = 0;

  Counters &operator+=(const Counters &other);
};

/// What launches look for. Bounds, alignment, and misuse that leaves nothing to run are always looked for.
enum class Check : uint8_t {
  Global,    ///< races in global memory
  Shared,    ///< races in shared memory, reads before a write or before a copy is done, missing proxy fences
  Poison,    ///< destinations of copies under way hold what stands out, so that reads through other ways show
  Mbarriers, ///< use without order after mbarrier.init; the first look at a finished phase fails
  Wgmma,     ///< registers of products under way, on all paths
  Count
};

/// A set of checks.
class Checks {
public:
  static constexpr Checks all() { return Checks((1u << unsigned(Check::Count)) - 1); }
  static constexpr Checks none() { return Checks(0); }
  /// Names with commas between them; an Error that lists the names if one is unknown.
  static Checks parse(std::string_view names);

  constexpr bool has(Check check) const { return bits >> unsigned(check) & 1; }
  constexpr bool any() const { return bits != 0; }
  /// Whether it must be known what comes before what.
  constexpr bool order() const { return has(Check::Global) || has(Check::Shared); }
  constexpr Checks without(Checks other) const { return Checks(bits & ~other.bits); }

private:
  constexpr explicit Checks(uint32_t bits) : bits(bits) {}
  uint32_t bits;
};

struct LaunchOptions {
  Checks checks = Checks::all();
  bool counts = true;    ///< fill in the counters beyond instructions
  uint64_t seed = 0;     ///< 0: warps and blocks take turns; else their order is drawn from it
  unsigned threads = 0;  ///< host threads; 0: as many as there are CPUs
  unsigned optimize = 0; ///< 0: fast translation; 1: for kernels that run long
  uint64_t maxTurns = 0; ///< turns without progress after which a launch is a livelock; 0: the default
};

struct Launch {
  Dim3 grid, block, cluster;
  uint32_t dynamicShared = 0;
  const void *parameters = nullptr; ///< laid out as Kernel::parameters says
  size_t parameterBytes = 0;
};

struct LaunchReport {
  std::vector<Diagnostic> diagnostics;
  Counters counters;
  double translateMilliseconds = 0, runMilliseconds = 0;
  bool completed = true; ///< false after a trap or a deadlock
};

/// Limits that launches are held to, those of the emulated device.
struct Limits {
  static constexpr uint32_t threadsPerBlock = 1024, sharedPerBlock = 227 << 10, parameterBytes = 4096;
  static constexpr uint32_t clusterBlocks = 16;
};

/// How elements of a tensor map are laid out in shared memory: 0 none, else the span of the pattern in bytes.
enum class Swizzle : uint8_t { None = 0, Bytes32 = 1, Bytes64 = 2, Bytes128 = 3 };

enum class MapElement : uint8_t { U8, U16, U32, S32, U64, S64, F16, F32, F64, BF16 };

/// A tiled tensor map: what the driver's encode function is given. Dimension 0 is contiguous.
struct TensorMap {
  uint64_t address = 0;
  uint32_t rank = 0;
  MapElement element = MapElement::F32;
  std::array<uint64_t, 5> size{};   ///< elements
  std::array<uint64_t, 4> stride{}; ///< bytes, of dimensions 1 and up
  std::array<uint32_t, 5> box{};    ///< elements
  std::array<uint32_t, 5> elementStride{1, 1, 1, 1, 1};
  Swizzle swizzle = Swizzle::None;
  bool nanFill = false; ///< elements outside are NaN, not zero

  uint32_t elementBytes() const;
  /// Checks what the driver checks: rank, alignments, box against swizzle; says what is wrong.
  Status verify() const;
  /// The 128 opaque bytes that kernels are given.
  std::array<uint8_t, 128> encode() const;
  /// None where the bytes are no tensor map.
  static std::optional<TensorMap> decode(const void *bytes);
};

/// A range of addresses that kernels may touch.
struct Range {
  uint64_t begin = 0, end = 0;
};

class Engine;

/// Sees launches, such as those that come through the driver interface, while memory is as the kernel will find it.
class LaunchObserver {
public:
  virtual ~LaunchObserver() = default;
  virtual void launching(const Engine &engine, const Module &module, std::string_view kernel, const Launch &launch) = 0;
};
/// Has all engines of the process tell `observer`; null: nobody. Not to be called beside launches.
void observeLaunches(LaunchObserver *observer);

class Engine {
public:
  Engine();
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  /// Memory of its own, aligned to 256 bytes, with a gap behind it.
  Result<uint64_t> allocate(uint64_t bytes);
  Status release(uint64_t address);
  /// Memory of somebody else that kernels may touch, such as pinned host memory.
  Status registerRange(uint64_t address, uint64_t bytes);
  Status unregisterRange(uint64_t address);
  /// The range that holds an address.
  std::optional<Range> rangeOf(uint64_t address) const;

  /// Parses and verifies PTX. Errors read "NAME:LINE:COLUMN: what was expected and found".
  Result<std::shared_ptr<Module>> load(std::string_view ptx, const std::string &name = "ptx");

  /// Translates a kernel before its first launch. A failure names the instruction that is not supported.
  Status translate(const Module &module, std::string_view kernel, unsigned optimize = 0);

  /// Runs a kernel to its end. A failure is a launch that the device would refuse, or an instruction that the
  /// emulator does not know; what is wrong with a kernel that runs is in the report. Launches may run at the same time.
  Result<LaunchReport> launch(const Module &module, std::string_view kernel, const Launch &launch,
                              const LaunchOptions &options = {});

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace hybridrt::emulator
#endif
