// The forms one after another. What the model form computes is evaluated once per form that a pass changed; what
// kernels compute is compared launch by launch (BisectForms.cpp).
#include "hybrid/Driver/Bisect.h"
#include "BisectForms.h"
#include "ParameterValues.h"
#include "Stages.h"
#include "hybrid/Reference/Evaluator.h"
#include "hybrid/Reference/LayoutEvaluator.h"
#include "hybrid/Target/NVPTX.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <unistd.h>
using namespace mlir;
using namespace mlir::hybrid;
using Status = BisectForm::Status;

namespace {
/// A module as a pass left it.
struct Snapshot {
  std::string pass;
  OwningOpRef<ModuleOp> module; // null: the pass changed nothing
};

/// Keeps a copy of the module behind each pass; one behind all runs of a pass on the ops in it.
class Snapshots : public PassInstrumentation {
public:
  Snapshots(ModuleOp module, std::vector<Snapshot> &list) : module(module), last(module), list(list) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getName().contains("OpToOpPassAdaptor")) // what runs passes on nested ops
      return;
    StringRef name = pass->getArgument().empty() ? pass->getName() : pass->getArgument();
    OperationFingerPrint now(module);
    bool goesOn = op != module && nested && list.back().pass == name;
    nested = op != module;
    if (!goesOn)
      list.push_back({name.str(), {}});
    if (now != last)
      list.back().module = module.clone();
    last = now;
  }

private:
  ModuleOp module;
  OperationFingerPrint last;
  bool nested = false;
  std::vector<Snapshot> &list;
};

class Bisection {
public:
  Bisection(MLIRContext &context, const CompileOptions &options, const BisectOptions &bisectOptions,
            const BisectWeights &weights)
      : context(context), options(options), bisectOptions(bisectOptions), weights(weights) {}
  llvm::Expected<BisectReport> run();

private:
  llvm::Error checkSize(ModuleOp model);
  /// What each call computes; the values of single ops too if `all`.
  llvm::Expected<std::vector<ModelValues>> evaluateModel(ModuleOp model, bool all);
  /// False: what follows cannot be evaluated.
  bool comparePasses(ModuleOp model);
  std::optional<BisectDifference> locateInModel(ModuleOp before, ModuleOp after, size_t call);
  void compareTarget(ModuleOp model, StringRef target, ArrayRef<ModelValues> values, ArrayRef<BisectDevice> devices);
  void compareCalls(const BisectDevice &device, Type storage, ArrayRef<std::vector<double>> expected);
  BisectForm &add(const Twine &name, Status status, std::string message = "") {
    report.forms.push_back({name.str(), status, 0, 0, std::move(message), std::nullopt});
    return report.forms.back();
  }

  MLIRContext &context;
  const CompileOptions &options;
  const BisectOptions &bisectOptions;
  const BisectWeights &weights;
  std::vector<FormCall> calls;
  llvm::StringMap<HostValue> parameters;
  BisectReport report;
};
} // namespace

llvm::Error Bisection::checkSize(ModuleOp model) {
  double elements = 0;
  for (auto global : model.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType()); type && type.hasStaticShape())
      elements += double(type.getNumElements());
  // In f64: the parameters, a target's rounded copy of each variant's, and one more while they change places.
  double needed = elements * 8 * 4, there = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
  constexpr double kGiB = 1 << 30;
  if (needed <= there / 2)
    return llvm::Error::success();
  return llvm::createStringError(llvm::formatv("--bisect: evaluating {0:F0} parameters in f64 needs about {1:F1} GiB, "
                                               "expected at most half of this machine's {2:F1}; make the description's "
                                               "layers fewer or narrower, the passes and kernels stay the same",
                                               elements, needed / kGiB, there / kGiB));
}

static HostValue vectorOf(ArrayRef<int64_t> values) {
  HostValue v(ArrayRef<int64_t>{int64_t(values.size())});
  llvm::copy(values, v.data.begin());
  return v;
}

