// Attention by the definition: for every query the scores of all keys it sees, their softmax, the weighted values.
#include "Reference.h"
#include "ScalarProgram.h"
#include <cmath>
#include <set>
using namespace mlir;
using namespace mlir::hybrid;

namespace {

/// The keys and values of one sequence.
struct KeyValues {
  const HostValue *keys, *values;
  int64_t begin, size;
  /// The rotary part of a latent cache: its columns follow those of `keys`.
  const HostValue *tail = nullptr;
};

struct Attention {
  mutable AttentionOp op; // accessors of ops are not const
  const HostValue &q;
  const HostValue *sinks, *bias, *alibi, *blockIndex;
  int64_t queryHeads, keyHeads, keySize, valueSize;
  int64_t window, dilation, sinkTokens, prefix, blockSize; // window 0: none
  std::set<int64_t> globals;
  std::optional<ScalarProgram> scoreMod;

  Attention(AttentionOp op, const Inputs &in)
      : op(op), q(*in[op.getQuery()]), sinks(in[op.getSinkLogits()]), bias(in[op.getBias()]), alibi(in[op.getAlibi()]),
        blockIndex(in[op.getBlockIndex()]), queryHeads(op.getQueryHeads()), keyHeads(op.getKeyHeads()),
        keySize(op.getKeySize()), valueSize(op.getValueSize()), window(op.getWindow().value_or(0)),
        dilation(op.getDilation()), sinkTokens(op.getSinkTokens()), prefix(op.getPrefix()),
        blockSize(op.getBlockSize().value_or(1)) {
    if (const HostValue *list = in[op.getGlobalTokens()])
      for (double position : list->data)
        globals.insert(int64_t(position));
  }

  /// Whether the query at position i (row t) of its sequence sees the key at position j.
  bool sees(int64_t t, int64_t head, int64_t i, int64_t j) const {
    if (op.getCache() && op.getCache().getType().getKind() == CacheKind::ring_kv) {
      ArrayRef<int64_t> dims = op.getCache().getType().getDims();
      if (j <= i - dims[3] && j >= dims[4])
        return false;
    }
    if (j < prefix)
      return true;
    if (op.getCausal() && j > i)
      return false;
    bool selective = window || sinkTokens || op.getGlobalTokens() || blockIndex;
    if (!selective || j < sinkTokens || globals.count(i) || globals.count(j))
      return true;
    int64_t distance = std::abs(i - j);
    if (distance < window * dilation && distance % dilation == 0)
      return true;
    if (!blockIndex)
      return false;
    int64_t heads = blockIndex->shape[1], count = blockIndex->shape[2], own = head * heads / queryHeads;
    const double *blocks = blockIndex->data.data() + (t * heads + own) * count;
    return std::find(blocks, blocks + count, double(j / blockSize)) != blocks + count;
  }

  double score(const KeyValues &kv, int64_t sequence, int64_t t, int64_t head, int64_t i, int64_t j) const {
    const double *query = q.data.data() + (t * queryHeads + head) * keySize;
    int64_t keyHead = head * keyHeads / queryHeads, split = kv.tail ? kv.keys->shape.back() : keySize;
    double s = 0;
    for (int64_t d = 0; d < split; ++d)
      s += query[d] * kv.keys->data[((kv.begin + j) * keyHeads + keyHead) * split + d];
    for (int64_t d = split; d < keySize; ++d)
      s += query[d] * kv.tail->data[(kv.begin + j) * (keySize - split) + d - split];
    s *= op.getScaleOrDefault();
    if (op.getSoftcap()) {
      double cap = op.getSoftcap()->convertToDouble();
      s = cap * std::tanh(s / cap);
    }
    if (alibi)
      s -= alibi->data[head] * double(i - j);
    if (bias)
      s += bias->data[(t * bias->shape[1] + head * bias->shape[1] / queryHeads) * bias->shape[2] + j];
    if (scoreMod) {
      std::vector<double> frame = scoreMod->makeFrame();
      double arguments[] = {s, double(sequence), double(head), double(i), double(j)};
      std::copy_n(arguments, std::size(arguments), frame.begin());
      scoreMod->run(frame.data());
      s = frame[scoreMod->getResults()[0]];
    }
    return s;
  }
};

struct AttentionModel : ReferenceModel<AttentionModel, AttentionOp> {
  /// The keys of each query's sequence.
  static FailureOr<SmallVector<KeyValues>> keysOf(AttentionOp op, const Inputs &in, ArrayRef<Span> queries) {
    SmallVector<KeyValues> list;
    if (const HostValue *cache = in[op.getCache()]) {
      bool latent = op.getCache().getType().getKind() == CacheKind::latent_kv;
      for (const std::vector<HostValue> &parts : cache->sequences)
        list.push_back({&parts[0], latent ? &parts[0] : &parts[1], 0, parts[0].shape[0], latent ? &parts[1] : nullptr});
    } else {
      const HostValue *key = in[op.getKey()], *value = in[op.getValue()];
      const HostValue *offsets = in[op.getKeyOffsets() ? op.getKeyOffsets() : op.getQueryOffsets()];
      FailureOr<SmallVector<Span>> spans = sequencesOf(op, offsets, key->shape[0]);
      if (failed(spans) || failed(checkRows(op, "value", value, key->shape[0])))
        return failure();
      for (Span span : *spans)
        list.push_back({key, value, span.begin, span.size()});
    }
    if (list.size() != queries.size())
      return op.emitError("reference: expected keys of ") << queries.size() << " sequences, got " << list.size();
    return list;
  }

