#include "runtime/emulator/vm/SharedShadow.h"
#include <algorithm>
#include <bit>
#include <cstring>

using namespace hybridrt::emulator;

namespace {

constexpr unsigned otherReader = 63; ///< bit of readers in other CTAs of the cluster

/// Bits of the word at `word` that [offset, offset + bytes) covers.
inline uint8_t coveredBytes(uint32_t word, uint32_t offset, uint32_t bytes) {
  uint32_t begin = word * 4, low = offset > begin ? offset - begin : 0, high = std::min(offset + bytes - begin, 4u);
  return uint8_t(((1u << high) - 1) & ~((1u << low) - 1));
}

inline uint32_t readerRow(const Cta &cta, unsigned bit) {
  const Cluster &cluster = *cta.cluster;
  return bit < 32             ? bit
         : bit == otherReader ? cluster.warpsPerCta + cluster.groupsPerCta
                              : cluster.warpsPerCta + bit - 32;
}

/// The clock index of a reader of the CTA.
inline uint32_t readerIndex(const Cta &cta, unsigned bit, uint32_t word) {
  const Cluster &cluster = *cta.cluster;
  if (bit < 32)
    return cta.rank * cluster.warpsPerCta + bit;
  if (bit == otherReader)
    return cta.readClocks[size_t(readerRow(cta, bit) + 1) * cta.words + word];
  return uint32_t(cluster.ctas.size()) * cluster.warpsPerCta + cta.rank * cluster.groupsPerCta + bit - 32;
}

inline unsigned readerBit(const Warp *w, const Cta &cta) { return w->cta == &cta ? w->id : otherReader; }

inline void recordWarp(Warp *w, Cta &cta, ShadowWord &shadow, uint32_t word) {
  unsigned bit = readerBit(w, cta);
  shadow.readers |= uint64_t(1) << bit;
  cta.readClocks[size_t(readerRow(cta, bit)) * cta.words + word] = w->clock[w->clockIndex];
  if (bit == otherReader)
    cta.readClocks[size_t(readerRow(cta, bit) + 1) * cta.words + word] = w->clockIndex;
}

[[gnu::noinline, gnu::cold]] void complainRead(Warp *w, const ShadowWord &shadow, uint8_t covered, uint32_t word,
                                               uint32_t line, int lane, bool async) {
  if (shadow.flags & ShadowWord::PendingWrite)
    diagnose(w, "read of the destination of an asynchronous copy that has not been waited for", line, word * 4, lane);
  else if ((shadow.initialised & covered) != covered)
    diagnose(w, "read of uninitialised shared memory", line, word * 4, lane);
  if (shadow.writer == 0xFFFF || !(shadow.written & covered))
    return;
  if (shadow.writer != w->clockIndex && shadow.clock > w->clock[shadow.writer])
    diagnose(w, "race in shared memory: read after an unsynchronised write", line, word * 4, lane);
  else if (async && !(shadow.flags & ShadowWord::AsyncWrite) && shadow.clock > w->fenced[shadow.writer])
    diagnose(w, "the asynchronous proxy reads what ordinary stores wrote without fence.proxy.async between", line,
             word * 4, lane);
}

/// The first of `count` words with equal readers that one of these has read without order, or `count`.
uint32_t unorderedRead(Warp *w, const Cta &cta, uint64_t readers, uint32_t word, uint32_t count) {
  if (w->cta == &cta)
    readers &= ~(uint64_t(1) << w->id);
  uint32_t first = count;
  for (; readers; readers &= readers - 1) {
    auto bit = unsigned(std::countr_zero(readers));
    const uint32_t *clocks = &cta.readClocks[size_t(readerRow(cta, bit)) * cta.words + word];
    uint32_t index = bit == otherReader ? 0 : readerIndex(cta, bit, word);
    for (uint32_t i = 0; i < first; ++i) {
      if (bit == otherReader) // each word has one of its own
        index = readerIndex(cta, bit, word + i);
      if (index != w->clockIndex && clocks[i] > w->clock[index])
        first = i;
    }
  }
  return first;
}

/// What a write is about to write, if that is known.
struct Written {
  uint32_t offset, bytes;
  const uint8_t *values;

