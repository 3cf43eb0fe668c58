// Loads and stores of tiles in global memory, as wide as alignment allows, and asynchronous copies to shared
// memory.
#include "TileToNVVM.h"
#include "dialects/Tile/TileAccess.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::hybrid;
using namespace mlir::tile;

/// A tile's place in global memory: where element (0, 0) is, how far apart neighbours are, and which elements
/// exist.
struct KernelEmitter::Access {
  RankedTensorType tile;
  Value base;         // ptr<1> to element (0, 0)
  int64_t strides[2]; // bytes, per axis of the tile
  int contiguous;     // the axis whose elements are neighbours in memory, or -1
  int64_t alignment;  // bytes that divide the address of the first element of each run
  int64_t elementBytes;
  Value from, valid; // i32 rows, null where they exclude nothing
  int64_t columns;   // valid ones
  bool readOnly;
  Registers rows; // of a gather: row numbers, one per register of the rows' layout
  llvm::DenseMap<std::pair<int, int64_t>, Value> known; // predicates per axis and constant part
  llvm::DenseMap<const Layout *, Value> starts;         // addresses of threads

  int64_t rowLimit() const { return tile.getDimSize(0); }
};

KernelEmitter::Access KernelEmitter::access(Operation *op, Value memory, ValueRange indices, RankedTensorType tile,
                                            Value from, Value valid, std::optional<int64_t> columns) {
  auto type = cast<MemRefType>(memory.getType());
  Access a;
  a.tile = tile;
  a.elementBytes = bytesOf(type.getElementType());
  int64_t pitch = type.getRank() == 2 ? type.getDimSize(1) * a.elementBytes : a.elementBytes;
  bool plane = type.getRank() == 2 && tile.getRank() == 2;
  a.strides[0] = pitch;
  a.strides[1] = plane ? a.elementBytes : 0;
  a.contiguous = plane ? 1 : pitch == a.elementBytes ? 0 : -1;
  a.alignment = rowAlignment(type, indices);
  a.columns = tile.getRank() == 2 ? columns.value_or(tile.getDimSize(1)) : 0;
  a.readOnly = isReadOnly(memory);
  auto clamp = [&](Value rows) -> Value {
    if (!rows)
      return {};
    Value low = LLVM::SMaxOp::create(b, loc, scalar(rows), i64(0));
    low = LLVM::SMinOp::create(b, loc, low, i64(tile.getDimSize(0)));
    return LLVM::TruncOp::create(b, loc, i32Type, low);
  };
  a.from = clamp(from);
  a.valid = clamp(valid);
  Value offset = scalar(indices[0]);
  if (isa<GatherOp>(op))
    offset = scalar(indices[1]);
  else if (type.getRank() == 2)
    offset = add(mul(offset, type.getDimSize(1)), scalar(indices[1]));
  a.base = LLVM::GEPOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), 1), type.getElementType(),
                               scalar(memory), offset);
  return a;
}

/// Elements that one instruction moves.
int64_t KernelEmitter::vectorWidth(const Access &a, const Layout &layout) {
  if (a.contiguous < 0)
    return 1;
  int64_t bytes = std::gcd(layout.contiguous(a.contiguous) * a.elementBytes, a.alignment);
  if (a.contiguous == 1)
    bytes = std::gcd(bytes, a.columns * a.elementBytes);
  else if (a.from || a.valid || layout.extent(0) > a.rowLimit())
    return 1; // rows end anywhere
  return std::max<int64_t>(1, std::gcd<int64_t>(bytes, 16) / a.elementBytes);
}

/// Whether the elements at a thread's offset plus `constant` exist: null if all do, the constant false if
/// none does.
Value KernelEmitter::inside(Access &a, const Layout &layout, Coordinate constant, int64_t width) {
  auto below = [&](int axis, int64_t limit, Value dynamicLimit, Value from) -> Value {
    int64_t least = constant[axis], most = least + layout.threadMax(axis) + (axis == a.contiguous ? width - 1 : 0);
    if (!dynamicLimit && !from && most < limit)
      return {};
    if (least >= limit)
      return this->constant(i1Type, 0);
    Value &known = a.known[{axis, least}];
    if (known)
      return known;
    Value place = add(threadOffset(layout, axis), least), result;
    if (dynamicLimit || most >= limit)
      result = compare(LLVM::ICmpPredicate::slt, place, dynamicLimit ? dynamicLimit : i32(limit));
    if (from)
      result = both(result, compare(LLVM::ICmpPredicate::sge, place, from));
    return known = result;
  };
  Value rows = below(0, a.rowLimit(), a.valid, a.from);
  Value columns = a.tile.getRank() == 2 ? below(1, a.columns, Value(), Value()) : Value();
  Value never = this->constant(i1Type, 0);
  return rows == never || columns == never ? never : both(rows, columns);
}

