// The copy engine: tensor copies of 1 to 5 dimensions and bulk copies, both ways, with reductions and multicast.
#include "runtime/emulator/TensorMapFields.h"
#include "runtime/emulator/vm/AsyncState.h"
#include "runtime/emulator/vm/GlobalShadow.h"
#include "runtime/emulator/vm/Lanes.h"
#include "runtime/emulator/vm/SharedShadow.h"
#include "runtime/emulator/vm/Swizzled.h"
#include <cstring>
#include <immintrin.h>

using namespace hybridrt::emulator;

namespace {

template <typename T> T combine(uint32_t reduction, T a, T b) {
  switch (reduction) {
  case 1:
    return T(a + b);
  case 2:
    return std::min(a, b);
  case 3:
    return std::max(a, b);
  case 4:
    return a >= b ? T(0) : T(a + 1);
  case 5:
    return a == T(0) || a > b ? b : T(a - 1);
  default:
    break;
  }
  if constexpr (std::is_integral_v<T>)
    return reduction == 6 ? T(a & b) : reduction == 7 ? T(a | b) : T(a ^ b);
  return b;
}

template <typename T> void reduceAs(uint32_t reduction, uint8_t *to, const uint8_t *from) {
  T a, b;
  std::memcpy(&a, to, sizeof(T));
  std::memcpy(&b, from, sizeof(T));
  a = combine(reduction, a, b);
  std::memcpy(to, &a, sizeof(T));
}

void reduceHalf(uint32_t reduction, MapElement element, uint8_t *to, const uint8_t *from) {
  uint16_t a, b;
  std::memcpy(&a, to, 2);
  std::memcpy(&b, from, 2);
  auto wide = [&](uint16_t bits) {
    uint32_t word = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &word, 4);
    return element == MapElement::F16 ? _cvtsh_ss(bits) : value;
  };
  float sum = combine(reduction, wide(a), wide(b));
  uint32_t word;
  std::memcpy(&word, &sum, 4);
  a = element == MapElement::F16 ? _cvtss_sh(sum, 0) : uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
  std::memcpy(to, &a, 2);
}

void reduceElement(uint32_t reduction, MapElement element, uint8_t *to, const uint8_t *from) {
  switch (element) {
  case MapElement::F32:
    return reduceAs<float>(reduction, to, from);
  case MapElement::F64:
    return reduceAs<double>(reduction, to, from);
  case MapElement::S32:
    return reduceAs<int32_t>(reduction, to, from);
  case MapElement::U32:
    return reduceAs<uint32_t>(reduction, to, from);
  case MapElement::S64:
    return reduceAs<int64_t>(reduction, to, from);
  case MapElement::U64:
    return reduceAs<uint64_t>(reduction, to, from);
  case MapElement::F16:
  case MapElement::BF16:
    return reduceHalf(reduction, element, to, from);
  case MapElement::U8:
    return reduceAs<uint8_t>(reduction, to, from);
  case MapElement::U16:
    return reduceAs<uint16_t>(reduction, to, from);
  }
}

/// Bytes of elements outside of the tensor.
void fillOutside(const TensorMap &map, uint8_t *to, uint32_t bytes) {
  std::memset(to, 0, bytes);
  if (!map.nanFill)
    return;
  uint32_t element = map.elementBytes();
  uint64_t nan = map.element == MapElement::F16    ? 0x7fff
                 : map.element == MapElement::BF16 ? 0x7fff
                 : map.element == MapElement::F64  ? 0x7fffffffffffffff
                                                   : 0x7fffffff;
  for (uint32_t at = 0; at < bytes; at += element)
    std::memcpy(to + at, &nan, element);
}

/// Walks the box row by row, a row in runs of at most 16 bytes, which swizzles keep together.
class TiledWalk {
public:
  TiledWalk(Warp *w, BulkCopy &copy) : w(w), copy(copy), map(copy.map) {}

  void run() {
    uint64_t rows = 1;
    for (uint32_t i = 1; i < map.rank; ++i)
      rows *= map.box[i];
    for (uint64_t r = 0; r < rows; ++r)
      row(r);
  }

private:
  void row(uint64_t index) {
    uint32_t element = map.elementBytes(), rowBytes = map.box[0] * element;
    uint64_t global = map.address, rest = index;
    bool inside = true;
    for (uint32_t i = 1; i < map.rank; ++i) {
      int64_t at = copy.coordinate[i] + int64_t(rest % map.box[i]) * map.elementStride[i];
      rest /= map.box[i];
      inside &= at >= 0 && uint64_t(at) < map.size[i];
      global += uint64_t(at) * map.stride[i - 1];
    }
    uint32_t step = map.elementStride[0] == 1 ? std::max(16u, element) : element;
    for (uint32_t at = 0; at < rowBytes; at += step)
      runOf(index * rowBytes + at, std::min(step, rowBytes - at), inside,
            copy.coordinate[0] + int64_t(at / element) * map.elementStride[0], global, element);
  }

