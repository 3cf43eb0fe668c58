#include "hybrid/Register.h"
#include "dialects/Hybrid/Hybrid.h"

void mlir::hybrid::registerReferenceModels(DialectRegistry &registry) {}
