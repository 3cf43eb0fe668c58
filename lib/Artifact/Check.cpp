// What the file format cannot say about an artifact. A checker walks the whole object with the place that it
// is at, so that each message names the culprit.
#include "lib/Artifact/Artifact.h"
#include "lib/Artifact/Hash.h"
#include <cmath>
#include <set>

using namespace hybridrt;
using namespace hybridrt::artifact;

namespace {
/// Larger sizes are damage: no tensor of ours has 2^48 elements.
constexpr int64_t largest = int64_t(1) << 48;

/// A path into the artifact, extended for the lifetime of an At.
class Place {
public:
  class At {
  public:
    At(Place &place, const std::string &step) : place(place), length(place.path.size()) {
      if (!place.path.empty() && step[0] != '(')
        place.path += '.';
      place.path += step;
    }
    ~At() { place.path.resize(length); }

  private:
    Place &place;
    size_t length;
  };

  At at(const std::string &step) { return At(*this, step); }
  template <typename... Parts> [[noreturn]] void bad(const Parts &...parts) const { fail(path, ": ", parts...); }

private:
  std::string path;
};

class Checker {
public:
  explicit Checker(const ArtifactT &artifact) : artifact(artifact) {}

  void run() {
    if (artifact.vocab <= 0 || artifact.vocab > largest)
      place.bad("expected a positive 'vocab', got ", artifact.vocab);
    checkEnum(artifact.dtype, DType::MAX, "dtype");
    each("caches", artifact.caches, [&](const CacheT &cache) { checkCache(cache); });
    unique("caches", artifact.caches, [](const CacheT &cache) { return cache.name; });
    if (artifact.programs.empty())
      place.bad("expected at least one program");
    each("programs", artifact.programs, [&](const ProgramT &program) { checkProgram(program); });
    unique("programs", artifact.programs, [](const ProgramT &program) { return program.target; });
  }

private:
  template <typename T, typename Function>
  void each(const char *name, const std::vector<std::unique_ptr<T>> &list, Function &&function) {
    for (size_t i = 0; i < list.size(); ++i) {
      auto at = place.at(concat(name, "[", i, "]"));
      if (!list[i])
        place.bad("expected an object, found none");
      function(*list[i]);
    }
  }

  template <typename T, typename Name>
  void unique(const char *what, const std::vector<std::unique_ptr<T>> &list, Name &&name) {
    std::set<std::string> names;
    for (auto &item : list)
      if (!names.insert(name(*item)).second)
        place.bad("expected distinct names in '", what, "', found '", name(*item), "' twice");
  }

  template <typename E> void checkEnum(E value, E last, const char *name) {
    if (value > last)
      place.bad("'", name, "' is ", int(value), ", expected at most ", int(last));
  }

  void checkIndex(const char *what, uint64_t index, uint64_t count) {
    if (index >= count)
      place.bad(what, " ", index, " of ", count, " does not exist");
  }

  int64_t checkShape(const std::vector<int64_t> &shape, const char *name) {
    int64_t elements = 1;
    for (int64_t dim : shape) {
      if (dim <= 0 || dim > largest / elements)
        place.bad("'", name, "' has an impossible extent ", dim);
      elements *= dim;
    }
    return elements;
  }

  void checkCache(const CacheT &cache) {
    checkEnum(cache.kind, CacheKind::MAX, "kind");
    checkEnum(cache.dtype, DType::MAX, "dtype");
    checkShape(cache.dims, "dims");
    static constexpr size_t ranks[] = {3, 5, 2, 2, 3, 1};
    if (size_t rank = ranks[size_t(cache.kind)]; cache.dims.size() != rank)
      place.bad("expected ", rank, " dims of a ", EnumNameCacheKind(cache.kind), " cache, got ", cache.dims.size());
  }

  void checkProgram(const ProgramT &program) {
    if (program.modules.empty())
      place.bad("expected at least one module of code");
    each("modules", program.modules, [&](const ModuleT &module) {
      if (hashBytes(module.code.data(), module.code.size()) != module.hash)
        place.bad("code of '", module.level, "' does not match its hash");
    });
    unique("modules", program.modules, [](const ModuleT &module) { return module.level; });
    each("params", program.params, [&](const ParamT &param) { checkParam(param); });
    unique("params", program.params, [](const ParamT &param) { return param.name; });
    each("kernels", program.kernels, [&](const KernelT &kernel) {
      if (kernel.symbol.empty())
        place.bad("expected a symbol");
      if (kernel.scratch_bytes > uint64_t(largest))
        place.bad("impossible 'scratch_bytes' ", kernel.scratch_bytes);
      checkPlaces(kernel.scalar_places, "scalar_places");
      checkPlaces(kernel.view_places, "view_places");
      checkCluster(kernel.cluster);
    });
    each("entries", program.entries, [&](const EntryT &entry) {
      if (entry.variants.empty())
        place.bad("expected at least one variant of '", entry.name, "'");
      each("variants", entry.variants, [&](const VariantT &variant) { checkVariant(program, variant); });
      unique("variants", entry.variants, [](const VariantT &variant) { return variant.name; });
    });
    unique("entries", program.entries, [](const EntryT &entry) { return entry.name; });
  }

