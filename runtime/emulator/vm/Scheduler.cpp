// A host thread runs one cluster after another. When every warp of its clusters waits, it begins the next one, as
// what they wait for may be there; when there is none, and all threads wait, the launch is stuck.
#include "runtime/emulator/vm/Scheduler.h"
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/Divergence.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/Lanes.h"
#include <cstring>
#include <sched.h>
#include <thread>

using namespace hybridrt::emulator;

namespace {

constexpr uint64_t defaultTurns = 1 << 16; ///< turns in which nothing happens, before a launch counts as stuck
constexpr uint32_t patience = 512;         ///< stops of some lanes of a warp before others of it run out of order

struct FreeDeleter {
  void operator()(void *memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<uint8_t, FreeDeleter>;

Buffer allocate(size_t bytes) {
  return Buffer(static_cast<uint8_t *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)));
}

/// A cluster with the buffers of its warps, used for one cluster of the grid after another.
class Resident {
public:
  Resident(LaunchState &launch) : launch(launch) {
    const Launch &config = launch.config;
    cluster.launch = &launch;
    auto threads = uint32_t(config.block.count());
    cluster.warpsPerCta = (threads + 31) / 32;
    cluster.groupsPerCta = (cluster.warpsPerCta + 3) / 4;
    uint64_t ctas = config.cluster.count();
    const Program &program = *launch.program;
    for (uint64_t rank = 0; rank < ctas; ++rank) {
      auto cta = std::make_unique<Cta>();
      cta->cluster = &cluster;
      cta->launch = &launch;
      cta->rank = uint32_t(rank);
      cta->words = launch.sharedBytes / 4 + 1;
      if (launch.options.checks.has(Check::Shared))
        cta->readClocks.resize(size_t(cta->words) * (cluster.warpsPerCta + cluster.groupsPerCta + 2));
      for (uint32_t i = 0; i < cluster.warpsPerCta; ++i) {
        auto warp = std::make_unique<Warp>();
        warp->id = i;
        warp->clockIndex = uint32_t(rank) * cluster.warpsPerCta + i;
        warp->cta = cta.get();
        warp->launch = &launch;
        warp->registers = keep(program.registerBytes);
        warp->saved = keep(program.registerBytes);
        warp->blockCounts = reinterpret_cast<uint64_t *>(keep(program.blocks.size() * 16));
        std::memset(warp->blockCounts, 0, program.blocks.size() * 16);
        warp->local = program.localBytes ? keep(size_t(32) * program.localBytes) : nullptr;
        warp->parameters = launch.parameters.data();
        warp->globals = launch.globals.data();
        cta->warps.push_back(std::move(warp));
      }
      cluster.ctas.push_back(std::move(cta));
    }
  }

  void begin(uint64_t index) {
    active = true;
    cluster.id = index + 1;
    cluster.progress = 0;
    cluster.copyClock = 0;
    cluster.clusterArrived = cluster.clusterPhase = 0;
    cluster.known.clear();
    cluster.sharedSync = std::make_unique<SyncTable>();
    size_t clocks = cluster.clocks();
    for (Clock *clock :
         {&cluster.clusterClock, &cluster.clusterFenced, &cluster.releasedClock, &cluster.releasedFenced})
      clock->assign(clocks, 0);
    cluster.random =
        launch.options.seed ? (launch.options.seed * 0x9E3779B97F4A7C15ull) ^ (cluster.id * 0xD1B54A32D192ED03ull) : 0;
    for (auto &cta : cluster.ctas)
      beginCta(*cta, index);
  }

  Cluster cluster;
  bool active = false;

private:
  uint8_t *keep(size_t bytes) {
    buffers.push_back(allocate(bytes));
    return buffers.back().get();
  }

