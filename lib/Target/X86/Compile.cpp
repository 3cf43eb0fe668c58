// From kernels to a shared object in memory: LLVM IR, a light pipeline of passes, object code, and lld in
// process.
#include "Convert.h"
#include "KernelEmitter.h"
#include "lld/Common/Driver.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::x86;

LLD_HAS_DRIVER(elf)

llvm::StringRef mlir::hybrid::cpuName(CpuLevel level) {
  return level == CpuLevel::v1 ? "x86-64" : level == CpuLevel::v3 ? "x86-64-v3" : "x86-64-v4";
}

namespace {

/// Leaves out of code generation what costs more than it gives. Strength reduction takes 40 percent of it on our
/// unrolled loops, whose addresses are a few bases with constant offsets already; the code gets larger by it, not
/// faster.
struct CodegenGate : llvm::OptPassGate {
  bool isEnabled() const override { return true; }
  bool shouldRunPass(StringRef pass, StringRef) const override { return pass != "Loop Strength Reduction"; }
};

constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

/// One translation unit in a context of its own, so that several compile at once.
struct Unit {
  CodegenGate gate;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  llvm::SmallVector<char, 0> code;
  std::string error;
};

} // namespace

static std::unique_ptr<llvm::TargetMachine> makeMachine(CpuLevel level) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = level == CpuLevel::v1 ? llvm::FPOpFusion::Standard : llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpuName(level), "", options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// Translates to LLVM IR and says what the functions may assume.
static LogicalResult translate(ModuleOp module, CpuLevel level, Unit &unit) {
  unit.context = std::make_unique<llvm::LLVMContext>();
  unit.context->setOptPassGate(unit.gate);
  unit.module = translateModuleToLLVMIR(module, *unit.context, "kernels");
  if (!unit.module)
    return module.emitError("the kernels cannot be translated to LLVM IR");
  unit.module->setTargetTriple(llvm::Triple(kTriple));
  for (llvm::Function &function : *unit.module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (level == CpuLevel::v4) { // the level's default tuning splits vectors of 512 bits
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
    }
  }
  return success();
}

/// Vector code is explicit, so what is left is to clean up addresses and hoist; a full -O3 takes three times
/// as long for the same speed.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  module.setDataLayout(machine.createDataLayout());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  all.run(module, modules);
}

static void generate(Unit &unit, CpuLevel level, llvm::CodeGenFileType kind) {
  std::unique_ptr<llvm::TargetMachine> machine = makeMachine(level);
  if (!machine) {
    unit.error = "LLVM has no x86 target";
    return;
  }
  optimise(*unit.module, *machine);
  llvm::raw_svector_ostream os(unit.code);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, os, nullptr, kind)) {
    unit.error = "LLVM cannot emit this kind of file";
    return;
  }
  codegen.run(*unit.module);
}

/// Kernels run where no library is promised: their code may ask for nothing but memcpy and memset.
static LogicalResult checkSymbols(ModuleOp kernels, const Unit &unit) {
  llvm::StringRef bytes(unit.code.data(), unit.code.size());
  auto object = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "kernels.o"));
  if (!object)
    return kernels.emitError("LLVM gave no object file of the kernels: ") << llvm::toString(object.takeError());
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    llvm::StringRef name = llvm::cantFail(symbol.getName());
    if ((flags & llvm::object::SymbolRef::SF_Undefined) && !name.empty() && name != "memcpy" && name != "memset")
      return kernels.emitError("expected code that calls only memcpy and memset, got a call of '") << name << "'";
  }
  return success();
}

