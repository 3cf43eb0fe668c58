// RUN: hybrid-opt --split-input-file --verify-diagnostics %s

// expected-error @+1 {{expected a digit with an extent from 1 to 65536, axis 0, 1 or _ and a stride from 0 to 65536, got 2:2:1}}
#axis = #tile.layout<registers = [2:2:1], lanes = [32:0:1], warps = []>

// -----

// expected-error @+1 {{expected at most 65536 registers, got more}}
#many = #tile.layout<registers = [65536:_:0, 65536:_:0, 65536:_:0, 65536:_:0], lanes = [32:0:1], warps = []>

// -----

// expected-error @+1 {{expected a rank from 0 to 2, got 3}}
#rank = #tile.layout<registers = [2:1:1], lanes = [32:0:1], warps = [], rank = 3>

// -----

#shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
tile.kernel @convert_c1(%x: memref<?x8xbf16>) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<?x8xbf16> -> tensor<16x8xbf16>
  // expected-error @+1 {{expected one shape and element type, got 'tensor<16x8xbf16>' and 'tensor<8x8xbf16, #tile.shared<pitch = 16, mask = 0, shift = 0>>'}}
  %u = tile.convert %t : tensor<16x8xbf16> -> tensor<8x8xbf16, #shared>
  tile.return
}

// -----

#shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
tile.kernel @slot_c1(%n: index) {
  %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
  // expected-error @+1 {{expected a buffer of rank 3 and one slot of it, got 'tensor<2x16x8xbf16, #tile.shared<pitch = 16, mask = 0, shift = 0>>' and 'tensor<8x8xbf16, #tile.shared<pitch = 16, mask = 0, shift = 0>>'}}
  %t = tile.slot %ring[%n] : tensor<2x16x8xbf16, #shared> -> tensor<8x8xbf16, #shared>
  tile.return
}

// -----

#shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
tile.kernel @copy_async_c1(%x: memref<?x8xf16>, %n: index) {
  %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
  // expected-error @+1 {{expected a buffer of rank 3 of 'f16' like the memory, got 'tensor<2x16x8xbf16, #tile.shared<pitch = 16, mask = 0, shift = 0>>'}}
  tile.copy_async %x[%n, %n] into %ring[%n] : memref<?x8xf16> -> tensor<2x16x8xbf16, #shared>
  tile.return
}

// -----

#shared = #tile.shared<pitch = 16, mask = 0, shift = 0>
tile.kernel @copy_async_c2(%x: memref<?x8xbf16>, %n: index) {
  %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
  // expected-error @+1 {{expected a memory of rank 2 and 2 indices, got 'memref<?x8xbf16>' and 1}}
  tile.copy_async %x[%n] into %ring[%n] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
  tile.return
}
