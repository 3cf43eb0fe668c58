// y = x weight^T + bias + residual, rows of x beyond %rows are dead.
tile.kernel @gemm(%x: memref<?x256xbf16>, %weight: memref<256x256xbf16>, %bias: memref<256xf32>, %residual: memref<?x256xbf16>,
    %y: memref<?x256xbf16> {tile.written}, %rows: index) {
  %bx = tile.block_id x
  %by = tile.block_id y
  %c0 = arith.constant 0 : index
  %bm = arith.constant 128 : index
  %bn = arith.constant 128 : index
  %bk = arith.constant 64 : index
  %k = arith.constant 256 : index
  %r = arith.muli %bx, %bm : index
  %c = arith.muli %by, %bn : index
  %left = arith.subi %rows, %r : index
  %zero = arith.constant dense<0.0> : tensor<128x128xf32>
  %acc = scf.for %i = %c0 to %k step %bk iter_args(%a = %zero) -> tensor<128x128xf32> {
    %xt = tile.load %x[%r, %i] valid(%left) : memref<?x256xbf16> -> tensor<128x64xbf16>
    %wt = tile.load %weight[%c, %i] : memref<256x256xbf16> -> tensor<128x64xbf16>
    %next = tile.dot %xt, %wt, %a {transpose_b} : tensor<128x64xbf16>, tensor<128x64xbf16> -> tensor<128x128xf32>
    scf.yield %next : tensor<128x128xf32>
  }
  %bv = tile.load %bias[%c] : memref<256xf32> -> tensor<128xf32>
  %bw = tile.broadcast %bv along 0 : tensor<128xf32> -> tensor<128x128xf32>
  %rt = tile.load %residual[%r, %c] valid(%left) : memref<?x256xbf16> -> tensor<128x128xbf16>
  %rf = arith.extf %rt : tensor<128x128xbf16> to tensor<128x128xf32>
  %s0 = arith.addf %acc, %bw : tensor<128x128xf32>
  %s1 = arith.addf %s0, %rf : tensor<128x128xf32>
  %q = arith.truncf %s1 : tensor<128x128xf32> to tensor<128x128xbf16>
  tile.store %q, %y[%r, %c] valid(%left) : tensor<128x128xbf16>, memref<?x256xbf16>
  tile.return
}
