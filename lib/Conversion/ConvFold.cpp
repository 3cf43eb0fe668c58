// Which channels of a causal convolution its scan computes while it loads them.
//
// A scan's block walks one sequence for one head. Channels that no other block wants are computed as often inside the
// scan as by a kernel of their own, and are neither written nor read again: folding them is free. Channels that heads
// share, or that every slice of a head's state wants, would be computed once per block; that pays while the arithmetic
// costs less than the traffic that it saves.
#include "BlockPlan.h"
#include "llvm/ADT/StringExtras.h"
using namespace mlir;
using namespace mlir::hybrid;

int64_t hybrid::stateColumns(LinearScanOp scan, const BlockTarget &target) {
  int64_t value = scan.getValueSize(), columns = value;
  if (target.scanColumns)
    for (columns = std::min(value, target.scanColumns);
         value % columns || (columns % target.depthMultiple && columns > 16); --columns)
      ;
  return columns;
}

namespace {
/// How scans use a value.
struct ScanUse {
  LinearScanOp scan; // null: something else uses it, or nothing does
  StringRef role;
  int64_t blocks = 0; // that want each column
};
} // namespace

/// What uses `value`, through views and through norms of heads and elementwise work that loads compute.
static ScanUse scanUseOf(Value value, const BlockTarget &target, function_ref<bool(Value)> isStored) {
  ScanUse all;
  for (OpOperand &operand : value.getUses()) {
    Operation *user = operand.getOwner();
    if (isa<tensor::DimOp>(user))
      continue;
    ScanUse use;
    if (auto scan = dyn_cast<LinearScanOp>(user)) {
      int64_t heads = cast<RankedTensorType>(value.getType()).getDimSize(1);
      int64_t slices = scan.getValueSize() / stateColumns(scan, target);
      bool isValue = operand.get() == scan.getV();
      use = {scan,
             isValue                ? "values"
             : value == scan.getQ() ? "queries"
                                    : "keys",
             scan.getStateHeads() / heads * (isValue ? 1 : slices)};
      if (value != scan.getQ() && value != scan.getK() && value != scan.getEraseKey() && !isValue)
        return {};
    } else if (isView(user)) {
      use = scanUseOf(user->getResult(0), target, isStored);
    } else if (isa<NormOp>(user) || isElementwise(user)) {
      // Element by element: a channel that is spread over others would be asked for by itself.
      auto generic = dyn_cast<linalg::GenericOp>(user);
      bool spread = generic && !generic.getMatchingIndexingMap(&operand).isIdentity();
      bool perHead = cast<RankedTensorType>(user->getResult(0).getType()).getRank() == 3;
      if (spread || !perHead || isStored(user->getResult(0)))
        return {};
      use = scanUseOf(user->getResult(0), target, isStored);
    }
    if (!use.scan || (all.scan && use.scan != all.scan))
      return {};
    if (use.blocks > all.blocks)
      all = use;
  }
  return all;
}

/// Elementwise operations that a channel of one token costs; an exponential counts as a polynomial.
static double operationsPerChannel(CausalConv1dOp conv) {
  double taps = 2.0 * cast<RankedTensorType>(conv.getTaps().getType()).getDimSize(1);
  return taps + (conv.getBias() ? 1 : 0) + (conv.getActivation() == Activation::identity ? 0 : 24);
}

ConvFold hybrid::planConvFold(CausalConv1dOp conv, const BlockTarget &target, Type storage,
                              function_ref<bool(Value)> isStored) {
  ConvFold fold;
  fold.width = cast<RankedTensorType>(conv.getY().getType()).getDimSize(1);
  // Padded columns and tokens before the first must stay zero.
  Activation act = conv.getActivation();
  bool zeroStaysZero = act != Activation::sigmoid && act != Activation::softplus;
  bool plainTaps = cast<RankedTensorType>(conv.getTaps().getType()).getRank() == 2 &&
                   (!conv.getInitialTaps() || conv.getInitialTaps().getDefiningOp<CacheViewOp>());
  struct Part {
    int64_t begin, end;
    ScanUse use;
  };
  SmallVector<Part> parts;
  for (Operation *user : conv.getY().getUsers()) {
    if (isa<tensor::DimOp>(user))
      continue;
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    bool isRun = slice && slice.getType().getRank() == 2 && slice.getStaticOffsets()[0] == 0 &&
                 !ShapedType::isDynamic(slice.getStaticOffsets()[1]) && slice.hasUnitStride();
    if (isRun)
      parts.push_back({slice.getStaticOffsets()[1], slice.getStaticOffsets()[1] + slice.getType().getDimSize(1),
                       scanUseOf(slice.getResult(), target, isStored)});
    else
      parts.push_back({0, fold.width, scanUseOf(conv.getY(), target, isStored)});
  }
  llvm::sort(parts, [](const Part &a, const Part &b) { return a.begin < b.begin; });
  bool overlap = false;
  for (size_t i = 1; i < parts.size(); ++i)
    overlap |= parts[i].begin < parts[i - 1].end;
  if (!zeroStaysZero || !plainTaps || overlap)
    return fold;

  double saved = 2.0 * storage.getIntOrFloatBitWidth() / 8; // written once and read once
  SmallVector<StringRef> folded, kept;
  int64_t most = 0;
  for (Part &p : parts) {
    LinearScanOp scan = p.use.scan;
    if (!scan || scan.getOffsets() != conv.getOffsets() || (fold.scan && fold.scan != scan))
      continue;
    double extra = (p.use.blocks - 1) * operationsPerChannel(conv);
    if (extra <= saved * target.operationsPerByte) {
      fold.scan = scan;
      fold.inScan.push_back({p.begin, p.end, p.use.blocks});
      folded.push_back(p.use.role);
    } else {
      kept.push_back(p.use.role);
      most = std::max(most, p.use.blocks);
    }
  }
  if (!folded.empty())
    fold.remark = "convolution of " + llvm::join(folded, " and ") + " folded into the scan's loads";
  if (!kept.empty())
    fold.remark += (folded.empty() ? "convolution of " : "; ") + llvm::join(kept, " and ") +
                   (folded.empty() ? " not folded into the scan: " : " stay: ") + std::to_string(most) +
                   " blocks would compute each";
  return fold;
}

bool ConvFold::isInScan(int64_t channel) const {
  return llvm::any_of(inScan, [&](const Part &p) { return p.begin <= channel && channel < p.end; });
}

int64_t ConvFold::storedColumn(int64_t channel) const {
  int64_t before = 0;
  for (const Part &p : inScan)
    if (p.begin < channel)
      before += p.end - p.begin;
  return channel - before;
}

SmallVector<std::pair<int64_t, int64_t>> ConvFold::storedRuns() const {
  SmallVector<std::pair<int64_t, int64_t>> runs;
  int64_t at = 0;
  for (const Part &p : inScan) { // in order
    if (at < p.begin)
      runs.push_back({at, p.begin});
    at = p.end;
  }
  if (at < width)
    runs.push_back({at, width});
  return runs;
}

double ConvFold::shareInScan() const {
  double channels = 0;
  for (const Part &p : inScan)
    channels += double(p.end - p.begin) * p.blocks;
  return channels / width;
}
