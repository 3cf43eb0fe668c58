// Polynomials are interpolations at Chebyshev nodes; with the f32 arithmetic around them, results are within
// about two units in the last place. Subnormal results may be flushed to zero.
#include "VectorMath.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>
using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::hybrid::x86;
using Predicate = arith::CmpFPredicate;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

class VectorMath {
public:
  VectorMath(VectorBuilder &b) : b(b) {}

  Value exp(Value x, bool base2 = false);
  Value expm1(Value x);
  Value log(Value x);
  Value log1p(Value x);
  Value tanh(Value x);
  Value erf(Value x);
  Value sinOrCos(Value x, bool cosine);
  Value floor(Value x);
  Value maximum(Value a, Value b, bool keepNaN, bool minimum);
  Value absolute(Value x) { return LLVM::FAbsOp::create(b, x.getType(), x); }

private:
  /// coefficients[0] + coefficients[1] x + ...
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = b.number(x, coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, b.number(x, c));
    return sum;
  }
  /// The integer nearest to x, as a float and as an integer, for |x| < 2^22.
  std::pair<Value, Value> nearest(Value x) {
    constexpr double shift = 0x1.8p23; // leaves the integer in the low bits of the mantissa
    Value shifted = add(x, b.number(x, shift));
    Value whole = sub(shifted, b.number(x, shift));
    Value bits = b.asIntegers(shifted);
    return {whole, arith::SubIOp::create(b, bits, b.integer(bits, 0x4b400000))};
  }
  Value fma(Value x, Value y, Value z) { return b.multiplyAdd(x, y, z); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value mul(Value x, double y) { return mul(x, b.number(x, y)); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value when(Predicate p, Value x, double y, Value then, Value otherwise) {
    return b.select(b.compare(p, x, b.number(x, y)), then, otherwise);
  }
  Value withSign(Value magnitude, Value sign) {
    return LLVM::CopySignOp::create(b, magnitude.getType(), magnitude, sign);
  }

  VectorBuilder &b;
};

} // namespace

Value VectorMath::exp(Value x, bool base2) {
  // e^x = 2^n e^r with |r| <= ln2 / 2; n is added to the exponent of e^r, which holds for every finite
  // result.
  auto [n, bits] = nearest(base2 ? x : mul(x, 1.44269504088896341));
  Value power;
  if (base2) {
    Value r = sub(x, n);
    power = fma(r,
                polynomial(r, {6.931471881e-01, 2.402265076e-01, 5.550356899e-02, 9.618082371e-03, 1.339097825e-03,
                               1.545326241e-04}),
                b.number(x, 1));
  } else {
    Value r = fma(n, b.number(x, -0x1.63p-1), x); // ln2 in two parts, the first of few bits
    r = fma(n, b.number(x, 0x1.bd0106p-13), r);
    Value q = polynomial(r, {0.5, 1.666657667e-01, 4.166655421e-02, 8.363232884e-03, 1.392625083e-03});
    power = add(fma(mul(r, r), q, r), b.number(x, 1));
  }
  Value exponent = arith::ShLIOp::create(b, bits, b.integer(bits, 23));
  Value result = b.asFloats(arith::AddIOp::create(b, b.asIntegers(power), exponent));
  result = when(Predicate::OLT, x, base2 ? -126 : -87.3365447505531, b.number(x, 0), result);
  return when(Predicate::OGT, x, base2 ? 127.99999 : 88.7228390520684, b.number(x, kInf), result);
}

Value VectorMath::expm1(Value x) {
  Value q = polynomial(x, {1.666666667e-01, 4.166618058e-02, 8.333279057e-03, 1.396660952e-03, 1.992767855e-04});
  Value square = mul(x, x);
  Value small = add(mul(square, fma(x, q, b.number(x, 0.5))), x);
  return when(Predicate::OLT, absolute(x), 0.5, small, sub(exp(x), b.number(x, 1)));
}

