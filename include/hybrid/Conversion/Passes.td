//===- Passes.td - Passes of lib/Conversion ----===//
#ifndef HYBRID_CONVERSION_PASSES_TD
#define HYBRID_CONVERSION_PASSES_TD
include "mlir/Pass/PassBase.td"

def FormBlocksPass : Pass<"hybrid-form-blocks", "::mlir::ModuleOp"> {
  let summary = "Turn entries of the model form into kernels and schedules";
  let description = [{
    Each entry becomes a `schedule.variant` per variant of the target: a straight line of launches of `tile.kernel`s.
    A value is either stored, by one kernel, or virtual: computed inside the kernels that want it. Equal kernels are
    one.

    Before: `%n = hybrid.norm %x`, `%p = n w'`, `%y = hybrid.glu %p`. After: one kernel, whose blocks load rows of x,
    divide them by their norm, multiply two runs of w's rows and store the gated product.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"x86-64\"", "x86-64, sm_80 or sm_90a">,
    Option<"variant", "variant", "std::string", /*default=*/"\"\"", "Only this variant: decode, short or bulk">];
  let dependentDialects = ["::mlir::schedule::ScheduleDialect", "::mlir::tile::TileDialect"];
}

def VerifyBlockFormPass : Pass<"hybrid-verify-block-form", "::mlir::ModuleOp"> {
  let summary = "Check that kernels and schedules keep the block form's rules";
  let description = [{
    Kernels hold only what every target knows; a launch reads only buffers that an earlier launch wrote; each buffer is
    written by one launch; each variant writes its logits. Changes nothing.
  }];
}

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
