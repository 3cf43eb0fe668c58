// The builders of the model form make verified IR with dynamic token counts.
#include "dialects/Hybrid/Builders.h"
#include "hybrid/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include <gtest/gtest.h>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
struct BuildersTest : ::testing::Test {
  BuildersTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  RankedTensorType type(ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, Float32Type::get(&context)); }
  /// A function of the given arguments whose body `build` writes; the module's text.
  std::string text(TypeRange arguments, llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> build) {
    OpBuilder b(&context);
    Location loc = b.getUnknownLoc();
    OwningOpRef<ModuleOp> module = ModuleOp::create(b, loc);
    b.setInsertionPointToEnd(module->getBody());
    auto f = func::FuncOp::create(b, loc, "f", b.getFunctionType(arguments, {}));
    Block *entry = f.addEntryBlock();
    b.setInsertionPointToStart(entry);
    Value result = build(b, loc, entry->getArguments());
    func::ReturnOp::create(b, loc, result);
    f.setFunctionType(b.getFunctionType(arguments, result.getType()));
    EXPECT_TRUE(succeeded(verify(*module)));
    std::string s;
    llvm::raw_string_ostream(s) << *module;
    return s;
  }
  MLIRContext context;
};
constexpr int64_t dyn = ShapedType::kDynamic;

TEST_F(BuildersTest, LinearReadsTheWeightTransposed) {
  std::string s = text({type({dyn, 8}), type({16, 8})},
                       [](OpBuilder &b, Location l, ValueRange v) { return buildLinear(b, l, v[0], v[1]); });
  EXPECT_NE(s.find("(d0, d1, d2) -> (d1, d2)"), std::string::npos) << s;
  EXPECT_NE(s.find("-> tensor<?x16xf32>"), std::string::npos) << s;
}

TEST_F(BuildersTest, OperandsBroadcastAtEitherEnd) {
  std::string s = text({type({dyn, 4, 8}), type({4, 8}), type({dyn, 4})}, [](OpBuilder &b, Location l, ValueRange v) {
    return buildMul(b, l, buildAdd(b, l, v[0], v[1], Broadcast::trailing), v[2], Broadcast::leading);
  });
  EXPECT_NE(s.find("(d0, d1, d2) -> (d1, d2)"), std::string::npos) << s;
  EXPECT_NE(s.find("(d0, d1, d2) -> (d0, d1)"), std::string::npos) << s;
}

TEST_F(BuildersTest, EveryActivationVerifies) {
  for (unsigned i = 0; i <= getMaxEnumValForActivation(); ++i)
    text({type({dyn, 8})}, [&](OpBuilder &b, Location l, ValueRange v) {
      return buildScale(b, l, buildActivationOf(b, l, static_cast<Activation>(i), v[0]), 2.0);
    });
}

TEST_F(BuildersTest, RowsColumnsAndHeads) {
  Type rows = RankedTensorType::get({dyn}, IntegerType::get(&context, 32));
  std::string s = text({type({100, 24}), rows}, [](OpBuilder &b, Location l, ValueRange v) {
    Value x = buildGatherRows(b, l, v[0], v[1]);
    Value heads = splitHeads(b, l, buildColumns(b, l, x, 8, 16), 4);
    return buildConcatColumns(b, l, {mergeHeads(b, l, heads), buildColumns(b, l, x, 0, 8)});
  });
  EXPECT_NE(s.find("tensor.gather"), std::string::npos) << s;
  EXPECT_NE(s.find("tensor<?x4x4xf32>"), std::string::npos) << s;
  EXPECT_NE(s.find("-> tensor<?x24xf32>"), std::string::npos) << s;
}
} // namespace