Value VectorMath::log(Value x) {
  // x = 2^e m with m around 1; subnormals are scaled into the normal range first.
  Value tiny = b.compare(Predicate::OLT, x, b.number(x, 0x1p-126));
  Value scaled = b.select(tiny, mul(x, 0x1p25), x);
  Value bits = b.asIntegers(scaled);
  Value shifted = arith::SubIOp::create(b, bits, b.integer(bits, 0x3f3504f3)); // sqrt(1/2)
  Value exponent = arith::ShRSIOp::create(b, shifted, b.integer(bits, 23));
  Value mantissa = arith::SubIOp::create(b, bits, arith::ShLIOp::create(b, exponent, b.integer(bits, 23)).getResult());
  Value e = arith::SIToFPOp::create(b, x.getType(), exponent);
  e = b.select(tiny, sub(e, b.number(x, 25)), e);
  Value f = sub(b.asFloats(mantissa), b.number(x, 1)), square = mul(f, f);
  Value q = polynomial(f, {3.333333118e-01, -2.499999696e-01, 2.000071575e-01, -1.666780232e-01, 1.424905765e-01,
                           -1.242568733e-01, 1.168541992e-01, -1.147973385e-01, 6.971611472e-02});
  Value tail = fma(e, b.number(x, -0x1.bd0106p-13), mul(mul(f, square), q));
  tail = fma(square, b.number(x, -0.5), tail);
  Value result = fma(e, b.number(x, 0x1.63p-1), add(f, tail));
  result = when(Predicate::OEQ, x, kInf, x, result);
  result = when(Predicate::OEQ, x, 0, b.number(x, -kInf), result);
  return when(Predicate::UGE, x, 0, result, b.number(x, std::numeric_limits<double>::quiet_NaN()));
}

Value VectorMath::log1p(Value x) {
  // log(u) x / (u - 1) corrects the rounding of u = 1 + x.
  Value u = add(x, b.number(x, 1)), excess = sub(u, b.number(x, 1));
  Value result = mul(log(u), div(x, excess));
  result = when(Predicate::OEQ, excess, 0, x, result);
  return when(Predicate::OEQ, x, kInf, x, result);
}

Value VectorMath::tanh(Value x) {
  Value magnitude = absolute(x), square = mul(x, x);
  Value q =
      polynomial(square, {-3.333333033e-01, 1.333291535e-01, -5.387394749e-02, 2.111095406e-02, -6.269113584e-03});
  Value small = fma(mul(x, square), q, x);
  Value e = exp(add(magnitude, magnitude));
  Value large = sub(b.number(x, 1), div(b.number(x, 2), add(e, b.number(x, 1))));
  return when(Predicate::OLT, magnitude, 0.6, small, withSign(large, x));
}

Value VectorMath::erf(Value x) {
  Value magnitude = absolute(x);
  Value small = mul(x, polynomial(mul(x, x), {1.128379166e+00, -3.761262664e-01, 1.128359446e-01, -2.685420346e-02,
                                              5.189073226e-03, -8.016750997e-04, 7.875527224e-05}));
  // -log(erfc) is smooth; beyond 4 erf is 1.
  Value t = when(Predicate::OGT, magnitude, 4, b.number(x, 4), magnitude);
  Value g = polynomial(t, {-3.214710268e-04, 1.130239201e+00, 6.318156996e-01, 1.100901975e-01, -2.642704377e-02,
                           4.761717236e-03, -5.972644332e-04, 4.611291391e-05, -1.639938017e-06});
  Value large = sub(b.number(x, 1), exp(sub(b.number(x, 0), g)));
  return when(Predicate::OLT, magnitude, 1, small, withSign(large, x));
}

Value VectorMath::sinOrCos(Value x, bool cosine) {
  // x = k pi/2 + r: three parts of pi/2, the first two of few bits, keep r exact for angles of up to about
  // 10^5.
  auto [n, k] = nearest(mul(x, 0.636619772367581343));
  Value r = fma(n, b.number(x, -1.5703125), x);
  r = fma(n, b.number(x, -4.837512969970703125e-4), r);
  r = fma(n, b.number(x, -7.549789948768648e-8), r);
  Value square = mul(r, r);
  Value sine = fma(mul(r, square),
                   polynomial(square, {-1.666666666e-01, 8.333331831e-03, -1.984006304e-04, 2.724686824e-06}), r);
  Value cos = polynomial(square, {1, -0.5, 4.166666666e-02, -1.388888763e-03, 2.480058049e-05, -2.729839849e-07});
  if (cosine)
    k = arith::AddIOp::create(b, k, b.integer(k, 1));
  Value odd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                    arith::AndIOp::create(b, k, b.integer(k, 1)).getResult(), b.integer(k, 0));
  Value flip = arith::ShLIOp::create(b, arith::AndIOp::create(b, k, b.integer(k, 2)).getResult(), b.integer(k, 30));
  Value result = b.asIntegers(b.select(odd, cos, sine));
  return b.asFloats(arith::XOrIOp::create(b, result, flip));
}

