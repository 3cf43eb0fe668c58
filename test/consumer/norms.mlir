func.func @two(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %0 = hybrid.norm %x : tensor<?x64xf32> weight(%w : tensor<64xf32>) {kind = #hybrid.norm_kind<rms>, eps = 1.0e-5 : f64}
    -> tensor<?x64xf32>
  %1 = hybrid.norm %0 : tensor<?x64xf32> {kind = #hybrid.norm_kind<l2>, eps = 0.0 : f64} -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