  bool changes(const Cta &cta, uint32_t word) const {
    if (!values)
      return true;
    uint32_t begin = std::max(word * 4, offset), end = std::min(word * 4 + 4, offset + bytes);
    return std::memcmp(&cta.shared[begin], values + (begin - offset), end - begin) != 0;
  }
};

/// Checks of a write that may come from either proxy.
inline void checkWrite(Warp *w, Cta &cta, ShadowWord &shadow, uint32_t word, uint8_t covered, uint32_t line, int lane,
                       bool isStrong, const Written &written) {
  if (cta.pendingReads[word]) [[unlikely]]
    diagnose(w, "write to shared memory that wgmma or a bulk store still reads", line, word * 4, lane);
  if (shadow.writer != 0xFFFF && shadow.writer != w->clockIndex && shadow.clock > w->clock[shadow.writer] &&
      (shadow.written & covered) && !(isStrong && (shadow.flags & ShadowWord::AtomicWrite)) &&
      written.changes(cta, word)) [[unlikely]]
    diagnose(w, "race in shared memory: write after an unsynchronised write", line, word * 4, lane);
  // Bytes of earlier reads are not kept apart, so a part is not held against parts.
  if (shadow.readers && !(covered != 15 && (shadow.flags & ShadowWord::PartRead)) &&
      !unorderedRead(w, cta, shadow.readers, word, 1)) [[unlikely]]
    diagnose(w, "race in shared memory: write after an unsynchronised read", line, word * 4, lane);
}

/// What a word holds beside its readers.
inline uint64_t stateOf(const ShadowWord &shadow) {
  uint64_t state;
  std::memcpy(&state, reinterpret_cast<const char *>(&shadow) + sizeof(shadow.readers), sizeof(state));
  return state;
}

inline bool wholeWords(uint32_t offset, uint32_t bytes) { return !((offset | bytes) & 3); }

/// Whether words that are written whole need no look at each of them: alike, and nothing is wrong with them.
bool mayWrite(Warp *w, const Cta &cta, uint32_t word, uint32_t count) {
  const ShadowWord &first = cta.shadow[word];
  if ((first.flags & ShadowWord::PendingWrite) ||
      (first.writer != 0xFFFF && first.writer != w->clockIndex && first.clock > w->clock[first.writer]))
    return false;
  uint64_t different = 0;
  uint16_t pending = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const ShadowWord &shadow = cta.shadow[word + i];
    different |= (stateOf(shadow) ^ stateOf(first)) | (shadow.readers ^ first.readers);
    pending |= cta.pendingReads[word + i];
  }
  return !different && !pending && (!first.readers || unorderedRead(w, cta, first.readers, word, count) == count);
}

} // namespace

void hybridrt::emulator::checkSharedRead(Warp *w, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane,
                                         const SharedReader &reader) {
  // What does not change from word to word.
  bool byGroup = reader.group != ~0u;
  unsigned bit = byGroup ? 32 + reader.group : readerBit(w, cta);
  uint32_t now = byGroup ? reader.groupClock : w->clock[w->clockIndex];
  uint32_t *readClocks = &cta.readClocks[size_t(readerRow(cta, bit)) * cta.words];
  const uint32_t *clock = w->clock.data(), *known = reader.async ? w->fenced.data() : clock;
  uint32_t me = w->clockIndex;
  bool whole = wholeWords(offset, bytes);
  uint64_t good = 0; // the state of a word that was written, and that this may read: most neighbours are alike
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
    ShadowWord &shadow = cta.shadow[word];
    uint64_t state = stateOf(shadow);
    if (whole && state == good) {
      shadow.readers |= uint64_t(1) << bit;
      readClocks[word] = now;
      if (bit == otherReader)
        readClocks[cta.words + word] = me;
      continue;
    }
    uint8_t covered = coveredBytes(word, offset, bytes);
    bool ordered = shadow.writer == 0xFFFF ||
                   (!reader.async ? shadow.writer == me || shadow.clock <= clock[shadow.writer]
                                  : shadow.clock <= known[shadow.writer] && shadow.clock <= clock[shadow.writer]);
    if ((shadow.initialised & covered) != covered || (shadow.flags & ShadowWord::PendingWrite) || !ordered) [[unlikely]]
      complainRead(w, shadow, covered, word, line, lane, reader.async);
    else if (whole)
      good = state;
    if (covered != 15)
      shadow.flags |= ShadowWord::PartRead;
    shadow.readers |= uint64_t(1) << bit;
    readClocks[word] = now;
    if (bit == otherReader)
      readClocks[cta.words + word] = me;
  }
}

