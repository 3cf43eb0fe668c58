// Every message of the emulator's driver interface that CudaDriverTest does not expect.
#include "runtime/emulator/driver/Exports.h"
#include <cstring>
#include <gtest/gtest.h>
#include <regex>
#include <string>
#include <thread>
#include <vector>

using namespace hybridrt::cuda;

extern "C" {
CUresult cuCtxCreate_v4(CUcontext *context, void *parameters, unsigned flags, CUdevice device);
CUresult cuCtxDestroy_v2(CUcontext context);
CUresult cuCtxSynchronize();
CUresult cuGetExportTable(const void **table, const CUuuid *id);
CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                             CUdriverProcAddressQueryResult *status);
CUresult cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count);
CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info);
CUresult cuGraphKernelNodeSetAttribute(CUgraphNode node, CUlaunchAttributeID attribute,
                                       const CUlaunchAttributeValue *value);
CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *parameters);
CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,
                        void **extra);
CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height, unsigned elementBytes);
CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *parameters);
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes);
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes);
CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr address);
CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned flags);
CUresult cuMemHostRegister_v2(void *address, size_t bytes, unsigned flags);
CUresult cuMemHostUnregister(void *address);
CUresult cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height);
CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count);
CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module, const char *name);
CUresult cuModuleLoad(CUmodule *module, const char *path);
CUresult cuModuleLoadData(CUmodule *module, const void *image);
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function, int threads, size_t shared);
CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr address);
CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode);
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph);
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags);
CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, uint32_t rank, void *address,
                                const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                                const uint32_t *elementStrides, CUtensorMapInterleave interleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
                                CUtensorMapFloatOOBfill fill);
}

namespace {
const char *const source = R"(.version 8.0
.target sm_90a
.address_size 64
.visible .entry plain(.param .u32 value) { ret; }
.visible .entry small() .maxntid 32 { ret; }
.visible .entry pairs() .reqnctapercluster 2 { ret; }
)";

/// An address that is nobody's.
constexpr uint64_t nowhere = 4096;

/// What a call that must fail leaves as its message.
std::string says(CUresult result) { return result == CUDA_SUCCESS ? "success" : hybridEmulatorMessage(); }

/// How much memory is free differs from call to call.
std::string withoutFree(const std::string &message) {
  return std::regex_replace(message, std::regex("(at most|1 to) [0-9]+ bytes"), "$1 F bytes");
}

class CudaMessages : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxPushCurrent_v2(context), CUDA_SUCCESS);
    ASSERT_EQ(cuModuleLoadData(&module, source), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuModuleGetFunction(&plain, module, "plain"), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuModuleGetFunction(&small, module, "small"), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuModuleGetFunction(&pairs, module, "pairs"), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuMemAlloc_v2(&data, 128), CUDA_SUCCESS);
    ASSERT_EQ(cuStreamCreate(&stream, 0), CUDA_SUCCESS);
  }
  void TearDown() override {
    EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_SUCCESS);
    EXPECT_EQ(cuMemFree_v2(data), CUDA_SUCCESS);
    EXPECT_EQ(cuModuleUnload(module), CUDA_SUCCESS);
    EXPECT_EQ(cuCtxPopCurrent_v2(&context), CUDA_SUCCESS);
    EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  }

  std::string launch(CUfunction function, unsigned gridX, unsigned blockX, unsigned shared, void **parameters,
                     void **extra = nullptr, unsigned gridY = 1, unsigned blockZ = 1) {
    return says(cuLaunchKernel(function, gridX, gridY, 1, blockX, 1, blockZ, shared, nullptr, parameters, extra));
  }
  std::string launchClusters(CUfunction function, unsigned blocks, CUlaunchAttributeID id, unsigned cluster,
                             unsigned count = 1) {
    CUlaunchAttribute attribute{};
    attribute.id = id;
    attribute.value.clusterDim = {cluster, 1, 1};
    CUlaunchConfig config{blocks, 1, 1, 32, 1, 1, 0, nullptr, &attribute, count};
    return says(cuLaunchKernelEx(&config, function, parameters, nullptr));
  }

  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction plain = nullptr, small = nullptr, pairs = nullptr;
  CUdeviceptr data = 0;
  CUstream stream = nullptr;
  unsigned value = 1;
  void *parameters[1] = {&value};
};

