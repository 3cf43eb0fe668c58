// Registration, assembly and verifiers of the schedule dialect.
#include "dialects/Schedule/Schedule.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace mlir::schedule;

/// A bare word kept in a string attribute.
static ParseResult parseWord(OpAsmParser &parser, StringAttr &word) {
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  word = parser.getBuilder().getStringAttr(keyword);
  return success();
}
static void printWord(OpAsmPrinter &p, Operation *, StringAttr word) { p << word.getValue(); }

/// Extents in parentheses; a bare array would print brackets that read like indices.
static ParseResult parseExtents(OpAsmParser &parser, ArrayAttr &extents) {
  SmallVector<Attribute> list;
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     [&] { return parser.parseAttribute(list.emplace_back()); }))
    return failure();
  for (Attribute a : list)
    if (!isa<ExtentAttr>(a))
      return parser.emitError(parser.getCurrentLocation(), "expected #schedule.extent, got ") << a;
  extents = parser.getBuilder().getArrayAttr(list);
  return success();
}
static void printExtents(OpAsmPrinter &p, Operation *, ArrayAttr extents) {
  p << '(';
  llvm::interleaveComma(extents, p);
  p << ')';
}

#include "dialects/Schedule/ScheduleDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Schedule/ScheduleAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Schedule/ScheduleOps.cpp.inc"

void ScheduleDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Schedule/ScheduleOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Schedule/ScheduleAttrs.cpp.inc"
      >();
}

LogicalResult VariantOp::verify() {
  for (int64_t limit : {getMaxTokens(), getMaxSequences(), getMaxLongest()}) // C1
    if (limit < 0)
      return emitOpError("expected limits of 0 (none) or more, got ") << limit;
  for (Operation &op : *getBody().begin()) // C2
    if (!isa_and_present<ScheduleDialect>(op.getDialect()))
      return emitOpError("expected only ops of the schedule dialect, got '") << op.getName() << "'";
  return success();
}

LogicalResult LaunchOp::verify() {
  if (getGrid().empty() || getGrid().size() > 3) // C3
    return emitOpError("expected one to three extents of the grid, got ") << getGrid().size();
  for (auto [name, list] : {std::pair("grid", getGrid()), {"scalars", getScalars()}})
    for (Attribute extent : list)
      if (!isa<ExtentAttr>(extent))
        return emitOpError("expected '") << name << "' to be a list of #schedule.extent, got " << extent;
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<tile::KernelOp>(getOperation()->getParentOp(), getKernelAttr());
  if (!kernel) // C1
    return emitOpError("expected a kernel named '") << getKernel() << "', found none";
  SmallVector<Type> memories;
  unsigned scalars = 0;
  for (Type t : kernel.getArgumentTypes())
    isa<MemRefType>(t) ? memories.push_back(t) : (void)++scalars;
  if (memories.size() != getOperands().size() || scalars != getScalars().size()) // C2
    return emitOpError("expected ") << memories.size() << " operands and " << scalars << " scalars, got "
                                    << getOperands().size() << " and " << getScalars().size();
  for (auto [i, type] : llvm::enumerate(memories))
    if (getElementTypeOrSelf(getOperands()[i].getType()) != getElementTypeOrSelf(type))
      return emitOpError("expected operand ")
             << i << " of elements like " << type << ", got " << getOperands()[i].getType();
  return success();
}
