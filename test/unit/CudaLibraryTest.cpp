// The runtime's side of the driver: libraries that are missing, too old, or not whole.
#include "runtime/core/Devices.h"
#include "runtime/cuda/Driver.h"
#include "runtime/x86/Cpu.h"
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

using namespace hybridrt;

namespace {
/// Compiles C to a library and tries it as a driver; the message of the error.
std::string tryDriver(const std::string &name, const std::string &source) {
  std::string base = testing::TempDir() + "hybrid-driver-" + name;
  std::ofstream(base + ".c") << source;
  std::string command = std::string(HYBRID_CLANG) + " -shared -fPIC -nostdlib -o " + base + ".so " + base + ".c";
  if (std::system(command.c_str()) != 0)
    return "cannot compile: " + command;
  try {
    cuda::Driver driver({base + ".so"}, "advice");
    return "";
  } catch (const Error &error) {
    return error.what();
  }
}

TEST(CudaLibrary, AMissingOneNamesTheWayOut) {
  try {
    cuda::Driver driver({"libhybrid-no-such-driver.so"}, "do this");
    FAIL() << "it was found";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "no CUDA driver: libhybrid-no-such-driver.so: cannot open shared object file: No such "
                               "file or directory; do this");
  }
}

TEST(CudaLibrary, AnOldOneIsNamedWithBothVersions) {
  std::string message = tryDriver("old", "int cuDriverGetVersion(int *v) { *v = 11080; return 0; }");
  EXPECT_EQ(message, "expected a CUDA driver of version 12.0 or later, found '" + testing::TempDir() +
                         "hybrid-driver-old.so' of version 11.8; install a newer driver");
  message = tryDriver("silent", "int cuDriverGetVersion(int *v) { return 999; }");
  EXPECT_EQ(message,
            "the CUDA driver '" + testing::TempDir() + "hybrid-driver-silent.so' does not tell its version: error 999");
}

TEST(CudaLibrary, ALackingFunctionIsNamed) {
  std::string message = tryDriver("lacking", "int cuDriverGetVersion(int *v) { *v = 12040; return 0; }\n"
                                             "int cuGetErrorName(int e, const char **t) { return 1; }\n");
  EXPECT_EQ(message, "the CUDA driver '" + testing::TempDir() +
                         "hybrid-driver-lacking.so' of version 12.4 lacks the function cuGetErrorString");
  message = tryDriver("none", "int other(void) { return 0; }");
  EXPECT_EQ(message,
            "'" + testing::TempDir() + "hybrid-driver-none.so' is no CUDA driver: it lacks cuDriverGetVersion");
}
/// A driver of which every function succeeds and does nothing, but for those that `own` defines.
class StubDriver {
public:
  StubDriver(const std::string &name, const std::string &own) {
    std::string base = testing::TempDir() + "hybrid-stub-" + name;
    std::ofstream file(base + ".c");
    file << own;
#define HYBRID_NAME(name, ...) #name,
    for (std::string function : {HYBRID_CUDA_FUNCTIONS(HYBRID_NAME)})
      if (own.find(" " + function + "(") == std::string::npos)
        file << "int " << function << "() { return 0; }\n";
#undef HYBRID_NAME
    file.close();
    std::string command =
        std::string(HYBRID_CLANG) + " -std=c11 -shared -fPIC -nostdlib -o " + base + ".so " + base + ".c";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    setenv("HYBRID_CUDA_DRIVER", (base + ".so").c_str(), 1);
  }
  ~StubDriver() { unsetenv("HYBRID_CUDA_DRIVER"); }
};

/// A GPU of this capability and driver 12.4.
std::string gpu(int capability, const std::string &more = "") {
  return "int cuDriverGetVersion(int *v) { *v = 12040; return 0; }\n"
         "int cuDeviceGetCount(int *n) { *n = 1; return 0; }\n"
         "int cuDeviceGetName(char *t, int n, int d) { t[0] = 'S'; t[1] = 0; return 0; }\n"
         "int cuGetErrorName(int e, const char **t) { return 1; }\n"
         "int cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? " +
         std::to_string(capability / 10) + " : a == 76 ? " + std::to_string(capability % 10) +
         " : 50000; return 0; }\n" + more;
}

/// What loading an artifact's program on the GPU says.
std::string loadError(const artifact::ProgramT &program, const std::string &device = "cuda") {
  ThreadPool pool(1, availableCpus());
  std::vector<std::string> notes;
  return capture([&] {
           targetsOfDevice(device);
           openDevice(device, "", 0, pool)->load(program, notes);
         })
      .error();
}

artifact::ProgramT programOf(const char *level) {
  artifact::ProgramT program;
  program.target = "sm_80";
  if (*level)
    program.modules.emplace_back(std::make_unique<artifact::ModuleT>())->level = level;
  auto &kernel = *program.kernels.emplace_back(std::make_unique<artifact::KernelT>());
  kernel.symbol = "k";
  kernel.threads = 32;
  return program;
}

TEST(CudaLibrary, WhatAGpuLacksIsNamed) {
  {
    StubDriver old("gpu-old", gpu(75));
    EXPECT_EQ(loadError(programOf("ptx")), "expected a GPU of compute capability 8.0 or later, found S of 7.5");
    EXPECT_EQ(loadError(programOf("ptx"), "cuda:3"), "there is no GPU 3: the CUDA driver finds 1, numbered from 0");
  }
  {
    StubDriver none("gpu-none", gpu(80, "int cuInit(unsigned f) { return 100; }\n"));
    EXPECT_EQ(loadError(programOf("ptx")), "starting the CUDA driver: CUDA error 100");
  }
  {
    StubDriver full("gpu-full", gpu(80, "int cuStreamCreate(void **s, unsigned f) { return 2; }\n"));
    EXPECT_EQ(loadError(programOf("ptx")), "making a stream: CUDA error 2");
  }
  {
    StubDriver picky("gpu-picky", gpu(80, "int cuModuleLoadDataEx() { return 209; }\n"));
    EXPECT_EQ(loadError(programOf("")), "the artifact has neither machine code nor PTX for sm_80");
    EXPECT_EQ(loadError(programOf("cubin")), "the driver of version 12.4 does not take the code for sm_80: CUDA error "
                                             "209; the artifact has no PTX to fall back on");
    EXPECT_EQ(loadError(programOf("ptx")),
              "the driver of version 12.4 does not take the kernels' PTX for sm_80: CUDA error 209");
  }
}

TEST(CudaLibrary, WhatAKernelAsksForIsChecked) {
  StubDriver small("gpu-small", gpu(80, "int cuFuncGetAttribute(int *v, int a, void *f) { *v = a == 0 ? 16 : 0; "
                                        "return 0; }\n"));
  artifact::ProgramT program = programOf("ptx");
  EXPECT_EQ(loadError(program), "kernel 'k': expected 1 to 16 threads per block on S, the artifact says 32");
  program.kernels[0]->threads = 16;
  program.kernels[0]->shared_bytes = 1 << 20;
  EXPECT_EQ(loadError(program),
            "kernel 'k' needs 1.00 MiB of shared memory, S has 48.83 KiB; compile the model for another target");
}
} // namespace
