// Layout attributes, and the ops that only the GPU's tile form has.
#include "dialects/Tile/Tile.h"
#include "llvm/ADT/STLExtras.h"
using namespace mlir;
using namespace mlir::tile;
using hybrid::Digit;
using hybrid::Layout;

namespace {
/// Layouts are long and occur often: they print as #layout and #shared.
struct LayoutAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attribute, llvm::raw_ostream &os) const override {
    if (isa<LayoutAttr>(attribute))
      os << "layout";
    else if (isa<SharedAttr>(attribute))
      os << "shared";
    else
      return AliasResult::NoAlias;
    return AliasResult::FinalAlias;
  }
};
} // namespace

void TileDialect::addLayoutAliases() { addInterfaces<LayoutAliases>(); }

/// Digits of one list count at most so many registers, lanes or warps; what a kernel may have is far less.
static constexpr int64_t mostPlaces = 65536;

/// `name = [2:1:1, 4:_:0]`
static ParseResult parseDigits(AsmParser &parser, StringRef name, int &rank, SmallVectorImpl<Digit> &digits) {
  int64_t places = 1;
  auto parseDigit = [&]() -> ParseResult {
    Digit d = {0, -1, 0};
    if (parser.parseInteger(d.extent) || parser.parseColon())
      return failure();
    if (failed(parser.parseOptionalKeyword("_")) && parser.parseInteger(d.axis))
      return failure();
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseColon() || parser.parseInteger(d.stride))
      return failure();
    if (d.extent < 1 || d.extent > 65536 || d.axis > 1 || d.axis < -1 || d.stride < 0 || d.stride > 65536)
      return parser.emitError(where,
                              "expected a digit with an extent from 1 to 65536, axis 0, 1 or _ and a stride from "
                              "0 to 65536, got ")
             << d.extent << ":" << d.axis << ":" << d.stride;
    if (d.extent > mostPlaces / places)
      return parser.emitError(where, "expected at most ") << mostPlaces << " " << name << ", got more";
    places *= d.extent;
    rank = std::max(rank, d.axis + 1);
    digits.push_back(d);
    return success();
  };
  return failure(parser.parseKeyword(name) || parser.parseEqual() ||
                 parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDigit));
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  SmallVector<Digit> registers, lanes, warps;
  int rank = 0;
  int64_t stated = 0;
  if (parser.parseLess() || parseDigits(parser, "registers", rank, registers) || parser.parseComma() ||
      parseDigits(parser, "lanes", rank, lanes) || parser.parseComma() || parseDigits(parser, "warps", rank, warps))
    return {};
  // Printed where the digits do not show it, as for a tile of one column.
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("rank") || parser.parseEqual() || parser.parseInteger(stated)))
    return {};
  if (stated < 0 || stated > 2) {
    parser.emitError(parser.getCurrentLocation(), "expected a rank from 0 to 2, got ") << stated;
    return {};
  }
  if (parser.parseGreater())
    return {};
  return LayoutAttr::get(parser.getContext(), Layout(std::max<int>(rank, stated), registers, lanes, warps));
}

void LayoutAttr::print(AsmPrinter &p) const {
  int seen = 0;
  auto print = [&](StringRef name, ArrayRef<Digit> digits) {
    p << name << " = [";
    llvm::interleaveComma(digits, p, [&](const Digit &d) {
      p << d.extent << ":";
      if (d.axis < 0)
        p << "_";
      else
        p << d.axis;
      p << ":" << d.stride;
      seen = std::max(seen, d.axis + 1);
    });
    p << "]";
  };
  const Layout &layout = getLayout();
  p << "<";
  print("registers", layout.getRegisters());
  p << ", ";
  print("lanes", layout.getLanes());
  p << ", ";
  print("warps", layout.getWarps());
  if (seen != int(layout.getRank()))
    p << ", rank = " << layout.getRank();
  p << ">";
}

LogicalResult ConvertOp::verify() {
  auto in = cast<RankedTensorType>(getTile().getType()), out = cast<RankedTensorType>(getResult().getType());
  if (in.getShape() != out.getShape() || in.getElementType() != out.getElementType())
    return emitOpError("expected one shape and element type, got ") << in << " and " << out;
  return success();
}

LogicalResult SlotOp::verify() {
  auto buffer = cast<RankedTensorType>(getBuffer().getType()), tile = cast<RankedTensorType>(getTile().getType());
  if (buffer.getRank() != 3 || tile.getShape() != buffer.getShape().drop_front() ||
      tile.getElementType() != buffer.getElementType() || tile.getEncoding() != buffer.getEncoding())
    return emitOpError("expected a buffer of rank 3 and one slot of it, got ") << buffer << " and " << tile;
  return success();
}

LogicalResult CopyAsyncOp::verify() {
  auto buffer = cast<RankedTensorType>(getBuffer().getType());
  auto memory = cast<MemRefType>(getMemory().getType());
  if (buffer.getRank() != 3 || buffer.getElementType() != memory.getElementType())
    return emitOpError("expected a buffer of rank 3 of ")
           << memory.getElementType() << " like the memory, got " << buffer;
  if (memory.getRank() != 2 || getIndices().size() != 2)
    return emitOpError("expected a memory of rank 2 and 2 indices, got ") << memory << " and " << getIndices().size();
  return success();
}
