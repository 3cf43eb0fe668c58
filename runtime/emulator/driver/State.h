// What the emulated driver knows: its handles, and what they stand for. A handle is the address of an object; every
// use looks it up, so that a stale or invented one is an error.
#ifndef HYBRID_RUNTIME_EMULATOR_DRIVER_STATE_H
#define HYBRID_RUNTIME_EMULATOR_DRIVER_STATE_H
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/driver/Call.h"
#include <chrono>
#include <cstring>
#include <map>
#include <unordered_map>

namespace hybridrt::driver {
using namespace cuda;

/// Anything with a handle.
struct Object {
  virtual ~Object() = default;
};

struct Context : Object {
  static constexpr const char *kind = "context";
  unsigned flags = 0;
  unsigned retained = 0; ///< of the primary context
  bool primary = false;
};

struct ModuleObject;

struct Function : Object {
  static constexpr const char *kind = "function";
  std::weak_ptr<ModuleObject> module;
  std::shared_ptr<emulator::Module> code;
  const emulator::Kernel *kernel = nullptr;
  int mostDynamicShared = 0, carveout = -1;
  bool largeClusters = false;
};

/// A module, or a library, which is one too.
struct ModuleObject : Object {
  static constexpr const char *kind = "module";
  std::shared_ptr<emulator::Module> code;
  std::map<std::string, std::shared_ptr<Function>> functions;
};

struct MemoryPool : Object {
  static constexpr const char *kind = "memory pool";
  uint64_t used = 0, mostUsed = 0, releaseThreshold = 0;
};

struct Graph;
struct GraphNode;

/// Work of streams that is being recorded. Streams that wait for each other's events record into one.
struct Capture {
  std::shared_ptr<Graph> graph;
  const void *origin = nullptr; ///< the stream that ends it
};

struct Stream : Object {
  static constexpr const char *kind = "stream";
  unsigned flags = 0;
  int priority = 0;
  std::shared_ptr<Capture> capture;
  /// What the next recorded work comes after.
  std::vector<GraphNode *> last;
};

struct Event : Object {
  static constexpr const char *kind = "event";
  unsigned flags = 0;
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
  /// Where it stands in a recording.
  std::weak_ptr<Capture> capture;
  std::vector<GraphNode *> after;
};

/// Memory that the driver gave out or was told of.
struct Allocation {
  enum { device, host, registered } kind = device;
  uint64_t bytes = 0;
  std::shared_ptr<MemoryPool> pool;
};

/// How kernels run, from the environment.
struct Settings {
  emulator::LaunchOptions launch;
  /// Whether a report makes the launch fail, or is only printed.
  bool strict = true;
};

struct State {
  emulator::Engine engine;
  bool initialised = false;
  Settings settings;
  std::unordered_map<const void *, std::shared_ptr<Object>> objects;
  std::map<uint64_t, Allocation> allocations;
  std::shared_ptr<Context> primary;
  std::shared_ptr<Stream> defaultStream = std::make_shared<Stream>();
  std::shared_ptr<MemoryPool> defaultPool;
  emulator::Counters counters;
};
State &state();

/// Makes an object known; the result is its handle.
template <typename Handle, typename T> Handle addObject(std::shared_ptr<T> object) {
  const void *address = object.get();
  state().objects[address] = std::move(object);
  return reinterpret_cast<Handle>(const_cast<void *>(address));
}

template <typename T> std::shared_ptr<T> findObject(const void *handle) {
  auto found = state().objects.find(handle);
  std::shared_ptr<T> object;
  if (found != state().objects.end())
    object = std::dynamic_pointer_cast<T>(found->second);
  if (!object)
    refuse(CUDA_ERROR_INVALID_HANDLE, "expected ", std::strchr("ae", T::kind[0]) ? "an " : "a ", T::kind, ", got ",
           handle ? "a handle of something else, or of what is gone" : "NULL");
  return object;
}

template <typename T> void dropObject(const void *handle) {
  findObject<T>(handle);
  state().objects.erase(handle);
}

/// The context of this thread; refuses if there is none.
std::shared_ptr<Context> currentContext();
/// Contexts of this thread, innermost last.
std::vector<std::shared_ptr<Context>> &contextStack();
/// The stream of a handle, the default streams' included.
std::shared_ptr<Stream> findStream(CUstream handle);
/// Refuses all devices but the one.
void checkDevice(CUdevice device);

uint64_t totalMemory();
/// Whether [address, address + bytes) is memory of the emulated device.
bool isDeviceMemory(uint64_t address, uint64_t bytes);
/// Copies from or to an address of the caller that may be wrong; refuses then.
void readCaller(void *to, const void *from, uint64_t bytes, const char *what);
void writeCaller(void *to, const void *from, uint64_t bytes, const char *what);

} // namespace hybridrt::driver
#endif
