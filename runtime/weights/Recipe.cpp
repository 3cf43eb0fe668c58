#include "runtime/weights/Recipe.h"
#include "lib/Artifact/Hash.h"
#include "runtime/core/Philox.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>

using namespace hybridrt;
using namespace hybridrt::artifact;

Initialiser::Initialiser(const std::string &text, uint64_t seed, const std::string &param)
    : key(seed), param(hashText(param)) {
  static constexpr struct {
    const char *name;
    Kind kind;
    int arguments;
  } table[] = {{"const", Kind::constant, 1},         {"normal", Kind::normal, 1},    {"uniform", Kind::uniform, 2},
               {"log_uniform", Kind::logUniform, 2}, {"dt_bias", Kind::stepBias, 3}, {"a_log", Kind::logDecay, 2}};
  size_t open = text.find('(');
  std::string name = text.substr(5, open == text.npos ? text.npos : open - 5);
  auto entry = std::find_if(std::begin(table), std::end(table), [&](auto &entry) { return name == entry.name; });
  bool valid = entry != std::end(table) && open != text.npos;
  if (valid) {
    kind = entry->kind;
    const char *next = text.c_str() + open;
    for (int i = 0; i < entry->arguments && valid; ++i) {
      char *end;
      arguments[i] = std::strtod(next + 1, &end);
      valid = end != next + 1 && std::isfinite(arguments[i]) && *end == (i + 1 < entry->arguments ? ',' : ')');
      next = end;
    }
  }
  if (!valid)
    fail("parameter '", param, "': unknown initialiser '", text,
         "', expected normal(deviation), const(value), uniform(a,b), log_uniform(a,b), "
         "dt_bias(min,max,floor) or "
         "a_log(min,max) after 'init:'");
}

float Initialiser::operator()(uint64_t element) const {
  if (kind == Kind::constant)
    return float(arguments[0]);
  // Two elements share a block: a pair of uniform numbers makes a pair of normal ones.
  uint64_t pair = element / 2;
  PhiloxBlock block = philox(key, {uint32_t(pair), uint32_t(pair >> 32), uint32_t(param), uint32_t(param >> 32)});
  if (kind == Kind::normal) {
    float radius = std::sqrt(-2 * std::log(uniform(block[0])));
    float angle = 2 * std::numbers::pi_v<float> * uniform(block[1]);
    return float(arguments[0]) * radius * (element % 2 ? std::sin(angle) : std::cos(angle));
  }
  double u = uniform(block[element % 2]), a = arguments[0], b = arguments[1];
  switch (kind) {
  case Kind::uniform:
    return float(a + u * (b - a));
  case Kind::logUniform:
    return float(std::exp(std::log(a) + u * (std::log(b) - std::log(a))));
  case Kind::logDecay:
    return float(std::log(a + u * (b - a)));
  default: { // the inverse softplus of a log-uniform step
    double step = std::max(std::exp(std::log(a) + u * (std::log(b) - std::log(a))), arguments[2]);
    return float(step + std::log(-std::expm1(-step)));
  }
  }
}

Recipe::Map Recipe::parseMap(const std::string &name) {
  return name == "neg_exp" ? Map::negExp : name == "one_plus" ? Map::onePlus : Map::identity;
}

float Recipe::apply(Map map, float value) {
  return map == Map::negExp ? -std::exp(value) : map == Map::onePlus ? 1 + value : value;
}

/// A checkpoint tensor as its rows: a vector has rows of one column.
static std::pair<int64_t, int64_t> flatten(const TensorView &tensor) {
  if (tensor.shape.empty())
    return {1, 1};
  int64_t columns = 1;
  for (size_t i = 1; i < tensor.shape.size(); ++i)
    columns *= tensor.shape[i];
  return {tensor.shape[0], columns};
}

static const TensorView &findFloats(const WeightSource &source, const std::string &name, const std::string &param) {
  if (!source.checkpoint)
    fail("parameter '", param, "' is taken from checkpoint tensor '", name,
         "', so this model needs --weights; random weights are for models compiled from a description");
  const TensorView *tensor = source.checkpoint->find(name);
  if (!tensor)
    fail("'", source.checkpoint->path(), "' lacks tensor '", name, "', which parameter '", param, "' is made from");
  if (tensor->type != ElementType::f32 && tensor->type != ElementType::bf16 && tensor->type != ElementType::f16)
    fail("'", source.checkpoint->path(), "': tensor '", name, "': expected F32, BF16 or F16, found ",
         tensor->describe());
  return *tensor;
}

namespace {
/// A piece's or fold's source, taken apart.
struct SourceName {
  SourceName(const std::string &text, const std::string &param) : initialised(text.starts_with("init:")) {
    size_t at = initialised ? text.find('@') : text.npos;
    moved = at != text.npos;
    initialiser = text.substr(0, at);
    tensor = !initialised ? text : moved ? text.substr(at + 1) : param;
  }
  /// `moved`: the initialiser names the parameter that its rows were first part of.
  bool initialised, moved;
  std::string initialiser;
  /// The tensor of a checkpoint. A description's parameters have no tensor names of their own: checkpoints of such a
  /// model use the canonical ones.
  std::string tensor;
};
} // namespace

