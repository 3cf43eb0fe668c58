// Ops and shapes that the other kernels do not have: halos, columns, gathers, transposes, solves, odd widths.
tile.kernel @halo(%x: memref<?x96xbf16>, %y: memref<?x96xf32> {tile.written}, %rows: index) {
  %b = tile.block_id x
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %r = arith.muli %b, %c64 : index
  %start = arith.subi %r, %c3 : index
  %from = arith.subi %c0, %start : index
  %end = arith.subi %rows, %start : index
  %left = arith.subi %rows, %r : index
  %w = tile.load %x[%start, %c0] from(%from) valid(%end) : memref<?x96xbf16> -> tensor<67x96xbf16>
  %f = arith.extf %w : tensor<67x96xbf16> to tensor<67x96xf32>
  tile.store %f, %y[%start, %c0] from(%from) valid(%end) : tensor<67x96xf32>, memref<?x96xf32>
  tile.return
}
// Row sums into a vector, column maxima into another; 5 x 48 has dead elements in every layout.
tile.kernel @sums(%x: memref<?x48xf32>, %rows: memref<?xf32> {tile.written}, %columns: memref<48xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<?x48xf32> -> tensor<5x48xf32>
  %s = tile.reduce <sum> %t along 1 : tensor<5x48xf32> -> tensor<5xf32>
  %m = tile.reduce <max> %t along 0 : tensor<5x48xf32> -> tensor<48xf32>
  tile.store %s, %rows[%c0] : tensor<5xf32>, memref<?xf32>
  tile.store %m, %columns[%c0] : tensor<48xf32>, memref<48xf32>
  tile.return
}
tile.kernel @gather(%x: memref<?x80xf16>, %ids: memref<?xi32>, %y: memref<?x80xf16> {tile.written}, %count: index) {
  %b = tile.block_id x
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %r = arith.muli %b, %c16 : index
  %left = arith.subi %count, %r : index
  %i = tile.load %ids[%r] valid(%left) : memref<?xi32> -> tensor<16xi32>
  %t = tile.gather %x[%i, %c0] valid(%left) : memref<?x80xf16>, tensor<16xi32> -> tensor<16x80xf16>
  tile.store %t, %y[%r, %c0] valid(%left) : tensor<16x80xf16>, memref<?x80xf16>
  tile.return
}
// The triangular solve of a chunk: (I + strict lower(l)) x = rhs, and x' beside it.
tile.kernel @solve(%l: memref<32x32xf32>, %rhs: memref<32x48xf32>, %x: memref<32x48xf32> {tile.written},
    %xt: memref<48x32xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %lt = tile.load %l[%c0, %c0] : memref<32x32xf32> -> tensor<32x32xf32>
  %rt = tile.load %rhs[%c0, %c0] : memref<32x48xf32> -> tensor<32x48xf32>
  %s = tile.solve %lt, %rt : tensor<32x32xf32>, tensor<32x48xf32>
  tile.store %s, %x[%c0, %c0] : tensor<32x48xf32>, memref<32x48xf32>
  %t = tile.transpose %s : tensor<32x48xf32> -> tensor<48x32xf32>
  %two = arith.constant dense<2.0> : tensor<48x32xf32>
  %d = arith.mulf %t, %two : tensor<48x32xf32>
  tile.store %d, %xt[%c0, %c0] : tensor<48x32xf32>, memref<48x32xf32>
  tile.return
}
// Products with 72 valid columns in 80, an odd number of column blocks, both operands transposed, and one that the
// matrix unit cannot do.
tile.kernel @products(%a: memref<?x72xbf16>, %b: memref<?x72xbf16>, %c: memref<80x64xbf16>, %d: memref<72x80xbf16>,
    %small: memref<4x12xf16>, %y: memref<64x72xf32> {tile.written}, %z: memref<64x72xf32> {tile.written},
    %w: memref<4x4xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<64x72xf32>
  %at = tile.load %a[%c0, %c0] columns(72) : memref<?x72xbf16> -> tensor<64x80xbf16>
  %bt = tile.load %b[%c0, %c0] columns(72) : memref<?x72xbf16> -> tensor<72x80xbf16>
  %y1 = tile.dot %at, %bt, %zero {transpose_b} : tensor<64x80xbf16>, tensor<72x80xbf16> -> tensor<64x72xf32>
  tile.store %y1, %y[%c0, %c0] : tensor<64x72xf32>, memref<64x72xf32>
  %ct = tile.load %c[%c0, %c0] : memref<80x64xbf16> -> tensor<80x64xbf16>
  %dt = tile.load %d[%c0, %c0] : memref<72x80xbf16> -> tensor<72x80xbf16>
  %z1 = tile.dot %ct, %dt, %zero {transpose_a, transpose_b} : tensor<80x64xbf16>, tensor<72x80xbf16> -> tensor<64x72xf32>
  tile.store %z1, %z[%c0, %c0] : tensor<64x72xf32>, memref<64x72xf32>
  %s = tile.load %small[%c0, %c0] : memref<4x12xf16> -> tensor<4x12xf16>
  %zero4 = arith.constant dense<0.0> : tensor<4x4xf32>
  %w1 = tile.dot %s, %s, %zero4 {transpose_b} : tensor<4x12xf16>, tensor<4x12xf16> -> tensor<4x4xf32>
  tile.store %w1, %w[%c0, %c0] : tensor<4x4xf32>, memref<4x4xf32>
  tile.return
}
// Functions, on arguments from -4 to 4.
tile.kernel @functions(%x: memref<64x16xf32>, %y: memref<640x16xf32> {tile.written}) {
  %c0 = arith.constant 0 : index
  %t = tile.load %x[%c0, %c0] : memref<64x16xf32> -> tensor<64x16xf32>
  %big = arith.constant dense<1000.0> : tensor<64x16xf32>
  %one = arith.constant dense<1.0> : tensor<64x16xf32>
  %wide = arith.mulf %t, %big : tensor<64x16xf32>
  %sin = math.sin %wide : tensor<64x16xf32>
  %cos = math.cos %wide : tensor<64x16xf32>
  %tanh = math.tanh %t : tensor<64x16xf32>
  %erf = math.erf %t : tensor<64x16xf32>
  %exp = math.exp %t : tensor<64x16xf32>
  %log1p = math.log1p %exp : tensor<64x16xf32>
  %expm1 = math.expm1 %t : tensor<64x16xf32>
  %abs = math.absf %t : tensor<64x16xf32>
  %log = math.log %abs : tensor<64x16xf32>
  %rsqrt = math.rsqrt %abs : tensor<64x16xf32>
  %den = arith.addf %exp, %one : tensor<64x16xf32>
  %sigmoid = arith.divf %exp, %den : tensor<64x16xf32>
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c192 = arith.constant 192 : index
  %c256 = arith.constant 256 : index
  %c320 = arith.constant 320 : index
  %c384 = arith.constant 384 : index
  %c448 = arith.constant 448 : index
  %c512 = arith.constant 512 : index
  %c576 = arith.constant 576 : index
  tile.store %sin, %y[%c0, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %cos, %y[%c64, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %tanh, %y[%c128, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %erf, %y[%c192, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %exp, %y[%c256, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %log1p, %y[%c320, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %expm1, %y[%c384, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %log, %y[%c448, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %rsqrt, %y[%c512, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.store %sigmoid, %y[%c576, %c0] : tensor<64x16xf32>, memref<640x16xf32>
  tile.return
}
