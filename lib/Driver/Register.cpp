#include "hybrid/Register.h"
#include "dialects/Hybrid/Hybrid.h"
#include "dialects/Schedule/Schedule.h"
#include "dialects/Tile/Tile.h"
#include "hybrid/Conversion/Passes.h"
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Reference/Passes.h"
#include "hybrid/Target/NVPTX.h"
#include "hybrid/Target/Passes.h"
#include "hybrid/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void mlir::hybrid::registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<HybridDialect, schedule::ScheduleDialect, tile::TileDialect>();
  registerReferenceModels(registry);
}

void mlir::hybrid::registerAllPasses() {
  mlir::registerAllPasses();
  registerHybridReferencePasses();
  registerHybridTransformsPasses();
  registerHybridConversionPasses();
  registerHybridTargetPasses();
  registerNVPTXPipelines();
}
