// Writes schedules, parameters and caches in the artifact's tables. Names become indices here and nowhere else.
#include "BuildArtifact.h"
#include "dialects/Hybrid/Hybrid.h"
#include "dialects/Schedule/Schedule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace mlir::hybrid;
namespace art = hybridrt::artifact;

static art::DType dtypeOf(Type type) {
  if (type.isBF16())
    return art::DType::bf16;
  if (type.isF16())
    return art::DType::f16;
  return type.isInteger(32) ? art::DType::i32 : art::DType::f32;
}

static std::unique_ptr<art::PolynomialT> polynomialOf(const Polynomial &p) {
  auto out = std::make_unique<art::PolynomialT>();
  for (const auto &[monomial, coefficient] : p.getTerms()) {
    auto term = std::make_unique<art::TermT>();
    term->coefficient = coefficient;
    term->exponents.assign(monomial.begin(), monomial.end());
    out->terms.push_back(std::move(term));
  }
  return out;
}

static std::unique_ptr<art::PolynomialT> polynomialOf(std::optional<StringRef> text) {
  return polynomialOf(Polynomial::parse(text.value_or("0").str()).value_or(Polynomial()));
}

static art::Symbol symbolOf(StringRef name) {
  return llvm::StringSwitch<art::Symbol>(name)
      .Case("sequences", art::Symbol::sequences)
      .Case("kv_tokens", art::Symbol::kv_tokens)
      .Case("pairs", art::Symbol::pairs)
      .Case("tiles", art::Symbol::tiles)
      .Case("rows", art::Symbol::rows)
      .Default(art::Symbol::tokens);
}

static std::string textOf(StringAttr attribute) { return attribute ? attribute.getValue().str() : ""; }

namespace {
class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp model, const CompiledProgram &compiled, const llvm::StringMap<uint32_t> &caches)
      : model(model), blocks(compiled.blocks), compiled(compiled), caches(caches) {}

  std::unique_ptr<art::ProgramT> build() {
    program = std::make_unique<art::ProgramT>();
    program->target = compiled.target;
    for (const auto &[level, code] : compiled.modules) {
      auto m = std::make_unique<art::ModuleT>();
      m->level = level;
      m->code.assign(code.begin(), code.end());
      program->modules.push_back(std::move(m));
    }
    for (auto kernel : blocks.getOps<tile::KernelOp>()) {
      kernels[kernel.getSymName()] = program->kernels.size();
      auto k = std::make_unique<art::KernelT>();
      k->symbol = kernel.getSymName().str();
      if (auto it = compiled.kernels.find(k->symbol); it != compiled.kernels.end()) {
        k->scratch_bytes = it->second.scratchBytes;
        k->threads = it->second.threads;
        k->shared_bytes = it->second.sharedBytes;
        k->registers = it->second.registers;
      }
      if (k->threads) // on a GPU parameters are passed one by one
        for (auto [place, type] : llvm::enumerate(kernel.getFunctionType().getInputs()))
          if (type.isIndex())
            k->scalar_places.push_back(place);
      program->kernels.push_back(std::move(k));
    }
    llvm::StringMap<art::EntryT *> entries;
    for (auto variant : blocks.getOps<schedule::VariantOp>()) {
      art::EntryT *&entry = entries[variant.getEntry()];
      if (!entry) {
        program->entries.push_back(std::make_unique<art::EntryT>());
        entry = program->entries.back().get();
        entry->name = variant.getEntry().str();
      }
      entry->variants.push_back(buildVariant(variant));
    }
    return std::move(program);
  }

