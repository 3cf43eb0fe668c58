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

def AssignLayoutsPass : Pass<"hybrid-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Choose where the tiles of a GPU kernel live";
  let description = [{
    Gives every tile a `#tile.layout` or `#tile.shared` encoding, and inserts `tile.convert` where two layouts meet.
    The result is the GPU's tile form. A kernel that has encodings is left alone.

    ```mlir
    %a = tile.load %x[%m, %k] : memref<?x512xbf16> -> tensor<64x32xbf16>
    %d = tile.dot %a, %b, %c {transpose_b} : tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x64xf32>
    // becomes
    %a = tile.load %x[%m, %k] : memref<?x512xbf16> -> tensor<64x32xbf16, #tile.shared<pitch = 64, mask = 3, shift = 1>>
    %d = tile.dot %a, %b, %c {transpose_b} : ... -> tensor<64x64xf32, #tile.layout<registers = [2:1:1, 2:0:8, ...], ...>>
    ```

    The kernel's attribute `tile.warps` sets the warps of a block; without it, tile sizes decide and the attribute is
    added.
  }];
  let statistics = [Statistic<"numKernels", "num-kernels", "Kernels given layouts">];
}

def PipelineLoadsPass : Pass<"hybrid-pipeline-loads", "::mlir::ModuleOp"> {
  let summary = "Load the shared-memory tiles of later iterations while computing";
  let description = [{
    In a loop whose loads to shared memory have addresses that do not depend on loop-carried values, the loads become
    asynchronous copies into a ring of buffers, `stages` - 1 iterations ahead. The number of stages is the largest that
    fits the budget, at least 2; a loop whose tiles do not fit twice stays as it is. A kernel's attribute `tile.stages`
    lowers the limit for its loops.

    ```mlir
    scf.for %k = %lb to %ub step %s { %a = tile.load %x[%m, %k] ... use %a }
    // becomes
    %ring = tile.buffer : tensor<3x64x32xbf16, #tile.shared<...>>
    ... copies of the first two iterations, each followed by tile.commit
    scf.for %k = %lb to %ub step %s iter_args(%read, %write) {
      tile.wait 1
      scf.if (%k + 2 * %s < %ub) { tile.copy_async %x[%m, %k + 2 * %s] into %ring[%write] }
      tile.commit
      %a = tile.slot %ring[%read] ... use %a
    }
    ```
  }];
  let options = [
    Option<"stages", "stages", "unsigned", /*default=*/"4", "Most stages of a ring">,
    Option<"budget", "budget", "unsigned", /*default=*/"98304", "Bytes of shared memory for all rings of a loop">];
  let statistics = [Statistic<"numLoops", "num-loops", "Loops pipelined">];
}

def VerifyGPUTileFormPass : Pass<"hybrid-verify-gpu-tile-form", "::mlir::ModuleOp"> {
  let summary = "Check that every tile of a kernel has a layout and that each op can work with those it gets";
  let description = [{
    In the GPU's tile form every tile has an encoding that covers its shape with the kernel's warps; vectors are slices
    of the tiles they are reduced from or broadcast to; a product's operands are in shared memory or in the fragments of
    mma.sync, and its accumulator has a layout that the product can be computed in. Changes nothing.
  }];
}
#endif
