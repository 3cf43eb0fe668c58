// A scan over chunks of 16 tokens, as a block former makes it. ptxas, left to itself, spills here to fit eight blocks on
// a multiprocessor, with any number of warps.
tile.kernel @scan_short(%arg0: memref<?xi32>, %arg1: memref<?x128xf16> {tile.written}, %arg2: memref<?x32xf32> {tile.written}, %arg3: memref<?xi32>, %arg4: memref<?x256xf16>, %arg5: memref<?x388xf16>, %arg6: memref<?xf32>, %arg7: memref<?xf32>, %arg8: memref<?xf32>, %arg9: memref<?xi32>) {
  %cst = arith.constant dense<0.000000e+00> : tensor<16x32xf32>
  %cst_0 = arith.constant dense<0.000000e+00> : tensor<16x16xf32>
  %cst_1 = arith.constant dense<0.000000e+00> : tensor<16xf32>
  %cst_2 = arith.constant dense<2.000000e+01> : tensor<16xf32>
  %c384 = arith.constant 384 : index
  %c128 = arith.constant 128 : index
  %c192 = arith.constant 192 : index
  %c2 = arith.constant 2 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c4 = arith.constant 4 : index
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %0 = tile.block_id  x
  %1 = tile.block_id  y
  %2 = memref.load %arg0[%1] : memref<?xi32>
  %3 = arith.index_cast %2 : i32 to index
  %4 = arith.addi %1, %c1 : index
  %5 = memref.load %arg0[%4] : memref<?xi32>
  %6 = arith.index_cast %5 : i32 to index
  %7 = arith.subi %6, %3 : index
  %8 = memref.load %arg3[%1] : memref<?xi32>
  %9 = arith.index_cast %8 : i32 to index
  %10 = arith.muli %9, %c4 : index
  %11 = arith.addi %10, %0 : index
  %12 = arith.muli %11, %c32 : index
  %13 = tile.load %arg2[%12, %c0] : memref<?x32xf32> -> tensor<32x32xf32>
  %14 = arith.divui %0, %c2 : index
  %15 = arith.muli %14, %c32 : index
  %16 = arith.addi %15, %c192 : index
  %17 = arith.addi %15, %c128 : index
  %18 = arith.muli %0, %c32 : index
  %19 = tile.index 0 : tensor<16xi32>
  %20 = arith.addi %0, %c384 : index
  %21 = scf.for %arg10 = %c0 to %7 step %c16 iter_args(%arg11 = %13) -> (tensor<32x32xf32>) {
    %27 = arith.subi %7, %arg10 : index
    %28 = arith.minsi %27, %c16 : index
    %29 = arith.addi %3, %arg10 : index
    %30 = tile.load %arg4[%29, %16] valid(%28) : memref<?x256xf16> -> tensor<16x32xf16>
    %31 = arith.extf %30 : tensor<16x32xf16> to tensor<16x32xf32>
    %32 = tile.load %arg4[%29, %17] valid(%28) : memref<?x256xf16> -> tensor<16x32xf16>
    %33 = arith.extf %32 : tensor<16x32xf16> to tensor<16x32xf32>
    %34 = tile.load %arg4[%29, %18] valid(%28) : memref<?x256xf16> -> tensor<16x32xf16>
    %35 = arith.extf %34 : tensor<16x32xf16> to tensor<16x32xf32>
    %36 = arith.index_cast %28 : index to i32
    %splat = tensor.splat %36 : tensor<16xi32>
    %37 = arith.cmpi slt, %19, %splat : tensor<16xi32>
    %38 = tile.load %arg5[%29, %20] valid(%28) : memref<?x388xf16> -> tensor<16xf16>
    %39 = arith.extf %38 : tensor<16xf16> to tensor<16xf32>
    %40 = memref.load %arg6[%0] : memref<?xf32>
    %splat_3 = tensor.splat %40 : tensor<16xf32>
    %41 = arith.addf %39, %splat_3 : tensor<16xf32>
    %42 = math.exp %41 : tensor<16xf32>
    %43 = math.log1p %42 : tensor<16xf32>
    %44 = arith.cmpf ogt, %41, %cst_2 : tensor<16xf32>
    %45 = arith.select %44, %41, %43 : tensor<16xi1>, tensor<16xf32>
    %46 = memref.load %arg7[%0] : memref<?xf32>
    %splat_4 = tensor.splat %46 : tensor<16xf32>
    %47 = arith.mulf %45, %splat_4 : tensor<16xf32>
    %48 = arith.select %37, %47, %cst_1 : tensor<16xi1>, tensor<16xf32>
    %49 = arith.select %37, %45, %cst_1 : tensor<16xi1>, tensor<16xf32>
    %50 = tile.prefix_sum %48 : tensor<16xf32>
    %51 = math.exp %50 : tensor<16xf32>
    %52 = tile.prefix_sum %48 {suffix} : tensor<16xf32>
    %53 = math.exp %52 : tensor<16xf32>
    %54 = tile.segment_sum %48 : tensor<16xf32> -> tensor<16x16xf32>
    %55 = math.exp %54 : tensor<16x16xf32>
    %56 = tile.broadcast %48 along 1 : tensor<16xf32> -> tensor<16x32xf32>
    %57 = tile.reduce <sum> %56 along 0 : tensor<16x32xf32> -> tensor<32xf32>
    %58 = math.exp %57 : tensor<32xf32>
    %59 = tile.dot %30, %32, %cst_0 rows(%28) {transpose_b} : tensor<16x32xf16>, tensor<16x32xf16> -> tensor<16x16xf32>
    %60 = arith.mulf %59, %55 : tensor<16x16xf32>
    %61 = tile.broadcast %51 along 1 : tensor<16xf32> -> tensor<16x32xf32>
    %62 = arith.mulf %31, %61 : tensor<16x32xf32>
    %63 = arith.truncf %62 : tensor<16x32xf32> to tensor<16x32xf16>
    %64 = arith.truncf %arg11 : tensor<32x32xf32> to tensor<32x32xf16>
    %65 = tile.dot %63, %64, %cst rows(%28) : tensor<16x32xf16>, tensor<32x32xf16> -> tensor<16x32xf32>
    %66 = tile.broadcast %49 along 0 : tensor<16xf32> -> tensor<16x16xf32>
    %67 = arith.mulf %60, %66 : tensor<16x16xf32>
    %68 = arith.mulf %53, %49 : tensor<16xf32>
    %69 = arith.truncf %67 : tensor<16x16xf32> to tensor<16x16xf16>
    %70 = tile.dot %69, %34, %65 rows(%28) : tensor<16x16xf16>, tensor<16x32xf16> -> tensor<16x32xf32>
    %71 = tile.broadcast %58 along 1 : tensor<32xf32> -> tensor<32x32xf32>
    %72 = arith.mulf %arg11, %71 : tensor<32x32xf32>
    %73 = tile.broadcast %68 along 1 : tensor<16xf32> -> tensor<16x32xf32>
    %74 = arith.mulf %33, %73 : tensor<16x32xf32>
    %75 = arith.truncf %74 : tensor<16x32xf32> to tensor<16x32xf16>
    %76 = tile.dot %75, %34, %72 {transpose_a} : tensor<16x32xf16>, tensor<16x32xf16> -> tensor<32x32xf32>
    %77 = memref.load %arg8[%0] : memref<?xf32>
    %splat_5 = tensor.splat %77 : tensor<16x32xf32>
    %78 = arith.mulf %splat_5, %35 : tensor<16x32xf32>
    %79 = arith.addf %70, %78 : tensor<16x32xf32>
    %80 = arith.truncf %79 : tensor<16x32xf32> to tensor<16x32xf16>
    tile.store %80, %arg1[%29, %18] valid(%28) : tensor<16x32xf16>, memref<?x128xf16>
    scf.yield %76 : tensor<32x32xf32>
  }
  %22 = memref.load %arg9[%1] : memref<?xi32>
  %23 = arith.index_cast %22 : i32 to index
  %24 = arith.muli %23, %c4 : index
  %25 = arith.addi %24, %0 : index
  %26 = arith.muli %25, %c32 : index
  tile.store %21, %arg2[%26, %c0] : tensor<32x32xf32>, memref<?x32xf32>
  tile.return
}
