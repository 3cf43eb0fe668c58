#include "runtime/cuda/KernelCalls.h"
#include <algorithm>

using namespace hybridrt;
using namespace hybridrt::artifact;
using namespace hybridrt::cuda;

static CUtensorMapDataType elementOf(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  case DType::bf16:
    return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  case DType::f16:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  case DType::i32:
    return CU_TENSOR_MAP_DATA_TYPE_INT32;
  }
  fail("no tensor map has elements of type ", int(dtype));
}

static CUtensorMap encode(const Driver &driver, const LaunchView &view, const char *label) {
  const BoxViewT &shape = *view.view;
  uint64_t sizes[5], strides[5];
  const uint32_t elementStrides[] = {1, 1, 1, 1, 1};
  std::copy(view.sizes.begin(), view.sizes.end(), sizes);
  std::copy(shape.strides.begin(), shape.strides.end(), strides);
  CUtensorMap map;
  CUresult result = driver.cuTensorMapEncodeTiled(
      &map, elementOf(shape.dtype), uint32_t(shape.sizes.size()), view.address, sizes, strides, shape.box.data(),
      elementStrides, CU_TENSOR_MAP_INTERLEAVE_NONE, CUtensorMapSwizzle(shape.swizzle),
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    fail("describing a tensor of '", label, "' to the copy engine: ", driver.describe(result));
  return map;
}

static std::array<unsigned, 3> gridOf(const KernelHandle &handle, const Launch &launch) {
  constexpr int64_t most[] = {INT32_MAX, 65535, 65535};
  std::array<unsigned, 3> grid, cluster = handle.clusterExtents();
  for (int d = 0; d < 3; ++d) {
    if (launch.grid[d] > most[d])
      fail("the call is too large for a GPU: '", launch.label, "' needs ", launch.grid[d], " blocks along dimension ",
           d, ", expected at most ", most[d]);
    if (handle.hasCluster() && launch.grid[d] % cluster[d])
      fail("'", launch.label, "': expected whole clusters of ", cluster[d], " blocks along dimension ", d, ", got ",
           launch.grid[d], " blocks");
    grid[d] = unsigned(launch.grid[d]);
  }
  return grid;
}

void KernelCalls::add(const Driver &driver, const KernelHandle &handle, const Launch &launch) {
  KernelCall call{&handle, gridOf(handle, launch), words.size(), 0, maps.size(), launch.views.size(), launch.label};
  // Sizes stand where the kernel wants them, among the buffers; where it does not say, after them.
  const std::vector<uint32_t> &scalars = handle.kernel->scalar_places, &views = handle.kernel->view_places;
  size_t buffer = 0, scalar = 0, view = 0;
  call.wordCount = launch.buffers.size() + launch.scalars.size();
  for (uint32_t place = 0; place < call.wordCount + call.mapCount; ++place) {
    if (view < views.size() && views[view] == place)
      maps.push_back(encode(driver, launch.views[view++], launch.label));
    else if (scalar < scalars.size() ? scalars[scalar] == place : buffer == launch.buffers.size())
      words.push_back(uint64_t(launch.scalars[scalar++]));
    else
      words.push_back(reinterpret_cast<uint64_t>(launch.buffers[buffer++]));
  }
  calls.push_back(call);
}

bool KernelCalls::sameCall(size_t index, const KernelCalls &other) const {
  const KernelCall &a = calls[index], &b = other.calls[index];
  auto same = [](const auto &mine, const auto &theirs, size_t begin, size_t otherBegin, size_t count) {
    return std::equal(mine.begin() + begin, mine.begin() + begin + count, theirs.begin() + otherBegin,
                      theirs.begin() + otherBegin + count);
  };
  return a.grid == b.grid && a.wordCount == b.wordCount && a.mapCount == b.mapCount &&
         same(words, other.words, a.firstWord, b.firstWord, a.wordCount) &&
         same(maps, other.maps, a.firstMap, b.firstMap, a.mapCount);
}

void **KernelCalls::pointers(const KernelCall &call) {
  const std::vector<uint32_t> &views = call.handle->kernel->view_places;
  addresses.clear();
  size_t word = call.firstWord, map = call.firstMap;
  for (uint32_t place = 0; place < call.wordCount + call.mapCount; ++place) {
    size_t view = map - call.firstMap;
    if (view < views.size() && views[view] == place)
      addresses.push_back(&maps[map++]);
    else
      addresses.push_back(&words[word++]);
  }
  return addresses.data();
}
