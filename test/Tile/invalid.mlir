// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected argument 0 to be an index or a memref of rank 1 or 2 with a static inner dim, got 'memref<?x?xf32>'}}
tile.kernel @kernel_c1_inner_dim(%x: memref<?x?xf32>) {
  tile.return
}

// -----

// expected-error @+1 {{expected no results, got 1}}
"tile.kernel"() <{sym_name = "kernel_c2_no_results", function_type = () -> f32}> ({
  "tile.return"() : () -> ()
}) : () -> () // @kernel_c2_no_results

// -----

tile.kernel @kernel_c3_written(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  %t = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected a memory marked 'tile.written', got argument 0}}
  tile.store %t, %x[%i, %i] : tensor<4x8xf32>, memref<?x8xf32>
  tile.return
}

// -----

// expected-error @+1 {{expected a body of one block, got 2}}
"tile.kernel"() <{sym_name = "kernel_c4_one_block", function_type = () -> ()}> ({
  "tile.return"() : () -> ()
^bb1(%m: memref<?x8xf32>):
  "tile.return"() : () -> ()
}) : () -> () // @kernel_c4_one_block

// -----

tile.kernel @kernel_c5_rank(%i: index) {
  // expected-error @+1 {{expected tiles of rank 1 to 3 with 1 to 16777216 integers or floats in a kernel, got 'tensor<f32>'}}
  %t = arith.constant dense<0.0> : tensor<f32>
  tile.return
}

// -----

tile.kernel @kernel_c5_empty(%i: index) {
  // expected-error @+1 {{expected tiles of rank 1 to 3 with 1 to 16777216 integers or floats in a kernel, got 'tensor<0x8xf32>'}}
  %t = arith.constant dense<0.0> : tensor<0x8xf32>
  tile.return
}

// -----

tile.kernel @kernel_c5_large(%i: index) {
  // expected-error @+1 {{expected tiles of rank 1 to 3 with 1 to 16777216 integers or floats in a kernel, got 'tensor<4097x4096xf32>'}}
  %t = arith.constant dense<0.0> : tensor<4097x4096xf32>
  tile.return
}

// -----

tile.kernel @load_c1_indices(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  // expected-error @+1 {{expected 2 indices, one per dim of the memory, got 1}}
  %t = tile.load %x[%i] : memref<?x8xf32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @load_c2_element_type(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  // expected-error @+1 {{expected a tile of 'f32' like the memory, got 'bf16'}}
  %t = tile.load %x[%i, %i] : memref<?x8xf32> -> tensor<4x8xbf16>
  tile.return
}

// -----

tile.kernel @load_c3_rank(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  // expected-error @+1 {{expected a tile of rank 2 or 1, got rank 3}}
  %t = tile.load %x[%i, %i] : memref<?x8xf32> -> tensor<1x4x8xf32>
  tile.return
}

// -----

tile.kernel @load_c4_columns(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  // expected-error @+1 {{expected valid columns between 1 and the columns of a tile of rank 2, got 9}}
  %t = tile.load %x[%i, %i] columns(9) : memref<?x8xf32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @gather_c1_rank(%x: memref<?x8xf32>, %v: memref<?xf32>, %r: memref<?xi32>, %i: index) {
  %n = arith.constant dense<0> : tensor<4xi32>
  // expected-error @+1 {{expected a memory and a tile of rank 2 and one element type, got 'memref<?xf32>' and 'tensor<4x8xf32>'}}
  %t = tile.gather %v[%n, %i] : memref<?xf32>, tensor<4xi32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @gather_c2_row_numbers(%x: memref<?x8xf32>, %v: memref<?xf32>, %r: memref<?xi32>, %i: index) {
  %n = arith.constant dense<0> : tensor<5xi32>
  // expected-error @+1 {{expected 4 row numbers, got 'tensor<5xi32>'}}
  %t = tile.gather %x[%n, %i] : memref<?x8xf32>, tensor<5xi32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @store_c1_indices(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  %t = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected 2 indices, one per dim of the memory, got 1}}
  tile.store %t, %y[%i] : tensor<4x8xf32>, memref<?x8xf32>
  tile.return
}

// -----

tile.kernel @store_c2_written(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %i: index) {
  %t = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected a memory marked 'tile.written', got argument 0}}
  tile.store %t, %x[%i, %i] : tensor<4x8xf32>, memref<?x8xf32>
  tile.return
}

