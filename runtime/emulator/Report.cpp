// What people read: diagnostics as text, and counters that add up.
#include "runtime/emulator/Engine.h"
#include <cstdio>

using namespace hybridrt::emulator;

std::string Diagnostic::text() const {
  std::string result = kernel;
  if (line)
    result += ": PTX line " + std::to_string(line);
  if (!location.empty())
    result += " (" + location + ")";
  result += ": " + message;
  char place[128];
  std::snprintf(place, sizeof(place), "; block (%u, %u, %u), warp %u, lane %u", block.x, block.y, block.z, warp, lane);
  result += place;
  if (occurrences > 1)
    result += ", " + std::to_string(occurrences) + " times";
  return result;
}

Counters &Counters::operator+=(const Counters &other) {
  // All members are of one type, so the struct is an array of them.
  static_assert(sizeof(Counters) % sizeof(uint64_t) == 0);
  auto *to = reinterpret_cast<uint64_t *>(this);
  auto *from = reinterpret_cast<const uint64_t *>(&other);
  for (size_t i = 0; i < sizeof(Counters) / sizeof(uint64_t); ++i)
    to[i] += from[i];
  return *this;
}
