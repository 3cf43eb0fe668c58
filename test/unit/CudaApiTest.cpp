// Our declarations of the CUDA driver interface against NVIDIA's, where those are installed.
#include "runtime/cuda/DriverApi.h"
#include <gtest/gtest.h>
#include <vector>

#if HYBRID_HAS_CUDA_H
#include <cuda.h>

namespace hybridrt::cuda {
/// Types of our functions, by the names of both.
struct Types {
#define HYBRID_TYPE(name, parameters) using name##Type = CUresult parameters;
  HYBRID_CUDA_FUNCTIONS(HYBRID_TYPE)
#undef HYBRID_TYPE
};
} // namespace hybridrt::cuda
namespace ours = hybridrt::cuda;

/// The same number of parameters, each of the same size: handles and enums are distinct types, but one calling
/// convention.
template <typename F> struct Shape;
template <typename R, typename... Args> struct Shape<R (*)(Args...)> {
  static std::vector<size_t> sizes() { return {sizeof(R), sizeof(Args)...}; }
};
template <typename R, typename... Args> struct Shape<R(Args...)> : Shape<R (*)(Args...)> {};

TEST(CudaApi, FunctionsTakeWhatTheDriverTakes) {
#define HYBRID_COMPARE(name, parameters)                                                                               \
  EXPECT_EQ(Shape<ours::Types::name##Type>::sizes(), Shape<decltype(&::name)>::sizes()) << #name;
  HYBRID_CUDA_FUNCTIONS(HYBRID_COMPARE)
#undef HYBRID_COMPARE
}

#define SAME_SIZE(type) EXPECT_EQ(sizeof(ours::type), sizeof(::type)) << #type
#define SAME_OFFSET(type, member)                                                                                      \
  EXPECT_EQ(offsetof(ours::type, member), offsetof(::type, member)) << #type "::" #member
#define SAME_VALUE(name) EXPECT_EQ(long(ours::name), long(::name)) << #name

TEST(CudaApi, StructsLieAsTheDriversDo) {
  SAME_SIZE(CUlaunchConfig);
  SAME_OFFSET(CUlaunchConfig, sharedMemBytes);
  SAME_OFFSET(CUlaunchConfig, hStream);
  SAME_OFFSET(CUlaunchConfig, attrs);
  SAME_OFFSET(CUlaunchConfig, numAttrs);
  SAME_SIZE(CUlaunchAttribute);
  SAME_OFFSET(CUlaunchAttribute, value);
  SAME_SIZE(CUlaunchAttributeValue);
  SAME_SIZE(CUDA_KERNEL_NODE_PARAMS);
  SAME_OFFSET(CUDA_KERNEL_NODE_PARAMS, sharedMemBytes);
  SAME_OFFSET(CUDA_KERNEL_NODE_PARAMS, kernelParams);
  SAME_OFFSET(CUDA_KERNEL_NODE_PARAMS, extra);
  SAME_OFFSET(CUDA_KERNEL_NODE_PARAMS, kern);
  SAME_OFFSET(CUDA_KERNEL_NODE_PARAMS, ctx);
  SAME_SIZE(CUmemPoolProps);
  SAME_OFFSET(CUmemPoolProps, location);
  SAME_OFFSET(CUmemPoolProps, maxSize);
  SAME_OFFSET(CUmemPoolProps, usage);
  SAME_SIZE(CUDA_MEMCPY2D);
  SAME_OFFSET(CUDA_MEMCPY2D, srcPitch);
  SAME_OFFSET(CUDA_MEMCPY2D, dstDevice);
  SAME_OFFSET(CUDA_MEMCPY2D, Height);
  SAME_SIZE(CUgraphExecUpdateResultInfo);
  SAME_SIZE(CUtensorMap);
  EXPECT_LE(alignof(ours::CUtensorMap), alignof(::CUtensorMap)); // 64, and 128 since CUDA 13
}

TEST(CudaApi, NumbersAreTheDrivers) {
  SAME_VALUE(CUDA_ERROR_INVALID_VALUE);
  SAME_VALUE(CUDA_ERROR_OUT_OF_MEMORY);
  SAME_VALUE(CUDA_ERROR_INVALID_IMAGE);
  SAME_VALUE(CUDA_ERROR_NO_BINARY_FOR_GPU);
  SAME_VALUE(CUDA_ERROR_INVALID_PTX);
  SAME_VALUE(CUDA_ERROR_INVALID_HANDLE);
  SAME_VALUE(CUDA_ERROR_ILLEGAL_STATE);
  SAME_VALUE(CUDA_ERROR_NOT_FOUND);
  SAME_VALUE(CUDA_ERROR_NOT_READY);
  SAME_VALUE(CUDA_ERROR_LAUNCH_FAILED);
  SAME_VALUE(CUDA_ERROR_NOT_SUPPORTED);
  SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  SAME_VALUE(CUDA_ERROR_CAPTURED_EVENT);
  SAME_VALUE(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  SAME_VALUE(CUDA_ERROR_INVALID_CLUSTER_SIZE);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
  SAME_VALUE(CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
  SAME_VALUE(CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
  SAME_VALUE(CU_MEMPOOL_ATTR_USED_MEM_CURRENT);
  SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER);
  SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  SAME_VALUE(CU_EVENT_DISABLE_TIMING);
  SAME_VALUE(CU_STREAM_NON_BLOCKING);
  SAME_VALUE(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  SAME_VALUE(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
  SAME_VALUE(CU_POINTER_ATTRIBUTE_RANGE_SIZE);
  SAME_VALUE(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
  SAME_VALUE(CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ);
  SAME_VALUE(CU_TENSOR_MAP_SWIZZLE_128B);
  SAME_VALUE(CU_GRAPH_NODE_TYPE_EMPTY);
}
#else
TEST(CudaApi, NeedsCudaHeader) { GTEST_SKIP() << "cuda.h is not installed: nothing to compare with"; }
#endif