TEST_F(CudaMessages, OfDevicesAndContexts) {
  char name[8];
  int number;
  EXPECT_EQ(says(cuInit(1)), "cuInit: expected flags of 0, got 1");
  EXPECT_EQ(says(cuDeviceGetName(name, 0, 0)), "cuDeviceGetName: expected room for a name, got 0 bytes");
  EXPECT_EQ(says(cuDeviceGetName(nullptr, 8, 0)), "cuDeviceGetName: expected a pointer for 'name', got NULL");
  EXPECT_EQ(says(cuDeviceGetName(name, 8, 3)), "cuDeviceGetName: expected device 0, the only one, got 3");
  EXPECT_EQ(says(cuDeviceGetAttribute(&number, CUdevice_attribute(1001), 0)),
            "cuDeviceGetAttribute: expected a device attribute, got 1001");
  CUcontext other = nullptr;
  EXPECT_EQ(says(cuCtxCreate_v4(&other, name, 0, 0)),
            "cuCtxCreate: parameters of contexts are not supported; pass NULL");
  EXPECT_EQ(says(cuCtxDestroy_v2(context)), "cuCtxDestroy: the primary context is released, not destroyed");
  EXPECT_EQ(says(cuCtxDestroy_v2(nullptr)), "cuCtxDestroy: expected a context, got NULL");
  EXPECT_EQ(says(cuCtxDestroy_v2(CUcontext(stream))),
            "cuCtxDestroy: expected a context, got a handle of something else, or of what is gone");
  // A thread that destroys a context which is another's current one.
  ASSERT_EQ(cuCtxCreate_v4(&other, nullptr, 0, 0), CUDA_SUCCESS);
  std::thread([&] { EXPECT_EQ(cuCtxDestroy_v2(other), CUDA_SUCCESS); }).join();
  EXPECT_EQ(says(cuCtxSynchronize()), "cuCtxSynchronize: the thread's context is destroyed");
  EXPECT_EQ(cuCtxPopCurrent_v2(&other), CUDA_SUCCESS);
  const char *text;
  EXPECT_EQ(says(cuGetErrorName(CUresult(12345), &text)), "cuGetErrorName: expected an error code, got 12345");
  void *function;
  CUdriverProcAddressQueryResult status;
  EXPECT_EQ(says(cuGetProcAddress_v2("cuNothing", &function, 12000, 0, &status)),
            "cuGetProcAddress: the emulator has no function 'cuNothing'");
  EXPECT_EQ(says(cuGetExportTable(nullptr, nullptr)), "cuGetExportTable: the emulator has no private tables");
}

TEST(CudaStates, HaveMessages) {
  ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
  CUcontext context;
  EXPECT_EQ(says(cuCtxPopCurrent_v2(&context)),
            "cuCtxPopCurrent: expected a current context, and this thread has none");
  EXPECT_EQ(says(cuCtxSynchronize()), "cuCtxSynchronize: expected a current context, and this thread has none");
  EXPECT_EQ(says(cuDevicePrimaryCtxRelease_v2(0)),
            "cuDevicePrimaryCtxRelease: expected a primary context that is retained");
}

