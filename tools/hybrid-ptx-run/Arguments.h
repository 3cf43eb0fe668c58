// Kernel arguments as the command line gives them.
#ifndef HYBRID_TOOLS_HYBRID_PTX_RUN_ARGUMENTS_H
#define HYBRID_TOOLS_HYBRID_PTX_RUN_ARGUMENTS_H
#include "runtime/emulator/Engine.h"
#include <string>
#include <vector>

namespace hybridrt::emulator {

/// A scalar `i32:5`, or a buffer `f32[1024]:iota`, optionally `:print`; or a tensor map over the buffer before it,
/// `map:64x64:swizzle=128` with the box's sizes from the contiguous dimension on.
struct Argument {
  std::string text; ///< as given
  std::string type; ///< i8 to u64, f16, bf16, f32, f64
  bool isBuffer = false, isMap = false, print = false;
  std::vector<uint64_t> shape; ///< of a buffer, the contiguous dimension last
  std::string fill = "zeros";  ///< zeros, ones, iota, random, or a file's name
  std::string value;           ///< of a scalar
  std::vector<uint32_t> box;
  Swizzle swizzle = Swizzle::None;

  uint64_t count() const;
  uint64_t bytes() const;
};

/// Throws an Error that says what was expected.
Argument parseArgument(const std::string &text);
/// Bytes of one element of a type.
uint32_t elementBytes(const std::string &type);
/// Writes a number into memory as an element of a type.
void storeElement(const std::string &type, double value, void *memory);
/// An element as text.
std::string formatElement(const std::string &type, const void *memory);
/// Fills a buffer as the argument says.
void fillBuffer(const Argument &argument, uint8_t *memory, uint64_t seed);
/// The tensor map of `argument` over `buffer`, which lies at `address`.
TensorMap makeMap(const Argument &argument, const Argument &buffer, uint64_t address);

} // namespace hybridrt::emulator
#endif
