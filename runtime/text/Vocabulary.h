// Tokens by number and numbers by token.
#ifndef HYBRID_RUNTIME_TEXT_VOCABULARY_H
#define HYBRID_RUNTIME_TEXT_VOCABULARY_H
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt {

inline uint64_t hashWord(std::string_view word) {
  constexpr uint64_t factor = 0x9e3779b97f4a7c15;
  auto mix = [](uint64_t hash, uint64_t value) {
    unsigned __int128 product = static_cast<unsigned __int128>(hash ^ value) * factor;
    return uint64_t(product) ^ uint64_t(product >> 64);
  };
  uint64_t hash = factor ^ word.size(), part;
  for (; word.size() >= 8; word.remove_prefix(8)) {
    std::memcpy(&part, word.data(), 8);
    hash = mix(hash, part);
  }
  part = 0;
  std::memcpy(&part, word.data(), word.size());
  return mix(mix(hash, part), factor);
}

class Vocabulary {
public:
  static constexpr int32_t largestId = (1 << 24) - 1;

  /// Of equal tokens the last keeps the number. An Error for a number that no vocabulary has.
  void add(std::string token, int64_t id, const std::string &where);
  std::optional<int32_t> find(std::string_view token) const {
    const Slot *slot = slots.empty() ? nullptr : &slots[slotOf(token, hashWord(token))];
    return slot && slot->token ? std::optional(slot->id) : std::nullopt;
  }
  /// Null where no token has the number.
  const std::string *token(int32_t id) const { return id >= 0 && size_t(id) < byId.size() ? byId[id] : nullptr; }
  /// How many tokens there are, and one more than the largest number.
  size_t count() const { return used; }
  int32_t end() const { return int32_t(byId.size()); }

private:
  /// An open hash table: what is not there is known to be so after one look at memory.
  struct Slot {
    uint32_t hash = 0;
    int32_t id = -1;
    const std::string *token = nullptr;
  };
  size_t slotOf(std::string_view token, uint64_t hash) const {
    size_t slot = (hash >> 32) & (slots.size() - 1);
    while (slots[slot].token && (slots[slot].hash != uint32_t(hash) || *slots[slot].token != token))
      slot = (slot + 1) & (slots.size() - 1);
    return slot;
  }

  std::deque<std::string> storage;
  std::vector<Slot> slots;
  size_t used = 0;
  std::vector<const std::string *> byId;
};

} // namespace hybridrt
#endif
