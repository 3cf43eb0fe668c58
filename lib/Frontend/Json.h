// Untrusted JSON files, as Python's json module writes them.
#ifndef HYBRID_LIB_FRONTEND_JSON_H
#define HYBRID_LIB_FRONTEND_JSON_H
#include "hybrid/Support/TextScan.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace mlir::hybrid {

/// An error whose text is exactly `message`.
llvm::Error textError(const llvm::Twine &message);

/// The whole file if it is one, is readable, and has at most `limit` bytes.
llvm::Expected<std::string> readTextFile(llvm::StringRef path, size_t limit = TextLimits().maxBytes);

/// A JSON object with its text, so that messages can point at a key.
struct JsonFile {
  std::string path, text;
  llvm::json::Object object;

  /// `message` at the first occurrence of `key` as a key, or without a place if there is none.
  llvm::Error errorAt(llvm::StringRef key, const llvm::Twine &message) const;
};

/// Bare Infinity and NaN, which Python writes though JSON has none, are read as {"__float__": "Infinity"},
/// the form that newer files use.
llvm::Expected<JsonFile> readJsonObject(llvm::StringRef path);

} // namespace mlir::hybrid
#endif
