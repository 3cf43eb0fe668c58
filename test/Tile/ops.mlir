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
