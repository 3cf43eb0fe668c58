// RUN: hybrid-opt %s --hybrid-verify-block-form -split-input-file -verify-diagnostics

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}) {
  tile.return
}
schedule.variant "score" "bulk" limits(0, 0, 0) {
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  %y = schedule.input logits : memref<?x8xf32>
  // expected-error @+1 {{expected operand 0 to be written by an earlier launch}}
  schedule.launch @copy grid(#schedule.extent<symbol = "tokens">) (%x, %y) scalars() label("a") : memref<?x8xf32>, memref<?x8xf32>
}

// -----

tile.kernel @fill(%y: memref<?x8xf32> {tile.written}) {
  tile.return
}
schedule.variant "score" "bulk" limits(0, 0, 0) {
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  schedule.launch @fill grid(#schedule.extent<symbol = "tokens">) (%x) scalars() label("a") : memref<?x8xf32>
  // expected-error @+1 {{expected each buffer to be written by one launch, but operand 0 was written before}}
  schedule.launch @fill grid(#schedule.extent<symbol = "tokens">) (%x) scalars() label("a") : memref<?x8xf32>
}

// -----

// expected-error @+1 {{expected a launch that writes the logits}}
schedule.variant "score" "bulk" limits(0, 0, 0) {
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
}

// -----

tile.kernel @odd(%n: index) {
  // expected-error @+1 {{expected ops of arith, math, scf and tile, tensor.splat or memref.load in a kernel}}
  %t = tensor.empty() : tensor<4xf32>
  tile.return
}

// -----

// expected-error @+1 {{expected only kernels, variants and parameters in the block form}}
func.func @other() {
  return
}