// Only a process that has not called cuInit yet can see these.
TEST(CudaStatesDeathTest, BeforeInitialisation) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        int count;
        std::fputs(says(cuDeviceGetCount(&count)).c_str(), stderr);
        std::_Exit(3);
      },
      testing::ExitedWithCode(3), "^cuDeviceGetCount: expected cuInit before this call$");
  EXPECT_EXIT(
      {
        setenv("HYBRID_EMULATOR_SEED", "many", 1);
        std::fputs(says(cuInit(0)).c_str(), stderr);
        std::_Exit(3);
      },
      testing::ExitedWithCode(3), "^cuInit: expected HYBRID_EMULATOR_SEED to be a number, got 'many'$");
  EXPECT_EXIT(
      {
        setenv("HYBRID_EMULATOR_CHECK", "global,odd", 1);
        std::fputs(says(cuInit(0)).c_str(), stderr);
        std::_Exit(3);
      },
      testing::ExitedWithCode(3),
      "^cuInit: HYBRID_EMULATOR_CHECK: expected checks out of global, shared, poison, mbarriers, wgmma with commas "
      "between them, got 'odd'; or 0 or 1$");
}

TEST_F(CudaMessages, OfLaunches) {
  EXPECT_EQ(launch(plain, 0, 32, 0, parameters),
            "cuLaunchKernel: 'plain': expected a grid of 1 to (2147483647, 65535, 65535) blocks, got (0, 1, 1)");
  EXPECT_EQ(launch(plain, 1, 32, 0, parameters, nullptr, 65536),
            "cuLaunchKernel: 'plain': expected a grid of 1 to (2147483647, 65535, 65535) blocks, got (1, 65536, 1)");
  EXPECT_EQ(launch(plain, 1, 1025, 0, parameters),
            "cuLaunchKernel: 'plain': expected blocks of 1 to 1024 threads, got (1025, 1, 1)");
  // The product of these is 4 beyond 2^64.
  EXPECT_EQ(says(cuLaunchKernel(plain, 1, 1, 1, 2147549185u, 2147418113u, 4, 0, nullptr, parameters, nullptr)),
            "cuLaunchKernel: 'plain': expected blocks of 1 to 1024 threads, got (2147549185, 2147418113, 4)");
  EXPECT_EQ(launch(small, 1, 64, 0, nullptr),
            "cuLaunchKernel: 'small': expected blocks of at most 32 threads, as its .maxntid says, got (64, 1, 1)");
  EXPECT_EQ(launch(plain, 1, 32, 50000, parameters),
            "cuLaunchKernel: 'plain': expected at most 49152 bytes of dynamic shared memory, got 50000; raise the "
            "function's attribute MAX_DYNAMIC_SHARED_SIZE_BYTES");
  EXPECT_EQ(launch(plain, 1, 32, 0, nullptr), "cuLaunchKernel: 'plain': expected 1 parameters, got NULL");
  void *wrong[] = {reinterpret_cast<void *>(nowhere)};
  EXPECT_EQ(launch(plain, 1, 32, 0, wrong),
            "cuLaunchKernel: expected 4 bytes of memory for parameter 0 of 'plain', got address 4096");
  wrong[0] = nullptr;
  EXPECT_EQ(launch(plain, 1, 32, 0, wrong), "cuLaunchKernel: expected a pointer for parameter 0 of 'plain', got NULL");
  void *unknown[] = {reinterpret_cast<void *>(9), nullptr, nullptr};
  EXPECT_EQ(launch(plain, 1, 32, 0, nullptr, unknown),
            "cuLaunchKernel: expected 'extra' to hold a buffer and its size, got 9");
  size_t size = 3;
  void *shortBuffer[] = {reinterpret_cast<void *>(1), &value, reinterpret_cast<void *>(2), &size, nullptr};
  EXPECT_EQ(launch(plain, 1, 32, 0, nullptr, shortBuffer),
            "cuLaunchKernel: 'plain': expected 4 bytes of parameters, got 3");
}

