// Token ids as files hold them, checked.
#ifndef HYBRID_RUN_INPUTS_H
#define HYBRID_RUN_INPUTS_H
#include <cstdint>
#include <string>
#include <vector>

/// Sequences of tokens, packed. `shape` is that of the file's tensor.
struct Inputs {
  std::vector<int32_t> ids, offsets;
  std::vector<int64_t> shape;
  size_t count() const { return offsets.size() - 1; }
  int64_t length(size_t sequence) const { return offsets[sequence + 1] - offsets[sequence]; }
  int64_t longest() const;
};

/// Reads `input_ids` [B, S], or `input_ids` [T] with `offsets` [B + 1].
Inputs readInputs(const std::string &path, int64_t vocab);

/// The sizes of the appends that feed `length` tokens: those asked for, and one for the rest.
std::vector<int64_t> completeChunks(const std::vector<int64_t> &chunks, int64_t length);

#endif
