// Only directives are asked for: a section of DWARF would name the same lines again, and ptxas would compile for
// debugging.
#include "LineTables.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/Support/Path.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct Place {
  StringAttr file;
  unsigned line, column;
};
} // namespace

static std::optional<Place> placeOf(Location loc) {
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    return Place{StringAttr::get(loc.getContext(), llvm::sys::path::filename(file.getFilename().getValue())),
                 file.getLine(), file.getColumn()};
  if (auto layer = loc->findInstanceOf<NameLoc>())
    return Place{layer.getName(), 1, 1};
  return std::nullopt;
}

std::string mlir::hybrid::withoutLineTables(StringRef ptx) {
  std::string result;
  result.reserve(ptx.size());
  while (!ptx.empty()) {
    auto [line, rest] = ptx.split('\n');
    StringRef text = line.ltrim();
    bool isOurs = text.starts_with(".loc\t") || text.starts_with(".file\t") || text.starts_with("$L__tmp") ||
                  text.starts_with("$L__func_") || text.starts_with(".section\t.debug_macinfo");
    if (!isOurs)
      (result += line) += '\n';
    ptx = rest;
  }
  return result;
}

void mlir::hybrid::addLineTables(ModuleOp module) {
  MLIRContext *context = module.getContext();
  StringAttr noFolder = StringAttr::get(context, "");
  auto fileOf = [&](const Place &place) { return LLVM::DIFileAttr::get(context, place.file, noFolder); };
  auto makeId = [&] { return DistinctAttr::create(UnitAttr::get(context)); };
  LLVM::DICompileUnitAttr unit;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    std::optional<Place> place = placeOf(function.getLoc());
    if (!place || function.isExternal())
      continue;
    if (!unit)
      unit = LLVM::DICompileUnitAttr::get(makeId(), llvm::dwarf::DW_LANG_C, fileOf(*place),
                                          StringAttr::get(context, "hybridc"), /*isOptimized=*/true,
                                          LLVM::DIEmissionKind::DebugDirectivesOnly);
    auto scope = LLVM::DISubprogramAttr::get(
        context, makeId(), unit, fileOf(*place), function.getNameAttr(), function.getNameAttr(), fileOf(*place),
        place->line, place->line, LLVM::DISubprogramFlags::Definition | LLVM::DISubprogramFlags::Optimized,
        LLVM::DISubroutineTypeAttr::get(context, ArrayRef<LLVM::DITypeAttr>()), /*retainedNodes=*/{},
        /*annotations=*/{});
    auto located = [&](const Place &at, LLVM::DILocalScopeAttr in) {
      return FusedLoc::get(context, {FileLineColLoc::get(at.file, at.line, at.column)}, in);
    };
    // A joint kernel's parts can be of different files, those of layers without a line always are.
    function.walk([&](Operation *op) {
      if (op == function)
        return;
      Place at = placeOf(op->getLoc()).value_or(*place);
      if (at.file == place->file)
        op->setLoc(FileLineColLoc::get(at.file, at.line, at.column));
      else
        op->setLoc(located(at, LLVM::DILexicalBlockFileAttr::get(scope, fileOf(at), /*discriminator=*/0)));
    });
    function->setLoc(located(*place, scope));
  }
}
