#include "VectorBuilder.h"
#include "mlir/IR/Matchers.h"
#include <limits>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::x86;

LevelTraits::LevelTraits(CpuLevel level)
    : level(level), lanes(level == CpuLevel::v1   ? 4
                          : level == CpuLevel::v3 ? 8
                                                  : 16),
      fma(level != CpuLevel::v1), f16c(level != CpuLevel::v1) {}

SmallVector<RegisterTile, 4> LevelTraits::registerTiles(int64_t rows) const {
  // Accumulators, b and one broadcast value must fit the registers (16, or 32 on v4), and at least eight
  // accumulators hide the latency of a multiply-add. Products of few rows take several panels at once
  // instead; the sum over k runs in the same order in all of them.
  switch (level) {
  case CpuLevel::v1:
    return rows == 1 ? SmallVector<RegisterTile, 4>{{1, 2}} : SmallVector<RegisterTile, 4>{{2, 1}, {1, 1}};
  case CpuLevel::v3:
    if (rows == 1)
      return {{1, 4}};
    if (rows < 4)
      return {{2, 2}, {1, 2}};
    return {{6, 1}, {4, 1}, {2, 1}, {1, 1}};
  case CpuLevel::v4:
    if (rows == 1)
      return {{1, 8}};
    if (rows < 6)
      return {{4, 4}, {2, 4}, {1, 4}};
    return {{12, 2}, {4, 2}, {2, 2}, {1, 2}};
  }
  llvm_unreachable("unknown level");
}

Type x86::lanesElement(Type element) {
  return isa<FloatType>(element) ? Float32Type::get(element.getContext()) : element;
}

bool x86::isZero(Value v) { return matchPattern(v, m_AnyZeroFloat()) || matchPattern(v, m_Zero()); }

static Type shapedLike(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? VectorType::get(vector.getShape(), element) : element;
}

static TypedAttr splatOf(Type type, Attribute value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return cast<TypedAttr>(DenseElementsAttr::get(vector, value));
  return cast<TypedAttr>(value);
}

Value VectorBuilder::number(Value like, double value) {
  Type type = shapedLike(like.getType(), getF32Type());
  return arith::ConstantOp::create(*this, splatOf(type, getF32FloatAttr(value)));
}

Value VectorBuilder::integer(Value like, int64_t value) {
  Type element = getElementTypeOrSelf(like.getType());
  Type type = shapedLike(like.getType(), element.isF32() ? getI32Type() : element);
  element = getElementTypeOrSelf(type);
  llvm::APInt bits(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), /*isSigned=*/false,
                   /*implicitTrunc=*/true);
  return arith::ConstantOp::create(*this, splatOf(type, IntegerAttr::get(element, bits)));
}

Value VectorBuilder::broadcast(Value value, int64_t width) {
  return vector::BroadcastOp::create(*this, VectorType::get({width}, value.getType()), value);
}

Value VectorBuilder::asIntegers(Value floats) {
  return arith::BitcastOp::create(*this, shapedLike(floats.getType(), getI32Type()), floats);
}

Value VectorBuilder::asFloats(Value integers) {
  return arith::BitcastOp::create(*this, shapedLike(integers.getType(), getF32Type()), integers);
}

Value VectorBuilder::multiplyAdd(Value a, Value b, Value c) {
  if (!traits.fma)
    return arith::AddFOp::create(*this, arith::MulFOp::create(*this, a, b), c);
  return LLVM::FMAOp::create(*this, a.getType(), a, b, c);
}

/// From 16-bit integers that hold bf16 or f16 to f32.
Value VectorBuilder::widen(Type element, Value halves) {
  Type floats = shapedLike(halves.getType(), getF32Type());
  if (element.isF16() && traits.f16c) {
    Value half = arith::BitcastOp::create(*this, shapedLike(halves.getType(), getF16Type()), halves);
    return arith::ExtFOp::create(*this, floats, half);
  }
  Value bits = arith::ExtUIOp::create(*this, shapedLike(halves.getType(), getI32Type()), halves);
  if (element.isBF16())
    return asFloats(arith::ShLIOp::create(*this, bits, integer(bits, 16)));
  // f16 in software: rebias the exponent; infinities and NaN get the largest one, subnormals are normalised
  // by a subtraction.
  Value magnitude = arith::ShLIOp::create(*this, arith::AndIOp::create(*this, bits, integer(bits, 0x7fff)).getResult(),
                                          integer(bits, 13));
  Value exponent = arith::AndIOp::create(*this, magnitude, integer(bits, 0x7c00 << 13));
  Value rebiased = arith::AddIOp::create(*this, magnitude, integer(bits, 112 << 23));
  Value special = arith::AddIOp::create(*this, rebiased, integer(bits, 112 << 23));
  Value raised = asFloats(arith::AddIOp::create(*this, rebiased, integer(bits, 1 << 23)));
  Value small = asIntegers(arith::SubFOp::create(*this, raised, number(raised, 0x1p-14)));
  auto is = [&](int64_t pattern) {
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, exponent, integer(bits, pattern));
  };
  Value result = select(is(0x7c00 << 13), special, select(is(0), small, rebiased));
  Value sign = arith::ShLIOp::create(*this, arith::AndIOp::create(*this, bits, integer(bits, 0x8000)).getResult(),
                                     integer(bits, 16));
  return asFloats(arith::OrIOp::create(*this, result, sign));
}