void Recipe::fold(const FoldT &fold, const WeightSource &source, std::vector<float> &factors) const {
  int64_t end = fold.end == -1 ? columns : fold.end, count = end - fold.begin;
  if (end > columns || count <= 0)
    fail("parameter '", param.name, "': expected factors of columns [", fold.begin, ", ", fold.end, ") by '",
         fold.source, "', found ", columns, " columns");
  SourceName name(fold.source, param.name);
  std::vector<float> values(count);
  if (name.initialised && !source.checkpoint) {
    Initialiser draw(name.initialiser, source.seed, name.tensor);
    for (int64_t i = 0; i < count; ++i)
      values[i] = draw(uint64_t(i));
  } else {
    const TensorView &tensor = findFloats(source, name.tensor, param.name);
    if (tensor.elements() == 0 || count % int64_t(tensor.elements()))
      fail("parameter '", param.name, "': expected factors for ", count, " columns in '", name.tensor, "', found ",
           tensor.elements());
    values.resize(tensor.elements());
    tensor.readFloats(0, int64_t(values.size()), values.data());
  }
  Map map = parseMap(fold.map);
  for (int64_t i = 0; i < count; ++i)
    factors[fold.begin + i] *= apply(map, values[i % int64_t(values.size())]);
}

Recipe::BoundPiece Recipe::bind(const PieceT &piece, const WeightSource &source, int64_t at) {
  SourceName name(piece.source, param.name);
  // An initialiser's rows are the parameter's own, unless it names another one.
  int64_t base = name.initialised && !name.moved ? at : 0;
  BoundPiece bound;
  bound.at = at;
  bound.begin = base + piece.begin;
  bound.transpose = piece.transpose;
  bound.scale = float(piece.scale);
  bound.map = parseMap(piece.map);
  int64_t sourceRows;
  if (name.initialised && !source.checkpoint) {
    bound.initialiser.emplace(name.initialiser, source.seed, name.tensor);
    bound.transpose = false;
    sourceRows = piece.end == -1 ? bound.begin + rowsTotal - at : base + piece.end;
  } else {
    bound.tensor = &findFloats(source, name.tensor, param.name);
    auto [tensorRows, tensorColumns] = flatten(*bound.tensor);
    bound.stride = tensorColumns;
    if (piece.transpose)
      std::swap(tensorRows, tensorColumns);
    sourceRows = tensorRows;
    if (tensorColumns != columns)
      fail("'", source.checkpoint->path(), "': tensor '", name.tensor, "': expected rows of ", columns,
           " elements for '", param.name, "', found ", bound.tensor->describe());
  }
  int64_t end = piece.end == -1 ? sourceRows : base + piece.end;
  if (end > sourceRows || end <= bound.begin)
    fail("parameter '", param.name, "': expected rows [", piece.begin, ", ", piece.end, ") of '", piece.source,
         "', which has ", sourceRows);
  bound.rows = end - bound.begin;
  if (!piece.column_folds.empty()) {
    bound.columnFactors.assign(columns, 1);
    for (auto &each : piece.column_folds)
      fold(*each, source, bound.columnFactors);
  }
  return bound;
}

Recipe::Recipe(const ParamT &param, const WeightSource &source) : param(param) {
  if (!param.shape.empty())
    rowsTotal = param.shape[0];
  for (size_t i = 1; i < param.shape.size(); ++i)
    columns *= param.shape[i];
  int64_t at = 0;
  for (auto &piece : param.pieces) {
    pieces.push_back(bind(*piece, source, at));
    at += pieces.back().rows;
  }
  if (at != rowsTotal)
    fail("parameter '", param.name, "': expected ", rowsTotal, " rows, its ", pieces.size(), " pieces have ", at,
         source.checkpoint ? concat(" in '", source.checkpoint->path(), "'") : std::string());
}

void Recipe::readPiece(const BoundPiece &piece, int64_t begin, int64_t count, float *out) const {
  int64_t row = piece.begin + begin;
  if (piece.initialiser) {
    for (int64_t i = 0; i < count * columns; ++i)
      out[i] = (*piece.initialiser)(uint64_t(row * columns + i));
  } else if (!piece.transpose) {
    piece.tensor->readFloats(row * columns, count * columns, out);
  } else {
    std::vector<float> line(count);
    for (int64_t c = 0; c < columns; ++c) {
      piece.tensor->readFloats(c * piece.stride + row, count, line.data());
      for (int64_t r = 0; r < count; ++r)
        out[r * columns + c] = line[r];
    }
  }
  if (piece.map != Map::identity || piece.scale != 1)
    for (int64_t i = 0; i < count * columns; ++i)
      out[i] = apply(piece.map, out[i]) * piece.scale;
  if (!piece.columnFactors.empty())
    for (int64_t r = 0; r < count; ++r)
      for (int64_t c = 0; c < columns; ++c)
        out[r * columns + c] *= piece.columnFactors[c];
}

void Recipe::rows(int64_t begin, int64_t count, float *out) const {
  for (const BoundPiece &piece : pieces) {
    int64_t from = std::max(begin, piece.at), to = std::min(begin + count, piece.at + piece.rows);
    if (from < to)
      readPiece(piece, from - piece.at, to - from, out + (from - begin) * columns);
  }
}
