// Attention and scan of parallel branches as parts of one launch.
//
// In calls of few tokens a sequence, neither attention nor a scan has blocks enough to fill a GPU, and each costs a
// launch. Where nothing between the two depends on the attention, one launch runs both: x counts sequences, and y
// first the attention's heads, then the scan's heads and slices. A block is all of one part or all of the other.
#include "FormBlocks.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class Joiner {
public:
  explicit Joiner(ModuleOp module) : module(module) {}
  void run();

private:
  tile::KernelOp kernelOf(schedule::LaunchOp launch) {
    return module.lookupSymbol<tile::KernelOp>(launch.getKernelAttr().getAttr());
  }
  bool writes(schedule::LaunchOp launch, Value memory);
  bool isFree(schedule::LaunchOp attention, schedule::LaunchOp scan);
  void join(schedule::LaunchOp attention, schedule::LaunchOp scan);
  void eraseUnused();

  ModuleOp module;
  std::map<std::string, tile::KernelOp> joined; // by the kernels joined and the arguments that they share
};
} // namespace

/// The kind that a launch was formed as.
/// What a kernel of interest computes; its name has the layer before it (`kernelName`).
static StringRef kindOf(schedule::LaunchOp launch) {
  StringRef name = launch.getKernel().rsplit('_').first;
  for (StringRef kind : {"attention", "delta_scan", "scan"})
    if (name.ends_with(kind))
      return kind;
  return "";
}

static schedule::ExtentAttr extentOf(schedule::LaunchOp launch, unsigned i) {
  return cast<schedule::ExtentAttr>(launch.getGrid()[i]);
}

/// Calls `visit` with each argument of a launch's kernel and what the launch passes for it: a memory, or an extent.
static void forArguments(schedule::LaunchOp launch, tile::KernelOp kernel,
                         function_ref<void(BlockArgument, Value, Attribute)> visit) {
  unsigned memory = 0, scalar = 0;
  for (BlockArgument argument : kernel.getArguments()) {
    if (isa<MemRefType>(argument.getType()))
      visit(argument, launch.getOperands()[memory++], Attribute());
    else
      visit(argument, Value(), launch.getScalars()[scalar++]);
  }
}

bool Joiner::writes(schedule::LaunchOp launch, Value memory) {
  bool found = false;
  tile::KernelOp kernel = kernelOf(launch);
  forArguments(launch, kernel, [&](BlockArgument argument, Value passed, Attribute) {
    found |= passed == memory && kernel.getArgAttr(argument.getArgNumber(), tile::kWrittenAttr);
  });
  return found;
}

/// Whether the attention may run as late as the scan, and beside it.
bool Joiner::isFree(schedule::LaunchOp attention, schedule::LaunchOp scan) {
  for (Operation *op = attention->getNextNode(); op; op = op->getNextNode()) {
    if (auto launch = dyn_cast<schedule::LaunchOp>(op)) {
      auto meets = [&](schedule::LaunchOp one, schedule::LaunchOp other) {
        return llvm::any_of(one.getOperands(), [&](Value v) { return writes(other, v); });
      };
      if (meets(launch, attention) || meets(attention, launch))
        return false;
    }
    if (op == scan)
      return true;
  }
  return false;
}

/// Puts a kernel's body in a branch, its block's place on each axis taken from `place`.
static void cloneBody(tile::KernelOp kernel, Block *into, ArrayRef<Value> arguments, ArrayRef<Value> place) {
  OpBuilder b(into->getTerminator());
  IRMapping map;
  map.map(kernel.getArguments(), arguments);
  for (Operation &op : kernel.getBody().front().without_terminator())
    b.clone(op, map);
  into->walk([&](tile::BlockIdOp id) {
    id.replaceAllUsesWith(place[unsigned(id.getAxis())]);
    id.erase();
  });
}

/// The longest name that both begin with, up to a point.
static std::string commonLabel(StringRef a, StringRef b) {
  while (a != b && !(b.starts_with(a) && b.drop_front(a.size()).starts_with(".")))
    a = a.contains('.') ? a.rsplit('.').first : "";
  return a.str();
}

