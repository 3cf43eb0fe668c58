// IR as text, which verifiers and passes have to stand: the first byte picks what runs, the rest is the module.
// Whatever it is, it ends in diagnostics or in a module that verifies.
#include "FreshContext.h"
#include "hybrid/Conversion/Passes.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/Passes.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"
#include <array>

using namespace mlir;

/// By the first byte, from 'a'.
static constexpr std::array<llvm::StringLiteral, 12> pipelines = {
    "",
    "canonicalize,cse",
    "hybrid-verify-model-form",
    "hybrid-verify-model-form,hybrid-decompose-fuse,hybrid-fold-scales,hybrid-merge-projections,canonicalize,cse",
    "hybrid-verify-block-form",
    "hybrid-form-blocks{target=x86-64},hybrid-verify-block-form",
    "hybrid-form-blocks{target=sm_80},hybrid-verify-block-form",
    "hybrid-assign-layouts,hybrid-pipeline-loads,hybrid-verify-gpu-tile-form",
    "hybrid-verify-gpu-tile-form",
    "hybrid-convert-tile-to-x86{level=v3}",
    "hybrid-nvptx-pipeline",
    "hybrid-decompose-fuse,hybrid-fold-scales,hybrid-merge-projections,canonicalize,cse",
};

/// What makes MLIR's own parser crash, which is not ours to mend: array<T: ...> of a T that has no width.
static bool crashesParser(StringRef text) {
  while (true) {
    auto [before, after] = text.split("array");
    if (after.empty())
      return false;
    StringRef element = after.ltrim();
    if (element.consume_front("<") && !element.ltrim().starts_with("i1") && !element.ltrim().starts_with("i8") &&
        !element.ltrim().starts_with("i32") && !element.ltrim().starts_with("i64") && !element.ltrim().starts_with("f"))
      return true;
    text = after;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static hybridfuzz::FreshContext contexts;
  static const bool registered = (mlir::hybrid::registerAllPasses(), true);
  (void)registered;
  if (!size)
    return 0;
  MLIRContext &context = contexts.next();
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (crashesParser(text))
    return 0;
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module)
    return 0;
  PassManager passes(&context);
  if (failed(parsePassPipeline(pipelines[(data[0] - 'a' + 256) % pipelines.size()], passes, llvm::nulls())))
    std::abort(); // a pass has another name now
  if (succeeded(passes.run(*module)))
    module->print(llvm::nulls());
  return 0;
}
