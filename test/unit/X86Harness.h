// Compiles kernels for one CPU level, runs them in this process and compares every written buffer with the
// evaluator.
#ifndef HYBRID_TEST_UNIT_X86HARNESS_H
#define HYBRID_TEST_UNIT_X86HARNESS_H
#include "hybrid/Reference/TileEvaluator.h"
#include "hybrid/Register.h"
#include "hybrid/Target/X86.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <dlfcn.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace mlir::hybrid {

inline bool cpuHas(CpuLevel level) {
  switch (level) {
  case CpuLevel::v1:
    return true;
  case CpuLevel::v3:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  case CpuLevel::v4:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
}

using KernelFunction = void (*)(void *const *, const int64_t *, int64_t, int64_t, int64_t, void *);

/// A shared object that lives in memory only.
class LoadedModule {
public:
  explicit LoadedModule(const X86Module &module) : module(module) {
    file = memfd_create("kernels", 0);
    EXPECT_EQ(write(file, module.sharedObject.data(), module.sharedObject.size()),
              static_cast<ssize_t>(module.sharedObject.size()));
    handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_TRUE(handle) << dlerror();
  }
  ~LoadedModule() {
    if (handle)
      dlclose(handle);
    close(file); // not before: dlopen knows libraries by their names, and this one's holds the number
  }
  LoadedModule(const LoadedModule &) = delete;
  KernelFunction find(const std::string &name) const {
    return reinterpret_cast<KernelFunction>(dlsym(handle, name.c_str()));
  }
  int64_t scratchBytes(const std::string &name) const {
    for (const X86Kernel &kernel : module.kernels)
      if (kernel.name == name)
        return kernel.scratchBytes;
    ADD_FAILURE() << "no kernel " << name;
    return 0;
  }

private:
  const X86Module &module;
  int file = -1;
  void *handle = nullptr;
};

/// The bytes of a buffer argument, and back. A panel argument is packed as the runtime packs parameters.
class NativeBuffer {
public:
  NativeBuffer(MemRefType type, bool isPanel, const HostValue &value) : element(type.getElementType()) {
    int64_t rows = value.dim(0), columns = value.shape.size() == 2 ? value.dim(1) : 1;
    places.resize(value.data.size());
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        places[i * columns + j] = isPanel ? i / 16 * columns * 16 + j * 16 + i % 16 : i * columns + j;
    int64_t count = isPanel ? (rows + 15) / 16 * 16 * columns : rows * columns;
    bytes.assign(count * width(), 0);
    for (size_t i = 0; i < places.size(); ++i)
      put(bytes.data() + places[i] * width(), value.data[i]);
  }
  void read(HostValue &value) const {
    for (size_t i = 0; i < places.size(); ++i)
      value.data[i] = get(bytes.data() + places[i] * width());
  }
  void *data() { return bytes.data(); }

private:
  int64_t width() const { return element.getIntOrFloatBitWidth() / 8; }
  void put(char *to, double x) const {
    uint64_t bits;
    if (auto type = dyn_cast<FloatType>(element)) {
      llvm::APFloat f(x);
      bool lost;
      f.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
      bits = f.bitcastToAPInt().getZExtValue();
    } else {
      bits = static_cast<uint64_t>(static_cast<int64_t>(x));
    }
    memcpy(to, &bits, width());
  }
  double get(const char *from) const {
    uint64_t bits = 0;
    memcpy(&bits, from, width());
    if (auto type = dyn_cast<FloatType>(element))
      return llvm::APFloat(type.getFloatSemantics(), llvm::APInt(width() * 8, bits)).convertToDouble();
    return static_cast<int32_t>(bits);
  }
  Type element;
  std::vector<char> bytes;
  std::vector<int64_t> places;
};

/// What a test says about a launch: rows of the buffers whose outer dim is dynamic, numbers, grid. `data` may
/// replace a buffer's random contents.
struct Launch {
  std::vector<int64_t> rows;
  std::vector<int64_t> scalars = {};
  std::array<int64_t, 3> grid = {1, 1, 1};
  double tolerance = 2e-5;
  std::function<void(unsigned argument, HostValue &)> data = {};
};

class X86KernelTest : public ::testing::TestWithParam<CpuLevel> {
protected:
  X86KernelTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// Compiles the one kernel of `source` and compares; on a CPU without the level the test counts as skipped.
  void check(const std::string &source, const Launch &launch) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
    ASSERT_TRUE(module) << source;
    auto kernel = *module->getOps<tile::KernelOp>().begin();
    FailureOr<X86Module> compiled = compileX86(*module, GetParam());
    ASSERT_TRUE(succeeded(compiled)) << source;
    if (!cpuHas(GetParam()))
      GTEST_SKIP() << "compiled, but this CPU lacks " << cpuName(GetParam()).str();
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<HostValue> expected;
    std::vector<NativeBuffer> native;
    std::vector<BlockArgument> arguments;
    size_t next = 0;
    for (BlockArgument argument : kernel.getBody().getArguments()) {
      auto type = dyn_cast<MemRefType>(argument.getType());
      if (!type)
        continue;
      SmallVector<int64_t> shape(type.getShape());
      if (ShapedType::isDynamic(shape[0]))
        shape[0] = launch.rows.at(next++);
      HostValue value(shape);
      for (double &x : value.data)
        x = isa<FloatType>(type.getElementType()) ? roundTo(type.getElementType(), uniform(random)) : random() % 4;
      if (launch.data)
        launch.data(argument.getArgNumber(), value);
      bool isPanel = bool(kernel.getArgAttr(argument.getArgNumber(), tile::kPanelAttr));
      native.emplace_back(type, isPanel, value);
      expected.push_back(std::move(value));
      arguments.push_back(argument);
    }
    LoadedModule loaded(*compiled);
    std::string name = kernel.getSymName().str();
    KernelFunction function = loaded.find(name);
    ASSERT_TRUE(function);
    // Scratch starts as NaN, so that reading what was not written shows.
    std::vector<float> scratch(loaded.scratchBytes(name) / 4 + 32, NAN);
    void *aligned = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t(63));
    std::vector<void *> pointers;
    for (NativeBuffer &buffer : native)
      pointers.push_back(buffer.data());
    for (int64_t z = 0; z < launch.grid[2]; ++z)
      for (int64_t y = 0; y < launch.grid[1]; ++y)
        for (int64_t x = 0; x < launch.grid[0]; ++x)
          function(pointers.data(), launch.scalars.data(), x, y, z, aligned);
    SmallVector<HostValue *> references;
    for (HostValue &value : expected)
      references.push_back(&value);
    ASSERT_TRUE(succeeded(evaluateTileGrid(kernel, {references, launch.scalars}, launch.grid)));
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      HostValue got(expected[i].shape);
      native[i].read(got);
      Type element = cast<MemRefType>(argument.getType()).getElementType();
      double tolerance = std::max(launch.tolerance, element.isBF16() ? 0x1p-7 : element.isF16() ? 0x1p-10 : 0);
      for (size_t k = 0; k < got.data.size(); ++k) {
        double a = got.data[k], e = expected[i].data[k];
        bool same = std::isnan(e) ? std::isnan(a) : a == e || std::fabs(a - e) <= tolerance * (1 + std::fabs(e));
        ASSERT_TRUE(same) << "argument " << argument.getArgNumber() << ", element " << k << ": expected " << e
                          << ", got " << a << "\n"
                          << source;
      }
    }
  }

  MLIRContext context;
};

inline std::string levelName(const ::testing::TestParamInfo<CpuLevel> &info) {
  return info.param == CpuLevel::v1 ? "v1" : info.param == CpuLevel::v3 ? "v3" : "v4";
}

} // namespace mlir::hybrid
#endif
