// Norms, gates, the joining of branches and the loss.
#include "Reference.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

namespace {

/// Normalises each of `groups` equal runs of `row`.
void normalise(MutableArrayRef<double> row, NormKind kind, int64_t groups, double eps) {
  int64_t n = row.size() / groups;
  for (int64_t g = 0; g < groups; ++g) {
    MutableArrayRef<double> run = row.slice(g * n, n);
    double mean = 0, squares = 0;
    if (kind == NormKind::layer) {
      for (double x : run)
        mean += x / double(n);
      for (double &x : run)
        x -= mean;
    }
    for (double x : run)
      squares += x * x;
    double factor = 1 / std::sqrt((kind == NormKind::l2 ? squares : squares / double(n)) + eps);
    for (double &x : run)
      x *= factor;
  }
}

struct NormModel : ReferenceModel<NormModel, NormOp> {
  static LogicalResult compute(NormOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    HostValue y = *in[op.getX()];
    const HostValue *weight = in[op.getWeight()], *bias = in[op.getBias()], *gate = in[op.getGate()],
                    *residual = in[op.getResidual()];
    if (failed(checkRows(op, "gate", gate, y.shape[0])) || failed(checkRows(op, "residual", residual, y.shape[0])))
      return failure();
    int64_t size = y.shape.back(), n = y.numElements();
    if (residual)
      for (int64_t i = 0; i < n; ++i)
        y.data[i] += residual->data[i];
    HostValue sum = y;
    auto applyGate = [&](GateOrder order) {
      for (int64_t i = 0; gate && op.getGateOrder() == order && i < n; ++i)
        y.data[i] *= activate(op.getGateActivation(), gate->data[i]);
    };
    applyGate(GateOrder::gate_first);
    for (int64_t begin = 0; begin < n; begin += size)
      normalise(MutableArrayRef(y.data).slice(begin, size), op.getKind(), op.getGroups(),
                op.getEps().convertToDouble());
    // A weight covers the last dims: [D], or [H, D] on [T, H, D].
    for (int64_t i = 0; weight && i < n; ++i)
      y.data[i] *= weight->data[i % weight->numElements()] + (op.getOnePlus() ? 1 : 0);
    for (int64_t i = 0; bias && i < n; ++i)
      y.data[i] += bias->data[i % bias->numElements()];
    applyGate(GateOrder::norm_first);
    results.push_back(std::move(y));
    if (op.getSum())
      results.push_back(std::move(sum));
    return success();
  }
};

struct GluModel : ReferenceModel<GluModel, GluOp> {
  static LogicalResult compute(GluOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    const HostValue &gate = *in[op.getGate()], *up = in[op.getUp()];
    if (failed(checkRows(op, "up", up, gate.shape[0])))
      return failure();
    SmallVector<int64_t> shape = gate.shape;
    if (!up)
      shape.back() /= 2;
    HostValue y(shape);
    int64_t size = shape.back();
    double clamp = op.getClamp() ? op.getClamp()->convertToDouble() : INFINITY;
    for (int64_t i = 0; i < y.numElements(); ++i) {
      int64_t row = i / size, column = i % size;
      double g = up ? gate.data[i] : gate.data[row * 2 * size + column];
      double u = up ? up->data[i] : gate.data[row * 2 * size + size + column];
      y.data[i] = activate(op.getActivation(), std::min(g, clamp)) * std::clamp(u, -clamp, clamp);
    }
    results.push_back(std::move(y));
    return success();
  }
};

struct FuseModel : ReferenceModel<FuseModel, FuseOp> {
  /// x[T, K] w[N, K]'.
  static HostValue project(const HostValue &x, const HostValue &w) {
    int64_t T = x.shape[0], K = x.shape[1], N = w.shape[0];
    HostValue y(ArrayRef<int64_t>{T, N});
    for (int64_t t = 0; t < T; ++t)
      for (int64_t n = 0; n < N; ++n)
        for (int64_t k = 0; k < K; ++k)
          y.data[t * N + n] += x.data[t * K + k] * w.data[n * K + k];
    return y;
  }

  static HostValue combine(FuseOp op, ArrayRef<HostValue> branches, const HostValue *gate, const Inputs &in) {
    int64_t count = branches.size(), T = branches[0].shape[0];
    // The products with the blocks of a joint matrix add up to the product with the whole.
    bool blocks = op.getKind() == FuseKind::concat && count > 1 && int64_t(op.getProjections().size()) == count;
    if (op.getKind() == FuseKind::concat && !blocks) {
      int64_t width = 0, column = 0;
      for (const HostValue &branch : branches)
        width += branch.shape[1];
      HostValue y(ArrayRef<int64_t>{T, width});
      for (const HostValue &branch : branches) {
        for (int64_t t = 0; t < T; ++t)
          std::copy_n(branch.data.begin() + t * branch.shape[1], branch.shape[1], y.data.begin() + t * width + column);
        column += branch.shape[1];
      }
      return y;
    }
    HostValue y(branches[0].shape);
    int64_t rowSize = y.numElements() / std::max<int64_t>(T, 1);
    for (int64_t e = 0; e < y.numElements(); ++e) {
      int64_t t = e / rowSize;
      for (int64_t i = 0; i < count; ++i) {
        double factor = 1;
        switch (op.getKind()) {
        case FuseKind::sub:
          factor = i == 0 ? 1 : -1;
          break;
        case FuseKind::mean:
          factor = 1.0 / double(count);
          break;
        case FuseKind::lerp: {
          double g = gate->data[gate->shape[1] == 1 ? t : e];
          factor = i == 0 ? g : 1 - g;
          break;
        }
        case FuseKind::gate:
          factor = gate->data[t * count + i];
          break;
        case FuseKind::add:
        case FuseKind::concat:
        case FuseKind::normaliser:
          break;
        }
        y.data[e] += factor * branches[i].data[e];
      }
      if (op.getKind() == FuseKind::normaliser) {
        double sum = 0;
        for (Value normaliser : op.getNormalisers())
          sum += in[normaliser]->data[e / y.shape.back()];
        y.data[e] = sum == 0 ? 0 : y.data[e] / sum;
      }
    }
    return y;
  }

