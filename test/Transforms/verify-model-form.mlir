// RUN: hybridc %source/test/Inputs/oracle/falcon_h1 --emit=model > %t.mlir
// RUN: hybrid-opt %t.mlir --hybrid-verify-model-form -o /dev/null
// RUN: hybrid-opt %s --hybrid-verify-model-form | FileCheck %s

// A parameter may hold its value; a cache may come back as it is.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  ml_program.global private @embedding(dense<0.0> : tensor<8x4xf32>) : tensor<8x4xf32>
  // CHECK-LABEL: func.func @append
  func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>,
                    %c: !hybrid.cache<conv_taps, [4, 3], f32> {hybrid.name = "c"})
      -> (tensor<?x8xf32>, !hybrid.cache<conv_taps, [4, 3], f32>) attributes {hybrid.entry} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %rows, %c0 : tensor<?xi32>
    %logits = tensor.empty(%n) : tensor<?x8xf32>
    return %logits, %c : tensor<?x8xf32>, !hybrid.cache<conv_taps, [4, 3], f32>
  }
}
