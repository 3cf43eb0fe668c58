// Products: ldmatrix and mma.sync m16n8k16 for 16-bit operands, multiply-adds for everything else.
#include "TileToNVVM.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

LogicalResult KernelEmitter::emitDot(DotOp op) {
  auto acc = tileType(op.getAcc());
  int64_t k = tileType(op.getA()).getDimSize(!op.getTransposeA());
  if (tileType(op.getA()).getElementTypeBitWidth() == 16 && k % 16 == 0)
    if (auto warps = matchAccumulator(*layoutOf(acc), acc.getShape()))
      return emitMatrixDot(op, *warps);
  if (sharedOf(tileType(op.getA())) && sharedOf(tileType(op.getB())))
    return emitMultiplyAddDot(op);
  return op.emitOpError("expected operands in shared memory or an accumulator of mma.sync, got ")
         << op.getA().getType() << ", " << op.getB().getType() << " and " << acc;
}

LogicalResult KernelEmitter::emitMatrixDot(DotOp op, MatrixWarps warps) {
  auto aType = tileType(op.getA()), bType = tileType(op.getB()), acc = tileType(op.getAcc());
  Type element = aType.getElementType();
  int64_t m = acc.getDimSize(0) / warps.down, n = acc.getDimSize(1) / warps.across,
          k = aType.getDimSize(!op.getTransposeA());
  int64_t mBlocks = m / 16, nBlocks = n / 8;
  for (Value operand : {op.getA(), op.getB()})
    if (sharedOf(tileType(operand)))
      beforeRead(plan.of(homes.lookup(operand)));

  Type pairType = element.isBF16() ? Type(i32Type) : Type(VectorType::get(2, element));
  auto asPair = [&](Value word) -> Value {
    return word.getType() == pairType ? word : Value(LLVM::BitcastOp::create(b, loc, pairType, word));
  };
  auto ldmatrix = [&](Value address, int64_t count, bool transposed) {
    SmallVector<Type> words(count, i32Type);
    auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
    Value loaded = NVVM::LdMatrixOp::create(
        b, loc, LLVM::LLVMStructType::getLiteral(b.getContext(), words), sharedPointer(address), count, layout,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
    Registers result;
    for (int64_t i = 0; i < count; ++i)
      result.push_back(asPair(LLVM::ExtractValueOp::create(b, loc, loaded, i)));
    return result;
  };

  // Fragments of A for one step of k: four pairs per block of 16 rows.
  auto loadA = [&](int64_t step) {
    Registers pairs;
    if (layoutOf(aType)) {
      const Registers &registers = tiles[op.getA()];
      for (int64_t block = 0; block < mBlocks; ++block) {
        int64_t first = (block * (k / 16) + step) * 8;
        for (Value word : pack(ArrayRef(registers).slice(first, 8)))
          pairs.push_back(asPair(word));
      }
      return pairs;
    }
    Layout rows = matrixThreads(MatrixOperand::A, op.getTransposeA(), warps, m);
    for (int64_t block = 0; block < mBlocks; ++block) {
      Coordinate at = {16 * block, 16 * step};
      if (op.getTransposeA())
        std::swap(at[0], at[1]);
      Value address = sharedAddress(*sharedOf(aType), rows, 2, addresses[op.getA()], at, 2);
      llvm::append_range(pairs, ldmatrix(address, 4, op.getTransposeA()));
    }
    return pairs;
  };
  // Fragments of B: two pairs per block of 8 columns, two blocks at a time.
  auto loadB = [&](int64_t step) {
    Registers pairs;
    if (layoutOf(bType)) {
      const Registers &registers = tiles[op.getB()];
      for (int64_t block = 0; block < nBlocks; ++block)
        for (Value word : pack(ArrayRef(registers).slice((block * (k / 16) + step) * 4, 4)))
          pairs.push_back(asPair(word));
      return pairs;
    }
    Layout rows = matrixThreads(MatrixOperand::B, op.getTransposeB(), warps, n);
    for (int64_t block = 0; block < nBlocks; block += 2) {
      Coordinate at = {16 * step, 8 * block};
      if (op.getTransposeB())
        std::swap(at[0], at[1]);
      int64_t count = block + 1 < nBlocks ? 4 : 2;
      // With a single block of columns left, lanes 16 to 31 name rows that are not read; they may name any.
      Value address = sharedAddress(*sharedOf(bType), rows, 2, addresses[op.getB()], at, 2);
      llvm::append_range(pairs, ldmatrix(address, count, !op.getTransposeB()));
    }
    return pairs;
  };

  Registers result(tiles[op.getAcc()]);
  auto ptxType = element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Type quad = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, f32Type));
  for (int64_t step = 0; step < k / 16; ++step) {
    Registers aPairs = loadA(step), bPairs = loadB(step);
    for (int64_t row = 0; row < mBlocks; ++row)
      for (int64_t column = 0; column < nBlocks; ++column) {
        int64_t first = 4 * (row * nBlocks + column);
        Value product = NVVM::MmaOp::create(
            b, loc, quad, ArrayRef(aPairs).slice(4 * row, 4), ArrayRef(bPairs).slice(2 * column, 2),
            ArrayRef(result).slice(first, 4), ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
            std::array{ptxType, ptxType}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
        for (int64_t i = 0; i < 4; ++i)
          result[first + i] = LLVM::ExtractValueOp::create(b, loc, product, i);
      }
  }
  for (Value operand : {op.getA(), op.getB()})
    if (sharedOf(tileType(operand)))
      reads.push_back(plan.of(homes.lookup(operand)));
  tiles[op.getResult()] = std::move(result);
  return success();
}