  void runOf(uint64_t boxOffset, uint32_t bytes, bool inside, int64_t first, uint64_t rowAddress, uint32_t element) {
    uint8_t *shared = &copy.cta->shared[swizzled(copy.offset + uint32_t(boxOffset), uint32_t(map.swizzle))];
    auto size = int64_t(map.size[0]);
    int64_t count = bytes / element, begin = inside ? std::clamp<int64_t>(-first, 0, count) : count,
            end = inside ? std::clamp<int64_t>(size - first, 0, count) : count;
    if (end < begin)
      end = begin;
    if (copy.direction == BulkCopy::ToShared && (begin > 0 || end < count))
      fillOutside(map, shared, bytes);
    if (begin == end)
      return;
    uint64_t address = rowAddress + uint64_t((first + begin) * int64_t(element));
    auto span = uint32_t((end - begin) * int64_t(element));
    if (!resolveGlobal(w, address, span, copy.line, int(copy.lane)))
      return;
    move(shared + begin * int64_t(element), address, span, element);
  }

  void move(uint8_t *shared, uint64_t address, uint32_t bytes, uint32_t element) {
    auto *global = reinterpret_cast<uint8_t *>(address);
    GlobalShadow *shadow = w->launch->globalShadow.get();
    if (copy.direction == BulkCopy::ToShared) {
      if (shadow)
        shadow->read(w, address, bytes, false, copy.line, int(copy.lane));
      std::memcpy(shared, global, bytes);
      return;
    }
    if (shadow)
      shadow->write(w, address, bytes, copy.reduction != 0, copy.line, int(copy.lane),
                    copy.reduction ? nullptr : shared);
    if (!copy.reduction) {
      std::memcpy(global, shared, bytes);
      return;
    }
    static std::mutex reductions;
    std::lock_guard lock(reductions);
    for (uint32_t at = 0; at < bytes; at += element)
      reduceElement(copy.reduction, map.element, global + at, shared + at);
  }

  Warp *w;
  BulkCopy &copy;
  const TensorMap &map;
};

void runPlain(Warp *w, BulkCopy &copy) {
  uint8_t *shared = &copy.cta->shared[copy.offset];
  GlobalShadow *shadow = w->launch->globalShadow.get();
  auto *global = reinterpret_cast<uint8_t *>(copy.global);
  switch (copy.direction) {
  case BulkCopy::ToCluster:
    if (w->launch->options.checks.has(Check::Shared))
      addPendingReads(*copy.fromCta, copy.fromOffset, copy.bytes, -1);
    if (!copy.reduction) {
      std::memmove(shared, &copy.fromCta->shared[copy.fromOffset], copy.bytes);
      return;
    }
    break;
  case BulkCopy::ToShared:
    if (shadow)
      shadow->read(w, copy.global, copy.bytes, false, copy.line, int(copy.lane));
    std::memcpy(shared, global, copy.bytes);
    return;
  case BulkCopy::ToGlobal:
    if (shadow)
      shadow->write(w, copy.global, copy.bytes, copy.reduction != 0, copy.line, int(copy.lane),
                    copy.reduction ? nullptr : shared);
    if (!copy.reduction) {
      std::memcpy(global, shared, copy.bytes);
      return;
    }
    break;
  }
  TensorMap map;
  map.element = copy.element;
  uint32_t element = map.elementBytes();
  static std::mutex reductions;
  std::lock_guard lock(reductions);
  bool toCluster = copy.direction == BulkCopy::ToCluster;
  uint8_t *to = toCluster ? shared : global;
  const uint8_t *from = toCluster ? &copy.fromCta->shared[copy.fromOffset] : shared;
  for (uint32_t at = 0; at + element <= copy.bytes; at += element)
    reduceElement(copy.reduction, copy.element, to + at, from + at);
}

void poisonShared(Cta &cta, uint32_t offset, uint32_t bytes) {
  for (uint32_t at = 0; at + 4 <= bytes; at += 4)
    std::memcpy(&cta.shared[offset + at], &poison, 4);
}

