//===- Passes.td - Passes of lib/Conversion ----===//
#ifndef HYBRID_CONVERSION_PASSES_TD
#define HYBRID_CONVERSION_PASSES_TD
include "mlir/Pass/PassBase.td"

def ConvertTileToNVVMPass : Pass<"hybrid-convert-tile-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Expand kernels in the GPU's tile form to what each thread does";
  let description = [{
    Each `tile.kernel` becomes an `llvm.func` with `nvvm.kernel`: memrefs are global pointers, scalars of type index i64,
    in the kernel's order. A tile is one LLVM value per register. Shared memory is planned from live ranges; its size is
    the attribute `tile.shared_bytes`, and a launch must pass as many bytes of dynamic shared memory.

    ```mlir
    tile.kernel @copy(%x: memref<?x64xf32>, %y: memref<?x64xf32> {tile.written}, %n: index) attributes {tile.warps = 4} { ... }
    // becomes
    llvm.func @copy(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %y: !llvm.ptr<1> {llvm.noalias}, %n: i64)
        attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, tile.shared_bytes = 0} { ... }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
  let statistics = [Statistic<"numKernels", "num-kernels", "Kernels expanded">];
}
#endif
