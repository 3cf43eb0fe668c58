#include "BlockPlan.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
using namespace mlir;
using namespace mlir::hybrid;

bool hybrid::isView(Operation *op) {
  return isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op);
}

bool hybrid::isElementwise(Operation *op) {
  if (isa<GluOp>(op))
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumResults() == 1 && generic.getNumParallelLoops() == generic.getNumLoops() &&
         generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)).isIdentity();
}

int64_t hybrid::widthOf(Value value) {
  int64_t width = 1;
  for (int64_t d : cast<RankedTensorType>(value.getType()).getShape().drop_front())
    width *= d;
  return width;
}

bool hybrid::isProduct(Operation *op) { return isa<linalg::MatmulOp>(op); }

Value hybrid::throughViews(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isView(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

Value hybrid::throughReshapes(Value value) {
  while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

StringRef hybrid::rowSymbol(Value value) {
  value = throughViews(value);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    static const StringRef names[] = {"tokens", "tokens", "sequences", "rows"};
    return argument.getArgNumber() < 4 ? names[argument.getArgNumber()] : "sequences";
  }
  Operation *op = value.getDefiningOp();
  if (isa<ml_program::GlobalLoadConstOp, arith::ConstantOp>(op))
    return "one";
  if (auto gather = dyn_cast<tensor::GatherOp>(op))
    return rowSymbol(gather.getIndices());
  if (isa<CacheViewOp>(op))
    return "sequences";
  if (auto scan = dyn_cast<LinearScanOp>(op))
    return value == scan.getFinalState() ? "sequences" : rowSymbol(scan.getK());
  if (auto conv = dyn_cast<CausalConv1dOp>(op))
    return value == conv.getFinalTaps() ? "sequences" : rowSymbol(conv.getX());
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      if (StringRef symbol = rowSymbol(operand); symbol != "one")
        return symbol;
  return "one";
}

/// Ops that compute nothing of their own in a kernel.
static bool isPlumbing(Operation *op) {
  return isView(op) ||
         isa<tensor::DimOp, tensor::EmptyOp, linalg::FillOp, arith::ConstantOp, ml_program::GlobalLoadConstOp,
             func::ReturnOp, CacheViewOp>(op) ||
         op->getNumResults() == 0 ||
         (op->getNumResults() == 1 && !isa<RankedTensorType>(op->getResult(0).getType()) &&
          !isa<CacheType>(op->getResult(0).getType()));
}

BlockPlan::BlockPlan(func::FuncOp entry, const BlockTarget &target) : target(target) {
  std::map<std::vector<double>, Value> byFrequencies;
  for (Operation &op : entry.getBody().front()) {
    if (auto rotary = dyn_cast<RotaryOp>(op)) {
      SmallVector<double> frequencies = rotary.getFrequencies();
      std::vector<double> key(frequencies.begin(), frequencies.end());
      key.push_back(rotary.getAttentionFactor().convertToDouble());
      tables[&op] = byFrequencies.try_emplace(key, rotary.getResult()).first->second;
    }
    if (isPlumbing(&op))
      continue;
    for (OpResult result : op.getResults()) {
      if (!isa<RankedTensorType>(result.getType()))
        continue;
      // The initial values of outputs carry nothing.
      bool behindProduct = isProduct(&op);
      for (Value operand : op.getOperands())
        behindProduct |= heavy.contains(throughViews(operand)) && !stored.contains(throughViews(operand));
      if (behindProduct)
        heavy.insert(result);
      if (StringRef reason = reasonToStore(result); !reason.empty()) {
        stored.insert(result);
        reasons[&op] = reason.str();
      } else if (auto norm = dyn_cast<NormOp>(op);
                 norm && !target.fuseIntoProducts && llvm::any_of(consumers(result), isProduct)) {
        squares.insert(throughReshapes(norm.getX()));
      }
    }
  }
  // What lies between a convolution and its scan has been decided by now.
  Type storage = Float32Type::get(entry.getContext());
  if (auto dtype = entry->getParentOp()->getAttrOfType<TypeAttr>("hybrid.dtype"))
    storage = dtype.getValue();
  for (auto conv : entry.getBody().front().getOps<CausalConv1dOp>()) {
    ConvFold fold = planConvFold(conv, target, storage, [&](Value v) { return isStored(v); });
    if (fold.storedRuns().empty())
      stored.erase(conv.getY());
    if (!fold.remark.empty())
      reasons[conv] = fold.remark;
    convFolds[conv.getY()] = std::move(fold);
  }
}

StringRef BlockPlan::whyStored(Operation *op) const {
  auto it = reasons.find(op);
  return it == reasons.end() ? StringRef() : StringRef(it->second);
}

const ConvFold *BlockPlan::convFold(Value value) const {
  auto it = convFolds.find(value);
  return it == convFolds.end() ? nullptr : &it->second;
}

int64_t BlockPlan::storedWidth(Value value) const {
  if (const ConvFold *fold = convFold(value))
    return fold->storedWidth();
  return widthOf(value);
}

SmallVector<Operation *> BlockPlan::virtualOps(Value value) const {
  SmallVector<Operation *> ops;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> open{value};
  while (!open.empty()) {
    Value v = throughViews(open.pop_back_val());
    Operation *op = v.getDefiningOp();
    if (!op || isPlumbing(op) || (v != throughViews(value) && isStored(v)) || !seen.insert(op).second)
      continue;
    ops.push_back(op);
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        open.push_back(operand);
  }
  return ops;
}

SmallVector<Operation *> BlockPlan::consumers(Value value) const {
  SmallVector<Operation *> users;
  for (Operation *user : value.getUsers()) {
    if (isView(user))
      llvm::append_range(users, consumers(user->getResult(0)));
    else if (!isa<tensor::DimOp>(user))
      users.push_back(user);
  }
  llvm::sort(users);
  users.erase(llvm::unique(users), users.end());
  return users;
}

/// Whether elementwise work costs enough that computing it twice is worth a buffer.
static bool isExpensive(Operation *op) {
  bool expensive = isa<NormOp, RotaryOp, GluOp>(op);
  op->walk([&](Operation *inner) { expensive |= isa<math::MathDialect>(inner->getDialect()); });
  return expensive;
}

/// The span that a norm normalises together.
static int64_t normSpan(NormOp norm) {
  return cast<RankedTensorType>(norm.getX().getType()).getShape().back() / norm.getGroups();
}

int64_t hybrid::tileLimit(Operation *op) {
  if (auto norm = dyn_cast<NormOp>(op))
    return normSpan(norm) < widthOf(norm.getX()) ? normSpan(norm) : 0;
  if (auto rotary = dyn_cast<RotaryOp>(op))
    return cast<RankedTensorType>(rotary.getType()).getShape().back();
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || cast<RankedTensorType>(generic.getResult(0).getType()).getRank() < 3)
    return 0;
  bool spread = llvm::any_of(generic.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = generic.getMatchingIndexingMap(operand);
    return map.getNumResults() > 0 && map.getNumResults() < map.getNumDims();
  });
  return spread ? cast<RankedTensorType>(generic.getResult(0).getType()).getShape().back() : 0;
}

