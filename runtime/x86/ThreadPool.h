// Threads that run one region after another. A region is a range cut into chunks, which threads take one by
// one, so that a core busy with something else costs only the chunk that it holds.
//
// One 64-bit word holds a region's number and how many of its chunks are left. A thread takes a chunk by
// lowering the word by one; having succeeded, it knows that the region cannot end before it has run the
// chunk, and so that the region's description stays put. Idle threads spin briefly, as the next region of a
// schedule follows within microseconds, and then sleep on a futex.
#ifndef HYBRID_RUNTIME_X86_THREADPOOL_H
#define HYBRID_RUNTIME_X86_THREADPOOL_H
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

namespace hybridrt {

class ThreadPool {
public:
  /// Runs on `threads` threads, the caller's among them, each pinned to one of `cpus` (0: as many as there
  /// are).
  ThreadPool(unsigned threads, std::vector<int> cpus);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return unsigned(workers.size()) + 1; }

  /// Items [begin, end), run by thread number `thread`.
  using Body = void (*)(void *context, int64_t begin, int64_t end, unsigned thread);
  /// Runs `body` over [0, count) and returns when all of it is done. One caller at a time; `body` must not
  /// throw.
  void run(int64_t count, Body body, void *context);

  /// The same for a callable(begin, end, thread), whose first exception is rethrown.
  template <typename Function> void forEach(int64_t count, Function &&function) {
    struct Context {
      Function &function;
      std::exception_ptr error;
      std::mutex mutex;
    } context{function, nullptr, {}};
    run(
        count,
        [](void *opaque, int64_t begin, int64_t end, unsigned thread) {
          auto &context = *static_cast<Context *>(opaque);
          try {
            context.function(begin, end, thread);
          } catch (...) {
            std::lock_guard lock(context.mutex);
            context.error = std::current_exception();
          }
        },
        &context);
    if (context.error)
      std::rethrow_exception(context.error);
  }

  /// Keeps the calling thread on the pool's first CPU while it lives: unpinned, the scheduler may put it on a
  /// worker's.
  class Pinned {
  public:
    explicit Pinned(const ThreadPool &pool);
    ~Pinned();

  private:
    bool active = false;
    cpu_set_t before;
  };

private:
  void work(unsigned thread);
  bool takeChunk(unsigned thread);

  std::vector<int> cpus;
  std::vector<std::thread> workers;
  // The region. Written by run() while no chunk is left.
  Body body = nullptr;
  void *context = nullptr;
  int64_t count = 0, chunk = 0, chunks = 0;
  uint64_t region = 0;
  alignas(64) std::atomic<uint64_t> left{0};
  alignas(64) std::atomic<int64_t> unfinished{0};
  alignas(64) std::atomic<int> signal{0};
  std::atomic<bool> stop{false};
};

} // namespace hybridrt
#endif
