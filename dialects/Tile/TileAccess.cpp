#include "dialects/Tile/TileAccess.h"
#include <numeric>
using namespace mlir;
using namespace mlir::tile;

constexpr int64_t kMost = 1 << 20;

static int64_t lowBit(int64_t n) { return n == 0 ? kMost : std::min(n & -n, kMost); }

static int64_t divisor(Value v, unsigned depth) {
  if (depth > 16)
    return 1;
  if (auto argument = dyn_cast<BlockArgument>(v)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (loop && loop.getInductionVar() == v)
      return std::min(divisor(loop.getLowerBound(), depth + 1), divisor(loop.getStep(), depth + 1));
    return 1;
  }
  Operation *op = v.getDefiningOp();
  auto of = [&](unsigned i) { return divisor(op->getOperand(i), depth + 1); };
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto value = dyn_cast<IntegerAttr>(constant.getValue());
    return value ? lowBit(value.getInt()) : 1;
  }
  if (isa<arith::MulIOp>(op))
    return std::min(of(0) * of(1), kMost);
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp>(op))
    return std::min(of(0), of(1));
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp>(op))
    return of(0);
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return std::min(of(1), of(2));
  return 1;
}

int64_t mlir::tile::knownDivisor(Value index) { return divisor(index, 0); }

int64_t mlir::tile::rowAlignment(MemRefType memory, ValueRange indices) {
  int64_t bytes = memory.getElementTypeBitWidth() / 8;
  int64_t known = knownDivisor(indices.back()) * bytes;
  if (memory.getRank() == 2)
    known = std::gcd(known, memory.getDimSize(1) * bytes);
  return std::gcd<int64_t>(known, 16);
}

bool mlir::tile::copiesInChunks(MemRefType memory, ValueRange indices, RankedTensorType tile) {
  return memory.getRank() == 2 && tile.getRank() == 2 && rowAlignment(memory, indices) == 16 &&
         tile.getDimSize(1) * memory.getElementTypeBitWidth() / 8 % 16 == 0;
}

bool mlir::tile::isReadOnly(Value memory) {
  auto argument = dyn_cast<BlockArgument>(memory);
  auto kernel = argument ? dyn_cast<KernelOp>(argument.getOwner()->getParentOp()) : KernelOp();
  return kernel && !kernel.getArgAttr(argument.getArgNumber(), kWrittenAttr);
}
