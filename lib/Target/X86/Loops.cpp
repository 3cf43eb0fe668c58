// Loops over the rows and columns of tiles.
#include "KernelEmitter.h"
#include "mlir/IR/Matchers.h"
using namespace mlir;
using namespace mlir::hybrid::x86;

void KernelEmitter::forRange(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body) {
  APInt first, last;
  if (matchPattern(from, m_ConstantInt(&first)) && matchPattern(to, m_ConstantInt(&last))) {
    if (first.sge(last))
      return;
    if ((first + step).sge(last))
      return body(from);
  }
  auto loop = scf::ForOp::create(b, from, to, b.index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelEmitter::forRows(int64_t rows, Value live, llvm::function_ref<void(Value)> body) {
  Value to = b.index(rows);
  forRange(b.index(0), live ? b.smaller(scalar(live), to) : to, 1, body);
}

SmallVector<int64_t> KernelEmitter::breaksOf(Value tile) {
  SmallVector<int64_t> breaks;
  llvm::SmallPtrSet<Operation *, 8> seen;
  std::function<void(Value)> collect = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (!isTile(v) || plan.held(v) || !op || !seen.insert(op).second)
      return;
    if (auto load = dyn_cast<tile::LoadOp>(op); load && load.getValidColumns())
      breaks.push_back(*load.getValidColumns());
    for (Value operand : op->getOperands())
      collect(operand);
  };
  // A held load is cut where it is filled.
  if (auto load = tile.getDefiningOp<tile::LoadOp>(); load && load.getValidColumns())
    breaks.push_back(*load.getValidColumns());
  if (Operation *op = tile.getDefiningOp())
    for (Value operand : op->getOperands())
      collect(operand);
  return breaks;
}

KernelEmitter::Carried KernelEmitter::forColumns(int64_t columns, ArrayRef<int64_t> breaks, Value row, RowScope &scope,
                                                 Carried carried, CarryingFn body) {
  SmallVector<int64_t> ends(breaks);
  ends.push_back(columns);
  llvm::sort(ends);
  int64_t lanes = traits.lanes, begin = 0;
  auto piece = [&](Value base, int64_t offset, int64_t width, int64_t lowest, Carried &values) {
    Place place{row, {base, offset}, width, lowest, &scope};
    body(place, values);
  };
  constexpr int64_t kUnrolledPanels = 2;
  for (int64_t end : ends) {
    int64_t at = begin;
    auto small = [&](int64_t to) { // aligned pieces, at most a register each
      while (at < to) {
        int64_t width = lanes;
        while (at % width || at + width > to)
          width /= 2;
        piece({}, at, width, begin, carried);
        at += width;
      }
    };
    int64_t whole = end / kPanel * kPanel, aligned = llvm::alignTo(begin, kPanel);
    if (whole - aligned > kUnrolledPanels * kPanel) {
      small(aligned);
      auto loop = scf::ForOp::create(b, b.index(aligned), b.index(whole), b.index(kPanel), carried);
      if (!scope.anchor)
        scope.anchor = loop;
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Carried values(loop.getRegionIterArgs());
      for (int64_t offset = 0; offset < kPanel; offset += lanes)
        piece(loop.getInductionVar(), offset, lanes, begin, values);
      if (!carried.empty())
        scf::YieldOp::create(b, values);
      carried.assign(loop.getResults().begin(), loop.getResults().end());
      at = whole;
    }
    small(end);
    begin = std::max(begin, end);
  }
  return carried;
}

void KernelEmitter::forColumns(int64_t columns, ArrayRef<int64_t> breaks, Value row, RowScope &scope, PlaceFn body) {
  forColumns(columns, breaks, row, scope, {}, [&](Place &place, Carried &) { body(place); });
}

void KernelEmitter::forElements(Value from, Value to, PlaceFn body) {
  // Whole registers, then one by one.
  Value count = b.larger(b.sub(to, from), b.index(0));
  Value whole = b.add(from, b.mul(b.div(count, traits.lanes), traits.lanes));
  auto elements = [&](Value first, Value last, int64_t width) {
    forRange(first, last, width, [&](Value i) {
      Place place{{}, {i, 0, /*isLoose=*/true}, width, 0, nullptr};
      body(place);
    });
  };
  elements(from, whole, traits.lanes);
  elements(whole, to, 1);
}