void Joiner::join(schedule::LaunchOp attention, schedule::LaunchOp scan) {
  MLIRContext *context = module.getContext();
  tile::KernelOp kernels[] = {kernelOf(attention), kernelOf(scan)};
  schedule::LaunchOp launches[] = {attention, scan};
  // The joint arguments: what both launches pass alike, they share.
  SmallVector<std::pair<Value, Attribute>> passed;
  SmallVector<Type> types;
  SmallVector<bool> written;
  SmallVector<unsigned> places[2];
  std::string key = (attention.getKernel() + " " + scan.getKernel()).str();
  for (int part : {0, 1})
    forArguments(launches[part], kernels[part], [&](BlockArgument argument, Value memory, Attribute extent) {
      unsigned at = 0;
      while (at < types.size() && (passed[at] != std::pair(memory, extent) || types[at] != argument.getType()))
        ++at;
      if (at == types.size()) {
        passed.push_back({memory, extent});
        types.push_back(argument.getType());
        written.push_back(false);
      }
      written[at] = written[at] || kernels[part].getArgAttr(argument.getArgNumber(), tile::kWrittenAttr);
      places[part].push_back(at);
      key += " " + std::to_string(at);
    });

  int64_t attentionHeads = extentOf(attention, 1).getFactor(), heads = extentOf(scan, 0).getFactor();
  int64_t slices = scan.getGrid().size() == 3 ? extentOf(scan, 2).getFactor() : 1;
  tile::KernelOp &kernel = joined[key];
  if (!kernel) {
    auto firstVariant = *module.getOps<schedule::VariantOp>().begin();
    OpBuilder b(firstVariant);
    Location loc = scan.getLoc();
    std::string name = kernelName(commonLabel(attention.getLabel(), scan.getLabel()),
                                  ("attention_" + kindOf(scan) + "_" + Twine(joined.size() - 1)).str());
    kernel = tile::KernelOp::create(b, loc, name, b.getFunctionType({}, {}));
    Block &body = kernel.getBody().front();
    SmallVector<Attribute> attributes;
    for (auto [type, isWritten] : llvm::zip(types, written)) {
      body.addArgument(type, loc);
      NamedAttrList list;
      if (isWritten)
        list.set(tile::kWrittenAttr, b.getUnitAttr());
      attributes.push_back(list.getDictionary(context));
    }
    kernel.setFunctionType(b.getFunctionType(types, {}));
    kernel.setArgAttrsAttr(b.getArrayAttr(attributes));
    b.setInsertionPointToStart(&body);
    auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
    Value x = tile::BlockIdOp::create(b, loc, tile::GridAxis::x),
          y = tile::BlockIdOp::create(b, loc, tile::GridAxis::y);
    Value attends = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, y, index(attentionHeads));
    Value rest = arith::SubIOp::create(b, loc, y, index(attentionHeads));
    Value head = arith::RemUIOp::create(b, loc, rest, index(heads)),
          slice = arith::DivUIOp::create(b, loc, rest, index(heads));
    auto branch = scf::IfOp::create(b, loc, attends, /*withElseRegion=*/true);
    tile::ReturnOp::create(b, loc);
    SmallVector<Value> arguments[2];
    for (int part : {0, 1})
      for (unsigned at : places[part])
        arguments[part].push_back(body.getArgument(at));
    cloneBody(kernels[0], branch.thenBlock(), arguments[0], {x, y});
    cloneBody(kernels[1], branch.elseBlock(), arguments[1], {head, x, slice});
  }

  OpBuilder b(scan);
  SmallVector<Value> operands;
  SmallVector<Attribute> scalars, fused{b.getStringAttr("attention")};
  for (auto [memory, extent] : passed)
    if (memory)
      operands.push_back(memory);
    else
      scalars.push_back(extent);
  for (schedule::LaunchOp launch : launches)
    if (ArrayAttr list = launch.getFusedAttr())
      llvm::append_range(fused, list);
  auto sum = [&](std::optional<StringRef> one, std::optional<StringRef> other) {
    Polynomial total;
    for (std::optional<StringRef> text : {one, other})
      if (auto p = Polynomial::parse(text.value_or("0").str()))
        total += *p;
    return b.getStringAttr(total.str());
  };
  Attribute grid[] = {schedule::ExtentAttr::get(context, "sequences", 1, 1, 0),
                      schedule::ExtentAttr::get(context, "one", 1, attentionHeads + heads * slices, 0)};
  schedule::LaunchOp::create(
      b, scan.getLoc(), FlatSymbolRefAttr::get(kernel), b.getArrayAttr(grid), operands, b.getArrayAttr(scalars),
      b.getStringAttr(commonLabel(attention.getLabel(), scan.getLabel())), sum(attention.getFlops(), scan.getFlops()),
      sum(attention.getBytes(), scan.getBytes()), b.getArrayAttr(fused), scan.getMissedAttr());
  attention.erase();
  scan.erase();
}

void Joiner::eraseUnused() {
  llvm::StringSet<> used;
  module.walk([&](schedule::LaunchOp launch) { used.insert(launch.getKernel()); });
  for (auto kernel : llvm::make_early_inc_range(module.getOps<tile::KernelOp>()))
    if (!used.contains(kernel.getName()))
      kernel.erase();
}

void Joiner::run() {
  for (auto variant : module.getOps<schedule::VariantOp>()) {
    schedule::LaunchOp attention;
    for (auto launch : llvm::make_early_inc_range(variant.getBody().front().getOps<schedule::LaunchOp>())) {
      if (kindOf(launch) == "attention") {
        attention = extentOf(launch, 0).getSymbol() == "sequences" ? launch : schedule::LaunchOp();
      } else if (attention && kindOf(launch).ends_with("scan") && isFree(attention, launch)) {
        join(attention, launch);
        attention = {};
      }
    }
  }
  eraseUnused();
}

void hybrid::joinBranches(ModuleOp module) { Joiner(module).run(); }
