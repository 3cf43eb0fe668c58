//===- Passes.td - Passes of lib/Target ----===//
#ifndef HYBRID_TARGET_PASSES_TD
#define HYBRID_TARGET_PASSES_TD
include "mlir/Pass/PassBase.td"

def ConvertTileToX86 : Pass<"hybrid-convert-tile-to-x86", "ModuleOp"> {
  let summary = "Turn kernels into functions of explicit vector code for one CPU level";
  let description = [{
    A tile is either *held* in the thread's scratch, as panels of 16 columns in f32, or computed a register at a time
    where it is used. Held are products, reductions, scans and loop-carried tiles (in place), what a product reads, and
    what would be computed more than once at a cost. Products are micro-kernels that keep a register tile of the result
    and read packed parameters in place; elementary functions are polynomials, so nothing is called.

    ```mlir
    tile.kernel @scale(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}) {
      %c0 = arith.constant 0 : index
      %t = tile.load %x[%c0, %c0] : memref<?x64xf32> -> tensor<8x64xf32>
      %u = arith.addf %t, %t : tensor<8x64xf32>
      tile.store %u, %y[%c0, %c0] : tensor<8x64xf32>, memref<?x64xf32>
      tile.return
    }
    // becomes, for v3
    func.func private @scale.body(%x: !llvm.ptr {llvm.noalias}, %y: !llvm.ptr {llvm.noalias}, %bx: index, ...) {
      scf.for %row = %c0 to %c8 step %c1 {
        scf.for %column = %c0 to %c64 step %c16 {
          %v = llvm.load ... : !llvm.ptr -> vector<8xf32>
          %w = arith.addf %v, %v : vector<8xf32>
          llvm.store %w, ...
    ```
  }];
  let options = [Option<"level", "level", "std::string", "\"v3\"", "The CPU level: v1, v3 or v4">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}
#endif
