// Elementwise ops, once per register, and the same ops on scalars.
//
// Functions are built from the approximations of the special-function unit, with arguments brought into the
// range where those are accurate to about 1e-6: exp2 and log2 are `approx.ftz`, quotients `div.full` (2 ulp).
#include "TileToNVVM.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

constexpr auto kContract = LLVM::FastmathFlags::contract;

Value KernelEmitter::exp2(Value x) { return intrinsic("llvm.nvvm.ex2.approx.ftz.f32", f32Type, x); }
Value KernelEmitter::log2(Value x) { return intrinsic("llvm.nvvm.lg2.approx.ftz.f", f32Type, x); }
Value KernelEmitter::divide(Value x, Value y) { return intrinsic("llvm.nvvm.div.full", f32Type, {x, y}); }

FailureOr<Value> KernelEmitter::emitMath(Operation *op, ValueRange operands) {
  Value x = operands[0];
  auto fmul = [&](Value a, Value c) -> Value { return LLVM::FMulOp::create(b, loc, a, c, kContract); };
  auto fadd = [&](Value a, Value c) -> Value { return LLVM::FAddOp::create(b, loc, a, c, kContract); };
  auto fsub = [&](Value a, Value c) -> Value { return LLVM::FSubOp::create(b, loc, a, c, kContract); };
  auto fma = [&](Value a, Value c, Value d) -> Value { return LLVM::FMAOp::create(b, loc, a, c, d); };
  auto select = [&](Value c, Value yes, Value no) -> Value { return LLVM::SelectOp::create(b, loc, c, yes, no); };
  auto is = [&](Value a, double value) -> Value {
    return LLVM::FCmpOp::create(b, loc, LLVM::FCmpPredicate::oeq, a, f32(value));
  };
  auto exp = [&](Value a) { return exp2(fmul(a, f32(M_LOG2E))); };
  auto log = [&](Value a) { return fmul(log2(a), f32(M_LN2)); };
  // sin.approx and cos.approx are accurate on [-pi, pi] only: take whole turns off, 2 pi in three parts.
  auto reduced = [&](Value a) {
    Value turns = LLVM::RoundEvenOp::create(b, loc, fmul(a, f32(0.5 * M_1_PI)));
    Value rest = fma(turns, f32(-6.28125), a);
    rest = fma(turns, f32(-0.0019352436065673828), rest);
    return fma(turns, f32(-6.3573270667324e-08), rest);
  };
  return llvm::TypeSwitch<Operation *, FailureOr<Value>>(op)
      .Case([&](math::ExpOp) { return exp(x); })
      .Case([&](math::Exp2Op) { return exp2(x); })
      .Case([&](math::LogOp) { return log(x); })
      .Case([&](math::Log2Op) { return log2(x); })
      .Case([&](math::Log1pOp) {
        // log(u) x / (u - 1) with u = 1 + x rounded: the rounding of u cancels.
        Value u = LLVM::FAddOp::create(b, loc, x, f32(1));
        Value rest = LLVM::FSubOp::create(b, loc, u, f32(1));
        Value scaled = fmul(log(u), divide(x, rest));
        return select(is(rest, 0), x, select(is(u, INFINITY), u, scaled));
      })
      .Case([&](math::ExpM1Op) {
        Value u = exp(x);
        Value rest = LLVM::FSubOp::create(b, loc, u, f32(1));
        Value scaled = fmul(rest, divide(x, log(u)));
        return select(is(rest, 0), x, select(is(rest, -1), f32(-1), select(is(u, INFINITY), u, scaled)));
      })
      .Case([&](math::SqrtOp) { return Value(LLVM::SqrtOp::create(b, loc, x)); })
      .Case([&](math::RsqrtOp) { return intrinsic("llvm.nvvm.rsqrt.approx.ftz.f", f32Type, x); })
      .Case([&](math::AbsFOp) { return Value(LLVM::FAbsOp::create(b, loc, x)); })
      .Case([&](math::TanhOp) {
        // 1 - 2 / (e^2x + 1), the fraction 0 where e^2x overflows.
        Value e = exp2(fmul(x, f32(2 * M_LOG2E)));
        return fsub(f32(1), divide(f32(2), fadd(e, f32(1))));
      })
      .Case([&](math::FmaOp) { return fma(x, operands[1], operands[2]); })
      .Case([&](math::SinOp) { return intrinsic("llvm.nvvm.sin.approx.ftz.f", f32Type, reduced(x)); })
      .Case([&](math::CosOp) { return intrinsic("llvm.nvvm.cos.approx.ftz.f", f32Type, reduced(x)); })
      .Case([&](math::FloorOp) { return Value(LLVM::FFloorOp::create(b, loc, x)); })
      .Case([&](math::CeilOp) { return Value(LLVM::FCeilOp::create(b, loc, x)); })
      .Case([&](math::RoundEvenOp) { return Value(LLVM::RoundEvenOp::create(b, loc, x)); })
      .Case([&](math::CopySignOp) { return Value(LLVM::CopySignOp::create(b, loc, x, operands[1])); })
      .Case([&](math::PowFOp) { return exp2(fmul(operands[1], log2(x))); })
      .Case([&](math::ErfOp) {
        // Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7.
        Value magnitude = LLVM::FAbsOp::create(b, loc, x);
        Value t = divide(f32(1), fma(magnitude, f32(0.3275911), f32(1)));
        Value p = f32(1.061405429);
        for (double c : {-1.453152027, 1.421413741, -0.284496736, 0.254829592})
          p = fma(p, t, f32(c));
        Value tail = fmul(fmul(p, t), exp(LLVM::FNegOp::create(b, loc, fmul(x, x))));
        return Value(LLVM::CopySignOp::create(b, loc, fsub(f32(1), tail), x));
      })
      .Default([&](Operation *) -> FailureOr<Value> {
        return op->emitOpError("has no expansion for GPUs; write it with exp, log, sqrt, rsqrt, tanh, erf, sin or cos");
      });
}

