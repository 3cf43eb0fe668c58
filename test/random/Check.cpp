#include "Check.h"
#include "Reference.h"
#include "hybrid/Driver/Compile.h"
#include "hybrid/Register.h"
#include "lib/Artifact/Artifact.h"
#include "lib/Artifact/Safetensors.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "runtime/include/hybrid_runtime.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstring>
#include <fstream>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

const char *randomtest::nameOf(Verdict::Kind kind) {
  static constexpr const char *names[] = {"passed", "refused", "failed", "crashed"};
  return names[int(kind)];
}

namespace {
/// Why a program fails; thrown nowhere, returned everywhere.
using Problem = std::optional<std::string>;

class Checker {
public:
  Checker(const Program &program, const std::string &folder, bool formOnly)
      : p(program), folder(folder), formOnly(formOnly) {}
  ~Checker() {
    for (hybrid_sequence *sequence : sequences)
      hybrid_sequence_free(sequence);
    hybrid_model_free(handle);
  }

  Verdict run() {
    if (Problem problem = runStages()) {
      if (verdict.kind == Verdict::Kind::passed)
        verdict.kind = Verdict::Kind::failed;
      verdict.message = *problem;
    }
    return verdict;
  }

private:
  Problem runStages() {
    DialectRegistry registry;
    registerAllDialects(registry);
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    Model model = writeModel(context, p);
    if (Problem problem = write(model))
      return problem;
    if (Problem problem = compile(context); problem || formOnly)
      return problem;
    Session session = planSession(p);
    verdict.tokens = int64_t(session.nodes.size());
    std::string message;
    FailureOr<Reference> evaluated = evaluateReference(model, p, session, message);
    if (failed(evaluated))
      return "the evaluator fails: " + message;
    reference = std::move(*evaluated);
    for (const auto &row : reference.logits)
      for (double x : row)
        if (!std::isfinite(x))
          return std::string("the evaluator's logits are not finite");
    if (p.seed % 8 == 0) {
      double worst = compareEntries(model, session, reference, message);
      if (worst < 0)
        return "the evaluator fails at append: " + message;
      if (worst > 1e-9)
        return llvm::formatv("the evaluator's append differs from its score by {0}", worst).str();
    }
    if (Problem problem = load())
      return problem;
    auto has = [&](const char *entry) { return p.entries.empty() || llvm::is_contained(p.entries, entry); };
    if (has("score"))
      if (Problem problem = scoreAll(session))
        return problem;
    if (has("append"))
      if (Problem problem = appendAll(session))
        return problem;
    return finish();
  }

  Problem write(const Model &model) {
    std::error_code error;
    llvm::raw_fd_ostream os(folder + "/model.mlir", error);
    if (error)
      return "cannot write to " + folder + ": " + error.message();
    ModuleOp(model.module).print(os, OpPrintingFlags().enableDebugInfo());
    std::vector<hybridrt::SafetensorsWriter::Tensor> tensors;
    for (const auto &[name, value] : model.checkpoint)
      tensors.push_back({name, hybridrt::ElementType::f32, {value.shape.begin(), value.shape.end()}});
    hybridrt::SafetensorsWriter writer(folder + "/model.safetensors", tensors);
    for (const auto &[name, value] : model.checkpoint) {
      std::vector<float> numbers(value.data.begin(), value.data.end());
      writer.append(numbers.data(), numbers.size() * sizeof(float));
    }
    writer.commit();
    return {};
  }

