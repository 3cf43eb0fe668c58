// A product whose pipelined loads fit the shared memory of sm_90a four iterations deep, and that of sm_80 only shallower.
tile.kernel @deep_loads(%x: memref<?x384xf32>, %w: memref<384x48xf32>, %y: memref<16x48xf32> {tile.written}, %rows: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %b = tile.load %w[%c0, %c0] : memref<384x48xf32> -> tensor<384x48xf32>
  %zero = arith.constant dense<0.0> : tensor<16x48xf32>
  %sum = scf.for %r = %c0 to %rows step %c16 iter_args(%acc = %zero) -> (tensor<16x48xf32>) {
    %a = tile.load %x[%r, %c0] : memref<?x384xf32> -> tensor<16x384xf32>
    %next = tile.dot %a, %b, %acc : tensor<16x384xf32>, tensor<384x48xf32> -> tensor<16x48xf32>
    scf.yield %next : tensor<16x48xf32>
  }
  tile.store %sum, %y[%c0, %c0] : tensor<16x48xf32>, memref<16x48xf32>
  tile.return
}
