// Loops over the lanes of a mask.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_LANES_H
#define HYBRID_RUNTIME_EMULATOR_VM_LANES_H
#include <bit>
#include <cstdint>

namespace hybridrt::emulator {

/// for (unsigned lane : Lanes(mask))
class Lanes {
public:
  explicit Lanes(uint32_t mask) : mask(mask) {}
  struct Iterator {
    uint32_t left;
    unsigned operator*() const { return unsigned(std::countr_zero(left)); }
    Iterator &operator++() {
      left &= left - 1;
      return *this;
    }
    bool operator!=(const Iterator &other) const { return left != other.left; }
  };
  Iterator begin() const { return {mask}; }
  Iterator end() const { return {0}; }

private:
  uint32_t mask;
};

inline unsigned lowestLane(uint32_t mask) { return mask ? unsigned(std::countr_zero(mask)) : 0; }

} // namespace hybridrt::emulator
#endif
