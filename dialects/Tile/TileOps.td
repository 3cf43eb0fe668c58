//===- TileOps.td - Ops of a kernel's body --------------------------------------===//
#ifndef TILE_OPS_TD
#define TILE_OPS_TD
include "dialects/Tile/TileBase.td"
include "dialects/Tile/TileLayouts.td"

def Tile_KernelOp : Tile_Op<"kernel", [FunctionOpInterface, IsolatedFromAbove, OpAsmOpInterface]> {
  let summary = "One kernel: what each block of its grid does";
  let description = [{
    Arguments are memrefs (rank 1 or 2, inner dim static) and scalars of type index, in any order. The grid's extents
    are the launch's business; a block learns its place from `tile.block_id`.

    Argument attributes:
    - `tile.panel = n`: the buffer holds a [N, K] matrix as panels of n rows, [N / n][K][n], zero-filled to whole
      panels. Loads still speak of rows and columns of the [N, K] matrix.
    - `tile.written`: the kernel stores to this buffer. All others are read-only, and no two arguments overlap unless
      both are read-only.

    Constraints:
    - (C1) every argument is of type index or a memref of rank 1 or 2 with a static inner dim.
    - (C2) the kernel returns nothing.
    - (C3) `tile.store` goes only to arguments marked `tile.written`.
    - (C4) the body is one block.
    - (C5) every tile is of static shape, rank 1 to 3, and 1 to 2^24 integers or floats.

    Example:
    ```mlir
    tile.kernel @scale(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %rows: index) {
      %b = tile.block_id x
      %c8 = arith.constant 8 : index
      %c0 = arith.constant 0 : index
      %r = arith.muli %b, %c8 : index
      %left = arith.subi %rows, %r : index
      %t = tile.load %x[%r, %c0] valid(%left) : memref<?x64xf32> -> tensor<8x64xf32>
      %two = arith.constant dense<2.0> : tensor<8x64xf32>
      %u = arith.mulf %t, %two : tensor<8x64xf32>
      tile.store %u, %y[%r, %c0] valid(%left) : tensor<8x64xf32>, memref<?x64xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
    OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region MinSizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type)>];
  let skipDefaultBuilders = 1;
}

def Tile_ReturnOp : Op<Tile_Dialect, "return", [Pure, HasParent<"KernelOp">, Terminator]> {
  let summary = "End of a kernel";
  let description = [{
    Every kernel ends in it; what a kernel gives, it has stored.

    Example:
    ```mlir
    tile.kernel @example() {

      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_Axis : Tile_Enum<"GridAxis", "An axis of the grid", [
  I32EnumAttrCase<"x", 0>, I32EnumAttrCase<"y", 1>, I32EnumAttrCase<"z", 2>]>;
def Tile_AxisAttr : EnumAttr<Tile_Dialect, Tile_Axis, "axis">;

def Tile_BlockIdOp : Op<Tile_Dialect, "block_id", [Pure]> {
  let summary = "This block's place on an axis of the grid";
  let description = [{
    0 to the grid's extent on that axis, less one. Blocks run in any order.

    Example:
    ```mlir
    tile.kernel @example() {
      %row = tile.block_id x
      %column = tile.block_id y
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_AxisAttr:$axis);
  let results = (outs Index:$id);
  let assemblyFormat = "$axis attr-dict";
}

def Tile_LoadOp : Tile_Op<"load", [AttrSizedOperandSegments, MemoryEffects<[MemRead]>]> {
  let summary = "Load a tile, zero where it is not valid";
  let description = [{
    Memory [rows, columns] at [r, c] -> tile [R, C]: element (i, j) is memory (r + i, c + j) when from <= i < valid and
    j < valid_columns, else 0. `from` and `valid` default to 0 and R, `valid_columns` to C. Memory that is not valid is
    not touched.

    A memory of rank 1 at [r] gives a tile of rank 1. A memory of rank 2 with a result of rank 1 gives the *column* c:
    element i is memory (r + i, c).

    Constraints:
    - (C1) one index per dim of the memory.
    - (C2) the tile's element type is the memory's.
    - (C3) the tile's rank is the memory's, or 1.
    - (C4) `valid_columns` is between 1 and the tile's columns, and the tile has rank 2.

    Example:
    ```mlir
    tile.kernel @example(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %t = tile.load %x[%n, %c0] from(%c0) valid(%n) columns(60) : memref<?x64xf32> -> tensor<8x64xf32>
      %column = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Memory:$memory, Variadic<Index>:$indices, Optional<Index>:$from, Optional<Index>:$valid,
                       OptionalAttr<I64Attr>:$valid_columns);
  let results = (outs Tile_Any:$tile);
  let assemblyFormat = [{
    $memory `[` $indices `]` (`from` `(` $from^ `)`)? (`valid` `(` $valid^ `)`)? (`columns` `(` $valid_columns^ `)`)?
    attr-dict `:` type($memory) `->` type($tile)
  }];
}

def Tile_GatherOp : Tile_Op<"gather", [MemoryEffects<[MemRead]>]> {
  let summary = "Load rows that a tile of row numbers names";
  let description = [{
    Element (i, j) is memory (rows[i], column + j) when i < valid, else 0.

    Constraints:
    - (C1) the memory and the tile have rank 2, and the same element type.
    - (C2) as many row numbers as the tile has rows.

    Example:
    ```mlir
    tile.kernel @example(%table: memref<?x64xf32>, %rows: memref<?xi32>, %n: index) {
      %c0 = arith.constant 0 : index
      %numbers = tile.load %rows[%n] : memref<?xi32> -> tensor<8xi32>
      %t = tile.gather %table[%numbers, %c0] valid(%n) : memref<?x64xf32>, tensor<8xi32> -> tensor<8x64xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Memory:$memory, Tile_Int:$rows, Index:$column, Optional<Index>:$valid);
  let results = (outs Tile_Any:$tile);
  let assemblyFormat = [{
    $memory `[` $rows `,` $column `]` (`valid` `(` $valid^ `)`)? attr-dict `:` type($memory) `,` type($rows) `->` type($tile)
  }];
}

def Tile_StoreOp : Tile_Op<"store", [AttrSizedOperandSegments, MemoryEffects<[MemWrite]>]> {
  let summary = "Store the valid part of a tile";
  let description = [{
    The inverse of `tile.load`: rows from <= i < valid and columns j < valid_columns are written, nothing else.

    Constraints:
    - (C1) what `tile.load` asks of indices, element types, ranks and columns.
    - (C2) the memory is no argument of the kernel that is not marked `tile.written`.

    Example:
    ```mlir
    tile.kernel @example(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %t = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
      tile.store %t, %y[%n, %c0] valid(%n) columns(60) : tensor<8x64xf32>, memref<?x64xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Any:$tile, Tile_Memory:$memory, Variadic<Index>:$indices, Optional<Index>:$from,
                       Optional<Index>:$valid, OptionalAttr<I64Attr>:$valid_columns);
  let assemblyFormat = [{
    $tile `,` $memory `[` $indices `]` (`from` `(` $from^ `)`)? (`valid` `(` $valid^ `)`)?
    (`columns` `(` $valid_columns^ `)`)? attr-dict `:` type($tile) `,` type($memory)
  }];
}

def Tile_DotOp : Tile_Op<"dot", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc + op(a) op(b), accumulated in f32";
  let description = [{
    a is [M, K] ([K, M] when transpose_a), b is [K, N] ([N, K] when transpose_b), acc and result are [M, N] in f32.
    The order of the sum over k is the target's, and the same in every variant of a kernel. Rows of the result from
    `rows` on are dead: a target may skip them.

    Constraints:
    - (C1) a, b and acc have rank 2 and fitting sizes.
    - (C2) a and b have the same element type, or a is f32 and b is widened as it is read.

    Example:
    ```mlir
    tile.kernel @example(%x: memref<?x64xf32>, %w: memref<32x64xbf16>, %n: index) {
      %c0 = arith.constant 0 : index
      %a = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
      %b = tile.load %w[%c0, %c0] : memref<32x64xbf16> -> tensor<32x64xbf16>
      %zero = arith.constant dense<0.0> : tensor<8x32xf32>
      %c = tile.dot %a, %b, %zero rows(%n) {transpose_b} : tensor<8x64xf32>, tensor<32x64xbf16> -> tensor<8x32xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Float:$a, Tile_Float:$b, Tile_F32:$acc, Optional<Index>:$rows,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = "$a `,` $b `,` $acc (`rows` `(` $rows^ `)`)? attr-dict `:` type($a) `,` type($b) `->` type($acc)";
}

def Tile_TransposeOp : Tile_Op<"transpose", [Pure]> {
  let summary = "Swap rows and columns";
  let description = [{
    Constraints:
    - (C1) the result is the input's shape reversed, with the same element type.

    Example:
    ```mlir
    tile.kernel @example(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %a = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
      %b = tile.transpose %a : tensor<8x64xf32> -> tensor<64x8xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Any:$tile);
  let results = (outs Tile_Any:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `->` type($result)";
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "Repeat a vector along a new axis";
  let description = [{
    axis = 0 repeats a row down the rows: result (i, j) = vector[j]. axis = 1 repeats a column across the columns:
    result (i, j) = vector[i].

    Constraints:
    - (C1) axis is 0 or 1.
    - (C2) the vector's length is the result's other dim, and element types agree.

    Example:
    ```mlir
    tile.kernel @example() {
      %v = arith.constant dense<1.0> : tensor<8xf32>
      %rows = tile.broadcast %v along 0 : tensor<8xf32> -> tensor<4x8xf32>
      %columns = tile.broadcast %v along 1 : tensor<8xf32> -> tensor<8x4xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Any:$vector, I64Attr:$axis);
  let results = (outs Tile_Any:$result);
  let assemblyFormat = "$vector `along` $axis attr-dict `:` type($vector) `->` type($result)";
}

def Tile_IndexOp : Tile_Op<"index", [Pure]> {
  let summary = "Each element's place on an axis";
  let description = [{
    Constraints:
    - (C1) the axis is one of the result's.

    Example:
    ```mlir
    tile.kernel @example() {
      %i = tile.index 0 : tensor<8x64xi32>
      %j = tile.index 1 : tensor<8x64xi32>
      %causal = arith.cmpi sle, %j, %i : tensor<8x64xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins I64Attr:$axis);
  let results = (outs Tile_Int:$result);
  let assemblyFormat = "$axis attr-dict `:` type($result)";
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "Reduce an axis away";
  let description = [{
    axis = 1 reduces each row to one value (result [R]); axis = 0 reduces each column (result [C]). The order is fixed
    per target.

    Constraints:
    - (C1) the tile has rank 2 and axis is 0 or 1.
    - (C2) the result is the dim that remains.

    Example:
    ```mlir
    tile.kernel @example(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) {
      %c0 = arith.constant 0 : index
      %t = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
      %largest = tile.reduce <max> %t along 1 : tensor<8x64xf32> -> tensor<8xf32>
      %sums = tile.reduce <sum> %t along 0 : tensor<8x64xf32> -> tensor<64xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_F32:$tile, Tile_ReductionAttr:$kind, I64Attr:$axis);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = "$kind $tile `along` $axis attr-dict `:` type($tile) `->` type($result)";
}

def Tile_PrefixSumOp : Tile_Op<"prefix_sum", [Pure, AllTypesMatch<["vector", "result"]>]> {
  let summary = "Inclusive running sum; with `suffix`, the exclusive sum of what follows";
  let description = [{
    result[i] = sum of vector[0..i]; with `suffix`, result[i] = sum of vector[i+1..]. Sums of one direction, never
    differences: a log decay of -inf stays harmless.

    Constraints:
    - (C1) the vector has rank 1.

    Example:
    ```mlir
    tile.kernel @example() {
      %d = arith.constant dense<-1.0> : tensor<8xf32>
      %before = tile.prefix_sum %d : tensor<8xf32>
      %after = tile.prefix_sum %d {suffix} : tensor<8xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_F32:$vector, UnitAttr:$suffix);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = "$vector attr-dict `:` type($vector)";
}

def Tile_SegmentSumOp : Tile_Op<"segment_sum", [Pure]> {
  let summary = "All segment sums of a vector, as a lower-triangular tile";
  let description = [{
    result (i, j) = sum of vector[t] over j < t <= i for j <= i (so 0 on the diagonal), and -inf for j > i. Sums of
    one direction: exp of it is the decay from j to i and exactly 0 above the diagonal, also where a log decay is -inf.

    Constraints:
    - (C1) the vector has rank 1 and length n, the result is [n, n].

    Example:
    ```mlir
    tile.kernel @example() {
      %d = arith.constant dense<-1.0> : tensor<8xf32>
      %logs = tile.segment_sum %d : tensor<8xf32> -> tensor<8x8xf32>
      %decay = math.exp %logs : tensor<8x8xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_F32:$vector);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = "$vector attr-dict `:` type($vector) `->` type($result)";
}

def Tile_SolveOp : Tile_Op<"solve", [Pure, AllTypesMatch<["rhs", "result"]>]> {
  let summary = "Solve (I + strictly lower part of l) x = rhs";
  let description = [{
    Forward substitution in f32; the diagonal and upper part of l are not read.

    Constraints:
    - (C1) l is [n, n] and rhs is [n, m].

    Example:
    ```mlir
    tile.kernel @example() {
      %l = arith.constant dense<0.5> : tensor<8x8xf32>
      %v = arith.constant dense<1.0> : tensor<8x32xf32>
      %u = tile.solve %l, %v : tensor<8x8xf32>, tensor<8x32xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_F32:$l, Tile_F32:$rhs);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = "$l `,` $rhs attr-dict `:` type($l) `,` type($rhs)";
}
#endif
