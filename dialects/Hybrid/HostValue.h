// Values on the host, in f64: what the reference evaluator computes with.
#ifndef HYBRID_DIALECTS_HOSTVALUE_H
#define HYBRID_DIALECTS_HOSTVALUE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace mlir::hybrid {

/// A dense row-major tensor in f64 (integers are exact up to 2^53), or, when `isCache`, one tensor per sequence and
/// part: parts = {keys, values} of shape [tokens, heads, size] for KV caches, {state} for the others.
struct HostValue {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;
  bool isCache = false;
  std::vector<std::vector<HostValue>> sequences;

  HostValue() = default;
  explicit HostValue(llvm::ArrayRef<int64_t> dims) : shape(dims.begin(), dims.end()) { data.resize(numElements()); }
  int64_t numElements() const {
    int64_t n = 1;
    for (int64_t d : shape)
      n *= d;
    return n;
  }
  int64_t dim(unsigned i) const { return shape[i]; }
};

} // namespace mlir::hybrid
#endif