llvm::Expected<std::vector<ModelValues>> Bisection::evaluateModel(ModuleOp model, bool all) {
  Diagnostics diagnostics(context);
  std::string whyNot;
  auto parameter = [&](StringRef name) -> FailureOr<HostValue> {
    llvm::Expected<HostValue> value = parameterValue(model.lookupSymbol<ml_program::GlobalOp>(name), weights);
    if (value)
      return std::move(*value);
    whyNot = llvm::toString(value.takeError());
    return failure();
  };
  std::vector<ModelValues> results;
  SmallVector<HostValue> caches;
  for (const FormCall &call : calls) {
    auto entry = model.lookupSymbol<func::FuncOp>(call.entry);
    if (!entry || entry.getNumArguments() < 4)
      return llvm::createStringError("expected an entry '" + call.entry + "' with at least 4 arguments");
    const ScheduleCall &s = call.schedule;
    SmallVector<HostValue> arguments{vectorOf(s.ids), vectorOf(s.positions), vectorOf(s.offsets), vectorOf(s.rows)};
    if (entry.getNumArguments() > 4 && caches.empty())
      for (Type type : entry.getArgumentTypes().drop_front(4))
        if (auto cache = dyn_cast<CacheType>(type))
          caches.push_back(makeEmptyCache(cache, int64_t(call.offsets.size()) - 1));
    if (entry.getNumArguments() > 4)
      llvm::append_range(arguments, caches);
    ModelValues &values = results.emplace_back();
    auto observe = [&](Value value, const HostValue &content) {
      Operation *op = value.getDefiningOp();
      std::optional<int64_t> tag = all ? tagOf(op->getLoc()) : std::nullopt;
      if (!tag)
        return;
      values.values[*tag].push_back(content);
      values.ops[*tag] = op;
    };
    FailureOr<SmallVector<HostValue>> returned = evaluate(entry, arguments, parameter, observe);
    if (failed(returned))
      return whyNot.empty() ? diagnostics.take("evaluating '" + call.entry + "' failed")
                            : llvm::createStringError(whyNot);
    if (returned->empty())
      return llvm::createStringError("expected entry '" + call.entry + "' to return logits");
    values.logits = (*returned)[0].data;
    if (entry.getNumArguments() > 4)
      caches.assign(std::make_move_iterator(returned->begin() + 1), std::make_move_iterator(returned->end()));
  }
  return results;
}

/// The values of each layer that other layers read, by tag, in order.
static llvm::MapVector<StringRef, SmallVector<std::pair<int64_t, unsigned>>> outgoing(func::FuncOp function) {
  llvm::MapVector<StringRef, SmallVector<std::pair<int64_t, unsigned>>> result;
  for (Operation &op : function.getBody().front()) {
    StringRef layer = layerOf(op.getLoc());
    if (layer.empty())
      continue;
    for (OpResult value : op.getResults())
      if (isa<RankedTensorType>(value.getType()) &&
          llvm::any_of(value.getUsers(), [&](Operation *user) { return layerOf(user->getLoc()) != layer; }))
        result[layer].push_back({*tagOf(op.getLoc()), value.getResultNumber()});
  }
  return result;
}