TEST_F(CudaMessages, OfClusters) {
  auto dimension = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  EXPECT_EQ(launchClusters(plain, 9, dimension, 9),
            "cuLaunchKernelEx: 'plain': expected clusters of 1 to 8 blocks, got (9, 1, 1)");
  EXPECT_EQ(launchClusters(pairs, 4, dimension, 4),
            "cuLaunchKernelEx: 'pairs': expected clusters of (2, 1, 1), as its .reqnctapercluster says, got (4, 1, 1)");
  EXPECT_EQ(launchClusters(plain, 3, dimension, 2),
            "cuLaunchKernelEx: 'plain': expected a grid of whole clusters of (2, 1, 1), got (3, 1, 1)");
  EXPECT_EQ(launchClusters(plain, 1, CUlaunchAttributeID(65), 1),
            "cuLaunchKernelEx: expected an attribute of launches, got 65");
  EXPECT_EQ(launchClusters(plain, 1, dimension, 1, 65), "cuLaunchKernelEx: expected at most 64 attributes, got 65");
}

TEST_F(CudaMessages, OfFunctions) {
  int number;
  EXPECT_EQ(says(cuFuncGetAttribute(&number, CUfunction_attribute(99), plain)),
            "cuFuncGetAttribute: expected an attribute of functions, got 99");
  EXPECT_EQ(says(cuFuncSetAttribute(plain, CU_FUNC_ATTRIBUTE_NUM_REGS, 1)),
            "cuFuncSetAttribute: expected an attribute of functions that can be set, got 4");
  EXPECT_EQ(says(cuFuncSetAttribute(plain, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300000)),
            "cuFuncSetAttribute: 'plain': expected at most 232448 bytes of dynamic shared memory beside 0 static ones, "
            "got 300000");
  EXPECT_EQ(says(cuFuncSetAttribute(plain, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 101)),
            "cuFuncSetAttribute: expected a share of -1 to 100 percent, got 101");
  EXPECT_EQ(says(cuOccupancyMaxActiveBlocksPerMultiprocessor(&number, plain, 0, 0)),
            "cuOccupancyMaxActiveBlocksPerMultiprocessor: expected blocks of 1 to 1024 threads, got 0");
  CUfunction function;
  EXPECT_EQ(says(cuModuleGetFunction(&function, module, "other")),
            "cuModuleGetFunction: there is no kernel 'other'; the module has 'pairs', 'plain', 'small'");
  EXPECT_EQ(says(cuModuleGetFunction(&function, module, std::string(5000, 'x').c_str())),
            "cuModuleGetFunction: expected a name of at most 4096 characters");
  CUdeviceptr address;
  size_t bytes;
  EXPECT_EQ(says(cuModuleGetGlobal_v2(&address, &bytes, module, "table")),
            "cuModuleGetGlobal: there is no variable 'table'");
}