  void checkPlaces(const std::vector<uint32_t> &places, const char *name) {
    for (size_t i = 1; i < places.size(); ++i)
      if (places[i] <= places[i - 1])
        place.bad("expected ascending '", name, "', got ", places[i - 1], " before ", places[i]);
  }

  /// Up to 8 blocks are portable, as CUDA calls it.
  void checkCluster(const std::vector<uint32_t> &cluster) {
    if (cluster.empty())
      return;
    if (cluster.size() != 3)
      place.bad("expected 3 extents of a 'cluster', got ", cluster.size());
    uint64_t blocks = 1;
    for (uint32_t extent : cluster)
      blocks *= std::min<uint32_t>(extent, 9);
    if (blocks < 1 || blocks > 8)
      place.bad("expected a 'cluster' of 1 to 8 blocks, got ", cluster[0], " x ", cluster[1], " x ", cluster[2]);
  }

  /// What pieces and folds share: a source, a run of it, a map.
  template <typename T> void checkSource(const T &part, const char *of) {
    if (part.source.empty())
      place.bad("expected a source");
    if (part.begin < 0 || (part.end != -1 && part.end <= part.begin))
      place.bad("impossible ", of, " [", part.begin, ", ", part.end, ")");
    if (!part.map.empty() && part.map != "neg_exp" && part.map != "one_plus")
      place.bad("unknown map '", part.map, "', expected 'neg_exp' or 'one_plus'");
  }

  void checkParam(const ParamT &param) {
    auto at = place.at(concat("('", param.name, "')"));
    checkEnum(param.dtype, DType::MAX, "dtype");
    checkEnum(param.layout, ParamLayout::MAX, "layout");
    checkShape(param.shape, "shape");
    if (param.layout == ParamLayout::panels && param.shape.size() != 2)
      place.bad("expected a matrix for panels, got rank ", param.shape.size());
    if (param.pieces.empty())
      place.bad("expected at least one piece");
    each("pieces", param.pieces, [&](const PieceT &piece) {
      checkSource(piece, "rows");
      each("column_folds", piece.column_folds, [&](const FoldT &fold) { checkSource(fold, "columns"); });
    });
    int64_t rows = 0;
    each("fields", param.fields, [&](const FieldT &field) {
      if (field.rows <= 0 || field.rows > largest - rows)
        place.bad("impossible 'rows' ", field.rows);
      rows += field.rows;
    });
    if (!param.fields.empty() && (param.shape.empty() || rows != param.shape[0]))
      place.bad("fields have ", rows, " rows, the parameter ", param.shape.empty() ? 0 : param.shape[0]);
  }

  void checkPolynomial(const std::unique_ptr<PolynomialT> &polynomial, const char *name) {
    if (!polynomial)
      return;
    auto at = place.at(name);
    each("terms", polynomial->terms, [&](const TermT &term) {
      if (!std::isfinite(term.coefficient))
        place.bad("expected a finite coefficient");
      if (term.exponents.size() > size_t(Symbol::MAX) + 1)
        place.bad("expected at most ", int(Symbol::MAX) + 1, " exponents, got ", term.exponents.size());
    });
  }

  void checkVariant(const ProgramT &program, const VariantT &variant) {
    if (variant.max_tokens < 0 || variant.max_sequences < 0 || variant.max_longest < 0)
      place.bad("expected limits of at least 0");
    each("buffers", variant.buffers, [&](const BufferT &buffer) {
      checkEnum(buffer.dtype, DType::MAX, "dtype");
      checkPolynomial(buffer.elements, "elements");
    });
    for (int64_t rows : variant.tile_lists)
      if (rows <= 0 || rows > largest)
        place.bad("impossible rows per tile ", rows);
    each("steps", variant.steps, [&](const StepT &step) { checkStep(program, variant, step); });
  }

  void checkSymbol(const VariantT &variant, Symbol symbol, uint32_t list) {
    checkEnum(symbol, Symbol::MAX, "symbol");
    if (symbol == Symbol::tiles)
      checkIndex("tile list", list, variant.tile_lists.size());
  }

