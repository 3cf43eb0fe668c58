// mlir-lsp-server with our dialects: diagnostics, hover, definitions and completion for editors.
#include "hybrid/Driver/Tool.h"
#include "hybrid/Register.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LLVM.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::hybrid::prepareTool("hybrid-lsp-server");
  mlir::DialectRegistry registry;
  mlir::hybrid::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry)) ? EXIT_FAILURE : EXIT_SUCCESS;
}
