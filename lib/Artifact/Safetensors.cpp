#include "lib/Artifact/Safetensors.h"
#include "lib/Artifact/Float.h"
#include "lib/Artifact/Hash.h"
#include "lib/Artifact/Json.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace hybridrt;
static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace {
struct TypeInfo {
  const char *name;
  size_t bytes;
  ElementType type;
};
constexpr TypeInfo typeTable[] = {
    {"F32", 4, ElementType::f32},      {"BF16", 2, ElementType::bf16},     {"F16", 2, ElementType::f16},
    {"I64", 8, ElementType::i64},      {"I32", 4, ElementType::i32},       {"F64", 8, ElementType::other},
    {"I16", 2, ElementType::other},    {"I8", 1, ElementType::other},      {"U8", 1, ElementType::other},
    {"U16", 2, ElementType::other},    {"U32", 4, ElementType::other},     {"U64", 8, ElementType::other},
    {"BOOL", 1, ElementType::other},   {"F8_E4M3", 1, ElementType::other}, {"F8_E5M2", 1, ElementType::other},
    {"F8_E8M0", 1, ElementType::other}};

/// The format's own limit.
constexpr uint64_t largestHeader = 100'000'000;
} // namespace

const char *hybridrt::nameOf(ElementType type) {
  for (const TypeInfo &info : typeTable)
    if (info.type == type && type != ElementType::other)
      return info.name;
  return "other";
}

size_t hybridrt::sizeOf(ElementType type) {
  for (const TypeInfo &info : typeTable)
    if (info.type == type)
      return info.bytes;
  return 0;
}

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

std::string TensorView::describe() const {
  std::string text = typeName + " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void TensorView::readFloats(int64_t begin, int64_t count, float *out) const {
  if (!count)
    return; // and `out` may be null
  if (type == ElementType::f32) {
    std::memcpy(out, bytes.data() + begin * 4, count * 4);
  } else if (type == ElementType::bf16 || type == ElementType::f16) {
    // The data section has no alignment.
    const std::byte *in = bytes.data() + begin * 2;
    for (int64_t i = 0; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, in + 2 * i, 2);
      out[i] = type == ElementType::bf16 ? fromBFloat16(bits) : fromFloat16(bits);
    }
  } else {
    fail("expected F32, BF16 or F16, found ", describe());
  }
}

Result<Safetensors> Safetensors::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return Result<Safetensors>::failure(file.error());
  return capture([&] {
    Safetensors result(std::move(*file));
    result.parse();
    return result;
  });
}

const TensorView *Safetensors::find(const std::string &name) const {
  auto it = views.find(name);
  return it == views.end() ? nullptr : &it->second;
}

/// The extents of one tensor; their product is at most `limit`.
static std::vector<int64_t> parseShape(const nlohmann::json &json, uint64_t limit, const std::string &where) {
  if (!json.is_array())
    fail(where, "expected 'shape' to be a list of extents");
  std::vector<int64_t> shape;
  uint64_t elements = 1;
  for (const nlohmann::json &dim : json) {
    if (!dim.is_number_unsigned())
      fail(where, "expected an extent of at least 0, found ", dim.dump());
    uint64_t extent = dim.get<uint64_t>();
    if (extent > limit || (extent != 0 && elements > limit / extent))
      fail(where, "shape ", json.dump(), " has more elements than the file has bytes");
    elements *= extent;
    shape.push_back(int64_t(extent));
  }
  return shape;
}

void Safetensors::parse() {
  const std::string &path = file.path();
  std::span<const std::byte> all = file.bytes();
  if (all.empty())
    fail("'", path, "' is empty; expected a safetensors file");
  if (all.size() < 8)
    fail("'", path, "' is truncated: expected an 8-byte header size, found ", all.size(), " bytes");
  uint64_t headerSize;
  std::memcpy(&headerSize, all.data(), 8);
  if (headerSize > largestHeader)
    fail("'", path, "': header of ", headerSize, " bytes exceeds the format's limit of ", largestHeader,
         "; is this a safetensors file?");
  if (headerSize > all.size() - 8)
    fail("'", path, "' is truncated: expected a header of ", headerSize, " bytes, found ", all.size() - 8);
  std::string_view text(reinterpret_cast<const char *>(all.data()) + 8, headerSize);
  nlohmann::json header = parseJson(text, path, largestHeader);
  if (!header.is_object())
    fail("'", path, "': expected the header to be a JSON object");

  std::span<const std::byte> data = all.subspan(8 + headerSize);
  struct Extent {
    uint64_t begin, end;
    const std::string *name;
  };
  std::vector<Extent> extents;
  for (auto &[name, json] : header.items()) {
    if (name == "__metadata__")
      continue;
    std::string where = concat("'", path, "': tensor '", name, "': ");
    if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets"))
      fail(where, "expected an object with 'dtype', 'shape' and 'data_offsets'");
    TensorView view;
    if (!json["dtype"].is_string())
      fail(where, "expected 'dtype' to be a string");
    view.typeName = json["dtype"].get<std::string>();
    auto info = std::find_if(std::begin(typeTable), std::end(typeTable),
                             [&](const TypeInfo &info) { return view.typeName == info.name; });
    if (info == std::end(typeTable))
      fail(where, "unknown dtype '", view.typeName, "'");
    view.type = info->type;
    view.shape = parseShape(json["shape"], largestHeader > all.size() ? largestHeader : all.size(), where);
    const nlohmann::json &offsets = json["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned())
      fail(where, "expected 'data_offsets' to be two offsets");
    uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    if (begin > end)
      fail(where, "data begins at ", begin, " and ends at ", end);
    if (end > data.size())
      fail(where, "data ends at byte ", end, ", but the file holds ", data.size(), " bytes of data; is it truncated?");
    if (uint64_t expected = uint64_t(view.elements()) * info->bytes; expected != end - begin)
      fail(where, view.describe(), " takes ", expected, " bytes, found ", end - begin);
    view.bytes = data.subspan(begin, end - begin);
    auto it = views.emplace(name, std::move(view)).first;
    extents.push_back({begin, end, &it->first});
  }
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t at = 0;
  for (const Extent &extent : extents) {
    if (extent.begin != at)
      fail("'", path, "': tensor '", *extent.name, "' begins at byte ", extent.begin,
           extent.begin < at ? ", inside the tensor before it, which ends at " : ", after a gap from ", at);
    at = extent.end;
  }
  if (at != data.size())
    fail("'", path, "': tensors end at byte ", at, " of the data, but the file holds ", data.size());
  identityHash = hashBytes(text.data(), text.size(), hashText(concat(all.size(), "/", file.modified())));
}
