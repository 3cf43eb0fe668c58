// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v3 -split-input-file -verify-diagnostics

// A packed parameter is read only.
tile.kernel @store(%x: memref<?x64xf32>, %w: memref<?x64xf32> {tile.panel = 16, tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
  // expected-error @+1 {{cannot store to a memory in panels: they are packed when parameters are loaded}}
  tile.store %t, %w[%c0, %c0] : tensor<8x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// The rows of a panel lie side by side, so a vector of one does not lie in a run.
tile.kernel @vector(%w: memref<?x64xf32> {tile.panel = 16}, %y: memref<?xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{cannot load a vector from a memory in panels}}
  %t = tile.load %w[%c0, %c0] : memref<?x64xf32> -> tensor<64xf32>
  tile.store %t, %y[%c0] : tensor<64xf32>, memref<?xf32>
  tile.return
}

// -----

// Tiles and numbers of ops that kernels do not have.
tile.kernel @tile(%y: memref<?x8xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{has no code on x86: kernels use the ops of tile, scf.for, scf.if, memref.load, tensor.splat, tensor.extract and elementwise arith and math}}
  %t = tensor.empty() : tensor<4x8xf32>
  tile.store %t, %y[%c0, %c0] : tensor<4x8xf32>, memref<?x8xf32>
  tile.return
}

// -----

tile.kernel @number(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{has no code on x86: kernels use the ops of tile, scf.for, scf.if, memref.load, tensor.splat, tensor.extract and elementwise arith and math}}
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %t = tile.load %x[%n, %c0] : memref<?x8xf32> -> tensor<4x8xf32>
  tile.store %t, %y[%c0, %c0] : tensor<4x8xf32>, memref<?x8xf32>
  tile.return
}