/// A load: it belongs to the phase of its mbarrier, and runs when a wait needs it.
void issueLoad(Warp *w, const BulkCopy &model, Cta &target, uint64_t barrierAddress, uint32_t line, int lane) {
  auto copy = std::make_shared<BulkCopy>(model);
  copy->cta = &target;
  SharedPlace barrierPlace = resolveShared(w, barrierAddress, 8, 8, line, lane);
  if (!barrierPlace.cta)
    return;
  // A multicast signals the barrier at the same offset in each CTA.
  bool own = (uint32_t(barrierAddress) >> rankShift) == 0;
  copy->barrierCta = own ? &target : barrierPlace.cta;
  copy->barrier = barrierPlace.offset;
  Mbarrier *barrier = findMbarrier(w, *copy->barrierCta, copy->barrier, line, lane);
  if (!barrier)
    return;
  if (w->launch->options.checks.has(Check::Shared))
    beginAsyncWrite(w, target, copy->offset, copy->bytes, line, lane);
  if (w->launch->options.checks.has(Check::Poison) && !copy->reduction)
    poisonShared(target, copy->offset, copy->bytes);
  barrier->copies.push_back(std::move(copy));
  ++w->cta->cluster->progress;
}

void issueStore(Warp *w, BulkCopy model, unsigned lane) {
  if (w->launch->options.checks.has(Check::Shared)) {
    SharedReader reader;
    reader.async = true;
    checkSharedRead(w, *model.cta, model.offset, model.bytes, model.line, int(lane), reader);
    addPendingReads(*model.cta, model.offset, model.bytes, 1);
  }
  model.lane = lane;
  model.group = w->async->storeCommits[lane];
  w->async->stores.push_back(std::make_shared<BulkCopy>(std::move(model)));
}

/// Loads go to the CTA that the address names, or to those of a multicast's mask.
void issueLoads(Warp *w, const BulkCopy &model, SharedPlace place, uint32_t address, bool multicast, uint32_t ctas,
                uint64_t barrier, uint32_t line, int lane) {
  Cluster &cluster = *w->cta->cluster;
  if (!multicast)
    return issueLoad(w, model, *place.cta, barrier, line, lane);
  for (unsigned rank : Lanes(ctas & 0xffff)) {
    if (rank >= cluster.ctas.size()) {
      diagnose(w,
               "multicast to CTA " + std::to_string(rank) + " of a cluster of " + std::to_string(cluster.ctas.size()),
               line, address, lane);
      continue;
    }
    issueLoad(w, model, *cluster.ctas[rank], barrier, line, lane);
  }
}

} // namespace

void hybridrt::emulator::runBulkCopy(Warp *w, BulkCopy &copy) {
  if (copy.tiled)
    TiledWalk(w, copy).run();
  else
    runPlain(w, copy);
  if (!w->launch->options.checks.has(Check::Shared) || copy.direction == BulkCopy::ToGlobal)
    return;
  Cluster &cluster = *copy.cta->cluster;
  endAsyncWrite(*copy.cta, copy.offset, copy.bytes, cluster.copyEngine(), cluster.copyClock + 1, true);
}

extern "C" {

void emu_tensorCopy(Warp *w, uint32_t mask, uint32_t direction, uint32_t rank, uint32_t reduction, uint32_t multicast,
                    const uint64_t *shared, const uint64_t *mapAddress, const uint64_t *barrier,
                    const int32_t *coordinates, const uint32_t *ctas, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    uint64_t at = mapAddress[lane];
    const uint8_t *bytes = nullptr;
    if (at - parameterWindow < windowBytes && at - parameterWindow + 128 <= w->launch->parameters.size())
      bytes = &w->launch->parameters[at - parameterWindow];
    else if (at < w->launch->parameters.size() && at + 128 <= w->launch->parameters.size())
      bytes = &w->launch->parameters[at];
    else if (resolveGlobal(w, at, 128, line, int(lane)))
      bytes = reinterpret_cast<const uint8_t *>(at);
    auto map = bytes ? TensorMap::decode(bytes) : std::nullopt;
    if (!map || map->rank != rank) {
      diagnose(w,
               map ? "a tensor map of rank " + std::to_string(map->rank) + " in a copy of rank " + std::to_string(rank)
                   : std::string("expected a tensor map that the driver's encode function made"),
               line, at, int(lane));
      continue;
    }
    BulkCopy copy;
    copy.direction = BulkCopy::Direction(direction);
    copy.tiled = true;
    copy.map = *map;
    copy.bytes = map->elementBytes();
    for (uint32_t i = 0; i < rank; ++i) {
      copy.bytes *= map->box[i];
      copy.coordinate[i] = coordinates[32 * i + lane];
    }
    SharedPlace place = resolveShared(w, shared[lane], copy.bytes, 128, line, int(lane));
    if (!place.cta)
      continue;
    copy.cta = place.cta;
    copy.offset = place.offset;
    copy.reduction = reduction;
    copy.line = line;
    copy.lane = lane;
    w->cta->counters.bulkBytes += copy.bytes;
    if (direction == BulkCopy::ToShared)
      issueLoads(w, copy, place, uint32_t(shared[lane]), multicast, ctas[lane], barrier[lane], line, int(lane));
    else
      issueStore(w, copy, lane);
  }
}

