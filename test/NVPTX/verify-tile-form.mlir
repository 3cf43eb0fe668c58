// RUN: hybrid-opt --hybrid-verify-gpu-tile-form --split-input-file --verify-diagnostics %s

// Layouts are missing.
tile.kernel @bare(%x: memref<64x32xf32>) attributes {tile.warps = 4 : i64} {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expected a layout on every tile, got 'tensor<64x32xf32>'; run hybrid-assign-layouts first}}
  %t = tile.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32>
  tile.return
}

// -----

// expected-error @+1 {{expected 'tile.warps'; run hybrid-assign-layouts first}}
tile.kernel @warps(%x: memref<64x32xf32>) {
  tile.return
}

// -----

// Half of the rows have no holder.
#half = #tile.layout<registers = [8:0:4], lanes = [8:1:4, 4:0:1], warps = []>
tile.kernel @half(%x: memref<64x32xf32>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expected a layout that covers the tile with 1 warps of 32 lanes, got 'tensor<64x32xf32, #tile.layout<registers = [8:0:4], lanes = [8:1:4, 4:0:1], warps = []>>'}}
  %t = tile.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32, #half>
  tile.return
}

// -----

// A vector that other lanes hold than the tile that it is broadcast to.
#tile = #tile.layout<registers = [4:1:1, 8:0:4], lanes = [8:1:4, 4:0:1], warps = []>
#vector = #tile.layout<registers = [], lanes = [32:0:1], warps = []>
tile.kernel @slice(%x: memref<32xf32>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0] : memref<32xf32> -> tensor<32xf32, #vector>
  // expected-error @+1 {{expected a vector laid out as the slice of 'tensor<32x32xf32, #tile.layout<registers = [4:1:1, 8:0:4], lanes = [8:1:4, 4:0:1], warps = []>>' without axis 1, got 'tensor<32xf32, #tile.layout<registers = [], lanes = [32:0:1], warps = []>>'}}
  %b = tile.broadcast %t along 1 : tensor<32xf32, #vector> -> tensor<32x32xf32, #tile>
  tile.return
}

// -----

// Rows that overlap.
#narrow = #tile.shared<pitch = 64, mask = 0, shift = 0>
tile.kernel @narrow(%x: memref<64x64xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expected rows of at least 128 bytes in whole swizzled lines, got 'tensor<64x64xbf16, #tile.shared<pitch = 64, mask = 0, shift = 0>>'}}
  %t = tile.load %x[%c0, %c0] : memref<64x64xbf16> -> tensor<64x64xbf16, #narrow>
  tile.return
}

// -----

// An elementwise op on a tile in shared memory.
#shared = #tile.shared<pitch = 128, mask = 7, shift = 0>
tile.kernel @elementwise(%x: memref<64x32xf32>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32, #shared>
  // expected-error @+1 {{expected a tile in registers, got 'tensor<64x32xf32, #tile.shared<pitch = 128, mask = 7, shift = 0>>'}}
  %u = arith.addf %t, %t : tensor<64x32xf32, #shared>
  tile.return
}

// -----

// A left operand in registers that are no fragments.
#acc = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>
#rows = #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>
#lines = #tile.shared<pitch = 32, mask = 1, shift = 2>
tile.kernel @operand(%x: memref<16x16xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<16x16xf32, #acc>
  %a = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #rows>
  %b = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #lines>
  // expected-error @+1 {{expected 'a' in shared memory or in fragments of mma.sync, got 'tensor<16x16xbf16, #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>>'}}
  %d = tile.dot %a, %b, %zero : tensor<16x16xbf16, #rows>, tensor<16x16xbf16, #lines> -> tensor<16x16xf32, #acc>
  tile.return
}

// -----

// A right operand in registers that are no fragments.
#acc = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>
#rows = #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>
#lines = #tile.shared<pitch = 32, mask = 1, shift = 2>
tile.kernel @right(%x: memref<16x16xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<16x16xf32, #acc>
  %a = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #lines>
  %b = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #rows>
  // expected-error @+1 {{expected 'b' in shared memory or in fragments of mma.sync, got 'tensor<16x16xbf16, #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>>'}}
  %d = tile.dot %a, %b, %zero : tensor<16x16xbf16, #lines>, tensor<16x16xbf16, #rows> -> tensor<16x16xf32, #acc>
  tile.return
}

// -----

// An accumulator that is none of the products of fragments.
#acc = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>
#rows = #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>
#lines = #tile.shared<pitch = 32, mask = 1, shift = 2>
tile.kernel @accumulator(%x: memref<16x16xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<16x16xf32, #rows>
  %a = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #acc>
  %b = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #lines>
  // expected-error @+1 {{expected the accumulator of mma.sync for operands in fragments, got 'tensor<16x16xf32, #tile.layout<registers = [8:1:1], lanes = [2:1:8, 16:0:1], warps = []>>'}}
  %d = tile.dot %a, %b, %zero : tensor<16x16xbf16, #acc>, tensor<16x16xbf16, #lines> -> tensor<16x16xf32, #rows>
  tile.return
}

// -----

// A transposed tile that keeps its layout.
#acc = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>
tile.kernel @transpose(%x: memref<16x16xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %a = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #acc>
  // expected-error @+1 {{expected the operand's layout with its axes swapped, got 'tensor<16x16xbf16, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>' and 'tensor<16x16xbf16, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>'}}
  %d = tile.transpose %a : tensor<16x16xbf16, #acc> -> tensor<16x16xbf16, #acc>
  tile.return
}
