// Runs the stages in order. Errors of MLIR's diagnostics become the message of the returned error.
#include "hybrid/Driver/Compile.h"
#include "BuildArtifact.h"
#include "Profile.h"
#include "Report.h"
#include "Stages.h"
#include "dialects/Schedule/Schedule.h"
#include "hybrid/Conversion/Blocks.h"
#include "hybrid/Conversion/Passes.h"
#include "hybrid/Frontend/Frontend.h"
#include "hybrid/Frontend/Summary.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/X86.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <thread>
using namespace mlir;
using namespace mlir::hybrid;

Diagnostics::Diagnostics(MLIRContext &context)
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

llvm::Error Diagnostics::take(StringRef otherwise) const {
  return llvm::createStringError(text.empty() ? otherwise.str() : text);
}

llvm::Expected<OwningOpRef<ModuleOp>> hybrid::importInput(MLIRContext &context, const CompileOptions &options) {
  ImportOptions import;
  import.dtype = options.dtype;
  auto wants = [&](StringRef entry) {
    return options.entries.empty() || llvm::is_contained(options.entries, entry.str());
  };
  import.score = wants("score");
  import.append = wants("append");
  return importModel(context, options.input, import);
}

/// Appends what a caller asks for as text.
static llvm::Error addPipeline(OpPassManager &pm, StringRef option, StringRef pipeline) {
  if (pipeline.empty())
    return llvm::Error::success();
  std::string why;
  llvm::raw_string_ostream os(why);
  if (failed(parsePassPipeline(pipeline, pm, os)))
    return llvm::createStringError(option + ": expected passes such as 'canonicalize,cse', got '" + pipeline +
                                   "': " + StringRef(why).trim());
  return llvm::Error::success();
}

llvm::Error hybrid::addModelPasses(OpPassManager &pm, const CompileOptions &options) {
  pm.addPass(createVerifyModelFormPass());
  pm.addPass(createDecomposeFusePass());
  if (options.fuse) {
    pm.addPass(createFoldScalesPass());
    pm.addPass(createMergeProjectionsPass());
  }
  if (llvm::Error error = addPipeline(pm, "--model-passes", options.modelPasses))
    return error;
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (!options.modelPasses.empty())
    pm.addPass(createVerifyModelFormPass());
  return llvm::Error::success();
}

llvm::Error hybrid::addBlockPasses(OpPassManager &pm, const CompileOptions &options) {
  if (llvm::Error error = addPipeline(pm, "--block-passes", options.blockPasses))
    return error;
  pm.addPass(createVerifyBlockFormPass());
  return llvm::Error::success();
}

llvm::Expected<OwningOpRef<ModuleOp>> hybrid::compileToModelForm(MLIRContext &context, const CompileOptions &options) {
  llvm::Expected<OwningOpRef<ModuleOp>> model = importInput(context, options);
  if (!model)
    return model;
  Diagnostics diagnostics(context);
  PassManager pm(&context);
  (void)applyPassManagerCLOptions(pm); // a program without these options has none to apply
  if (llvm::Error error = addModelPasses(pm, options))
    return std::move(error);
  if (failed(pm.run(**model)))
    return diagnostics.take("the graph passes failed");
  return model;
}

llvm::Expected<OwningOpRef<ModuleOp>> hybrid::compileToBlockForm(ModuleOp model, StringRef target,
                                                                 const CompileOptions &options) {
  Diagnostics diagnostics(*model.getContext());
  BlockTarget tiles = target.starts_with("sm_") ? gpuBlockTarget(target) : x86BlockTarget();
  if (!options.variants.empty())
    llvm::erase_if(tiles.variants, [&](const BlockTiles &v) {
      return v.variant != "bulk" && !llvm::is_contained(options.variants, v.variant);
    });
  FailureOr<OwningOpRef<ModuleOp>> blocks = formBlocks(model, tiles, options.entries);
  if (failed(blocks))
    return diagnostics.take("forming blocks failed");
  PassManager pm(model.getContext());
  (void)applyPassManagerCLOptions(pm);
  if (llvm::Error error = addBlockPasses(pm, options))
    return std::move(error);
  if (failed(pm.run(**blocks)))
    return diagnostics.take("the block passes failed");
  return std::move(*blocks);
}

/// The level as artifacts name it.
static std::string levelName(CpuLevel level) { return level == CpuLevel::v1 ? "x86-64-v1" : cpuName(level).str(); }