  void checkExtent(const VariantT &variant, const ExtentT &extent) {
    if (extent.divisor <= 0 || extent.factor <= 0 || extent.factor > largest)
      place.bad("impossible extent: divisor ", extent.divisor, ", factor ", extent.factor);
    if (!extent.constant)
      checkSymbol(variant, extent.symbol, extent.list);
  }

  void checkArg(const ProgramT &program, const VariantT &variant, const ArgT &arg) {
    checkEnum(arg.kind, ArgKind::MAX, "kind");
    if (arg.kind == ArgKind::buffer)
      checkIndex("buffer", arg.index, variant.buffers.size());
    if (arg.kind == ArgKind::param)
      checkIndex("param", arg.index, program.params.size());
    if (arg.kind == ArgKind::tile_list)
      checkIndex("tile list", arg.index, variant.tile_lists.size());
    if (arg.kind == ArgKind::cache) {
      checkIndex("cache", arg.index, artifact.caches.size());
      CacheKind kind = artifact.caches[arg.index]->kind;
      bool pair = kind == CacheKind::paged_kv || kind == CacheKind::ring_kv;
      checkIndex("cache part", arg.part, pair ? 2 : 1);
    }
  }

  /// The limits are CUDA's.
  void checkView(const ProgramT &program, const VariantT &variant, const BoxViewT &view) {
    if (!view.arg)
      place.bad("expected an 'arg'");
    checkArg(program, variant, *view.arg);
    checkEnum(view.dtype, DType::MAX, "dtype");
    checkEnum(view.swizzle, Swizzle::MAX, "swizzle");
    size_t rank = view.sizes.size();
    if (rank < 1 || rank > 5)
      place.bad("expected 1 to 5 sizes of a tensor view, got ", rank);
    if (view.strides.size() != rank - 1 || view.box.size() != rank)
      place.bad("expected ", rank - 1, " strides and a box of ", rank, " extents, got ", view.strides.size(), " and ",
                view.box.size());
    each("sizes", view.sizes, [&](const ExtentT &extent) { checkExtent(variant, extent); });
    for (int64_t stride : view.strides)
      if (stride <= 0 || stride % 16 || stride >= int64_t(1) << 40)
        place.bad("expected strides of multiples of 16 bytes below 2^40, got ", stride);
    for (uint32_t extent : view.box)
      if (extent < 1 || extent > 256)
        place.bad("expected a box of extents from 1 to 256, got ", extent);
  }

  /// What a step passes goes where its kernel expects it.
  void checkTaken(const std::vector<uint32_t> &places, const char *what, size_t count, size_t parameters) {
    if (!places.empty() && (places.size() != count || places.back() >= parameters))
      place.bad("expected ", places.size(), " ", what, " among parameters up to ", places.back(), ", got ", count,
                " among ", parameters, " parameters");
  }

  void checkStep(const ProgramT &program, const VariantT &variant, const StepT &step) {
    checkIndex("kernel", step.kernel, program.kernels.size());
    if (step.grid.size() > 3)
      place.bad("expected at most 3 grid extents, got ", step.grid.size());
    each("grid", step.grid, [&](const ExtentT &extent) { checkExtent(variant, extent); });
    each("args", step.args, [&](const ArgT &arg) { checkArg(program, variant, arg); });
    each("views", step.views, [&](const BoxViewT &view) { checkView(program, variant, view); });
    size_t parameters = step.args.size() + step.scalars.size() + step.views.size();
    checkTaken(program.kernels[step.kernel]->scalar_places, "scalars", step.scalars.size(), parameters);
    const std::vector<uint32_t> &views = program.kernels[step.kernel]->view_places;
    if (views.empty() && !step.views.empty())
      place.bad("expected no tensor views, got ", step.views.size());
    checkTaken(views, "tensor views", step.views.size(), parameters);
    each("scalars", step.scalars, [&](const ScalarT &scalar) {
      checkEnum(scalar.kind, ScalarKind::MAX, "kind");
      if (scalar.divisor <= 0)
        place.bad("impossible divisor ", scalar.divisor);
      if (scalar.factor < -largest || scalar.factor > largest)
        place.bad("impossible factor ", scalar.factor);
      if (scalar.kind == ScalarKind::symbol)
        checkSymbol(variant, scalar.symbol, scalar.list);
    });
    checkPolynomial(step.flops, "flops");
    checkPolynomial(step.bytes, "bytes");
  }

  const ArtifactT &artifact;
  Place place;
};
} // namespace

Status hybridrt::checkArtifact(const ArtifactT &artifact) {
  return capture([&] { Checker(artifact).run(); });
}
