// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

func.func @rotary_c1_same_shape(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 4, 16], got 'tensor<9x4x8xf32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) -> tensor<9x4x8xf32>
  return
}

// -----

func.func @rotary_c2_positions_or_angles(%x: tensor<9x4x16xf32>) {
  // expected-error @+1 {{expected either 'positions' or 'angles', got neither}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c3_shape_of_positions(%x: tensor<9x4x16xf32>, %p: tensor<8xi32>) {
  // expected-error @+1 {{expected 'positions' to have shape [9], got 'tensor<8xi32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<8xi32>) -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c4_rotary_dim(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'rotary_dim' to be even and between 2 and 16, got 32}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {rotary_dim = 32 : i64} ->
    tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c5_shape_of_angles(%x: tensor<9x4x16xf32>, %p: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'angles' to have shape [9, 8] or [9, 4, 8], got 'tensor<9x16xf32>'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> angles(%p : tensor<9x16xf32>) -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c5_angles_have_no_scaling(%x: tensor<9x4x16xf32>, %p: tensor<9x8xf32>) {
  // expected-error @+1 {{expected scaling 'none' with 'angles', got 'linear'}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> angles(%p : tensor<9x8xf32>) {scaling = #hybrid.rope_scaling<linear>}
    -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_theta(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'theta' above 1, 'factor' and 'original_context' above 0, got 0.000000e+00, 1.000000e+00 and 8192}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {theta = 0.0 : f64} -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_llama3(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'high_freq_factor' above 'low_freq_factor' (4.000000e+00), got 4.000000e+00}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {scaling = #hybrid.rope_scaling<llama3>,
    low_freq_factor = 4.0 : f64} -> tensor<9x4x16xf32>
  return
}

// -----

func.func @rotary_c6_yarn(%x: tensor<9x4x16xf32>, %p: tensor<9xi32>) {
  // expected-error @+1 {{expected 'beta_fast' above 'beta_slow' above 0, got 1.000000e+00 and 1.000000e+00}}
  %y = hybrid.rotary %x : tensor<9x4x16xf32> positions(%p : tensor<9xi32>) {scaling = #hybrid.rope_scaling<yarn>,
    beta_fast = 1.0 : f64} -> tensor<9x4x16xf32>
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

func.func @norm_c1_same_shape(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64} -> tensor<9x8xf32>
  return
}

// -----

func.func @norm_c2_shape_of_weight(%x: tensor<9x16xf32>, %w: tensor<9xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [16], got 'tensor<9xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> weight(%w : tensor<9xf32>) {eps = 0.0 : f64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c3_shape_of_gate(%x: tensor<9x16xf32>, %w: tensor<9x1xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 16], got 'tensor<9x1xf32>'}}
  %y = hybrid.norm %x : tensor<9x16xf32> gate(%w : tensor<9x1xf32>) {eps = 0.0 : f64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c4_sum_needs_residual(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'residual' for the result 'sum', got none}}
  %y:2 = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64} -> tensor<9x16xf32>, tensor<9x16xf32>
  return
}

// -----

func.func @norm_c5_groups(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'groups' to divide the last dim (16), got 3}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = 0.0 : f64, groups = 3 : i64} -> tensor<9x16xf32>
  return
}

// -----

func.func @norm_c6_eps(%x: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'eps' not to be negative, got -1.000000e+00}}
  %y = hybrid.norm %x : tensor<9x16xf32> {eps = -1.0 : f64} -> tensor<9x16xf32>
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

// -----