Value VectorMath::floor(Value x) {
  // SSE2 has no rounding; beyond 2^23 every float is whole.
  Type integers = b.asIntegers(x).getType();
  Value whole = arith::SIToFPOp::create(b, x.getType(), arith::FPToSIOp::create(b, integers, x).getResult());
  Value low = b.select(b.compare(Predicate::OGT, whole, x), sub(whole, b.number(x, 1)), whole);
  return when(Predicate::OLT, absolute(x), 0x1p23, low, x);
}

Value VectorMath::maximum(Value x, Value y, bool keepNaN, bool minimum) {
  Predicate better = minimum ? Predicate::OLT : Predicate::OGT;
  Value yIsNaN = b.compare(Predicate::UNO, y, y);
  if (keepNaN) // unordered leaves x: NaN when x is
    return b.select(yIsNaN, y, b.select(b.compare(better, y, x), y, x));
  return b.select(yIsNaN, x, b.select(b.compare(better, x, y), x, y));
}

Value x86::buildElementwise(VectorBuilder &b, Operation *op, ValueRange x) {
  VectorMath m(b);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Value like = x.front();
  auto shaped = [&](Type t) -> Type {
    for (Value v : x)
      if (auto vector = dyn_cast<VectorType>(v.getType()))
        return VectorType::get(vector.getShape(), t);
    return t;
  };
  auto negated = [&](Value v) { return arith::NegFOp::create(b, v).getResult(); };
  Value result =
      TypeSwitch<Operation *, Value>(op)
          .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return like; }) // rounded below
          .Case([&](arith::MaximumFOp) { return m.maximum(x[0], x[1], true, false); })
          .Case([&](arith::MinimumFOp) { return m.maximum(x[0], x[1], true, true); })
          .Case([&](arith::MaxNumFOp) { return m.maximum(x[0], x[1], false, false); })
          .Case([&](arith::MinNumFOp) { return m.maximum(x[0], x[1], false, true); })
          .Case([&](math::ExpOp) { return m.exp(like); })
          .Case([&](math::Exp2Op) { return m.exp(like, /*base2=*/true); })
          .Case([&](math::ExpM1Op) { return m.expm1(like); })
          .Case([&](math::LogOp) { return m.log(like); })
          .Case([&](math::Log2Op) {
            return arith::MulFOp::create(b, m.log(like), b.number(like, 1.44269504088896341)).getResult();
          })
          .Case([&](math::Log1pOp) { return m.log1p(like); })
          .Case([&](math::TanhOp) { return m.tanh(like); })
          .Case([&](math::ErfOp) { return m.erf(like); })
          .Case([&](math::SinOp) { return m.sinOrCos(like, false); })
          .Case([&](math::CosOp) { return m.sinOrCos(like, true); })
          .Case([&](math::FloorOp) { return m.floor(like); })
          .Case([&](math::CeilOp) { return negated(m.floor(negated(like))); })
          .Case([&](math::AbsFOp) { return m.absolute(like); })
          .Case([&](math::SqrtOp) { return LLVM::SqrtOp::create(b, like.getType(), like).getResult(); })
          .Case([&](math::RsqrtOp) {
            Value root = LLVM::SqrtOp::create(b, like.getType(), like);
            return arith::DivFOp::create(b, b.number(like, 1), root).getResult();
          })
          .Case([&](math::FmaOp) { return b.multiplyAdd(x[0], x[1], x[2]); })
          .Default([&](Operation *) {
            OperationState state(b.getLoc(), op->getName(), x, shaped(lanesElement(element)), op->getAttrs());
            return b.create(state)->getResult(0);
          });
  return b.roundTo(element, result);
}

bool x86::isElementwise(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return false;
  if (isa<arith::ArithDialect>(op->getDialect()))
    return !isa<arith::BitcastOp, arith::RemFOp>(op);
  return isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp, math::Log2Op, math::Log1pOp, math::TanhOp,
             math::ErfOp, math::SinOp, math::CosOp, math::FloorOp, math::CeilOp, math::AbsFOp, math::SqrtOp,
             math::RsqrtOp, math::FmaOp>(op);
}

int64_t x86::elementwiseCost(Operation *op) {
  return TypeSwitch<Operation *, int64_t>(op)
      .Case<math::ExpOp, math::Exp2Op, math::ExpM1Op>([](auto) { return 14; })
      .Case<math::LogOp, math::Log2Op, math::Log1pOp, math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(
          [](auto) { return 28; })
      .Case<arith::DivFOp, math::SqrtOp, math::RsqrtOp>([](auto) { return 6; })
      .Case<arith::TruncFOp>([](auto) { return 4; })
      .Default([](Operation *) { return 1; });
}
