// From kernels of the tile dialect to PTX.
#include "LineTables.h"
#include "dialects/Tile/Tile.h"
#include "hybrid/Conversion/Passes.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>

using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct Chip {
  StringRef name;
  StringRef features;  // the lowest PTX version that has what we emit
  int64_t sharedBytes; // most dynamic shared memory of a block
};
constexpr Chip kChips[] = {{"sm_80", "+ptx70", 163 * 1024}, {"sm_90a", "+ptx80", 227 * 1024}};
} // namespace

static const llvm::Target *nvptxTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // Shared addresses in 32 bits: half the instructions and registers of every address.
    auto &options = llvm::cl::getRegisteredOptions();
    if (auto it = options.find("nvptx-short-ptr"); it != options.end())
      static_cast<llvm::cl::opt<bool> *>(it->second)->setValue(true);
    // What code generation adds between the instructions of a line is of that line, not of line 0.
    if (auto it = options.find("use-unknown-locations"); it != options.end())
      it->second->addOccurrence(0, it->first, "Disable");
  });
  std::string error;
  return llvm::TargetRegistry::lookupTarget(llvm::Triple("nvptx64-nvidia-cuda"), error);
}

/// The expansion leaves straight code with repeated address arithmetic; this is all that it needs. Nothing is
/// hoisted out of loops: addresses are cheap to compute again, and hundreds of them would not fit the
/// registers.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      passes.run(function, functions);
}

void mlir::hybrid::buildNVPTXTileForm(OpPassManager &pm) {
  pm.addPass(createAssignLayoutsPass());
  pm.addPass(createPipelineLoadsPass());
  pm.addPass(createVerifyGPUTileFormPass());
}

void mlir::hybrid::buildNVPTXPipeline(OpPassManager &pm) {
  buildNVPTXTileForm(pm);
  pm.addPass(createConvertTileToNVVMPass());
}

void mlir::hybrid::registerNVPTXPipelines() {
  PassPipelineRegistration<>("hybrid-nvptx-tile-form", "Bring kernels to the GPU's tile form", buildNVPTXTileForm);
  PassPipelineRegistration<>("hybrid-nvptx-pipeline", "Lower kernels of the tile dialect to llvm and nvvm",
                             buildNVPTXPipeline);
}

namespace {
/// What a kernel is compiled with where the usual way spills or does not fit shared memory.
struct Remedy {
  bool allRegisters = false; // as many as a block alone on its multiprocessor may have
  unsigned warps = 0;        // 0: by the layouts' own rule
  unsigned stages = 0;       // of pipelined loads at most; 0: by the pass's own rule
};
using Remedies = llvm::StringMap<Remedy>;
} // namespace

