// A dialect in a plugin. It has no ops: it checks the notes that a user puts on other dialects' ops.
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
using namespace mlir;

namespace {
struct NotesDialect : Dialect {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NotesDialect)
  explicit NotesDialect(MLIRContext *context) : Dialect(getDialectNamespace(), context, TypeID::get<NotesDialect>()) {}
  static StringRef getDialectNamespace() { return "notes"; }
  LogicalResult verifyOperationAttribute(Operation *op, NamedAttribute attribute) override {
    if (isa<StringAttr>(attribute.getValue()))
      return success();
    return op->emitOpError() << "expected the note " << attribute.getName() << " to be a string, got "
                             << attribute.getValue();
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "notes", LLVM_VERSION_STRING,
          [](DialectRegistry *registry) { registry->insert<NotesDialect>(); }};
}
