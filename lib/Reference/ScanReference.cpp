// The recurrences, one step at a time. linear_scan is the general step
//   Z_t = (G (x) Diag(d)) Z_{t-1} + a (b' Z_{t-1}) + w v'
// with `tied` meaning a = -w, so that published models differ only in how a step's vectors are made.
#include "Reference.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

namespace {

/// An operand with a token dim and a head dim; head h of H reads head h * heads / H.
struct PerHead {
  const HostValue *value;
  int64_t stateHeads;
  explicit operator bool() const { return value; }
  int64_t heads() const { return value->shape[1]; }
  /// First element of the row of token t and state head h.
  const double *at(int64_t t, int64_t h) const {
    int64_t size = value->shape.size() > 2 ? value->shape[2] : 1;
    return value->data.data() + (t * heads() + h * heads() / stateHeads) * size;
  }
};

struct Scan {
  mutable LinearScanOp op; // accessors of ops are not const
  int64_t heads, K, V, order, substeps;
  const HostValue *logDecay, *rate, *rateMatrix, *bonus;
  PerHead q, k, v, decay, scale, erase, a, b, mix;

  Scan(LinearScanOp op, const Inputs &in)
      : op(op), heads(op.getStateHeads()), K(op.getKeySize()), V(op.getValueSize()), order(op.getOrder()),
        substeps(op.getSubsteps()), logDecay(in[op.getLogDecay()]), rate(in[op.getRate()]),
        rateMatrix(in[op.getRateMatrix()]), bonus(in[op.getBonus()]), q{in[op.getQ()], heads}, k{in[op.getK()], heads},
        v{in[op.getV()], heads}, decay{logDecay, heads}, scale{in[op.getWriteScale()], heads},
        erase{in[op.getEraseKey()], heads}, a{in[op.getUntiedWrite()], heads}, b{in[op.getUntiedRead()], heads},
        mix{in[op.getMix()], heads} {}

  int64_t stateRows() const { return order * K; }

  /// The decay of row i and column j of the state at step t.
  double decayAt(int64_t t, int64_t h, int64_t i, int64_t j) const {
    switch (op.getDecay()) {
    case Decay::none:
      return 1;
    case Decay::constant:
      return std::exp(logDecay->data[h * logDecay->shape[0] / heads]);
    case Decay::scalar:
      return std::exp(decay.at(t, h)[0]);
    case Decay::key:
      return std::exp(decay.at(t, h)[i]);
    case Decay::key_value:
      return std::exp(rateMatrix->data[i * V + j] * rate->data[t * V + j]);
    }
    llvm_unreachable("all decays are listed above");
  }

  /// w = g (x) k.
  std::vector<double> write(int64_t t, int64_t h) const {
    std::vector<double> w(stateRows());
    for (int64_t o = 0; o < order; ++o)
      for (int64_t i = 0; i < K; ++i)
        w[o * K + i] = (scale ? scale.at(t, h)[o] : 1) * k.at(t, h)[i];
    return w;
  }

  /// Z <- (G (x) Diag(d)) Z + a (b' Z), the part of a step that does not see v. Z has `columns` columns.
  void transition(std::vector<double> &Z, int64_t columns, int64_t t, int64_t h) const {
    int64_t rows = stateRows();
    std::vector<double> next(rows * columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double z = Z[i * columns + j];
        if (order == 2) { // G is upper triangular: G00, G01, G11
          const double *G = mix.at(t, h);
          z = i < K ? G[0] * z + G[1] * Z[(i + K) * columns + j] : G[2] * z;
        }
        next[i * columns + j] = decayAt(t, h, i % K, j) * z;
      }
    if (op.getRank() != Rank::zero) {
      std::vector<double> left, right(rows, 0);
      if (op.getRank() == Rank::tied) {
        left = write(t, h);
        for (double &x : left)
          x = -x;
        for (int64_t i = 0; i < K; ++i)
          right[i] = (erase ? erase : k).at(t, h)[i] * (op.getErase() == Erase::decayed ? decayAt(t, h, i, 0) : 1);
      } else {
        left.assign(a.at(t, h), a.at(t, h) + rows);
        right.assign(b.at(t, h), b.at(t, h) + rows);
      }
      for (int64_t j = 0; j < columns; ++j) {
        double read = 0;
        for (int64_t i = 0; i < rows; ++i)
          read += right[i] * Z[i * columns + j];
        for (int64_t i = 0; i < rows; ++i)
          next[i * columns + j] += left[i] * read;
      }
    }
    Z = std::move(next);
  }