/// Every kernel of a block form as code for its target.
static llvm::Expected<CompiledProgram> compileProgram(ModuleOp blocks, StringRef target, const CompileOptions &options,
                                                      std::map<std::string, std::string> *notes) {
  CompiledProgram program;
  program.target = target.str();
  program.blocks = blocks;
  Diagnostics diagnostics(*blocks.getContext());
  if (target == "x86-64") {
    SmallVector<CpuLevel> levels{CpuLevel::v1, CpuLevel::v3, CpuLevel::v4};
    if (!options.cpuLevels.empty())
      llvm::erase_if(levels, [&](CpuLevel l) { return !llvm::is_contained(options.cpuLevels, levelName(l)); });
    std::vector<FailureOr<X86Module>> modules(levels.size(), failure());
    std::vector<std::string> errors(levels.size());
    std::string text;
    llvm::raw_string_ostream os(text);
    blocks.print(os, OpPrintingFlags().enableDebugInfo()); // so that errors name layers
    // Levels are independent. Each thread has a context of its own: passes load dialects, which one context does not
    // allow from several threads.
    auto compile = [&](size_t i) {
      MLIRContext own(blocks.getContext()->getDialectRegistry(), MLIRContext::Threading::DISABLED);
      Diagnostics ownDiagnostics(own);
      OwningOpRef<ModuleOp> copy = parseSourceString<ModuleOp>(text, &own);
      if (copy)
        modules[i] = compileX86(*copy, levels[i]);
      if (failed(modules[i]))
        errors[i] = llvm::toString(ownDiagnostics.take("compiling x86 kernels failed"));
    };
    std::vector<std::thread> threads;
    for (size_t i = 0; i < levels.size(); ++i)
      threads.emplace_back(compile, i);
    for (std::thread &t : threads)
      t.join();
    for (const std::string &error : errors)
      if (!error.empty())
        return llvm::createStringError(error);
    for (auto &module : modules) {
      program.modules.emplace_back(levelName(module->level), module->sharedObject);
      for (const X86Kernel &k : module->kernels) {
        KernelNeeds &needs = program.kernels[k.name];
        needs.scratchBytes = std::max<uint64_t>(needs.scratchBytes, k.scratchBytes);
        if (notes)
          (*notes)[k.name] = llvm::formatv("scratch {0} KiB", (needs.scratchBytes + 1023) / 1024).str();
      }
    }
    return program;
  }
  FailureOr<NVPTXModule> module = compileNVPTX(blocks, target);
  if (failed(module))
    return diagnostics.take("compiling GPU kernels failed");
  if (!module->cubin.empty())
    program.modules.emplace_back("cubin", module->cubin);
  program.modules.emplace_back("ptx", std::vector<char>(module->ptx.begin(), module->ptx.end()));
  for (const NVPTXKernel &k : module->kernels) {
    program.kernels[k.name] = {0, k.threads, k.sharedBytes, uint32_t(std::max(k.registers, 0))};
    if (notes)
      (*notes)[k.name] = k.registers < 0
                             ? llvm::formatv("{0} threads, {1} KiB shared", k.threads, k.sharedBytes / 1024).str()
                             : llvm::formatv("{0} threads, {1} registers, {2} B spilled, {3} KiB shared", k.threads,
                                             k.registers, k.spillBytes, k.sharedBytes / 1024)
                                   .str();
  }
  return program;
}

std::vector<std::string> hybrid::targetsOf(const CompileOptions &options) {
  return options.targets.empty() ? std::vector<std::string>{"x86-64"} : options.targets;
}

llvm::Error hybrid::checkOptions(const CompileOptions &options) {
  for (const std::string &target : options.targets)
    if (target != "x86-64" && target != "sm_80" && target != "sm_90a")
      return llvm::createStringError("--targets: expected x86-64, sm_80 or sm_90a, got '" + target + "'" +
                                     (target == "sm_100a" ? " (not built yet)" : ""));
  for (const std::string &entry : options.entries)
    if (entry != "score" && entry != "append")
      return llvm::createStringError("--entries: expected score or append, got '" + entry + "'" +
                                     (entry == "train_step" ? " (not built yet)" : ""));
  for (const std::string &variant : options.variants)
    if (variant != "decode" && variant != "short" && variant != "bulk")
      return llvm::createStringError("--variants: expected decode, short or bulk, got '" + variant + "'");
  for (const std::string &level : options.cpuLevels)
    if (level != "x86-64-v1" && level != "x86-64-v3" && level != "x86-64-v4")
      return llvm::createStringError("--cpu-levels: expected x86-64-v1, x86-64-v3 or x86-64-v4, got '" + level + "'");
  if (options.dtype && *options.dtype != "f32" && *options.dtype != "bf16" && *options.dtype != "f16")
    return llvm::createStringError("--dtype: expected f32, bf16 or f16, got '" + *options.dtype + "'");
  return llvm::Error::success();
}

