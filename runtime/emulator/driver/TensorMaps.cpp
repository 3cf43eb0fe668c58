// Tensor maps: from the driver's encoding call to the engine's.
#include "runtime/emulator/driver/Exports.h"
#include "runtime/emulator/driver/State.h"
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::driver;
using emulator::MapElement;

static MapElement elementOf(CUtensorMapDataType type) {
  switch (type) {
  case CU_TENSOR_MAP_DATA_TYPE_UINT8:
    return MapElement::U8;
  case CU_TENSOR_MAP_DATA_TYPE_UINT16:
    return MapElement::U16;
  case CU_TENSOR_MAP_DATA_TYPE_UINT32:
    return MapElement::U32;
  case CU_TENSOR_MAP_DATA_TYPE_INT32:
    return MapElement::S32;
  case CU_TENSOR_MAP_DATA_TYPE_UINT64:
    return MapElement::U64;
  case CU_TENSOR_MAP_DATA_TYPE_INT64:
    return MapElement::S64;
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
    return MapElement::F16;
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT32:
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT32_FTZ:
  case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32: // loads keep the bits, products round them
  case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ:
    return MapElement::F32;
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT64:
    return MapElement::F64;
  case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16:
    return MapElement::BF16;
  }
  refuse(CUDA_ERROR_NOT_SUPPORTED, "elements of type ", unsigned(type), " are not supported in tensor maps");
}

extern "C" {

CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, uint32_t rank, void *address,
                                const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                                const uint32_t *elementStrides, CUtensorMapInterleave interleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
                                CUtensorMapFloatOOBfill fill) {
  return callInitialised("cuTensorMapEncodeTiled", [&] {
    need(map, "map");
    if (reinterpret_cast<uintptr_t>(map) % alignof(CUtensorMap))
      refuseValue("expected a tensor map aligned to ", alignof(CUtensorMap), " bytes");
    if (rank < 1 || rank > 5)
      refuseValue("expected a rank of 1 to 5, got ", rank);
    if (interleave != CU_TENSOR_MAP_INTERLEAVE_NONE)
      refuse(CUDA_ERROR_NOT_SUPPORTED, "interleaved tensor maps are not supported");
    if (swizzle > CU_TENSOR_MAP_SWIZZLE_128B)
      refuse(CUDA_ERROR_NOT_SUPPORTED, "swizzle ", unsigned(swizzle), " is not supported");
    emulator::TensorMap tensor;
    tensor.element = elementOf(type);
    tensor.rank = rank;
    tensor.address = reinterpret_cast<uint64_t>(address);
    readCaller(tensor.size.data(), sizes, rank * sizeof *sizes, "the tensor's sizes");
    if (rank > 1)
      readCaller(tensor.stride.data(), strides, (rank - 1) * sizeof *strides, "the tensor's strides");
    readCaller(tensor.box.data(), box, rank * sizeof *box, "the box");
    readCaller(tensor.elementStride.data(), elementStrides, rank * sizeof *elementStrides, "the element strides");
    tensor.swizzle = emulator::Swizzle(swizzle);
    tensor.nanFill = fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
    if (Status status = tensor.verify(); !status)
      refuseValue(status.error());
    std::array<uint8_t, 128> bytes = tensor.encode();
    writeCaller(map, bytes.data(), bytes.size(), "the tensor map");
  });
}

} // extern "C"