/// From f32 to 16-bit integers that hold bf16 or f16, to nearest even.
Value VectorBuilder::narrow(Type element, Value lanes) {
  Type halves = shapedLike(lanes.getType(), getI16Type());
  if (element.isF16() && traits.f16c) {
    Value half = arith::TruncFOp::create(*this, shapedLike(lanes.getType(), getF16Type()), lanes);
    return arith::BitcastOp::create(*this, halves, half);
  }
  Value bits = asIntegers(lanes);
  auto oddBit = [&](int64_t shift) {
    Value shifted = arith::ShRUIOp::create(*this, bits, integer(bits, shift));
    return arith::AndIOp::create(*this, shifted, integer(bits, 1)).getResult();
  };
  Value isNaN = compare(arith::CmpFPredicate::UNO, lanes, lanes);
  if (element.isBF16()) {
    Value up = arith::AddIOp::create(*this, oddBit(16), integer(bits, 0x7fff));
    Value rounded = select(isNaN, integer(bits, 0x7fc00000), arith::AddIOp::create(*this, bits, up));
    return arith::TruncIOp::create(*this, halves, arith::ShRUIOp::create(*this, rounded, integer(bits, 16)));
  }
  // f16 in software. Below the normal range an addition of 0.5 aligns the mantissa and rounds it.
  Value sign = arith::AndIOp::create(*this, bits, integer(bits, 0x80000000));
  bits = arith::XOrIOp::create(*this, bits, sign);
  Value up = arith::AddIOp::create(*this, oddBit(13), integer(bits, 0xfff - (int64_t(112) << 23)));
  Value normal = arith::ShRUIOp::create(*this, arith::AddIOp::create(*this, bits, up).getResult(), integer(bits, 13));
  Value aligned = arith::AddFOp::create(*this, asFloats(bits), number(lanes, 0.5));
  Value small = arith::SubIOp::create(*this, asIntegers(aligned), integer(bits, 0x3f000000));
  auto below = [&](int64_t pattern) {
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ult, bits, integer(bits, pattern));
  };
  Value large = select(isNaN, integer(bits, 0x7e00), integer(bits, 0x7c00));
  Value result = select(below(0x38800000), small, select(below(0x47800000), normal, large));
  Value signBit = arith::ShRUIOp::create(*this, sign, integer(bits, 16));
  return arith::TruncIOp::create(*this, halves, arith::OrIOp::create(*this, result, signBit));
}

Value VectorBuilder::roundTo(Type element, Value lanes) {
  if (!isa<FloatType>(element) || element.isF32())
    return lanes;
  return widen(element, narrow(element, lanes));
}

Value VectorBuilder::resize(Value lanes, int64_t width) {
  int64_t have = cast<VectorType>(lanes.getType()).getDimSize(0);
  if (have == width)
    return lanes;
  SmallVector<int64_t> mask;
  for (int64_t i = 0; i < width; ++i)
    mask.push_back(i < have ? i : have); // lane `have` is the first of the zeros
  return vector::ShuffleOp::create(*this, lanes, zeros(lanes.getType()), mask);
}

Value VectorBuilder::reduce(Value lanes, bool isSum) {
  for (int64_t width = cast<VectorType>(lanes.getType()).getDimSize(0); width > 1; width /= 2) {
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, width / 2));
    auto high = llvm::to_vector(llvm::seq<int64_t>(width / 2, width));
    Value a = vector::ShuffleOp::create(*this, lanes, lanes, low);
    Value b = vector::ShuffleOp::create(*this, lanes, lanes, high);
    lanes =
        isSum ? arith::AddFOp::create(*this, a, b).getResult() : select(compare(arith::CmpFPredicate::OGT, a, b), a, b);
  }
  return vector::ExtractOp::create(*this, lanes, ArrayRef<int64_t>{0});
}

SmallVector<Value> VectorBuilder::transpose(SmallVector<Value> rows) {
  // log2(n) steps: step s exchanges blocks of s lanes between rows that differ in bit s.
  int64_t n = rows.size();
  for (int64_t s = 1; s < n; s *= 2)
    for (int64_t r = 0; r < n; ++r) {
      if (r & s)
        continue;
      SmallVector<int64_t> low, high;
      for (int64_t i = 0; i < n; ++i) {
        low.push_back(i & s ? n + i - s : i);
        high.push_back(i & s ? n + i : i + s);
      }
      Value a = rows[r], b = rows[r + s];
      rows[r] = vector::ShuffleOp::create(*this, a, b, low);
      rows[r + s] = vector::ShuffleOp::create(*this, a, b, high);
    }
  return rows;
}

Value VectorBuilder::offset(Value pointer, Type element, Value by) {
  Value wide = createOrFold<arith::IndexCastOp>(getI64Type(), by);
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer, ArrayRef<LLVM::GEPArg>{wide},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value VectorBuilder::offset(Value pointer, Type element, int64_t by) {
  if (!by)
    return pointer;
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(by)}, LLVM::GEPNoWrapFlags::inbounds);
}

Value VectorBuilder::load(Value pointer, Type element, int64_t width) {
  bool narrowFloat = isa<FloatType>(element) && !element.isF32();
  Type stored = narrowFloat ? getI16Type() : element;
  Type type = width ? Type(VectorType::get({width}, stored)) : stored;
  Value loaded = LLVM::LoadOp::create(*this, type, pointer, /*alignment=*/stored.getIntOrFloatBitWidth() / 8);
  return narrowFloat ? widen(element, loaded) : loaded;
}

void VectorBuilder::store(Value lanes, Value pointer, Type element) {
  bool narrowFloat = isa<FloatType>(element) && !element.isF32();
  Value stored = narrowFloat ? narrow(element, lanes) : lanes;
  LLVM::StoreOp::create(*this, stored, pointer,
                        /*alignment=*/getElementTypeOrSelf(stored.getType()).getIntOrFloatBitWidth() / 8);
}

void VectorBuilder::prefetch(Value pointer) {
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}