  void beginCta(Cta &cta, uint64_t index) {
    const Launch &config = launch.config;
    Dim3 size = config.cluster, clusters{config.grid.x / size.x, config.grid.y / size.y, config.grid.z / size.z};
    Dim3 at{uint32_t(index % clusters.x), uint32_t(index / clusters.x % clusters.y),
            uint32_t(index / (uint64_t(clusters.x) * clusters.y))};
    Dim3 in{cta.rank % size.x, cta.rank / size.x % size.y, cta.rank / (size.x * size.y)};
    cta.place = {at.x * size.x + in.x, at.y * size.y + in.y, at.z * size.z + in.z};
    cta.shared.assign(launch.sharedBytes, 0xEE);
    if (launch.options.checks.has(Check::Shared)) {
      cta.shadow.assign(cta.words, ShadowWord());
      cta.pendingReads.assign(cta.words, 0);
    }
    cta.mbarriers.clear();
    for (NamedBarrier &barrier : cta.barriers)
      barrier = NamedBarrier();
    uint32_t uniform[size_t(Uniform::Count)] = {config.block.x,
                                                config.block.y,
                                                config.block.z,
                                                cta.place.x,
                                                cta.place.y,
                                                cta.place.z,
                                                config.grid.x,
                                                config.grid.y,
                                                config.grid.z,
                                                0,
                                                cluster.warpsPerCta,
                                                at.x,
                                                at.y,
                                                at.z,
                                                clusters.x,
                                                clusters.y,
                                                clusters.z,
                                                in.x,
                                                in.y,
                                                in.z,
                                                size.x,
                                                size.y,
                                                size.z,
                                                cta.rank,
                                                uint32_t(cluster.ctas.size()),
                                                size.count() > 1,
                                                0,
                                                1,
                                                0,
                                                config.dynamicShared,
                                                launch.sharedBytes - sharedBase,
                                                0};
    for (auto &warp : cta.warps) {
      std::memcpy(warp->uniform, uniform, sizeof(uniform));
      warp->uniform[size_t(Uniform::WarpId)] = warp->id;
      beginWarp(*warp);
    }
  }

  void beginWarp(Warp &w) {
    const Dim3 &block = launch.config.block;
    auto threads = uint32_t(block.count());
    w.live = 0;
    for (uint32_t lane = 0; lane < 32; ++lane) {
      uint32_t thread = w.id * 32 + lane;
      w.live |= uint32_t(thread < threads) << lane;
      w.thread[0][lane] = thread % block.x;
      w.thread[1][lane] = thread / block.x % block.y;
      w.thread[2][lane] = thread / (block.x * block.y);
      w.lanePc[lane] = 0;
      w.callStack[lane].clear();
    }
    std::memset(w.registers, 0xCD, launch.program->registerBytes);
    w.mask = w.live;
    w.diverged = w.next = 0;
    w.parked = w.gathering = w.barrierReduce = w.barrierVote = 0;
    w.savedBlock = ~0u;
    w.polls = w.stalls = w.clusterPhase = 0;
    w.seenProgress = 0;
    w.clock.assign(cluster.clocks(), 0);
    w.fenced.assign(cluster.clocks(), 0);
    w.clock[w.clockIndex] = 1;
    w.atFence.clear();
    *w.async = AsyncQueues();
    w.state = Warp::State::Ready;
  }

  LaunchState &launch;
  std::vector<Buffer> buffers;
};

/// One turn of a cluster: every warp that can runs until it stops.
class Turn {
public:
  Turn(LaunchState &launch, Cluster &cluster) : launch(launch), cluster(cluster) {}

  /// Whether warps are left. `productive` tells whether anything happened.
  bool run(bool &productive) {
    uint64_t before = cluster.progress;
    order.clear();
    for (auto &cta : cluster.ctas)
      for (auto &warp : cta->warps)
        order.push_back(warp.get());
    if (cluster.random)
      for (size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[cluster.draw() % i]);
    bool left = false;
    for (Warp *warp : order) {
      if (warp->state == Warp::State::Done)
        continue;
      left = true;
      if (warp->state == Warp::State::AtBarrier || (cluster.random && cluster.draw() & 1))
        continue;
      runWarp(warp);
      if (launch.stopped)
        return false;
    }
    productive = cluster.progress != before || !left;
    return left;
  }

private:
  void runWarp(Warp *w) {
    for (;;) {
      w->budget = passesPerTurn;
      if (w->diverged)
        enterBlock(w, w->next);
      uint32_t result = launch.program->run(w, w->next);
      switch (Stop(result)) {
      case Stop::Done:
        return finish(w);
      case Stop::Trap:
        launch.stopped = true;
        return;
      case Stop::Spin:
        return stalled(w);
      case Stop::Barrier:
        if (!arrive(w))
          return;
        if (cluster.random && cluster.draw() & 1)
          return;
        continue;
      }
      return; // translated code returns nothing else
    }
  }

