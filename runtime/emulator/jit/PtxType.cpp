#include "runtime/emulator/jit/PtxType.h"
#include <unordered_map>

using namespace hybridrt::emulator;

std::optional<PtxType> hybridrt::emulator::parseType(std::string_view modifier) {
  using Kind = PtxType::Kind;
  static const std::unordered_map<std::string_view, PtxType> types = {
      {"pred", {Kind::Predicate, 1, 1}},  {"f16", {Kind::Float, 16, 1}},   {"f32", {Kind::Float, 32, 1}},
      {"f64", {Kind::Float, 64, 1}},      {"bf16", {Kind::Bfloat, 16, 1}}, {"f16x2", {Kind::Float, 16, 2}},
      {"bf16x2", {Kind::Bfloat, 16, 2}},  {"f32x2", {Kind::Float, 32, 2}}, {"b8", {Kind::Bits, 8, 1}},
      {"u8", {Kind::Unsigned, 8, 1}},     {"s8", {Kind::Signed, 8, 1}},    {"b16", {Kind::Bits, 16, 1}},
      {"u16", {Kind::Unsigned, 16, 1}},   {"s16", {Kind::Signed, 16, 1}},  {"b32", {Kind::Bits, 32, 1}},
      {"u32", {Kind::Unsigned, 32, 1}},   {"s32", {Kind::Signed, 32, 1}},  {"b64", {Kind::Bits, 64, 1}},
      {"u64", {Kind::Unsigned, 64, 1}},   {"s64", {Kind::Signed, 64, 1}},  {"b128", {Kind::Bits, 128, 1}},
      {"u16x2", {Kind::Unsigned, 16, 2}}, {"s16x2", {Kind::Signed, 16, 2}}};
  auto found = types.find(modifier);
  if (found == types.end())
    return std::nullopt;
  return found->second;
}

std::vector<PtxType> hybridrt::emulator::typesOf(const Instruction &instruction) {
  std::vector<PtxType> result;
  for (std::string_view modifier : instruction.modifiers)
    if (auto type = parseType(modifier))
      result.push_back(*type);
  return result;
}

PtxType hybridrt::emulator::typeOf(const Instruction &instruction) {
  for (auto modifier = instruction.modifiers.rbegin(); modifier != instruction.modifiers.rend(); ++modifier)
    if (auto type = parseType(*modifier))
      return *type;
  return {};
}
