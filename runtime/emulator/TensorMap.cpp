// The tensor map's opaque bytes. They are the emulator's own: on a device the driver makes them.
#include "runtime/emulator/TensorMapFields.h"
#include "runtime/emulator/Engine.h"
#include <algorithm>
#include <cstring>
#include <iterator>

using namespace hybridrt;
using namespace hybridrt::emulator;

static constexpr uint64_t magic = 0x50414d2d44425948; // "HYBD-MAP"

namespace {
struct Encoded {
  uint64_t magic, address;
  uint64_t stride[4];
  uint32_t size[5];
  uint16_t box[5];
  uint8_t elementStride[5];
  uint8_t rank, element, swizzle, nanFill;
};
static_assert(sizeof(Encoded) <= 128);
} // namespace

uint32_t TensorMap::elementBytes() const {
  switch (element) {
  case MapElement::U8:
    return 1;
  case MapElement::U16:
  case MapElement::F16:
  case MapElement::BF16:
    return 2;
  case MapElement::U32:
  case MapElement::S32:
  case MapElement::F32:
    return 4;
  case MapElement::U64:
  case MapElement::S64:
  case MapElement::F64:
    return 8;
  }
  return 4;
}

Status TensorMap::verify() const {
  if (rank < 1 || rank > 5)
    return Status::failure(concat("expected a tensor map of rank 1 to 5, got ", rank));
  if (!address || address % 16)
    return Status::failure(concat("expected a tensor aligned to 16 bytes, got address ", address));
  for (uint32_t i = 0; i < rank; ++i) {
    if (!size[i] || size[i] > (uint64_t(1) << 32) - 1)
      return Status::failure(concat("expected dimension ", i, " of 1 to 2^32 - 1 elements, got ", size[i]));
    if (!box[i] || box[i] > 256)
      return Status::failure(concat("expected a box of 1 to 256 elements in dimension ", i, ", got ", box[i]));
    if (!elementStride[i] || elementStride[i] > 8)
      return Status::failure(concat("expected an element stride of 1 to 8, got ", elementStride[i]));
    if (i && (!stride[i - 1] || stride[i - 1] % 16 || stride[i - 1] >> 40))
      return Status::failure(concat("expected a stride that is a multiple of 16 and below 2^40 bytes in dimension ", i,
                                    ", got ", stride[i - 1]));
  }
  uint32_t inner = box[0] * elementBytes(), span = 16u << uint32_t(swizzle);
  if (inner % 16)
    return Status::failure(concat("expected an inner box that is a multiple of 16 bytes, got ", inner));
  if (swizzle != Swizzle::None && inner > span)
    return Status::failure(
        concat("expected an inner box of at most ", span, " bytes, the swizzle's span, got ", inner));
  return {};
}

std::array<uint8_t, 128> TensorMap::encode() const {
  Encoded encoded{};
  encoded.magic = magic;
  encoded.address = address;
  encoded.rank = uint8_t(rank);
  encoded.element = uint8_t(element);
  encoded.swizzle = uint8_t(swizzle);
  encoded.nanFill = nanFill;
  for (unsigned i = 0; i < 5; ++i) {
    encoded.size[i] = uint32_t(size[i]);
    encoded.box[i] = uint16_t(box[i]);
    encoded.elementStride[i] = uint8_t(elementStride[i]);
    if (i < 4)
      encoded.stride[i] = stride[i];
  }
  std::array<uint8_t, 128> bytes{};
  std::memcpy(bytes.data(), &encoded, sizeof(encoded));
  return bytes;
}

std::optional<TensorMap> TensorMap::decode(const void *bytes) {
  Encoded encoded;
  std::memcpy(&encoded, bytes, sizeof(encoded));
  if (encoded.magic != magic || encoded.rank < 1 || encoded.rank > 5 || encoded.element > uint8_t(MapElement::BF16) ||
      encoded.swizzle > uint8_t(Swizzle::Bytes128))
    return std::nullopt;
  TensorMap map;
  map.address = encoded.address;
  map.rank = encoded.rank;
  map.element = MapElement(encoded.element);
  map.swizzle = Swizzle(encoded.swizzle);
  map.nanFill = encoded.nanFill;
  for (unsigned i = 0; i < 5; ++i) {
    map.size[i] = encoded.size[i];
    map.box[i] = encoded.box[i];
    map.elementStride[i] = encoded.elementStride[i];
    if (i < 4)
      map.stride[i] = encoded.stride[i];
  }
  return map;
}

void emulator::replaceField(void *map, MapField field, uint32_t ordinal, uint64_t value) {
  // Types as PTX numbers them; flushing and tf32 are f32 in memory.
  static constexpr MapElement elements[] = {MapElement::U8,  MapElement::U16, MapElement::U32,  MapElement::S32,
                                            MapElement::U64, MapElement::S64, MapElement::F16,  MapElement::F32,
                                            MapElement::F32, MapElement::F64, MapElement::BF16, MapElement::F32,
                                            MapElement::F32};
  Encoded encoded;
  std::memcpy(&encoded, map, sizeof(encoded));
  encoded.magic = magic;
  ordinal = std::min(ordinal, 4u);
  switch (field) {
  case MapField::Address:
    encoded.address = value;
    break;
  case MapField::Rank: // PTX counts from zero
    encoded.rank = uint8_t(std::min<uint64_t>(value + 1, 5));
    break;
  case MapField::Box:
    encoded.box[ordinal] = uint16_t(value);
    break;
  case MapField::Size:
    encoded.size[ordinal] = uint32_t(value);
    break;
  case MapField::Stride:
    encoded.stride[std::min(ordinal, 3u)] = value;
    break;
  case MapField::ElementStride:
    encoded.elementStride[ordinal] = uint8_t(value);
    break;
  case MapField::Element:
    encoded.element = uint8_t(elements[std::min<uint64_t>(value, std::size(elements) - 1)]);
    break;
  case MapField::Interleave:
    break;
  case MapField::Swizzle:
    encoded.swizzle = uint8_t(std::min<uint64_t>(value, 3));
    break;
  case MapField::Fill:
    encoded.nanFill = value != 0;
    break;
  }
  std::memcpy(map, &encoded, sizeof(encoded));
}