  /// Lanes of a warp that wait for others of it must not keep them from running for ever.
  void stalled(Warp *w) {
    if (w->seenProgress != cluster.progress) {
      w->seenProgress = cluster.progress;
      w->stalls = w->polls = 0;
    } else if ((w->polls >= mostPolls || ++w->stalls > patience) && w->diverged) {
      w->polls = 0;
      pickOthers(w);
    }
  }

  void finish(Warp *w) {
    w->state = Warp::State::Done;
    ++cluster.progress;
    AsyncQueues &queues = *w->async;
    if (!queues.openProducts.empty() || !queues.productGroups.empty())
      diagnose(w, "the kernel ends while wgmma products are under way", 0, 0, 0);
    for (auto &copy : queues.stores)
      if (copy) {
        diagnose(w, "the kernel ends before a bulk store has read shared memory", copy->line, 0, int(copy->lane));
        break;
      }
    releaseClusterBarrier(w);
  }

  /// A barrier of all threads counts those that have not exited.
  void releaseClusterBarrier(Warp *w) {
    NamedBarrier &barrier = w->cta->barriers[0];
    uint32_t live = 0;
    for (auto &warp : w->cta->warps)
      live += warp->state != Warp::State::Done;
    if (live && !barrier.needed && barrier.arrived >= live && !barrier.waiting.empty()) {
      diagnose(w, "threads exit while others of their block wait at a barrier", barrier.waiting[0]->barrierLine, 0, 0);
      release(barrier);
    }
  }

  /// Whether the warp may go on.
  bool arrive(Warp *w) {
    ++cluster.progress;
    ++w->cta->counters.barriers;
    NamedBarrier &barrier = w->cta->barriers[w->barrierId];
    uint32_t all = w->cta->warpCount(), needed = w->barrierThreads ? w->barrierThreads / 32 : all;
    if (!barrier.arrived) {
      barrier.clock.assign(cluster.clocks(), 0);
      barrier.fenced.assign(cluster.clocks(), 0);
    } else if ((barrier.needed ? barrier.needed : all) != needed) {
      diagnose(w, "a barrier is used with different numbers of threads", w->barrierLine, 0, 0);
    }
    if (needed > all) {
      diagnose(w, "a barrier waits for more threads than the block has", w->barrierLine, 0, 0);
      needed = all;
    }
    barrier.needed = w->barrierThreads ? needed : 0;
    ++barrier.arrived;
    join(barrier.clock, w->clock);
    join(barrier.fenced, w->fenced);
    ++w->clock[w->clockIndex];
    if (w->barrierReduce) {
      uint32_t held = w->barrierVote & w->live;
      barrier.votes += unsigned(std::popcount(held));
      barrier.allHeld &= held == w->live;
      barrier.anyHeld |= held != 0;
    }
    if (!w->barrierArrive) {
      w->state = Warp::State::AtBarrier;
      barrier.waiting.push_back(w);
    }
    if (barrier.arrived >= needed) {
      if (barrier.waiting.empty())
        diagnose(w, "a barrier completes by arrivals alone: nobody waits for them", w->barrierLine, 0, 0);
      release(barrier);
    }
    return w->state == Warp::State::Ready;
  }

  void release(NamedBarrier &barrier) {
    for (Warp *w : barrier.waiting) {
      join(w->clock, barrier.clock);
      join(w->fenced, barrier.fenced);
      w->state = Warp::State::Ready;
      if (w->barrierReduce)
        giveVote(w, barrier);
    }
    barrier = NamedBarrier();
  }

  void giveVote(Warp *w, const NamedBarrier &barrier) {
    if (w->barrierReduce == 1)
      for (unsigned lane = 0; lane < 32; ++lane)
        w->barrierResult[lane] = barrier.votes;
    else
      *w->barrierResult = (w->barrierReduce == 2 ? barrier.allHeld : barrier.anyHeld) ? ~0u : 0;
    w->barrierReduce = w->barrierVote = 0;
  }

