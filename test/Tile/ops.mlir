// RUN: hybrid-opt %s | hybrid-opt | FileCheck %s
// RUN: hybrid-opt --mlir-print-op-generic %s | hybrid-opt | FileCheck %s

// A block scales its rows; dead rows are not written.
// CHECK-LABEL: tile.kernel @scale(
// CHECK-SAME: {tile.written}
tile.kernel @scale(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %rows: index) {
  // CHECK: tile.block_id x
  %b = tile.block_id x
  %c8 = arith.constant 8 : index
  %c0 = arith.constant 0 : index
  %r = arith.muli %b, %c8 : index
  %left = arith.subi %rows, %r : index
  // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] valid(%{{.*}}) : memref<?x64xf32> -> tensor<8x64xf32>
  %t = tile.load %x[%r, %c0] valid(%left) : memref<?x64xf32> -> tensor<8x64xf32>
  %two = arith.constant dense<2.0> : tensor<8x64xf32>
  %u = arith.mulf %t, %two : tensor<8x64xf32>
  // CHECK: tile.store
  tile.store %u, %y[%r, %c0] valid(%left) : tensor<8x64xf32>, memref<?x64xf32>
  tile.return
}

// Loads and stores of every form: rows from and to, valid columns, a column of a matrix, a vector, rows by number.
// CHECK-LABEL: tile.kernel @memory(
tile.kernel @memory(%x: memref<?x64xf32>, %v: memref<?xi32>, %y: memref<?x64xf32> {tile.written}, %n: index) {
  %c0 = arith.constant 0 : index
  // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] from(%{{.*}}) valid(%{{.*}}) columns(60) : memref<?x64xf32> -> tensor<8x64xf32>
  %t = tile.load %x[%n, %c0] from(%c0) valid(%n) columns(60) : memref<?x64xf32> -> tensor<8x64xf32>
  // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x64xf32> -> tensor<8xf32>
  %column = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8xf32>
  // CHECK: tile.load %{{.*}}[%{{.*}}] : memref<?xi32> -> tensor<8xi32>
  %rows = tile.load %v[%n] : memref<?xi32> -> tensor<8xi32>
  // CHECK: tile.gather %{{.*}}[%{{.*}}, %{{.*}}] valid(%{{.*}}) : memref<?x64xf32>, tensor<8xi32> -> tensor<8x64xf32>
  %g = tile.gather %x[%rows, %c0] valid(%n) : memref<?x64xf32>, tensor<8xi32> -> tensor<8x64xf32>
  // CHECK: tile.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] from(%{{.*}}) columns(60) : tensor<8x64xf32>, memref<?x64xf32>
  tile.store %g, %y[%n, %c0] from(%c0) columns(60) : tensor<8x64xf32>, memref<?x64xf32>
  // CHECK: tile.return
  tile.return
}

// A product of f32 with bf16 that is read transposed, and the moves, reductions and scans of rows and columns.
// CHECK-LABEL: tile.kernel @compute(
tile.kernel @compute(%x: memref<?x64xf32>, %w: memref<32x64xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %a = tile.load %x[%n, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
  %b = tile.load %w[%c0, %c0] : memref<32x64xbf16> -> tensor<32x64xbf16>
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} rows(%{{.*}}) {transpose_b} : tensor<8x64xf32>, tensor<32x64xbf16> -> tensor<8x32xf32>
  %c = tile.dot %a, %b, %zero rows(%n) {transpose_b} : tensor<8x64xf32>, tensor<32x64xbf16> -> tensor<8x32xf32>
  // CHECK: tile.transpose %{{.*}} : tensor<8x64xf32> -> tensor<64x8xf32>
  %t = tile.transpose %a : tensor<8x64xf32> -> tensor<64x8xf32>
  // CHECK: tile.reduce <max> %{{.*}} along 1 : tensor<8x64xf32> -> tensor<8xf32>
  %m = tile.reduce <max> %a along 1 : tensor<8x64xf32> -> tensor<8xf32>
  // CHECK: tile.broadcast %{{.*}} along 1 : tensor<8xf32> -> tensor<8x64xf32>
  %r = tile.broadcast %m along 1 : tensor<8xf32> -> tensor<8x64xf32>
  // CHECK: tile.index 0 : tensor<8x8xi32>
  %i = tile.index 0 : tensor<8x8xi32>
  // CHECK: tile.prefix_sum %{{.*}} {suffix} : tensor<8xf32>
  %s = tile.prefix_sum %m {suffix} : tensor<8xf32>
  // CHECK: tile.segment_sum %{{.*}} : tensor<8xf32> -> tensor<8x8xf32>
  %l = tile.segment_sum %s : tensor<8xf32> -> tensor<8x8xf32>
  // CHECK: tile.solve %{{.*}}, %{{.*}} : tensor<8x8xf32>, tensor<8x32xf32>
  %u = tile.solve %l, %c : tensor<8x8xf32>, tensor<8x32xf32>
  tile.return
}
