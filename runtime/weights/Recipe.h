// How a parameter is made: its pieces, from checkpoint tensors or initialisers, computed in f32.
#ifndef HYBRID_RUNTIME_WEIGHTS_RECIPE_H
#define HYBRID_RUNTIME_WEIGHTS_RECIPE_H
#include "lib/Artifact/Artifact.h"
#include "lib/Artifact/Checkpoint.h"
#include <optional>
#include <vector>

namespace hybridrt {

/// Where weights come from: a checkpoint, or a seed for the initialisers.
struct WeightSource {
  const Checkpoint *checkpoint = nullptr;
  uint64_t seed = 0;
};

/// A draw for every element of one parameter, by "init:" text.
class Initialiser {
public:
  Initialiser(const std::string &text, uint64_t seed, const std::string &param);
  float operator()(uint64_t element) const;

private:
  enum class Kind { constant, normal, uniform, logUniform, stepBias, logDecay } kind;
  double arguments[3] = {};
  uint64_t key, param;
};

/// One parameter's recipe, bound to its source: everything is checked by the constructor, so that rows()
/// cannot fail.
class Recipe {
public:
  Recipe(const artifact::ParamT &param, const WeightSource &source);
  int64_t rowCount() const { return rowsTotal; }
  int64_t columnCount() const { return columns; }
  /// Computes rows [begin, begin + count) into `out`, row-major.
  void rows(int64_t begin, int64_t count, float *out) const;

private:
  enum class Map { identity, negExp, onePlus };
  struct BoundPiece {
    const TensorView *tensor = nullptr;
    std::optional<Initialiser> initialiser;
    /// First row of the parameter, rows taken, first row of the source.
    int64_t at = 0, rows = 0, begin = 0;
    /// Elements per row of the source as stored.
    int64_t stride = 0;
    bool transpose = false;
    float scale = 1;
    Map map = Map::identity;
    /// Empty, or one factor per column.
    std::vector<float> columnFactors;
  };

  BoundPiece bind(const artifact::PieceT &piece, const WeightSource &source, int64_t at);
  /// Multiplies `factors`, one per column, by those of a fold.
  void fold(const artifact::FoldT &fold, const WeightSource &source, std::vector<float> &factors) const;
  void readPiece(const BoundPiece &piece, int64_t begin, int64_t count, float *out) const;
  static Map parseMap(const std::string &name);
  static float apply(Map map, float value);

  const artifact::ParamT &param;
  int64_t rowsTotal = 1, columns = 1;
  std::vector<BoundPiece> pieces;
};

} // namespace hybridrt
#endif