// -----

tile.kernel @dot_c1_sizes() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  %b = arith.constant dense<0.0> : tensor<6x2xf32>
  %z = arith.constant dense<0.0> : tensor<4x2xf32>
  // expected-error @+1 {{expected [4, 8] times [8, 2] into [4, 2], got [6, 2] and 'tensor<4x2xf32>'}}
  %c = tile.dot %a, %b, %z : tensor<4x8xf32>, tensor<6x2xf32> -> tensor<4x2xf32>
  tile.return
}

// -----

tile.kernel @dot_c2_element_types() {
  %a = arith.constant dense<0.0> : tensor<4x8xbf16>
  %b = arith.constant dense<0.0> : tensor<8x2xf32>
  %z = arith.constant dense<0.0> : tensor<4x2xf32>
  // expected-error @+1 {{expected 'a' of the element type of 'b' or f32, got 'bf16' and 'f32'}}
  %c = tile.dot %a, %b, %z : tensor<4x8xbf16>, tensor<8x2xf32> -> tensor<4x2xf32>
  tile.return
}

// -----

tile.kernel @transpose_c1_shape() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected the transposed type of 'tensor<4x8xf32>', got 'tensor<4x8xf32>'}}
  %c = tile.transpose %a : tensor<4x8xf32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @broadcast_c1_axis() {
  %a = arith.constant dense<0.0> : tensor<8xf32>
  // expected-error @+1 {{expected axis 0 or 1, got 2}}
  %c = tile.broadcast %a along 2 : tensor<8xf32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @broadcast_c2_length() {
  %a = arith.constant dense<0.0> : tensor<8xf32>
  // expected-error @+1 {{expected a vector of 4 'f32', got 'tensor<8xf32>'}}
  %c = tile.broadcast %a along 1 : tensor<8xf32> -> tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @index_c1_axis() {
  // expected-error @+1 {{expected an axis below 2, got 2}}
  %c = tile.index 2 : tensor<4x8xi32>
  tile.return
}

// -----

tile.kernel @reduce_c1_axis() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected a tile of rank 2 and axis 0 or 1, got 'tensor<4x8xf32>' and axis 2}}
  %c = tile.reduce <sum> %a along 2 : tensor<4x8xf32> -> tensor<8xf32>
  tile.return
}

// -----

tile.kernel @reduce_c2_result() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected a result of 8 values, got 'tensor<4xf32>'}}
  %c = tile.reduce <sum> %a along 0 : tensor<4x8xf32> -> tensor<4xf32>
  tile.return
}

// -----

tile.kernel @prefix_sum_c1_vector() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected a vector, got 'tensor<4x8xf32>'}}
  %c = tile.prefix_sum %a : tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @segment_sum_c1_result() {
  %a = arith.constant dense<0.0> : tensor<8xf32>
  // expected-error @+1 {{expected a vector of n and a result of [n, n], got 'tensor<8xf32>' and 'tensor<8x4xf32>'}}
  %c = tile.segment_sum %a : tensor<8xf32> -> tensor<8x4xf32>
  tile.return
}

// -----

tile.kernel @solve_c1_sizes() {
  %a = arith.constant dense<0.0> : tensor<4x8xf32>
  // expected-error @+1 {{expected 'l' [n, n] and 'rhs' [n, m], got 'tensor<4x8xf32>' and 'tensor<4x8xf32>'}}
  %c = tile.solve %a, %a : tensor<4x8xf32>, tensor<4x8xf32>
  tile.return
}

// -----

tile.kernel @dot_c1_ranks() {
  %a = arith.constant dense<0.0> : tensor<8xf32>
  %b = arith.constant dense<0.0> : tensor<8x8xf32>
  // expected-error @+1 {{expected operands of rank 2, got 'tensor<8xf32>', 'tensor<8x8xf32>', 'tensor<8x8xf32>'}}
  %c = tile.dot %a, %b, %b : tensor<8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  tile.return
}
