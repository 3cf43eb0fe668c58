// Writes the entries of the model form from a ModelSpec. One object writes one module.
#ifndef HYBRID_LIB_FRONTEND_FORMBUILDER_H
#define HYBRID_LIB_FRONTEND_FORMBUILDER_H
#include "dialects/Hybrid/Builders.h"
#include "hybrid/Frontend/ModelSpec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::hybrid {

/// A run of rows of a parameter, by name.
using FieldList = std::initializer_list<std::pair<StringRef, int64_t>>;

class FormBuilder {
public:
  FormBuilder(MLIRContext &context, const ModelSpec &spec, Type storage);

  /// Adds the entry "score" or, with caches, "append".
  void buildEntry(StringRef name, bool withCaches);
  OwningOpRef<ModuleOp> take() { return std::move(module); }

private:
  // Blocks (ModelForm.cpp).
  Value block(const BlockSpec &block, Value x);
  Value ffn(const FfnSpec &ffn, Value x);
  Value residual(const std::optional<NormSpec> &postNorm, StringRef prefix, Value x, Value y);

  // Mixers (Mixers.cpp). Each reads the normed input and gives what its output projection takes.
  Value mixer(const MixerSpec &mixer, Value x);
  Value fuse(const MixerSpec &mixer, ValueRange branches);
  Value branch(const AttentionSpec &attention, Value x);
  Value branch(const Mamba2Spec &mamba, Value x);
  Value branch(const GatedDeltaSpec &delta, Value x);
  Value branch(const ShortConvSpec &conv, Value x);
  Value rotary(const RopeSpec &rope, Value x);
  /// softplus(dt + bias), [T, H].
  Value timeStep(Value dt, const Recipe &bias, int64_t heads);
  /// Convolves over the tokens that the cache "conv" ends with and those given.
  Value convolve(Value x, const Recipe &taps, const Recipe &bias, int64_t width, Activation activation);
  /// A scan from the state in the cache "state", which becomes its final state.
  Value scan(Rank rank, int64_t heads, Value q, Value k, Value v, Value logDecay, Value writeScale, Value bonus);

  // Parts. Names are taken below the current prefix.
  Value parameter(StringRef name, ArrayRef<int64_t> shape, const Recipe &recipe, FieldList fields = {});
  Value linear(StringRef name, const LinearSpec &linear, Value x, int64_t rows, FieldList fields = {});
  Value norm(StringRef name, const NormSpec &norm, Value x, Value gate = {}, int64_t groups = 1,
             GateOrder order = GateOrder::gate_first);
  Value columns(Value x, int64_t &begin, int64_t count);

  void declareCaches(const BlockSpec &block);
  void declareCache(StringRef name, CacheKind kind, ArrayRef<int64_t> dims, Type elementType);
  /// The cache of this name below the current prefix; null in an entry without caches.
  Value cache(StringRef name);
  void setCache(StringRef name, Value value);

  RankedTensorType tokens(ArrayRef<int64_t> dims) const;
  /// The prefix as a location, around the place in the description.
  Location location() const;

  /// Sets the prefix of names, and with it the location of ops, for a scope.
  class Scope {
  public:
    Scope(FormBuilder &form, StringRef name);
    ~Scope();

  private:
    FormBuilder &form;
    std::string outer;
  };

  const ModelSpec &spec;
  Type storage;
  OwningOpRef<ModuleOp> module;
  OpBuilder builder;
  Location loc;
  std::string prefix;
  /// Where the block being written is described, if anywhere.
  std::optional<FileLineColLoc> place;
  /// Where the next global goes: after the last one.
  Operation *lastGlobal = nullptr;
  llvm::StringMap<RankedTensorType> globals;

  // The entry being written.
  Value ids, positions, offsets, rows;
  /// The values of the attention written last, [T, heads, size], for a mixer beside it that shares them.
  Value attentionValues;
  llvm::MapVector<StringAttr, Value> caches;
  llvm::MapVector<StringAttr, Type> cacheTypes;
};

} // namespace mlir::hybrid
#endif
