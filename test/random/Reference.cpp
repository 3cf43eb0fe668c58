#include "Reference.h"
#include "hybrid/Reference/Evaluator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Diagnostics.h"
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

static HostValue vectorOf(const std::vector<double> &values) {
  HostValue value(ArrayRef<int64_t>{int64_t(values.size())});
  value.data = values;
  return value;
}

/// ids, positions, offsets and rows of sequences of nodes, all rows wanted; `lengths` come before.
static SmallVector<HostValue> argumentsOf(const Session &session, ArrayRef<std::vector<int64_t>> sequences,
                                          ArrayRef<int64_t> lengths = {}) {
  std::vector<double> ids, positions, offsets{0}, rows;
  for (auto [s, nodes] : llvm::enumerate(sequences)) {
    double position = lengths.empty() ? 0 : double(lengths[s]);
    for (int64_t node : nodes) {
      rows.push_back(double(ids.size()));
      ids.push_back(session.nodes[node].id);
      positions.push_back(position++);
    }
    offsets.push_back(double(ids.size()));
  }
  return {vectorOf(ids), vectorOf(positions), vectorOf(offsets), vectorOf(rows)};
}

static HostValue parameterOf(const Model &model, StringRef name) {
  return applyRecipe(model.module, name, model.checkpoint);
}

