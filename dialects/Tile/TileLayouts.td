//===- TileLayouts.td - Layouts, and the ops that only the GPU's tile form has ---===//
#ifndef TILE_LAYOUTS_TD
#define TILE_LAYOUTS_TD
include "dialects/Tile/TileBase.td"

class Tile_Attr<string name, string attrMnemonic> : AttrDef<Tile_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Tile_LayoutAttr : Tile_Attr<"Layout", "layout"> {
  let summary = "Which thread holds which elements of a tile";
  let description = [{
    The encoding of a tile in registers. Registers, lanes and warps are lists of digits `extent : axis : stride`, least
    significant first; `_` in place of an axis marks a digit whose values hold copies. `include/hybrid/Support/Layout.h`
    has the algebra.

    ```mlir
    // The accumulator of mma.sync, four warps down the rows: lane 5 of warp 2 holds row 33, columns 2 and 3, ...
    tensor<64x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = [4:0:16]>>
    ```
  }];
  let parameters = (ins AttrParameter<"::mlir::hybrid::Layout", "", "const ::mlir::hybrid::Layout &">:$layout);
  let hasCustomAssemblyFormat = 1;
}

def Tile_SharedAttr : Tile_Attr<"Shared", "shared"> {
  let summary = "A tile in shared memory, its rows swizzled by 16-byte chunks";
  let description = [{
    Chunk c of row r lies at place c ^ ((r >> shift) & mask) of a row of `pitch` bytes.
  }];
  let parameters = (ins "int64_t":$pitch, "int64_t":$mask, "int64_t":$shift);
  let assemblyFormat = "`<` `pitch` `=` $pitch `,` `mask` `=` $mask `,` `shift` `=` $shift `>`";
  let extraClassDeclaration = [{
    ::mlir::hybrid::SharedLayout getLayout() const { return {getPitch(), getMask(), getShift()}; }
  }];
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "The same tile in another layout";
  let description = [{
    Between registers, and between registers and shared memory. Threads exchange elements through shared memory unless
    each finds what it needs among its own registers.

    Constraints:
    - (C1) both tiles have the same shape and element type.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    #layout = #tile.layout<registers = [2:1:1, 2:0:8], lanes = [4:1:2, 8:0:1], warps = [2:_:0]>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      %t = tile.slot %ring[%c0] : tensor<2x16x8xbf16, #shared> -> tensor<16x8xbf16, #shared>
      %r = tile.convert %t : tensor<16x8xbf16, #shared> -> tensor<16x8xbf16, #layout>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Any:$tile);
  let results = (outs Tile_Any:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `->` type($result)";
}

def Tile_BufferOp : Op<Tile_Dialect, "buffer", []> {
  let summary = "Shared memory for a ring of tiles";
  let description = [{
    The first dim counts the slots. The contents are undefined until a `tile.copy_async` into a slot is waited for.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      tile.return
    }
    ```
  }];
  let results = (outs Tile_Any:$buffer);
  let assemblyFormat = "attr-dict `:` type($buffer)";
}

def Tile_SlotOp : Tile_Op<"slot", [MemoryEffects<[MemRead]>]> {
  let summary = "The tile in one slot of a buffer";
  let description = [{
    It is read where the result is used: nothing may overwrite the slot before all threads have passed a barrier after
    the last use.

    Constraints:
    - (C1) the buffer has rank 3, and the result is one slot of it.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      %t = tile.slot %ring[%c0] : tensor<2x16x8xbf16, #shared> -> tensor<16x8xbf16, #shared>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Any:$buffer, Index:$slot);
  let results = (outs Tile_Any:$tile);
  let assemblyFormat = "$buffer `[` $slot `]` attr-dict `:` type($buffer) `->` type($tile)";
}

def Tile_CopyAsyncOp : Tile_Op<"copy_async", [AttrSizedOperandSegments, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Start to copy a tile into a slot of a buffer";
  let description = [{
    What `tile.load` says of the elements holds here, zeros included. The slot may be read after a `tile.wait` that
    covers the group of this copy.

    Constraints:
    - (C1) the buffer has rank 3 and the memory's element type.
    - (C2) one index per dim of a memory of rank 2.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      tile.copy_async %x[%c0, %c0] valid(%n) into %ring[%c0] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Memory:$memory, Variadic<Index>:$indices, Optional<Index>:$from, Optional<Index>:$valid,
                       Tile_Any:$buffer, Index:$slot, OptionalAttr<I64Attr>:$valid_columns);
  let assemblyFormat = [{
    $memory `[` $indices `]` (`from` `(` $from^ `)`)? (`valid` `(` $valid^ `)`)? (`columns` `(` $valid_columns^ `)`)?
    `into` $buffer `[` $slot `]` attr-dict `:` type($memory) `->` type($buffer)
  }];
}

def Tile_CommitOp : Op<Tile_Dialect, "commit", []> {
  let summary = "Close a group of asynchronous copies, which may be empty";
  let description = [{
    The copies since the last `tile.commit` are one group; groups end in order.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      tile.copy_async %x[%c0, %c0] valid(%n) into %ring[%c0] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
      tile.commit
      tile.wait 0
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_WaitOp : Op<Tile_Dialect, "wait", []> {
  let summary = "Wait until at most `pending` groups of copies are under way, then for all threads";
  let description = [{
    Groups end in order, so that all but the last `pending` ones have ended, for every thread of the block.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      tile.copy_async %x[%c0, %c0] valid(%n) into %ring[%c0] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
      tile.commit
      tile.commit
      tile.wait 1
      tile.return
    }
    ```
  }];
  let arguments = (ins I32Attr:$pending);
  let assemblyFormat = "$pending attr-dict";
}

def Tile_BarrierOp : Op<Tile_Dialect, "barrier", []> {
  let summary = "Wait for all threads of the block";
  let description = [{
    What threads wrote to shared memory before it, all threads see after it.

    Example:
    ```mlir
    #shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
    tile.kernel @example(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
      %c0 = arith.constant 0 : index
      %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
      %t = tile.slot %ring[%c0] : tensor<2x16x8xbf16, #shared> -> tensor<16x8xbf16, #shared>
      tile.barrier
      tile.copy_async %x[%c0, %c0] valid(%n) into %ring[%c0] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}
#endif
