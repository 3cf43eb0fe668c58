// The compiler's command line.
#include "Bisect.h"
#include "hybrid/Driver/Cache.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Driver/Tool.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
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
static cl::list<std::string> cpuLevels("cpu-levels", cl::CommaSeparated, cl::cat(category),
                                       cl::desc("x86-64-v1, x86-64-v3, x86-64-v4 (default: all)"));
static cl::list<std::string> variants("variants", cl::CommaSeparated, cl::cat(category),
                                      cl::desc("decode, short: variants beside bulk, which serves every call (default: "
                                               "both)"));
static cl::opt<std::string> emit("emit", cl::desc("Print a form instead of writing an artifact"), cl::cat(category));
static cl::opt<std::string> explain("explain", cl::value_desc("dispatch"), cl::cat(category),
                                    cl::desc("Show a kernel, or the kernels of a layer, in every form"));
static cl::opt<std::string> profile("profile", cl::value_desc("file"), cl::cat(category),
                                    cl::desc("Join what hybrid-run --profile --json printed to --emit=report"));
static cl::opt<bool> bisectForms("bisect", cl::cat(category),
                                 cl::desc("Evaluate every form and name the first that computes other numbers"));
static cl::opt<std::string> inputIds("input-ids", cl::value_desc("file"), cl::cat(category),
                                     cl::desc("--bisect: tokens as hybrid-run reads them (default: drawn)"));
static cl::opt<std::string> weights("weights", cl::value_desc("folder"), cl::cat(category),
                                    cl::desc("--bisect: the checkpoint (default: the model's folder, or drawn)"));
static cl::opt<uint64_t> seed("seed", cl::desc("--bisect: of weights and tokens that are drawn"), cl::cat(category));
static cl::list<std::string> devices("device", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("--bisect: x86, emulator, cuda (default: x86 where it is a target)"));
static cl::list<std::string> passPlugins("load-pass-plugin", cl::value_desc("library"), cl::cat(category),
                                         cl::desc("Load passes from a plugin, for the options below"));
static cl::opt<std::string> modelPasses("model-passes", cl::value_desc("passes"), cl::cat(category),
                                        cl::desc("Passes to run on the model form behind the graph passes"));
static cl::opt<std::string> blockPasses("block-passes", cl::value_desc("passes"), cl::cat(category),
                                        cl::desc("Passes to run on the block form"));
static cl::opt<bool> noCache("no-cache", cl::desc("Compile even when nothing changed"), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Summary, report and what --bisect finds as JSON"), cl::cat(category));

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

/// The model's own name in the current folder, also where the input is ".", or ends in a slash.
static std::string defaultOutput() {
  llvm::SmallString<256> path(input);
  (void)llvm::sys::fs::make_absolute(path); // fails where there is no current folder, in which nothing can be written
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  bool folder = llvm::sys::fs::is_directory(path);
  return ((folder ? llvm::sys::path::filename(path) : llvm::sys::path::stem(path)) + ".hyb").str();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::hybrid::prepareTool("hybridc");
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
  options.modelPasses = modelPasses;
  options.blockPasses = blockPasses;
  options.variants.assign(variants.begin(), variants.end());
  options.cpuLevels.assign(cpuLevels.begin(), cpuLevels.end());
  if (!dtype.empty())
    options.dtype = dtype;
  options.profile = profile;
  auto fail = [](llvm::Error error) {
    llvm::WithColor::error(llvm::errs(), "hybridc") << llvm::toString(std::move(error)) << "\n";
    return 1;
  };
  if (llvm::Error error = mlir::hybrid::checkOptions(options))
    return fail(std::move(error));

  for (const std::string &plugin : passPlugins) {
    llvm::Expected<mlir::PassPlugin> loaded = mlir::PassPlugin::load(plugin);
    if (!loaded)
      return fail(loaded.takeError());
    loaded->registerPassRegistryCallbacks();
  }

  if (input.empty() && emit != "status" && emit != "schema")
    return fail(llvm::createStringError("expected a description (.yaml), a Hugging Face folder or IR (.mlir)"));
  // Read before lld resets all options.
  bool emits = emit.getNumOccurrences(), explains = explain.getNumOccurrences();
  std::string path = output;
  if (emits && explains)
    return fail(llvm::createStringError("expected --emit or --explain, got both"));
  if (!profile.empty() && emit != "report")
    return fail(llvm::createStringError("--profile: expected --emit=report, which it is joined to"));
  if (bisectForms && (emits || explains))
    return fail(llvm::createStringError("expected --bisect, --emit or --explain, got two of them"));
  if (!bisectForms)
    for (const cl::Option &option :
         std::initializer_list<std::reference_wrapper<cl::Option>>{inputIds, weights, seed, devices})
      if (option.getNumOccurrences())
        return fail(llvm::createStringError("--" + option.ArgStr + ": expected --bisect with it"));
  if (bisectForms) {
    BisectFlags flags{inputIds, weights, seed, {devices.begin(), devices.end()}};
    std::string text;
    llvm::raw_string_ostream os(text);
    llvm::Expected<bool> agree = runBisect(context, options, flags, json, os);
    if (!agree)
      return fail(agree.takeError());
    if (llvm::Error error = mlir::hybrid::writeOutput(path, text))
      return fail(std::move(error));
    return *agree ? 0 : 1;
  }
  if (emits || explains) {
    llvm::Expected<std::string> text = explains ? mlir::hybrid::explainDispatch(context, options, explain)
                                                : mlir::hybrid::compileToText(context, options, emit, json);
    if (!text)
      return fail(text.takeError());
    llvm::Error error = mlir::hybrid::writeOutput(path, *text);
    return error ? fail(std::move(error)) : 0;
  }

  if (path.empty())
    path = defaultOutput();
  if (llvm::Error error = mlir::hybrid::compileCached(context, options, path, !noCache && passPlugins.empty()))
    return fail(std::move(error));
  return 0;
}
