// The compiler as a library: from an input path to IR in any form, and to an artifact. Errors are what a user reads:
// what was expected, what was found, where, and the way out; diagnostics of MLIR are part of their text.
#ifndef HYBRID_DRIVER_COMPILE_H
#define HYBRID_DRIVER_COMPILE_H
#include "lib/Artifact/Artifact.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::hybrid {

struct CompileOptions {
  /// A description (.yaml, .yml), a Hugging Face folder, or IR in the model form (.mlir, .mlirbc).
  std::string input;
  /// "x86-64", "sm_80", "sm_90a"; empty: x86-64.
  std::vector<std::string> targets;
  /// "score", "append"; empty: both.
  std::vector<std::string> entries;
  /// "f32", "bf16", "f16"; none: what the input says.
  std::optional<std::string> dtype;
  /// What `hybrid-run --profile --json` printed, for the report to join; empty: nothing.
  std::string profile;
  /// "x86-64-v1", "x86-64-v3", "x86-64-v4": the levels that x86 code is made for; empty: all.
  std::vector<std::string> cpuLevels;
  /// "decode", "short": the variants beside "bulk", which serves every call; empty: both.
  std::vector<std::string> variants;
  /// Leave every op in a kernel of its own, to see what fusion brings.
  bool fuse = true;
  /// Passes of the caller's own, as --pass-pipeline spells them: on the model form, behind the graph passes and before
  /// the canonicalizer; and on the block form.
  std::string modelPasses, blockPasses;
};

/// The model form after the graph passes, ready for forming blocks.
llvm::Expected<OwningOpRef<ModuleOp>> compileToModelForm(MLIRContext &context, const CompileOptions &options);

/// Kernels and schedule for one target: the block form.
llvm::Expected<OwningOpRef<ModuleOp>> compileToBlockForm(ModuleOp model, llvm::StringRef target,
                                                         const CompileOptions &options);

/// The targets that the options ask for, or the default one.
std::vector<std::string> targetsOf(const CompileOptions &options);

/// Fails, naming what can be asked for, when a target, entry or dtype is none of ours.
llvm::Error checkOptions(const CompileOptions &options);

/// Everything, ready to be written.
llvm::Expected<hybridrt::artifact::ArtifactT> compileToArtifact(MLIRContext &context, const CompileOptions &options);

/// What `--emit=<form>` prints; docs/tools.md lists the forms. `json` is for summary and report. A cubin is bytes.
llvm::Expected<std::string> compileToText(MLIRContext &context, const CompileOptions &options, llvm::StringRef form,
                                          bool json);

/// What `--explain=<dispatch>` prints of a kernel, or of every kernel of a layer: its launches, the layer's ops in the
/// model form, the tile kernel, and the code of this kernel alone.
llvm::Expected<std::string> explainDispatch(MLIRContext &context, const CompileOptions &options,
                                            llvm::StringRef dispatch);

} // namespace mlir::hybrid
#endif
