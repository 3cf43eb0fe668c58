// Finds where a model's numbers go wrong: evaluates it in each form on the way to machine code and names the first that
// differs from the one before, and in it the first dispatch.
#ifndef HYBRID_DRIVER_BISECT_H
#define HYBRID_DRIVER_BISECT_H
#include "dialects/Hybrid/HostValue.h"
#include "dialects/Tile/Tile.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Reference/TileEvaluator.h"
#include "lib/Artifact/Checkpoint.h"
#include <array>
#include <functional>

namespace mlir::hybrid {

/// Where weights come from: a checkpoint, or an initialiser's draws by the text behind "init:" and the parameter.
struct BisectWeights {
  const hybridrt::Checkpoint *checkpoint = nullptr;
  std::function<std::function<float(uint64_t element)>(const std::string &text, const std::string &parameter)>
      initialiser;
};

/// One call of the entries that are compared: `score` on whole sequences, then `append` on all of their tokens but the
/// last, then on those. Row r of its logits belongs to token r.
struct BisectCall {
  std::string entry;
  std::vector<int32_t> ids, offsets;
};

/// What a target's code in an artifact does, as those see it who can run it; the compiler's library cannot.
struct BisectDevice {
  std::string target;
  /// How reports call single kernels and whole calls: "code for x86-64-v3", "runtime on x86".
  std::string kernelsName, callsName;
  /// Runs one kernel; null where the device runs whole calls only.
  std::function<LogicalResult(tile::KernelOp, const TileLaunch &, std::array<int64_t, 3>)> runKernel;
  /// The logits of each call, in turn.
  std::function<llvm::Expected<std::vector<std::vector<float>>>(llvm::ArrayRef<BisectCall>)> runCalls;
};

struct BisectOptions {
  /// The tokens of each sequence.
  std::vector<std::vector<int32_t>> sequences;
  /// Brings up the devices to compare, given what was compiled.
  std::function<llvm::Expected<std::vector<BisectDevice>>(hybridrt::artifact::ArtifactT &)> devices;
};

/// Where two forms differ first. Text that does not apply is empty.
struct BisectDifference {
  std::string entry, variant, kernel, layer, place;
  std::string op;    // of the model form
  std::string value; // what is compared: "logits", "blocks.2.ffn"
  int64_t row = 0, column = 0, sequence = -1, position = -1;
  double expected = 0, found = 0;
  double error = 0; // over what is allowed
};

/// One form, against the one before.
struct BisectForm {
  enum class Status { reference, unchanged, agrees, differs, fails };
  std::string name;
  Status status = Status::reference;
  /// The largest error of an element, over its size and the root mean square of its tensor; what rounding allows.
  double error = 0, allowed = 0;
  std::string message; // of a form that fails
  std::optional<BisectDifference> difference;
};

struct BisectReport {
  std::string model;
  int64_t sequences = 0, tokens = 0;
  std::vector<BisectForm> forms;

  /// Null if all agree.
  const BisectForm *firstDifference() const;
  std::string text() const;
  std::string json() const;
};

/// The vocabulary of a model, to draw tokens from.
llvm::Expected<int64_t> vocabularyOf(MLIRContext &context, const CompileOptions &options);

/// Evaluates: the model form in f64 as imported and after each pass; for each target the block form launch by launch,
/// in exact arithmetic against the model form and as it rounds; the GPU's tile form thread by thread; the devices' code
/// kernel by kernel on equal inputs; the devices on whole calls. An error where that cannot be begun, such as for a
/// model too large for it; a form that does not compile is in the report.
llvm::Expected<BisectReport> bisect(MLIRContext &context, const CompileOptions &options,
                                    const BisectOptions &bisectOptions, const BisectWeights &weights);

} // namespace mlir::hybrid
#endif