/// lld reads and writes files, and keeps its state in globals.
static FailureOr<std::vector<char>> link(ModuleOp kernels, ArrayRef<Unit> units) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("hybrid-x86", folder))
    return kernels.emitError("cannot create the temporary folder '") << folder << "': " << error.message();
  struct Cleanup {
    llvm::StringRef folder;
    ~Cleanup() { llvm::sys::fs::remove_directories(folder); }
  } cleanup{folder};
  std::string output = (folder + "/kernels.so").str();
  std::vector<std::string> arguments = {"ld.lld",        "-shared",     "-o", output,       "--build-id=none",
                                        "--gc-sections", "--threads=1", "-z", "noexecstack"};
  for (auto [i, unit] : llvm::enumerate(units)) {
    std::string path = (folder + "/" + Twine(i) + ".o").str();
    std::error_code error;
    llvm::raw_fd_ostream file(path, error);
    if (error)
      return kernels.emitError("cannot write '") << path << "': " << error.message();
    file.write(unit.code.data(), unit.code.size());
    file.close();
    if (std::error_code failed = file.error()) {
      file.clear_error();
      return kernels.emitError("cannot write '") << path << "': " << failed.message();
    }
    arguments.push_back(path);
  }
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream os(messages);
  lld::Result result = lld::lldMain(pointers, os, os, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return kernels.emitError("the kernels cannot be linked: ") << messages;
  auto file = llvm::MemoryBuffer::getFile(output);
  if (!file)
    return kernels.emitError("cannot read what lld wrote: ") << file.getError().message();
  return std::vector<char>((*file)->getBufferStart(), (*file)->getBufferEnd());
}

/// Lowers a copy of the kernels to the LLVM dialect; `scratch` gets what each asks for.
static FailureOr<OwningOpRef<ModuleOp>> lower(ModuleOp kernels, CpuLevel level, std::vector<X86Kernel> &functions) {
  MLIRContext *context = kernels.getContext();
  context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernels.getLoc());
  OpBuilder b(module->getBodyRegion());
  for (tile::KernelOp kernel : kernels.getOps<tile::KernelOp>())
    b.clone(*kernel);
  if (failed(convertTileToX86(*module, level)))
    return failure();
  for (func::FuncOp function : module->getOps<func::FuncOp>())
    if (auto scratch = function->getAttrOfType<IntegerAttr>(kScratchAttr)) {
      functions.push_back({function.getName().str(), scratch.getInt()});
      function->removeAttr(kScratchAttr);
    }
  if (failed(convertToLLVM(*module)))
    return failure();
  return module;
}

FailureOr<X86Module> mlir::hybrid::compileX86(ModuleOp kernels, CpuLevel level) {
  // Kernels are dealt to a few units, which LLVM compiles side by side.
  SmallVector<tile::KernelOp> all(kernels.getOps<tile::KernelOp>());
  constexpr size_t kKernelsPerUnit = 4;
  size_t count = std::max<size_t>(1, std::min<size_t>(llvm::heavyweight_hardware_concurrency().compute_thread_count(),
                                                      all.size() / kKernelsPerUnit));
  X86Module result{level, {}, {}};
  std::vector<Unit> units(count);
  for (auto [i, unit] : llvm::enumerate(units)) {
    OwningOpRef<ModuleOp> part = ModuleOp::create(kernels.getLoc());
    OpBuilder b(part->getBodyRegion());
    for (size_t k = i; k < all.size(); k += count)
      b.clone(*all[k]);
    auto lowered = lower(*part, level, result.kernels);
    if (failed(lowered) || failed(translate(**lowered, level, unit)))
      return failure();
  }
  {
    llvm::DefaultThreadPool pool(llvm::heavyweight_hardware_concurrency(count));
    for (Unit &unit : units)
      pool.async([&unit, level] { generate(unit, level, llvm::CodeGenFileType::ObjectFile); });
    pool.wait();
  }
  for (const Unit &unit : units) {
    if (!unit.error.empty())
      return kernels.emitError("the kernels cannot be compiled: ") << unit.error;
    if (failed(checkSymbols(kernels, unit)))
      return failure();
  }
  auto object = link(kernels, units);
  if (failed(object))
    return failure();
  result.sharedObject = std::move(*object);
  return result;
}

FailureOr<std::string> mlir::hybrid::printX86(ModuleOp kernels, CpuLevel level, bool assembly) {
  std::vector<X86Kernel> functions;
  Unit unit;
  auto lowered = lower(kernels, level, functions);
  if (failed(lowered) || failed(translate(**lowered, level, unit)))
    return failure();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!assembly) {
    unit.module->print(os, nullptr);
    return text;
  }
  generate(unit, level, llvm::CodeGenFileType::AssemblyFile);
  if (!unit.error.empty())
    return kernels.emitError("the kernels cannot be compiled: ") << unit.error;
  return std::string(unit.code.begin(), unit.code.end());
}
