// RUN: hybrid-opt %s --hybrid-decompose-fuse | FileCheck %s

// Separate projections: two products and a subtraction, nothing concatenated.
// CHECK-LABEL: func @separate
func.func @separate(%a: tensor<?x6xf32>, %b: tensor<?x4xf32>, %wa: tensor<2x6xf32>, %wb: tensor<2x4xf32>) -> tensor<?x2xf32> {
  // CHECK: %[[A:.*]] = linalg.matmul {{.*}}tensor<2x6xf32>
  // CHECK: %[[B:.*]] = linalg.matmul {{.*}}tensor<2x4xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[A]], %[[B]]
  // CHECK: arith.subf
  // CHECK-NOT: hybrid.fuse
  %y = hybrid.fuse <sub>(%a, %b : tensor<?x6xf32>, tensor<?x4xf32>) projections(%wa, %wb : tensor<2x6xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// A joint projection is read one branch's columns at a time; norms stay ops of their own.
// CHECK-LABEL: func @joint
func.func @joint(%a: tensor<?x6xf32>, %b: tensor<?x4xf32>, %w: tensor<2x10xf32>) -> tensor<?x2xf32> {
  // CHECK-COUNT-2: hybrid.norm
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [2, 6]
  // CHECK: linalg.matmul
  // CHECK: tensor.extract_slice %{{.*}}[0, 6] [2, 4]
  // CHECK: linalg.matmul
  // CHECK: arith.addf
  %y = hybrid.fuse <concat>(%a, %b : tensor<?x6xf32>, tensor<?x4xf32>) projections(%w : tensor<2x10xf32>) {norm} -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// What canonicalisation makes of a difference: blocks of columns with a sign each. It is the same two products.
// CHECK-LABEL: func @signs
func.func @signs(%a: tensor<?x6xf32>, %b: tensor<?x4xf32>, %wa: tensor<2x6xf32>, %wb: tensor<2x4xf32>) -> tensor<?x2xf32> {
  // CHECK-COUNT-2: linalg.matmul
  // CHECK: arith.subf
  %y = hybrid.fuse <concat>(%a, %b : tensor<?x6xf32>, tensor<?x4xf32>) projections(%wa, %wb : tensor<2x6xf32>, tensor<2x4xf32>) {factors = array<f64: 1.0, -1.0>} -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// The sum that a norm leaves beside its result is an addition in front of it; so is one that nobody else reads.
// CHECK-LABEL: func @residual
func.func @residual(%x: tensor<?x4xf32>, %r: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%arg0, %arg1
  // CHECK: arith.addf
  // CHECK: %[[Y:.*]] = hybrid.norm %[[SUM]] : tensor<?x4xf32> {eps = 1.000000e-05 : f64, kind = #hybrid.norm_kind<layer>} -> tensor<?x4xf32>
  %y, %sum = hybrid.norm %x : tensor<?x4xf32> residual(%r : tensor<?x4xf32>) {eps = 1.0e-5 : f64, kind = #hybrid.norm_kind<layer>} -> tensor<?x4xf32>, tensor<?x4xf32>
  // CHECK: %[[AGAIN:.*]] = linalg.generic
  // CHECK: %[[Z:.*]] = hybrid.norm %[[AGAIN]] : tensor<?x4xf32> {eps
  %z = hybrid.norm %x : tensor<?x4xf32> residual(%r : tensor<?x4xf32>) {eps = 1.0e-5 : f64} -> tensor<?x4xf32>
  // CHECK: return %[[Y]], %[[SUM]], %[[Z]]
  return %y, %sum, %z : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
