// RUN: hybrid-opt --load-pass-plugin=%plugins/expand-glu.so --pass-pipeline="builtin.module(expand-glu)" %s | FileCheck %s

// A gate and its partner in one tensor are taken apart; the product of both parts stays.
// CHECK-LABEL: func.func @halves
// CHECK-DAG: %[[GATE:.*]] = tensor.extract_slice %{{.*}}[0, 0]
// CHECK-DAG: %[[UP:.*]] = tensor.extract_slice %{{.*}}[0, 8]
// CHECK: linalg.generic {{.*}} ins(%[[GATE]]
// CHECK: math.exp
// CHECK: linalg.generic {{.*}}%[[UP]]
// CHECK: arith.mulf
// CHECK-NOT: hybrid.glu
func.func @halves(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  %y = hybrid.glu %x : tensor<?x16xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// What the pattern does not cover stays as it is.
// CHECK-LABEL: func.func @clamped
// CHECK: hybrid.glu {{.*}}clamp = 7
func.func @clamped(%g: tensor<?x8xf32>, %u: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = hybrid.glu %g, %u {clamp = 7.0 : f64} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
