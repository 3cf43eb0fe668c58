// The emulator's driver interface: what works as on a GPU, and that whatever is wrong is an error code with a message.
#include "runtime/emulator/driver/Exports.h"
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace hybridrt::cuda;

extern "C" {
CUresult cuCtxGetCurrent(CUcontext *context);
CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,
                        void **extra);
CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode);
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph);
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags);
CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info);
CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count);
CUresult cuModuleLoadData(CUmodule *module, const void *image);
CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module, const char *name);
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes);
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes);
CUresult cuMemHostRegister_v2(void *address, size_t bytes, unsigned flags);
CUresult cuMemHostUnregister(void *address);
CUresult cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height);
CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                             CUdriverProcAddressQueryResult *status);
}

namespace {
// add(data, value): data[thread] += value. `limits` has a required block, `bias` is a variable of the module.
const char *const source = R"(.version 7.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 bias = 7;
.visible .entry add(.param .u64 data, .param .u32 value)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [data];
  ld.param.u32 %r1, [value];
  mov.u32 %r2, %tid.x;
  mul.wide.u32 %rd2, %r2, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r3, [%rd3];
  add.u32 %r3, %r3, %r1;
  st.global.u32 [%rd3], %r3;
  ret;
}
.visible .entry limits()
.reqntid 64, 1, 1
{
  ret;
}
)";

class CudaDriverTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    CUcontext context;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxPushCurrent_v2(context), CUDA_SUCCESS);
    ASSERT_EQ(cuModuleLoadData(&module, source), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuModuleGetFunction(&add, module, "add"), CUDA_SUCCESS) << hybridEmulatorMessage();
    ASSERT_EQ(cuMemAlloc_v2(&data, 32 * 4), CUDA_SUCCESS);
    ASSERT_EQ(cuMemsetD8Async(data, 0, 32 * 4, nullptr), CUDA_SUCCESS);
    ASSERT_EQ(cuStreamCreate(&stream, 0), CUDA_SUCCESS);
  }
  void TearDown() override {
    EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_SUCCESS);
    EXPECT_EQ(cuMemFree_v2(data), CUDA_SUCCESS);
    EXPECT_EQ(cuModuleUnload(module), CUDA_SUCCESS);
    CUcontext context;
    EXPECT_EQ(cuCtxPopCurrent_v2(&context), CUDA_SUCCESS);
    EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  }

  CUresult launch(unsigned value, CUstream on = nullptr) {
    void *parameters[] = {&data, &value};
    return cuLaunchKernel(add, 1, 1, 1, 32, 1, 1, 0, on, parameters, nullptr);
  }
  uint32_t read(size_t index = 5) {
    uint32_t value = 0;
    EXPECT_EQ(cuMemcpyDtoH_v2(&value, data + 4 * index, 4), CUDA_SUCCESS) << hybridEmulatorMessage();
    return value;
  }
  static std::string message() { return hybridEmulatorMessage(); }
  static bool says(const char *part) { return message().find(part) != std::string::npos; }

  CUmodule module = nullptr;
  CUfunction add = nullptr;
  CUdeviceptr data = 0;
  CUstream stream = nullptr;
};

TEST_F(CudaDriverTest, LaunchesAndCounts) {
  hybridEmulatorTakeCounts(nullptr, 0);
  ASSERT_EQ(launch(3), CUDA_SUCCESS) << message();
  ASSERT_EQ(launch(4, stream), CUDA_SUCCESS) << message();
  EXPECT_EQ(read(), 7u);
  EmulatorCount counts[32];
  unsigned total = hybridEmulatorTakeCounts(counts, 32);
  ASSERT_LE(total, 32u);
  unsigned long long requests = 0;
  for (unsigned i = 0; i < total; ++i)
    if (std::string(counts[i].name) == "global requests")
      requests = counts[i].value;
  EXPECT_EQ(requests, 4u);
}

