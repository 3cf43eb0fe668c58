// RUN: hybrid-opt %s | hybrid-opt | FileCheck %s
// RUN: hybrid-opt --mlir-print-op-generic %s | hybrid-opt | FileCheck %s

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}

ml_program.global private @w(#ml_program.extern : tensor<16x8xf32>) : tensor<16x8xf32>

// A variant for up to 16 tokens with everything that a schedule can name.
// CHECK: schedule.variant "append" "short" limits(16, 0, 1)
schedule.variant "append" "short" limits(16, 0, 1) {
  // CHECK: schedule.input ids : memref<?xi32>
  %ids = schedule.input ids : memref<?xi32>
  // CHECK: schedule.input tile_list list 16 : memref<?x4xi32>
  %tiles = schedule.input tile_list list 16 : memref<?x4xi32>
  // CHECK: schedule.param @w panels : memref<16x8xf32>
  %w = schedule.param @w panels : memref<16x8xf32>
  // CHECK: schedule.cache "blocks.1.mixer.attention.kv" part 1 : memref<?x64xf32>
  %kv = schedule.cache "blocks.1.mixer.attention.kv" part 1 : memref<?x64xf32>
  // CHECK: schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  %y = schedule.buffer "y" rows(tokens) : memref<?x8xf32>
  // CHECK: schedule.launch @copy grid (
  // CHECK-SAME: label("blocks.1") flops("2*tokens") fused ["norm"]
  schedule.launch @copy grid(#schedule.extent<symbol = "tokens", divisor = 8>) (%x, %y)
    scalars(#schedule.extent<symbol = "tokens">) label("blocks.1") flops("2*tokens") fused ["norm"]
    : memref<?x8xf32>, memref<?x8xf32>
}
