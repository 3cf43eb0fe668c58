func.func private @unused(%x: tensor<9x16xf32>, %y: tensor<9x16xf32>) -> tensor<9x16xf32> {
  %0 = hybrid.glu %x, %y : tensor<9x16xf32>, tensor<9x16xf32> -> tensor<9x16xf32>
  return %0 : tensor<9x16xf32>
}
func.func @norms(%x: tensor<9x16xf32>) -> tensor<9x16xf32> {
  %0 = hybrid.norm %x : tensor<9x16xf32> {kind = #hybrid.norm_kind<rms>, eps = 1.0e-5 : f64} -> tensor<9x16xf32>
  %1 = hybrid.norm %x : tensor<9x16xf32> {kind = #hybrid.norm_kind<l2>, eps = 0.0 : f64} -> tensor<9x16xf32>
  return %1 : tensor<9x16xf32>
}