Value KernelEmitter::address(const Access &a, const Layout &layout, Coordinate constant) {
  Value &start = const_cast<Access &>(a).starts[&layout];
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 1);
  if (!start) {
    Value offset;
    for (int axis = 0; axis < (a.strides[1] ? 2 : 1); ++axis) {
      if (axis == 0 && !a.rows.empty())
        continue;
      Value part = mul(threadOffset(layout, axis), a.strides[axis]);
      offset = offset ? add(offset, part) : part;
    }
    Value wide = LLVM::SExtOp::create(b, loc, i64Type, offset);
    start = LLVM::GEPOp::create(b, loc, pointer, i8Type, a.base, wide);
  }
  int64_t bytes = constant[1] * a.strides[1] + (a.rows.empty() ? constant[0] * a.strides[0] : 0);
  return LLVM::GEPOp::create(b, loc, pointer, i8Type, start, ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
}

KernelEmitter::Registers KernelEmitter::loadWords(Value pointer, int64_t bytes, Value predicate, bool readOnly) {
  int64_t count = llvm::divideCeil(bytes, 4);
  Type word = bytes == 2 ? Type(i16Type) : Type(i32Type);
  if (!predicate) {
    Type type = count == 1 ? word : Type(VectorType::get(count, i32Type));
    Value loaded = LLVM::LoadOp::create(b, loc, type, pointer, bytes, false, false, /*isInvariant=*/readOnly);
    if (count == 1)
      return {loaded};
    Registers words;
    for (int64_t i = 0; i < count; ++i)
      words.push_back(LLVM::ExtractElementOp::create(b, loc, loaded, i32(i)));
    return words;
  }
  // Predicated, with zeros where nothing is loaded; a branch around every load would cut the kernel to
  // pieces.
  std::string text, names, constraints;
  for (int64_t i = 0; i < count; ++i) {
    std::string name = "$" + std::to_string(i);
    text += (bytes == 2 ? "mov.b16 " : "mov.b32 ") + name + ", 0; ";
    names += (i ? ", " : "") + name;
    constraints += bytes == 2 ? "=&h," : "=&r,";
  }
  text += "@$" + std::to_string(count + 1) + " ld.global" + (readOnly ? ".nc" : "") +
          (count > 1 ? ".v" + std::to_string(count) : "") + (bytes == 2 ? ".b16 " : ".b32 ") +
          (count > 1 ? "{" + names + "}" : names) + ", [$" + std::to_string(count) + "];";
  constraints += "l,b";
  SmallVector<Type> parts(count, word);
  Type type = count == 1 ? word : Type(LLVM::LLVMStructType::getLiteral(b.getContext(), parts));
  auto load = LLVM::InlineAsmOp::create(b, loc, TypeRange(type), ValueRange{pointer, predicate}, text, constraints,
                                        /*has_side_effects=*/!readOnly, /*is_align_stack=*/false,
                                        LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  if (count == 1)
    return {load.getRes()};
  Registers words;
  for (int64_t i = 0; i < count; ++i)
    words.push_back(LLVM::ExtractValueOp::create(b, loc, load.getRes(), i));
  return words;
}

void KernelEmitter::storeWords(Value pointer, ArrayRef<Value> words, int64_t bytes, Value predicate) {
  int64_t count = words.size();
  if (!predicate) {
    Value value = words[0];
    if (count > 1) {
      value = LLVM::UndefOp::create(b, loc, VectorType::get(count, i32Type));
      for (int64_t i = 0; i < count; ++i)
        value = LLVM::InsertElementOp::create(b, loc, value, words[i], i32(i));
    }
    LLVM::StoreOp::create(b, loc, value, pointer, bytes);
    return;
  }
  std::string names, constraints;
  for (int64_t i = 0; i < count; ++i) {
    names += (i ? ", $" : "$") + std::to_string(i);
    constraints += bytes == 2 ? "h," : "r,";
  }
  std::string text = "@$" + std::to_string(count + 1) + " st.global" + (count > 1 ? ".v" + std::to_string(count) : "") +
                     (bytes == 2 ? ".b16 [$" : ".b32 [$") + std::to_string(count) + "], " +
                     (count > 1 ? "{" + names + "}" : names) + ";";
  Registers operands(words);
  operands.append({pointer, predicate});
  LLVM::InlineAsmOp::create(b, loc, TypeRange(), operands, text, constraints + "l,b,~{memory}",
                            /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                            LLVM::AsmDialectAttr(), ArrayAttr());
}

KernelEmitter::Registers KernelEmitter::pack(ArrayRef<Value> elements) {
  Type element = elements[0].getType();
  unsigned bits = element.getIntOrFloatBitWidth();
  Registers words;
  if (bits == 16 && elements.size() > 1) {
    for (size_t i = 0; i < elements.size(); i += 2) {
      Value pair = LLVM::UndefOp::create(b, loc, VectorType::get(2, element));
      for (int64_t j : {0, 1})
        pair = LLVM::InsertElementOp::create(b, loc, pair, elements[i + j], i32(j));
      words.push_back(LLVM::BitcastOp::create(b, loc, i32Type, pair));
    }
    return words;
  }
  for (Value v : elements)
    if (bits == 1)
      words.push_back(LLVM::ZExtOp::create(b, loc, i8Type, v));
    else if (isa<FloatType>(element))
      words.push_back(LLVM::BitcastOp::create(b, loc, bits == 16 ? i16Type : i32Type, v));
    else
      words.push_back(v);
  return words;
}

KernelEmitter::Registers KernelEmitter::unpack(ArrayRef<Value> words, Type element, int64_t count) {
  unsigned bits = element.getIntOrFloatBitWidth();
  Registers elements;
  for (Value word : words) {
    if (bits == 1) {
      elements.push_back(LLVM::TruncOp::create(b, loc, i1Type, word));
    } else if (bits == 16 && count > 1) {
      Value pair = LLVM::BitcastOp::create(b, loc, VectorType::get(2, element), word);
      for (int64_t j : {0, 1})
        elements.push_back(LLVM::ExtractElementOp::create(b, loc, pair, i32(j)));
    } else if (isa<FloatType>(element)) {
      elements.push_back(LLVM::BitcastOp::create(b, loc, element, word));
    } else {
      elements.push_back(word);
    }
  }
  return elements;
}

KernelEmitter::Registers KernelEmitter::loadRegisters(Access &a, const Layout &layout) {
  int64_t width = vectorWidth(a, layout), count = layout.numRegisters();
  Type element = a.tile.getElementType();
  Value never = constant(i1Type, 0);
  Registers registers;
  for (int64_t i = 0; i < count; i += width) {
    Coordinate at = layout.atRegister(i);
    Value predicate = inside(a, layout, at, width);
    if (predicate == never) {
      Value zero = isa<FloatType>(element)
                       ? (element == f32Type
                              ? f32(0)
                              : Value(LLVM::ConstantOp::create(entry, loc, element, FloatAttr::get(element, 0.0))))
                       : constant(element, 0);
      registers.append(width, zero);
      continue;
    }
    Value pointer = address(a, layout, at);
    if (!a.rows.empty()) {
      Value row = LLVM::SExtOp::create(b, loc, i64Type, a.rows[layout.sliceRegister(1, i)]);
      pointer = LLVM::GEPOp::create(b, loc, pointer.getType(), i8Type, pointer, mul(row, a.strides[0]));
    }
    Registers words = loadWords(pointer, width * a.elementBytes, predicate, a.readOnly);
    llvm::append_range(registers, unpack(words, element, width));
  }
  return registers;
}

void KernelEmitter::storeRegisters(Access &a, const Layout &layout, ArrayRef<Value> values) {
  int64_t width = vectorWidth(a, layout);
  Value never = constant(i1Type, 0), once = firstCopy(layout);
  llvm::DenseMap<Value, Value> combined;
  for (int64_t i = 0; i < int64_t(values.size()); i += width) {
    Coordinate at = layout.atRegister(i);
    Value predicate = inside(a, layout, at, width);
    if (predicate == never)
      continue;
    if (once) {
      Value &known = combined[predicate ? predicate : once];
      predicate = known ? known : known = both(predicate, once);
    }
    storeWords(address(a, layout, at), pack(values.slice(i, width)), width * a.elementBytes, predicate);
  }
}

/// cp.async of 16-byte chunks; what does not exist is filled with zeros and its memory is not touched.
void KernelEmitter::copyToShared(Access &a, const SharedLayout &shared, Value base) {
  int64_t perChunk = 16 / a.elementBytes;
  Layout layout = Layout::blocked(a.tile.getShape(), perChunk, numThreads / Layout::kLanes);
  int64_t columns = a.columns;
  a.columns = a.tile.getDimSize(1); // a chunk that is partly valid is copied partly
  auto copyChunk = [&](Access &a, Coordinate at) {
    Value bytes, rows = inside(a, layout, at, perChunk);
    if (at[1] + layout.threadMax(1) + perChunk > columns) {
      Value left = LLVM::SubOp::create(b, loc, i32(columns - at[1]), threadOffset(layout, 1));
      left = LLVM::SMaxOp::create(b, loc, LLVM::SMinOp::create(b, loc, left, i32(perChunk)), i32(0));
      bytes = mul(left, a.elementBytes);
    }
    if (rows)
      bytes = LLVM::SelectOp::create(b, loc, rows, bytes ? bytes : i32(16), i32(0));
    Value target = sharedPointer(sharedAddress(shared, layout, 2, base, at, a.elementBytes));
    NVVM::CpAsyncOp::create(b, loc, target, address(a, layout, at), 16, NVVM::LoadCacheModifierKind::CG, bytes);
  };
  when(firstCopy(layout), [&] {
    address(a, layout, {0, 0}); // before any branch, so that all chunks share it
    for (int64_t i = 0; i < layout.numRegisters(); i += perChunk) {
      Coordinate at = layout.atRegister(i);
      if (at[0] >= a.rowLimit())
        continue;
      if (at[0] + layout.threadMax(0) < a.rowLimit()) {
        copyChunk(a, at);
        continue;
      }
      // Rows beyond the tile have no place in shared memory. What is computed under the branch stays there.
      Value exists = compare(LLVM::ICmpPredicate::slt, add(threadOffset(layout, 0), at[0]), i32(a.rowLimit()));
      when(exists, [&] {
        Access inner = a;
        copyChunk(inner, at);
      });
    }
  });
}

LogicalResult KernelEmitter::emitLoad(LoadOp op) {
  auto tile = tileType(op.getTile());
  Access a = access(op, op.getMemory(), op.getIndices(), tile, op.getFrom(), op.getValid(), op.getValidColumns());
  if (const Layout *layout = layoutOf(tile)) {
    tiles[op.getTile()] = loadRegisters(a, *layout);
    return success();
  }
  SharedLayout shared = *sharedOf(tile);
  ByteRange range = plan.of(op);
  Value base = i32(range.begin);
  addresses[op.getTile()] = base;
  homes[op.getTile()] = op;
  beforeWrite(range);
  if (copiesInChunks(cast<MemRefType>(op.getMemory().getType()), op.getIndices(), tile)) {
    copyToShared(a, shared, base);
    pendingCopies = true;
  } else {
    Layout layout = Layout::blocked(tile.getShape(), 16 / a.elementBytes, numThreads / Layout::kLanes);
    writeShared(loadRegisters(a, layout), layout, tile, shared, base);
  }
  writes.push_back(range);
  return success();
}

LogicalResult KernelEmitter::emitCopyAsync(CopyAsyncOp op) {
  auto ring = tileType(op.getBuffer());
  auto tile = RankedTensorType::get(ring.getShape().drop_front(), ring.getElementType(), ring.getEncoding());
  SharedLayout shared = *sharedOf(ring);
  // The ring's own slots are kept apart by whoever made the ring; its memory may have served something else
  // before.
  ByteRange range = plan.of(homes.lookup(op.getBuffer()));
  bool reused = llvm::any_of(llvm::concat<ByteRange>(reads, writes), [&](const ByteRange &r) {
    return r.overlaps(range) && (r.begin != range.begin || r.end != range.end);
  });
  if (reused)
    barrier();
  Access a = access(op, op.getMemory(), op.getIndices(), tile, op.getFrom(), op.getValid(), op.getValidColumns());
  Value slot = LLVM::TruncOp::create(b, loc, i32Type, scalar(op.getSlot()));
  Value base = add(addresses[op.getBuffer()], mul(slot, shared.bytes(tile.getShape())));
  copyToShared(a, shared, base);
  return success();
}

LogicalResult KernelEmitter::emitStore(StoreOp op) {
  auto tile = tileType(op.getTile());
  Access a = access(op, op.getMemory(), op.getIndices(), tile, op.getFrom(), op.getValid(), op.getValidColumns());
  storeRegisters(a, *layoutOf(tile), tiles[op.getTile()]);
  return success();
}

LogicalResult KernelEmitter::emitGather(GatherOp op) {
  auto tile = tileType(op.getTile());
  Access a = access(op, op.getMemory(), {op.getColumn(), op.getColumn()}, tile, Value(), op.getValid(), std::nullopt);
  a.rows = tiles[op.getRows()];
  tiles[op.getTile()] = loadRegisters(a, *layoutOf(tile));
  return success();
}
