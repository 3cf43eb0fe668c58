// y = x weight^T + bias + residual, rows of x beyond %rows are dead.
tile.kernel @gemm(%x: memref<?x128xf16>, %weight: memref<128x128xf16>, %bias: memref<128xf32>, %residual: memref<?x128xf16>,
    %y: memref<?x128xf16> {tile.written}, %rows: index) {
  %bx = tile.block_id x
  %by = tile.block_id y
  %c0 = arith.constant 0 : index
  %bm = arith.constant 64 : index
  %bn = arith.constant 64 : index
  %bk = arith.constant 32 : index
  %k = arith.constant 128 : index
  %r = arith.muli %bx, %bm : index
  %c = arith.muli %by, %bn : index
  %left = arith.subi %rows, %r : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %acc = scf.for %i = %c0 to %k step %bk iter_args(%a = %zero) -> tensor<64x64xf32> {
    %xt = tile.load %x[%r, %i] valid(%left) : memref<?x128xf16> -> tensor<64x32xf16>
    %wt = tile.load %weight[%c, %i] : memref<128x128xf16> -> tensor<64x32xf16>
    %next = tile.dot %xt, %wt, %a {transpose_b} : tensor<64x32xf16>, tensor<64x32xf16> -> tensor<64x64xf32>
    scf.yield %next : tensor<64x64xf32>
  }
  %bv = tile.load %bias[%c] : memref<128xf32> -> tensor<64xf32>
  %bw = tile.broadcast %bv along 0 : tensor<64xf32> -> tensor<64x64xf32>
  %rt = tile.load %residual[%r, %c] valid(%left) : memref<?x128xf16> -> tensor<64x64xf16>
  %rf = arith.extf %rt : tensor<64x64xf16> to tensor<64x64xf32>
  %s0 = arith.addf %acc, %bw : tensor<64x64xf32>
  %s1 = arith.addf %s0, %rf : tensor<64x64xf32>
  %q = arith.truncf %s1 : tensor<64x64xf32> to tensor<64x64xf16>
  tile.store %q, %y[%r, %c] valid(%left) : tensor<64x64xf16>, memref<?x128xf16>
  tile.return
}