private:
  std::unique_ptr<art::VariantT> buildVariant(schedule::VariantOp op) {
    auto v = std::make_unique<art::VariantT>();
    v->name = op.getName().str();
    v->max_tokens = op.getMaxTokens();
    v->max_sequences = op.getMaxSequences();
    v->max_longest = op.getMaxLongest();
    tileLists.clear();
    variant = v.get();
    llvm::DenseMap<Value, art::ArgT> memories;
    for (Operation &inner : op.getBody().front()) {
      if (auto launch = dyn_cast<schedule::LaunchOp>(inner))
        v->steps.push_back(buildStep(launch, memories));
      else
        memories[inner.getResult(0)] = memoryOf(&inner);
    }
    return v;
  }

  uint32_t listOf(int64_t rows) {
    auto [it, isNew] = tileLists.try_emplace(rows, variant->tile_lists.size());
    if (isNew)
      variant->tile_lists.push_back(rows);
    return it->second;
  }

  art::ArgT memoryOf(Operation *op) {
    art::ArgT arg;
    auto type = cast<MemRefType>(op->getResult(0).getType());
    if (auto buffer = dyn_cast<schedule::BufferOp>(op)) {
      arg.kind = art::ArgKind::buffer;
      arg.index = variant->buffers.size();
      auto b = std::make_unique<art::BufferT>();
      b->name = buffer.getName().str();
      b->dtype = dtypeOf(type.getElementType());
      Polynomial rows(buffer.getRows() == "rows"        ? Symbol::rows
                      : buffer.getRows() == "sequences" ? Symbol::sequences
                                                        : Symbol::tokens);
      b->elements = polynomialOf(rows * Polynomial(type.getRank() == 2 ? double(type.getDimSize(1)) : 1.0));
      variant->buffers.push_back(std::move(b));
    } else if (auto param = dyn_cast<schedule::ParamOp>(op)) {
      arg.kind = art::ArgKind::param;
      arg.index = paramOf(param, type);
    } else if (auto cache = dyn_cast<schedule::CacheOp>(op)) {
      arg.kind = art::ArgKind::cache;
      arg.index = caches.lookup(cache.getName());
      arg.part = cache.getPart();
    } else {
      auto input = cast<schedule::InputOp>(op);
      arg.kind = llvm::StringSwitch<art::ArgKind>(input.getKind())
                     .Case("ids", art::ArgKind::ids)
                     .Case("positions", art::ArgKind::positions)
                     .Case("offsets", art::ArgKind::offsets)
                     .Case("rows", art::ArgKind::rows)
                     .Case("logits", art::ArgKind::logits)
                     .Case("page_table", art::ArgKind::page_table)
                     .Case("lengths", art::ArgKind::lengths)
                     .Case("read_slots", art::ArgKind::read_slots)
                     .Case("write_slots", art::ArgKind::write_slots)
                     .Default(art::ArgKind::tile_list);
      if (arg.kind == art::ArgKind::tile_list)
        arg.index = listOf(input.getList());
    }
    return arg;
  }

  uint32_t paramOf(schedule::ParamOp op, MemRefType memory) {
    std::string key = (op.getName() + (op.getPanels() ? "|panels|" : "|rows|")).str() +
                      std::to_string(unsigned(dtypeOf(memory.getElementType())));
    auto [it, isNew] = params.try_emplace(key, program->params.size());
    if (!isNew)
      return it->second;
    auto global = model.lookupSymbol<ml_program::GlobalOp>(op.getName());
    auto p = std::make_unique<art::ParamT>();
    p->name = op.getName().str();
    p->dtype = dtypeOf(memory.getElementType());
    p->layout = op.getPanels() ? art::ParamLayout::panels : art::ParamLayout::rows;
    for (int64_t d : cast<RankedTensorType>(global.getType()).getShape())
      p->shape.push_back(d);
    if (auto recipe = global->getAttrOfType<ArrayAttr>("hybrid.recipe"))
      for (auto piece : recipe.getAsRange<PieceAttr>()) {
        auto out = std::make_unique<art::PieceT>();
        out->source = piece.getSource().str();
        out->begin = piece.getBegin();
        out->end = piece.getEnd();
        out->transpose = piece.getTranspose();
        out->scale = piece.getScale() ? piece.getScale().getValueAsDouble() : 1.0;
        out->map = textOf(piece.getMap());
        if (piece.getColumnFolds())
          for (auto fold : piece.getColumnFolds().getAsRange<FoldAttr>()) {
            auto f = std::make_unique<art::FoldT>();
            f->source = fold.getSource().str();
            f->begin = fold.getBegin();
            f->end = fold.getEnd();
            f->map = textOf(fold.getMap());
            out->column_folds.push_back(std::move(f));
          }
        p->pieces.push_back(std::move(out));
      }
    if (auto fields = global->getAttrOfType<ArrayAttr>("hybrid.fields"))
      for (auto field : fields.getAsRange<FieldAttr>()) {
        auto out = std::make_unique<art::FieldT>();
        out->name = field.getName().str();
        out->rows = field.getRows();
        p->fields.push_back(std::move(out));
      }
    program->params.push_back(std::move(p));
    return it->second;
  }

  std::unique_ptr<art::StepT> buildStep(schedule::LaunchOp op, const llvm::DenseMap<Value, art::ArgT> &memories) {
    auto step = std::make_unique<art::StepT>();
    step->kernel = kernels.lookup(op.getKernel());
    for (auto extent : op.getGrid().getAsRange<schedule::ExtentAttr>()) {
      auto e = std::make_unique<art::ExtentT>();
      e->constant = extent.getSymbol() == "one";
      e->symbol = symbolOf(extent.getSymbol());
      e->divisor = extent.getDivisor();
      e->factor = extent.getFactor();
      if (extent.getSymbol() == "tiles")
        e->list = listOf(extent.getList());
      step->grid.push_back(std::move(e));
    }
    for (Value operand : op.getOperands())
      step->args.push_back(std::make_unique<art::ArgT>(memories.at(operand)));
    for (auto extent : op.getScalars().getAsRange<schedule::ExtentAttr>()) {
      auto s = std::make_unique<art::ScalarT>();
      s->kind =
          extent.getSymbol() == "pages_per_sequence" ? art::ScalarKind::pages_per_sequence : art::ScalarKind::symbol;
      s->symbol = symbolOf(extent.getSymbol());
      step->scalars.push_back(std::move(s));
    }
    step->label = op.getLabel().str();
    step->flops = polynomialOf(op.getFlops());
    step->bytes = polynomialOf(op.getBytes());
    auto strings = [](std::optional<ArrayAttr> list, std::vector<std::string> &out) {
      if (list)
        for (auto s : list->getAsRange<StringAttr>())
          out.push_back(s.getValue().str());
    };
    strings(op.getFused(), step->fused);
    strings(op.getMissed(), step->missed);
    return step;
  }

  ModuleOp model, blocks;
  const CompiledProgram &compiled;
  const llvm::StringMap<uint32_t> &caches;
  std::unique_ptr<art::ProgramT> program;
  art::VariantT *variant = nullptr;
  llvm::StringMap<uint32_t> kernels, params;
  std::map<int64_t, uint32_t> tileLists;
};
} // namespace

