// One dispatch from the model's layer down to machine code, each form cut to what concerns it.
#include "dialects/Hybrid/Hybrid.h"
#include "dialects/Schedule/Schedule.h"
#include "dialects/Tile/Tile.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/X86.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SetVector.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class Explanation {
public:
  Explanation(ModuleOp model, ModuleOp blocks, StringRef target)
      : model(model), blocks(blocks), target(target),
        diagnostics(model.getContext(), [this](Diagnostic &diagnostic) { said = diagnostic.str(); }) {
    for (auto variant : blocks.getOps<schedule::VariantOp>())
      for (auto launch : variant.getBody().front().getOps<schedule::LaunchOp>())
        launches.push_back(launch);
  }

  llvm::Expected<std::string> write(StringRef dispatch) {
    SetVector<StringRef> kernels;
    for (schedule::LaunchOp launch : launches)
      if (launch.getKernel() == dispatch || launch.getLabel() == dispatch)
        kernels.insert(launch.getKernel());
    if (kernels.empty())
      return unknown(dispatch);
    for (StringRef kernel : kernels)
      if (llvm::Error error = writeKernel(kernel, dispatch))
        return std::move(error);
    return text;
  }

private:
  llvm::Error unknown(StringRef dispatch) {
    std::string names;
    for (auto kernel : blocks.getOps<tile::KernelOp>())
      names += (names.empty() ? "" : ", ") + kernel.getSymName().str();
    return llvm::createStringError("--explain: expected a kernel or a layer, got '" + dispatch + "'; the kernels for " +
                                   target + " are " + names + "; --emit=report lists the layers");
  }

  void heading(const Twine &title) { os << "\n== " << title << "\n\n"; }

  llvm::Error writeKernel(StringRef name, StringRef dispatch) {
    SetVector<StringRef> layers;
    os << "==== " << name << ", target " << target << "\n";
    heading("Launches");
    for (schedule::LaunchOp launch : launches)
      if (launch.getKernel() == name) {
        layers.insert(launch.getLabel());
        writeLaunch(launch);
      }
    StringRef layer = layers.contains(dispatch) ? dispatch : layers.front();
    heading("Model form of " + layer);
    writeModelForm(layer);
    auto kernel = blocks.lookupSymbol<tile::KernelOp>(name);
    heading("Tile kernel");
    kernel->print(os, OpPrintingFlags().useLocalScope());
    os << "\n";
    OwningOpRef<ModuleOp> alone = ModuleOp::create(blocks.getLoc());
    (*alone)->setDiscardableAttrs(blocks->getDiscardableAttrDictionary());
    alone->push_back(kernel->clone());
    return target == "x86-64" ? writeX86(*alone) : writeGPU(*alone);
  }

  /// What a launch is for and what it reads; of parameters, where their numbers come from.
  void writeLaunch(schedule::LaunchOp launch) {
    auto variant = launch->getParentOfType<schedule::VariantOp>();
    os << variant.getEntry() << ", " << variant.getName() << ": " << launch.getLabel();
    if (auto place = launch.getLoc()->findInstanceOf<FileLineColLoc>())
      os << " (" << place.getFilename().getValue() << ":" << place.getLine() << ":" << place.getColumn() << ")";
    os << "; FLOPs " << launch.getFlops().value_or("0") << ", least bytes " << launch.getBytes().value_or("0") << "\n";
    auto list = [&](StringRef title, std::optional<ArrayAttr> items) {
      if (items)
        for (auto item : items->getAsRange<StringAttr>())
          os << "  " << title << ": " << item.getValue() << "\n";
    };
    list("fused", launch.getFused());
    list("apart", launch.getMissed());
    for (Value operand : launch.getOperands())
      if (auto param = operand.getDefiningOp<schedule::ParamOp>())
        writeParam(param);
  }

  void writeParam(schedule::ParamOp param) {
    os << "  reads " << param.getName() << " " << cast<MemRefType>(param.getType());
    if (auto global = model.lookupSymbol<ml_program::GlobalOp>(param.getName()))
      if (auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe")) {
        os << " from";
        for (auto piece : recipe.getAsRange<PieceAttr>())
          os << " " << piece.getSource();
      }
    os << "\n";
  }

  /// The ops that carry the layer's name as their location, with values named as in the whole function.
  void writeModelForm(StringRef layer) {
    for (auto function : model.getOps<func::FuncOp>()) {
      AsmState names(function, OpPrintingFlags().enableDebugInfo(/*enable=*/true, /*prettyForm=*/true));
      os << "@" << function.getName() << "\n";
      for (Operation &op : function.getBody().front())
        if (auto named = op.getLoc()->findInstanceOf<NameLoc>(); named && named.getName() == layer) {
          os << "  ";
          op.print(os, names);
          os << "\n";
        }
    }
  }

  llvm::Error failure(const Twine &what) const {
    return llvm::createStringError("--explain: " + what + " failed: " + said);
  }

  llvm::Error write(StringRef title, FailureOr<std::string> code) {
    if (failed(code))
      return failure("printing the kernel's " + title);
    heading(title);
    os << *code;
    return llvm::Error::success();
  }

  llvm::Error writeX86(ModuleOp kernel) {
    if (llvm::Error error = write("LLVM IR before optimisation", printX86(kernel, CpuLevel::v3, /*assembly=*/false)))
      return error;
    return write("Assembly for x86-64-v3", printX86(kernel, CpuLevel::v3, /*assembly=*/true));
  }

  llvm::Error writeGPU(ModuleOp kernel) {
    OwningOpRef<ModuleOp> formed = kernel.clone();
    PassManager pm(kernel.getContext(), ModuleOp::getOperationName());
    buildNVPTXTileForm(pm);
    if (failed(pm.run(*formed)))
      return failure("the kernel's tile form for " + target);
    heading("Tile form for " + target);
    (*formed->getOps<tile::KernelOp>().begin())->print(os, OpPrintingFlags().useLocalScope());
    os << "\n";
    FailureOr<NVPTXModule> module = compileNVPTX(kernel, target);
    if (failed(module))
      return failure("compiling the kernel for " + target);
    heading("PTX");
    os << module->ptx;
    if (module->cubin.empty()) // no ptxas, so no machine code
      return llvm::Error::success();
    heading("Machine code");
    llvm::Expected<std::string> code = disassemble(*module);
    os << (code ? *code : "not shown: " + llvm::toString(code.takeError()) + "\n");
    return llvm::Error::success();
  }

  ModuleOp model, blocks;
  StringRef target;
  SmallVector<schedule::LaunchOp> launches;
  /// The last diagnostic, for the error that follows it.
  std::string said;
  ScopedDiagnosticHandler diagnostics;
  std::string text;
  llvm::raw_string_ostream os{text};
};
} // namespace

llvm::Expected<std::string> hybrid::explainDispatch(MLIRContext &context, const CompileOptions &options,
                                                    StringRef dispatch) {
  llvm::Expected<OwningOpRef<ModuleOp>> model = compileToModelForm(context, options);
  if (!model)
    return model.takeError();
  std::string text;
  for (const std::string &target : targetsOf(options)) {
    llvm::Expected<OwningOpRef<ModuleOp>> blocks = compileToBlockForm(**model, target, options);
    if (!blocks)
      return blocks.takeError();
    llvm::Expected<std::string> part = Explanation(**model, **blocks, target).write(dispatch);
    if (!part)
      return part;
    text += *part;
  }
  return text;
}
