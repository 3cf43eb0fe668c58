// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

// Ranks and dims that ops over rows need.

func.func @causal_conv1d_c2_some_tap(%x: tensor<9x8xf32>, %w: tensor<8x0xf32>) {
  // expected-error @+1 {{expected 'taps' to have at least one tap, got 0}}
  %y, %l = hybrid.causal_conv1d %x, %w : tensor<9x8xf32>, tensor<8x0xf32> -> tensor<9x8xf32>, tensor<1x3x8xf32>
  return
}

// -----

func.func @norm_c1_some_dim(%x: tensor<f32>) {
  // expected-error @+1 {{expected 'x' to have at least one dim, got 'tensor<f32>'}}
  %y = hybrid.norm %x : tensor<f32> {eps = 0.0 : f64} -> tensor<f32>
  return
}

// -----

func.func @norm_c1_static_dims(%x: tensor<9x?x16xf32>) {
  // expected-error @+1 {{expected dim 1 of 'x' to be static, got 'tensor<9x?x16xf32>'}}
  %y = hybrid.norm %x : tensor<9x?x16xf32> {eps = 0.0 : f64} -> tensor<9x?x16xf32>
  return
}

// -----

func.func @norm_c1_static_width(%x: tensor<?xf32>) {
  // expected-error @+1 {{expected the last dim of 'x' to be static, got 'tensor<?xf32>'}}
  %y = hybrid.norm %x : tensor<?xf32> {eps = 0.0 : f64} -> tensor<?xf32>
  return
}

// -----

func.func @glu_c1_same_rank(%g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' and 'y' of one rank above 0, got 'tensor<9x8xf32>' and 'tensor<8xf32>'}}
  %y = hybrid.glu %g : tensor<9x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @glu_c1_static_width(%g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected the last dim of 'y' to be static, got 'tensor<9x?xf32>'}}
  %y = hybrid.glu %g : tensor<9x8xf32> -> tensor<9x?xf32>
  return
}
