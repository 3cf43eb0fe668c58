// The state of a running launch: warps, thread blocks (CTAs), clusters. The first part of Warp is addressed by
// translated code; the rest belongs to the helpers.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_STATE_H
#define HYBRID_RUNTIME_EMULATOR_VM_STATE_H
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Ranges.h"
#include "runtime/emulator/vm/Addresses.h"
#include "runtime/emulator/vm/Program.h"
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

namespace hybridrt::emulator {

struct Cta;
struct Cluster;
struct LaunchState;
class GlobalShadow;
class SyncTable;

/// What translated code returns when it stops.
enum class Stop : uint32_t { Barrier = 0xFFFFFF01u, Spin = 0xFFFFFF02u, Done = 0xFFFFFF03u, Trap = 0xFFFFFF04u };
constexpr uint32_t firstStop = 0xFFFFFF00u;

/// Special registers that all lanes of a warp share, in the order of Warp::uniform.
enum class Uniform : uint32_t {
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  WarpId,
  NwarpId,
  ClusteridX,
  ClusteridY,
  ClusteridZ,
  NclusteridX,
  NclusteridY,
  NclusteridZ,
  ClusterCtaidX,
  ClusterCtaidY,
  ClusterCtaidZ,
  ClusterNctaidX,
  ClusterNctaidY,
  ClusterNctaidZ,
  ClusterCtarank,
  ClusterNctarank,
  IsExplicitCluster,
  SmId,
  NsmId,
  GridId,
  DynamicShared,
  TotalShared,
  Zero,
  Count
};

/// Clocks of all warps of a cluster, its asynchronous readers and the copy engine.
using Clock = std::vector<uint32_t>;

inline void join(Clock &into, const Clock &from) {
  for (size_t i = 0; i < into.size(); ++i)
    into[i] = std::max(into[i], from[i]);
}

struct AsyncQueues;
struct BulkCopy;

/// Where a call returns to, and which bytes of local memory move: triples of source, destination and size.
struct CallRecord {
  uint32_t block = 0;
  const uint32_t *copies = nullptr;
  uint32_t argumentWords = 0, words = 0;
};

struct alignas(64) Warp {
  // Addressed by translated code.
  uint8_t *registers = nullptr;
  uint32_t mask = 0;     ///< lanes that execute now
  uint32_t diverged = 0; ///< not zero where other lanes live elsewhere
  uint64_t *blockCounts = nullptr;
  const uint8_t *parameters = nullptr;
  const uint64_t *globals = nullptr; ///< addresses of the module's variables
  uint32_t next = 0;                 ///< the block to resume at
  uint32_t live = 0;
  int64_t budget = 0;                 ///< times that its lanes may part or meet before it must let others run
  alignas(64) uint32_t thread[3][32]; ///< %tid
  uint32_t uniform[size_t(Uniform::Count)];

  // Of the helpers.
  uint32_t lanePc[32];
  uint32_t parked = 0;        ///< lanes that wait at a barrier for the rest of the warp
  uint32_t gathering = 0;     ///< lanes that wait at bar.warp.sync ...
  uint32_t gatherMembers = 0; ///< ... for these
  uint32_t barrierId = 0, barrierThreads = 0, barrierLine = 0;
  bool barrierArrive = false;
  uint32_t barrierReduce = 0;        ///< 0 none, 1 popc, 2 and, 3 or
  uint32_t barrierVote = 0;          ///< lanes whose predicate held
  uint32_t *barrierResult = nullptr; ///< where the reduction's value goes: 32 lanes
  uint32_t id = 0;                   ///< within its CTA
  uint32_t clockIndex = 0;           ///< within its cluster
  Cta *cta = nullptr;
  LaunchState *launch = nullptr;
  uint8_t *saved = nullptr; ///< registers of lanes that do not execute
  uint32_t savedBlock = ~0u;
  uint8_t *local = nullptr;
  Clock clock, fenced; ///< happens-before for generic accesses, and for the asynchronous proxy
  Clock atFence;       ///< the clock at the last fence; empty where none was
  std::unique_ptr<AsyncQueues> async;
  std::vector<CallRecord> callStack[32];
  uint32_t polls = 0;  ///< atomics that changed nothing
  uint32_t stalls = 0; ///< times that it stopped to wait since something happened
  uint64_t seenProgress = 0;
  enum class State : uint8_t { Ready, AtBarrier, AtClusterBarrier, Done } state = State::Ready;
  uint32_t clusterPhase = 0; ///< cluster barriers that it has arrived at