  LaunchState &launch;
  Cluster &cluster;
  std::vector<Warp *> order;
};

/// What the host threads of a launch know of each other. A launch is stuck when every thread has taken many turns in
/// which nothing happened since the same moment: a thread that the host keeps from running has not.
class Watch {
public:
  explicit Watch(unsigned threads) : stuckAt(threads) {
    for (auto &moment : stuckAt)
      moment = moving;
  }

  size_t threads() const { return stuckAt.size(); }
  uint64_t moment() const { return progress; }
  void advance() { ++progress; }
  void leave(unsigned thread) { stuckAt[thread] = left; }
  void keepMoving(unsigned thread) { stuckAt[thread] = moving; }
  /// The thread has seen nothing happen since `moment`; whether the same holds for all others.
  bool allStuck(unsigned thread, uint64_t moment) {
    stuckAt[thread] = moment;
    for (auto &other : stuckAt)
      if (uint64_t at = other; at != left && at != moment)
        return false;
    return progress == moment;
  }

private:
  static constexpr uint64_t moving = ~uint64_t(0), left = moving - 1;
  std::atomic<uint64_t> progress{0};
  std::vector<std::atomic<uint64_t>> stuckAt;
};

/// Takes clusters of the grid until none is left.
class HostThread {
public:
  HostThread(LaunchState &launch, std::atomic<uint64_t> &next, uint64_t clusters, Watch &watch, unsigned number)
      : launch(launch), next(next), clusters(clusters), watch(watch), number(number) {}

  void run() {
    uint64_t idle = 0, seen = 0;
    uint64_t limit = launch.options.maxTurns ? launch.options.maxTurns : defaultTurns;
    bool any = admit();
    while (any && !launch.stopped) {
      bool productive = false, left = false;
      for (auto &resident : residents)
        if (resident->active)
          left |= turn(*resident, productive);
      if (launch.stopped || (!left && !admit()))
        break;
      if (productive || !left) {
        watch.advance();
        watch.keepMoving(number);
        idle = 0;
        continue;
      }
      if (watch.moment() != seen) {
        seen = watch.moment();
        watch.keepMoving(number);
        idle = 0;
      }
      if (++idle < 16) // a first look at a finished phase fails, and random schedules skip turns
        continue;
      if (idle % 16 == 0 && residents.size() < maxResidents && admit())
        continue;
      if (idle % 64 == 0 && watch.threads() > 1) // what it waits for may need this CPU
        sched_yield();
      if (idle > limit && watch.allStuck(number, seen)) {
        reportStuck();
        launch.stopped = true;
      }
    }
    watch.leave(number);
  }

  void collect(Counters &total) {
    const Program &program = *launch.program;
    for (auto &resident : residents)
      for (auto &cta : resident->cluster.ctas) {
        total += cta->counters;
        for (auto &warp : cta->warps)
          for (size_t b = 0; b < program.blocks.size(); ++b)
            addBlock(total, program.blocks[b], warp->blockCounts[2 * b], warp->blockCounts[2 * b + 1]);
      }
  }

private:
  static constexpr size_t maxResidents = 256;

  bool admit() {
    uint64_t index = next++;
    if (index >= clusters)
      return false;
    for (auto &resident : residents)
      if (!resident->active) {
        resident->begin(index);
        return true;
      }
    residents.push_back(std::make_unique<Resident>(launch));
    residents.back()->begin(index);
    return true;
  }

  /// Runs a cluster as long as it gets on; whether warps are left.
  bool turn(Resident &resident, bool &productive) {
    Turn turn(launch, resident.cluster);
    size_t active = 0;
    for (auto &one : residents)
      active += one->active;
    for (unsigned i = 0; active == 1 || i < 4; ++i) {
      bool happened = false;
      if (!turn.run(happened)) {
        resident.active = false;
        productive = true;
        return false;
      }
      if (!happened)
        return true;
      productive = true;
      watch.advance();
    }
    return true;
  }

  void reportStuck() {
    for (auto &resident : residents) {
      if (!resident->active)
        continue;
      for (auto &cta : resident->cluster.ctas)
        for (auto &warp : cta->warps)
          if (warp->state == Warp::State::AtBarrier)
            diagnose(warp.get(), "deadlock: the warp waits at a barrier for threads that do not come",
                     warp->barrierLine, 0, int(lowestLane(warp->live)));
          else if (warp->state != Warp::State::Done)
            diagnose(warp.get(), "deadlock or livelock: the warp waits for what does not happen",
                     launch.program->blocks[warp->next].line, 0, int(lowestLane(warp->mask)));
    }
  }

