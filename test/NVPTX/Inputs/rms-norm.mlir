// y = x / sqrt(mean(x^2) + 1e-5) * weight, rows of 256, four rows a block.
tile.kernel @rms_norm(%x: memref<?x256xbf16>, %weight: memref<256xf32>, %y: memref<?x256xbf16> {tile.written}, %rows: index) {
  %b = tile.block_id x
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %r = arith.muli %b, %c4 : index
  %left = arith.subi %rows, %r : index
  %t = tile.load %x[%r, %c0] valid(%left) : memref<?x256xbf16> -> tensor<4x256xbf16>
  %f = arith.extf %t : tensor<4x256xbf16> to tensor<4x256xf32>
  %sq = arith.mulf %f, %f : tensor<4x256xf32>
  %sum = tile.reduce <sum> %sq along 1 : tensor<4x256xf32> -> tensor<4xf32>
  %scale = arith.constant dense<0.00390625> : tensor<4xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<4xf32>
  %mean = arith.mulf %sum, %scale : tensor<4xf32>
  %shifted = arith.addf %mean, %eps : tensor<4xf32>
  %inv = math.rsqrt %shifted : tensor<4xf32>
  %wide = tile.broadcast %inv along 1 : tensor<4xf32> -> tensor<4x256xf32>
  %w = tile.load %weight[%c0] : memref<256xf32> -> tensor<256xf32>
  %ww = tile.broadcast %w along 0 : tensor<256xf32> -> tensor<4x256xf32>
  %n = arith.mulf %f, %wide : tensor<4x256xf32>
  %o = arith.mulf %n, %ww : tensor<4x256xf32>
  %q = arith.truncf %o : tensor<4x256xf32> to tensor<4x256xbf16>
  tile.store %q, %y[%r, %c0] valid(%left) : tensor<4x256xbf16>, memref<?x256xbf16>
  tile.return
}
