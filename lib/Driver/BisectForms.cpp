#include "BisectForms.h"
#include "mlir/IR/Builders.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;

/// The distance from 1 to the next number.
static double spacing(Type storage) { return storage.isBF16() ? 0x1p-7 : storage.isF16() ? 0x1p-10 : 0x1p-23; }

// A kernel rounds its result once, and products of attention their weights: a few spacings. f32 sums of a few thousand
// terms are good to 1e-5.
double hybrid::kernelError(Type storage) { return 2 * spacing(storage) + 2e-5; }
double hybrid::modelError(Type storage) { return 8 * spacing(storage) + 1e-3; }

std::vector<FormCall> hybrid::makeCalls(ModuleOp model, const std::vector<std::vector<int32_t>> &sequences) {
  std::vector<FormCall> calls;
  int64_t longest = 0, count = int64_t(sequences.size());
  for (const auto &sequence : sequences)
    longest = std::max<int64_t>(longest, sequence.size());
  int64_t pages = (longest + kPageTokens - 1) / kPageTokens;
  auto add = [&](StringRef entry, auto begin, auto end, bool again) {
    FormCall call;
    call.entry = entry.str();
    for (int64_t s = 0; s < count; ++s) {
      int64_t from = begin(sequences[s]), to = end(sequences[s]);
      call.offsets.push_back(int32_t(call.ids.size()));
      call.schedule.lengths.push_back(from);
      call.schedule.readSlots.push_back(again ? 1 + 2 * s : 0);
      call.schedule.writeSlots.push_back(1 + 2 * s + again);
      for (int64_t p = 0; p < pages; ++p) // in an order of their own, so that a wrong table shows
        call.schedule.pageTable.push_back(pages * count - 1 - (p * count + s));
      for (int64_t t = from; t < to; ++t) {
        call.schedule.rows.push_back(int64_t(call.ids.size()));
        call.schedule.positions.push_back(t);
        call.ids.push_back(sequences[s][t]);
      }
    }
    call.offsets.push_back(int32_t(call.ids.size()));
    call.schedule.ids.assign(call.ids.begin(), call.ids.end());
    call.schedule.offsets.assign(call.offsets.begin(), call.offsets.end());
    call.schedule.pagesPerSequence = pages;
    if (!call.ids.empty())
      calls.push_back(std::move(call));
  };
  auto none = [](const auto &) -> int64_t { return 0; };
  auto all = [](const auto &sequence) { return int64_t(sequence.size()); };
  auto last = [](const auto &sequence) { return int64_t(sequence.size()) - 1; };
  if (model.lookupSymbol<func::FuncOp>("score"))
    add("score", none, all, false);
  if (model.lookupSymbol<func::FuncOp>("append") && longest > 1) {
    add("append", none, last, false);
    add("append", last, all, true);
  }
  return calls;
}

Comparison hybrid::compare(ArrayRef<double> expected, ArrayRef<double> found, double allowed) {
  double squares = 0, count = 0;
  for (double x : expected)
    if (std::isfinite(x)) {
      squares += x * x;
      ++count;
    }
  double size = count && squares > 0 ? std::sqrt(squares / count) : 1;
  Comparison result;
  for (auto [i, e, f] : llvm::enumerate(expected, found)) {
    if (e == f || (std::isnan(e) && std::isnan(f)))
      continue;
    double error = std::abs(f - e) / (size + std::abs(e));
    if (!std::isfinite(error)) // a number that is none where there should be one
      error = std::numeric_limits<double>::infinity();
    result.error = std::max(result.error, error);
    if (error > allowed && result.first < 0)
      result.first = int64_t(i);
  }
  return result;
}

void hybrid::locate(BisectDifference &difference, const BisectCall &call, int64_t element, int64_t width) {
  difference.row = width ? element / width : 0;
  difference.column = width ? element % width : 0;
  for (size_t s = 0; s + 1 < call.offsets.size(); ++s)
    if (difference.row >= call.offsets[s] && difference.row < call.offsets[s + 1])
      difference.sequence = int64_t(s), difference.position = difference.row - call.offsets[s];
}

StringRef hybrid::layerOf(Location loc) {
  auto layer = loc->findInstanceOf<NameLoc>();
  return layer ? layer.getName().getValue() : StringRef();
}

std::string hybrid::placeOf(Location loc) {
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (!place)
    return "";
  return (place.getFilename().getValue() + ":" + Twine(place.getLine()) + ":" + Twine(place.getColumn())).str();
}

void hybrid::tagValues(ModuleOp model) {
  Builder b(model.getContext());
  int64_t number = 0;
  for (auto function : model.getOps<func::FuncOp>())
    for (Operation &op : function.getBody().front())
      op.setLoc(FusedLoc::get(b.getContext(), {op.getLoc()}, b.getI64IntegerAttr(number++)));
}

