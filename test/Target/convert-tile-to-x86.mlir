// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v3 | FileCheck %s --check-prefixes=CHECK,V3
// RUN: hybrid-opt %s --hybrid-convert-tile-to-x86=level=v4 | FileCheck %s --check-prefixes=CHECK,V4

// An elementwise kernel runs register by register, at the width of the level; nothing is held and nothing is called.
// CHECK-LABEL: @scale
// CHECK-NOT: tile.
// V3: llvm.load {{.*}} -> vector<8xf32>
// V3: arith.addf {{.*}} : vector<8xf32>
// V4: llvm.load {{.*}} -> vector<16xf32>
// V4: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.store
tile.kernel @scale(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
  %u = arith.addf %t, %t : tensor<8x64xf32>
  tile.store %u, %y[%c0, %c0] : tensor<8x64xf32>, memref<?x64xf32>
  tile.return
}
