// RUN: hybrid-opt %s --hybrid-assign-layouts --hybrid-convert-tile-to-nvvm | FileCheck %s

// Memrefs become global pointers, scalars i64, in the kernel's order; the block's size is that of its warps. Rows that
// are not valid are neither read nor written.
// CHECK-LABEL: llvm.func @copy(
// CHECK-SAME: !llvm.ptr<1> {{.*}}, %{{.*}}: !llvm.ptr<1> {{.*}}, %{{.*}}: i64) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>
// CHECK-NOT: tile.load
// CHECK: llvm.inline_asm {{.*}}ld.global.nc.v4.b32
// CHECK: llvm.inline_asm {{.*}}st.global
// CHECK: llvm.return
tile.kernel @copy(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) attributes {tile.warps = 4 : i64} {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] valid(%n) : memref<?x64xf32> -> tensor<16x64xf32>
  tile.store %t, %y[%c0, %c0] valid(%n) : tensor<16x64xf32>, memref<?x64xf32>
  tile.return
}
