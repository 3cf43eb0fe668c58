// Costs of the dialect's ops and of what the model form puts between them. FLOPs count what the definition needs, not
// what a chunked or tiled form spends; a multiply-add is two, an exponential one.
#include "dialects/Hybrid/Costs.h"
#include "dialects/Hybrid/Verify.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
using namespace mlir;
using namespace mlir::hybrid;

/// The place of an argument of an entry: ids, positions, offsets, rows, then the caches.
static Symbol symbolOfArgument(BlockArgument argument) {
  auto function = dyn_cast_or_null<FunctionOpInterface>(argument.getOwner()->getParentOp());
  if (isa<CacheType>(argument.getType()))
    return Symbol::kv_tokens;
  if (!function || !function->hasAttr("hybrid.entry"))
    return Symbol::tokens;
  return argument.getArgNumber() == 2   ? Symbol::sequences
         : argument.getArgNumber() == 3 ? Symbol::rows
                                        : Symbol::tokens;
}

Symbol hybrid::getLeadingSymbol(Value value) {
  // Walks to where the dim comes from: the first operand that has it.
  while (true) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return symbolOfArgument(cast<BlockArgument>(value));
    if (auto scan = dyn_cast<LinearScanOp>(op)) {
      if (value == scan.getFinalState() || value == scan.getChunkStates())
        return Symbol::sequences;
      if (value == scan.getMixer())
        return Symbol::pairs;
      value = scan.getQ() ? scan.getQ() : scan.getV();
      continue;
    }
    if (auto conv = dyn_cast<CausalConv1dOp>(op); conv && value == conv.getFinalTaps())
      return Symbol::sequences;
    if (isa<CacheViewOp>(op))
      return Symbol::sequences;
    if (auto gather = dyn_cast<tensor::GatherOp>(op)) {
      value = gather.getIndices();
      continue;
    }
    Value next;
    for (Value operand : op->getOperands())
      if (auto type = dyn_cast<RankedTensorType>(operand.getType());
          type && type.getRank() > 0 && type.isDynamicDim(0) && !operand.getDefiningOp<tensor::EmptyOp>()) {
        next = operand;
        break;
      }
    // A tensor.empty or a fill of one is as long as the tensor whose dim it asked for.
    for (Value operand : op->getOperands()) {
      if (next)
        break;
      if (auto dim = operand.getDefiningOp<tensor::DimOp>())
        next = dim.getSource();
      else if (operand.getDefiningOp<tensor::EmptyOp>())
        next = operand;
    }
    if (!next)
      return Symbol::tokens;
    value = next;
  }
}

Polynomial hybrid::getNumElements(Value value) {
  if (auto cache = dyn_cast<CacheType>(value.getType())) {
    ArrayRef<int64_t> d = cache.getDims();
    switch (cache.getKind()) {
    case CacheKind::paged_kv:
      return Polynomial(double(d[0] * (d[1] + d[2]))) * Symbol::kv_tokens;
    case CacheKind::ring_kv:
      return Polynomial(double(d[0] * (d[1] + d[2]) * (d[3] + d[4]))) * Symbol::sequences;
    case CacheKind::latent_kv:
      return Polynomial(double(d[0] + d[1])) * Symbol::kv_tokens;
    case CacheKind::conv_taps:
    case CacheKind::scan_state:
    case CacheKind::memory_vector:
      return Polynomial(double(llvm::product_of(d))) * Symbol::sequences;
    }
  }
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return 1.0;
  double known = 1;
  Polynomial unknown = 1.0;
  for (int64_t size : type.getShape())
    if (ShapedType::isDynamic(size))
      unknown *= getLeadingSymbol(value);
    else
      known *= double(size);
  return Polynomial(known) * unknown;
}

Polynomial hybrid::getNumBytes(Value value) {
  Type element = value.getType();
  if (auto cache = dyn_cast<CacheType>(element))
    element = cache.getElementType();
  element = getElementTypeOrSelf(element);
  unsigned bits = element.isIndex() ? 64 : element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 0;
  return getNumElements(value) * Polynomial(bits / 8.0);
}

/// Each operand read once, each result written once.
static Polynomial getBytes(Operation *op) {
  Polynomial bytes;
  for (Value operand : op->getOperands())
    bytes += getNumBytes(operand);
  for (Value result : op->getResults())
    bytes += getNumBytes(result);
  return bytes;
}

static Polynomial times(double factor, const Polynomial &p) { return Polynomial(factor) * p; }

Cost LinearScanOp::getCost() {
  double H = double(getStateHeads()), K = double(getKeySize()), V = double(getValueSize()), order = double(getOrder());
  double state = order * K * V, perStep = 2 * state; // the write
  if (getDecay() != Decay::none)
    perStep += state + (getDecay() == Decay::key_value ? 2 * state : order * K);
  if (order == 2)
    perStep += 4 * K * V;
  if (getRank() != Rank::zero)
    perStep += 2 * state + (getRank() == Rank::untied ? 2 * state : V);
  double perToken = double(getSubsteps()) * perStep + (getStateOnly() ? 0 : 2 * K * V) + (getBonus() ? 2 * V : 0);
  Polynomial tokens = ShapedType::isDynamic(dimOf(getV(), 0))
                          ? Polynomial(getLeadingSymbol(getV()))
                          : Polynomial(double(dimOf(getV(), 0)) / double(getSubsteps()));
  Polynomial flops = times(H * perToken, tokens);
  if (getMixer())
    flops += times(H * 4 * order * K, Symbol::pairs);
  return {flops, getBytes(*this)};
}

Cost CausalConv1dOp::getCost() {
  double width = double(dimOf(getTaps(), rankOf(getTaps()) - 1));
  double perElement = 2 * width + (getBias() ? 1 : 0) + (getActivation() == Activation::identity ? 0 : 4);
  return {times(perElement, getNumElements(getX())), getBytes(*this)};
}