/// A fatbin of one entry, whose content is never read.
std::vector<uint8_t> fatbin(const std::string &content, uint16_t kind, uint64_t flags, uint64_t plainBytes) {
  std::vector<uint8_t> bytes(16 + 64);
  auto put = [&](size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  put(0, uint32_t(0xba55ed50));
  put(6, uint16_t(16));
  put(8, uint64_t(64 + content.size()));
  put(16, kind);
  put(20, uint32_t(64));
  put(24, uint64_t(content.size()));
  put(32, uint32_t(flags ? content.size() : 0));
  put(44, uint32_t(80));
  put(56, flags);
  put(72, plainBytes);
  bytes.insert(bytes.end(), content.begin(), content.end());
  return bytes;
}

TEST_F(CudaMessages, OfImages) {
  CUmodule loaded = nullptr;
  auto load = [&](const void *image) { return says(cuModuleLoadData(&loaded, image)); };
  EXPECT_EQ(says(cuModuleLoad(&loaded, "/none.ptx")), "cuModuleLoad: cannot open '/none.ptx'");
  EXPECT_EQ(load(nullptr), "cuModuleLoadData: expected a pointer for the module's image, got NULL");
  EXPECT_EQ(load("\x7f"
                 "ELF and so on"),
            "cuModuleLoadData: expected PTX, got machine code, which the emulator does not run");
  EXPECT_EQ(load(fatbin("", 2, 0, 0).data()),
            "cuModuleLoadData: the fatbin has 1 entries of machine code and no PTX, which alone the emulator runs; "
            "compile with nvcc -gencode arch=compute_80,code=compute_80");
  std::vector<uint8_t> image = fatbin("x", 1, 0, 0);
  image[24] = 2; // of one byte
  EXPECT_EQ(load(image.data()), "cuModuleLoadData: the fatbin ends within an entry");
  image[8] = 20; // bytes in all
  EXPECT_EQ(load(image.data()), "cuModuleLoadData: the fatbin ends within an entry");
  image[15] = 0x7f;
  EXPECT_EQ(load(image.data()), "cuModuleLoadData: the fatbin says 9151314442816847892 bytes, expected at most "
                                "1073741824");
  EXPECT_EQ(load(fatbin("x", 1, 0x2000, uint64_t(1) << 40).data()),
            "cuModuleLoadData: an entry of the fatbin says 1099511627776 bytes, expected at most 1073741824");
  EXPECT_EQ(load(fatbin("\xf0", 1, 0x2000, 20).data()), "cuModuleLoadData: the compressed PTX is damaged");
  std::string damaged = load(fatbin("x", 1, 0x8000, 20).data());
  EXPECT_TRUE(damaged.starts_with("cuModuleLoadData: the compressed PTX is damaged: ")) << damaged;
  struct {
    uint32_t magic = 0x466243b1, version = 1;
    const void *data, *name = nullptr;
  } wrapper{.data = source};
  EXPECT_EQ(load(&wrapper), "cuModuleLoadData: expected a fatbin in the wrapper");
}

TEST_F(CudaMessages, OfMemory) {
  CUdeviceptr address;
  size_t bytes;
  EXPECT_EQ(says(cuMemAlloc_v2(&address, 0)), "cuMemAlloc: expected at least 1 byte, got 0");
  EXPECT_EQ(withoutFree(says(cuMemAlloc_v2(&address, size_t(1) << 50))),
            "cuMemAlloc: expected at most F bytes, which are free, got 1125899906842624");
  EXPECT_EQ(says(cuMemAllocPitch_v2(&address, &bytes, size_t(1) << 40, size_t(1) << 40, 4)),
            "cuMemAllocPitch: expected a size that an address can span, got 1099511627776 x 1099511627776");
  EXPECT_EQ(says(cuMemFree_v2(nowhere)), "cuMemFree: expected the address of an allocation, got 4096");
  EXPECT_EQ(says(cuMemcpyHtoD_v2(nowhere, &value, 4)),
            "cuMemcpyHtoD: expected 4 bytes of device memory for the destination, got address 4096");
  EXPECT_EQ(says(cuMemcpyDtoH_v2(&value, nowhere, 4)),
            "cuMemcpyDtoH: expected 4 bytes of device memory for the source, got address 4096");
  EXPECT_EQ(says(cuMemcpyHtoD_v2(data, nullptr, 4)), "cuMemcpyHtoD: expected a pointer for the source, got NULL");
  EXPECT_EQ(says(cuMemcpyDtoH_v2(nullptr, data, 4)), "cuMemcpyDtoH: expected a pointer for the destination, got NULL");
  EXPECT_EQ(says(cuMemsetD32_v2(nowhere + 2, 0, 1)), "cuMemsetD32: expected an address aligned to 4 bytes, got 4098");
  EXPECT_EQ(says(cuMemsetD2D32_v2(data, 4, 0, 2, 2)),
            "cuMemsetD2D32: expected rows of at most 4 bytes, got 2 elements of 4");
  EXPECT_EQ(says(cuMemsetD2D32_v2(data, size_t(1) << 60, 0, 2, size_t(1) << 60)),
            "cuMemsetD2D32: expected a size that an address can span");
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CUmemorytype(3);
  EXPECT_EQ(says(cuMemcpy2D_v2(&copy)), "cuMemcpy2D: expected memory of the host or the device, got type 3");
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcPitch = 8;
  copy.dstPitch = 4;
  copy.WidthInBytes = 8;
  copy.Height = 2;
  EXPECT_EQ(says(cuMemcpy2D_v2(&copy)), "cuMemcpy2D: expected pitches of at least the width, 8 bytes, got 8 and 4");
  EXPECT_EQ(says(cuMemGetAddressRange_v2(&address, &bytes, nowhere)),
            "cuMemGetAddressRange: expected an address of an allocation, got 4096");
  EXPECT_EQ(says(cuPointerGetAttribute(&value, CU_POINTER_ATTRIBUTE_CONTEXT, nowhere)),
            "cuPointerGetAttribute: expected an address of an allocation, got 4096");
  EXPECT_EQ(says(cuPointerGetAttribute(&value, CUpointer_attribute(99), data)),
            "cuPointerGetAttribute: attribute 99 of pointers is not supported");
}

TEST_F(CudaMessages, OfTheHostsMemory) {
  auto *wrong = reinterpret_cast<void *>(nowhere);
  CUdeviceptr address;
  EXPECT_EQ(withoutFree(says(cuMemHostAlloc(&wrong, 0, 0))), "cuMemHostAlloc: expected 1 to F bytes, got 0");
  EXPECT_EQ(says(cuMemFreeHost(wrong)), "cuMemFreeHost: expected the address of pinned memory, got 4096");
  EXPECT_EQ(says(cuMemHostRegister_v2(&value, 0, 0)), "cuMemHostRegister: expected at least 1 byte, got 0");
  EXPECT_EQ(says(cuMemHostRegister_v2(wrong, 4, 0)),
            "cuMemHostRegister: expected 1 bytes of memory for the range, got address 4096");
  EXPECT_EQ(says(cuMemHostUnregister(wrong)),
            "cuMemHostUnregister: expected the address of registered memory, got 4096");
  EXPECT_EQ(says(cuMemHostGetDevicePointer_v2(&address, wrong, 0)),
            "cuMemHostGetDevicePointer: expected an address of pinned memory, got 4096");
  std::vector<char> memory(100);
  auto at = std::to_string(uint64_t(memory.data()));
  ASSERT_EQ(cuMemHostRegister_v2(memory.data(), 100, 0), CUDA_SUCCESS);
  EXPECT_EQ(says(cuMemHostRegister_v2(memory.data(), 50, 0)),
            "cuMemHostRegister: expected memory that is not registered, got 50 bytes at " + at);
  ASSERT_EQ(cuMemHostUnregister(memory.data()), CUDA_SUCCESS);
}

TEST_F(CudaMessages, OfPools) {
  CUmemoryPool pool;
  CUmemPoolProps properties{};
  EXPECT_EQ(says(cuMemPoolCreate(&pool, &properties)), "cuMemPoolCreate: expected a pool of pinned memory on a device");
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  ASSERT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_SUCCESS);
  uint64_t number = 0;
  EXPECT_EQ(says(cuMemPoolSetAttribute(pool, CUmemPool_attribute(9), &number)),
            "cuMemPoolSetAttribute: expected an attribute of pools, got 9");
  EXPECT_EQ(says(cuMemPoolGetAttribute(pool, CUmemPool_attribute(9), &number)),
            "cuMemPoolGetAttribute: expected an attribute of pools, got 9");
  EXPECT_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
}

