// Asynchronous copies and the barriers that track them.
#include "runtime/emulator/TensorMapFields.h"
#include "runtime/emulator/jit/Translator.h"

using namespace hybridrt::emulator;
using llvm::Value;

namespace {

Value *immediate(Translator &t, const Operand &operand) {
  if (operand.kind != Operand::Kind::Immediate)
    t.malformed("a constant");
  return t.scalar(uint32_t(operand.bits));
}

/// cp.async.ca/cg [shared], [global], size{, source size}{, cache policy}.
void emitCopy(Translator &t, const Instruction &i) {
  Value *size = immediate(t, t.operand(2));
  auto bytes = uint32_t(t.operand(2).bits);
  if (bytes != 4 && bytes != 8 && bytes != 16)
    t.malformed("a size of 4, 8 or 16 bytes");
  t.toScratch(0, t.address(t.operand(0)));
  t.toScratch(256, t.address(t.operand(1)));
  Value *source = t.constant(32, bytes);
  if (i.operands.size() > 3) {
    const Operand &operand = t.operand(3);
    bool isPredicate = operand.kind == Operand::Kind::Register && t.bitsOf(operand) == 1;
    if (isPredicate) // ignore-src
      source = t.builder.CreateSelect(t.read(operand, 1), t.constant(32, 0), source);
    else if (!(operand.kind == Operand::Kind::Register && t.bitsOf(operand) == 64))
      source = t.read(operand, 32);
  }
  t.toScratch(512, source);
  t.callWarp("emu_copyAsync", t.none(), {t.lanes(), size, t.scratch(0), t.scratch(256), t.scratch(512), t.line()});
}

void emitCopyCommit(Translator &t, const Instruction &) { t.callWarp("emu_copyCommit", t.none(), {t.lanes()}); }

void emitCopyWait(Translator &t, const Instruction &i) {
  bool all = i.has("wait_all");
  Value *left = all ? t.scalar(0) : immediate(t, t.operand(0));
  t.callWarp("emu_copyWait", t.none(), {t.lanes(), left, t.scalar(all)});
}

/// cp.async.mbarrier.arrive: arrives when the lane's copies so far are done.
void emitCopyArrive(Translator &t, const Instruction &i) {
  t.toScratch(0, t.address(t.operand(0)));
  t.callWarp("emu_copyArrive", t.none(), {t.lanes(), t.scalar(i.has("noinc")), t.scratch(0), t.line()});
}

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

void emitMbarrierInit(Translator &t, const Instruction &) {
  t.toScratch(0, t.address(t.operand(0)));
  t.toScratch(256, t.read(t.operand(1), 32));
  t.callWarp("emu_mbarrierInit", t.none(), {t.lanes(), t.scratch(0), t.scratch(256), t.line()});
}

void emitMbarrierInval(Translator &t, const Instruction &) {
  t.toScratch(0, t.address(t.operand(0)));
  t.callWarp("emu_mbarrierInval", t.none(), {t.lanes(), t.scratch(0), t.line()});
}

/// arrive, arrive.expect_tx, arrive_drop, expect_tx, complete_tx: {state,} [address] {, count or bytes}.
void emitMbarrierArrive(Translator &t, const Instruction &i) {
  size_t at = t.operand(0).kind == Operand::Kind::Memory ? 0 : 1;
  bool expects = i.has("expect_tx") || i.has("arrive.expect_tx"), arrives = i.has("arrive") || i.has("arrive_drop");
  t.toScratch(0, t.address(t.operand(at)));
  bool hasValue = i.operands.size() > at + 1;
  if (!hasValue && (expects || i.has("complete_tx")))
    t.malformed("a number of bytes");
  t.toScratch(256, hasValue ? t.read(t.operand(at + 1), 32) : t.constant(32, 1));
  uint32_t flags =
      (expects ? 1 : 0) | (arrives ? 2 : 0) | (i.has("arrive_drop") ? 4 : 0) | (i.has("complete_tx") ? 8 : 0);
  t.callWarp("emu_mbarrierArrive", t.none(),
             {t.lanes(), t.scalar(flags), t.scratch(0), t.scratch(256), t.scratch(512), t.line()});
  if (at == 1)
    t.write(t.operand(0), t.fromScratch(512, 64));
}

/// Lanes that find the phase unfinished write false; a warp that has any lets others run.
void emitMbarrierWait(Translator &t, const Instruction &i) {
  bool parity = i.has("parity");
  t.toScratch(0, t.address(t.operand(1)));
  Value *phase = t.read(t.operand(2), parity ? 32 : 64);
  t.toScratch(256, t.builder.CreateZExtOrTrunc(phase, t.ints(32)));
  Value *lanes = t.lanes();
  Value *done = t.callWarp("emu_mbarrierTest", t.word(),
                           {lanes, t.scalar(i.has("try_wait")), t.scratch(0), t.scratch(256), t.line()});
  t.write(t.operand(0), t.fromMask(done));
  t.endBlock();
  t.jumpOrSpin(t.builder.CreateICmpEQ(done, lanes), t.nextBlock(), t.nextBlock());
}

void emitPendingCount(Translator &t, const Instruction &) {
  Value *state = t.read(t.operand(1), 64);
  t.write(t.operand(0), t.builder.CreateTrunc(t.builder.CreateLShr(state, t.constant(64, 32)), t.ints(32)));
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

enum Direction : uint32_t { ToShared, ToGlobal, ToCluster };

uint32_t reductionOf(const Instruction &i) {
  static constexpr std::string_view names[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};
  if (i.opcode == "cp" && (i.modifiers.empty() || i.modifiers[0] != "reduce"))
    return 0;
  for (std::string_view modifier : i.modifiers)
    for (uint32_t k = 0; k < 8; ++k)
      if (names[k] == modifier)
        return k + 1;
  return 0;
}

bool intoShared(const Instruction &i) {
  // The destination's space comes first.
  for (std::string_view modifier : i.modifiers) {
    if (modifier.starts_with("shared"))
      return true;
    if (modifier == "global")
      return false;
  }
  return false;
}

void emitTensorCopy(Translator &t, const Instruction &i) {
  if (i.has("im2col") || i.has("tile::gather4") || i.has("tile::scatter4"))
    t.unsupported("this mode of tensor copies");
  bool loads = intoShared(i);
  const Operand &map = t.operand(loads ? 1 : 0), &shared = t.operand(loads ? 0 : 1);
  if (map.kind != Operand::Kind::Memory || map.parts.size() != 2)
    t.malformed("a tensor map with coordinates");
  std::vector<Operand> coordinates = t.elements(map.parts[1]);
  if (coordinates.empty() || coordinates.size() > 5)
    t.malformed("1 to 5 coordinates");
  t.toScratch(0, t.address(shared));
  t.toScratch(256, t.address(map));
  t.toScratch(512, loads ? t.address(t.operand(2)) : t.constant(64, 0));
  for (size_t k = 0; k < coordinates.size(); ++k)
    t.toScratch(768 + 128 * unsigned(k), t.read(coordinates[k], 32));
  bool multicast = i.has("multicast::cluster");
  t.toScratch(1536, multicast ? t.read(t.operand(3), 32) : t.constant(32, 0));
  t.callWarp("emu_tensorCopy", t.none(),
             {t.lanes(), t.scalar(loads ? ToShared : ToGlobal), t.scalar(uint32_t(coordinates.size())),
              t.scalar(reductionOf(i)), t.scalar(multicast), t.scratch(0), t.scratch(256), t.scratch(512),
              t.scratch(768), t.scratch(1536), t.line()});
}

void emitTensorPrefetch(Translator &, const Instruction &) {}

/// tensormap.replace.tile.FIELD [map], {dimension,} value.
void emitMapReplace(Translator &t, const Instruction &i) {
  static constexpr std::pair<std::string_view, MapField> fields[] = {{"global_address", MapField::Address},
                                                                     {"rank", MapField::Rank},
                                                                     {"box_dim", MapField::Box},
                                                                     {"global_dim", MapField::Size},
                                                                     {"global_stride", MapField::Stride},
                                                                     {"element_stride", MapField::ElementStride},
                                                                     {"elemtype", MapField::Element},
                                                                     {"interleave_layout", MapField::Interleave},
                                                                     {"swizzle_mode", MapField::Swizzle},
                                                                     {"fill_mode", MapField::Fill}};
  for (auto [name, field] : fields) {
    if (!i.has(name))
      continue;
    bool hasOrdinal = i.operands.size() == 3;
    t.toScratch(0, t.address(t.operand(0)));
    const Operand &value = t.operand(hasOrdinal ? 2 : 1);
    t.toScratch(256, t.builder.CreateZExt(t.read(value, i.has("b64") ? 64 : 32), t.ints(64)));
    t.callWarp("emu_mapReplace", t.none(),
               {t.lanes(), t.scalar(intoShared(i)), t.scalar(uint32_t(field)),
                hasOrdinal ? immediate(t, t.operand(1)) : t.scalar(0), t.scratch(0), t.scratch(256), t.line()});
    return;
  }
  t.unsupported();
}

/// tensormap.cp_fenceproxy: a map goes from shared to global memory.
void emitMapCopy(Translator &t, const Instruction &) {
  t.toScratch(0, t.address(t.operand(0)));
  t.toScratch(256, t.address(t.operand(1)));
  t.callWarp("emu_mapCopy", t.none(), {t.lanes(), t.scratch(0), t.scratch(256), t.line()});
}

/// cp.async.bulk without a tensor map: [to], [from], bytes {, [mbarrier]}.
void emitBulkCopy(Translator &t, const Instruction &i) {
  bool loads = intoShared(i);
  bool fromShared = false;
  unsigned spaces = 0;
  for (std::string_view modifier : i.modifiers)
    if (modifier.starts_with("shared") || modifier == "global") {
      if (++spaces == 2)
        fromShared = modifier.starts_with("shared");
    }
  if (spaces < 2)
    t.malformed("the spaces of destination and source");
  uint32_t direction = loads ? (fromShared ? ToCluster : ToShared) : ToGlobal;
  bool multicast = i.has("multicast::cluster");
  t.toScratch(0, t.address(t.operand(0)));
  t.toScratch(256, t.address(t.operand(1)));
  t.toScratch(512, t.read(t.operand(2), 32));
  t.toScratch(768, loads ? t.address(t.operand(3)) : t.constant(64, 0));
  t.toScratch(1024, multicast ? t.read(t.operand(4), 32) : t.constant(32, 0));
  PtxType type = typeOf(i);
  // What a reduction adds: its element's type.
  uint32_t element = type.kind == PtxType::Kind::Bfloat  ? 9
                     : type.kind == PtxType::Kind::Float ? (type.bits == 16   ? 6
                                                            : type.bits == 32 ? 7
                                                                              : 8)
                     : type.isSigned()                   ? (type.bits == 32 ? 3 : 5)
                                                         : (type.bits == 32 ? 2 : 4);
  t.callWarp("emu_bulkCopy", t.none(),
             {t.lanes(), t.scalar(direction), t.scalar(reductionOf(i)), t.scalar(element), t.scalar(multicast),
              t.scratch(0), t.scratch(256), t.scratch(512), t.scratch(768), t.scratch(1024), t.line()});
}

void emitBulkCommit(Translator &t, const Instruction &) { t.callWarp("emu_bulkCommit", t.none(), {t.lanes()}); }

void emitBulkWait(Translator &t, const Instruction &i) {
  t.callWarp("emu_bulkWait", t.none(), {t.lanes(), immediate(t, t.operand(0)), t.scalar(i.has("read"))});
}

/// mapa: the address of another CTA's shared memory.
void emitMapa(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).bits;
  bool generic = true;
  for (std::string_view modifier : i.modifiers)
    generic &= !modifier.starts_with("shared");
  auto &b = t.builder;
  Value *address = b.CreateZExtOrTrunc(t.read(t.operand(1), bits), t.ints(64));
  Value *rank = b.CreateZExt(t.read(t.operand(2), 32), t.ints(64));
  Value *offset = b.CreateAnd(address, t.constant(64, offsetMask));
  Value *mapped = b.CreateOr(offset, b.CreateShl(b.CreateAdd(rank, t.constant(64, 1)), t.constant(64, rankShift)));
  if (generic)
    mapped = b.CreateAdd(mapped, t.constant(64, sharedWindow));
  t.write(t.operand(0), b.CreateTrunc(mapped, t.ints(bits)));
}

/// getctarank: which CTA an address belongs to.
void emitCtaRank(Translator &t, const Instruction &i) {
  unsigned bits = typeOf(i).bits;
  auto &b = t.builder;
  Value *address = b.CreateZExtOrTrunc(t.read(t.operand(1), bits), t.ints(64));
  Value *field = b.CreateTrunc(
      b.CreateLShr(b.CreateAnd(address, t.constant(64, 0xffffffff)), t.constant(64, rankShift)), t.ints(32));
  Operand own;
  own.kind = Operand::Kind::Symbol;
  own.name = "%cluster_ctarank";
  Value *isOwn = b.CreateICmpEQ(field, t.constant(32, 0));
  t.write(t.operand(0), b.CreateSelect(isOwn, t.read(own, 32), b.CreateSub(field, t.constant(32, 1))));
}

} // namespace