/// Both modules compute other logits in `call`. What enters the layer that is to blame is equal in both, what leaves it
/// and all later ones is not; in it, the first op whose value the form before does not have is where to look.
std::optional<BisectDifference> Bisection::locateInModel(ModuleOp before, ModuleOp after, size_t call) {
  OwningOpRef<ModuleOp> modules[] = {before.clone(), after.clone()};
  std::vector<ModelValues> values[2];
  for (int i : {0, 1}) {
    tagValues(*modules[i]);
    llvm::Expected<std::vector<ModelValues>> evaluated = evaluateModel(*modules[i], /*all=*/true);
    if (!evaluated) {
      llvm::consumeError(evaluated.takeError());
      return std::nullopt;
    }
    values[i] = std::move(*evaluated);
  }
  ModelValues &old = values[0][call], &now = values[1][call];
  auto entryOf = [&](int i) { return modules[i]->lookupSymbol<func::FuncOp>(calls[call].entry); };
  auto left = outgoing(entryOf(0)), right = outgoing(entryOf(1));
  BisectDifference d;
  d.entry = calls[call].entry;
  d.value = "logits";
  Comparison logits = compare(old.logits, now.logits, kExactError);
  int64_t rows = int64_t(calls[call].ids.size());
  auto show = [&](ArrayRef<double> expected, ArrayRef<double> found, int64_t first) {
    locate(d, calls[call], first, int64_t(expected.size()) / rows);
    d.expected = expected[first];
    d.found = found[first];
    d.error = compare(expected, found, 0).error / kExactError;
  };
  show(old.logits, now.logits, logits.first);

  bool blamed = false;
  for (auto &[layer, places] : right) {
    auto it = left.find(layer);
    if (it == left.end() || it->second.size() != places.size())
      continue;
    bool differs = false, known = true;
    for (auto [a, b] : llvm::zip_equal(it->second, places)) {
      const HostValue &x = old.values[a.first][a.second], &y = now.values[b.first][b.second];
      known &= x.data.size() == y.data.size();
      Comparison c = known ? compare(x.data, y.data, kExactError) : Comparison();
      if (!known || c.first < 0)
        continue;
      if (!differs && !blamed && int64_t(x.data.size()) % rows == 0) {
        show(x.data, y.data, c.first);
        d.value = ("what leaves " + layer).str();
        d.layer = layer.str();
        d.place = placeOf(now.ops[b.first]->getLoc());
      }
      differs = true;
    }
    if (!known)
      continue;
    if (!differs && blamed) { // another layer undoes it: a change of scale, say
      blamed = false;
      d.layer.clear();
      d.place.clear();
      d.value = "logits";
      show(old.logits, now.logits, logits.first);
    }
    blamed |= differs;
  }

  auto inLayer = [&](Operation &op) { return d.layer.empty() || layerOf(op.getLoc()) == d.layer; };
  for (Operation &op : entryOf(1).getBody().front()) {
    std::optional<int64_t> tag = inLayer(op) ? tagOf(op.getLoc()) : std::nullopt;
    if (!tag || !now.values.contains(*tag))
      continue;
    bool isNew = llvm::any_of(now.values[*tag], [&](const HostValue &value) {
      if (value.isCache)
        return false;
      for (Operation &other : entryOf(0).getBody().front())
        if (auto known = old.values.find(tagOf(other.getLoc()).value_or(-1)); known != old.values.end())
          for (const HostValue &candidate : known->second)
            if (!candidate.isCache && candidate.data.size() == value.data.size() &&
                compare(candidate.data, value.data, kExactError).first < 0)
              return false;
      return true;
    });
    if (!isNew)
      continue;
    llvm::raw_string_ostream os(d.op);
    op.print(os, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs());
    break;
  }
  return d;
}

bool Bisection::comparePasses(ModuleOp model) {
  OwningOpRef<ModuleOp> before = model.clone();
  llvm::Expected<std::vector<ModelValues>> last = evaluateModel(*before, /*all=*/false);
  BisectForm &imported = add("model form as imported", Status::reference);
  if (!last) {
    imported.status = Status::fails;
    imported.message = llvm::toString(last.takeError());
    return false;
  }
  std::vector<Snapshot> snapshots;
  Diagnostics diagnostics(context);
  PassManager pm(&context);
  pm.addInstrumentation(std::make_unique<Snapshots>(model, snapshots));
  if (llvm::Error error = addModelPasses(pm, options)) {
    add("graph passes", Status::fails, llvm::toString(std::move(error)));
    return false;
  }
  bool ran = succeeded(pm.run(model));
  for (Snapshot &snapshot : snapshots) {
    BisectForm &form = add("after " + snapshot.pass, Status::unchanged);
    if (!snapshot.module)
      continue;
    llvm::Expected<std::vector<ModelValues>> now = evaluateModel(*snapshot.module, /*all=*/false);
    if (!now) {
      form.status = Status::fails;
      form.message = llvm::toString(now.takeError());
      return false;
    }
    form.status = Status::agrees;
    form.allowed = kExactError;
    for (size_t c = 0; c < calls.size(); ++c) {
      const std::vector<double> &expected = (*last)[c].logits, &found = (*now)[c].logits;
      if (expected.size() != found.size()) {
        form.status = Status::fails;
        form.message = llvm::formatv("expected {0} logits, got {1}", expected.size(), found.size()).str();
        return false;
      }
      Comparison comparison = compare(expected, found, kExactError);
      form.error = std::max(form.error, comparison.error);
      if (comparison.first < 0 || form.difference)
        continue;
      form.status = Status::differs;
      form.difference = locateInModel(*before, *snapshot.module, c);
    }
    last = std::move(now);
    before = std::move(snapshot.module);
  }
  if (!ran)
    add("the pass behind these", Status::fails, llvm::toString(diagnostics.take("it failed")));
  return ran;
}