std::optional<int64_t> hybrid::tagOf(Location loc) {
  if (auto fused = dyn_cast<FusedLocWith<IntegerAttr>>(loc))
    return fused.getMetadata().getInt();
  return std::nullopt;
}

LaunchComparison::LaunchComparison(ModuleOp model, StringRef target, ArrayRef<FormCall> calls,
                                   ArrayRef<ModelValues> values, const llvm::StringMap<HostValue> &parameters)
    : model(model), target(target), calls(calls), values(values), parameters(parameters) {}

CacheMemory LaunchComparison::makeCaches() {
  CacheMemory caches;
  auto entry = model.lookupSymbol<func::FuncOp>("append");
  if (!entry || calls.empty())
    return caches;
  int64_t slots = 1 + 2 * int64_t(calls[0].offsets.size() - 1), pages = int64_t(calls[0].schedule.pageTable.size());
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
    auto cache = dyn_cast<CacheType>(type);
    auto attribute = entry.getArgAttrOfType<StringAttr>(i, "hybrid.name");
    if (!cache || !attribute)
      continue;
    std::string name = attribute.getValue().str();
    ArrayRef<int64_t> d = cache.getDims();
    switch (cache.getKind()) {
    case CacheKind::paged_kv:
      caches[{name, 0}] = HostValue({pages * d[0] * kPageTokens, d[1]});
      caches[{name, 1}] = HostValue({pages * d[0] * kPageTokens, d[2]});
      break;
    case CacheKind::conv_taps:
      caches[{name, 0}] = HostValue({slots * d[1], d[0]});
      break;
    case CacheKind::scan_state:
      caches[{name, 0}] = HostValue({slots * d[0] * d[1], d[2]});
      break;
    default: // forming blocks refuses the others
      break;
    }
  }
  return caches;
}

LogicalResult LaunchComparison::forCalls(ModuleOp blocks, bool rounds, Visit visit,
                                         function_ref<void(const HostValue &logits)> finish) {
  CacheMemory caches = makeCaches();
  auto parameter = [&](StringRef name) -> const HostValue & { return parameters.find(name)->second; };
  for (call = 0; call < calls.size(); ++call) {
    const FormCall &c = calls[call];
    int64_t longest = 0, sequences = int64_t(c.offsets.size()) - 1;
    for (int64_t s = 0; s < sequences; ++s)
      longest = std::max<int64_t>(longest, c.offsets[s + 1] - c.offsets[s]);
    std::optional<CacheMemory> after; // what the first variant left, for the next call
    for (auto v : blocks.getOps<schedule::VariantOp>()) {
      auto admits = [](uint64_t limit, int64_t size) { return !limit || size <= int64_t(limit); };
      if (v.getEntry() != c.entry || !admits(v.getMaxTokens(), int64_t(c.ids.size())) ||
          !admits(v.getMaxSequences(), sequences) || !admits(v.getMaxLongest(), longest))
        continue;
      variant = v;
      CacheMemory own = caches;
      FailureOr<HostValue> logits = evaluateVariant(v, c.schedule, own, parameter, visit, rounds);
      if (failed(logits))
        return failure();
      finish(*logits);
      if (!after)
        after = std::move(own);
    }
    if (after)
      caches = std::move(*after);
  }
  return success();
}

void LaunchComparison::judge(BisectForm &form, const HostValue &expected, const HostValue &found,
                             schedule::LaunchOp launch, StringRef what, Operation *op) {
  Comparison comparison = compare(expected.data, found.data, form.allowed);
  form.error = std::max(form.error, comparison.error);
  if (comparison.first < 0 || form.difference)
    return;
  form.status = BisectForm::Status::differs;
  BisectDifference d;
  d.entry = variant.getEntry().str();
  d.variant = variant.getName().str();
  d.value = what.str();
  if (launch) {
    d.kernel = launch.getKernel().str();
    d.layer = launch.getLabel().str();
    d.place = placeOf(launch.getLoc());
  }
  if (op) {
    llvm::raw_string_ostream os(d.op);
    op->print(os, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs());
  }
  int64_t rows = expected.shape.empty() || !expected.shape[0] ? 1 : expected.shape[0];
  int64_t width = expected.numElements() / rows;
  if (width && expected.numElements() % int64_t(calls[call].ids.size()) == 0 && rows == int64_t(calls[call].ids.size()))
    locate(d, calls[call], comparison.first, width);
  else
    d.row = comparison.first / std::max<int64_t>(width, 1), d.column = comparison.first % std::max<int64_t>(width, 1);
  d.expected = expected.data[comparison.first];
  d.found = found.data[comparison.first];
  double error = compare(expected.data, found.data, 0).error;
  d.error = error / form.allowed;
  form.difference = std::move(d);
}

/// The buffers that a kernel writes, as places among its memref arguments.
static SmallVector<unsigned> writtenBuffers(tile::KernelOp kernel) {
  SmallVector<unsigned> written;
  unsigned next = 0;
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    if (!isa<MemRefType>(type))
      continue;
    if (kernel.getArgAttr(i, tile::kWrittenAttr))
      written.push_back(next);
    ++next;
  }
  return written;
}