void hybridrt::emulator::checkSharedWrite(Warp *w, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane,
                                          bool isStrong, const uint8_t *values) {
  if (!isStrong && wholeWords(offset, bytes) && mayWrite(w, cta, offset / 4, bytes / 4)) {
    ShadowWord written;
    written.writer = uint16_t(w->clockIndex);
    written.clock = w->clock[w->clockIndex];
    written.initialised = written.written = 15;
    std::fill_n(&cta.shadow[offset / 4], bytes / 4, written);
    return;
  }
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
    ShadowWord &shadow = cta.shadow[word];
    uint8_t covered = coveredBytes(word, offset, bytes);
    if (shadow.flags & ShadowWord::PendingWrite) [[unlikely]]
      diagnose(w, "write over the destination of an asynchronous copy that has not been waited for", line, word * 4,
               lane);
    checkWrite(w, cta, shadow, word, covered, line, lane, isStrong, {offset, bytes, values});
    shadow.initialised = (shadow.initialised | covered) & 15;
    shadow.readers = 0;
    // A warp's atomic after its own plain store does not make the store known to others: the store stays on record.
    if (isStrong && shadow.writer == w->clockIndex && !(shadow.flags & ShadowWord::AtomicWrite))
      continue;
    shadow.writer = uint16_t(w->clockIndex);
    shadow.clock = w->clock[w->clockIndex];
    shadow.written = covered & 15;
    shadow.flags = isStrong ? ShadowWord::AtomicWrite : 0;
  }
}

void hybridrt::emulator::beginAsyncWrite(Warp *w, Cta &cta, uint32_t offset, uint32_t bytes, uint32_t line, int lane) {
  if (wholeWords(offset, bytes) && mayWrite(w, cta, offset / 4, bytes / 4)) {
    for (uint32_t i = 0; i < bytes / 4; ++i)
      cta.shadow[offset / 4 + i].flags |= ShadowWord::PendingWrite;
    return;
  }
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
    ShadowWord &shadow = cta.shadow[word];
    checkWrite(w, cta, shadow, word, coveredBytes(word, offset, bytes), line, lane, false, {offset, bytes, nullptr});
    if (shadow.flags & ShadowWord::PendingWrite)
      diagnose(w, "asynchronous copy over the destination of another that has not been waited for", line, word * 4,
               lane);
    shadow.flags |= ShadowWord::PendingWrite;
  }
}

void hybridrt::emulator::endAsyncWrite(Cta &cta, uint32_t offset, uint32_t bytes, uint32_t writer, uint32_t clock,
                                       bool asyncProxy) {
  if (wholeWords(offset, bytes)) {
    ShadowWord written;
    written.writer = uint16_t(writer);
    written.clock = clock;
    written.initialised = written.written = 15;
    written.flags = asyncProxy ? ShadowWord::AsyncWrite : 0;
    std::fill_n(&cta.shadow[offset / 4], bytes / 4, written);
    return;
  }
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
    ShadowWord &shadow = cta.shadow[word];
    shadow.flags = asyncProxy ? ShadowWord::AsyncWrite : 0;
    shadow.initialised = (shadow.initialised | coveredBytes(word, offset, bytes)) & 15;
    shadow.written = coveredBytes(word, offset, bytes) & 15;
    shadow.writer = uint16_t(writer);
    shadow.clock = clock;
    shadow.readers = 0;
  }
}

void hybridrt::emulator::addPendingReads(Cta &cta, uint32_t offset, uint32_t bytes, int delta) {
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word)
    cta.pendingReads[word] = uint16_t(cta.pendingReads[word] + delta);
}

void hybridrt::emulator::recordWarpRead(Warp *w, Cta &cta, uint32_t offset, uint32_t bytes) {
  for (uint32_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word)
    recordWarp(w, cta, cta.shadow[word], word);
}