/// Rounds to `bits` bits of significand, ties to even; exponents are not bounded.
static double roundTo(int bits, double x) {
  if (x == 0 || !std::isfinite(x))
    return x;
  int exponent;
  double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

static bool isFloats(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

/// Whether narrow storage rounds the value.
static bool isStoredNarrow(Value value) {
  Operation *op = value.getDefiningOp();
  if (!isFloats(value) || value != op->getResult(0))
    return false;
  if (isa<tensor::GatherOp, linalg::MatmulOp, AttentionOp, LinearScanOp, CausalConv1dOp, RotaryOp>(op))
    return true;
  SmallVector<Operation *> users(op->getUsers());
  while (!users.empty()) {
    Operation *user = users.pop_back_val();
    if (isa<linalg::MatmulOp, AttentionOp, CacheAppendOp, LinearScanOp, CausalConv1dOp>(user))
      return true;
    if (isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
      llvm::append_range(users, user->getUsers());
  }
  return false;
}

static bool readsMatrix(ModuleOp module, StringRef parameter) {
  bool result = false;
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    if (load.getGlobal().getLeafReference() == parameter)
      for (Operation *user : load->getUsers())
        result |= isa<linalg::MatmulOp, tensor::GatherOp, FuseOp>(user);
  });
  return result &&
         cast<RankedTensorType>(module.lookupSymbol<ml_program::GlobalOp>(parameter).getType()).getRank() == 2;
}

FailureOr<Reference> randomtest::evaluateReference(const Model &model, const Program &program, const Session &session,
                                                   std::string &message) {
  ScopedDiagnosticHandler handler(model.module->getContext(), [&](Diagnostic &d) { message += d.str() + "\n"; });
  auto entry = ModuleOp(model.module).lookupSymbol<func::FuncOp>("score");
  std::vector<std::vector<int64_t>> sequences;
  for (int64_t leaf : session.leaves())
    sequences.push_back(session.past(leaf));
  SmallVector<HostValue> arguments = argumentsOf(session, sequences);
  llvm::StringMap<HostValue> parameters;
  for (auto global : ModuleOp(model.module).getOps<ml_program::GlobalOp>())
    parameters[global.getSymName()] = parameterOf(model, global.getSymName());

  Reference reference;
  reference.vocab = program.vocab;
  reference.logits.resize(session.nodes.size());
  reference.unit.resize(session.nodes.size());
  /// Calls `visit` with each node once, and the place of its logits.
  auto forNodes = [&](const HostValue &logits, function_ref<void(int64_t, const double *)> visit) {
    const double *row = logits.data.data();
    std::vector<bool> seen(session.nodes.size());
    for (const auto &nodes : sequences)
      for (int64_t node : nodes) {
        if (!seen[node])
          visit(node, row);
        seen[node] = true;
        row += program.vocab;
      }
  };
  auto exact = evaluate(entry, arguments, [&](StringRef name) -> FailureOr<HostValue> { return parameters[name]; });
  if (failed(exact))
    return failure();
  forNodes((*exact)[0],
           [&](int64_t node, const double *row) { reference.logits[node].assign(row, row + program.vocab); });

  if (program.dtype != "f32") {
    int bits = program.dtype == "bf16" ? 8 : 11;
    auto round = [&](HostValue &value) {
      for (double &x : value.data)
        x = roundTo(bits, x);
    };
    auto rounded = evaluate(
        entry, arguments,
        [&](StringRef name) -> FailureOr<HostValue> {
          HostValue value = parameters[name];
          if (readsMatrix(model.module, name))
            round(value);
          return value;
        },
        [&](Value value, HostValue &content) {
          if (isStoredNarrow(value))
            round(content);
        });
    if (failed(rounded))
      return failure();
    forNodes((*rounded)[0], [&](int64_t node, const double *row) {
      for (int64_t v = 0; v < program.vocab; ++v)
        reference.roundedSquares += std::pow(row[v] - reference.logits[node][v], 2);
    });
    return reference;
  }

  Random random(program.seed, "rounding");
  auto disturb = [&](HostValue &value) {
    for (double &x : value.data)
      x *= 1 + 0x1p-24 * random.uniform(-1, 1);
  };
  constexpr int runs = 2;
  for (int run = 0; run < runs; ++run) {
    auto disturbed = evaluate(
        entry, arguments,
        [&](StringRef name) -> FailureOr<HostValue> {
          HostValue value = parameters[name];
          disturb(value);
          return value;
        },
        [&](Value value, HostValue &content) {
          if (isFloats(value))
            disturb(content);
        });
    if (failed(disturbed))
      return failure();
    forNodes((*disturbed)[0], [&](int64_t node, const double *row) {
      for (int64_t v = 0; v < program.vocab; ++v)
        reference.unit[node] = std::max(reference.unit[node], std::abs(row[v] - reference.logits[node][v]));
    });
  }
  return reference;
}

double randomtest::compareEntries(const Model &model, const Session &session, const Reference &reference,
                                  std::string &message) {
  ScopedDiagnosticHandler handler(model.module->getContext(), [&](Diagnostic &d) { message += d.str() + "\n"; });
  auto entry = ModuleOp(model.module).lookupSymbol<func::FuncOp>("append");
  // One sequence after another in calls of their own: caches are values, so a fork is a copy.
  struct Live {
    SmallVector<HostValue> caches, before;
    int64_t length = 0;
    std::vector<int64_t> last;
  };
  std::vector<Live> live(session.sequences);
  for (Live &each : live) {
    for (Type type : entry.getArgumentTypes().drop_front(4))
      each.caches.push_back(makeEmptyCache(cast<CacheType>(type), 1));
    each.before = each.caches;
  }
  double worst = 0, largest = 1;
  for (const auto &row : reference.logits)
    for (double x : row)
      largest = std::max(largest, std::abs(x));
  auto feed = [&](Live &sequence, const std::vector<int64_t> &nodes) {
    SmallVector<HostValue> arguments = argumentsOf(session, nodes, sequence.length);
    llvm::append_range(arguments, sequence.caches);
    auto results =
        evaluate(entry, arguments, [&](StringRef name) -> FailureOr<HostValue> { return parameterOf(model, name); });
    if (failed(results))
      return false;
    for (auto [i, node] : llvm::enumerate(nodes))
      for (int64_t v = 0; v < reference.vocab; ++v) {
        double difference = std::abs((*results)[0].data[i * reference.vocab + v] - reference.logits[node][v]);
        worst = std::max(worst, std::isfinite(difference) ? difference / largest : 1e300);
      }
    sequence.before = sequence.caches;
    sequence.caches.assign(results->begin() + 1, results->end());
    sequence.length += int64_t(nodes.size());
    sequence.last = nodes;
    return true;
  };
  for (const Step &step : session.steps) {
    if (step.kind == Step::Kind::fork) {
      live.push_back(live[step.sequence]);
    } else if (step.kind == Step::Kind::rollback) {
      Live &sequence = live[step.sequence];
      std::vector<int64_t> kept(sequence.last.begin(), sequence.last.end() - step.count);
      sequence.length -= int64_t(sequence.last.size());
      sequence.caches = sequence.before;
      sequence.last.clear();
      if (!kept.empty() && !feed(sequence, kept))
        return -1;
    } else {
      for (auto [number, nodes] : llvm::zip_equal(step.call.sequences, step.call.nodes))
        if (!feed(live[number], nodes))
          return -1;
    }
  }
  return worst;
}
