// A page with every step of a profile on the roofline of a GPU.
#ifndef HYBRID_RUN_ROOFLINE_H
#define HYBRID_RUN_ROOFLINE_H
#include "runtime/include/hybrid_runtime.h"
#include <span>
#include <string>

/// What a step has counted under a name; 0 if its device does not count it.
double counted(const hybrid_step &step, std::string_view name);

/// Counts beside what the compiler expects, as ratios that are 1 at best (sectors: 4 per request of 4-byte elements).
struct Efficiency {
  double movedBytes, movedOverLeast, sectorsPerRequest, wavefrontsPerRequest, tensorShare;
  explicit Efficiency(const hybrid_step &step);
};

/// A page that needs nothing beside it. Steps lie at the operations per byte that the compiler expects, and those that
/// the device counted are joined to where they are in truth.
std::string rooflinePage(const std::string &model, std::span<const hybrid_step> steps);

#endif
