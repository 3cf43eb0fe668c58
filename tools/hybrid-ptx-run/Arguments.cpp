#include "tools/hybrid-ptx-run/Arguments.h"
#include "lib/Artifact/Float.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

struct Type {
  const char *name;
  uint32_t bytes;
};
constexpr Type types[] = {{"i8", 1},  {"u8", 1},  {"i16", 2}, {"u16", 2},  {"i32", 4}, {"u32", 4},
                          {"i64", 8}, {"u64", 8}, {"f16", 2}, {"bf16", 2}, {"f32", 4}, {"f64", 8}};

bool isType(const std::string &name) {
  for (const Type &type : types)
    if (name == type.name)
      return true;
  return false;
}

/// Whether a value can be stored in the type: anything in a float, what is in range in an integer.
bool holds(const std::string &type, double value) {
  if (type.find('f') != std::string::npos)
    return true;
  double limit = std::ldexp(1, int(8 * elementBytes(type)) - (type[0] == 'i'));
  return value >= (type[0] == 'i' ? -limit : 0) && value < limit;
}

uint64_t parseCount(const std::string &text, const std::string &whole) {
  char *end = nullptr;
  uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end || !value || value > uint64_t(1) << 36)
    fail("expected a size from 1 to 2^36 in '", whole, "', got '", text, "'");
  return value;
}

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts{""};
  for (char c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

Argument parseMap(const std::string &text, const std::vector<std::string> &parts) {
  Argument argument;
  argument.text = text;
  argument.isMap = true;
  if (parts.size() < 2)
    fail("expected 'map:' with a box such as map:64x64, got '", text, "'");
  for (const std::string &size : split(parts[1], 'x'))
    argument.box.push_back(uint32_t(std::min<uint64_t>(parseCount(size, text), UINT32_MAX)));
  for (size_t i = 2; i < parts.size(); ++i)
    if (parts[i] == "swizzle=32")
      argument.swizzle = Swizzle::Bytes32;
    else if (parts[i] == "swizzle=64")
      argument.swizzle = Swizzle::Bytes64;
    else if (parts[i] == "swizzle=128")
      argument.swizzle = Swizzle::Bytes128;
    else
      fail("expected swizzle=32, swizzle=64 or swizzle=128 in '", text, "', got '", parts[i], "'");
  return argument;
}

/// The same numbers on every machine.
double drawNormalised(uint64_t &state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return double(int64_t(state) >> 11) / double(int64_t(1) << 52);
}

} // namespace

uint64_t Argument::count() const {
  uint64_t result = 1;
  for (uint64_t size : shape)
    result *= size;
  return result;
}

uint64_t Argument::bytes() const { return count() * elementBytes(type); }

uint32_t emulator::elementBytes(const std::string &name) {
  for (const Type &type : types)
    if (name == type.name)
      return type.bytes;
  return 0;
}

Argument emulator::parseArgument(const std::string &text) {
  std::vector<std::string> parts = split(text, ':');
  if (parts[0] == "map")
    return parseMap(text, parts);
  Argument argument;
  argument.text = text;
  size_t bracket = parts[0].find('[');
  argument.type = parts[0].substr(0, bracket);
  if (!isType(argument.type))
    fail("expected a type such as i32 or f32 in '", text, "', got '", argument.type, "'");
  argument.isBuffer = bracket != std::string::npos;
  if (!argument.isBuffer) {
    if (parts.size() != 2 || parts[1].empty())
      fail("expected a value such as i32:5, got '", text, "'");
    argument.value = parts[1];
    char *end = nullptr;
    double value = std::strtod(argument.value.c_str(), &end);
    if (*end)
      fail("expected a number in '", text, "', got '", argument.value, "'");
    if (!holds(argument.type, value))
      fail("expected a number that fits into ", argument.type, " in '", text, "', got '", argument.value, "'");
    return argument;
  }
  if (parts[0].back() != ']')
    fail("expected ']' after the size in '", text, "'");
  uint64_t count = 1;
  for (const std::string &size : split(parts[0].substr(bracket + 1, parts[0].size() - bracket - 2), 'x')) {
    argument.shape.push_back(parseCount(size, text));
    if (argument.shape.back() > (uint64_t(1) << 36) / count)
      fail("expected a buffer of at most 2^36 elements, got '", text, "'");
    count *= argument.shape.back();
  }
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i] == "print")
      argument.print = true;
    else
      argument.fill = parts[i];
  return argument;
}