func.func @glu_c1_same_shape(%g: tensor<9x8xf32>, %u: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'up' to have shape [9, 8], got 'tensor<9x16xf32>'}}
  %y = hybrid.glu %g, %u : tensor<9x8xf32>, tensor<9x16xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @glu_c2_two_halves(%g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.glu %g : tensor<9x8xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @glu_c3_clamp(%g: tensor<9x16xf32>) {
  // expected-error @+1 {{expected 'clamp' to be positive, got -1.000000e+00}}
  %y = hybrid.glu %g {clamp = -1.0 : f64} : tensor<9x16xf32> -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c1_two_branches(%b0: tensor<9x8xf32>, %g: tensor<9x1xf32>) {
  // expected-error @+1 {{expected two branches for kind 'lerp', got 1}}
  %y = hybrid.fuse <lerp>(%b0 : tensor<9x8xf32>) gate(%g : tensor<9x1xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c1_a_branch() {
  // expected-error @+1 {{expected at least one branch, got 0}}
  %y = "hybrid.fuse"() {kind = #hybrid.fuse_kind<add>, operandSegmentSizes = array<i32: 0, 0, 0, 0, 0, 0>}
    : () -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c2_rank_of_branches(%b0: tensor<9x8xf32>, %b1: tensor<9x2x4xf32>) {
  // expected-error @+1 {{expected 'branches' to have shape [9, n], got 'tensor<9x2x4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x2x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c3_norm_weights(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{expected none or 2 'norm_weights', got 1}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) norm_weights(%w : tensor<8xf32>) {norm} ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c3_weights_need_norm(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{expected no 'norm_weights' without 'norm', got 2}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) norm_weights(%w, %w : tensor<8xf32>,
    tensor<8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c4_shape_of_scales(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{expected 'scales' to have shape [8] or [1], got 'tensor<4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) scales(%w, %w : tensor<4xf32>, tensor<4xf32>)
    -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c4_factors(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected none or 2 'factors', got 1}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) {factors = array<f64: 1.0>} -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c5_shape_of_projections(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{expected 'projections' to have shape [n, 8], got 'tensor<8x4xf32>'}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) projections(%w, %w : tensor<8x4xf32>,
    tensor<8x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c5_joint_projection(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @+1 {{expected 'projections' to have shape [n, 16], got 'tensor<8x8xf32>'}}
  %y = hybrid.fuse <concat>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) projections(%w : tensor<8x8xf32>) ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c6_one_width(%b0: tensor<9x8xf32>, %b1: tensor<9x4xf32>) {
  // expected-error @+1 {{expected branches of one width (8), got 4}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c7_gate(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' exactly for kinds 'lerp' and 'gate', got none for 'gate'}}
  %y = hybrid.fuse <gate>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c7_shape_of_gate(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>, %g: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'gate' to have shape [9, 2], got 'tensor<9x8xf32>'}}
  %y = hybrid.fuse <gate>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) gate(%g : tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c8_normalisers(%b0: tensor<9x2x4xf32>, %b1: tensor<9x2x4xf32>) {
  // expected-error @+1 {{expected one of 'normalisers' per branch and no projection exactly for kind 'normaliser', got 0 and 0 for 'normaliser'}}
  %y = hybrid.fuse <normaliser>(%b0, %b1 : tensor<9x2x4xf32>, tensor<9x2x4xf32>) -> tensor<9x2x4xf32>
  return
}

// -----

func.func @fuse_c9_norm_groups(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'norm_groups' to divide each branch's width (8), got 3}}
  %y = hybrid.fuse <add>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) {norm, norm_groups = 3 : i64} ->
    tensor<9x8xf32>
  return
}

// -----

func.func @fuse_c10_shape_of_y(%b0: tensor<9x8xf32>, %b1: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'y' to have shape [9, 16], got 'tensor<9x8xf32>'}}
  %y = hybrid.fuse <concat>(%b0, %b1 : tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @cross_entropy_c1_shape_of_projection(%x: tensor<9x8xf32>, %p: tensor<8x50xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'projection' to have shape [n, 8], got 'tensor<8x50xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<8x50xf32>, tensor<9xi32> -> tensor<9xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c2_shape_of_targets(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<8xi32>) {
  // expected-error @+1 {{expected 'targets' to have shape [9], got 'tensor<8xi32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<8xi32> -> tensor<9xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c3_shape_of_teacher(
    %x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>, %l: tensor<9x8xf32>) {
  // expected-error @+1 {{expected 'teacher' to have shape [9, 50], got 'tensor<9x8xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> teacher(%l :
    tensor<9x8xf32>) -> tensor<9xf32>, tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c4_shape_of_loss(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'loss' to have shape [9], got 'tensor<9x1xf32>'}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> -> tensor<9x1xf32>,
    tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c5_softcap(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'softcap' to be positive, got 0}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> {softcap = 0.0 : f64} ->
    tensor<9xf32>, tensor<9xf32>
  return
}

// -----

func.func @cross_entropy_c5_z_loss(%x: tensor<9x8xf32>, %p: tensor<50x8xf32>, %t: tensor<9xi32>) {
  // expected-error @+1 {{expected 'z_loss' not to be negative, got -1.000000e+00}}
  %y:2 = hybrid.cross_entropy %x, %p, %t : tensor<9x8xf32>, tensor<50x8xf32>, tensor<9xi32> {z_loss = -1.0 : f64} ->
    tensor<9xf32>, tensor<9xf32>
  return
}