  Problem compile(MLIRContext &context) {
    CompileOptions options;
    options.input = folder + "/model.mlir";
    options.targets = {p.device == "x86" ? "x86-64" : "sm_80"};
    options.cpuLevels = {p.cpuLevel};
    options.entries = p.entries;
    options.variants = p.variants;
    auto complain = [&](llvm::Error error) -> Problem {
      std::string message = llvm::toString(std::move(error));
      if (StringRef(message).contains("not built"))
        verdict.kind = Verdict::Kind::refused;
      return "the compiler says: " + message;
    };
    if (formOnly) {
      llvm::Expected<OwningOpRef<ModuleOp>> form = compileToModelForm(context, options);
      if (!form)
        return complain(form.takeError());
      llvm::Expected<OwningOpRef<ModuleOp>> blocks = compileToBlockForm(**form, options.targets[0], options);
      return blocks ? Problem() : complain(blocks.takeError());
    }
    llvm::Expected<hybridrt::artifact::ArtifactT> artifact = compileToArtifact(context, options);
    if (!artifact)
      return complain(artifact.takeError());
    verdict.kernels = int64_t(artifact->programs[0]->kernels.size());
    hybridrt::Status written = hybridrt::writeArtifact(*artifact, folder + "/model.hyb");
    return written ? Problem() : "cannot write the artifact: " + written.error();
  }

  Problem load() {
    std::string artifact = folder + "/model.hyb", weights = folder + "/model.safetensors";
    hybrid_options options;
    hybrid_options_init(&options);
    options.artifact = artifact.c_str();
    options.weights = weights.c_str();
    options.device = p.device.c_str();
    options.cpu = p.device == "x86" ? p.cpuLevel.c_str() : nullptr;
    options.threads = p.threads;
    options.no_cache = 1;
    if (hybrid_model_load(&options, &handle) != HYBRID_OK)
      return std::string("loading fails: ") + hybrid_last_error();
    return {};
  }

  /// Feeds one call, to `score` or to caches, and returns the logits of its rows.
  Problem feed(const Session &session, const Call &call, bool append, std::vector<float> &logits) {
    std::vector<int32_t> ids, offsets{0};
    std::vector<hybrid_sequence *> list;
    for (auto [sequence, nodes] : llvm::zip_equal(call.sequences, call.nodes)) {
      for (int64_t node : nodes)
        ids.push_back(session.nodes[node].id);
      offsets.push_back(int32_t(ids.size()));
      if (append)
        list.push_back(sequences[sequence]);
    }
    hybrid_tokens tokens{ids.data(), offsets.data(), call.nodes.size(), call.rows.data(), call.rows.size()};
    // What a kernel leaves out stays NaN.
    logits.assign(call.rows.size() * p.vocab, NAN);
    hybrid_status status = append ? hybrid_append(handle, list.data(), &tokens, logits.data())
                                  : hybrid_score(handle, &tokens, logits.data());
    if (status != HYBRID_OK)
      return std::string(append ? "append" : "score") + " fails: " + hybrid_last_error();
    return {};
  }

  /// Adds a call's errors to `worst` and to the squares.
  Problem compare(const Call &call, const std::vector<float> &logits, const std::string &what, double &worst) {
    std::vector<int64_t> nodes;
    for (const auto &fed : call.nodes)
      nodes.insert(nodes.end(), fed.begin(), fed.end());
    for (auto [i, row] : llvm::enumerate(call.rows)) {
      int64_t node = nodes[row];
      double error = 0, largest = 0;
      for (int64_t v = 0; v < p.vocab; ++v) {
        double expected = reference.logits[node][v], difference = std::abs(logits[i * p.vocab + v] - expected);
        if (!std::isfinite(difference))
          return llvm::formatv("{0}: token {1} of the call, logit {2}: expected {3}, got {4}", what, row, v, expected,
                               logits[i * p.vocab + v])
              .str();
        error = std::max(error, difference);
        largest = std::max(largest, std::abs(expected));
        squares += difference * difference;
      }
      ++rowsCompared;
      // The logits themselves are f32.
      double unit = reference.unit[node] + 0x1p-24 * largest;
      if (p.dtype == "f32" && error / unit > worst) {
        worst = error / unit;
        if (worst > kF32Limit && firstProblem.empty())
          firstProblem = llvm::formatv("{0}: token {1} of the call: the error {2:e3} of a logit is {3:f1} units of "
                                       "{4:e3}, expected at most {5}",
                                       what, row, error, worst, unit, kF32Limit)
                             .str();
      }
    }
    return {};
  }

