#include "runtime/x86/ThreadPool.h"
#include <algorithm>
#include <immintrin.h>
#include <pthread.h>

using namespace hybridrt;

/// Chunks per thread: enough to even out, few enough that taking them costs nothing.
static constexpr int64_t chunksPerThread = 8;
static constexpr int chunkBits = 24;
static constexpr uint64_t chunkMask = (uint64_t(1) << chunkBits) - 1;
/// About 20 us.
static constexpr int spins = 1000;

static void pinTo(pthread_t thread, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  // A CPU that went away leaves the thread where it is: slower, and still right.
  pthread_setaffinity_np(thread, sizeof set, &set);
}

ThreadPool::ThreadPool(unsigned threads, std::vector<int> available) : cpus(std::move(available)) {
  if (threads == 0)
    threads = std::max<unsigned>(1, cpus.size());
  for (unsigned i = 1; i < threads; ++i) {
    workers.emplace_back([this, i] { work(i); });
    if (threads <= cpus.size())
      pinTo(workers.back().native_handle(), cpus[i]);
  }
}

ThreadPool::~ThreadPool() {
  stop = true;
  ++signal;
  signal.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

bool ThreadPool::takeChunk(unsigned thread) {
  uint64_t word = left.load(std::memory_order_acquire);
  do {
    if ((word & chunkMask) == 0)
      return false;
  } while (!left.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  int64_t begin = (chunks - int64_t(word & chunkMask)) * chunk;
  body(context, begin, std::min(begin + chunk, count), thread);
  unfinished.fetch_sub(1, std::memory_order_release);
  return true;
}

void ThreadPool::work(unsigned thread) {
  while (!stop) {
    int seen = signal.load(std::memory_order_acquire);
    while (takeChunk(thread)) {
    }
    for (int i = 0; i < spins && signal.load(std::memory_order_acquire) == seen; ++i)
      _mm_pause();
    if (!stop)
      signal.wait(seen, std::memory_order_acquire);
  }
}

void ThreadPool::run(int64_t items, Body function, void *argument) {
  if (items <= 0)
    return;
  if (workers.empty() || items == 1)
    return function(argument, 0, items, 0);
  body = function;
  context = argument;
  count = items;
  chunk = (items + size() * chunksPerThread - 1) / (size() * chunksPerThread);
  chunks = (items + chunk - 1) / chunk;
  unfinished.store(chunks, std::memory_order_relaxed);
  left.store(++region << chunkBits | uint64_t(chunks), std::memory_order_release);
  signal.fetch_add(1, std::memory_order_release);
  signal.notify_all();
  while (takeChunk(0)) {
  }
  for (int i = 0; unfinished.load(std::memory_order_acquire) != 0; ++i)
    i < spins ? _mm_pause() : void(sched_yield());
}

ThreadPool::Pinned::Pinned(const ThreadPool &pool) {
  if (pool.workers.empty() || pool.size() > pool.cpus.size())
    return;
  active = pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
  if (active)
    pinTo(pthread_self(), pool.cpus[0]);
}

ThreadPool::Pinned::~Pinned() {
  if (active)
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
}
