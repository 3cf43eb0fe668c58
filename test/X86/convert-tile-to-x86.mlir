// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v3 | FileCheck %s --check-prefixes=CHECK,V3
// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v1 | FileCheck %s --check-prefixes=CHECK,V1
// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v4 | FileCheck %s --check-prefixes=CHECK,V4
// RUN: not hybrid-opt %s --hybrid-convert-tile-to-x86=level=v2 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: expected a level of v1, v3 or v4, got 'v2'

// Elementwise work needs no scratch: loads, arithmetic and stores of one register at a time, on valid rows only.
// CHECK-LABEL: func.func private @scale.body(
// CHECK-SAME: !llvm.ptr {llvm.noalias}
// CHECK: arith.minsi
// CHECK: scf.for
// CHECK: scf.for
// V1: llvm.load {{.*}} : !llvm.ptr -> vector<4xf32>
// V3: llvm.load {{.*}} : !llvm.ptr -> vector<8xf32>
// V4: llvm.load {{.*}} : !llvm.ptr -> vector<16xf32>
// CHECK: arith.addf
// CHECK: llvm.store
// CHECK-LABEL: func.func @scale(
// CHECK-SAME: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CHECK-SAME: hybrid.scratch = 0
tile.kernel @scale(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %rows: index) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] valid(%rows) : memref<?x64xf32> -> tensor<8x64xf32>
  %u = arith.addf %t, %t : tensor<8x64xf32>
  tile.store %u, %y[%c0, %c0] valid(%rows) : tensor<8x64xf32>, memref<?x64xf32>
  tile.return
}

// A product reads a packed parameter in place; v1 has no fused multiply-add.
// CHECK-LABEL: func.func private @linear.body(
// V3: llvm.intr.fma
// V4: llvm.intr.fma
// V1-NOT: llvm.intr.fma
// CHECK-LABEL: func.func @linear(
tile.kernel @linear(%x: memref<?x64xf32>, %w: memref<?x64xf32> {tile.panel = 16}, %y: memref<?x32xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<?x64xf32> -> tensor<6x64xf32>
  %p = tile.load %w[%c0, %c0] : memref<?x64xf32> -> tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<6x32xf32>
  %c = tile.dot %t, %p, %zero {transpose_b} : tensor<6x64xf32>, tensor<32x64xf32> -> tensor<6x32xf32>
  tile.store %c, %y[%c0, %c0] : tensor<6x32xf32>, memref<?x32xf32>
  tile.return
}