  static LogicalResult compute(AttentionOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    Attention attention(op, in);
    int64_t T = attention.q.shape[0], H = attention.queryHeads, V = attention.valueSize;
    FailureOr<SmallVector<Span>> spans = sequencesOf(op, in[op.getQueryOffsets()], T);
    if (failed(spans))
      return failure();
    FailureOr<SmallVector<KeyValues>> keys = keysOf(op, in, *spans);
    if (failed(keys) || failed(checkRows(op, "bias", attention.bias, T)) ||
        failed(checkRows(op, "block_index", attention.blockIndex, T)))
      return failure();
    if (!op.getScoreMod().empty()) {
      FailureOr<ScalarProgram> program =
          ScalarProgram::compile(op.getScoreMod().front(), [](Value) { return nullptr; });
      if (failed(program))
        return failure();
      attention.scoreMod = std::move(*program);
    }
    HostValue o(ArrayRef<int64_t>{T, H, V}), lse(ArrayRef<int64_t>{T, H}), largest(ArrayRef<int64_t>{T, H});
    for (auto [sequence, span, kv] : llvm::enumerate(*spans, *keys)) {
      if (attention.bias && attention.bias->shape[2] < kv.size)
        return op.emitError("reference: expected 'bias' to have at least ")
               << kv.size << " columns, got " << attention.bias->shape[2];
      for (int64_t t = span.begin; t < span.end; ++t)
        for (int64_t h = 0; h < H; ++h) {
          int64_t i = kv.size - span.end + t; // the queries are the sequence's last tokens
          double m = attention.sinks ? attention.sinks->data[h] : -INFINITY;
          SmallVector<std::pair<int64_t, double>> scores;
          for (int64_t j = 0; j < kv.size; ++j)
            if (attention.sees(t, h, i, j)) {
              scores.push_back({j, attention.score(kv, sequence, t, h, i, j)});
              m = std::max(m, scores.back().second);
            }
          double *out = o.data.data() + (t * H + h) * V;
          double sum = attention.sinks ? std::exp(attention.sinks->data[h] - m) : 0;
          int64_t keyHeads = attention.keyHeads, keyHead = h * keyHeads / H;
          for (auto [j, s] : scores) {
            double p = m == -INFINITY ? 0 : std::exp(s - m);
            sum += p;
            for (int64_t d = 0; d < V; ++d)
              out[d] += p * kv.values->data[((kv.begin + j) * keyHeads + keyHead) * V + d];
          }
          largest.data[t * H + h] = m;
          lse.data[t * H + h] = op.getNormalize() ? (sum > 0 ? m + std::log(sum) : -INFINITY) : sum;
          for (int64_t d = 0; op.getNormalize() && sum > 0 && d < V; ++d)
            out[d] /= sum;
        }
    }
    results.push_back(std::move(o));
    results.push_back(std::move(lse));
    if (op.getMax())
      results.push_back(std::move(largest));
    return success();
  }
};

struct MergeModel : ReferenceModel<MergeModel, MergeOp> {
  static LogicalResult compute(MergeOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    HostValue o(in[op.getOutputs()[0]]->shape), lse(in[op.getLses()[0]]->shape);
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op.getOutputs()), SmallVector<Value>(op.getLses())))
      if (failed(checkRows(op, "partial", in[value], o.shape[0])))
        return failure();
    int64_t size = o.shape.back();
    for (int64_t row = 0; row < lse.numElements(); ++row) {
      double m = -INFINITY, sum = 0;
      for (Value partial : op.getLses())
        m = std::max(m, in[partial]->data[row]);
      if (m != -INFINITY)
        for (auto [out, partial] : llvm::zip_equal(op.getOutputs(), op.getLses())) {
          double weight = std::exp(in[partial]->data[row] - m);
          sum += weight;
          for (int64_t d = 0; d < size; ++d)
            o.data[row * size + d] += weight * in[out]->data[row * size + d];
        }
      lse.data[row] = m == -INFINITY ? m : m + std::log(sum);
      for (int64_t d = 0; sum > 0 && d < size; ++d)
        o.data[row * size + d] /= sum;
    }
    results.push_back(std::move(o));
    results.push_back(std::move(lse));
    return success();
  }
};

struct RotaryModel : ReferenceModel<RotaryModel, RotaryOp> {
  static LogicalResult compute(RotaryOp op, const Inputs &in, SmallVectorImpl<HostValue> &results) {
    HostValue y = *in[op.getX()];
    const HostValue *positions = in[op.getPositions()], *angles = in[op.getAngles()];
    int64_t T = y.shape[0], H = y.shape[1], D = y.shape[2], half = op.getRotaryDimOrDefault() / 2;
    if (failed(checkRows(op, "positions", positions, T)) || failed(checkRows(op, "angles", angles, T)))
      return failure();
    SmallVector<double> frequencies = op.getFrequencies();
    double factor = op.getAttentionFactor().convertToDouble();
    for (int64_t t = 0; t < T; ++t)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t i = 0; i < half; ++i) {
          double angle;
          if (positions)
            angle = positions->data[t] * frequencies[i];
          else
            angle = angles->data[(angles->shape.size() == 2 ? t : t * H + h) * half + i];
          double *row = y.data.data() + (t * H + h) * D;
          double &a = row[op.getInterleave() ? 2 * i : i], &b = row[op.getInterleave() ? 2 * i + 1 : i + half];
          double cosine = factor * std::cos(angle), sine = factor * std::sin(angle), first = a;
          a = first * cosine - b * sine;
          b = b * cosine + first * sine;
        }
    results.push_back(std::move(y));
    return success();
  }
};
} // namespace

void hybrid::attachAttentionReferences(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionModel>(*context);
  MergeOp::attachInterface<MergeModel>(*context);
  RotaryOp::attachInterface<RotaryModel>(*context);
}
