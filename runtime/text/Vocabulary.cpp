#include "runtime/text/Vocabulary.h"
#include "lib/Artifact/Result.h"
#include <algorithm>

using namespace hybridrt;

void Vocabulary::add(std::string token, int64_t id, const std::string &where) {
  if (id < 0 || id > largestId)
    fail(where, ": expected token numbers from 0 to ", largestId, ", got ", id, " for '", token, "'");
  if (2 * (used + 1) > slots.size()) {
    std::vector<Slot> old(std::max<size_t>(2 * slots.size(), 1024));
    old.swap(slots);
    for (const Slot &slot : old)
      if (slot.token)
        slots[slotOf(*slot.token, hashWord(*slot.token))] = slot;
  }
  storage.push_back(std::move(token));
  uint64_t hash = hashWord(storage.back());
  Slot &slot = slots[slotOf(storage.back(), hash)];
  used += !slot.token;
  slot = {uint32_t(hash), int32_t(id), &storage.back()};
  if (size_t(id) >= byId.size())
    byId.resize(id + 1);
  byId[id] = &storage.back();
}