void Bisection::compareCalls(const BisectDevice &device, Type storage, ArrayRef<std::vector<double>> expected) {
  BisectForm &form = add(device.target + ": " + device.callsName, Status::agrees);
  form.allowed = modelError(storage);
  SmallVector<BisectCall> plain(calls.begin(), calls.end());
  llvm::Expected<std::vector<std::vector<float>>> found = device.runCalls(plain);
  if (!found) {
    form.status = Status::fails;
    form.message = llvm::toString(found.takeError());
    return;
  }
  for (auto [call, wanted, got] : llvm::zip_equal(calls, expected, *found)) {
    std::vector<double> wide(got.begin(), got.end());
    Comparison comparison = compare(wanted, wide, form.allowed);
    form.error = std::max(form.error, comparison.error);
    if (comparison.first < 0 || form.difference)
      continue;
    form.status = Status::differs;
    BisectDifference &d = form.difference.emplace();
    d.entry = call.entry;
    d.value = "logits";
    locate(d, call, comparison.first, int64_t(wanted.size() / call.ids.size()));
    d.expected = wanted[comparison.first];
    d.found = wide[comparison.first];
    d.error = compare(wanted, wide, 0).error / form.allowed;
  }
}

void Bisection::compareTarget(ModuleOp model, StringRef target, ArrayRef<ModelValues> values,
                              ArrayRef<BisectDevice> devices) {
  Diagnostics diagnostics(context);
  auto fails = [&](const Twine &name, StringRef otherwise) {
    add(target + ": " + name, Status::fails, llvm::toString(diagnostics.take(otherwise)));
  };
  CompileOptions plain = options;
  plain.blockPasses.clear();
  llvm::Expected<OwningOpRef<ModuleOp>> blocks = compileToBlockForm(model, target, plain);
  if (!blocks) {
    add(target + ": block form", Status::fails, llvm::toString(blocks.takeError()));
    return;
  }
  LaunchComparison launches(model, target, calls, values, parameters);
  auto addExact = [&](ModuleOp module, const Twine &name) {
    report.forms.push_back(launches.exact(module, name));
    if (report.forms.back().status == Status::fails)
      report.forms.back().message = llvm::toString(diagnostics.take("evaluating it failed"));
    return report.forms.back().status != Status::fails;
  };
  if (!addExact(**blocks, target + ": block form, in exact arithmetic"))
    return;
  if (!options.blockPasses.empty()) {
    std::vector<Snapshot> snapshots;
    PassManager pm(&context);
    pm.addInstrumentation(std::make_unique<Snapshots>(**blocks, snapshots));
    if (llvm::Error error = addBlockPasses(pm, options)) {
      add(target + ": block passes", Status::fails, llvm::toString(std::move(error)));
      return;
    }
    bool ran = succeeded(pm.run(**blocks));
    for (Snapshot &snapshot : snapshots) {
      if (!snapshot.module)
        add(target + ": after " + snapshot.pass, Status::unchanged);
      else if (!addExact(*snapshot.module, target + ": after " + snapshot.pass))
        return;
    }
    if (!ran)
      return fails("the pass behind these", "it failed");
  }

  std::vector<LaunchComparison::Candidate> candidates;
  OwningOpRef<ModuleOp> tiles;
  if (target.starts_with("sm_")) {
    tiles = (**blocks).clone();
    PassManager pm(&context);
    buildNVPTXTileForm(pm);
    if (failed(pm.run(*tiles)))
      return fails("tile form", "forming it failed");
    candidates.push_back({(target + ": tile form, thread by thread").str(),
                          [&](tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) {
                            return evaluateLayoutGrid(tiles->lookupSymbol<tile::KernelOp>(kernel.getSymName()), launch,
                                                      grid);
                          }});
  }
  for (const BisectDevice &device : devices)
    if (device.target == target && device.runKernel)
      candidates.push_back({(target + ": " + device.kernelsName).str(), device.runKernel});
  std::vector<std::vector<double>> logits;
  for (BisectForm &form : launches.rounded(**blocks, candidates, logits)) {
    if (form.status == Status::fails)
      form.message += (form.message.empty() ? "" : ": ") + llvm::toString(diagnostics.take("evaluating it failed"));
    report.forms.push_back(std::move(form));
  }
  Type storage = Float32Type::get(&context);
  if (auto dtype = model->getAttrOfType<TypeAttr>("hybrid.dtype"))
    storage = dtype.getValue();
  for (const BisectDevice &device : devices)
    if (device.target == target && device.runCalls)
      compareCalls(device, storage, logits);
}

