#include "Session.h"
#include <algorithm>
using namespace mlir::hybrid;
using namespace mlir::hybrid::randomtest;

std::vector<int64_t> Session::past(int64_t node) const {
  std::vector<int64_t> path;
  for (; node >= 0; node = nodes[node].before)
    path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<int64_t> Session::leaves() const {
  std::vector<bool> followed(nodes.size());
  for (const TokenNode &node : nodes)
    if (node.before >= 0)
      followed[node.before] = true;
  std::vector<int64_t> result;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (!followed[i])
      result.push_back(int64_t(i));
  return result;
}

namespace {
class Planner {
public:
  explicit Planner(const Program &p) : p(p), r(p.seed, "session") {}

  Session plan() {
    for (int64_t i = 0; i < p.sequences; ++i)
      feed(session.score, i, -1, i == 0 ? p.longest : r.between(1, p.longest));
    chooseRows(session.score);
    session.sequences = r.between(1, std::min<int64_t>(p.sequences, 3));
    live.resize(session.sequences);
    for (int64_t i = 0; i < p.calls; ++i) {
      int64_t which = r.below(int64_t(live.size()));
      if (live[which].lastCount && r.chance(25))
        rollBack(which);
      else if (live[which].head >= 0 && live.size() < 4 && r.chance(20))
        fork(which);
      append();
    }
    return std::move(session);
  }

private:
  /// A sequence with caches: its last token, and how many the last append fed that can still be taken back.
  struct Live {
    int64_t head = -1, lastCount = 0;
  };

  int64_t feed(Call &call, int64_t sequence, int64_t before, int64_t count) {
    call.sequences.push_back(sequence);
    auto &fed = call.nodes.emplace_back();
    for (int64_t i = 0; i < count; ++i) {
      session.nodes.push_back({before, int32_t(r.below(p.vocab))});
      before = int64_t(session.nodes.size()) - 1;
      fed.push_back(before);
    }
    return before;
  }

  /// All rows, some of them, or some in any order and more than once.
  void chooseRows(Call &call) {
    int32_t count = 0;
    for (const auto &fed : call.nodes)
      count += int32_t(fed.size());
    int64_t way = r.below(4);
    for (int32_t i = 0; i < count; ++i)
      if (way < 2)
        call.rows.push_back(i);
      else if (way == 2 ? r.chance(40) : true)
        call.rows.push_back(way == 2 ? i : int32_t(r.below(count)));
    if (call.rows.empty())
      call.rows.push_back(count - 1);
  }

  void append() {
    Step step;
    for (int64_t i = 0; i < int64_t(live.size()); ++i) {
      if (!r.chance(70) && !(step.call.sequences.empty() && i + 1 == int64_t(live.size())))
        continue;
      int64_t count = std::min(r.pick<int64_t>({1, 1, 1, 2, 3, 7, 16, 17, 65}), p.longest);
      live[i] = {feed(step.call, i, live[i].head, count), count};
    }
    chooseRows(step.call);
    session.steps.push_back(std::move(step));
  }

  void rollBack(int64_t which) {
    int64_t count = r.between(1, live[which].lastCount);
    Step step;
    step.kind = Step::Kind::rollback;
    step.sequence = which, step.count = count;
    session.steps.push_back(step);
    for (int64_t i = 0; i < count; ++i)
      live[which].head = session.nodes[live[which].head].before;
    live[which].lastCount -= count;
  }

  void fork(int64_t which) {
    Step step;
    step.kind = Step::Kind::fork;
    step.sequence = which;
    session.steps.push_back(step);
    live.push_back(live[which]);
  }

  const Program &p;
  Random r;
  Session session;
  std::vector<Live> live;
};
} // namespace

Session randomtest::planSession(const Program &program) { return Planner(program).plan(); }