TEST_F(CudaMessages, OfGraphs) {
  CUgraph graph = nullptr, other = nullptr;
  CUgraphExec exec = nullptr;
  CUgraphNode kernel, empty, foreign;
  EXPECT_EQ(says(cuGraphCreate(&graph, 1)), "cuGraphCreate: expected flags of 0, got 1");
  CUDA_KERNEL_NODE_PARAMS node{};
  node.func = plain;
  node.gridDimX = node.gridDimY = node.gridDimZ = node.blockDimX = node.blockDimY = node.blockDimZ = 1;
  node.kernelParams = parameters;
  ASSERT_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphCreate(&other, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphAddKernelNode_v2(&kernel, graph, nullptr, 0, &node), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphAddEmptyNode(&empty, graph, &kernel, 1), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphAddEmptyNode(&foreign, other, nullptr, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
  CUgraphNode more;
  EXPECT_EQ(says(cuGraphAddEmptyNode(&more, graph, &foreign, 1)),
            "cuGraphAddEmptyNode: expected nodes of the same graph");
  EXPECT_EQ(says(cuGraphExecKernelNodeSetParams_v2(exec, foreign, &node)),
            "cuGraphExecKernelNodeSetParams: expected a node of the graph that this was made of");
  EXPECT_EQ(says(cuGraphExecKernelNodeSetParams_v2(exec, empty, &node)),
            "cuGraphExecKernelNodeSetParams: expected a node that launches a kernel");
  EXPECT_EQ(says(cuGraphKernelNodeSetParams_v2(empty, &node)),
            "cuGraphKernelNodeSetParams: expected a node that launches a kernel");
  EXPECT_EQ(says(cuGraphKernelNodeSetAttribute(empty, CU_LAUNCH_ATTRIBUTE_PRIORITY, nullptr)),
            "cuGraphKernelNodeSetAttribute: expected a node that launches a kernel");
  CUgraphExecUpdateResultInfo info;
  EXPECT_EQ(says(cuGraphExecUpdate_v2(exec, other, &info)), "cuGraphExecUpdate: expected a graph of the same nodes");
  ASSERT_EQ(cuGraphAddKernelNode_v2(&kernel, other, &foreign, 1, &node), CUDA_SUCCESS);
  EXPECT_EQ(says(cuGraphLaunch(nullptr, stream)), "cuGraphLaunch: expected an executable graph, got NULL");
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(other), CUDA_SUCCESS);
}

TEST_F(CudaMessages, OfStreamsAndEvents) {
  CUstream second = nullptr, unknown = nullptr;
  CUevent silent = nullptr, timed = nullptr;
  CUgraph graph = nullptr;
  float milliseconds;
  EXPECT_EQ(says(cuStreamCreate(&unknown, 7)), "cuStreamCreate: expected flags of streams, got 7");
  ASSERT_EQ(cuStreamCreate(&second, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&silent, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&timed, 0), CUDA_SUCCESS);
  EXPECT_EQ(says(cuEventElapsedTime(&milliseconds, silent, timed)),
            "cuEventElapsedTime: expected events that take the time");
  EXPECT_EQ(says(cuEventElapsedTime(&milliseconds, timed, timed)),
            "cuEventElapsedTime: expected events that are recorded");
  auto global = CU_STREAM_CAPTURE_MODE_GLOBAL;
  EXPECT_EQ(says(cuStreamBeginCapture_v2(stream, CUstreamCaptureMode(3))),
            "cuStreamBeginCapture: expected a mode of captures, got 3");
  EXPECT_EQ(says(cuStreamBeginCapture_v2(nullptr, global)),
            "cuStreamBeginCapture: the default stream cannot be captured");
  EXPECT_EQ(says(cuStreamEndCapture(stream, &graph)), "cuStreamEndCapture: expected a stream that is being captured");
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, global), CUDA_SUCCESS);
  EXPECT_EQ(says(cuStreamBeginCapture_v2(stream, global)),
            "cuStreamBeginCapture: expected a stream that is not being captured");
  EXPECT_EQ(says(cuStreamSynchronize(stream)), "cuStreamSynchronize: expected a stream that is not being captured");
  ASSERT_EQ(cuLaunchKernel(plain, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuEventRecord(silent, stream), CUDA_SUCCESS);
  EXPECT_EQ(says(cuEventSynchronize(silent)), "cuEventSynchronize: expected an event that is not part of a capture");
  // The other stream joins, then cannot end what it did not begin.
  ASSERT_EQ(cuStreamWaitEvent(second, silent, 0), CUDA_SUCCESS);
  EXPECT_EQ(says(cuStreamEndCapture(second, &graph)), "cuStreamEndCapture: expected the stream that began the capture");
  ASSERT_EQ(cuLaunchKernel(plain, 1, 1, 1, 1, 1, 1, 0, second, parameters, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(says(cuStreamEndCapture(stream, &graph)),
            "cuStreamEndCapture: expected the stream to wait for every stream of the capture");
  // Two captures do not mix.
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, global), CUDA_SUCCESS);
  ASSERT_EQ(cuEventRecord(silent, stream), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamBeginCapture_v2(second, global), CUDA_SUCCESS);
  EXPECT_EQ(says(cuStreamWaitEvent(second, silent, 0)),
            "cuStreamWaitEvent: expected an event of the stream's own capture");
  for (CUstream captured : {stream, second}) {
    EXPECT_EQ(cuStreamEndCapture(captured, &graph), CUDA_SUCCESS);
    EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  }
  EXPECT_EQ(cuEventDestroy_v2(silent), CUDA_SUCCESS);
  EXPECT_EQ(cuEventDestroy_v2(timed), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamDestroy_v2(second), CUDA_SUCCESS);
}

