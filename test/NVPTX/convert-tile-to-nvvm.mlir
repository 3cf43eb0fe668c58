// RUN: hybrid-opt --hybrid-nvptx-pipeline --split-input-file %s | FileCheck %s

// Parameters keep their order; rows that may not exist are loaded and stored under a predicate, 16 bytes at a time.
// CHECK-LABEL: llvm.func @scale(
// CHECK-SAME: %{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: i64, %{{.*}}: !llvm.ptr<1> {llvm.noalias})
// CHECK-SAME: nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, tile.shared_bytes = 0
tile.kernel @scale(%x: memref<?x64xf32>, %rows: index, %y: memref<?x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  // CHECK: llvm.inline_asm "mov.b32 $0, 0; {{.*}}@$5 ld.global.nc.v4.b32 {$0, $1, $2, $3}, [$4];"
  %t = tile.load %x[%c0, %c0] valid(%rows) : memref<?x64xf32> -> tensor<8x64xf32>
  // CHECK: llvm.fmul
  %u = arith.mulf %t, %t : tensor<8x64xf32>
  // CHECK: llvm.inline_asm has_side_effects "@$5 st.global.v4.b32 [$4], {$0, $1, $2, $3};"
  tile.store %u, %y[%c0, %c0] valid(%rows) : tensor<8x64xf32>, memref<?x64xf32>
  tile.return
}

// -----

// Copies to shared memory, a barrier, then fragments and products.
// CHECK: llvm.mlir.global external @shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
// CHECK-LABEL: llvm.func @product(
// CHECK-SAME: tile.shared_bytes = 4096
tile.kernel @product(%x: memref<64x32xbf16>, %y: memref<64x64xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  // CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  %a = tile.load %x[%c0, %c0] : memref<64x32xbf16> -> tensor<64x32xbf16>
  // CHECK: nvvm.cp.async.commit.group
  // CHECK-NEXT: nvvm.cp.async.wait.group 0
  // CHECK-NEXT: nvvm.barrier
  // CHECK: nvvm.ldmatrix
  // CHECK: nvvm.mma.sync
  %d = tile.dot %a, %a, %zero {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
  // CHECK-NOT: nvvm.barrier
  // CHECK: llvm.store
  tile.store %d, %y[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}

// -----

// Rows held by one warp are summed by exchange between its lanes, without shared memory; the function is the
// special-function unit's.
// CHECK-LABEL: llvm.func @row_sums(
// CHECK-SAME: tile.shared_bytes = 0
tile.kernel @row_sums(%x: memref<4x128xf32>, %y: memref<4xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<4x128xf32> -> tensor<4x128xf32>
  // CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
  %e = math.exp %t : tensor<4x128xf32>
  // CHECK-COUNT-5: nvvm.shfl.sync bfly
  // CHECK-NOT: nvvm.shfl.sync
  %s = tile.reduce <sum> %e along 1 : tensor<4x128xf32> -> tensor<4xf32>
  tile.store %s, %y[%c0] : tensor<4xf32>, memref<4xf32>
  tile.return
}
