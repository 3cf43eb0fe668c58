#include "hybrid/Reference/ScheduleEvaluator.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <deque>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
class Evaluator {
public:
  Evaluator(schedule::VariantOp variant, const ScheduleCall &call, CacheMemory &caches,
            llvm::function_ref<const HostValue &(StringRef)> parameter, LaunchEvaluator evaluateLaunch, bool rounds)
      : variant(variant), call(call), caches(caches), parameter(parameter), evaluateLaunch(evaluateLaunch),
        rounds(rounds) {}

  FailureOr<HostValue> run() {
    HostValue logits;
    for (Operation &op : variant.getBody().front()) {
      if (auto launch = dyn_cast<schedule::LaunchOp>(op)) {
        if (failed(run(launch)))
          return failure();
        continue;
      }
      FailureOr<HostValue *> memory = memoryOf(&op);
      if (failed(memory))
        return failure();
      memories[op.getResult(0)] = *memory;
      if (auto input = dyn_cast<schedule::InputOp>(op); input && input.getKind() == "logits")
        logitsMemory = *memory;
    }
    return *logitsMemory;
  }

private:
  static HostValue list(ArrayRef<int64_t> values) {
    HostValue v(ArrayRef<int64_t>{int64_t(values.size())});
    llvm::copy(values, v.data.begin());
    return v;
  }

  int64_t symbol(StringRef name, int64_t rows) {
    if (name == "one")
      return 1;
    if (name == "tokens")
      return call.ids.size();
    if (name == "rows")
      return call.rows.size();
    if (name == "sequences")
      return call.offsets.size() - 1;
    if (name == "pages_per_sequence")
      return call.pagesPerSequence;
    if (name == "tiles")
      return tileList(rows).size() / 3;
    llvm::report_fatal_error("unknown symbol in a schedule");
  }

  int64_t value(Attribute attribute) {
    auto extent = cast<schedule::ExtentAttr>(attribute);
    int64_t size = symbol(extent.getSymbol(), extent.getList());
    return (size + extent.getDivisor() - 1) / extent.getDivisor() * extent.getFactor();
  }

  std::vector<int64_t> tileList(int64_t rows) {
    std::vector<int64_t> tiles;
    for (size_t s = 0; s + 1 < call.offsets.size(); ++s)
      for (int64_t at = call.offsets[s]; at < call.offsets[s + 1]; at += rows)
        tiles.insert(tiles.end(), {int64_t(s), at, std::min(rows, call.offsets[s + 1] - at)});
    return tiles;
  }

  HostValue *keep(HostValue value) { return &owned.emplace_back(std::move(value)); }

  FailureOr<HostValue *> memoryOf(Operation *op) {
    auto type = cast<MemRefType>(op->getResult(0).getType());
    SmallVector<int64_t> shape(type.getShape());
    if (auto buffer = dyn_cast<schedule::BufferOp>(op)) {
      shape[0] = symbol(buffer.getRows(), 0);
      HostValue v(shape);
      // A launch that reads what no launch wrote must not look right.
      std::fill(v.data.begin(), v.data.end(), std::nan(""));
      return keep(std::move(v));
    }
    if (auto param = dyn_cast<schedule::ParamOp>(op)) {
      HostValue v = parameter(param.getName());
      Type element = type.getElementType();
      if (rounds)
        for (double &d : v.data)
          d = roundTo(element, d);
      return keep(std::move(v));
    }
    if (auto cache = dyn_cast<schedule::CacheOp>(op)) {
      auto it = caches.find({cache.getName().str(), int64_t(cache.getPart())});
      if (it == caches.end())
        return op->emitError("reference: no memory for part ")
                   << cache.getPart() << " of cache '" << cache.getName() << "'",
               failure();
      return &it->second;
    }
    auto input = cast<schedule::InputOp>(op);
    StringRef kind = input.getKind();
    if (kind == "logits") {
      shape[0] = call.rows.size();
      return keep(HostValue(shape));
    }
    if (kind == "tile_list") {
      HostValue v = list(tileList(input.getList()));
      v.shape = {v.shape[0] / 3, 3};
      return keep(std::move(v));
    }
    const std::vector<int64_t> *values = llvm::StringSwitch<const std::vector<int64_t> *>(kind)
                                             .Case("ids", &call.ids)
                                             .Case("positions", &call.positions)
                                             .Case("offsets", &call.offsets)
                                             .Case("rows", &call.rows)
                                             .Case("lengths", &call.lengths)
                                             .Case("page_table", &call.pageTable)
                                             .Case("read_slots", &call.readSlots)
                                             .Case("write_slots", &call.writeSlots)
                                             .Default(nullptr);
    if (!values)
      return op->emitError("reference: no input is called '") << kind << "'", failure();
    return keep(list(*values));
  }

  LogicalResult run(schedule::LaunchOp launch) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<tile::KernelOp>(variant, launch.getKernelAttr());
    SmallVector<HostValue *> buffers;
    SmallVector<int64_t> scalars;
    std::vector<SmallVector<int64_t>> shapes;
    unsigned operand = 0;
    for (Type type : kernel.getArgumentTypes()) {
      auto memory = dyn_cast<MemRefType>(type);
      if (!memory) {
        scalars.push_back(value(launch.getScalars()[scalars.size()]));
        continue;
      }
      HostValue *v = memories[launch.getOperands()[operand++]];
      shapes.push_back(v->shape);
      // The kernel may see rows cut or joined.
      SmallVector<int64_t> shape(memory.getShape());
      shape[0] = v->numElements() / (shape.size() == 2 ? shape[1] : 1);
      v->shape = shape;
      buffers.push_back(v);
    }
    std::array<int64_t, 3> grid{1, 1, 1};
    for (auto [i, extent] : llvm::enumerate(launch.getGrid()))
      grid[i] = value(extent);
    LogicalResult result = evaluateLaunch(launch, kernel, {buffers, scalars, rounds}, grid);
    for (auto [buffer, shape] : llvm::zip_equal(buffers, shapes))
      buffer->shape = shape;
    return result;
  }

  schedule::VariantOp variant;
  const ScheduleCall &call;
  CacheMemory &caches;
  llvm::function_ref<const HostValue &(StringRef)> parameter;
  LaunchEvaluator evaluateLaunch;
  bool rounds;
  std::deque<HostValue> owned;
  llvm::DenseMap<Value, HostValue *> memories;
  HostValue *logitsMemory = nullptr;
};
} // namespace

FailureOr<HostValue> hybrid::evaluateVariant(schedule::VariantOp variant, const ScheduleCall &call, CacheMemory &caches,
                                             llvm::function_ref<const HostValue &(StringRef)> parameter,
                                             LaunchEvaluator launch, bool rounds) {
  return Evaluator(variant, call, caches, parameter, launch, rounds).run();
}

FailureOr<HostValue> hybrid::evaluateVariant(schedule::VariantOp variant, const ScheduleCall &call, CacheMemory &caches,
                                             llvm::function_ref<const HostValue &(StringRef)> parameter,
                                             GridEvaluator grid) {
  auto launch = [&](schedule::LaunchOp, tile::KernelOp kernel, const TileLaunch &memory, std::array<int64_t, 3> size) {
    return grid(kernel, memory, size);
  };
  return Evaluator(variant, call, caches, parameter, launch, /*rounds=*/true).run();
}
