// A model of four kernels written in C, with keys in pages, a recurrent state and panels, small enough to
// compute by hand: what the runtime's tests run, whatever the compiler does.
#ifndef HYBRID_TEST_TOYMODEL_H
#define HYBRID_TEST_TOYMODEL_H
#include "lib/Artifact/Artifact.h"
#include <string>
#include <vector>

namespace hybridrt {

constexpr int toyVocab = 11, toyWidth = 3;

/// Compiles the kernels and fills an artifact with variants decode, short (16 tokens) and bulk.
artifact::ArtifactT makeToy();
/// The same with initialisers in place of checkpoint tensors.
artifact::ArtifactT makeToyDescription();
/// Writes model.safetensors of the toy.
void writeToyWeights(const std::string &folder);
/// Logits [tokens, vocab] of one sequence, computed plainly.
std::vector<float> toyLogits(const std::vector<int32_t> &ids);

} // namespace hybridrt
#endif
