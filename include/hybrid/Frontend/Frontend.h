// From what a user has, a description, a Hugging Face folder or IR, to the model form.
#ifndef HYBRID_FRONTEND_FRONTEND_H
#define HYBRID_FRONTEND_FRONTEND_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace mlir::hybrid {
struct ModelSpec;

struct ImportOptions {
  /// "f32", "bf16" or "f16"; absent: the checkpoint's or the description's own.
  std::optional<std::string> dtype;
  /// Which entries to build.
  bool score = true, append = true;
};

/// Reads a YAML description (.yaml, .yml), a Hugging Face folder or IR in the model form (.mlir, .mlirbc) and
/// verifies the result. The error's text says where ("file:line:column: error: ..." in texts), what was
/// expected and what was found.
llvm::Expected<OwningOpRef<ModuleOp>> importModel(MLIRContext &context, llvm::StringRef path,
                                                  const ImportOptions &options = {});

/// The first step of the above for the two kinds of input that are not IR.
llvm::Expected<ModelSpec> readDescription(llvm::StringRef path);
llvm::Expected<ModelSpec> readHuggingFace(llvm::StringRef folder);

/// The model form of a model whose numbers fit together.
OwningOpRef<ModuleOp> buildModelForm(MLIRContext &context, const ModelSpec &spec, const ImportOptions &options = {});

/// The keys of a YAML description as a Markdown document, from the table that the reader itself uses.
std::string schemaMarkdown();

/// The Hugging Face families that can be read, "bamba, falcon_h1, ...".
std::string knownFamilies();

} // namespace mlir::hybrid
#endif