/// What a launch's operand is called.
static std::string nameOf(Value memory) {
  Operation *op = memory.getDefiningOp();
  if (auto cache = dyn_cast<schedule::CacheOp>(op))
    return ("cache " + cache.getName() + " part " + Twine(cache.getPart())).str();
  if (auto buffer = dyn_cast<schedule::BufferOp>(op))
    return ("buffer " + buffer.getName()).str();
  return "logits";
}

BisectForm LaunchComparison::exact(ModuleOp blocks, const Twine &name) {
  BisectForm form;
  form.name = name.str();
  form.status = BisectForm::Status::agrees;
  form.allowed = kExactError;
  LogicalResult done = forCalls(
      blocks, /*rounds=*/false,
      [&](schedule::LaunchOp launch, tile::KernelOp kernel, const TileLaunch &memory, std::array<int64_t, 3> grid) {
        if (failed(evaluateTileGrid(kernel, memory, grid)))
          return failure();
        for (unsigned place : writtenBuffers(kernel)) {
          auto buffer = launch.getOperands()[place].getDefiningOp<schedule::BufferOp>();
          std::optional<int64_t> tag = buffer ? tagOf(buffer.getLoc()) : std::nullopt;
          if (!tag)
            continue;
          // Rows can be stored in part, and beside values lie sums of their squares: those have other sizes.
          const ModelValues &known = values[call];
          if (auto it = known.values.find(*tag); it != known.values.end())
            for (const HostValue &value : it->second)
              if (value.numElements() == memory.buffers[place]->numElements()) {
                judge(form, value, *memory.buffers[place], launch, layerOf(buffer.getLoc()), known.ops.lookup(*tag));
                break;
              }
        }
        return success();
      },
      [&](const HostValue &logits) {
        HostValue wanted(logits.shape);
        wanted.data = values[call].logits;
        judge(form, wanted, logits, {}, "logits", nullptr);
      });
  if (failed(done))
    form.status = BisectForm::Status::fails;
  return form;
}

std::vector<BisectForm> LaunchComparison::rounded(ModuleOp blocks, ArrayRef<Candidate> candidates,
                                                  std::vector<std::vector<double>> &logits) {
  Type storage = Float32Type::get(blocks.getContext());
  if (auto dtype = blocks->getAttrOfType<TypeAttr>("hybrid.dtype"))
    storage = dtype.getValue();
  std::vector<BisectForm> forms(1 + candidates.size());
  for (auto [i, form] : llvm::enumerate(forms)) {
    std::string dtype;
    llvm::raw_string_ostream(dtype) << storage;
    form.name = i ? candidates[i - 1].name : (target + ": block form, rounding to " + dtype).str();
    form.status = BisectForm::Status::agrees;
    form.allowed = kernelError(storage);
  }
  std::vector<Candidate> all;
  all.push_back({"", [](tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) {
                   return evaluateTileGrid(kernel, {launch.buffers, launch.scalars, /*rounds=*/false}, grid);
                 }});
  llvm::append_range(all, candidates);
  logits.assign(calls.size(), {});
  LogicalResult done = forCalls(
      blocks, /*rounds=*/true,
      [&](schedule::LaunchOp launch, tile::KernelOp kernel, const TileLaunch &memory, std::array<int64_t, 3> grid) {
        SmallVector<unsigned> written = writtenBuffers(kernel);
        SmallVector<HostValue> before;
        for (unsigned place : written)
          before.push_back(*memory.buffers[place]);
        if (failed(evaluateTileGrid(kernel, memory, grid)))
          return failure();
        for (auto [form, candidate] : llvm::zip_equal(forms, all)) {
          if (form.status == BisectForm::Status::fails)
            continue;
          SmallVector<HostValue> own = before;
          SmallVector<HostValue *> buffers(memory.buffers);
          for (auto [place, value] : llvm::zip_equal(written, own))
            buffers[place] = &value;
          if (failed(candidate.run(kernel, {buffers, memory.scalars, memory.rounds}, grid))) {
            form.status = BisectForm::Status::fails;
            form.message = ("cannot run kernel " + kernel.getSymName()).str();
            continue;
          }
          bool first = &form == &forms.front(); // the exact arithmetic is what rounding is held against
          for (auto [place, value] : llvm::zip_equal(written, own)) {
            Value operand = launch.getOperands()[place];
            judge(form, first ? value : *memory.buffers[place], first ? *memory.buffers[place] : value, launch,
                  nameOf(operand), nullptr);
          }
        }
        return success();
      },
      [&](const HostValue &result) {
        if (logits[call].empty())
          logits[call] = result.data;
      });
  if (failed(done))
    forms.front().status = BisectForm::Status::fails;
  return forms;
}
