// The runtime's side of the driver: libraries that are missing, too old, or not whole.
#include "runtime/cuda/Driver.h"
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
    EXPECT_NE(std::string(error.what()).find("no CUDA driver: libhybrid-no-such-driver.so: cannot open"),
              std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("; do this"), std::string::npos) << error.what();
  }
}

TEST(CudaLibrary, AnOldOneIsNamedWithBothVersions) {
  std::string message = tryDriver("old", "int cuDriverGetVersion(int *v) { *v = 11080; return 0; }");
  EXPECT_NE(message.find("expected a CUDA driver of version 12.0 or later, found"), std::string::npos) << message;
  EXPECT_NE(message.find("of version 11.8"), std::string::npos) << message;
}

TEST(CudaLibrary, ALackingFunctionIsNamed) {
  std::string message = tryDriver("lacking", "int cuDriverGetVersion(int *v) { *v = 12040; return 0; }\n"
                                             "int cuGetErrorName(int e, const char **t) { return 1; }\n");
  EXPECT_NE(message.find("lacks the function cuGetErrorString"), std::string::npos) << message;
  message = tryDriver("none", "int other(void) { return 0; }");
  EXPECT_NE(message.find("is no CUDA driver"), std::string::npos) << message;
}
} // namespace
