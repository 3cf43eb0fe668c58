// The compiler's command line.
#include "hybrid/Driver/Compile.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
namespace cl = llvm::cl;

static cl::OptionCategory category("hybridc options");
static cl::opt<std::string> input(cl::Positional, cl::Required, cl::desc("<description, Hugging Face folder or .mlir>"),
                                  cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Where to write"), cl::value_desc("file"), cl::cat(category));
static cl::list<std::string> targets("targets", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("x86-64, sm_80, sm_90a (default: x86-64)"));
static cl::list<std::string> entries("entries", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("score, append (default: both)"));
static cl::opt<std::string> dtype("dtype", cl::desc("f32, bf16 or f16 (default: the checkpoint's)"), cl::cat(category));
static cl::opt<std::string> emit("emit", cl::desc("Print a form instead of writing an artifact"), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Summary and report as JSON"), cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "hybridc: compiles hybrid language models\n");
  mlir::DialectRegistry registry;
  mlir::hybrid::registerAllDialects(registry);
  mlir::MLIRContext context(registry);

  mlir::hybrid::CompileOptions options;
  options.input = input;
  options.targets.assign(targets.begin(), targets.end());
  options.entries.assign(entries.begin(), entries.end());
  if (!dtype.empty())
    options.dtype = dtype;
  llvm::Expected<std::string> text = mlir::hybrid::compileToText(context, options, emit, json);
  if (!text) {
    llvm::WithColor::error(llvm::errs(), "hybridc") << llvm::toString(text.takeError()) << "\n";
    return 1;
  }
  llvm::outs() << *text;
  return 0;
}
