// RUN: hybrid-opt %s --hybrid-convert-tile-to-nvvm -split-input-file -verify-diagnostics

#t = #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>

// Operands of a product of f32 that lie in registers.
tile.kernel @dot() attributes {tile.warps = 1 : i64} {
  %z = arith.constant dense<0.0> : tensor<16x16xf32, #t>
  // expected-error @+1 {{expected operands in shared memory or an accumulator of mma.sync, got 'tensor<16x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>', 'tensor<16x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>' and 'tensor<16x16xf32, #tile.layout<registers = [2:1:1, 2:0:8, 2:1:8], lanes = [4:1:2, 8:0:1], warps = []>>'}}
  %d = tile.dot %z, %z, %z : tensor<16x16xf32, #t>, tensor<16x16xf32, #t> -> tensor<16x16xf32, #t>
  tile.return
}

// -----

#s = #tile.shared<pitch = 32, mask = 0, shift = 0>
#u = #tile.shared<pitch = 64, mask = 0, shift = 0>

// From one order of shared memory into another.
tile.kernel @shared(%x: memref<16x16xbf16>) attributes {tile.warps = 1 : i64} {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<16x16xbf16> -> tensor<16x16xbf16, #s>
  // expected-error @+1 {{expected registers on one side, got 'tensor<16x16xbf16, #tile.shared<pitch = 32, mask = 0, shift = 0>>' and 'tensor<16x16xbf16, #tile.shared<pitch = 64, mask = 0, shift = 0>>'}}
  %c = tile.convert %t : tensor<16x16xbf16, #s> -> tensor<16x16xbf16, #u>
  tile.return
}