Cost AttentionOp::getCost() {
  // Two products and an exponential per pair and head. Symbols know one sum over pairs, the causal one.
  double perPair = 2 * double(getKeySize()) + 2 * double(getValueSize()) + 2;
  auto rows = [](Value v) {
    return ShapedType::isDynamic(dimOf(v, 0)) ? Polynomial(getLeadingSymbol(v)) : Polynomial(double(dimOf(v, 0)));
  };
  Polynomial queries = rows(getQuery()), keys = getCache() ? Polynomial(Symbol::kv_tokens) : rows(getKey());
  bool known = getKey() && !ShapedType::isDynamic(dimOf(getKey(), 0)) && !ShapedType::isDynamic(dimOf(getQuery(), 0));
  Polynomial pairs = getCausal() && !known ? Polynomial(Symbol::pairs) : queries * keys;
  return {times(double(getQueryHeads()) * perPair, pairs), getBytes(*this)};
}

Cost MergeOp::getCost() {
  double partials = double(getOutputs().size());
  return {times(2 * partials + 1, getNumElements(getO())) + times(2 * partials, getNumElements(getLse())),
          getBytes(*this)};
}

Cost RotaryOp::getCost() {
  // Four multiplies and two adds per pair; sine and cosine once per pair of a token.
  double share = double(getRotaryDimOrDefault()) / double(dimOf(getX(), 2));
  return {times(3 * share + share / double(dimOf(getX(), 1)), getNumElements(getX())), getBytes(*this)};
}

Cost NormOp::getCost() {
  double perElement = 3 + (getKind() == NormKind::layer ? 2 : 0) + (getWeight() ? 1 : 0) + (getBias() ? 1 : 0) +
                      (getResidual() ? 1 : 0) + (getGate() ? 5 : 0);
  return {times(perElement, getNumElements(getX())), getBytes(*this)};
}

Cost GluOp::getCost() {
  double perElement = getActivation() == Activation::identity ? 1 : 5;
  return {times(perElement + (getClamp() ? 3 : 0), getNumElements(getY())), getBytes(*this)};
}

Cost FuseOp::getCost() {
  Polynomial flops;
  for (Value branch : getBranches())
    flops += times((getNorm() ? 3 : 0) + (getNormWeights().empty() ? 0 : 1) + (getScales().empty() ? 0 : 1) +
                       (getFactors() ? 1 : 0),
                   getNumElements(branch));
  int64_t rows = dimOf(getY(), 0);
  Polynomial tokens = ShapedType::isDynamic(rows) ? Polynomial(getLeadingSymbol(getBranches()[0])) : double(rows);
  for (Value projection : getProjections())
    flops += times(2, getNumElements(projection)) * tokens;
  if (getKind() != FuseKind::concat)
    flops += times(double(getBranches().size()), getNumElements(getY()));
  return {flops, getBytes(*this)};
}

Cost CrossEntropyOp::getCost() {
  int64_t rows = dimOf(getX(), 0);
  Polynomial tokens = ShapedType::isDynamic(rows) ? Polynomial(getLeadingSymbol(getX())) : double(rows);
  double vocabulary = double(dimOf(getProjection(), 0)), width = double(dimOf(getX(), 1));
  return {times(vocabulary * (2 * width + 2 + (getTeacher() ? 4 : 0)), tokens), getBytes(*this)};
}

Cost CacheAppendOp::getCost() {
  // The rows are read and written; what the cache held is not touched.
  Cost cost;
  for (Value value : getValues())
    cost.bytes += times(2, getNumBytes(value));
  return cost;
}

Cost CacheViewOp::getCost() { return {Polynomial(), getNumBytes(getView())}; }

/// Product of the loops' sizes times the float ops of the region.
static Cost getLinalgCost(linalg::LinalgOp op) {
  Cost cost;
  for (OpOperand &operand : op->getOpOperands())
    if (op.payloadUsesValueFromOperand(&operand) || op.isDpsInit(&operand))
      cost.bytes += getNumBytes(operand.get());
  double perPoint = 0;
  for (Operation &inner : op.getBlock()->without_terminator())
    for (Type type : inner.getResultTypes())
      if (isa<FloatType>(type) && !isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, tensor::ExtractOp>(inner))
        ++perPoint;
  if (perPoint == 0)
    return cost;
  Polynomial points = 1.0;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (auto [loop, size] : llvm::enumerate(op.getStaticLoopRanges())) {
    if (!ShapedType::isDynamic(size)) {
      points *= double(size);
      continue;
    }
    // The loop counts what the operand's dim counts that it runs over.
    Symbol symbol = Symbol::tokens;
    for (auto [operand, map] : llvm::zip_equal(op->getOperands(), maps))
      if (map.getNumResults() > 0 && map.getResult(0) == getAffineDimExpr(loop, op->getContext())) {
        symbol = getLeadingSymbol(operand);
        break;
      }
    points *= symbol;
  }
  cost.flops = times(perPoint, points);
  return cost;
}

Cost hybrid::getOperationCost(Operation *op) {
  if (auto withCost = dyn_cast<CostOpInterface>(op))
    return withCost.getCost();
  if (isa<linalg::FillOp>(op))
    return {}; // the op that it is an init of writes the result anyway
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return getLinalgCost(linalgOp);
  if (auto gather = dyn_cast<tensor::GatherOp>(op))
    return {Polynomial(), times(2, getNumBytes(gather.getResult())) + getNumBytes(gather.getIndices())};
  if (isa<tensor::ConcatOp, tensor::InsertSliceOp>(op))
    return {Polynomial(), getBytes(op)};
  return {};
}
