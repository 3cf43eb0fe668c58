// RUN: hybrid-opt --hybrid-assign-layouts --hybrid-pipeline-loads --hybrid-verify-gpu-tile-form --split-input-file %s | FileCheck %s
// RUN: hybrid-opt --hybrid-assign-layouts --hybrid-pipeline-loads=budget=8192 --split-input-file %s | FileCheck %s --check-prefix=SMALL

// Three copies are under way before the loop; each iteration waits for the oldest and starts one more. With less
// memory there are two stages.
// CHECK-LABEL: tile.kernel @product(
// SMALL-LABEL: tile.kernel @product(
tile.kernel @product(%x: memref<?x256xbf16>, %y: memref<?x64xf32> {tile.written}, %left: index) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK: %[[RING:.*]] = tile.buffer : tensor<4x64x32xbf16,
  // SMALL: tile.buffer : tensor<2x64x32xbf16,
  // CHECK: tile.barrier
  // CHECK-COUNT-3: tile.commit
  // CHECK: scf.for {{.*}} iter_args(%{{.*}}, %[[READ:.*]] = %{{.*}}, %[[WRITE:.*]] = %{{.*}})
  // CHECK-NEXT: tile.wait 2
  // SMALL: tile.wait 0
  // CHECK: scf.if
  // CHECK: tile.copy_async %{{.*}} valid(%{{.*}}) into %[[RING]][%[[WRITE]]]
  // CHECK: tile.commit
  // CHECK: %[[A:.*]] = tile.slot %[[RING]][%[[READ]]]
  // CHECK: tile.dot %[[A]], %[[A]]
  %d = scf.for %k = %c0 to %c256 step %c32 iter_args(%acc = %zero) -> tensor<64x64xf32> {
    %a = tile.load %x[%c0, %k] valid(%left) : memref<?x256xbf16> -> tensor<64x32xbf16>
    %n = tile.dot %a, %a, %acc {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
    scf.yield %n : tensor<64x64xf32>
  }
  tile.store %d, %y[%c0, %c0] : tensor<64x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// The kernel itself may ask for fewer stages.
// CHECK-LABEL: tile.kernel @few(
tile.kernel @few(%x: memref<?x256xbf16>, %y: memref<?x64xf32> {tile.written}) attributes {tile.stages = 3 : i64} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK: tile.buffer : tensor<3x64x32xbf16,
  %d = scf.for %k = %c0 to %c256 step %c32 iter_args(%acc = %zero) -> tensor<64x64xf32> {
    %a = tile.load %x[%c0, %k] : memref<?x256xbf16> -> tensor<64x32xbf16>
    %n = tile.dot %a, %a, %acc {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
    scf.yield %n : tensor<64x64xf32>
  }
  tile.store %d, %y[%c0, %c0] : tensor<64x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// An address that depends on a loop-carried value cannot be known ahead; nor can memory that the kernel writes.
// CHECK-LABEL: tile.kernel @chased(
tile.kernel @chased(%next: memref<?xi32>, %x: memref<?x32xbf16>, %s: memref<?x32xbf16> {tile.written},
    %y: memref<?x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK-NOT: tile.buffer
  %d:2 = scf.for %k = %c0 to %c8 step %c1 iter_args(%acc = %zero, %at = %c0) -> (tensor<64x64xf32>, index) {
    %a = tile.load %x[%at, %c0] : memref<?x32xbf16> -> tensor<64x32xbf16>
    %b = tile.load %s[%k, %c0] : memref<?x32xbf16> -> tensor<64x32xbf16>
    %n = tile.dot %a, %b, %acc {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
    %i = memref.load %next[%at] : memref<?xi32>
    %j = arith.index_cast %i : i32 to index
    scf.yield %n, %j : tensor<64x64xf32>, index
  }
  tile.store %d#0, %y[%c0, %c0] : tensor<64x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// Page numbers are read ahead along with the pages.
// CHECK-LABEL: tile.kernel @paged(
tile.kernel @paged(%pages: memref<?xi32>, %x: memref<?x64xbf16>, %y: memref<64x64xf32> {tile.written}, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK: scf.if
  // CHECK: memref.load
  // CHECK: tile.copy_async
  %d = scf.for %p = %c0 to %count step %c1 iter_args(%acc = %zero) -> tensor<64x64xf32> {
    %i = memref.load %pages[%p] : memref<?xi32>
    %j = arith.index_cast %i : i32 to index
    %r = arith.muli %j, %c64 : index
    %a = tile.load %x[%r, %c0] : memref<?x64xbf16> -> tensor<64x64xbf16>
    %n = tile.dot %a, %a, %acc {transpose_b} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    scf.yield %n : tensor<64x64xf32>
  }
  tile.store %d, %y[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}