/// `only`, where it is not empty, names the kernels to compile. The result has no code where a kernel needs more shared
/// memory than the chip has.
static FailureOr<NVPTXModule> compileOnce(ModuleOp kernels, const Chip &chip, const Remedies &remedies,
                                          const llvm::StringSet<> &only) {
  MLIRContext *context = kernels.getContext();
  context->loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  registerNVVMDialectTranslation(*context);

  OwningOpRef<ModuleOp> module = ModuleOp::create(kernels.getLoc());
  for (auto kernel : kernels.getOps<tile::KernelOp>()) {
    if (!only.empty() && !only.contains(kernel.getSymName()))
      continue;
    Operation *copy = kernel->clone();
    Remedy remedy = remedies.lookup(kernel.getSymName());
    for (auto [name, value] : {std::pair(tile::kWarpsAttr, remedy.warps), std::pair(kStagesAttr, remedy.stages)})
      if (value)
        copy->setAttr(name, IntegerAttr::get(IntegerType::get(context, 64), value));
    module->push_back(copy);
  }
  PassManager pm(context, ModuleOp::getOperationName());
  (void)applyPassManagerCLOptions(pm); // a program without these options has none to apply
  buildNVPTXPipeline(pm);
  if (failed(pm.run(*module)))
    return failure();

  NVPTXModule result;
  result.chip = chip.name.str();
  bool fits = true;
  for (auto function : module->getOps<LLVM::LLVMFuncOp>()) {
    NVPTXKernel kernel;
    kernel.name = function.getName().str();
    kernel.threads = cast<DenseI32ArrayAttr>(function->getAttr(NVVM::NVVMDialect::getReqntidAttrName()))[0];
    kernel.sharedBytes = cast<IntegerAttr>(function->removeAttr(tile::kSharedBytesAttr)).getInt();
    if (remedies.lookup(kernel.name).allRegisters)
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), IntegerAttr::get(IntegerType::get(context, 32), 1));
    result.kernels.push_back(kernel);
    fits &= kernel.sharedBytes <= chip.sharedBytes;
  }
  if (!fits)
    return result;

  addLineTables(*module);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext, "kernels");
  if (!code)
    return failure();
  const llvm::Target *target = nvptxTarget();
  if (!target)
    return emitError(kernels.getLoc()) << "expected an LLVM with the NVPTX target";
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, chip.name, chip.features, llvm::TargetOptions(), std::nullopt, std::nullopt,
                                  llvm::CodeGenOptLevel::Default));
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  optimise(*code, *machine);
  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream stream(ptx);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return emitError(kernels.getLoc()) << "expected the NVPTX target to emit assembly";
  emit.run(*code);
  result.ptx = ptx.str().str();
  if (findPtxas() && failed(assemblePTX(result, kernels.getLoc())))
    return failure();
  return result;
}

/// ptxas alone knows a kernel's registers. Left to itself it aims at a number of blocks per multiprocessor and spills
/// a few values to get there, far below the 255 registers that a thread may have: a kernel that spills is compiled
/// again with the word that one block is enough. Where that does not do, twice the warps halve each thread's part of
/// every tile. A kernel that needs more shared memory than the chip has loads fewer iterations ahead.
FailureOr<NVPTXModule> mlir::hybrid::compileNVPTX(ModuleOp kernels, StringRef chipName) {
  const Chip *chip = llvm::find_if(kChips, [&](const Chip &c) { return c.name == chipName; });
  if (chip == std::end(kChips))
    return emitError(kernels.getLoc()) << "expected a GPU of sm_80 or sm_90a, got '" << chipName << "'";
  constexpr unsigned kMostWarps = 16, kMostStages = 4;
  Remedies remedies;
  llvm::StringSet<> misfits; // compiled alone until none is left, then all together
  while (true) {
    FailureOr<NVPTXModule> result = compileOnce(kernels, *chip, remedies, misfits);
    if (failed(result))
      return failure();
    bool all = misfits.empty();
    misfits.clear();
    for (const NVPTXKernel &kernel : result->kernels) {
      bool tooLarge = kernel.sharedBytes > chip->sharedBytes;
      if (!tooLarge && kernel.spillBytes <= 0)
        continue;
      unsigned warps = kernel.threads / 32;
      Remedy &remedy = remedies[kernel.name];
      if (tooLarge && remedy.stages == 1)
        return kernels.lookupSymbol(kernel.name)->emitError()
               << "expected kernel '" << kernel.name << "' to need at most " << chip->sharedBytes
               << " bytes of shared memory on " << chipName << ", got " << kernel.sharedBytes << "; use smaller tiles";
      if (tooLarge)
        remedy.stages = (remedy.stages ? remedy.stages : kMostStages) - 1;
      else if (!remedy.allRegisters && kernel.registers < int(std::min(255u, 65536 / kernel.threads)))
        remedy.allRegisters = true;
      else if (warps < kMostWarps)
        remedy = {false, 2 * warps, remedy.stages};
      else
        return emitError(kernels.getLoc())
               << "expected kernel '" << kernel.name << "' to fit the registers of " << chipName << ", got "
               << kernel.spillBytes << " bytes of spills with " << warps << " warps; use smaller tiles";
      misfits.insert(kernel.name);
    }
    if (all && misfits.empty())
      return result;
  }
}
