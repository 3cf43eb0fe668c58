//===- TileBase.td - The tile dialect -------------------------------------------===//
#ifndef TILE_BASE_TD
#define TILE_BASE_TD
include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::mlir::tile";
  let summary = "The body of one kernel, for every target: static tiles of values in SSA";
  let description = [{
    A kernel is a grid of blocks that run in any order. A block works on *tiles*: ranked tensors of static shape, rank 1
    or 2, that live in registers or in scratch memory as the target's layouts decide. Memory is reached only through
    `tile.load`, `tile.gather` and `tile.store`, on memrefs of rank 1 or 2 whose inner dim is static.

    Elementwise work is `arith` and `math` on tiles of one shape; loops are `scf.for` with tiles as iter_args; scalars
    (offsets, page tables, counts) come from `memref.load`. What is here is what those dialects lack: masked loads and
    stores, products, reductions, broadcasts and the few scans that recurrences need.

    Nothing is atomic and nothing overlaps across blocks. A tile's dead rows (those past `valid`) hold zeros when
    loaded and are not written when stored; in between, an op may leave anything there.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void addLayoutAliases();";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

class Tile_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::tile";
  let genSpecializedAttr = 0;
}
class Tile_EnumAttr<EnumAttrInfo e, string m> : EnumAttr<Tile_Dialect, e, m> {
  let assemblyFormat = "`<` $value `>`";
}
def Tile_Reduction : Tile_Enum<"Reduction", "How a reduction combines", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>]>;
def Tile_ReductionAttr : Tile_EnumAttr<Tile_Reduction, "reduction">;

def Tile_Any : StaticShapeTensorOf<[F32, BF16, F16, I32, I1]>;
def Tile_Float : StaticShapeTensorOf<[F32, BF16, F16]>;
def Tile_F32 : StaticShapeTensorOf<[F32]>;
def Tile_Int : StaticShapeTensorOf<[I32]>;
def Tile_Memory : MemRefRankOf<[F32, BF16, F16, I32], [1, 2]>;

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}
#endif
