// mlir-opt with our dialects and passes.
#include "hybrid/Driver/Tool.h"
#include "hybrid/Register.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::hybrid::prepareTool("hybrid-opt");
  mlir::DialectRegistry registry;
  mlir::hybrid::registerAllDialects(registry);
  mlir::hybrid::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "hybrid optimizer driver\n", registry));
}
