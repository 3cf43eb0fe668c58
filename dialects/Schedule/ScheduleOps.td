//===- ScheduleOps.td - The host program: buffers and launches ------------------===//
#ifndef SCHEDULE_OPS_TD
#define SCHEDULE_OPS_TD
include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

def Schedule_Dialect : Dialect {
  let name = "schedule";
  let cppNamespace = "::mlir::schedule";
  let summary = "What the host does in one call: a straight line of kernel launches";
  let description = [{
    An entry of a model has variants; a variant is a straight line of launches over buffers whose sizes are known when
    the call's are. There is no control flow: the runtime picks a variant, plans memory from the buffers' lifetimes, and
    launches.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::tile::TileDialect"];
}

class Schedule_Op<string mnemonic, list<Trait> traits = []> : Op<Schedule_Dialect, mnemonic, traits>;

def Schedule_ExtentAttr : AttrDef<Schedule_Dialect, "Extent"> {
  let mnemonic = "extent";
  let summary = "A size of a call: ceil(symbol / divisor) * factor";
  let description = [{
    `symbol` is one of tokens, sequences, rows, kv_tokens, tiles (the length of the tile list of `list` rows),
    pages_per_sequence and one (the constant 1).
  }];
  let parameters = (ins StringRefParameter<"symbol">:$symbol, DefaultValuedParameter<"int64_t", "1">:$divisor,
                        DefaultValuedParameter<"int64_t", "1">:$factor, DefaultValuedParameter<"int64_t", "0">:$list);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Schedule_VariantOp : Schedule_Op<"variant", [NoTerminator, SingleBlock, IsolatedFromAbove]> {
  let summary = "One straight line of launches that serves an entry when its limits hold";
  let description = [{
    A limit of 0 is no limit. Variants of an entry are tried in order.

    Constraints:
    - (C1) limits are not negative.
    - (C2) the body holds only ops of this dialect.

    Example:
    ```mlir
    tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
      tile.return
    }
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
      %y = schedule.buffer "y" rows(tokens) : memref<?x8xf32>
      schedule.launch @copy grid(#schedule.extent<symbol = "tokens", divisor = 8>) (%x, %y) scalars(#schedule.extent<symbol = "tokens">) label("blocks.1") : memref<?x8xf32>, memref<?x8xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$entry, StrAttr:$name, I64Attr:$max_tokens, I64Attr:$max_sequences, I64Attr:$max_longest);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $entry $name `limits` `(` $max_tokens `,` $max_sequences `,` $max_longest `)` attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Schedule_BufferOp : Schedule_Op<"buffer"> {
  let summary = "Memory that lives from its first launch to its last";
  let description = [{
    `rows` names the size of a call that the first dim has: tokens, sequences, rows or tiles. Buffers whose lives do
    not meet may share memory.

    Example:
    ```mlir
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$rows);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$name `rows` `(` custom<Word>($rows) `)` attr-dict `:` type($memory)";
}

def Schedule_ParamOp : Schedule_Op<"param"> {
  let summary = "A parameter, as stored for this target";
  let description = [{
    The global of that name in the storage type of the artifact; with `panels`, packed as `tile.panel` says.

    Example:
    ```mlir
    ml_program.global private @w(#ml_program.extern : tensor<16x8xf32>) : tensor<16x8xf32>
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %w = schedule.param @w panels : memref<16x8xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$name, UnitAttr:$panels);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$name (`panels` $panels^)? attr-dict `:` type($memory)";
}

def Schedule_InputOp : Schedule_Op<"input"> {
  let summary = "What the runtime passes in a call";
  let description = [{
    `kind` is one of ids, positions, offsets, rows, logits, page_table, lengths, read_slots, write_slots, or
    tile_list, whose tiles have `list` rows.

    Example:
    ```mlir
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %ids = schedule.input ids : memref<?xi32>
      %tiles = schedule.input tile_list list 16 : memref<?x4xi32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$kind, DefaultValuedAttr<I64Attr, "0">:$list);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "custom<Word>($kind) (`list` $list^)? attr-dict `:` type($memory)";
}

def Schedule_CacheOp : Schedule_Op<"cache"> {
  let summary = "A part of a cache: keys, state or taps (0), or values (1)";
  let description = [{
    The pool that a layer's cache keeps its part in, all sequences together; `name` is that of the entry's argument.

    Example:
    ```mlir
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %keys = schedule.cache "blocks.1.mixer.attention.kv" part 0 : memref<?x64xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$part);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$name `part` $part attr-dict `:` type($memory)";
}

def Schedule_LaunchOp : Schedule_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel over a grid";
  let description = [{
    Operands are the kernel's memrefs in order, scalars its index arguments in order. `fused` names the ops that the
    kernel computes besides its root; `missed` says what stayed outside and why.

    Constraints:
    - (C1) the kernel exists.
    - (C2) operands and scalars match the kernel's arguments in number and element type; a kernel may see a buffer's
      rows cut or joined.
    - (C3) a grid has one to three extents.

    Example:
    ```mlir
    tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
      tile.return
    }
    schedule.variant "score" "bulk" limits(0, 0, 0) {
      %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
      %y = schedule.buffer "y" rows(tokens) : memref<?x8xf32>
      schedule.launch @copy grid(#schedule.extent<symbol = "tokens", divisor = 8>) (%x, %y)
        scalars(#schedule.extent<symbol = "tokens">) label("blocks.1") : memref<?x8xf32>, memref<?x8xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$grid, Variadic<AnyMemRef>:$operands, ArrayAttr:$scalars,
                       StrAttr:$label, OptionalAttr<StrAttr>:$flops, OptionalAttr<StrAttr>:$bytes,
                       OptionalAttr<StrArrayAttr>:$fused, OptionalAttr<StrArrayAttr>:$missed);
  let assemblyFormat = [{
    $kernel `grid` custom<Extents>($grid) `(` $operands `)` `scalars` custom<Extents>($scalars) `label` `(` $label `)`
    (`flops` `(` $flops^ `)`)? (`bytes` `(` $bytes^ `)`)? (`fused` $fused^)? (`missed` $missed^)? attr-dict `:` type($operands)
  }];
  let hasVerifier = 1;
}
#endif
