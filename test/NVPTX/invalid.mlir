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

// -----

// A tile that is neither a matrix nor a vector.
tile.kernel @rank(%x: memref<64x32xf32>) {
  // expected-error @+1 {{expected tiles of rank 1 or 2 in a GPU kernel, got 'tensor<2x4x8xf32>'}}
  %t = arith.constant dense<0.0> : tensor<2x4x8xf32>
  tile.return
}

// -----

// A table of numbers.
tile.kernel @table(%y: memref<?xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expected one value for all elements of a tile in a GPU kernel}}
  %t = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  tile.store %t, %y[%c0] : tensor<4xf32>, memref<?xf32>
  tile.return
}

// -----

// A function in a type that GPUs lack it in.
tile.kernel @wide(%x: memref<64x32xbf16>, %y: memref<64x32xbf16> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<64x32xbf16> -> tensor<64x32xbf16>
  // expected-error @+1 {{expected f32 in a GPU kernel, got 'bf16'}}
  %u = math.exp %t : tensor<64x32xbf16>
  tile.store %u, %y[%c0, %c0] : tensor<64x32xbf16>, memref<64x32xbf16>
  tile.return
}

// -----

// A number that no kernel computes so.
tile.kernel @dim(%x: memref<?x32xf32>, %y: memref<?x32xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{is not supported in a GPU kernel}}
  %n = memref.dim %x, %c0 : memref<?x32xf32>
  %t = tile.load %x[%n, %c0] : memref<?x32xf32> -> tensor<64x32xf32>
  tile.store %t, %y[%c0, %c0] : tensor<64x32xf32>, memref<?x32xf32>
  tile.return
}
