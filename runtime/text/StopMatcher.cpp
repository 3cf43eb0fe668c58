#include "runtime/text/StopMatcher.h"
#include <algorithm>
#include <utility>

using namespace hybridrt;

std::string StopMatcher::push(std::string_view text) {
  if (isStopped)
    return "";
  held += text;
  // The text ends with the stop string that is complete first; of those that end together, before the longest.
  size_t first = held.npos, firstEnd = held.npos, open = held.size();
  for (const std::string &stop : stops) {
    if (stop.empty())
      continue;
    size_t at = held.find(stop);
    if (at != held.npos && std::pair(at + stop.size(), at) < std::pair(firstEnd, first)) {
      first = at;
      firstEnd = at + stop.size();
    }
    for (size_t begin = held.size() - std::min(held.size(), stop.size() - 1); begin < open; ++begin)
      if (stop.starts_with(std::string_view(held).substr(begin)))
        open = begin;
  }
  isStopped = first != held.npos;
  size_t shown = isStopped ? first : open;
  std::string result = held.substr(0, shown);
  held = isStopped ? "" : held.substr(shown);
  return result;
}

std::string StopMatcher::finish() {
  std::string result;
  result.swap(held);
  return result;
}
