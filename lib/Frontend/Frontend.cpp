// The one way in: picks the reader by what the path is, builds and verifies the model form.
#include "hybrid/Frontend/Frontend.h"
#include "Json.h"
#include "ParameterCheck.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
using namespace mlir;
using namespace mlir::hybrid;
using llvm::Error;
using llvm::Expected;

/// Text of the diagnostics that come while it lives, "location: error: message" each.
namespace {
class DiagnosticText {
public:
  explicit DiagnosticText(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          llvm::raw_string_ostream os(text);
          if (auto file = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
            os << file.getFilename().getValue() << ":" << file.getLine() << ":" << file.getColumn() << ": ";
          os << (diagnostic.getSeverity() == DiagnosticSeverity::Note ? "note: " : "error: ") << diagnostic << "\n";
          return success();
        }) {}

  Error take() const { return textError(StringRef(text).rtrim()); }

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};
} // namespace

static Expected<OwningOpRef<ModuleOp>> readIR(MLIRContext &context, StringRef path, const ImportOptions &options) {
  DiagnosticText diagnostics(context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return diagnostics.take();
  // Cache types have it as well, so it is the file's to say.
  auto dtype = (*module)->getAttrOfType<TypeAttr>("hybrid.dtype");
  if (options.dtype && dtype && debugString(dtype.getValue()) != *options.dtype)
    return textError(path + ": error: expected dtype " + *options.dtype + ", found " + debugString(dtype.getValue()) +
                     "; the dtype of IR is fixed when it is made");
  return module;
}

static Error checkDtype(const ImportOptions &options) {
  if (!options.dtype || llvm::is_contained({"f32", "bf16", "f16"}, *options.dtype))
    return Error::success();
  return textError("expected dtype f32, bf16 or f16, got '" + *options.dtype + "'");
}

Expected<OwningOpRef<ModuleOp>> mlir::hybrid::importModel(MLIRContext &context, StringRef path,
                                                          const ImportOptions &options) {
  if (Error error = checkDtype(options))
    return error;
  if (!llvm::sys::fs::exists(path))
    return textError(path + ": error: no such file or folder; expected a description (.yaml), a Hugging Face folder "
                            "or IR (.mlir)");
  StringRef extension = llvm::sys::path::extension(path);
  if (extension == ".mlir" || extension == ".mlirbc")
    return readIR(context, path, options);

  bool folder = llvm::sys::fs::is_directory(path);
  if (!folder && extension != ".yaml" && extension != ".yml")
    return textError(path + ": error: expected a description (.yaml), a Hugging Face folder or IR (.mlir)");
  Expected<ModelSpec> spec = folder ? readHuggingFace(path) : readDescription(path);
  if (!spec)
    return spec.takeError();
  if (folder) {
    if (std::optional<Misfit> misfit = findMisfit(*spec))
      return textError(path + "/config.json: error: " +
                       (misfit->block ? "layer " + std::to_string(misfit->block) + ": " : "") + misfit->message);
  }
  OwningOpRef<ModuleOp> module = buildModelForm(context, *spec, options);
  DiagnosticText diagnostics(context);
  if (failed(verify(*module)))
    return diagnostics.take();
  if (folder) {
    hybridrt::Result<hybridrt::Checkpoint> checkpoint = hybridrt::Checkpoint::open(path.str());
    if (!checkpoint)
      return textError(path + ": error: " + checkpoint.error());
    if (Error error = checkParameters(*module, *checkpoint))
      return error;
  }
  return module;
}
