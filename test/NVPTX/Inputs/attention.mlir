// Causal attention of one head: queries at positions %offset on, over %length keys; 64 queries a block, 64 keys a step.
tile.kernel @attention(%q: memref<?x64xbf16>, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>,
    %o: memref<?x64xbf16> {tile.written}, %lse: memref<?xf32> {tile.written}, %rows: index, %length: index, %offset: index) {
  %b = tile.block_id x
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %r = arith.muli %b, %c64 : index
  %left = arith.subi %rows, %r : index
  %qt = tile.load %q[%r, %c0] valid(%left) : memref<?x64xbf16> -> tensor<64x64xbf16>
  %place = tile.index 0 : tensor<64x64xi32>
  %first = arith.addi %r, %offset : index
  %first32 = arith.index_cast %first : index to i32
  %firsts = tensor.splat %first32 : tensor<64x64xi32>
  %query = arith.addi %place, %firsts : tensor<64x64xi32>
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %m0 = arith.constant dense<-1.0e30> : tensor<64xf32>
  %l0 = arith.constant dense<0.0> : tensor<64xf32>
  %last = arith.addi %first, %c64 : index
  %end = arith.minsi %last, %length : index
  %scale = arith.constant dense<0.125> : tensor<64x64xf32>
  %ninf = arith.constant dense<-1.0e30> : tensor<64x64xf32>
  %length32 = arith.index_cast %length : index to i32
  %lengths = tensor.splat %length32 : tensor<64x64xi32>
  %res:3 = scf.for %s = %c0 to %end step %c64 iter_args(%acc = %zero, %m = %m0, %l = %l0)
      -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
    %here = arith.subi %length, %s : index
    %kt = tile.load %k[%s, %c0] valid(%here) : memref<?x64xbf16> -> tensor<64x64xbf16>
    %vt = tile.load %v[%s, %c0] valid(%here) : memref<?x64xbf16> -> tensor<64x64xbf16>
    %raw = tile.dot %qt, %kt, %zero {transpose_b} : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    %scaled = arith.mulf %raw, %scale : tensor<64x64xf32>
    %column = tile.index 1 : tensor<64x64xi32>
    %s32 = arith.index_cast %s : index to i32
    %ss = tensor.splat %s32 : tensor<64x64xi32>
    %key = arith.addi %column, %ss : tensor<64x64xi32>
    %past = arith.cmpi sle, %key, %query : tensor<64x64xi32>
    %exists = arith.cmpi slt, %key, %lengths : tensor<64x64xi32>
    %seen = arith.andi %past, %exists : tensor<64x64xi1>
    %masked = arith.select %seen, %scaled, %ninf : tensor<64x64xi1>, tensor<64x64xf32>
    %top = tile.reduce <max> %masked along 1 : tensor<64x64xf32> -> tensor<64xf32>
    %mn = arith.maximumf %m, %top : tensor<64xf32>
    %mw = tile.broadcast %mn along 1 : tensor<64xf32> -> tensor<64x64xf32>
    %shifted = arith.subf %masked, %mw : tensor<64x64xf32>
    %p = math.exp %shifted : tensor<64x64xf32>
    %sum = tile.reduce <sum> %p along 1 : tensor<64x64xf32> -> tensor<64xf32>
    %dm = arith.subf %m, %mn : tensor<64xf32>
    %fade = math.exp %dm : tensor<64xf32>
    %lf = arith.mulf %l, %fade : tensor<64xf32>
    %ln = arith.addf %lf, %sum : tensor<64xf32>
    %fw = tile.broadcast %fade along 1 : tensor<64xf32> -> tensor<64x64xf32>
    %faded = arith.mulf %acc, %fw : tensor<64x64xf32>
    %pb = arith.truncf %p : tensor<64x64xf32> to tensor<64x64xbf16>
    %next = tile.dot %pb, %vt, %faded : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    scf.yield %next, %mn, %ln : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
  }
  %lw = tile.broadcast %res#2 along 1 : tensor<64xf32> -> tensor<64x64xf32>
  %out = arith.divf %res#0, %lw : tensor<64x64xf32>
  %ob = arith.truncf %out : tensor<64x64xf32> to tensor<64x64xbf16>
  tile.store %ob, %o[%r, %c0] valid(%left) : tensor<64x64xbf16>, memref<?x64xbf16>
  %ll = math.log %res#2 : tensor<64xf32>
  %le = arith.addf %ll, %res#1 : tensor<64xf32>
  tile.store %le, %lse[%r] valid(%left) : tensor<64xf32>, memref<?xf32>
  tile.return
}