  Warp();
  ~Warp();
};

/// A named barrier.
struct NamedBarrier {
  uint32_t arrived = 0, needed = 0;
  std::vector<Warp *> waiting;
  Clock clock, fenced;
  uint32_t votes = 0; ///< lanes counted by a reduction
  bool allHeld = true, anyHeld = false;
};

/// An mbarrier object, beside the bytes in shared memory, which stay opaque.
struct Mbarrier {
  bool valid = false;
  uint32_t count = 0, pending = 0, phase = 0;
  int64_t bytes = 0;             ///< expected and not yet arrived
  Clock clock, fenced;           ///< of those that arrived in this phase
  Clock phaseClock, phaseFenced; ///< of the last finished phase
  uint32_t initWarp = 0, initClock = 0;
  std::vector<std::shared_ptr<BulkCopy>> copies; ///< that this phase awaits
  std::vector<uint32_t> seen;                    ///< per warp: 1 + the phase whose completion it has been told of
};

/// What is known of a 32-bit word of shared memory. Four of them fill a cache line, as most accesses are of 16 bytes.
struct ShadowWord {
  uint64_t readers = 0;        ///< since the last write: warps of the CTA, then its asynchronous readers, then others
  uint32_t clock = 0;          ///< of the last write
  uint16_t writer = 0xFFFF;    ///< its clock index
  uint8_t initialised : 4 = 0; ///< a bit per byte
  uint8_t written : 4 = 0;     ///< bytes of the last write
  uint8_t flags = 0;
  enum : uint8_t { AsyncWrite = 1, PendingWrite = 2, AtomicWrite = 4, PartRead = 8 };
};
static_assert(sizeof(ShadowWord) == 16);

struct Cta {
  Cluster *cluster = nullptr;
  LaunchState *launch = nullptr;
  uint32_t rank = 0;
  Dim3 place{0, 0, 0};
  std::vector<uint8_t> shared;
  std::vector<ShadowWord> shadow;
  std::vector<uint32_t> readClocks;   ///< [reader][word]
  std::vector<uint16_t> pendingReads; ///< asynchronous reads under way, by word
  uint32_t words = 0;
  std::vector<std::unique_ptr<Warp>> warps;
  NamedBarrier barriers[16];
  std::unordered_map<uint32_t, Mbarrier> mbarriers;
  Counters counters;

  uint32_t warpCount() const { return uint32_t(warps.size()); }
  /// Clock index of the asynchronous reads of a warp group.
  uint32_t groupReader(uint32_t warp) const;
};

/// CTAs that may reach each other's shared memory; most clusters are one CTA.
struct Cluster {
  LaunchState *launch = nullptr;
  uint64_t id = 0; ///< 1-based within the launch
  std::vector<std::unique_ptr<Cta>> ctas;
  uint64_t progress = 0;  ///< grows when something happens that another warp may wait for
  uint32_t copyClock = 0; ///< of the copy engine, a warp of its own
  uint32_t warpsPerCta = 0, groupsPerCta = 0;
  uint32_t clusterArrived = 0, clusterPhase = 0;
  Clock clusterClock, clusterFenced;
  Clock releasedClock, releasedFenced;
  uint64_t random = 0;
  /// What it knows of other clusters' clocks, from synchronisation through memory.
  std::map<uint64_t, Clock> known;
  std::unique_ptr<SyncTable> sharedSync;

  uint32_t clocks() const { return uint32_t(ctas.size()) * (warpsPerCta + groupsPerCta) + 1; }
  uint32_t copyEngine() const { return clocks() - 1; }
  uint32_t draw() {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return uint32_t(random >> 20);
  }
  Cluster();
  ~Cluster();
};

struct LaunchState {
  const Program *program = nullptr;
  Launch config;
  LaunchOptions options;
  std::shared_ptr<const RangeList> ranges;
  std::vector<uint64_t> globals;
  std::vector<uint8_t> parameters;
  uint32_t sharedBytes = 0; ///< of a CTA, from address 0 on; the first sharedBase of them are out of bounds
  std::unique_ptr<GlobalShadow> globalShadow;
  std::unique_ptr<SyncTable> globalSync;
  std::atomic<bool> stopped{false}; ///< after a trap or a deadlock
  std::atomic<uint64_t> ticks{0};

  std::mutex mutex; ///< of the diagnostics
  std::vector<Diagnostic> diagnostics;
  std::map<std::pair<uint32_t, std::string>, size_t> known;

  LaunchState();
  ~LaunchState();
};

/// Passes of a converged warp through a block before it lets others run at the next branch back; a power of two.
constexpr uint64_t passesPerTurn = 1 << 12;

/// Atomics of diverged lanes that change nothing before the others of their warp run: what they wait for may be theirs
/// to do.
constexpr uint32_t mostPolls = 256;

inline void notePoll(Warp *warp) {
  if (warp->diverged && ++warp->polls >= mostPolls)
    warp->budget = 0; // stops when lanes are chosen next
}

/// Records a diagnostic; equal ones at one line are counted together.
void diagnose(Warp *warp, const char *what, uint32_t line, uint64_t address, int lane);
void diagnose(Warp *warp, const std::string &what, uint32_t line, uint64_t address, int lane);

} // namespace hybridrt::emulator
#endif
