// The compiler's command line.
#include "hybrid/Driver/Cache.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
namespace cl = llvm::cl;

static cl::OptionCategory category("hybridc options");
static cl::opt<std::string> input(cl::Positional, cl::desc("<description, Hugging Face folder or .mlir>"),
                                  cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Where to write"), cl::value_desc("file"), cl::cat(category));
static cl::list<std::string> targets("targets", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("x86-64, sm_80, sm_90a (default: x86-64)"));
static cl::list<std::string> entries("entries", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("score, append (default: both)"));
static cl::opt<std::string> dtype("dtype", cl::desc("f32, bf16 or f16 (default: the checkpoint's)"), cl::cat(category));
static cl::opt<std::string> emit("emit", cl::desc("Print a form instead of writing an artifact"), cl::cat(category));
static cl::opt<std::string> explain("explain", cl::value_desc("dispatch"), cl::cat(category),
                                    cl::desc("Show a kernel, or the kernels of a layer, in every form"));
static cl::opt<std::string> profile("profile", cl::value_desc("file"), cl::cat(category),
                                    cl::desc("Join what hybrid-run --profile --json printed to --emit=report"));
static cl::opt<bool> noCache("no-cache", cl::desc("Compile even when nothing changed"), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Summary and report as JSON"), cl::cat(category));

/// Makes LLVM's and MLIR's options that look at passes ours, so that --help shows them.
static void adoptPassOptions() {
  mlir::registerPassManagerCLOptions();
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (name.starts_with("mlir-print-ir") || name.starts_with("mlir-pass-pipeline"))
      option->addCategory(category);
}

static bool printsIR() {
  return llvm::any_of(cl::getRegisteredOptions(), [](auto &entry) {
    return entry.first.starts_with("mlir-print-ir") && entry.second->getNumOccurrences();
  });
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::hybrid::registerAllPasses(); // the options below know passes by name
  adoptPassOptions();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "hybridc: compiles hybrid language models\n");
  mlir::DialectRegistry registry;
  mlir::hybrid::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  if (printsIR()) // of whole modules only one thread can print
    context.disableMultithreading();

  mlir::hybrid::CompileOptions options;
  options.input = input;
  options.targets.assign(targets.begin(), targets.end());
  options.entries.assign(entries.begin(), entries.end());
  if (!dtype.empty())
    options.dtype = dtype;
  options.profile = profile;
  auto fail = [](llvm::Error error) {
    llvm::WithColor::error(llvm::errs(), "hybridc") << llvm::toString(std::move(error)) << "\n";
    return 1;
  };
  if (llvm::Error error = mlir::hybrid::checkOptions(options))
    return fail(std::move(error));

  if (input.empty() && emit != "status" && emit != "schema")
    return fail(llvm::createStringError("expected a description (.yaml), a Hugging Face folder or IR (.mlir)"));
  if (!emit.empty() && !explain.empty())
    return fail(llvm::createStringError("expected --emit or --explain, got both"));
  if (!profile.empty() && emit != "report")
    return fail(llvm::createStringError("--profile: expected --emit=report, which it is joined to"));
  if (!emit.empty() || !explain.empty()) {
    llvm::Expected<std::string> text = explain.empty() ? mlir::hybrid::compileToText(context, options, emit, json)
                                                       : mlir::hybrid::explainDispatch(context, options, explain);
    if (!text)
      return fail(text.takeError());
    if (output.empty()) {
      llvm::outs() << *text;
      return 0;
    }
    if (llvm::Error error = llvm::writeToOutput(output, [&](llvm::raw_ostream &os) {
          os << *text;
          return llvm::Error::success();
        }))
      return fail(std::move(error));
    return 0;
  }

  std::string path = output.empty() ? llvm::sys::path::stem(input).str() + ".hyb" : output.getValue();
  if (llvm::Error error = mlir::hybrid::compileCached(context, options, path, !noCache))
    return fail(std::move(error));
  return 0;
}