template <typename Op> static Value fast(OpBuilder &b, Location loc, ValueRange v) {
  return Op::create(b, loc, v[0], v[1], kContract);
}

FailureOr<Value> KernelEmitter::emitScalarOp(Operation *op, ValueRange v, Type type) {
  bool narrow = isa<FloatType>(v[0].getType()) && v[0].getType() != f32Type;
  if (isa<math::MathDialect>(op->getDialect())) {
    if (v[0].getType() != f32Type)
      return op->emitOpError("expected f32 in a GPU kernel, got ") << v[0].getType();
    return emitMath(op, v);
  }
  auto cast = [&](bool isSigned) -> Value {
    unsigned from = v[0].getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
    if (from == to)
      return v[0];
    if (from > to)
      return LLVM::TruncOp::create(b, loc, type, v[0]);
    return isSigned ? Value(LLVM::SExtOp::create(b, loc, type, v[0])) : Value(LLVM::ZExtOp::create(b, loc, type, v[0]));
  };
  auto fixQuotient = [&](LLVM::ICmpPredicate sign, int64_t by) -> Value {
    // The quotient rounds to zero; where a rest is left and the signs say so, it is one off.
    Value q = LLVM::SDivOp::create(b, loc, v[0], v[1]);
    Value rest = LLVM::SubOp::create(b, loc, v[0], LLVM::MulOp::create(b, loc, q, v[1]));
    Value zero = constant(v[0].getType(), 0);
    Value differs = compare(sign, LLVM::XOrOp::create(b, loc, v[0], v[1]), zero);
    Value wrong = both(compare(LLVM::ICmpPredicate::ne, rest, zero), differs);
    return LLVM::SelectOp::create(b, loc, wrong, add(q, by), q);
  };
  return llvm::TypeSwitch<Operation *, FailureOr<Value>>(op)
      .Case([&](arith::AddFOp) { return fast<LLVM::FAddOp>(b, loc, v); })
      .Case([&](arith::SubFOp) { return fast<LLVM::FSubOp>(b, loc, v); })
      .Case([&](arith::MulFOp) { return fast<LLVM::FMulOp>(b, loc, v); })
      .Case([&](arith::DivFOp) {
        if (!narrow)
          return divide(v[0], v[1]);
        Value x = LLVM::FPExtOp::create(b, loc, f32Type, v[0]), y = LLVM::FPExtOp::create(b, loc, f32Type, v[1]);
        return Value(LLVM::FPTruncOp::create(b, loc, type, divide(x, y)));
      })
      .Case([&](arith::NegFOp) { return Value(LLVM::FNegOp::create(b, loc, v[0])); })
      .Case([&](arith::MaximumFOp) { return Value(LLVM::MaximumOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MinimumFOp) { return Value(LLVM::MinimumOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MaxNumFOp) { return Value(LLVM::MaxNumOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MinNumFOp) { return Value(LLVM::MinNumOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::CmpFOp op) {
        return Value(LLVM::FCmpOp::create(b, loc, static_cast<LLVM::FCmpPredicate>(op.getPredicate()), v[0], v[1]));
      })
      .Case([&](arith::CmpIOp op) { return compare(static_cast<LLVM::ICmpPredicate>(op.getPredicate()), v[0], v[1]); })
      .Case([&](arith::SelectOp) { return Value(LLVM::SelectOp::create(b, loc, v[0], v[1], v[2])); })
      .Case([&](arith::AddIOp) { return add(v[0], v[1]); })
      .Case([&](arith::SubIOp) { return Value(LLVM::SubOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MulIOp) { return Value(LLVM::MulOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::DivSIOp) { return Value(LLVM::SDivOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::DivUIOp) { return Value(LLVM::UDivOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::RemSIOp) { return Value(LLVM::SRemOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::RemUIOp) { return Value(LLVM::URemOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::FloorDivSIOp) { return fixQuotient(LLVM::ICmpPredicate::slt, -1); })
      .Case([&](arith::CeilDivSIOp) { return fixQuotient(LLVM::ICmpPredicate::sge, 1); })
      .Case([&](arith::CeilDivUIOp) {
        Value q = LLVM::UDivOp::create(b, loc, v[0], v[1]);
        Value back = LLVM::MulOp::create(b, loc, q, v[1]);
        return Value(LLVM::SelectOp::create(b, loc, compare(LLVM::ICmpPredicate::eq, back, v[0]), q, add(q, 1)));
      })
      .Case([&](arith::AndIOp) { return Value(LLVM::AndOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::OrIOp) { return Value(LLVM::OrOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::XOrIOp) { return Value(LLVM::XOrOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::ShLIOp) { return Value(LLVM::ShlOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::ShRSIOp) { return Value(LLVM::AShrOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::ShRUIOp) { return Value(LLVM::LShrOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MaxSIOp) { return Value(LLVM::SMaxOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MinSIOp) { return Value(LLVM::SMinOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MaxUIOp) { return Value(LLVM::UMaxOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::MinUIOp) { return Value(LLVM::UMinOp::create(b, loc, v[0], v[1])); })
      .Case([&](arith::ExtFOp) { return Value(LLVM::FPExtOp::create(b, loc, type, v[0])); })
      .Case([&](arith::TruncFOp) { return Value(LLVM::FPTruncOp::create(b, loc, type, v[0])); })
      .Case([&](arith::SIToFPOp) { return Value(LLVM::SIToFPOp::create(b, loc, type, v[0])); })
      .Case([&](arith::UIToFPOp) { return Value(LLVM::UIToFPOp::create(b, loc, type, v[0])); })
      .Case([&](arith::FPToSIOp) { return Value(LLVM::FPToSIOp::create(b, loc, type, v[0])); })
      .Case([&](arith::FPToUIOp) { return Value(LLVM::FPToUIOp::create(b, loc, type, v[0])); })
      .Case<arith::IndexCastOp, arith::ExtSIOp>([&](auto) { return cast(true); })
      .Case<arith::IndexCastUIOp, arith::ExtUIOp, arith::TruncIOp>([&](auto) { return cast(false); })
      .Case([&](arith::BitcastOp) { return Value(LLVM::BitcastOp::create(b, loc, type, v[0])); })
      .Default([&](Operation *) -> FailureOr<Value> { return op->emitOpError("has no expansion for GPUs"); });
}

LogicalResult KernelEmitter::emitElementwise(Operation *op) {
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) || op->getNumResults() != 1)
    return op->emitOpError("is not supported in a GPU kernel");
  Value result = op->getResult(0);
  auto tile = tileType(result);
  if (!tile) {
    Registers operands;
    for (Value operand : op->getOperands())
      operands.push_back(scalar(operand));
    FailureOr<Value> value = emitScalarOp(op, operands, scalarType(result.getType()));
    if (succeeded(value))
      scalars[result] = *value;
    return value;
  }
  Type element = tile.getElementType();
  int64_t count = layoutOf(tile)->numRegisters();
  Registers registers;
  // One instruction narrows two neighbours.
  if (isa<arith::TruncFOp>(op) && element.getIntOrFloatBitWidth() == 16 && count % 2 == 0) {
    const Registers &source = tiles[op->getOperand(0)];
    for (int64_t i = 0; i < count; i += 2) {
      Value pair = LLVM::UndefOp::create(b, loc, VectorType::get(2, f32Type));
      for (int64_t j : {0, 1})
        pair = LLVM::InsertElementOp::create(b, loc, pair, source[i + j], i32(j));
      pair = LLVM::FPTruncOp::create(b, loc, VectorType::get(2, element), pair);
      for (int64_t j : {0, 1})
        registers.push_back(LLVM::ExtractElementOp::create(b, loc, pair, i32(j)));
    }
    tiles[result] = std::move(registers);
    return success();
  }
  for (int64_t i = 0; i < count; ++i) {
    Registers operands;
    for (Value operand : op->getOperands())
      operands.push_back(tileType(operand) ? tiles[operand][i] : scalar(operand));
    FailureOr<Value> value = emitScalarOp(op, operands, element);
    if (failed(value))
      return failure();
    registers.push_back(*value);
  }
  tiles[result] = std::move(registers);
  return success();
}
