// RUN: hybrid-opt %s --hybrid-decompose-fuse -verify-diagnostics

func.func @lerp(%a: tensor<?x6xf32>, %b: tensor<?x6xf32>, %g: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @+1 {{a join by 'lerp' with 0 projections is not built for kernels}}
  %y = hybrid.fuse <lerp>(%a, %b : tensor<?x6xf32>, tensor<?x6xf32>) gate(%g : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