  void addWrite(std::vector<double> &Z, int64_t t, int64_t h) const {
    std::vector<double> w = write(t, h);
    for (int64_t i = 0; i < stateRows(); ++i)
      for (int64_t j = 0; j < V; ++j)
        Z[i * V + j] += w[i] * v.at(t, h)[j];
  }

  double bonusAt(int64_t t, int64_t h) const {
    if (!bonus)
      return 0;
    return bonus->data[bonus->shape.size() == 1 ? h : t * heads + h];
  }

  /// (e0 (x) q)' Z for one column.
  double read(const std::vector<double> &Z, int64_t columns, int64_t column, int64_t t, int64_t h) const {
    double sum = 0;
    for (int64_t i = 0; i < K; ++i)
      sum += q.at(t, h)[i] * Z[i * columns + column];
    return sum;
  }

  /// Row t, column s of the mixer: what token t reads of the value of token s <= t.
  void mixerColumn(Span span, int64_t s, int64_t h, llvm::function_ref<double &(int64_t t)> out) const {
    bool pre = op.getRead() == Read::pre;
    std::vector<double> z = write(s, h);
    out(s) = (pre ? 0 : read(z, 1, 0, s, h)) + bonusAt(s, h);
    for (int64_t t = s + 1; t < span.end; ++t) {
      if (pre)
        out(t) = read(z, 1, 0, t, h);
      transition(z, 1, t, h);
      if (!pre)
        out(t) = read(z, 1, 0, t, h);
    }
  }
};

struct LinearScanModel : ReferenceModel<LinearScanModel, LinearScanOp> {
  static LogicalResult compute(LinearScanOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    Scan scan(op, in);
    int64_t steps = scan.k.value->shape[0], n = scan.substeps, tokens = steps / n, H = scan.heads, V = scan.V;
    if (steps % n)
      return op.emitError("reference: expected 'k' to have a multiple of ") << n << " rows, got " << steps;
    bool perToken = scan.bonus && scan.bonus->shape.size() == 2;
    if (failed(checkRows(op, "v", scan.v.value, steps)) || failed(checkRows(op, "q", scan.q.value, tokens)) ||
        failed(checkRows(op, "write_scale", scan.scale.value, steps)) ||
        failed(checkRows(op, "erase_key", scan.erase.value, steps)) ||
        failed(checkRows(op, "untied_write", scan.a.value, steps)) ||
        failed(checkRows(op, "untied_read", scan.b.value, steps)) ||
        failed(checkRows(op, "mix", scan.mix.value, steps)) || failed(checkRows(op, "rate", scan.rate, steps)) ||
        failed(checkRows(op, "bonus", perToken ? scan.bonus : nullptr, tokens)) ||
        failed(checkRows(op, "log_decay", op.getDecay() == Decay::constant ? nullptr : scan.logDecay, steps)))
      return failure();
    FailureOr<SmallVector<Span>> spans = sequencesOf(op, in[op.getOffsets()], tokens);
    if (failed(spans))
      return failure();
    int64_t B = spans->size(), stateSize = scan.stateRows() * V;
    const HostValue *initial = in[op.getInitialState()];
    if (failed(checkRows(op, "initial_state", initial, B)))
      return failure();

    int64_t chunk = op.getChunk().value_or(1), chunks = 0, pairs = 0;
    for (Span span : *spans) {
      chunks += llvm::divideCeil(span.size(), chunk);
      pairs += span.size() * (span.size() + 1) / 2;
    }
    HostValue o(ArrayRef<int64_t>{op.getO() ? tokens : 0, H, V});
    HostValue finalState(ArrayRef<int64_t>{B, H, scan.stateRows(), V});
    HostValue chunkStates(ArrayRef<int64_t>{op.getChunkStates() ? chunks : 0, H, scan.stateRows(), V});
    HostValue mixer(ArrayRef<int64_t>{H, op.getMixer() ? pairs : 0});

    for (int64_t h = 0; h < H; ++h) {
      int64_t firstChunk = 0, firstPair = 0;
      for (auto [sequence, span] : llvm::enumerate(*spans)) {
        std::vector<double> Z(stateSize, 0);
        int64_t at = (sequence * H + h) * stateSize;
        if (initial)
          std::copy_n(initial->data.begin() + at, stateSize, Z.begin());
        auto readToken = [&](int64_t t) {
          for (int64_t j = 0; op.getO() && j < V; ++j)
            o.data[(t * H + h) * V + j] =
                scan.read(Z, V, j, t, h) + scan.bonusAt(t, h) * scan.v.at(t * n + n - 1, h)[j];
        };
        for (int64_t t = span.begin; t < span.end; ++t) {
          if (op.getChunkStates() && (t - span.begin) % chunk == 0)
            llvm::copy(Z, chunkStates.data.begin() + ((firstChunk + (t - span.begin) / chunk) * H + h) * stateSize);
          if (op.getRead() == Read::pre)
            readToken(t);
          for (int64_t step = t * n; step < t * n + n; ++step) {
            scan.transition(Z, V, step, h);
            scan.addWrite(Z, step, h);
          }
          if (op.getRead() == Read::post)
            readToken(t);
        }
        llvm::copy(Z, finalState.data.begin() + at);
        for (int64_t s = span.begin; op.getMixer() && s < span.end; ++s)
          scan.mixerColumn(span, s, h, [&](int64_t t) -> double & {
            int64_t row = t - span.begin;
            return mixer.data[h * pairs + firstPair + row * (row + 1) / 2 + (s - span.begin)];
          });
        firstChunk += llvm::divideCeil(span.size(), chunk);
        firstPair += span.size() * (span.size() + 1) / 2;
      }
    }
    if (op.getO())
      results.push_back(std::move(o));
    results.push_back(std::move(finalState));
    if (op.getChunkStates())
      results.push_back(std::move(chunkStates));
    if (op.getMixer())
      results.push_back(std::move(mixer));
    return success();
  }
};

struct CausalConv1dModel : ReferenceModel<CausalConv1dModel, CausalConv1dOp> {
  static LogicalResult compute(CausalConv1dOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    const HostValue &x = *in[op.getX()], &taps = *in[op.getTaps()];
    const HostValue *bias = in[op.getBias()], *initial = in[op.getInitialTaps()];
    int64_t T = x.shape[0], C = x.shape[1], W = taps.shape.back(), past = W - 1;
    bool perToken = taps.shape.size() == 3;
    FailureOr<SmallVector<Span>> spans = sequencesOf(op, in[op.getOffsets()], T);
    if (failed(spans) || failed(checkRows(op, "taps", perToken ? &taps : nullptr, T)) ||
        failed(checkRows(op, "initial_taps", initial, spans->size())))
      return failure();
    HostValue y(x.shape), last(ArrayRef<int64_t>{int64_t(spans->size()), past, C});
    for (auto [sequence, span] : llvm::enumerate(*spans)) {
      // Input number t of the sequence; negative ones are the initial taps, oldest first.
      auto input = [&](int64_t t, int64_t c) {
        if (t >= 0)
          return x.data[(span.begin + t) * C + c];
        return initial ? initial->data[(sequence * past + past + t) * C + c] : 0;
      };
      for (int64_t c = 0; c < C; ++c) {
        for (int64_t t = 0; t < span.size(); ++t) {
          const double *tap = taps.data.data() + ((perToken ? (span.begin + t) * C : 0) + c) * W;
          double sum = bias ? bias->data[c] : 0;
          for (int64_t w = 0; w < W; ++w)
            sum += tap[w] * input(t - past + w, c);
          y.data[(span.begin + t) * C + c] = activate(op.getActivation(), sum);
        }
        for (int64_t w = 0; w < past; ++w)
          last.data[(sequence * past + w) * C + c] = input(span.size() - past + w, c);
      }
    }
    results.push_back(std::move(y));
    results.push_back(std::move(last));
    return success();
  }
};
} // namespace

void hybrid::attachScanReferences(MLIRContext *context) {
  LinearScanOp::attachInterface<LinearScanModel>(*context);
  CausalConv1dOp::attachInterface<CausalConv1dModel>(*context);
}
