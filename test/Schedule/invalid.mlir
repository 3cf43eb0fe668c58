// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected limits of 0 (none) or more, got -1}}
schedule.variant "score" "variant_c1_limits" limits(-1, 0, 0) { // @variant_c1_limits
}

// -----

// expected-error @+1 {{expected only ops of the schedule dialect, got 'arith.constant'}}
schedule.variant "score" "variant_c2_ops" limits(0, 0, 0) { // @variant_c2_ops
  %c = arith.constant 0 : index
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}
schedule.variant "score" "launch_c1_kernel" limits(0, 0, 0) { // @launch_c1_kernel
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected a kernel named 'absent', found none}}
  schedule.launch @absent grid(#schedule.extent<symbol = "tokens">) (%x, %x) scalars(#schedule.extent<symbol = "tokens">) label("l") : memref<?x8xf32>, memref<?x8xf32>
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}
schedule.variant "score" "launch_c2_operands" limits(0, 0, 0) { // @launch_c2_operands
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected 2 operands and 1 scalars, got 1 and 1}}
  schedule.launch @copy grid(#schedule.extent<symbol = "tokens">) (%x) scalars(#schedule.extent<symbol = "tokens">) label("l") : memref<?x8xf32>
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}
schedule.variant "score" "launch_c3_grid" limits(0, 0, 0) { // @launch_c3_grid
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected one to three extents of the grid, got 4}}
  schedule.launch @copy grid(#schedule.extent<symbol = "tokens">, #schedule.extent<symbol = "tokens">, #schedule.extent<symbol = "tokens">, #schedule.extent<symbol = "tokens">) (%x, %x) scalars(#schedule.extent<symbol = "tokens">) label("l") : memref<?x8xf32>, memref<?x8xf32>
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}) {
  tile.return
}
schedule.variant "score" "launch_c2_elements" limits(0, 0, 0) { // @launch_c2_elements
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xbf16>
  // expected-error @+1 {{expected operand 0 of elements like 'memref<?x8xf32>', got 'memref<?x8xbf16>'}}
  schedule.launch @copy grid(#schedule.extent<symbol = "tokens">) (%x, %x) scalars() label("l") : memref<?x8xbf16>, memref<?x8xbf16>
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>) {
  tile.return
}
schedule.variant "score" "launch_c3_extents" limits(0, 0, 0) { // @launch_c3_extents
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected #schedule.extent, got 5 : i64}}
  schedule.launch @copy grid(5) (%x) scalars() label("l") : memref<?x8xf32>
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}
schedule.variant "score" "launch_c3_grid_kind" limits(0, 0, 0) { // @launch_c3_grid_kind
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected 'grid' to be a list of #schedule.extent, got 1 : i64}}
  "schedule.launch"(%x, %x) <{kernel = @copy, grid = [1 : i64], scalars = [#schedule.extent<symbol = "tokens">], label = "l"}> : (memref<?x8xf32>, memref<?x8xf32>) -> ()
}

// -----

tile.kernel @copy(%x: memref<?x8xf32>, %y: memref<?x8xf32> {tile.written}, %n: index) {
  tile.return
}
schedule.variant "score" "launch_c3_scalars_kind" limits(0, 0, 0) { // @launch_c3_scalars_kind
  %x = schedule.buffer "x" rows(tokens) : memref<?x8xf32>
  // expected-error @+1 {{expected 'scalars' to be a list of #schedule.extent, got "n"}}
  "schedule.launch"(%x, %x) <{kernel = @copy, grid = [#schedule.extent<symbol = "tokens">], scalars = ["n"], label = "l"}> : (memref<?x8xf32>, memref<?x8xf32>) -> ()
}
