// RUN: hybrid-opt --hybrid-nvptx-pipeline --split-input-file --verify-diagnostics %s

// A buffer packed for x86 has no meaning here.
// expected-error @+1 {{expected plain matrices in a GPU kernel, got 'tile.panel' on argument 0}}
tile.kernel @panel(%w: memref<64x32xf32> {tile.panel = 16 : i64}) {
  tile.return
}

// -----

// Warps are a power of two.
// expected-error @+1 {{expected 'tile.warps' to be a power of two from 1 to 32, got 3 : i64}}
tile.kernel @warps(%x: memref<64x32xf32>) attributes {tile.warps = 3 : i64} {
  tile.return
}

// -----

// An op that threads cannot do in their registers.
tile.kernel @reshape(%x: memref<64x32xf32>, %y: memref<64x32xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32>
  // expected-error @+1 {{is not supported on tiles in a GPU kernel}}
  %c = tensor.collapse_shape %t [[0, 1]] : tensor<64x32xf32> into tensor<2048xf32>
  tile.return
}

// -----

// A function without an expansion.
tile.kernel @function(%x: memref<64x32xf32>, %y: memref<64x32xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32>
  // expected-error @+1 {{has no expansion for GPUs; write it with exp, log, sqrt, rsqrt, tanh, erf, sin or cos}}
  %u = math.asin %t : tensor<64x32xf32>
  tile.store %u, %y[%c0, %c0] : tensor<64x32xf32>, memref<64x32xf32>
  tile.return
}