  Problem scoreAll(const Session &session) {
    std::vector<float> logits;
    if (Problem problem = feed(session, session.score, false, logits))
      return problem;
    if (Problem problem = compare(session.score, logits, "score", verdict.score))
      return problem;
    // Each sequence alone: the same bits.
    Call all = session.score;
    all.rows.clear();
    for (size_t i = 0, n = 0; i < all.nodes.size(); ++i)
      for (size_t j = 0; j < all.nodes[i].size(); ++j)
        all.rows.push_back(int32_t(n++));
    std::vector<float> together, alone;
    if (Problem problem = feed(session, all, false, together))
      return problem;
    const float *next = together.data();
    for (size_t i = 0; i < all.nodes.size(); ++i) {
      Call one{{0}, {all.nodes[i]}, {}};
      for (size_t j = 0; j < all.nodes[i].size(); ++j)
        one.rows.push_back(int32_t(j));
      if (Problem problem = feed(session, one, false, alone))
        return problem;
      for (size_t k = 0; k < alone.size(); ++k)
        if (std::memcmp(&alone[k], next + k, sizeof(float)))
          return llvm::formatv("score: sequence {0} of {1} tokens, token {2}, logit {3}: {4} alone, {5} in the batch",
                               i, all.nodes[i].size(), k / p.vocab, k % p.vocab, alone[k], next[k])
              .str();
      next += alone.size();
    }
    return {};
  }

  Problem appendAll(const Session &session) {
    for (int64_t i = 0; i < session.sequences; ++i)
      if (hybrid_sequence_create(handle, &sequences.emplace_back()) != HYBRID_OK)
        return std::string("creating a sequence fails: ") + hybrid_last_error();
    for (auto [i, step] : llvm::enumerate(session.steps)) {
      std::string what = "step " + std::to_string(i);
      if (step.kind == Step::Kind::append) {
        std::vector<float> logits;
        what += ", append of";
        for (auto [sequence, nodes] : llvm::zip_equal(step.call.sequences, step.call.nodes))
          what += " " + std::to_string(nodes.size()) + " to #" + std::to_string(sequence);
        if (Problem problem = feed(session, step.call, true, logits))
          return what + ": " + *problem;
        if (Problem problem = compare(step.call, logits, what, verdict.append))
          return problem;
      } else if (step.kind == Step::Kind::rollback) {
        if (hybrid_sequence_rollback(sequences[step.sequence], step.count) != HYBRID_OK)
          return what + ": taking back " + std::to_string(step.count) + " tokens fails: " + hybrid_last_error();
      } else if (hybrid_sequence_fork(sequences[step.sequence], &sequences.emplace_back()) != HYBRID_OK) {
        return what + ": forking fails: " + hybrid_last_error();
      }
    }
    return {};
  }

  Problem finish() {
    if (p.dtype == "f32")
      return firstProblem.empty() ? Problem() : Problem(firstProblem);
    double rms = std::sqrt(squares / double(rowsCompared * p.vocab));
    double expected = std::sqrt(reference.roundedSquares / double(reference.logits.size() * p.vocab));
    verdict.score = verdict.append = rms / expected;
    if (rms > kNarrowLimit * expected)
      return llvm::formatv("the logits' rms error {0:e3} is {1:f2} of what {2} storage costs, expected at most {3}",
                           rms, rms / expected, p.dtype, kNarrowLimit)
          .str();
    return {};
  }

  const Program &p;
  const std::string &folder;
  bool formOnly;
  Verdict verdict;
  Reference reference;
  hybrid_model *handle = nullptr;
  std::vector<hybrid_sequence *> sequences;
  double squares = 0;
  int64_t rowsCompared = 0;
  std::string firstProblem;
};
} // namespace

Verdict randomtest::check(const Program &program, const std::string &folder, bool formOnly) {
  return Checker(program, folder, formOnly).run();
}
