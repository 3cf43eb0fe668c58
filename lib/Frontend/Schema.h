// The table of a description's keys. The reader takes names and defaults from it, and docs/model-schema.md is
// printed from it, so that the two cannot differ.
#ifndef HYBRID_LIB_FRONTEND_SCHEMA_H
#define HYBRID_LIB_FRONTEND_SCHEMA_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::hybrid {

struct SchemaKey {
  llvm::StringLiteral section, key, type;
  /// "required", a literal that the reader parses, or "= ..." where it follows from other keys.
  llvm::StringLiteral byDefault;
  llvm::StringLiteral meaning;
  /// Where the default comes from.
  llvm::StringLiteral origin;
};

llvm::ArrayRef<SchemaKey> schemaKeys();
/// Null if the section has no such key.
const SchemaKey *findSchemaKey(llvm::StringRef section, llvm::StringRef key);
/// ", did you mean 'x'?" for a near miss among `candidates`, else "; expected one of a, b, c".
std::string suggest(llvm::StringRef word, llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace mlir::hybrid
#endif
