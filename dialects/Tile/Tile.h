// The tile dialect: bodies of kernels, shared by every target.
#ifndef HYBRID_DIALECTS_TILE_H
#define HYBRID_DIALECTS_TILE_H
#include "hybrid/Support/Layout.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::tile {
/// Argument attributes of `tile.kernel`.
constexpr llvm::StringLiteral kPanelAttr = "tile.panel";
constexpr llvm::StringLiteral kWrittenAttr = "tile.written";
/// Attribute of `tile.kernel`: warps per block on a GPU. Layout assignment chooses where it is absent.
constexpr llvm::StringLiteral kWarpsAttr = "tile.warps";
/// Attribute of an expanded GPU kernel: bytes of dynamic shared memory that a launch must pass.
constexpr llvm::StringLiteral kSharedBytesAttr = "tile.shared_bytes";
} // namespace mlir::tile

#include "dialects/Tile/TileDialect.h.inc"

#include "dialects/Tile/TileEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.h.inc"
#endif