/// Whether elementwise work may end up in one kernel with something that is computed a head or group at a time.
static bool mayBeLimited(Operation *op) {
  if (tileLimit(op))
    return true;
  return isElementwise(op) && llvm::any_of(op->getOperands(), [](Value operand) {
           Operation *def = isa<RankedTensorType>(operand.getType()) ? throughViews(operand).getDefiningOp() : nullptr;
           return def && (isa<NormOp>(def) || isElementwise(def)) && mayBeLimited(def);
         });
}

/// The columns of `value` that `user` wants at once; 0: as few as one likes.
static int64_t columnsWanted(Value value, Operation *user) {
  if (isProduct(user))
    return widthOf(value);
  if (auto norm = dyn_cast<NormOp>(user))
    return normSpan(norm);
  if (isa<LinearScanOp>(user))
    for (Value operand : user->getOperands())
      if (isa<RankedTensorType>(operand.getType()) && throughViews(operand) == value)
        return cast<RankedTensorType>(operand.getType()).getShape().back();
  return 0;
}

StringRef BlockPlan::whyNotBehindProduct(NormOp norm) const {
  auto type = cast<RankedTensorType>(norm.getX().getType());
  if (norm.getKind() != NormKind::rms || norm.getBias() || norm.getGate() || norm.getResidual() ||
      norm.getGroups() != 1 || type.getRank() != 2)
    return "only a norm that divides whole rows commutes with a product";
  if (norm.getWeight())
    return "its weight is not folded into the matrices behind it";
  for (Operation *user : norm.getY().getUsers())
    if (!isProduct(user) && !isa<tensor::DimOp>(user))
      return "something else than products reads it too";
  // The kernel that stores the input sums the squares of its rows; where there is none, one has to run anyway.
  Value x = throughReshapes(norm.getX());
  if (!isStored(x))
    return "its input is not stored as whole rows";
  if (isa<MergeOp, LinearScanOp, CausalConv1dOp>(x.getDefiningOp()) ||
      llvm::any_of(virtualOps(x), llvm::IsaPred<RotaryOp>))
    return "its input's kernel does not sum squares of whole rows";
  return "";
}