TEST_F(CudaDriverTest, RefusesImpossibleLaunches) {
  unsigned value = 1;
  void *parameters[] = {&data, &value};
  auto tryLaunch = [&](CUfunction f, unsigned grid, unsigned block, unsigned shared, void **p) {
    return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, nullptr, p, nullptr);
  };
  EXPECT_EQ(tryLaunch(add, 0, 32, 0, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("expected a grid")) << message();
  EXPECT_EQ(tryLaunch(add, 1, 1025, 0, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("1 to 1024 threads, got (1025, 1, 1)")) << message();
  EXPECT_EQ(tryLaunch(add, 1, 32, 49 << 10, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("49152 bytes of dynamic shared memory, got 50176")) << message();
  EXPECT_EQ(tryLaunch(add, 1, 32, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("expected 2 parameters, got NULL")) << message();
  void *broken[] = {&data, reinterpret_cast<void *>(8)};
  EXPECT_EQ(tryLaunch(add, 1, 32, 0, broken), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("parameter 1 of 'add', got address 8")) << message();
  EXPECT_EQ(tryLaunch(nullptr, 1, 32, 0, parameters), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(tryLaunch(reinterpret_cast<CUfunction>(&value), 1, 32, 0, parameters), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(tryLaunch(reinterpret_cast<CUfunction>(stream), 1, 32, 0, parameters), CUDA_ERROR_INVALID_HANDLE);
  CUfunction limits;
  ASSERT_EQ(cuModuleGetFunction(&limits, module, "limits"), CUDA_SUCCESS);
  EXPECT_EQ(tryLaunch(limits, 1, 32, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(message(),
            "cuLaunchKernel: 'limits': expected blocks of (64, 1, 1) threads, as its .reqntid says, got (32, 1, "
            "1)");
  EXPECT_EQ(cuFuncSetAttribute(add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 228 << 10),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuFuncSetAttribute(add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10), CUDA_SUCCESS);
  EXPECT_EQ(tryLaunch(add, 1, 32, 100 << 10, parameters), CUDA_SUCCESS) << message();
}

TEST_F(CudaDriverTest, AKernelOutOfBoundsFailsWithItsLine) {
  CUdeviceptr gone = data + 16;
  unsigned value = 1;
  void *parameters[] = {&gone, &value};
  EXPECT_EQ(cuLaunchKernel(add, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_TRUE(says("add: PTX line")) << message();
  EXPECT_TRUE(says("out of bounds")) << message();
  EXPECT_EQ(launch(1), CUDA_SUCCESS) << "the device goes on: " << message();
}

TEST_F(CudaDriverTest, RefusesDamagedImages) {
  CUmodule none = nullptr;
  EXPECT_EQ(cuModuleLoadData(&none, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuModuleLoadData(nullptr, source), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuModuleLoadData(&none, reinterpret_cast<void *>(64)), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuModuleLoadData(&none, ".version 7.0\n.target sm_80\n.entry"), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(message(), "");
  EXPECT_EQ(cuModuleLoadData(&none, "\x7f"
                                    "ELF and so on"),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  char log[64] = "x";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  EXPECT_EQ(cuModuleLoadDataEx(&none, "nonsense", 2, options, values), CUDA_ERROR_INVALID_PTX);
  EXPECT_EQ(std::string(log), message().substr(0, sizeof log - 1));
  CUfunction function;
  EXPECT_EQ(cuModuleGetFunction(&function, module, "sub"), CUDA_ERROR_NOT_FOUND);
  EXPECT_TRUE(says("the module has 'add', 'limits'")) << message();
}

/// A fatbin of one entry.
std::vector<uint8_t> fatbin(const std::string &content, uint16_t kind, uint64_t flags, uint64_t plainBytes) {
  std::vector<uint8_t> bytes(16 + 64);
  auto put = [&](size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  put(0, uint32_t(0xba55ed50));
  put(4, uint16_t(1));
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

TEST_F(CudaDriverTest, TakesPtxFromFatbins) {
  CUmodule loaded = nullptr;
  EXPECT_EQ(cuModuleLoadData(&loaded, fatbin(source, 1, 0, 0).data()), CUDA_SUCCESS) << message();
  EXPECT_EQ(cuModuleUnload(loaded), CUDA_SUCCESS);
  EXPECT_EQ(cuModuleUnload(loaded), CUDA_ERROR_INVALID_HANDLE) << "it is gone";
  // LZ4: one sequence of literals alone.
  std::string text = source, packed(1, char(0xf0));
  size_t rest = text.size() - 15;
  for (; rest >= 255; rest -= 255)
    packed += char(255);
  packed += char(rest);
  packed += text;
  EXPECT_EQ(cuModuleLoadData(&loaded, fatbin(packed, 1, 0x2000, text.size()).data()), CUDA_SUCCESS) << message();
  EXPECT_EQ(cuModuleUnload(loaded), CUDA_SUCCESS);
  EXPECT_EQ(cuModuleLoadData(&loaded, fatbin(packed.substr(0, 40), 1, 0x2000, text.size()).data()),
            CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(cuModuleLoadData(&loaded, fatbin(source, 2, 0, 0).data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_TRUE(says("no PTX")) << message();
  std::vector<uint8_t> cut = fatbin(source, 1, 0, 0);
  cut[24 + 3] = 0x7f; // says more than there is
  EXPECT_EQ(cuModuleLoadData(&loaded, cut.data()), CUDA_ERROR_INVALID_IMAGE);
}

TEST_F(CudaDriverTest, MemoryIsCheckedOnBothSides) {
  uint32_t value = 9;
  EXPECT_EQ(cuMemcpyHtoD_v2(data + 32 * 4, &value, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoD_v2(data, reinterpret_cast<void *>(16), 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH_v2(reinterpret_cast<void *>(16), data, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemFree_v2(data + 4), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr large;
  EXPECT_EQ(cuMemAlloc_v2(&large, size_t(1) << 50), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_TRUE(message().starts_with("cuMemAlloc: expected at most ")) << message();
  EXPECT_TRUE(message().ends_with(" bytes, which are free, got 1125899906842624")) << message();
  EXPECT_EQ(cuMemAlloc_v2(&large, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD2D32_v2(data, 16, 5, 2, 8), CUDA_SUCCESS) << message();
  EXPECT_EQ(read(4), 5u);
  EXPECT_EQ(read(6), 0u) << "between the rows";
  EXPECT_EQ(cuMemsetD2D32_v2(data, 16, 5, 2, 9), CUDA_ERROR_INVALID_VALUE);
  std::vector<char> pinned(100);
  EXPECT_EQ(cuMemHostRegister_v2(pinned.data(), pinned.size(), 0), CUDA_SUCCESS) << message();
  EXPECT_EQ(cuMemHostRegister_v2(pinned.data(), pinned.size(), 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostUnregister(pinned.data()), CUDA_SUCCESS);
  EXPECT_EQ(cuMemHostUnregister(pinned.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  CUdeviceptr bias = 0;
  size_t bytes = 0;
  ASSERT_EQ(cuModuleGetGlobal_v2(&bias, &bytes, module, "bias"), CUDA_SUCCESS) << message();
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(cuMemcpyDtoH_v2(&value, bias, 4), CUDA_SUCCESS) << message();
  EXPECT_EQ(value, 7u);
}

TEST_F(CudaDriverTest, CapturesAStreamAndReplaysIt) {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
  EXPECT_EQ(launch(2, stream), CUDA_SUCCESS);
  EXPECT_EQ(launch(3, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ASSERT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS) << message();
  EXPECT_EQ(read(), 0u) << "recorded, not run";
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  EXPECT_EQ(read(), 10u);
  // An update to another graph of the same nodes.
  CUgraph other = nullptr;
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
  EXPECT_EQ(launch(100, stream), CUDA_SUCCESS);
  EXPECT_EQ(launch(200, stream), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamEndCapture(stream, &other), CUDA_SUCCESS);
  CUgraphExecUpdateResultInfo info;
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, other, &info), CUDA_SUCCESS) << message();
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  EXPECT_EQ(read(), 310u);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuGraphDestroy(other), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
}

TEST_F(CudaDriverTest, ACaptureMustBeJoined) {
  CUstream second = nullptr;
  CUevent event = nullptr;
  CUgraph graph = nullptr;
  ASSERT_EQ(cuStreamCreate(&second, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  auto fork = [&] {
    EXPECT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    EXPECT_EQ(launch(1, stream), CUDA_SUCCESS);
    EXPECT_EQ(cuEventRecord(event, stream), CUDA_SUCCESS);
    EXPECT_EQ(cuStreamWaitEvent(second, event, 0), CUDA_SUCCESS);
    EXPECT_EQ(launch(1, second), CUDA_SUCCESS);
  };
  fork();
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  fork();
  EXPECT_EQ(cuEventRecord(event, second), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(stream, event, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS) << message();
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(cuEventDestroy_v2(event), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamDestroy_v2(second), CUDA_SUCCESS);
}

TEST_F(CudaDriverTest, ExplicitGraphsTakeNewParameters) {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  CUgraphNode nodes[2] = {};
  unsigned value = 1;
  void *list[] = {&data, &value};
  CUDA_KERNEL_NODE_PARAMS parameters{};
  parameters.func = add;
  parameters.gridDimX = parameters.gridDimY = parameters.gridDimZ = 1;
  parameters.blockDimX = 32;
  parameters.blockDimY = parameters.blockDimZ = 1;
  parameters.kernelParams = list;
  ASSERT_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphAddKernelNode_v2(&nodes[0], graph, nullptr, 0, &parameters), CUDA_SUCCESS) << message();
  ASSERT_EQ(cuGraphAddKernelNode_v2(&nodes[1], graph, nodes, 1, &parameters), CUDA_SUCCESS) << message();
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
  value = 50; // nodes keep what they were given
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  EXPECT_EQ(read(), 2u);
  EXPECT_EQ(cuGraphExecKernelNodeSetParams_v2(exec, nodes[1], &parameters), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
  EXPECT_EQ(read(), 53u);
  parameters.blockDimX = 2048;
  EXPECT_EQ(cuGraphExecKernelNodeSetParams_v2(exec, nodes[1], &parameters), CUDA_ERROR_INVALID_VALUE);
  // An edge back makes a cycle.
  EXPECT_EQ(cuGraphAddDependencies(graph, &nodes[1], &nodes[0], 1), CUDA_SUCCESS);
  CUgraphExec never = nullptr;
  EXPECT_EQ(cuGraphInstantiateWithFlags(&never, graph, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(message(), "cuGraphInstantiateWithFlags: expected a graph without cycles");
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
}

TEST_F(CudaDriverTest, FindsFunctionsByNameAndVersion) {
  void *function = nullptr;
  CUdriverProcAddressQueryResult status;
  EXPECT_EQ(cuGetProcAddress_v2("cuMemAlloc", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void *>(&cuMemAlloc_v2));
  EXPECT_EQ(cuGetProcAddress_v2("cuInit", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void *>(&cuInit));
  EXPECT_EQ(cuGetProcAddress_v2("cuNothing", &function, 12000, 0, &status), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  const char *text = nullptr;
  EXPECT_EQ(cuGetErrorName(CUDA_ERROR_INVALID_PTX, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "CUDA_ERROR_INVALID_PTX");
  EXPECT_EQ(cuGetErrorString(CUresult(12345), &text), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(CudaDriverTest, EncodesTensorMaps) {
  CUtensorMap map;
  uint64_t sizes[] = {64, 2}, strides[] = {64};
  uint32_t box[] = {32, 2}, steps[] = {1, 1};
  auto encode = [&] {
    return cuTensorMapEncodeTiled(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, reinterpret_cast<void *>(data), sizes,
                                  strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
                                  CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  };
  EXPECT_EQ(encode(), CUDA_SUCCESS) << message();
  box[0] = 33;
  EXPECT_EQ(encode(), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(says("multiple of 16 bytes")) << message();
}

TEST(CudaDriverStates, CallsBeforeTheirTimeAreRefused) {
  ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
  EXPECT_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr address;
  EXPECT_EQ(cuMemAlloc_v2(&address, 4), CUDA_ERROR_INVALID_CONTEXT);
  CUdevice device;
  EXPECT_EQ(cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  CUcontext context = reinterpret_cast<CUcontext>(&device);
  EXPECT_EQ(cuCtxPushCurrent_v2(context), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuCtxPopCurrent_v2(&context), CUDA_ERROR_INVALID_CONTEXT);
}
} // namespace
