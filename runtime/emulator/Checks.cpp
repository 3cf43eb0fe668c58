// The names of checks.
#include "runtime/emulator/Engine.h"
#include <algorithm>

using namespace hybridrt;
using namespace hybridrt::emulator;

static constexpr const char *names[] = {"global", "shared", "poison", "mbarriers", "wgmma"};
static_assert(std::size(names) == size_t(Check::Count));

Checks Checks::parse(std::string_view list) {
  Checks result = none();
  while (!list.empty()) {
    std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    auto found = std::find(std::begin(names), std::end(names), name);
    if (found == std::end(names)) {
      std::string all;
      for (const char *known : names)
        all += (all.empty() ? "" : ", ") + std::string(known);
      fail("expected checks out of ", all, " with commas between them, got '", std::string(name), "'");
    }
    result.bits |= 1u << (found - names);
  }
  return result;
}
