// mlir-reduce with our dialects and passes: shrinks IR for as long as a script finds it interesting.
#include "hybrid/Driver/Tool.h"
#include "hybrid/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::hybrid::prepareTool("hybrid-reduce");
  mlir::DialectRegistry registry;
  mlir::hybrid::registerAllDialects(registry);
  mlir::hybrid::registerAllPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context)) ? EXIT_FAILURE : EXIT_SUCCESS;
}
