// Runs the stages in order. Errors of MLIR's diagnostics become the message of the returned error.
#include "hybrid/Driver/Compile.h"
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Conversion/Blocks.h"
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/Summary.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// Collects diagnostics while it lives.
class Diagnostics {
public:
  explicit Diagnostics(MLIRContext &context)
      : handler(&context, [this](Diagnostic &d) {
          if (d.getSeverity() != DiagnosticSeverity::Error)
            return;
          llvm::raw_string_ostream os(text);
          if (!text.empty())
            os << "\n";
          if (auto file = d.getLocation()->findInstanceOf<FileLineColLoc>())
            os << file.getFilename().getValue() << ":" << file.getLine() << ":" << file.getColumn() << ": ";
          os << d;
        }) {}
  llvm::Error take(StringRef otherwise) {
    return llvm::createStringError(text.empty() ? otherwise.str() : text);
  }

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};
} // namespace

static llvm::Expected<OwningOpRef<ModuleOp>> importInput(MLIRContext &context, const CompileOptions &options) {
  ImportOptions import;
  import.dtype = options.dtype;
  auto wants = [&](StringRef entry) {
    return options.entries.empty() || llvm::is_contained(options.entries, entry.str());
  };
  import.score = wants("score");
  import.append = wants("append");
  return importModel(context, options.input, import);
}

llvm::Expected<OwningOpRef<ModuleOp>> hybrid::compileToModelForm(MLIRContext &context, const CompileOptions &options) {
  llvm::Expected<OwningOpRef<ModuleOp>> model = importInput(context, options);
  if (!model)
    return model;
  Diagnostics diagnostics(context);
  PassManager pm(&context);
  pm.addPass(createDecomposeFusePass());
  if (options.fuse)
    pm.addPass(createMergeProjectionsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (failed(pm.run(**model)))
    return diagnostics.take("the graph passes failed");
  return model;
}

llvm::Expected<OwningOpRef<ModuleOp>> hybrid::compileToBlockForm(ModuleOp model, StringRef target,
                                                                 const CompileOptions &options) {
  Diagnostics diagnostics(*model.getContext());
  FailureOr<OwningOpRef<ModuleOp>> blocks = formBlocks(
      model, target.starts_with("sm_") ? gpuBlockTarget(target) : x86BlockTarget(), options.entries);
  if (failed(blocks))
    return diagnostics.take("forming blocks failed");
  return std::move(*blocks);
}

llvm::Expected<std::string> hybrid::compileToText(MLIRContext &context, const CompileOptions &options, StringRef form,
                                                  bool json) {
  if (form == "summary") { // of the model as it was written, before any pass
    llvm::Expected<OwningOpRef<ModuleOp>> input = importInput(context, options);
    return input ? llvm::Expected<std::string>(summarise(**input, json)) : input.takeError();
  }
  llvm::Expected<OwningOpRef<ModuleOp>> model = compileToModelForm(context, options);
  if (!model)
    return model.takeError();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (form == "model") {
    (*model)->print(os);
    return text;
  }
  StringRef target = options.targets.empty() ? StringRef("x86-64") : StringRef(options.targets.front());
  llvm::Expected<OwningOpRef<ModuleOp>> blocks = compileToBlockForm(**model, target, options);
  if (!blocks)
    return blocks.takeError();
  if (form == "block") {
    (*blocks)->print(os);
  } else if (form == "schedule") {
    for (auto variant : (*blocks)->getOps<schedule::VariantOp>()) {
      variant.print(os);
      os << "\n";
    }
  } else {
    return llvm::createStringError("cannot emit '" + form.str() + "'");
  }
  return text;
}