llvm::Expected<art::ArtifactT> hybrid::buildArtifact(ModuleOp model, ArrayRef<CompiledProgram> programs) {
  art::ArtifactT artifact;
  artifact.compiler = "hybridc " HYBRID_VERSION;
  auto text = [&](StringRef name) { return textOf(model->getAttrOfType<StringAttr>(name)); };
  artifact.model = text("hybrid.name");
  artifact.family = text("hybrid.family");
  if (auto dtype = model->getAttrOfType<TypeAttr>("hybrid.dtype"))
    artifact.dtype = dtypeOf(dtype.getValue());
  auto integer = [&](StringRef name) -> int64_t {
    auto a = model->getAttrOfType<IntegerAttr>(name);
    return a ? a.getInt() : 0;
  };
  artifact.vocab = integer("hybrid.vocab");
  artifact.width = integer("hybrid.width");
  if (auto eos = model->getAttrOfType<ArrayAttr>("hybrid.eos"))
    for (auto id : eos.getAsRange<IntegerAttr>())
      artifact.eos.push_back(id.getInt());
  if (auto eos = model->getAttrOfType<DenseI64ArrayAttr>("hybrid.eos"))
    artifact.eos.assign(eos.asArrayRef().begin(), eos.asArrayRef().end());

  llvm::StringMap<uint32_t> caches;
  if (auto append = model.lookupSymbol<func::FuncOp>("append"))
    for (auto [i, type] : llvm::enumerate(append.getArgumentTypes())) {
      auto cache = dyn_cast<CacheType>(type);
      if (!cache)
        continue;
      auto c = std::make_unique<art::CacheT>();
      c->name = textOf(append.getArgAttrOfType<StringAttr>(i, "hybrid.name"));
      c->kind = static_cast<art::CacheKind>(cache.getKind());
      c->dims.assign(cache.getDims().begin(), cache.getDims().end());
      c->dtype = dtypeOf(cache.getElementType());
      caches[c->name] = artifact.caches.size();
      artifact.caches.push_back(std::move(c));
    }
  for (const CompiledProgram &compiled : programs)
    artifact.programs.push_back(ProgramBuilder(model, compiled, caches).build());
  return artifact;
}
