// Mamba-2 in chunks of 64 tokens, one head: state 64 x 64, y = C (decays (.) B' x dt) + decayed C state.
tile.kernel @scan(%x: memref<?x64xbf16>, %bm: memref<?x64xbf16>, %cm: memref<?x64xbf16>, %dt: memref<?x4xf32>,
    %z: memref<64x64xf32> {tile.written}, %y: memref<?x64xbf16> {tile.written}, %tokens: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zi = tile.load %z[%c0, %c0] : memref<64x64xf32> -> tensor<64x64xf32>
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %minus = arith.constant dense<-0.5> : tensor<64xf32>
  %zf = scf.for %t = %c0 to %tokens step %c64 iter_args(%s = %zi) -> (tensor<64x64xf32>) {
    %n = arith.subi %tokens, %t : index
    %xt = tile.load %x[%t, %c0] valid(%n) : memref<?x64xbf16> -> tensor<64x64xbf16>
    %bt = tile.load %bm[%t, %c0] valid(%n) : memref<?x64xbf16> -> tensor<64x64xbf16>
    %ct = tile.load %cm[%t, %c0] valid(%n) : memref<?x64xbf16> -> tensor<64x64xbf16>
    %dv = tile.load %dt[%t, %c1] valid(%n) : memref<?x4xf32> -> tensor<64xf32>
    %ld = arith.mulf %dv, %minus : tensor<64xf32>
    %seg = tile.segment_sum %ld : tensor<64xf32> -> tensor<64x64xf32>
    %decay = math.exp %seg : tensor<64x64xf32>
    %g = tile.dot %ct, %bt, %zero {transpose_b} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    %gd = arith.mulf %g, %decay : tensor<64x64xf32>
    %dr = tile.broadcast %dv along 0 : tensor<64xf32> -> tensor<64x64xf32>
    %gs = arith.mulf %gd, %dr : tensor<64x64xf32>
    %gb = arith.truncf %gs : tensor<64x64xf32> to tensor<64x64xbf16>
    %inner = tile.dot %gb, %xt, %zero : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    %before = tile.prefix_sum %ld : tensor<64xf32>
    %be = math.exp %before : tensor<64xf32>
    %bw = tile.broadcast %be along 1 : tensor<64xf32> -> tensor<64x64xf32>
    %sb = arith.truncf %s : tensor<64x64xf32> to tensor<64x64xbf16>
    %cs = tile.dot %ct, %sb, %zero : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    %outer = arith.mulf %cs, %bw : tensor<64x64xf32>
    %sum = arith.addf %inner, %outer : tensor<64x64xf32>
    %yb = arith.truncf %sum : tensor<64x64xf32> to tensor<64x64xbf16>
    tile.store %yb, %y[%t, %c0] valid(%n) : tensor<64x64xbf16>, memref<?x64xbf16>
    %after = tile.prefix_sum %ld {suffix} : tensor<64xf32>
    %ae = math.exp %after : tensor<64xf32>
    %as = arith.mulf %ae, %dv : tensor<64xf32>
    %aw = tile.broadcast %as along 1 : tensor<64xf32> -> tensor<64x64xf32>
    %bf = arith.extf %bt : tensor<64x64xbf16> to tensor<64x64xf32>
    %bd = arith.mulf %bf, %aw : tensor<64x64xf32>
    %bb = arith.truncf %bd : tensor<64x64xf32> to tensor<64x64xbf16>
    %lw = tile.broadcast %ld along 1 : tensor<64xf32> -> tensor<64x64xf32>
    %all = tile.reduce <sum> %lw along 0 : tensor<64x64xf32> -> tensor<64xf32>
    %ax = math.exp %all : tensor<64xf32>
    %axw = tile.broadcast %ax along 0 : tensor<64xf32> -> tensor<64x64xf32>
    %sd = arith.mulf %s, %axw : tensor<64x64xf32>
    %next = tile.dot %bb, %xt, %sd {transpose_a} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    scf.yield %next : tensor<64x64xf32>
  }
  tile.store %zf, %z[%c0, %c0] : tensor<64x64xf32>, memref<64x64xf32>
  tile.return
}
