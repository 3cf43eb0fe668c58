// What is done to a text before it is split: normal forms, replacements, case.
#ifndef HYBRID_RUNTIME_TEXT_NORMALIZER_H
#define HYBRID_RUNTIME_TEXT_NORMALIZER_H
#include "runtime/text/JsonNode.h"
#include <memory>
#include <vector>

namespace hybridrt {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual void apply(std::string &text) const = 0;
};

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

/// Reads the member "normalizer" of a tokenizer.json: appends what it does, in order. An Error for a kind that is
/// not known.
void readNormalizer(const JsonNode &json, Normalizers &to);

} // namespace hybridrt
#endif