StringRef BlockPlan::reasonToStore(OpResult value) {
  Operation *op = value.getOwner();
  SmallVector<Operation *> users = consumers(value);
  if (users.empty() || rowSymbol(value) == "one") // elementwise work on parameters has no rows to store
    return "";
  for (Operation *user : users)
    if (isa<func::ReturnOp>(user))
      return "it is a result of the entry";
  if (isa<AttentionOp, MergeOp, CausalConv1dOp, LinearScanOp, tensor::GatherOp>(op))
    return isa<LinearScanOp, CausalConv1dOp>(op) && value.getResultNumber() > 0 ? ""
                                                                                : "its kernel has a grid of its own";
  if (isProduct(op)) {
    if (users.size() != 1)
      return "several kernels use the product";
    if (!isElementwise(users[0]))
      return "the product's consumer is not elementwise";
    return mayBeLimited(users[0]) ? "the product's consumer works on heads or groups" : "";
  }
  if (heavy.contains(value))
    return users.size() == 1 && isElementwise(users[0]) ? ""
                                                        : "a product's epilogue ends where it has several consumers";
  bool expensive = isExpensive(op);
  auto type = cast<RankedTensorType>(value.getType());
  bool perHead = type.getRank() <= 2 && type.getShape().back() <= 256;
  int64_t limit = 0;
  for (Operation *inner : virtualOps(value))
    if (int64_t own = tileLimit(inner))
      limit = limit ? std::min(limit, own) : own;
  auto isTooNarrow = [&](Operation *user) { return limit && limit < columnsWanted(value, user); };
  StringRef narrow = "its heads or groups are narrower than its consumer's tiles";
  for (Operation *user : users) {
    if (isProduct(user)) {
      auto norm = dyn_cast<NormOp>(op);
      if (!target.fuseIntoProducts) {
        if (!norm)
          return "the target's products load their operands straight from memory";
        if (StringRef why = whyNotBehindProduct(norm); !why.empty())
          return why;
      }
      if (norm && (normSpan(norm) != type.getShape().back() || type.getRank() != 2))
        return "the norm's groups are narrower than the product's depth";
      if (isa<RotaryOp>(op))
        return "rotary works on halves of heads";
      if (isTooNarrow(user))
        return narrow;
      continue;
    }
    if (isTooNarrow(user))
      return narrow;
    if (isa<RotaryOp>(op) && !isa<CacheAppendOp>(user))
      return "rotary works on halves of heads";
    if (auto norm = dyn_cast<NormOp>(op); norm && isElementwise(user) && normSpan(norm) != type.getShape().back())
      return "the norm's groups are narrower than its consumer's tiles";
    if (isa<AttentionOp, tensor::GatherOp, CausalConv1dOp>(user))
      return "its consumer loads tiles from memory";
    if (isa<LinearScanOp>(user) && expensive && !perHead && !isa<NormOp>(op))
      return "the scan would compute it once per head";
  }
  if (expensive && users.size() > 2)
    return "several kernels use it and it is dear to compute";
  return "";
}