void emulator::storeElement(const std::string &type, double value, void *memory) {
  auto as = [&](auto element) { std::memcpy(memory, &element, sizeof(element)); };
  if (type == "f64")
    as(value);
  else if (type == "f32")
    as(float(value));
  else if (type == "f16")
    as(toFloat16(float(value)));
  else if (type == "bf16")
    as(toBFloat16(float(value)));
  else {
    auto integer = value < 0 ? uint64_t(int64_t(value)) : uint64_t(value);
    std::memcpy(memory, &integer, elementBytes(type));
  }
}

std::string emulator::formatElement(const std::string &type, const void *memory) {
  char text[64];
  uint64_t bits = 0;
  std::memcpy(&bits, memory, elementBytes(type));
  if (type[0] == 'i') {
    unsigned shift = 64 - 8 * elementBytes(type);
    return std::to_string(int64_t(bits << shift) >> shift);
  }
  if (type[0] == 'u')
    return std::to_string(bits);
  double value;
  if (type == "f64") {
    std::memcpy(&value, memory, 8);
  } else {
    float narrow;
    if (type == "f32")
      std::memcpy(&narrow, memory, 4);
    else
      narrow = type == "f16" ? fromFloat16(uint16_t(bits)) : fromBFloat16(uint16_t(bits));
    value = narrow;
  }
  std::snprintf(text, sizeof(text), "%.7g", value);
  return text;
}

void emulator::fillBuffer(const Argument &argument, uint8_t *memory, uint64_t seed) {
  uint64_t count = argument.count(), state = seed * 2654435761u + 12345;
  uint32_t bytes = elementBytes(argument.type);
  bool isFloat = argument.type.find('f') != std::string::npos;
  if (argument.fill == "zeros") {
    std::memset(memory, 0, argument.bytes());
  } else if (argument.fill == "ones" || argument.fill == "iota" || argument.fill == "random") {
    for (uint64_t i = 0; i < count; ++i) {
      double value = argument.fill == "ones"   ? 1.
                     : argument.fill == "iota" ? double(i)
                                               : drawNormalised(state) * (isFloat ? 1 : 100);
      storeElement(argument.type, argument.fill == "random" && !isFloat ? std::floor(value) : value,
                   memory + i * bytes);
    }
  } else {
    std::error_code error;
    std::ifstream file(argument.fill, std::ios::binary);
    if (!file || std::filesystem::is_directory(argument.fill, error))
      fail("expected zeros, ones, iota, random or the name of a file that can be read in '", argument.text, "'");
    file.read(reinterpret_cast<char *>(memory), std::streamsize(argument.bytes()));
    if (uint64_t(file.gcount()) != argument.bytes())
      fail("expected ", argument.bytes(), " bytes in '", argument.fill, "', got ", uint64_t(file.gcount()));
  }
}

TensorMap emulator::makeMap(const Argument &argument, const Argument &buffer, uint64_t address) {
  static const std::pair<const char *, MapElement> elements[] = {
      {"u8", MapElement::U8},   {"i8", MapElement::U8},     {"u16", MapElement::U16}, {"i16", MapElement::U16},
      {"u32", MapElement::U32}, {"i32", MapElement::S32},   {"u64", MapElement::U64}, {"i64", MapElement::S64},
      {"f16", MapElement::F16}, {"bf16", MapElement::BF16}, {"f32", MapElement::F32}, {"f64", MapElement::F64}};
  TensorMap map;
  map.address = address;
  map.rank = uint32_t(buffer.shape.size());
  if (map.rank > 5 || argument.box.size() != map.rank)
    fail("expected a box of ", map.rank, " sizes for '", buffer.text, "', got '", argument.text, "'");
  for (auto [name, element] : elements)
    if (buffer.type == name)
      map.element = element;
  uint64_t stride = elementBytes(buffer.type);
  for (uint32_t i = 0; i < map.rank; ++i) {
    map.size[i] = buffer.shape[map.rank - 1 - i];
    map.box[i] = argument.box[i];
    stride *= map.size[i];
    if (i + 1 < map.rank)
      map.stride[i] = stride;
  }
  map.swizzle = argument.swizzle;
  Status status = map.verify();
  if (!status)
    fail("'", argument.text, "': ", status.error());
  return map;
}
