// Runs PTX in tests.
#ifndef HYBRID_TEST_UNIT_EMULATORHARNESS_H
#define HYBRID_TEST_UNIT_EMULATORHARNESS_H
#include "runtime/emulator/Engine.h"
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace hybridrt::emulator {

/// A vector whose memory kernels may touch.
template <typename T> class Buffer {
public:
  Buffer(Engine &engine, size_t count, T value = T()) : engine(engine), count(count) {
    base = engine.allocate(count * sizeof(T)).get();
    std::fill(begin(), end(), value);
  }
  ~Buffer() { (void)engine.release(base); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  T &operator[](size_t index) { return begin()[index]; }
  T *begin() { return reinterpret_cast<T *>(base); }
  T *end() { return begin() + count; }
  uint64_t address() const { return base; }

private:
  Engine &engine;
  size_t count;
  uint64_t base;
};

/// A kernel's parameters, in order; each is aligned to its size.
class Parameters {
public:
  template <typename T> Parameters &add(const T &value, size_t alignment = alignof(T)) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    bytes.resize(bytes.size() + sizeof(T));
    std::memcpy(&bytes[bytes.size() - sizeof(T)], &value, sizeof(T));
    return *this;
  }
  template <typename T> Parameters &add(const Buffer<T> &buffer) { return add(buffer.address()); }
  std::vector<uint8_t> bytes;
};

inline std::string readTestFile(const std::string &name) {
  std::ifstream file(std::string(HYBRID_SOURCE_DIR) + "/test/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What a report says, one diagnostic a line.
inline std::string textOf(const LaunchReport &report) {
  std::string result;
  for (const Diagnostic &diagnostic : report.diagnostics)
    result += diagnostic.text() + "\n";
  return result;
}

inline LaunchReport launch(Engine &engine, const Module &module, const std::string &kernel, Dim3 grid, Dim3 block,
                           const Parameters &parameters, const LaunchOptions &options = {}, uint32_t dynamicShared = 0,
                           Dim3 cluster = {}) {
  Launch config{grid, block, cluster, dynamicShared, parameters.bytes.data(), parameters.bytes.size()};
  auto report = engine.launch(module, kernel, config, options);
  EXPECT_TRUE(bool(report)) << report.error();
  return report ? *report : LaunchReport();
}

} // namespace hybridrt::emulator
#endif