llvm::Expected<BisectReport> Bisection::run() {
  llvm::Expected<OwningOpRef<ModuleOp>> model = importInput(context, options);
  if (!model)
    return model.takeError();
  if (llvm::Error error = checkSize(**model))
    return std::move(error);
  if (auto name = (**model)->getAttrOfType<StringAttr>("hybrid.name"))
    report.model = name.getValue().str();
  report.sequences = int64_t(bisectOptions.sequences.size());
  for (const auto &sequence : bisectOptions.sequences)
    report.tokens += int64_t(sequence.size());
  calls = makeCalls(**model, bisectOptions.sequences);
  if (calls.empty())
    return llvm::createStringError("--bisect: expected an entry 'score' or 'append' and tokens for it");
  if (!comparePasses(**model))
    return std::move(report);

  tagValues(**model);
  llvm::Expected<std::vector<ModelValues>> values = evaluateModel(**model, /*all=*/true);
  if (!values)
    return values.takeError();
  for (auto global : (*model)->getOps<ml_program::GlobalOp>()) {
    llvm::Expected<HostValue> value = parameterValue(global, weights);
    if (!value)
      return value.takeError();
    parameters[global.getSymName()] = std::move(*value);
  }
  std::vector<BisectDevice> devices;
  if (bisectOptions.devices) {
    llvm::Expected<hybridrt::artifact::ArtifactT> artifact = compileToArtifact(context, options);
    if (!artifact) {
      add("compiling the artifact", Status::fails, llvm::toString(artifact.takeError()));
    } else {
      llvm::Expected<std::vector<BisectDevice>> there = bisectOptions.devices(*artifact);
      if (!there)
        return there.takeError();
      devices = std::move(*there);
    }
  }
  for (const std::string &target : targetsOf(options))
    compareTarget(**model, target, *values, devices);
  return std::move(report);
}

llvm::Expected<BisectReport> hybrid::bisect(MLIRContext &context, const CompileOptions &options,
                                            const BisectOptions &bisectOptions, const BisectWeights &weights) {
  bool threaded = context.isMultithreadingEnabled(); // a pass that runs beside others has no module of its own to copy
  context.disableMultithreading();
  llvm::Expected<BisectReport> report = Bisection(context, options, bisectOptions, weights).run();
  if (threaded)
    context.enableMultithreading();
  return report;
}

llvm::Expected<int64_t> hybrid::vocabularyOf(MLIRContext &context, const CompileOptions &options) {
  llvm::Expected<OwningOpRef<ModuleOp>> model = importInput(context, options);
  if (!model)
    return model.takeError();
  auto vocabulary = (**model)->getAttrOfType<IntegerAttr>("hybrid.vocab");
  if (!vocabulary)
    return llvm::createStringError("expected a model form with the attribute 'hybrid.vocab'");
  return vocabulary.getInt();
}