  static void addBlock(Counters &total, const ProgramBlock &block, uint64_t warps, uint64_t threads) {
    total.warpInstructions += warps * block.instructions;
    total.threadInstructions += threads * block.instructions;
    uint64_t *const classes[] = {&total.arithmetic,      &total.floatingPoint, &total.special, &total.conversions,
                                 &total.moves,           &total.branches,      &total.memory,  &total.tensor,
                                 &total.synchronisation, &total.exchanges};
    for (size_t c = 0; c < size_t(OpClass::Count); ++c)
      *classes[c] += warps * block.classes[c];
  }

  LaunchState &launch;
  std::atomic<uint64_t> &next;
  uint64_t clusters;
  Watch &watch;
  unsigned number;
  std::vector<std::unique_ptr<Resident>> residents;
};

} // namespace

void hybridrt::emulator::runLaunch(LaunchState &launch, LaunchReport &report) {
  uint64_t clusters = launch.config.grid.count() / launch.config.cluster.count();
  unsigned count = launch.options.threads ? launch.options.threads : std::max(1u, std::thread::hardware_concurrency());
  count = unsigned(std::min<uint64_t>(count, clusters));
  if (launch.options.checks.has(Check::Global))
    launch.globalShadow = std::make_unique<GlobalShadow>();
  if (launch.options.checks.order())
    launch.globalSync = std::make_unique<SyncTable>();
  std::atomic<uint64_t> next{0};
  Watch watch(count);
  std::vector<std::unique_ptr<HostThread>> workers;
  for (unsigned i = 0; i < count; ++i)
    workers.push_back(std::make_unique<HostThread>(launch, next, clusters, watch, i));
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < count; ++i)
    threads.emplace_back([&, i] { workers[i]->run(); });
  workers[0]->run();
  for (std::thread &thread : threads)
    thread.join();
  for (auto &worker : workers)
    worker->collect(report.counters);
  report.completed = !launch.stopped;
  report.diagnostics = std::move(launch.diagnostics);
  for (const ProgramWarning &warning : launch.program->warnings) {
    if (!launch.options.checks.has(Check::Wgmma))
      break;
    Diagnostic diagnostic;
    diagnostic.message = warning.message;
    diagnostic.kernel = launch.program->kernel;
    diagnostic.line = warning.line;
    diagnostic.location = launch.program->locate ? launch.program->locate(warning.line) : std::string();
    diagnostic.occurrences = 1;
    report.diagnostics.push_back(std::move(diagnostic));
  }
}

extern "C" {

/// Arrivals of all warps of all CTAs of the cluster end its phase.
void emu_clusterArrive(Warp *w, uint32_t lanes, uint32_t line) {
  if (!lanes)
    return;
  Cluster &cluster = *w->cta->cluster;
  if (w->diverged)
    diagnose(w, "barrier.cluster executed by some lanes of the warp only", line, 0, int(lowestLane(lanes)));
  if (w->clusterPhase > cluster.clusterPhase) {
    diagnose(w, "barrier.cluster.arrive before the wait for the one before it", line, 0, 0);
    return;
  }
  w->clusterPhase = cluster.clusterPhase + 1;
  join(cluster.clusterClock, w->clock);
  join(cluster.clusterFenced, w->fenced);
  ++w->clock[w->clockIndex];
  ++cluster.progress;
  if (++cluster.clusterArrived < cluster.ctas.size() * cluster.warpsPerCta)
    return;
  cluster.clusterArrived = 0;
  ++cluster.clusterPhase;
  cluster.releasedClock = cluster.clusterClock;
  cluster.releasedFenced = cluster.clusterFenced;
}

uint32_t emu_clusterWait(Warp *w, uint32_t line) {
  Cluster &cluster = *w->cta->cluster;
  if (cluster.clusterPhase < w->clusterPhase)
    return 0;
  join(w->clock, cluster.releasedClock);
  join(w->fenced, cluster.releasedFenced);
  return 1;
}

} // extern "C"
