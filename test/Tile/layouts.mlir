// RUN: hybrid-opt %s | hybrid-opt | FileCheck %s
// RUN: hybrid-opt --mlir-print-op-generic %s | hybrid-opt | FileCheck %s

// CHECK-DAG: #[[$LAYOUT:.*]] = #tile.layout<registers = [2:1:1, 2:0:8], lanes = [4:1:2, 8:0:1], warps = [2:_:0]>
// CHECK-DAG: #[[$COPIES:.*]] = #tile.layout<registers = [], lanes = [32:_:0], warps = [2:_:0], rank = 1>
// CHECK-DAG: #[[$SHARED:.*]] = #tile.shared<pitch = 16, mask = 0, shift = 0>
#layout = #tile.layout<registers = [2:1:1, 2:0:8], lanes = [4:1:2, 8:0:1], warps = [2:_:0]>
#copies = #tile.layout<registers = [], lanes = [32:_:0], warps = [2:_:0], rank = 1>
#shared = #tile.shared<pitch = 16, mask = 0, shift = 0>

// A ring of two tiles, filled and read.
// CHECK-LABEL: tile.kernel @ring(
tile.kernel @ring(%x: memref<?x8xbf16>, %n: index) attributes {tile.warps = 2 : i64} {
  %c0 = arith.constant 0 : index
  // CHECK: %[[RING:.*]] = tile.buffer : tensor<2x16x8xbf16, #[[$SHARED]]>
  %ring = tile.buffer : tensor<2x16x8xbf16, #shared>
  // CHECK: tile.copy_async %{{.*}}[%{{.*}}, %{{.*}}] from(%{{.*}}) valid(%{{.*}}) columns(7) into %[[RING]][%{{.*}}] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #[[$SHARED]]>
  tile.copy_async %x[%c0, %c0] from(%c0) valid(%n) columns(7) into %ring[%c0] : memref<?x8xbf16> -> tensor<2x16x8xbf16, #shared>
  // CHECK: tile.commit
  tile.commit
  // CHECK: tile.wait 0
  tile.wait 0
  // CHECK: tile.slot %[[RING]][%{{.*}}] : tensor<2x16x8xbf16, #[[$SHARED]]> -> tensor<16x8xbf16, #[[$SHARED]]>
  %t = tile.slot %ring[%c0] : tensor<2x16x8xbf16, #shared> -> tensor<16x8xbf16, #shared>
  // CHECK: tile.convert %{{.*}} : tensor<16x8xbf16, #[[$SHARED]]> -> tensor<16x8xbf16, #[[$LAYOUT]]>
  %r = tile.convert %t : tensor<16x8xbf16, #shared> -> tensor<16x8xbf16, #layout>
  // CHECK: tile.barrier
  tile.barrier
  // CHECK: tensor<1xf32, #[[$COPIES]]>
  %one = arith.constant dense<1.0> : tensor<1xf32, #copies>
  tile.return
}