llvm::Expected<hybridrt::artifact::ArtifactT> hybrid::compileToArtifact(MLIRContext &context,
                                                                        const CompileOptions &options) {
  llvm::Expected<OwningOpRef<ModuleOp>> model = compileToModelForm(context, options);
  if (!model)
    return model.takeError();
  std::vector<OwningOpRef<ModuleOp>> blocks;
  std::vector<CompiledProgram> programs;
  for (const std::string &target : targetsOf(options)) {
    llvm::Expected<OwningOpRef<ModuleOp>> formed = compileToBlockForm(**model, target, options);
    if (!formed)
      return formed.takeError();
    blocks.push_back(std::move(*formed));
    llvm::Expected<CompiledProgram> program = compileProgram(*blocks.back(), target, options, nullptr);
    if (!program)
      return program.takeError();
    programs.push_back(std::move(*program));
  }
  return buildArtifact(**model, programs);
}

llvm::Expected<std::string> hybrid::compileToText(MLIRContext &context, const CompileOptions &options, StringRef form,
                                                  bool json) {
  if (form == "status")
    return reportStatus(context);
  if (form == "schema")
    return schemaMarkdown();
  if (form == "summary") { // of the model as it was written, before any pass
    llvm::Expected<OwningOpRef<ModuleOp>> input = importInput(context, options);
    return input ? llvm::Expected<std::string>(summarise(**input, json)) : input.takeError();
  }
  std::optional<Profile> profile;
  if (!options.profile.empty()) {
    llvm::Expected<Profile> read = Profile::read(options.profile);
    if (!read)
      return read.takeError();
    profile = std::move(*read);
    std::vector<std::string> targets = targetsOf(options);
    if (llvm::none_of(targets, [&](const std::string &target) { return profile->code().starts_with(target); }))
      return llvm::createStringError("--profile: '" + options.profile + "' measured " + profile->code() +
                                     ", the report is of " + llvm::join(targets, ", ") +
                                     "; give --targets as for the run");
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
  for (const std::string &target : targetsOf(options)) {
    llvm::Expected<OwningOpRef<ModuleOp>> blocks = compileToBlockForm(**model, target, options);
    if (!blocks)
      return blocks.takeError();
    bool gpu = target != "x86-64";
    Diagnostics diagnostics(context);
    auto append = [&](FailureOr<std::string> part) -> llvm::Error {
      if (failed(part))
        return diagnostics.take("emitting '" + form.str() + "' failed");
      text += *part;
      return llvm::Error::success();
    };
    if (form == "block") {
      (*blocks)->print(os);
    } else if (form == "schedule") {
      for (auto variant : (*blocks)->getOps<schedule::VariantOp>()) {
        variant.print(os);
        os << "\n";
      }
    } else if (form == "report") {
      std::map<std::string, std::string> notes;
      llvm::Expected<CompiledProgram> program = compileProgram(**blocks, target, options, &notes);
      if (!program)
        return program.takeError();
      bool measured = profile && profile->code().starts_with(target);
      os << reportBlocks(**model, **blocks, target, json, notes, measured ? &*profile : nullptr);
    } else if ((form == "llvm" || form == "asm") && !gpu) {
      if (llvm::Error e = append(printX86(**blocks, CpuLevel::v3, form == "asm")))
        return e;
    } else if (form == "tile" && gpu) {
      PassManager pm(&context);
      (void)applyPassManagerCLOptions(pm);
      buildNVPTXTileForm(pm);
      if (failed(pm.run(**blocks)))
        return diagnostics.take("the GPU's tile form failed");
      (*blocks)->print(os);
    } else if ((form == "ptx" || form == "cubin" || form == "sass") && gpu) {
      FailureOr<NVPTXModule> module = compileNVPTX(**blocks, target);
      if (failed(module))
        return diagnostics.take("compiling GPU kernels failed");
      if (form == "ptx") {
        text += module->ptx;
      } else if (module->cubin.empty()) {
        return llvm::createStringError("--emit=" + form.str() +
                                       " needs ptxas, and none was found: install the CUDA "
                                       "toolkit or PyPI's nvidia-cuda-nvcc; --emit=ptx works without");
      } else if (form == "cubin") {
        text.append(module->cubin.begin(), module->cubin.end());
      } else {
        llvm::Expected<std::string> code = disassemble(*module);
        if (!code)
          return code.takeError();
        text += *code;
      }
    } else {
      return llvm::createStringError("--emit=" + form.str() +
                                     ": expected summary, schema, model, block, schedule, report "
                                     "or status; llvm or asm with target x86-64; tile, ptx, cubin or sass with an sm_ "
                                     "target (got target " +
                                     target + ")");
    }
  }
  return text;
}
