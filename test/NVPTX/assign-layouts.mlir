// RUN: hybrid-opt --hybrid-assign-layouts --hybrid-verify-gpu-tile-form --split-input-file %s | FileCheck %s
// RUN: hybrid-opt --hybrid-assign-layouts --hybrid-assign-layouts --split-input-file %s | FileCheck %s

// Operands go to shared memory, the accumulator has the layout of mma.sync, and what is added to it agrees: no
// conversion is left.
// CHECK-DAG: #[[$ACC:.*]] = #tile.layout<registers = [2:1:1, 2:0:8, 4:1:8, 2:0:16], lanes = [4:1:2, 8:0:1], warps = [2:0:32, 2:1:32]>
// CHECK-DAG: #[[$SLICE:.*]] = #tile.layout<registers = [2:0:1, 4:0:8], lanes = [4:0:2, 8:_:0], warps = [2:_:0, 2:0:32]>
// CHECK-DAG: #[[$SHARED:.*]] = #tile.shared<pitch = 64, mask = 3, shift = 1>
// CHECK-LABEL: tile.kernel @product(
// CHECK-SAME: attributes {tile.warps = 4 : i64}
tile.kernel @product(%x: memref<?x32xbf16>, %w: memref<64x32xbf16>, %bias: memref<64xf32>, %y: memref<?x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK: %[[A:.*]] = tile.load {{.*}} -> tensor<64x32xbf16, #[[$SHARED]]>
  %a = tile.load %x[%c0, %c0] : memref<?x32xbf16> -> tensor<64x32xbf16>
  // CHECK: %[[B:.*]] = tile.load {{.*}} -> tensor<64x32xbf16, #[[$SHARED]]>
  %b = tile.load %w[%c0, %c0] : memref<64x32xbf16> -> tensor<64x32xbf16>
  // CHECK: tile.dot %[[A]], %[[B]]{{.*}} -> tensor<64x64xf32, #[[$ACC]]>
  %d = tile.dot %a, %b, %zero {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
  // CHECK: tile.load %{{.*}} : memref<64xf32> -> tensor<64xf32, #[[$SLICE]]>
  %v = tile.load %bias[%c0] : memref<64xf32> -> tensor<64xf32>
  %vw = tile.broadcast %v along 0 : tensor<64xf32> -> tensor<64x64xf32>
  %s = arith.addf %d, %vw : tensor<64x64xf32>
  // CHECK-NOT: tile.convert
  tile.store %s, %y[%c0, %c0] : tensor<64x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// The result of a product is the next one's left operand: rows stay in one warp, and no shared memory is needed.
// CHECK-DAG: #[[$FRAGMENTS:.*]] = #tile.layout<registers = [2:1:1, 2:0:8, 8:1:8], lanes = [4:1:2, 8:0:1], warps = [4:0:16]>
// CHECK-LABEL: tile.kernel @chain(
tile.kernel @chain(%x: memref<64x64xbf16>, %y: memref<64x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %a = tile.load %x[%c0, %c0] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %d = tile.dot %a, %a, %zero {transpose_b} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  %p = arith.truncf %d : tensor<64x64xf32> to tensor<64x64xbf16>
  // CHECK: tile.convert {{.*}} -> tensor<64x64xbf16, #[[$FRAGMENTS]]>
  // CHECK-NOT: tile.convert
  %e = tile.dot %p, %a, %zero : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  tile.store %e, %y[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}

// -----

// A transpose in front of a product becomes its flag.
// CHECK-LABEL: tile.kernel @transposed(
tile.kernel @transposed(%x: memref<64x64xbf16>, %y: memref<64x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %a = tile.load %x[%c0, %c0] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %t = tile.transpose %a : tensor<64x64xbf16> -> tensor<64x64xbf16>
  // CHECK-NOT: tile.transpose
  // CHECK: tile.dot {{.*}} {transpose_a}
  %d = tile.dot %t, %a, %zero : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  tile.store %d, %y[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}

// -----

// Long rows without a product: vectors of 8, all lanes along a row, and the warps the attribute asks for.
// CHECK: #[[$ROWS:.*]] = #tile.layout<registers = [8:1:1, 4:1:256], lanes = [32:1:8], warps = [2:0:1]>
// CHECK-LABEL: tile.kernel @rows(
tile.kernel @rows(%x: memref<2x1024xbf16>, %y: memref<2x1024xbf16> {tile.written}) attributes {tile.warps = 2 : i64} {
  %c0 = arith.constant 0 : index
  // CHECK: tile.load {{.*}} -> tensor<2x1024xbf16, #[[$ROWS]]>
  %a = tile.load %x[%c0, %c0] : memref<2x1024xbf16> -> tensor<2x1024xbf16>
  %b = arith.addf %a, %a : tensor<2x1024xbf16>
  tile.store %b, %y[%c0, %c0] : tensor<2x1024xbf16>, memref<2x1024xbf16>
  tile.return
}

// -----

// A residual in front of a product's loop would lie in registers throughout: it is loaded behind the loop. What the
// kernel writes itself stays in its place, as does a load that no loop parts from its use.
// CHECK-LABEL: tile.kernel @residual(
tile.kernel @residual(%x: memref<64x256xbf16>, %r: memref<64x64xbf16>, %y: memref<64x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK-NOT: tile.load %{{.*}} : memref<64x64xbf16>
  // CHECK: %[[OWN:.*]] = tile.load %{{.*}} : memref<64x64xf32>
  %residual = tile.load %r[%c0, %c0] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %own = tile.load %y[%c0, %c0] : memref<64x64xf32> -> tensor<64x64xf32>
  %wide = arith.extf %residual : tensor<64x64xbf16> to tensor<64x64xf32>
  // CHECK: scf.for
  %d = scf.for %k = %c0 to %c256 step %c64 iter_args(%acc = %zero) -> (tensor<64x64xf32>) {
    %a = tile.load %x[%c0, %k] : memref<64x256xbf16> -> tensor<64x64xbf16>
    %next = tile.dot %a, %a, %acc {transpose_b} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    scf.yield %next : tensor<64x64xf32>
  }
  // CHECK: scf.yield
  // CHECK: %[[NEAR:.*]] = tile.load %{{.*}} : memref<64x64xbf16>
  // CHECK-NEXT: arith.negf %[[OWN]]
  // CHECK-NEXT: %[[LATE:.*]] = tile.load %{{.*}} : memref<64x64xbf16>
  // CHECK-NEXT: arith.extf %[[LATE]]
  // CHECK: arith.extf %[[NEAR]]
  %near = tile.load %r[%c0, %c0] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %minus = arith.negf %own : tensor<64x64xf32>
  %sum = arith.addf %d, %wide : tensor<64x64xf32>
  %more = arith.addf %sum, %minus : tensor<64x64xf32>
  %nearWide = arith.extf %near : tensor<64x64xbf16> to tensor<64x64xf32>
  %all = arith.addf %more, %nearWide : tensor<64x64xf32>
  tile.store %all, %y[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}
