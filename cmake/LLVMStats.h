// Debian's libMLIR is built with NDEBUG, where llvm::Statistic is an empty class. Without NDEBUG the header would
// give our passes a Statistic that libMLIR's constructor never initialises, so the library's layout is fixed here,
// before anything else can include the header.
#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#else
#include "llvm/ADT/Statistic.h"
#endif
