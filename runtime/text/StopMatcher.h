// Ends a text where one of some strings begins, however the text is cut into tokens.
#ifndef HYBRID_RUNTIME_TEXT_STOPMATCHER_H
#define HYBRID_RUNTIME_TEXT_STOPMATCHER_H
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt {

class StopMatcher {
public:
  /// Empty strings never match.
  explicit StopMatcher(std::vector<std::string> stops) : stops(std::move(stops)) {}
  /// What of the text so far can be shown: all but an end that a stop string may begin with. Once one is complete,
  /// nothing.
  std::string push(std::string_view text);
  /// What was held back, when there is no more text.
  std::string finish();
  bool stopped() const { return isStopped; }

private:
  std::vector<std::string> stops;
  std::string held;
  bool isStopped = false;
};

} // namespace hybridrt
#endif
