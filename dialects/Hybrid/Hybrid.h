// The hybrid dialect: types, attributes, interfaces and ops of every family.
#ifndef HYBRID_DIALECTS_HYBRID_H
#define HYBRID_DIALECTS_HYBRID_H
#include "dialects/Hybrid/HostValue.h"
#include "hybrid/Support/Polynomial.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Hybrid/HybridInterfaces.h.inc"

#include "dialects/Hybrid/HybridDialect.h.inc"

#include "dialects/Hybrid/HybridEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Hybrid/HybridAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Hybrid/HybridTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Hybrid/ScanOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/Hybrid/AttentionOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/Hybrid/FusionOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/Hybrid/CacheOps.h.inc"
#endif