TEST_F(CudaMessages, OfTensorMaps) {
  alignas(64) char room[256];
  uint64_t sizes[] = {64, 2}, strides[] = {64};
  uint32_t box[] = {32, 2}, steps[] = {1, 1}, rank = 2;
  auto type = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  auto interleave = CU_TENSOR_MAP_INTERLEAVE_NONE;
  auto swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  uint64_t address = data;
  auto encode = [&](size_t at = 0) {
    return says(cuTensorMapEncodeTiled(reinterpret_cast<CUtensorMap *>(room + at), type, rank,
                                       reinterpret_cast<void *>(address), sizes, strides, box, steps, interleave,
                                       swizzle, CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  };
  const std::string function = "cuTensorMapEncodeTiled: ";
  EXPECT_EQ(encode(), "success");
  EXPECT_EQ(encode(8), function + "expected a tensor map aligned to 64 bytes");
  rank = 6;
  EXPECT_EQ(encode(), function + "expected a rank of 1 to 5, got 6");
  rank = 2;
  interleave = CU_TENSOR_MAP_INTERLEAVE_16B;
  EXPECT_EQ(encode(), function + "interleaved tensor maps are not supported");
  interleave = CU_TENSOR_MAP_INTERLEAVE_NONE;
  swizzle = CUtensorMapSwizzle(4);
  EXPECT_EQ(encode(), function + "swizzle 4 is not supported");
  swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  type = CUtensorMapDataType(99);
  EXPECT_EQ(encode(), function + "elements of type 99 are not supported in tensor maps");
  type = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  address = 4104;
  EXPECT_EQ(encode(), function + "expected a tensor aligned to 16 bytes, got address 4104");
  address = data;
  sizes[1] = 0;
  EXPECT_EQ(encode(), function + "expected dimension 1 of 1 to 2^32 - 1 elements, got 0");
  sizes[1] = 2;
  box[1] = 257;
  EXPECT_EQ(encode(), function + "expected a box of 1 to 256 elements in dimension 1, got 257");
  box[1] = 2;
  steps[0] = 9;
  EXPECT_EQ(encode(), function + "expected an element stride of 1 to 8, got 9");
  steps[0] = 1;
  strides[0] = 65;
  EXPECT_EQ(encode(), function + "expected a stride that is a multiple of 16 and below 2^40 bytes in dimension 1, got "
                                 "65");
}
} // namespace