  static LogicalResult compute(FuseOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    SmallVector<HostValue> branches;
    for (auto [i, operand] : llvm::enumerate(op.getBranches())) {
      HostValue branch = *in[operand];
      int64_t size = branch.shape.back();
      if (failed(checkRows(op, "branch", &branch, in[op.getBranches()[0]]->shape[0])))
        return failure();
      if (op.getNorm())
        for (int64_t begin = 0; begin < branch.numElements(); begin += size)
          normalise(MutableArrayRef(branch.data).slice(begin, size), NormKind::rms, op.getNormGroups(),
                    op.getEps().convertToDouble());
      auto multiply = [&](OperandRange factors) {
        if (factors.empty())
          return;
        const HostValue &factor = *in[factors[i]];
        for (int64_t e = 0; e < branch.numElements(); ++e)
          branch.data[e] *= factor.data[e % factor.numElements()];
      };
      multiply(op.getNormWeights());
      multiply(op.getScales());
      double factor = op.getFactorsOrOnes()[i];
      for (double &x : branch.data)
        x *= factor;
      branches.push_back(std::move(branch));
    }
    const HostValue *gate = in[op.getGate()];
    if (failed(checkRows(op, "gate", gate, branches[0].shape[0])))
      return failure();
    for (Value normaliser : op.getNormalisers())
      if (failed(checkRows(op, "normaliser", in[normaliser], branches[0].shape[0])))
        return failure();
    OperandRange projections = op.getProjections();
    bool joint = projections.size() == 1 && branches.size() > 1;
    if (!joint && !projections.empty())
      for (auto [branch, projection] : llvm::zip_equal(branches, projections))
        branch = project(branch, *in[projection]);
    HostValue y = combine(op, branches, gate, in);
    results.push_back(joint ? project(y, *in[projections[0]]) : std::move(y));
    return success();
  }
};

struct CrossEntropyModel : ReferenceModel<CrossEntropyModel, CrossEntropyOp> {
  static double logSumExp(ArrayRef<double> x) {
    double m = *llvm::max_element(x), sum = 0;
    for (double value : x)
      sum += std::exp(value - m);
    return m + std::log(sum);
  }

  static LogicalResult compute(CrossEntropyOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    const HostValue &x = *in[op.getX()], &w = *in[op.getProjection()], &targets = *in[op.getTargets()];
    const HostValue *teacher = in[op.getTeacher()];
    int64_t T = x.shape[0], D = x.shape[1], V = w.shape[0];
    if (failed(checkRows(op, "targets", &targets, T)) || failed(checkRows(op, "teacher", teacher, T)))
      return failure();
    HostValue loss(ArrayRef<int64_t>{T}), lse(ArrayRef<int64_t>{T});
    std::vector<double> logits(V);
    for (int64_t t = 0; t < T; ++t) {
      for (int64_t v = 0; v < V; ++v) {
        logits[v] = 0;
        for (int64_t d = 0; d < D; ++d)
          logits[v] += x.data[t * D + d] * w.data[v * D + d];
        if (op.getSoftcap()) {
          double cap = op.getSoftcap()->convertToDouble();
          logits[v] = cap * std::tanh(logits[v] / cap);
        }
      }
      double total = lse.data[t] = logSumExp(logits);
      int64_t target = int64_t(targets.data[t]);
      if (target == int64_t(op.getIgnoreIndex()))
        continue;
      if (target < 0 || target >= V)
        return op.emitError("reference: expected target ")
               << t << " to be in [0, " << V << ") or " << int64_t(op.getIgnoreIndex()) << ", got " << target;
      if (teacher) { // KL(teacher || student)
        ArrayRef<double> row = ArrayRef(teacher->data).slice(t * V, V);
        double teacherTotal = logSumExp(row);
        for (int64_t v = 0; v < V; ++v) {
          double logP = row[v] - teacherTotal;
          loss.data[t] += logP == -INFINITY ? 0 : std::exp(logP) * (logP - (logits[v] - total));
        }
      } else {
        loss.data[t] = total - logits[target];
      }
      loss.data[t] += op.getZLoss().convertToDouble() * total * total;
    }
    results.push_back(std::move(loss));
    results.push_back(std::move(lse));
    return success();
  }
};
} // namespace

void hybrid::attachFusionReferences(MLIRContext *context) {
  NormOp::attachInterface<NormModel>(*context);
  GluOp::attachInterface<GluModel>(*context);
  FuseOp::attachInterface<FuseModel>(*context);
  CrossEntropyOp::attachInterface<CrossEntropyModel>(*context);
}