/// A loop over k. Each thread reads the rows of `a` and the columns of `b` that its accumulators need; what
/// lies side by side in shared memory, along k or along columns, comes in one load.
LogicalResult KernelEmitter::emitMultiplyAddDot(DotOp op) {
  auto aType = tileType(op.getA()), bType = tileType(op.getB()), acc = tileType(op.getAcc());
  const Layout &layout = *layoutOf(acc);
  Type element = aType.getElementType();
  int64_t k = aType.getDimSize(!op.getTransposeA()), bytes = bytesOf(element), unroll = k % 4 == 0 ? 4 : 1;
  for (Value operand : {op.getA(), op.getB()})
    beforeRead(plan.of(homes.lookup(operand)));
  auto loadRun = [&](Value address, int64_t count) {
    int64_t words = llvm::divideCeil(count * bytes, 4);
    Type word = count * bytes == 2 ? i16Type : i32Type;
    Value loaded = loadShared(address, words == 1 ? word : Type(VectorType::get(words, i32Type)), count * bytes);
    Registers parts;
    if (words == 1)
      parts.push_back(loaded);
    else
      for (int64_t i = 0; i < words; ++i)
        parts.push_back(LLVM::ExtractElementOp::create(b, loc, loaded, i32(i)));
    Registers values = unpack(parts, element, count);
    if (element != f32Type)
      for (Value &v : values)
        v = LLVM::FPExtOp::create(b, loc, f32Type, v);
    return values;
  };
  // Distinct places of the accumulator's registers along an axis, and how many neighbours one load brings.
  auto places = [&](int axis) {
    llvm::SetVector<int64_t> set;
    for (int64_t r = 0; r < layout.numRegisters(); ++r)
      set.insert(layout.atRegister(r)[axis]);
    return set.takeVector();
  };
  SmallVector<int64_t> rows = places(0), columns = places(1);
  auto load = [&](Value operand, RankedTensorType type, int axis, ArrayRef<int64_t> constants, bool kInRows,
                  Value step) {
    llvm::DenseMap<std::pair<int64_t, int64_t>, Value> values; // (place, step within the unrolled part)
    SharedLayout shared = *sharedOf(type);
    Value base = addresses[operand];
    int64_t limit = type.getDimSize(kInRows ? 1 : 0);
    auto placeOf = [&](int64_t c) -> Value {
      Value place = add(threadOffset(layout, axis), c);
      if (c + layout.threadMax(axis) >= limit)
        place = LLVM::SMinOp::create(b, loc, place, i32(limit - 1)); // dead rows of the accumulator
      return place;
    };
    if (!kInRows) {
      for (int64_t c : constants) {
        Registers run = loadRun(sharedAddress(shared, base, placeOf(c), step, bytes), unroll);
        for (auto [i, v] : llvm::enumerate(run))
          values[{c, i}] = v;
      }
      return values;
    }
    int64_t width = axis == 1 ? std::min<int64_t>(layout.contiguous(1), 16 / bytes) : 1;
    for (int64_t i = 0; i < unroll; ++i)
      for (size_t c = 0; c < constants.size(); c += width) {
        Registers run = loadRun(sharedAddress(shared, base, add(step, i), placeOf(constants[c]), bytes), width);
        for (auto [j, v] : llvm::enumerate(run))
          values[{constants[c + j], i}] = v;
      }
    return values;
  };
  Registers result =
      loop(i32(0), i32(k), i32(unroll), Registers(tiles[op.getAcc()]), [&](Value step, ValueRange sums) -> Registers {
        auto a = load(op.getA(), aType, 0, rows, op.getTransposeA(), step);
        auto c = load(op.getB(), bType, 1, columns, !op.getTransposeB(), step);
        Registers next(sums);
        for (int64_t i = 0; i < unroll; ++i)
          for (int64_t r = 0; r < layout.numRegisters(); ++r) {
            Coordinate at = layout.atRegister(r);
            next[r] = LLVM::FMAOp::create(b, loc, a[{at[0], i}], c[{at[1], i}], next[r]);
          }
        return next;
      });
  for (Value operand : {op.getA(), op.getB()})
    reads.push_back(plan.of(homes.lookup(operand)));
  tiles[op.getResult()] = std::move(result);
  return success();
}