void emu_bulkCopy(Warp *w, uint32_t mask, uint32_t direction, uint32_t reduction, uint32_t element, uint32_t multicast,
                  const uint64_t *to, const uint64_t *from, const uint32_t *bytes, const uint64_t *barrier,
                  const uint32_t *ctas, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    BulkCopy copy;
    copy.direction = BulkCopy::Direction(direction);
    copy.bytes = bytes[lane];
    copy.reduction = reduction;
    copy.element = MapElement(element);
    copy.line = line;
    copy.lane = lane;
    if (!copy.bytes)
      continue;
    if (copy.bytes % 16) {
      diagnose(w, "bulk copy of " + std::to_string(copy.bytes) + " bytes: expected a multiple of 16", line, to[lane],
               int(lane));
      continue;
    }
    bool stores = direction == BulkCopy::ToGlobal;
    SharedPlace place = resolveShared(w, stores ? from[lane] : to[lane], copy.bytes, 16, line, int(lane));
    if (!place.cta)
      continue;
    copy.cta = place.cta;
    copy.offset = place.offset;
    if (direction == BulkCopy::ToCluster) {
      SharedPlace source = resolveShared(w, from[lane], copy.bytes, 16, line, int(lane));
      if (!source.cta)
        continue;
      copy.fromCta = source.cta;
      copy.fromOffset = source.offset;
      if (w->launch->options.checks.has(Check::Shared)) {
        SharedReader reader;
        reader.async = true;
        checkSharedRead(w, *source.cta, source.offset, copy.bytes, line, int(lane), reader);
        addPendingReads(*source.cta, source.offset, copy.bytes, 1);
      }
    } else {
      copy.global = stores ? to[lane] : from[lane];
      if (copy.global % 16) {
        diagnose(w, "bulk copy not aligned to 16 bytes", line, copy.global, int(lane));
        continue;
      }
      if (!resolveGlobal(w, copy.global, copy.bytes, line, int(lane)))
        continue;
    }
    w->cta->counters.bulkBytes += copy.bytes;
    if (stores)
      issueStore(w, copy, lane);
    else
      issueLoads(w, copy, place, uint32_t(to[lane]), multicast, ctas[lane], barrier[lane], line, int(lane));
  }
}

void emu_bulkCommit(Warp *w, uint32_t lanes) {
  for (unsigned lane : Lanes(lanes))
    ++w->async->storeCommits[lane];
}

/// `readOnly` waits until shared memory has been read; here the whole copy happens then.
void emu_bulkWait(Warp *w, uint32_t lanes, uint32_t left, uint32_t) {
  AsyncQueues &queues = *w->async;
  for (auto &copy : queues.stores) {
    if (!copy || !(lanes >> copy->lane & 1) ||
        int64_t(copy->group) >= int64_t(queues.storeCommits[copy->lane]) - int64_t(left))
      continue;
    runBulkCopy(w, *copy);
    if (w->launch->options.checks.has(Check::Shared)) {
      addPendingReads(*copy->cta, copy->offset, copy->bytes, -1);
      recordWarpRead(w, *copy->cta, copy->offset, copy->bytes);
    }
    copy.reset();
    ++w->cta->cluster->progress;
  }
  while (!queues.stores.empty() && !queues.stores.front())
    queues.stores.pop_front();
}

void emu_mapReplace(Warp *w, uint32_t mask, uint32_t inShared, uint32_t field, uint32_t ordinal,
                    const uint64_t *address, const uint64_t *value, uint32_t line) {
  for (unsigned lane : Lanes(mask)) {
    uint8_t *map = nullptr;
    if (inShared) {
      SharedPlace place = resolveShared(w, address[lane], 128, 128, line, int(lane));
      if (!place.cta)
        continue;
      if (w->launch->options.checks.has(Check::Shared))
        checkSharedWrite(w, *place.cta, place.offset, 128, line, int(lane));
      map = &place.cta->shared[place.offset];
    } else if (resolveGlobal(w, address[lane], 128, line, int(lane))) {
      map = reinterpret_cast<uint8_t *>(address[lane]);
    }
    if (map)
      replaceField(map, MapField(field), ordinal, value[lane]);
  }
}

/// All lanes copy the same 128 bytes, so one does.
void emu_mapCopy(Warp *w, uint32_t mask, const uint64_t *to, const uint64_t *from, uint32_t line) {
  if (!mask)
    return;
  unsigned lane = lowestLane(mask);
  SharedPlace place = resolveShared(w, from[lane], 128, 128, line, int(lane));
  if (!place.cta || !resolveGlobal(w, to[lane], 128, line, int(lane)))
    return;
  if (w->launch->options.checks.has(Check::Shared))
    checkSharedRead(w, *place.cta, place.offset, 128, line, int(lane));
  std::memcpy(reinterpret_cast<void *>(to[lane]), &place.cta->shared[place.offset], 128);
}

} // extern "C"
