// A YAML text as a tree with places: what the reader of descriptions walks.
#ifndef HYBRID_LIB_FRONTEND_YAML_H
#define HYBRID_LIB_FRONTEND_YAML_H
#include "hybrid/Support/TextScan.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir::hybrid {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, mapping, sequence } kind = Kind::null;
  TextPosition position;
  /// Of a scalar, quotes removed.
  std::string text;
  /// Of a scalar: whether it was quoted, and thus is no number.
  bool quoted = false;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  /// "a mapping", "a list", "nothing" or "'text'".
  std::string describe() const;
  const YamlEntry *find(llvm::StringRef key) const;
};

struct YamlEntry {
  std::string key;
  TextPosition position;
  YamlNode value;
};

/// The only document of a text that scanText has let pass. Aliases, tags and keys that occur twice are
/// errors.
llvm::Expected<YamlNode> parseYaml(llvm::StringRef path, llvm::StringRef text);

} // namespace mlir::hybrid
#endif
