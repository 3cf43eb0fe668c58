// Registration, verifiers and assembly of the tile dialect.
#include "dialects/Tile/Tile.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace mlir::tile;

#include "dialects/Tile/TileDialect.cpp.inc"
#include "dialects/Tile/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"

void TileDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tile/TileAttrs.cpp.inc"
      >();
  addLayoutAliases();
}

static ArrayRef<int64_t> shapeOf(Value v) { return cast<ShapedType>(v.getType()).getShape(); }
static Type elementOf(Value v) { return getElementTypeOrSelf(v.getType()); }

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name, FunctionType type) {
  state.addAttribute(SymbolTable::getSymbolAttrName(), builder.getStringAttr(name));
  state.addAttribute(getFunctionTypeAttrName(state.name), TypeAttr::get(type));
  Region *body = state.addRegion();
  Block *block = new Block;
  body->push_back(block);
  for (Type t : type.getInputs())
    block->addArgument(t, state.location);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> args, ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag,
                      std::string &) { return builder.getFunctionType(args, results); };
  return function_interface_impl::parseFunctionOp(parser, result, /*allowVariadic=*/false,
                                                  getFunctionTypeAttrName(result.name), buildType,
                                                  getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &p) {
  function_interface_impl::printFunctionOp(p, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}

/// (C5). What is inside has not been verified yet, so this looks at types alone.
static LogicalResult verifyTiles(KernelOp kernel) {
  constexpr int64_t most = 1 << 24;
  auto verifyTile = [&](Value v) -> LogicalResult {
    auto type = dyn_cast<TensorType>(v.getType());
    if (!type || (type.hasStaticShape() && type.getRank() >= 1 && type.getRank() <= 3 && type.getNumElements() >= 1 &&
                  type.getNumElements() <= most && type.getElementType().isIntOrFloat()))
      return success();
    return emitError(v.getLoc()) << "expected tiles of rank 1 to 3 with 1 to " << most
                                 << " integers or floats in a kernel, got " << type;
  };
  WalkResult result = kernel.getBody().walk([&](Block *block) -> WalkResult {
    for (BlockArgument argument : block->getArguments())
      if (failed(verifyTile(argument)))
        return failure();
    for (Operation &op : *block)
      for (Value value : op.getResults())
        if (failed(verifyTile(value)))
          return failure();
    return success();
  });
  return failure(result.wasInterrupted());
}

LogicalResult KernelOp::verify() {
  for (auto [i, type] : llvm::enumerate(getArgumentTypes())) { // C1
    auto memory = dyn_cast<MemRefType>(type);
    bool good = isa<IndexType>(type) || (memory && memory.getRank() >= 1 && memory.getRank() <= 2 &&
                                         (memory.getRank() == 1 || !memory.isDynamicDim(1)));
    if (!good)
      return emitOpError("expected argument ") << i << " to be an index or a memref of rank 1 or 2 with a static "
                                               << "inner dim, got " << type;
  }
  if (!getResultTypes().empty()) // C2
    return emitOpError("expected no results, got ") << getResultTypes().size();
  if (!getBody().hasOneBlock()) // C4
    return emitOpError("expected a body of one block, got ") << getBody().getBlocks().size();
  return verifyTiles(*this);
}

/// (C1) to (C4), shared by load and store.
static LogicalResult verifyAccess(Operation *op, Value memory, Value tile, size_t numIndices,
                                  std::optional<int64_t> validColumns) {
  size_t rank = shapeOf(memory).size(), tileRank = shapeOf(tile).size();
  if (numIndices != rank)
    return op->emitOpError("expected ") << rank << " indices, one per dim of the memory, got " << numIndices;
  if (elementOf(memory) != elementOf(tile))
    return op->emitOpError("expected a tile of ") << elementOf(memory) << " like the memory, got " << elementOf(tile);
  if (tileRank != rank && tileRank != 1)
    return op->emitOpError("expected a tile of rank ") << rank << " or 1, got rank " << tileRank;
  if (validColumns && (tileRank != 2 || *validColumns < 1 || *validColumns > shapeOf(tile)[1]))
    return op->emitOpError("expected valid columns between 1 and the columns of a tile of rank 2, got ")
           << *validColumns;
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyAccess(*this, getMemory(), getTile(), getIndices().size(), getValidColumns());
}

LogicalResult StoreOp::verify() {
  if (failed(verifyAccess(*this, getMemory(), getTile(), getIndices().size(), getValidColumns())))
    return failure();
  auto argument = dyn_cast<BlockArgument>(getMemory());
  auto kernel = argument ? dyn_cast<KernelOp>(argument.getOwner()->getParentOp()) : KernelOp();
  if (kernel && !kernel.getArgAttr(argument.getArgNumber(), kWrittenAttr)) // kernel C3
    return emitOpError("expected a memory marked '") << kWrittenAttr << "', got argument " << argument.getArgNumber();
  return success();
}

LogicalResult GatherOp::verify() {
  if (shapeOf(getMemory()).size() != 2 || shapeOf(getTile()).size() != 2 ||
      elementOf(getMemory()) != elementOf(getTile()))
    return emitOpError("expected a memory and a tile of rank 2 and one element type, got ")
           << getMemory().getType() << " and " << getTile().getType();
  if (shapeOf(getRows()) != shapeOf(getTile()).take_front(1))
    return emitOpError("expected ") << shapeOf(getTile())[0] << " row numbers, got " << getRows().getType();
  return success();
}

LogicalResult DotOp::verify() {
  auto a = shapeOf(getA()), b = shapeOf(getB()), c = shapeOf(getAcc());
  if (a.size() != 2 || b.size() != 2 || c.size() != 2)
    return emitOpError("expected operands of rank 2, got ")
           << getA().getType() << ", " << getB().getType() << ", " << getAcc().getType();
  int64_t m = a[getTransposeA()], ka = a[!getTransposeA()], kb = b[getTransposeB()], n = b[!getTransposeB()];
  if (ka != kb || c[0] != m || c[1] != n) // C1
    return emitOpError("expected [") << m << ", " << ka << "] times [" << ka << ", " << n << "] into [" << m << ", "
                                     << n << "], got [" << kb << ", " << n << "] and " << getAcc().getType();
  if (elementOf(getA()) != elementOf(getB()) && !elementOf(getA()).isF32()) // C2
    return emitOpError("expected 'a' of the element type of 'b' or f32, got ")
           << elementOf(getA()) << " and " << elementOf(getB());
  return success();
}

LogicalResult TransposeOp::verify() {
  auto in = shapeOf(getTile()), out = shapeOf(getResult());
  if (in.size() != 2 || out.size() != 2 || in[0] != out[1] || in[1] != out[0] ||
      elementOf(getTile()) != elementOf(getResult()))
    return emitOpError("expected the transposed type of ") << getTile().getType() << ", got " << getResult().getType();
  return success();
}

LogicalResult BroadcastOp::verify() {
  if (getAxis() != 0 && getAxis() != 1)
    return emitOpError("expected axis 0 or 1, got ") << getAxis();
  auto in = shapeOf(getVector()), out = shapeOf(getResult());
  if (in.size() != 1 || out.size() != 2 || in[0] != out[1 - getAxis()] ||
      elementOf(getVector()) != elementOf(getResult()))
    return emitOpError("expected a vector of ") << (out.size() == 2 ? out[1 - getAxis()] : 0) << " "
                                                << elementOf(getResult()) << ", got " << getVector().getType();
  return success();
}

LogicalResult IndexOp::verify() {
  uint64_t rank = shapeOf(getResult()).size();
  if (getAxis() >= rank)
    return emitOpError("expected an axis below ") << rank << ", got " << getAxis();
  return success();
}

LogicalResult ReduceOp::verify() {
  auto in = shapeOf(getTile()), out = shapeOf(getResult());
  if (in.size() != 2 || getAxis() > 1)
    return emitOpError("expected a tile of rank 2 and axis 0 or 1, got ")
           << getTile().getType() << " and axis " << getAxis();
  if (out.size() != 1 || out[0] != in[1 - getAxis()])
    return emitOpError("expected a result of ") << in[1 - getAxis()] << " values, got " << getResult().getType();
  return success();
}

LogicalResult PrefixSumOp::verify() {
  if (shapeOf(getVector()).size() != 1)
    return emitOpError("expected a vector, got ") << getVector().getType();
  return success();
}

LogicalResult SegmentSumOp::verify() {
  auto in = shapeOf(getVector()), out = shapeOf(getResult());
  if (in.size() != 1 || out.size() != 2 || out[0] != in[0] || out[1] != in[0])
    return emitOpError("expected a vector of n and a result of [n, n], got ")
           << getVector().getType() << " and " << getResult().getType();
  return success();
}

LogicalResult SolveOp::verify() {
  auto l = shapeOf(getL()), rhs = shapeOf(getRhs());
  if (l.size() != 2 || rhs.size() != 2 || l[0] != l[1] || l[0] != rhs[0])
    return emitOpError("expected 'l' [n, n] and 'rhs' [n, m], got ")
           << getL().getType() << " and " << getRhs().getType();
  return success();
}
