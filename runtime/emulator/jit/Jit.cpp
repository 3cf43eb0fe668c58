// ORC links one object per kernel. The object depends on the PTX, the host's CPU and this library, and on nothing that
// changes from run to run: addresses of variables come through the warp, those of helpers are linked.
#include "runtime/emulator/jit/Jit.h"
#include "runtime/emulator/jit/ObjectCache.h"
#include "runtime/emulator/jit/Translator.h"
#include "runtime/emulator/jit/WgmmaRules.h"
#include "runtime/emulator/vm/Helpers.h"
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <mutex>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

template <typename T> T orFail(llvm::Expected<T> value) {
  if (!value)
    fail("the emulator's code generator: ", llvm::toString(value.takeError()));
  return std::move(*value);
}

template <typename T> T &orFail(llvm::Expected<T &> value) {
  if (!value)
    fail("the emulator's code generator: ", llvm::toString(value.takeError()));
  return *value;
}

void orFail(llvm::Error error) {
  if (error)
    fail("the emulator's code generator: ", llvm::toString(std::move(error)));
}

class Linker {
public:
  static Linker &instance() {
    static Linker linker;
    return linker;
  }

  std::unique_ptr<llvm::TargetMachine> machine(unsigned optimize) {
    llvm::orc::JITTargetMachineBuilder builder = host;
    builder.setCodeGenOptLevel(optimize ? llvm::CodeGenOptLevel::Default : llvm::CodeGenOptLevel::None);
    return orFail(builder.createTargetMachine());
  }

  std::string hostName() const { return host.getCPU() + host.getFeatures().getString(); }

  uint32_t (*link(std::unique_ptr<llvm::MemoryBuffer> object))(Warp *, uint32_t) {
    std::lock_guard lock(mutex);
    llvm::orc::JITDylib &library = orFail(jit->createJITDylib("kernel" + std::to_string(count++)));
    llvm::orc::SymbolMap symbols;
    for (const Helper &helper : helpers())
      symbols[jit->mangleAndIntern(helper.name)] = {llvm::orc::ExecutorAddr::fromPtr(helper.address),
                                                    llvm::JITSymbolFlags::Exported};
    orFail(library.define(llvm::orc::absoluteSymbols(std::move(symbols))));
    library.addGenerator(
        orFail(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(jit->getDataLayout().getGlobalPrefix())));
    orFail(jit->addObjectFile(library, std::move(object)));
    return orFail(jit->lookup(library, "kernel")).toPtr<uint32_t (*)(Warp *, uint32_t)>();
  }

private:
  Linker() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    host = orFail(llvm::orc::JITTargetMachineBuilder::detectHost());
    host.setRelocationModel(llvm::Reloc::PIC_);
    jit = orFail(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(host).create());
  }

  llvm::orc::JITTargetMachineBuilder host{llvm::Triple()};
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::mutex mutex;
  unsigned count = 0;
};

/// For kernels that run long: removes what the translation repeats.
void simplify(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  orFail(builder.parsePassPipeline(passes, "function(early-cse,instcombine<no-verify-fixpoint>,simplifycfg)"));
  passes.run(module, modules);
}

std::unique_ptr<llvm::MemoryBuffer> generate(const Code &code, unsigned optimize) {
  llvm::LLVMContext context;
  llvm::Module module("kernel", context);
  auto machine = Linker::instance().machine(optimize);
  module.setDataLayout(machine->createDataLayout());
  module.setTargetTriple(machine->getTargetTriple());
  Translator(code, module).run();
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(module, &stream))
    fail("the emulator translated '", std::string(code.frames[0].function->name), "' into wrong code: ", problem);
  if (optimize)
    simplify(module, *machine);
  return orFail(llvm::orc::SimpleCompiler(*machine)(module));
}

} // namespace

std::unique_ptr<Program> emulator::compileProgram(const Ptx &ptx, const Function &kernel, unsigned optimize) {
  Code code = buildCode(ptx, kernel);
  auto program = std::make_unique<Program>(describe(code));
  program->warnings = checkWgmmaRules(code);
  std::string key =
      cacheKey({ptx.text, std::string(kernel.name), Linker::instance().hostName(), std::to_string(optimize)});
  std::unique_ptr<llvm::MemoryBuffer> object;
  if (auto bytes = readCached(key))
    object = llvm::MemoryBuffer::getMemBufferCopy(*bytes, key);
  if (!object) {
    object = generate(code, optimize);
    writeCached(key, object->getBuffer());
  }
  program->run = Linker::instance().link(std::move(object));
  std::map<uint32_t, int> locations;
  for (const Instruction &instruction : code.instructions)
    if (instruction.location >= 0)
      locations.emplace(instruction.place.line, instruction.location);
  program->locate = [&ptx, locations = std::move(locations)](uint32_t line) {
    auto found = locations.find(line);
    return found == locations.end() ? std::string() : ptx.describe(found->second);
  };
  return program;
}