OpRows hybridrt::emulator::asyncOps() {
  constexpr auto sync = OpClass::Synchronisation, memory = OpClass::Memory;
  static const OpRow rows[] = {
      {"cp.async.ca", memory, 3, 5, 0, emitCopy},
      {"cp.async.cg", memory, 3, 5, 0, emitCopy},
      {"cp.async.commit_group", sync, 0, 0, 0, emitCopyCommit},
      {"cp.async.wait_group", sync, 1, 1, 0, emitCopyWait},
      {"cp.async.wait_all", sync, 0, 0, 0, emitCopyWait},
      {"cp.async.mbarrier.arrive", sync, 1, 1, 0, emitCopyArrive},
      {"cp.async.bulk", memory, 3, 6, 0, emitBulkCopy},
      {"cp.async.bulk.tensor", memory, 2, 6, 0, emitTensorCopy},
      {"cp.async.bulk.prefetch", memory, 1, 3, 0, emitTensorPrefetch},
      {"cp.async.bulk.commit_group", sync, 0, 0, 0, emitBulkCommit},
      {"cp.async.bulk.wait_group", sync, 1, 1, 0, emitBulkWait},
      {"cp.reduce.async.bulk", memory, 3, 6, 0, emitBulkCopy},
      {"cp.reduce.async.bulk.tensor", memory, 2, 6, 0, emitTensorCopy},
      {"mbarrier.init", sync, 2, 2, 0, emitMbarrierInit},
      {"mbarrier.inval", sync, 1, 1, 0, emitMbarrierInval},
      {"mbarrier.arrive", sync, 1, 3, OpRow::Result, emitMbarrierArrive},
      {"mbarrier.arrive_drop", sync, 1, 3, OpRow::Result, emitMbarrierArrive},
      {"mbarrier.expect_tx", sync, 2, 2, OpRow::Result, emitMbarrierArrive},
      {"mbarrier.complete_tx", sync, 2, 2, OpRow::Result, emitMbarrierArrive},
      {"mbarrier.try_wait", sync, 3, 4, OpRow::Result | OpRow::Ends, emitMbarrierWait},
      {"mbarrier.test_wait", sync, 3, 3, OpRow::Result | OpRow::Ends, emitMbarrierWait},
      {"mbarrier.pending_count", sync, 2, 2, OpRow::Result, emitPendingCount},
      {"tensormap.replace", memory, 2, 3, 0, emitMapReplace},
      {"tensormap.cp_fenceproxy", memory, 3, 3, 0, emitMapCopy},
      {"mapa", OpClass::Arithmetic, 3, 3, OpRow::Result, emitMapa},
      {"getctarank", OpClass::Arithmetic, 2, 2, OpRow::Result, emitCtaRank},
  };
  return rows;
}
